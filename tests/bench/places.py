"""File systems to work on: a tmpfs, the disk, and others on loop devices."""
import contextlib
import os
import shutil
import subprocess
import tempfile

from signals import held

SHM = "/dev/shm"
GIB = 1 << 30
SBIN = ":/usr/sbin:/sbin"  # not in the path of everybody who may call these


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


def directory(below):
    """A new directory that is removed at the end of the context."""
    return held(lambda: tempfile.mkdtemp(prefix="critfs-bench-", dir=below), shutil.rmtree)


def mount(argv, point):
    done = subprocess.run(["mount", *argv, point], stderr=subprocess.PIPE)
    if done.returncode:
        raise Missing(done.stderr.decode().strip().splitlines()[0])
    return point


def umount(point):
    if subprocess.run(["umount", point], stderr=subprocess.DEVNULL).returncode:
        subprocess.run(["umount", "-l", point], check=True)


@contextlib.contextmanager
def mounted(argv):
    """A directory on which mount(8) was called with these arguments."""
    with directory(None) as point, held(lambda: mount(argv, point), umount):
        yield point


def tmpfs():
    """A directory in memory. Raises Missing, as all here may on entry."""
    if os.path.isdir(SHM) and type_of(SHM) == "tmpfs" and shutil.disk_usage(SHM).free > 3 * GIB:
        return directory(SHM)
    return mounted(["-t", "tmpfs", "tmpfs"])


@contextlib.contextmanager
def loop(mkfs, below):
    """A new file system in a file below a directory."""
    program = shutil.which(mkfs[0], path=os.environ["PATH"] + SBIN)
    if not program or os.geteuid():
        raise Missing("not root" if program else "no " + mkfs[0])
    with directory(below) as holder:
        disk = os.path.join(holder, "disk")
        with open(disk, "wb") as f:
            f.truncate(2 * GIB)
        done = subprocess.run([program, *mkfs[1:], disk], stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE)
        if done.returncode:
            raise Missing(done.stderr.decode().strip().splitlines()[0])
        with mounted(["-o", "loop", disk]) as point:
            yield point


def ext4(below):
    """The disk where it is ext4, or another on top of it."""
    return directory(below) if type_of(below) == "ext4" else loop(["mkfs.ext4", "-q"], below)


def xfs(below):
    return loop(["mkfs.xfs", "-q", "-m", "reflink=1"], below)
