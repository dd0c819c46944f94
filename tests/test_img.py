""".critfs/img: the dump's files as they are now, flat, as CRIU itself wants to have them."""
import errno
import os
import struct
import subprocess

import pytest

import criuimg
import dumps
import mnt
from overlays import assert_same, flat

COMMON = 0x54564319


@pytest.mark.parametrize("name", dumps.NAMES)
def test_every_dump_is_as_it_is(mount, name):
    """Whichever dump, and each that is below it."""
    root = dumps.pristine(name)
    m = mount(root, "ro")
    for where, dirs, _ in os.walk(root):
        rel = os.path.relpath(where, root)
        if rel == "." or os.path.exists(os.path.join(where, "inventory.img")):
            assert_same(m / rel + "/.critfs/img", flat(where), "parent")


def test_edits_are_in_it_at_once(mount, work):
    root = dumps.copy("demo", work + "/dump")
    m = mount(root)
    view = m / ".critfs/img/files.img"
    assert mnt.read(view) == mnt.read(root + "/files.img")
    for n in range(5):
        subprocess.run(["sed", "-i", r's/"pos": [0-9]*/"pos": %d/' % (1000 ** n),
                        m / "files.img/5.json"], check=True)
        assert os.stat(view).st_size == os.stat(root + "/files.img").st_size
        assert mnt.read(view) == mnt.read(root + "/files.img")
    subprocess.run(["cp", "-r", m / "core-8173.img", m / "core-9.img"], check=True)
    assert mnt.read(m / ".critfs/img/core-9.img") == mnt.read(root + "/core-9.img")
    subprocess.run(["rm", "-r", m / "core-9.img"], check=True)
    assert "core-9.img" not in os.listdir(m / ".critfs/img")
    with open(m / "dump.log", "w") as f:
        f.write("x")
        f.flush()
        assert mnt.read(m / ".critfs/img/dump.log") == b"x"
    assert_same(m / ".critfs/img", flat(root))


def test_a_copy_mounts_the_same(mount, work):
    root = dumps.copy("container-ipc", work + "/dump")
    os.setxattr(root + "/files.img", "user.note", b"kept")
    os.setxattr(root + "/pages-1.img", "user.note", b"too")
    m = mount(root)
    subprocess.run(["sed", "-i", 's/"pos": 0/"pos": 7/', m / "files.img/3.json"], check=True)
    copy = work + "/copy"
    subprocess.run(["cp", "-a", m / ".critfs/img", copy], check=True)
    os.chmod(copy, 0o755)
    assert os.getxattr(copy + "/files.img", "user.note") == b"kept"
    assert os.listxattr(copy + "/pages-1.img") == ["user.note"]
    for name in os.listdir(copy):
        a, b = os.stat(os.path.join(copy, name)), os.stat(os.path.join(root, name))
        assert (a.st_mode, a.st_uid, a.st_gid, a.st_mtime_ns) == (
            b.st_mode, b.st_uid, b.st_gid, b.st_mtime_ns), name
    other = mount(copy)
    subprocess.run(["diff", "-r", m.point, other.point], check=True)


def test_nothing_is_written_there(mount, work):
    root = dumps.copy("demo", work + "/dump")
    m = mount(root)
    view = m / ".critfs/img"
    for attempt in (lambda: open(view + "/files.img", "r+b"), lambda: os.mkdir(view + "/x"),
                    lambda: open(view + "/x", "w"), lambda: os.unlink(view + "/files.img"),
                    lambda: os.rename(view + "/files.img", view + "/x"),
                    lambda: os.rename(view + "/files.img", m / "x"),
                    lambda: os.rename(m / "files.img", view + "/x"),
                    lambda: os.symlink("x", view + "/x"),
                    lambda: os.chmod(view + "/files.img", 0o600),
                    lambda: os.truncate(view + "/files.img", 0)):
        with pytest.raises(OSError) as e:
            attempt()
        assert e.value.errno == errno.EROFS
    assert_same(root, dumps.pristine("demo"))


# --------------------------------------------------------------------------- parents

def target(m, name, view=".critfs/img"):
    return os.path.realpath(m / os.path.join(name, view, "parent"))


def test_the_parent_is_the_parents_own(mount, work):
    """Where it is inside the mount; there are the edits."""
    root = dumps.copy("incremental", work + "/dump")
    m = mount(root)
    assert target(m, "3") == m / "2/.critfs/img"
    link = m / "3/.critfs/img/parent"
    assert os.lstat(link).st_size == len(os.readlink(link))
    assert os.readlink(m / "3/parent") == "../2"
    subprocess.run(["sed", "-i", 's/"fdinfo_per_id": [a-z]*/"fdinfo_per_id": false/',
                    m / "2/inventory.img/0.json"], check=True)
    assert mnt.read(link + "/inventory.img") == mnt.read(root + "/2/inventory.img")
    pages = next(n for n in os.listdir(root + "/1") if n.startswith("pages-"))
    assert mnt.read(link + "/parent/" + pages) == mnt.read(os.path.join(root, "1", pages))


def test_a_parent_outside_is_the_real_one(mount, work):
    root = dumps.copy("incremental", work + "/dump")
    for options in ([], ["ro"]):
        m = mount(root + "/3", *options)
        assert target(m, ".") == os.path.realpath(root + "/2")
        m.close()
    os.unlink(root + "/3/parent")
    os.symlink(root + "/2", root + "/3/parent")
    m = mount(root + "/3")
    assert os.readlink(m / ".critfs/img/parent") == root + "/2"


def test_a_chain_of_mounts_with_an_upper_directory(mount, work):
    """The real parent does not have what was changed; the one in the mount does."""
    root = dumps.copy("incremental", work + "/dump")
    os.mkdir(work + "/up")
    m = mount(root, "upper=" + work + "/up")
    os.chmod(m / "2/inventory.img", 0o755)
    assert target(m, "3") == m / "2/.critfs/img"
    assert os.stat(m / "3/.critfs/img/parent/inventory.img").st_mode & 0o777 == 0o644
    subprocess.run(["mv", m / "2", m / "two"], check=True)
    os.unlink(m / "3/parent")
    os.symlink("../two", m / "3/parent")
    assert target(m, "3") == m / "two/.critfs/img"
    assert mnt.read(m / "3/.critfs/check") == b""


# --------------------------------------------------------------------------- upgrade

V1 = [n for n in dumps.NAMES if n.startswith("legacy-v1")]


@pytest.mark.parametrize("options", [[], ["ro"]], ids=["rw", "ro"])
@pytest.mark.parametrize("name", V1)
def test_images_of_version_1_0_as_1_1(mount, name, options):
    root = dumps.pristine(name) if options else dumps.copy(name)
    m = mount(root, "upgrade", *options)
    view = m / ".critfs/img"
    upgraded = 0
    for image in sorted(os.listdir(root)):
        old, new = mnt.read(os.path.join(root, image)), mnt.read(os.path.join(view, image))
        assert os.stat(os.path.join(view, image)).st_size == len(new)
        known = criuimg.load(os.path.join(root, image))
        if known is None:
            assert new == old
            continue
        if image == "inventory.img":
            assert known.entries[0].json()["img_version"] == 1
            again = criuimg.load(os.path.join(view, image))
            value = known.entries[0].json()
            value["img_version"] = 2
            assert again.entries[0].json() == value and len(again.entries) == 1
            continue
        if known.header != "v1.0":   # as stats-dump, which always had two words
            assert new == old
            continue
        assert new == struct.pack("<I", COMMON) + old
        upgraded += 1
    assert upgraded > 5
    # some bytes from the middle, across the seam too
    with open(view + "/files.img" if os.path.exists(view + "/files.img")
              else view + "/reg-files.img", "rb") as f:
        whole = f.read()
        for at, n in ((0, 1), (3, 2), (4, 4), (2, 100), (len(whole) - 1, 5), (len(whole), 5)):
            assert os.pread(f.fileno(), n, at) == whole[at:at + n]
        assert os.lseek(f.fileno(), 0, os.SEEK_HOLE) == len(whole)
    # what is shown otherwise stays
    assert criuimg.load(os.path.join(root, "pstree.img")).header == "v1.0"


def test_what_was_upgraded_is_the_same_dump(mount, work):
    """Entry for entry; and crit's own documents are the same, but for the version."""
    name = V1[0]
    m = mount(dumps.pristine(name), "ro,upgrade")
    copy = work + "/copy"
    subprocess.run(["cp", "-a", m / ".critfs/img", copy], check=True)
    other = mount(copy, "ro,upgrade")
    subprocess.run(["diff", "-r", "-I", '"img_version"', m.point, other.point], check=True)
    assert_same(other / ".critfs/img", copy)


def test_images_of_version_1_0_in_an_archive(mount, work):
    """They are as long as it says, to the last byte."""
    root = dumps.pristine(V1[0])
    subprocess.run(["tar", "-cf", work + "/a.tar", "-C", root, "."], check=True)
    a, b = mount(work + "/a.tar", "upgrade"), mount(root, "ro,upgrade")
    assert_same(a / ".critfs/img", b / ".critfs/img")


def test_newer_images_stay_as_they_are(mount):
    m = mount(dumps.pristine("demo"), "ro,upgrade")
    assert_same(m / ".critfs/img", dumps.pristine("demo"))
