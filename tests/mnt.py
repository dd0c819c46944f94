"""Mounts of the critfs under test."""
import functools
import os
import signal
import subprocess
import time

import criuimg
import dumps
import upper

BUILD = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
                     os.environ.get("CRITFS_BUILD", "build"))
CRITFS = os.path.join(BUILD, "critfs")

# What a sanitizer says, and what must never be in a daemon's log.
SUSPICIOUS = ("AddressSanitizer", "LeakSanitizer", "ThreadSanitizer", "MemorySanitizer",
              "runtime error:", "Assertion `", "stack smashing", "core dumped")

FUSE_DEVICE = os.makedev(10, 229)

LIVE = []


def environment(**more):
    env = dict(os.environ, **more)
    env.setdefault("ASAN_OPTIONS", "detect_leaks=1:abort_on_error=0:exitcode=99")
    env.setdefault("UBSAN_OPTIONS", "print_stacktrace=1")
    env.setdefault("TSAN_OPTIONS", "second_deadlock_stack=1:exitcode=66")
    return env


def why_no_fuse():
    """The reason why nothing can be mounted here, or None."""
    try:
        fd = os.open("/dev/fuse", os.O_RDWR)
    except OSError as e:
        return "/dev/fuse: " + e.strerror
    device = os.fstat(fd).st_rdev
    os.close(fd)
    return None if device == FUSE_DEVICE else "/dev/fuse is something else"


@functools.lru_cache()
def sanitizer():
    """What the build looks for by itself: "address" (undefined behaviour, too), "thread" or None."""
    with open(CRITFS, "rb") as f:
        data = f.read()
    if b"__tsan_init" in data:
        return "thread"
    return "address" if b"__asan_init" in data or b"__ubsan_handle" in data else None


def sanitized():
    return sanitizer() is not None


@functools.lru_cache()
def why_not_run():
    """The reason why the build under test can't run here, or None."""
    if not os.path.exists(CRITFS) or sanitizer() != "thread":
        return None
    said = subprocess.run([CRITFS, "--version"], capture_output=True, text=True, env=environment()).stderr
    # it needs addresses that the kernel may have given away (vm.mmap_rnd_bits)
    return said.strip() if "FATAL: ThreadSanitizer" in said else None


def mount_line(point):
    """The uppermost mountinfo line of a mount point, split, or None."""
    with open("/proc/self/mountinfo", errors="surrogateescape") as f:
        lines = [line.split() for line in f]
    at = [l for l in lines if l[4] == point]
    return at[-1] if at else None


def processes(point, name="critfs"):
    """Pids of the daemons of a mount point, or of their keepers, by their command lines."""
    out = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/cmdline" % pid, "rb") as f:
                args = f.read().split(b"\0")
            with open("/proc/%s/comm" % pid) as f:
                comm = f.read().strip()
        except OSError:
            continue
        if os.fsencode(point) in args and comm == name:
            out.append(int(pid))
    return out


def wait_for(condition, seconds=30):
    """Poll until the condition holds; False if it never does."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.005)
    return bool(condition())


def default_signals():
    """Before a program starts: a shell ignores SIGINT for what it runs in the background, nohup
    SIGHUP, and so would critfs."""
    for sig in (signal.SIGINT, signal.SIGHUP):
        signal.signal(sig, signal.SIG_DFL)


class Mount:
    """critfs in the foreground on a mount point of its own."""

    def __init__(self, dump, *options, args=(), point=None, under=()):
        assert os.path.exists(CRITFS), "no %s: build it first (make)" % CRITFS
        self.dump = dump
        self.point = point or dumps.new_dir()
        self.log = os.path.join(dumps.new_dir(), "stderr")
        command = [*under, CRITFS, "-f", *args]   # `under`: a program that runs it
        for option in [*options, *upper.options(dump, options)]:
            command += ["-o", option]
        self.below = len(dumps.mounts_below(self.point))  # mounts that this one hides
        with open(self.log, "wb") as log:
            self.proc = subprocess.Popen(
                command + [dump, self.point], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=environment(),
                preexec_fn=default_signals)
        LIVE.append(self)
        wait_for(lambda: self.is_up() or self.proc.poll() is not None)
        if not self.is_up():
            raise AssertionError("critfs did not mount:\n" + self.stderr())

    def __truediv__(self, name):
        return os.path.join(self.point, name)

    def stderr(self):
        with open(self.log, errors="replace") as f:
            return f.read()

    def is_up(self):
        return len(dumps.mounts_below(self.point)) > self.below

    def memory(self, what="VmHWM"):
        """The daemon's peak of resident memory, in KiB."""
        with open("/proc/%d/status" % self.proc.pid) as f:
            return next(int(l.split()[1]) for l in f if l.startswith(what + ":"))

    def terminate(self, sig=signal.SIGTERM):
        self.proc.send_signal(sig)
        return self.proc.wait(30)

    def unmount(self):
        """Unmount and wait for the daemon's end. Returns its exit status."""
        close_files_below(self.point)
        if self.proc.poll() is None:
            # A handle may still be closing in the background.
            busy = lambda: subprocess.run(["fusermount3", "-u", self.point],
                                          capture_output=True).returncode
            if not wait_for(lambda: busy() == 0 or self.proc.poll() is not None, 5):
                subprocess.run(["fusermount3", "-u", "-z", self.point], check=False)
        try:
            return self.proc.wait(30)
        except subprocess.TimeoutExpired:
            self.proc.kill()
            self.proc.wait()
            return "does not end after its unmount"

    def close(self):
        """Unmount, and fail on all that went wrong in the daemon."""
        if self not in LIVE:
            return
        LIVE.remove(self)
        status = self.unmount()
        if self.is_up():
            subprocess.run(["umount", "-l", self.point], check=False)
        self.check(status)

    def abandon(self):
        """Forget a mount whose daemon the test itself has ended."""
        LIVE.remove(self)
        if self.is_up():
            subprocess.run(["fusermount3", "-u", "-z", self.point], check=False)
        check_log(self.stderr())

    def check(self, status):
        log = self.stderr()
        print("critfs's log:\n" + log[-4000:])
        check_log(log)
        assert status == 0, "critfs ended with %s:\n%s" % (status, log[-4000:])


def close_files_below(point):
    """Close what a failed test has left open there: it would keep the mount busy."""
    for fd in os.listdir("/proc/self/fd"):
        try:
            if os.readlink("/proc/self/fd/" + fd).startswith(point + "/"):
                os.close(int(fd))
        except OSError:
            pass


def check_log(log):
    bad = [l for l in log.splitlines() if any(s in l for s in SUSPICIOUS)]
    assert not bad, "\n".join(bad[:5]) + "\n" + log[-8000:]


def kill_all():
    """End every daemon of this process, so that no request hangs for good."""
    for mount in LIVE:
        mount.proc.kill()


# ------------------------------------------------- what is in a mount

def read(path):
    with open(path, "rb") as f:
        return f.read()


def read_text(path):
    return read(path).decode("utf-8")


def write_fd(fd, data):
    while data:
        data = data[os.write(fd, data):]


def save(path, data, flags=os.O_WRONLY | os.O_TRUNC):
    """Write a file as an editor does; the error of close(2) is raised too."""
    data = data.encode("utf-8") if isinstance(data, str) else data
    fd = os.open(path, flags)
    try:
        write_fd(fd, data)
    except OSError:
        try:
            os.close(fd)
        except OSError:
            pass
        raise
    os.close(fd)


def parts(entry, index):
    """The names of a slot in an image directory, its extras before its N.json."""
    n, extra = str(index), entry.extra
    if extra is None:
        names = []
    elif isinstance(extra, dict):
        names = list(extra)
    elif entry.message == "ipc_sem_entry":
        names = ["sems.json"]
    elif entry.message == "ipc_msg_entry":
        names = ["msgs"]
    else:
        names = ["extra"]
    return [n + "." + x for x in names] + [n + ".json"]


def listing(image):
    return [name for i, e in enumerate(image.entries) for name in parts(e, i)]


def extra_files(entry, index):
    """{relative path: bytes} of an entry's extra, as files beside its N.json."""
    n, extra = str(index), entry.extra
    if extra is None:
        return {}
    if isinstance(extra, dict):
        return {"%s.%s" % (n, k): v for k, v in extra.items()}
    if entry.message == "ipc_sem_entry":
        return {n + ".sems.json": criuimg.text(extra).encode()}
    if entry.message == "ipc_msg_entry":
        return msg_files(n, extra)
    return {n + ".extra": extra}


def msg_files(n, messages):
    out = {}
    for m, (payload, data) in enumerate(messages):
        value = criuimg.to_json("ipc_msg", criuimg.SCHEMA.decode("ipc_msg", payload))
        out["%s.msgs/%d.extra" % (n, m)] = data
        out["%s.msgs/%d.json" % (n, m)] = criuimg.text(value).encode()
    return out
