"""What goes wrong on purpose: calls that fail, daemons that are killed, disks that are full."""
import errno
import itertools
import os
import shutil
import subprocess

import pytest

import dumps
import mnt

HERE = os.path.dirname(os.path.abspath(__file__))
KILL_BEFORE, KILL_AFTER, MADE_BEFORE = -1, -2, -3


def left_overs(root):
    return [n for n in os.listdir(root) if n.startswith(".critfs")]


# --------------------------------------------------- a call that goes wrong

class Preload:
    """A library within the daemon that makes one of its calls fail, or its last. Its files are
    there from the beginning: within its sandbox the daemon can't open any."""

    ROOM = 120          # bytes of a plan, so that a new one is written over the old at once

    def __init__(self, where, monkeypatch):
        self.library, self.plan = os.path.join(where, "fail.so"), os.path.join(where, "plan")
        self.log, self.failures = os.path.join(where, "log"), os.path.join(where, "failed")
        self.monkeypatch = monkeypatch
        self.empty()

    def empty(self):
        for path in (self.plan, self.log, self.failures):
            with open(path, "w"):
                pass

    def write(self, text):
        fd = os.open(self.plan, os.O_WRONLY)
        os.pwrite(fd, text.encode().ljust(self.ROOM), 0)
        os.close(fd)

    def mount(self, mount, root, *how):
        sanitizer = mnt.environment()["ASAN_OPTIONS"]
        with self.monkeypatch.context() as m:
            m.setenv("LD_PRELOAD", self.library)
            m.setenv("CRITFS_TEST_FAIL", self.plan)
            m.setenv("CRITFS_TEST_LOG", self.log)
            m.setenv("CRITFS_TEST_FAILED", self.failures)
            m.setenv("ASAN_OPTIONS", sanitizer + ":verify_asan_link_order=0")
            return mount(root, *how)

    def fail(self, call, what, number=0, times=-1):
        """So many calls go well, and then so many do not, or all (-1); "any" call, or "memory"."""
        with open(self.failures, "w"):
            pass
        self.write("%s %d %d %d" % (call, what, number, times))

    def clear(self):
        self.write("")

    def failed(self):
        """The calls that the plan has made fail."""
        with open(self.failures) as f:
            return f.read().split()

    def watch(self):
        """From now on calls that go well are noted."""
        with open(self.log, "w"):
            pass

    def seen(self):
        """Which calls, and the inodes they were about."""
        with open(self.log) as f:
            calls = [line.split() for line in f]
        return [(call, int(inode)) for call, inode in calls]


@pytest.fixture(scope="module")
def library():
    """Where the preloaded library was built."""
    if not shutil.which("cc"):
        pytest.skip("no C compiler")
    where = dumps.new_dir()
    # a sanitizer gives out memory by itself
    sources = ["plan.c", "fail.c"] + ([] if mnt.sanitized() else ["memory.c"])
    subprocess.run(["cc", "-Wall", "-Werror", "-O1", "-fPIC", "-shared", "-o", where + "/fail.so",
                    *(os.path.join(HERE, "preload", s) for s in sources), "-ldl"], check=True)
    return where


@pytest.fixture
def preload(library, monkeypatch):
    p = Preload(library, monkeypatch)
    yield p
    p.empty()


# ------------------------------------------------------------- a full disk

class Disk:
    """A file system of its own, and a file that fills it."""

    def __init__(self, path):
        self.path, self.filler = path, os.path.join(path, "filler")

    def fill(self, free=0):
        """Leave about so many bytes."""
        fd = os.open(self.filler, os.O_WRONLY | os.O_CREAT, 0o600)
        at = 0
        for size in (1 << 20, 1 << 12, 1):
            try:
                while True:
                    at += os.pwrite(fd, b"\1" * size, at)
            except OSError as e:
                assert e.errno == errno.ENOSPC
        os.ftruncate(fd, max(0, at - free))
        os.fsync(fd)
        os.close(fd)

    def use_up_inodes(self):
        for n in itertools.count():
            try:
                os.close(os.open(self.filler + str(n), os.O_WRONLY | os.O_CREAT, 0o600))
            except OSError as e:
                assert e.errno == errno.ENOSPC
                return

    def free(self):
        for name in os.listdir(self.path):
            if name.startswith("filler"):
                os.unlink(os.path.join(self.path, name))


def _disk(work, size, *mkfs):
    """A file system in a file of so many bytes."""
    image, point = os.path.join(work, "disk"), os.path.join(work, "point")
    os.mkdir(point)
    with open(image, "wb") as f:
        f.truncate(size)
    try:
        subprocess.run([*mkfs, image], check=True, capture_output=True)
        subprocess.run(["mount", "-o", "loop", image, point], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as e:
        pytest.skip("no loop file system: " + str(getattr(e, "stderr", None) or e))
    yield Disk(point)
    subprocess.run(["umount", point], check=True)


@pytest.fixture
def disk(work):
    """ext4 of 8 MB."""
    yield from _disk(work, 8 << 20, "mkfs.ext4", "-q", "-m", "0", "-N", "64")


@pytest.fixture
def reflink_disk(work):
    """XFS, whose files can share blocks, as small as mkfs makes it."""
    yield from _disk(work, 320 << 20, "mkfs.xfs", "-q", "-m", "reflink=1")


@pytest.fixture
def memory_disk(work):
    """tmpfs of 4 MB."""
    point = os.path.join(work, "point")
    os.mkdir(point)
    try:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", point], check=True,
                       capture_output=True)
    except (OSError, subprocess.CalledProcessError) as e:
        pytest.skip("no tmpfs: " + str(getattr(e, "stderr", None) or e))
    yield Disk(point)
    subprocess.run(["umount", point], check=True)
