"""Mounts to measure: critfs, and nullfs, which does nothing."""
import contextlib
import os
import subprocess
import tempfile
import time

from signals import held, listen

PATIENCE = 60  # seconds until a mount must be there, or gone


class Failed(Exception):
    """Something could not be mounted."""


def why_not():
    """The reason why nothing can be mounted here, or None."""
    try:
        os.close(os.open("/dev/fuse", os.O_RDWR))
    except OSError as e:
        return "/dev/fuse: " + e.strerror
    return None


def is_mounted(point):
    with open("/proc/self/mountinfo") as f:
        return any(line.split()[4] == point for line in f)


def wait_for(condition):
    end = time.monotonic() + PATIENCE
    while not condition() and time.monotonic() < end:
        time.sleep(0.002)
    return condition()


class Mount(str):
    """The path of a mount point, and the process that serves it."""
    process = None

    def memory(self, what="VmHWM"):
        """KiB of the daemon's memory, by default the most that was resident."""
        with open("/proc/%d/status" % self.process.pid) as f:
            return next(int(l.split()[1]) for l in f if l.startswith(what + ":"))


def unmount(point):
    """Without waiting where something still is in use there."""
    if not is_mounted(point):
        return
    for lazy in ([], ["-z"]):
        done = subprocess.run(["fusermount3", "-u", *lazy, point], stderr=subprocess.DEVNULL)
        if done.returncode == 0:
            return


def end(mount):
    """Unmount it, and wait until its daemon is gone."""
    if is_mounted(mount):
        unmount(mount)
    else:
        mount.process.terminate()  # it did not come so far
    try:
        mount.process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        mount.process.kill()
        mount.process.wait()
    mount.process.stderr.close()
    os.rmdir(mount)


def is_served(point):
    """Whether a daemon that detached still is there."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/cmdline" % pid, "rb") as f:
                if f.read().endswith(point.encode() + b"\0"):
                    return True
        except OSError:
            pass  # it ended meanwhile
    return False


def end_detached(point):
    """The same for a daemon that nobody knows but by its mount point."""
    def is_gone():
        unmount(point)  # it may have been on its way
        return not is_served(point)

    wait_for(is_gone)
    os.rmdir(point)


class Mounts:
    """Makes mounts, each fresh, on mount points of their own below a directory."""

    def __init__(self, directory, options):
        self.directory = directory
        self.programs = {"critfs": options.critfs, "nullfs": options.nullfs}

    def start(self, name, options, arguments):
        mount = Mount(tempfile.mkdtemp(prefix=name + "-", dir=self.directory))
        mount.process = subprocess.Popen(self.command(name, options, arguments, mount, "-f"),
                                         stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                         stderr=subprocess.PIPE, preexec_fn=listen)
        return mount

    @contextlib.contextmanager
    def mounted(self, name, options, arguments=()):
        """A Mount that lasts as long as the context."""
        with held(lambda: self.start(name, options, arguments), end) as mount:
            wait_for(lambda: is_mounted(mount) or mount.process.poll() is not None)
            if not is_mounted(mount):
                mount.process.kill()
                raise Failed("%s: %s" % (name, mount.process.stderr.read().decode().strip()))
            yield mount

    def first_listing(self, name, options, arguments):
        """Seconds from the start of the program, which detaches, to the end of an ls."""
        with held(lambda: tempfile.mkdtemp(prefix=name + "-", dir=self.directory),
                  end_detached) as point:
            command = self.command(name, options, arguments, point)
            begin = time.perf_counter()
            subprocess.run(command, check=True, stdin=subprocess.DEVNULL,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            subprocess.run(["ls", point], check=True, stdout=subprocess.DEVNULL)
            return time.perf_counter() - begin

    def command(self, name, options, arguments, point, *flags):
        options = ["-o", ",".join(options)] if options else []
        return [self.programs[name], *flags, *options, *arguments, point]

    def critfs(self, dump, *options):
        return self.mounted("critfs", options, [dump])

    def nullfs(self, source, *options):
        """A tree that is loaded before it is mounted."""
        return self.mounted("nullfs", ["source=" + source, *options])

    def made(self, entries, *options):
        """nullfs with a tree of its own making."""
        return self.mounted("nullfs", ["entries=%d" % entries, *options])
