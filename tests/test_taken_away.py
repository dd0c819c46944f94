"""What the dump is on is taken away under the mount: read-only all at once, removed, exchanged."""
import errno
import os
import shutil
import subprocess

import pytest

import dumps
import mnt
from editing import Target
from faults import disk, left_overs  # noqa: F401

GONE = (errno.ENOENT, errno.ESTALE, errno.ENOTDIR, errno.EIO)


class TestReadOnly:
    """A file system that nothing can be written to any more, as after an error of its disk."""

    @pytest.fixture
    def target(self, disk, mount):
        t = Target(mount, disk.path)
        mnt.wait_for(lambda: not left_overs(t.root))
        remount(disk, "ro")
        yield t
        remount(disk, "rw")

    def refused(self, call, *args):
        with pytest.raises(OSError) as e:
            call(*args)
        assert e.value.errno == errno.EROFS

    def test_an_edit_is_refused_and_kept(self, target, disk):
        for _ in range(2):
            self.refused(mnt.save, target.path, target.new)
            target.assert_unchanged()
            assert target.text() == target.old
            assert mnt.read_text(target.path + ".rej") == target.new
            assert os.strerror(errno.EROFS) in mnt.read_text(target.path + ".err")
        remount(disk, "rw")
        os.rename(target.path + ".rej", target.path)
        target.assert_committed()

    def test_so_is_all_else(self, target):
        m = target.mount
        before = sorted(os.listdir(target.root))
        self.refused(os.unlink, target.path)
        self.refused(os.mkdir, m / "core-99.img")
        self.refused(os.rename, m / "fs-8178.img", m / "fs-99.img")
        self.refused(mnt.save, m / "notes", b"x", os.O_WRONLY | os.O_CREAT)
        self.refused(mnt.save, m / ".critfs/json/files.img.json",
                     mnt.read_text(m / ".critfs/json/files.img.json").replace(target.OLD, target.NEW))
        self.refused(os.chmod, m / "files.img", 0o600)
        assert sorted(os.listdir(target.root)) == before
        target.assert_unchanged()
        # scratch files are in memory
        mnt.save(target.dir + "/notes", b"mine", os.O_WRONLY | os.O_CREAT)
        assert mnt.read(target.dir + "/notes") == b"mine" and target.text() == target.old


def remount(disk, how):
    subprocess.run(["mount", "-o", "remount," + how, disk.path], check=True)


def look(point):
    """All there is is read or refused, none of it waits."""
    errors = set()
    for where, _, names in os.walk(point, onerror=lambda e: errors.add(e.errno)):
        for name in names:
            try:
                mnt.read(os.path.join(where, name))
            except OSError as e:
                errors.add(e.errno)
    return errors


def edits_are_refused(t):
    """They say that it is gone."""
    for call in (lambda: mnt.save(t.path, t.new), lambda: os.unlink(t.path),
                 lambda: os.mkdir(t.mount / "core-99.img"),
                 lambda: mnt.save(t.mount / "notes", b"x", os.O_WRONLY | os.O_CREAT)):
        with pytest.raises(OSError) as e:
            call()
        assert e.value.errno in GONE, e.value


@pytest.mark.not_on_upper("what is made then goes to the upper directory")
def test_the_dump_is_removed(mount, work):
    t = Target(mount, work)
    fd = os.open(t.path, os.O_RDONLY)
    draft = os.open(t.dir + "/4.json", os.O_RDWR)
    os.ftruncate(draft, 0)
    os.write(draft, b"{}")
    shutil.rmtree(t.root)
    assert os.pread(fd, 100000, 0) == t.old.encode()
    assert look(t.mount.point) <= set(GONE)
    assert mnt.wait_for(lambda: "files.img" not in os.listdir(t.mount.point), 5)
    edits_are_refused(t)
    for handle in (fd, draft):
        try:
            os.close(handle)
        except OSError as e:
            assert e.errno in (*GONE, errno.EBADMSG, errno.EBUSY)
    assert mnt.read(t.mount / ".critfs/errors")


@pytest.mark.not_on_upper("the test itself moves the dump")
def test_another_takes_its_place(mount, work):
    """The mount is of the directory, wherever that goes; who has its name now is left alone."""
    t = Target(mount, work)
    kept = t.root + ".kept"
    os.rename(t.root, kept)
    dumps.copy("container-ipc", t.root)
    before = sorted(os.listdir(t.root))
    assert t.text() == t.old
    mnt.save(t.path, t.new)
    assert sorted(os.listdir(t.root)) == before
    t.root, t.stored = kept, os.path.join(kept, t.rel)
    t.assert_committed()
