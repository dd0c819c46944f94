"""File systems to work on: a tmpfs, the disk, and others on loop devices."""
import contextlib
import os
import shutil
import subprocess
import tempfile

SHM = "/dev/shm"
GIB = 1 << 30


class Missing(Exception):
    """What is not there, in words for a table."""


def type_of(path):
    """The type of the file system that a directory is on."""
    path = os.path.realpath(path)
    with open("/proc/self/mountinfo") as f:
        lines = [line.split() for line in f]
    device = os.stat(path).st_dev
    number = "%d:%d" % (os.major(device), os.minor(device))
    return next((l[l.index("-") + 1] for l in reversed(lines) if l[2] == number), "unknown")


@contextlib.contextmanager
def directory(below):
    path = tempfile.mkdtemp(prefix="critfs-bench-", dir=below)
    try:
        yield path
    finally:
        shutil.rmtree(path)


@contextlib.contextmanager
def mounted(argv):
    """A directory on which mount(8) was called with these arguments."""
    with directory(None) as point:
        done = subprocess.run(["mount", *argv, point], stderr=subprocess.PIPE)
        if done.returncode:
            raise Missing(done.stderr.decode().strip().splitlines()[0])
        try:
            yield point
        finally:
            subprocess.run(["umount", "-l", point], check=True)


def tmpfs(options):
    """A directory in memory."""
    if os.path.isdir(SHM) and type_of(SHM) == "tmpfs" and shutil.disk_usage(SHM).free > 3 * GIB:
        return directory(SHM)
    return mounted(["-t", "tmpfs", "tmpfs"])
