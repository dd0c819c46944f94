"""Files that critfs puts by are nobody else's: 0600 from the call that makes them, without a name,
or under one that nobody can come upon; whatever the umask is."""
import os
import re
import subprocess

import pytest

import archives
import critic
import dumps
import mnt
from tracing import strings, trace  # noqa: F401

BESIDE = re.compile(r"\.critfs\.[a-z0-5]{6}\.tmp$")      # an image, until it takes the image's name
APART = re.compile(r"\.critfs\.[a-z0-5]{6}$")           # a directory for another file's name
PLACE = re.compile(r".*/critfs\.\w{6}$")               # that of a mount
LARGE = 3 << 20
# What a test makes by way of the mount has the mode that it asks for.
ASKED = {"new", "sub", "core-99.img"}


def making(calls):
    """(name, flags or "", mode) of each file and directory that was made."""
    out = []
    for call in calls:
        made = call.name.startswith("mkdir") or "O_CREAT" in call.arguments or "O_TMPFILE" in call.arguments
        if made and call.result >= 0 and strings(call):
            *_, flags, mode = call.arguments.split(", ")
            out.append((strings(call)[-1], flags if call.name.startswith("open") else "", int(mode, 8)))
    return out


def assert_private(calls, needed, asked=ASKED):
    """`needed`: which sorts there have to be."""
    seen = set()
    for name, flags, mode in making(calls):
        if name in asked:
            continue
        if "O_TMPFILE" in flags:
            sort = "without a name"
            assert "O_EXCL" in flags, (name, flags)
        elif flags:
            sort = "beside" if BESIDE.match(name) else "in a directory" if name == "file" else name
        else:
            sort = "directory" if APART.match(name) else "place" if PLACE.match(name) else name
        assert not flags or "O_EXCL" in flags, (name, flags)
        assert mode == (0o600 if flags else 0o700), (name, flags, oct(mode))
        seen.add(sort)
    assert seen == set(needed)


def work_on(point):
    """Whatever needs a temporary file."""
    path = point + "/files.img/5.json"
    mnt.save(path, mnt.read_text(path).replace('"pos": 6', '"pos": 7'))
    archives.put(point, "files.img/notes", b"x" * LARGE)
    mnt.save(point + "/pipes-data.img/0.extra", b"y" * LARGE)
    text = mnt.read_text(point + "/.critfs/json/pipes-data.img.json")
    mnt.save(point + "/.critfs/json/pipes-data.img.json", text.replace('"size": 65536', '"size": 131072', 1))
    with pytest.raises(OSError):
        mnt.save(point + "/.critfs/json/pipes-data.img.json", text.replace('"magic"', '"magick"', 1))
    archives.put(point, "new", b"x")
    os.makedirs(point + "/sub", exist_ok=True)
    os.mkdir(point + "/core-99.img")
    mnt.read(point + "/.critfs/check")
    mnt.read(point + "/.critfs/stats")
    with open(point + "/.critfs/proc/8173/core", "rb") as f:
        f.read(1 << 16)


def umask(mask, *under):
    return ["sh", "-c", 'umask %s; exec "$@"' % mask, "sh", *under]


@pytest.mark.parametrize("upper", [False, True], ids=["dump", "upper"])
def test_of_a_mount(mount, work, trace, upper):  # noqa: F811
    root = dumps.copy("demo", work + "/dump")
    os.mkdir(work + "/up")
    m = mount(root, *(["upper=" + work + "/up"] if upper else []), under=umask("0", *trace.under))
    work_on(m.point)
    m.close()
    assert_private(trace.calls(), {"place", "beside", "without a name"})


def test_of_archives(mount, work, trace):  # noqa: F811
    """What is unpacked, of the archive that is mounted and of one in it."""
    root = dumps.copy("demo", work + "/t/checkpoint")
    archives.rootfs_diff(work + "/t/rootfs-diff.tar.gz", ["-z"])
    del root
    path = archives.tar(work + "/a.tar", work + "/t", filters=["-z"])
    m = mount(path, under=umask("0", *trace.under))
    assert mnt.read(m / "checkpoint/files.img/0.json")
    assert mnt.read(m / ".critfs/tar/rootfs-diff.tar.gz/tmp/secret") == b"hunter2\n"
    m.close()
    assert_private(trace.calls(), {"place", "without a name"})


def test_where_files_have_names(mount, work, trace, monkeypatch):  # noqa: F811
    """A file system that can't make one without: it has a name for a moment, in a place of its own."""
    other = mount(dumps.copy("demo", work + "/other"))
    others = lambda: sorted(n for n in os.listdir(other.point) if not PLACE.match("/" + n))
    before = others()
    root = dumps.copy("demo", work + "/dump")
    monkeypatch.setenv("TMPDIR", other.point)
    m = mount(root, under=umask("0", *trace.under))
    work_on(m.point)
    assert mnt.read(m / "files.img/notes") == b"x" * LARGE
    assert others() == before
    assert all(os.listdir(os.path.join(other.point, n)) == [] for n in os.listdir(other.point) if PLACE.match("/" + n))
    m.close()
    assert mnt.wait_for(lambda: sorted(os.listdir(other.point)) == before)
    assert_private(trace.calls(), {"place", "beside", "directory", "in a directory"})


def test_of_critic(work, trace):  # noqa: F811
    """What comes from a pipe is put by, and what is written lies beside its place until it is whole."""
    root = dumps.copy("demo", work + "/dump")
    with open(root + "/files.img", "rb") as f:
        data = f.read()
    subprocess.run(umask("0", *trace.under, critic.CRITIC, "decode", "-o", work + "/out.json"), input=data,
                   check=True, env=mnt.environment())
    calls = trace.calls()
    subprocess.run(umask("0", *trace.under, critic.CRITIC, "decode", root, "-o", work + "/out"), check=True,
                   env=mnt.environment())
    assert_private(calls + trace.calls(), {"beside", "without a name"}, {work + "/out"})
