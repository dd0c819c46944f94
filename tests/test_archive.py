"""Container checkpoints: archives are mounted as they are, and nothing in them gets out."""
import errno
import gzip
import io
import os
import shutil
import stat
import subprocess
import tarfile
import time

import pytest

import archives
import criuimg
import dumps
import mnt
from archives import ENGINES, FILTERS, ROOTFS, crafted
from overlays import assert_same, flat
from upper import fingerprint


def top(engine):
    """Where the images are."""
    return "." if engine == "docker" else "checkpoint"


def assert_shows(m, root, engine):
    """The members as they are, images as directories."""
    assert_same(m / top(engine) + "/.critfs/img", flat(os.path.join(root, top(engine))))
    images = set(dumps.images(root))
    for rel in dumps.files(root):
        path = m / rel
        assert os.path.isdir(path) == (rel in images), rel
        if rel not in images:
            assert mnt.read(path) == mnt.read(os.path.join(root, rel)), rel
            a, b = os.stat(path), os.stat(os.path.join(root, rel))
            assert (a.st_mode, a.st_uid, a.st_gid, a.st_size, int(a.st_mtime)) == (
                b.st_mode, b.st_uid, b.st_gid, b.st_size, int(b.st_mtime)), rel
    names = [r for r in os.listdir(root)]
    assert sorted(os.listdir(m.point)) == sorted(names)


def assert_rootfs(path, rest=()):
    for name, data in ROOTFS.items():
        assert mnt.read(os.path.join(path, name)) == data
    assert os.readlink(os.path.join(path, "etc/link")) == "/etc/shadow"
    assert mnt.read(os.path.join(path, "etc/passwd-")) == ROOTFS["etc/passwd"]
    assert stat.S_ISFIFO(os.lstat(os.path.join(path, "tmp/pipe")).st_mode)
    assert stat.S_ISCHR(os.lstat(os.path.join(path, "tmp/gone")).st_mode)
    assert sorted(os.listdir(path)) == ["etc", "tmp", "var", *rest]


@pytest.mark.parametrize("dotted", [False, True], ids=["plain", "dotted"])
@pytest.mark.parametrize("filters", FILTERS)
@pytest.mark.parametrize("tool", ["tar", "bsdtar"])
@pytest.mark.parametrize("engine", ENGINES)
def test_every_engines_archive(mount, work, engine, tool, filters, dotted):
    path, root = archives.make(work, engine, tool=tool, filters=FILTERS[filters],
                               dotted=dotted)
    before = mnt.read(path)
    m = mount(path)
    assert "is an archive, mounting it read-only" in m.stderr()
    assert_shows(m, root, engine)
    dump = m / top(engine)
    assert mnt.read(dump + "/.critfs/check") == b""
    pids = [n for n in os.listdir(dump + "/.critfs/proc") if n.isdigit()]
    assert "8173" in pids and len(pids) == 6
    found = subprocess.run(["grep", "-raoh", "API_TOKEN=[[:graph:]]*",
                            dump + "/.critfs/proc/8178/map_files"], capture_output=True)
    assert found.stdout == b"API_TOKEN=demo-0123456789\n"
    if engine != "docker":
        assert_rootfs(m / ".critfs/tar/rootfs-diff.tar")
        assert_rootfs(dump + "/.critfs/tar/tmpfs-dev-73.tar.gz.img")
    if engine == "podman":
        assert sorted(os.listdir(m / ".critfs/tar")) == [
            "artifacts", "devshm-checkpoint.tar", "rootfs-diff.tar", "volumes"]
        assert_rootfs(m / ".critfs/tar/volumes/data.tar")
    with pytest.raises(OSError) as e:
        open(m / "config.dump", "w")
    assert e.value.errno == errno.EROFS
    m.close()
    assert mnt.read(path) == before


@pytest.mark.parametrize("form", ["gnu", "pax", "ustar", "v7"])
def test_every_form_of_tar(mount, work, form):
    root = work + "/made-of"
    archives.docker(root, "demo")
    if form in ("gnu", "pax"):
        archives.put(root, "x" * 150 + "/" + "y" * 200 + ".log", b"long\n")
        archives.put(root, "größe-\udcff.log", b"no text in any encoding\n")
    subprocess.run(["tar", "--format=" + form, "-cf", work + "/a.tar", "-C", root, "."],
                   check=True)
    m = mount(work + "/a.tar")
    assert_shows(m, root, "docker")


@pytest.mark.parametrize("tool", ["tar", "bsdtar"])
@pytest.mark.parametrize("filters", FILTERS)
def test_members_with_holes(mount, work, tool, filters):
    """Their bytes are not in one piece; incremental's page files have such."""
    root = dumps.copy("incremental", work + "/made-of")
    with open(root + "/sparse.log", "wb") as f:
        f.write(b"begin")
        f.seek(5 << 20)
        f.write(b"middle")
        f.truncate(11 << 20)
    sparse = ["-S"] if tool == "tar" else []
    archives.tar(work + "/a.tar", root, tool=tool, filters=[*sparse, *FILTERS[filters]])
    m = mount(work + "/a.tar")
    assert mnt.read(m / "sparse.log") == mnt.read(root + "/sparse.log")
    for n in "123":
        assert_same(m / n + "/.critfs/img", root + "/" + n, "parent")
        assert mnt.read(m / n + "/.critfs/check") == b""
    assert os.path.realpath(m / "3/.critfs/img/parent") == m / "2/.critfs/img"
    pid = next(n for n in os.listdir(m / "3/.critfs/proc") if n.isdigit())
    with open(m / "3/.critfs/proc/%s/mem" % pid, "rb") as f:
        for page in (0, 1, 4, 255):
            assert os.pread(f.fileno(), 25, 0x10000000000 + page * 4096).startswith(
                b"page %d generation %d" % (page, 0 if page % 4 else 2))


def test_a_pre_checkpoint_is_the_parent(mount, work):
    """As podman's --pre-checkpoint has it: beside the checkpoint, led to by a link."""
    incremental = dumps.pristine("incremental")
    root = work + "/made-of"
    os.mkdir(root)
    for name, to in (("3", "checkpoint"), ("2", "pre-checkpoint")):
        subprocess.run(["cp", "-a", incremental + "/" + name, root + "/" + to], check=True)
        os.unlink(os.path.join(root, to, "parent"))
    os.symlink("../pre-checkpoint", root + "/checkpoint/parent")
    m = mount(archives.tar(work + "/a.tar", root, filters=["--zstd"]))
    assert os.path.realpath(m / "checkpoint/.critfs/img/parent") == m / "pre-checkpoint/.critfs/img"
    pid = next(n for n in os.listdir(m / "checkpoint/.critfs/proc") if n.isdigit())
    with open(m / "checkpoint/.critfs/proc/%s/mem" % pid, "rb") as f:
        assert os.pread(f.fileno(), 20, 0x10000000000 + 4 * 4096).startswith(b"page 4 generation 2")


# ------------------------------------------------------------------------------ upper

@pytest.mark.parametrize("filters", FILTERS)
def test_edits_of_an_archive_go_to_the_upper_directory(mount, work, filters):
    path, root = archives.make(work, "podman", filters=FILTERS[filters])
    os.mkdir(work + "/up")
    before = mnt.read(path)
    plain = mount(root)
    for _ in range(2):
        m = mount(path, "upper=" + work + "/up")
        for point in (m.point, plain.point):
            subprocess.run("""set -e
                cd checkpoint
                sed -i 's|/tmp/clean/out2.log|/tmp/x.log|' files.img/5.json
                sed -i 's|/tmp/x.log|/tmp/other.log|' files.img/5.json
                echo more >> pipes-data.img/0.extra
                [ ! -e fs-8178.img ] || rm -r fs-8178.img
                [ -e core-7.img ] || cp -r core-8173.img core-7.img
                [ -e moved.img ] || mv core-8176.img core-2.img
                cd ..
                echo line >> dump.log
                rm -f bind.mounts network.status
                mkdir -p new
                [ ! -d volumes ] || mv volumes new/
            """.replace("moved.img", "core-2.img"), shell=True, cwd=point, check=True)
        with open(m / "checkpoint/.critfs/proc/8178/mem", "r+b", buffering=0) as f:
            os.pwrite(f.fileno(), b"XXX", 0x7fff8fd4b000 + 12176)
        with open(plain / "checkpoint/.critfs/proc/8178/mem", "r+b", buffering=0) as f:
            os.pwrite(f.fileno(), b"XXX", 0x7fff8fd4b000 + 12176)
        assert_same(m / "checkpoint/.critfs/img", root + "/checkpoint")
        assert_same(m / "new", root + "/new")
        assert mnt.read(m / "dump.log") == mnt.read(root + "/dump.log")
        assert sorted(os.listdir(m.point)) == sorted(os.listdir(root))
        m.close()
    assert mnt.read(path) == before


def test_devices_and_set_uid_files_do_not_become_this_machines(mount, work):
    path = crafted(work + "/a.tar", ("blk", None, {"type": tarfile.BLKTYPE, "devmajor": 254}),
                   ("suid", b"x", {"mode": 0o4755}))
    os.mkdir(work + "/up")
    m = mount(path, "upper=" + work + "/up")
    assert os.stat(m / "suid").st_mode & 0o7777 == 0o4755
    with open(m / "suid", "ab") as f:
        f.write(b"y")
    assert os.stat(work + "/up/suid").st_mode & 0o7777 == 0o755
    for attempt in (lambda: os.rename(m / "blk", m / "blk2"), lambda: os.chown(m / "blk", 1, 1)):
        with pytest.raises(PermissionError):
            attempt()
    os.unlink(m / "blk")
    assert sorted(os.listdir(work + "/up")) == ["blk", "suid"]
    assert os.stat(work + "/up/blk").st_rdev == 0, "a whiteout"


# ---------------------------------------------------------------------------- packing

CRITIC = os.path.join(mnt.BUILD, "critic")


def critic(*args, **kw):
    return subprocess.run([CRITIC, *args], capture_output=True, timeout=120,
                          env=mnt.environment(), **kw)


def unpack(path):
    out = dumps.new_dir()
    subprocess.run(["tar", "-xf", path, "-C", out], check=True)
    return out


def members(path):
    return subprocess.run(["tar", "-tf", path], check=True, capture_output=True,
                          text=True).stdout.splitlines()


@pytest.mark.parametrize("dotted", [False, True], ids=["plain", "dotted"])
@pytest.mark.parametrize("filters", FILTERS)
@pytest.mark.parametrize("engine", ["podman", "containerd"])
def test_what_was_edited_is_packed_again(mount, work, engine, filters, dotted):
    """Order, names and compression stay; what is unpacked is what the mount showed."""
    path, root = archives.make(work, engine, filters=FILTERS[filters], dotted=dotted)
    os.mkdir(work + "/up")
    m = mount(path, "upper=" + work + "/up")
    subprocess.run("""set -e
        sed -i 's|/tmp/clean/out2.log|/tmp/other.log|' checkpoint/files.img/5.json
        rm -r checkpoint/fs-8178.img rootfs-diff.tar
        cp -r checkpoint/core-8173.img checkpoint/core-7.img
        mkdir extra; echo new > extra/file; ln -s file extra/link
        """, shell=True, cwd=m.point, check=True)
    out, again = work + "/new.tar", work + "/again.tar"
    assert critic("pack", m.point, "-o", out).returncode == 0
    assert mnt.read(out)[:4] == mnt.read(path)[:4] or not FILTERS[filters]
    packed = unpack(out)
    assert_same(packed + "/checkpoint", m / "checkpoint/.critfs/img")
    assert mnt.read(packed + "/extra/link") == b"new\n"
    assert not os.path.exists(packed + "/rootfs-diff.tar")
    for name in os.listdir(root):
        if os.path.isfile(os.path.join(root, name)) and name not in ("rootfs-diff.tar",
                                                                     "stats-dump"):
            assert mnt.read(os.path.join(packed, name)) == mnt.read(os.path.join(root, name))
    old, new = members(path), members(out)
    stays = [n for n in old if n in new]
    assert stays == new[:len(stays)]
    prefix = "./" if dotted else ""
    assert set(new) - set(old) == {prefix + n for n in
                                   ("extra/", "extra/file", "extra/link", "checkpoint/core-7.img")}
    m.close()
    assert critic("pack", path, work + "/up", "-o", again).returncode == 0
    assert_same(unpack(again), packed)
    # and that is a checkpoint as the first was
    m = mount(out)
    assert "other.log" in mnt.read_text(m / "checkpoint/files.img/5.json")
    assert b"fs-8178.img: error" in mnt.read(m / "checkpoint/.critfs/check")


def test_an_untouched_archive_is_packed_as_it_was(work):
    """Also what critfs itself has no use for: owners' names, hard links, holes."""
    root = work + "/made-of"
    archives.podman(root, "demo")
    with open(root + "/sparse.log", "wb") as f:
        f.truncate(5 << 20)
        f.write(b"begin")
    os.link(root + "/ctr.log", root + "/zzz.log")
    archives.tar(work + "/a.tar", root, filters=["-S", "--format=pax", "--owner=somebody:1234",
                                                 "--group=others:2345"])
    assert critic("pack", work + "/a.tar", "-o", work + "/b.tar").returncode == 0
    with tarfile.open(work + "/a.tar") as a, tarfile.open(work + "/b.tar") as b:
        facts = lambda m: (m.name, m.mode, m.uid, m.gid, m.uname, m.gname, m.size,
                           int(m.mtime), m.type if not m.issparse() else b"0", m.linkname)
        assert [facts(m) for m in a] == [facts(m) for m in b]
        for m in a:
            if m.isreg():
                assert a.extractfile(m).read() == b.extractfile(m.name).read()
    assert os.stat(work + "/b.tar").st_size < 2 * os.stat(work + "/a.tar").st_size


@pytest.mark.parametrize("suffix", [".tar", ".tar.gz", ".tgz", ".tar.zst", ".tar.xz"])
def test_a_directory_is_packed_as_the_name_says(work, suffix):
    root = dumps.copy("demo", work + "/dump")
    out = work + "/new" + suffix
    assert critic("pack", root, "-o", out).returncode == 0
    assert_same(unpack(out), root)
    magic = {".gz": b"\x1f\x8b", ".tgz": b"\x1f\x8b", ".zst": b"\x28\xb5", ".xz": b"\xfd7"}
    assert mnt.read(out)[:2] == magic.get(os.path.splitext(out)[1], mnt.read(out)[:2])


def test_what_a_mount_is_made_of_is_packed_and_nothing_else(mount, work):
    """The word of a directory that is no mount counts for nothing."""
    root = dumps.copy("incremental", work + "/dump")
    m = mount(root, "ro")
    assert critic("pack", m.point, "-o", work + "/x.tar").returncode == 0
    assert_same(unpack(work + "/x.tar"), root)
    within = critic("pack", m / "3", "-o", work + "/y.tar")
    assert within.returncode == 1 and b"within a mount" in within.stderr
    assert critic("pack", m.point, work, "-o", work + "/y.tar").returncode == 1
    evil = dumps.new_dir()
    archives.put(evil, "file", b"mine")
    os.setxattr(evil, "user.critfs.dump", b"/etc")
    assert critic("pack", evil, "-o", work + "/y.tar").returncode == 0
    assert members(work + "/y.tar") == ["file"]


def test_packing_into_what_is_packed(work):
    root = dumps.copy("demo", work + "/dump")
    for _ in range(2):
        assert critic("pack", root, "-o", root + "/x.tar").returncode == 0
        assert "x.tar" not in members(root + "/x.tar")


def test_what_can_not_be_read_is_an_error(work):
    """Nothing is missing from an archive without a word."""
    root = dumps.copy("demo", work + "/dump")
    os.makedirs(root + "/secret")
    archives.put(root, "secret/file", b"x")
    os.chmod(root + "/secret", 0o700)
    for path in (work, os.path.dirname(work)):
        os.chmod(path, 0o755)
    result = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", CRITIC,
                             "pack", root], capture_output=True, env=mnt.environment())
    assert result.returncode == 1 and b"secret" in result.stderr


def test_types_that_change_and_links(mount, work):
    """A directory that becomes a file, hard links whose target is another by then, deep paths."""
    path = crafted(work + "/a.tar",
                   ("d", None, {"type": tarfile.DIRTYPE}), ("d/x", b"1", {}),
                   ("a", b"old-a", {}), ("b", None, {"type": tarfile.LNKTYPE, "linkname": "a"}),
                   ("a", b"new-a", {}), ("p", b"file", {}),
                   ("q", None, {"type": tarfile.LNKTYPE, "linkname": "p"}),
                   ("p", None, {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"}),
                   ("l", None, {"type": tarfile.LNKTYPE, "linkname": "p"}),
                   ("late", None, {"type": tarfile.LNKTYPE, "linkname": "z"}), ("z", b"z", {}),
                   ("/".join(["deep"] * 400) + "/x", b"deep", {}))
    os.mkdir(work + "/up")
    m = mount(path, "upper=" + work + "/up")
    assert mnt.read(m / "b") == b"old-a" and mnt.read(m / "a") == b"new-a"
    assert os.stat(m / "a").st_ino != os.stat(m / "b").st_ino
    assert os.readlink(m / "l") == "/etc/passwd"
    shutil.rmtree(m / "d")
    archives.put(m.point, "d", b"a file now")
    assert critic("pack", m.point, "-o", work + "/b.tar").returncode == 0
    out = unpack(work + "/b.tar")
    for name, data in (("a", b"new-a"), ("b", b"old-a"), ("q", b"file"), ("d", b"a file now"),
                       ("late", b""), ("z", b"z"), ("/".join(["deep"] * 400) + "/x", b"deep")):
        assert mnt.read(os.path.join(out, name)) == mnt.read(m / name) == data, name
    assert os.readlink(out + "/p") == os.readlink(out + "/l") == "/etc/passwd"


def test_owners_and_modes_of_others_stay(work):
    """Who packs may not be root, and have nothing to do with most of the members."""
    path = crafted(work + "/a.tar", ("secret", b"1", {"mode": 0o4640, "gid": 5, "uname": "u"}),
                   ("d/x", b"2", {"mode": 0o600, "uid": 33, "mtime": 1234567890.25}))
    os.mkdir(work + "/up")
    for place in (work, os.path.dirname(work), work + "/up"):
        os.chmod(place, 0o755)
    out = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", CRITIC,
                          "pack", path, work + "/up"], capture_output=True, check=True,
                         env=mnt.environment()).stdout
    archives.put(work, "b.tar", out)
    with tarfile.open(path) as a, tarfile.open(work + "/b.tar") as b:
        facts = lambda m: (m.name, m.mode, m.uid, m.gid, m.uname, m.size, m.mtime)
        assert [facts(m) for m in a] == [facts(m) for m in b if not m.isdir()]


def test_packing_that_fails_leaves_what_was_there(work):
    root = dumps.copy("demo", work + "/dump")
    out = work + "/new.tar"
    archives.put(work, "new.tar", b"old")
    result = critic("pack", work + "/none", "-o", out)
    assert result.returncode == 1 and b"No such file" in result.stderr
    assert mnt.read(out) == b"old"
    result = critic("pack", root, work + "/none", "-o", out)
    assert result.returncode == 1 and b"/none" in result.stderr
    assert mnt.read(out) == b"old"
    full = critic("pack", root, "-o", "/dev/full")
    assert full.returncode == 1 and b"No space" in full.stderr
    data = critic("pack", root).stdout
    archives.put(work, "out.tar", data)
    assert_same(unpack(work + "/out.tar"), root)


# ---------------------------------------------------------------------------- hostile

def refuse(path, *options):
    work = dumps.new_dir()
    command = [mnt.CRITFS]
    for option in options:
        command += ["-o", option]
    result = subprocess.run([*command, path, work], capture_output=True, text=True,
                            timeout=120, env=mnt.environment())
    assert result.returncode == 1, "it was mounted"
    mnt.check_log(result.stderr)
    return result.stderr


def test_names_that_lead_out(mount, work):
    before = fingerprint(work)
    path = crafted(work + "/a.tar",
                   ("/etc/absolute", b"1", {}), ("../out", b"2", {}), ("a/../../out", b"3", {}),
                   ("checkpoint/./x", b"4", {}), ("a//b", b"5", {}), ("..", None, {}),
                   ("link", None, {"type": tarfile.SYMTYPE, "linkname": "/etc"}),
                   ("link/through", b"6", {}), ("x" * 300, b"7", {}),
                   ("evil\x1b[31m\n../..", b"8", {}),
                   ("hard", None, {"type": tarfile.LNKTYPE, "linkname": "../../etc/passwd"}),
                   ("hard2", None, {"type": tarfile.LNKTYPE, "linkname": "/etc/passwd"}),
                   ("last", b"9", {}))
    archive = mnt.read(path)
    m = mount(path)
    assert mnt.read(m / "etc/absolute") == b"1"
    assert mnt.read(m / "checkpoint/x") == b"4" and mnt.read(m / "a/b") == b"5"
    assert mnt.read(m / "last") == b"9"
    assert mnt.read(m / "link/through") == b"6", "a link with members is a directory"
    assert mnt.read(m / "hard") == mnt.read(m / "hard2") == b""
    assert sorted(os.listdir(m.point)) == ["a", "checkpoint", "etc", "hard", "hard2", "last",
                                           "link"]
    log = m.stderr()
    assert log.count("leads out of the archive") == 4
    assert r"evil\x1b[31m\x0a" in log and "\x1b" not in log
    m.close()
    assert mnt.read(path) == archive
    assert {k: v for k, v in fingerprint(work).items() if k != "a.tar"} == before


def test_of_members_with_one_name_the_last_counts(mount, work):
    m = mount(crafted(work + "/a.tar", ("x", b"first", {}), ("y", b"y", {}), ("./x", b"second", {}),
                      ("dir/in", b"1", {}), ("dir", b"file", {}),
                      ("turned", b"file", {}), ("turned/in", b"2", {})))
    assert mnt.read(m / "x") == b"second"
    assert sorted(os.listdir(m.point)) == ["dir", "turned", "x", "y"]
    assert mnt.read(m / "dir/in") == b"1" and mnt.read(m / "turned/in") == b"2"
    out = work + "/b.tar"
    assert critic("pack", work + "/a.tar", "-o", out).returncode == 0
    assert members(out).count("./x") == 1 and mnt.read(unpack(out) + "/x") == b"second"


@pytest.mark.parametrize("filters", FILTERS)
def test_truncated(work, filters):
    """Cut anywhere: said so, or mounted with what is whole."""
    path, _ = archives.make(work, "podman", filters=FILTERS[filters])
    data = mnt.read(path)
    for part in (0.99, 0.7, 0.3, 0.01):
        with open(path, "wb") as f:
            f.write(data[:int(len(data) * part) | 1])
        assert "critfs: " + path + ": " in refuse(path)
    with open(path, "wb"):
        pass
    assert "critfs: " + path + ": " in refuse(path)


def test_members_that_have_less_than_they_say(mount, work):
    """They can't be read; the next one's header is not taken for their bytes."""
    path = work + "/a.tar"
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as out:
        for name, headers in (("a", {"GNU.sparse.realsize": "2000"}), ("next", {}),
                              ("last", {"GNU.sparse.realsize": "90000000000000"})):
            info = tarfile.TarInfo(name)
            info.size, info.pax_headers = 10, headers
            out.addfile(info, io.BytesIO(b"0123456789"))
    try:
        m = mount(path)
    except AssertionError as e:     # libarchive may refuse it
        assert "cut off" in str(e), e
        return
    assert mnt.read(m / "next") == b"0123456789"
    for name in ("a", "last"):
        try:
            assert mnt.read(m / name) == b"0123456789"
        except OSError as e:
            assert e.errno in (errno.ENODATA, errno.EIO)


def test_what_is_no_archive(work):
    for name, data in (("text", b"hello\n" * 1000), ("gzip", gzip.compress(b"hello\n" * 1000)),
                       ("png", b"\x89PNG\r\n\x1a\n" * 99)):
        archives.put(work, name, data)
        assert "critfs: %s/%s: " % (work, name) in refuse(work + "/" + name)
    os.mkfifo(work + "/fifo")
    assert "directory of images" in refuse(work + "/fifo")
    assert "No such file" in refuse(work + "/none")


def test_layer_upon_layer(work):
    """Of each a few bytes could make thousands, and nothing ever come out: one is undone."""
    archives.put(work, "file", b"contents")
    data = mnt.read(archives.tar(work + "/a.tar.gz", work, "file", filters=["-z"]))
    archives.put(work, "a.tar.gz.gz", gzip.compress(data))
    assert "Unrecognized archive format" in refuse(work + "/a.tar.gz.gz")
    layers = gzip.compress(b"") * 5000
    for _ in range(3):
        layers = gzip.compress(layers) * 300
    archives.put(work, "layers", layers)
    assert "it is empty" in refuse(work + "/layers") or "format" in refuse(work + "/layers")


def test_links_that_say_much(work):
    """A link takes what it says in memory, and a second name of it as much again."""
    far = "x/" * 2000
    members = [("first", None, {"type": tarfile.SYMTYPE, "linkname": far})]
    members += [("link%d" % i, None, {"type": tarfile.LNKTYPE, "linkname": "first"})
                for i in range(20000)]
    archives.crafted(work + "/links.tar", *members)
    assert "its links say more than 64 MiB" in refuse(work + "/links.tar")


def test_a_bomb(work, mount):
    """Beyond the limit it is refused; zeros take no room on the disk."""
    with open(work + "/zeros", "wb") as f:
        f.truncate(1 << 30)
    archives.tar(work + "/a.tar", work, "zeros", filters=["-z"])
    assert os.stat(work + "/a.tar").st_size < 3 << 20
    free = os.statvfs("/var/tmp").f_bavail * os.statvfs("/var/tmp").f_frsize
    assert "larger than 100 MiB" in refuse(work + "/a.tar", "unpack=100M")
    m = mount(work + "/a.tar")
    assert os.stat(m / "zeros").st_size == 1 << 30
    now = os.statvfs("/var/tmp").f_bavail * os.statvfs("/var/tmp").f_frsize
    assert free - now < 512 << 20
    assert m.memory() < 200 << 10
    # a nested one: refused when somebody looks, not before
    archives.put(work + "/b", "rootfs-diff.tar.gz", mnt.read(work + "/a.tar"))
    archives.put(work + "/b", "ok.tar", mnt.read(archives.tar(work + "/ok.tar", work + "/b")))
    n = mount(archives.tar(work + "/c.tar", work + "/b"), "unpack=100M")
    assert sorted(os.listdir(n / ".critfs/tar")) == ["ok.tar", "rootfs-diff.tar.gz"]
    assert stat.S_ISDIR(os.stat(n / ".critfs/tar/rootfs-diff.tar.gz").st_mode)
    assert n.stderr().count("rootfs-diff") == 0, "it was opened though nobody looked into it"
    with pytest.raises(OSError) as e:
        os.listdir(n / ".critfs/tar/rootfs-diff.tar.gz")
    assert e.value.errno == errno.EFBIG
    assert "rootfs-diff.tar.gz: unpacked, it is larger than 100 MiB" in n.stderr()
    assert os.listdir(n / ".critfs/tar/ok.tar") == ["rootfs-diff.tar.gz"]


def test_a_sparse_bomb(work, mount):
    """A member that says it is terabytes: it can't be read, all else can."""
    with open(work + "/huge", "wb") as f:
        f.truncate(1 << 42)
        f.write(b"x")
    archives.put(work, "small", b"small")
    archives.tar(work + "/a.tar", work, "huge", "small", filters=["-S"])
    m = mount(work + "/a.tar", "unpack=1G")
    assert "huge: unpacked, it is too large" in m.stderr()
    assert os.stat(m / "huge").st_size == 1 << 42 and mnt.read(m / "small") == b"small"
    with pytest.raises(OSError) as e:
        with open(m / "huge", "rb", buffering=0) as f:
            f.read(1)
    assert e.value.errno in (errno.ENODATA, errno.EIO)  # where nothing is opened, reading fails


def test_nothing_is_left_behind(work, mount, monkeypatch):
    """What is unpacked has no name at any time, and is gone with the daemon, however it ends:
    all that is ever seen is a directory, and nothing in it."""
    path, _ = archives.make(work, "podman", filters=["--zstd"])
    spool = work + "/spool"
    os.mkdir(spool)
    monkeypatch.setenv("TMPDIR", spool)
    m = mount(path)
    assert mnt.read(m / "checkpoint/pages-1.img")
    assert_rootfs(m / "checkpoint/.critfs/tar/tmpfs-dev-73.tar.gz.img")
    assert [files for _, _, files in os.walk(spool)] == [[], []]
    m.proc.kill()
    m.proc.wait()
    m.abandon()
    assert mnt.wait_for(lambda: os.listdir(spool) == [])


def test_an_archive_that_is_written_to_under_the_mount(mount, work):
    """Spans of another file would be anything: reading fails then."""
    path, _ = archives.make(work, "containerd")
    m = mount(path)
    assert mnt.read(m / "config.dump")
    with open(path, "r+b") as f:
        f.seek(1 << 16)
        f.write(b"other")
    for name in ("dump.log", "checkpoint/.critfs/img/pages-1.img"):
        with pytest.raises(OSError) as e:
            mnt.read(m / name)
        assert e.value.errno == errno.EIO
    os.truncate(path, 1000)
    for where, _, names in os.walk(m.point):
        for name in names:
            try:
                mnt.read(os.path.join(where, name))
            except OSError:
                pass
    assert os.listdir(m.point)


def test_a_nested_archive_that_is_replaced_is_opened_anew(mount, work):
    root = work + "/made-of"
    archives.podman(root, "demo")
    m = mount(root)
    nested = m / ".critfs/tar/rootfs-diff.tar"
    assert_rootfs(nested)
    other = dumps.new_dir()
    archives.put(other, "only", b"this")
    with open(m / "rootfs-diff.tar", "wb") as f:
        f.write(mnt.read(archives.tar(work + "/o.tar", other)))
    assert mnt.wait_for(lambda: os.listdir(nested) == ["only"])
    os.unlink(m / "rootfs-diff.tar")
    assert mnt.wait_for(lambda: not os.path.exists(nested))
    with pytest.raises(OSError) as e:
        open(m / ".critfs/tar/devshm-checkpoint.tar/new", "w")
    assert e.value.errno == errno.EROFS


def test_who_waits_for_a_nested_archive_waits_alone(mount, work):
    """Others go on reading while a large one is unpacked."""
    root = work + "/made-of"
    archives.docker(root, "demo")
    with open(work + "/noise", "wb") as f:
        for _ in range(64):
            f.write(os.urandom(1 << 20))
    archives.tar(root + "/big.tar.gz", work, "noise", filters=["-z"])
    m = mount(root)
    looking = subprocess.Popen(["ls", m / ".critfs/tar/big.tar.gz"], stdout=subprocess.PIPE)
    reads = 0
    while looking.poll() is None:
        mnt.read(m / "files.img/5.json")
        mnt.read(m / ".critfs/proc/8173/status")
        reads += 1
        time.sleep(0.001)
    assert looking.stdout.read() == b"noise\n"
    assert reads > 2


def test_unmounting_does_not_wait_for_a_bomb(mount, work):
    """What is unpacked for nobody is given up."""
    root = work + "/made-of"
    archives.docker(root, "demo")
    zeros, times = gzip.compress(bytes(64 << 20)), 900
    info = tarfile.TarInfo("zeros")
    info.size = times * (64 << 20)
    archives.put(root, "bomb.tar.gz", gzip.compress(info.tobuf()) + zeros * times)
    m = mount(root)
    looking = subprocess.Popen(["ls", m / ".critfs/tar/bomb.tar.gz"], stderr=subprocess.DEVNULL)
    assert not mnt.wait_for(lambda: looking.poll() is not None, 1), "it is no bomb"
    m.proc.terminate()
    assert m.proc.wait(20) == 0
    looking.wait(20)
    m.abandon()
