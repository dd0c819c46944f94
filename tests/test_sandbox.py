"""What a daemon that somebody has taken over could still do. A debugger takes it over: it calls
the C library's functions in the live daemon, whose sandbox answers."""
import ctypes
import errno
import os
import re
import shutil
import signal
import subprocess

import pytest

import archives
import dumps
import mnt
from conftest import need_fuse

CREATE_LANDLOCK, VERSION = 444, 1

X86_64 = {"fork": 57, "vfork": 58, "mount": 165, "init_module": 175, "userfaultfd": 323, "bpf": 321}
SOCKET = "socket(1, 1, 0)"
READ, READ_WRITE, CREATE = os.O_RDONLY, os.O_RDWR, os.O_RDWR | os.O_CREAT


def landlock():
    """Which version this kernel has; 0 for none."""
    return max(0, ctypes.CDLL(None).syscall(CREATE_LANDLOCK, None, 0, VERSION))


needs_landlock = pytest.mark.skipif(not landlock(), reason="no Landlock in this kernel")
needs_gdb = pytest.mark.skipif(not shutil.which("gdb"), reason="no gdb")


def opening(path, flags):
    return 'open("%s", %d, 0600)' % (path, flags)


def results(pid, *calls):
    """What the calls return in the daemon: 0 or more, or -errno."""
    command = ["gdb", "-q", "-nx", "-batch", "-p", str(pid)]
    for call in calls:
        name, rest = call.split("(", 1)
        command += ["-ex", "set $r = ((long (*)())%s)(%s" % (name, rest),
                    "-ex", 'printf "result %ld %d\\n", (long)(int)$r, '
                           "*((int *(*)())__errno_location)()"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    found = re.findall(r"^result (-?\d+) (\d+)$", done.stdout, re.M)
    assert len(found) == len(calls), done.stdout + done.stderr
    return [int(r) if int(r) >= 0 else -int(e) for r, e in found]


def assert_refused(pid, calls, why):
    assert dict(zip(calls, results(pid, *calls))) == dict.fromkeys(calls, -why)


def status(pid, field):
    """Of each of its threads."""
    out = []
    for task in os.listdir("/proc/%d/task" % pid):
        with open("/proc/%d/task/%s/status" % (pid, task)) as f:
            out += [line.split()[1] for line in f if line.startswith(field + ":")]
    return out


@pytest.fixture(autouse=True)
def no_leaks_of_debuggers(monkeypatch):
    """The strings that gdb puts into the daemon's memory for its calls stay there."""
    monkeypatch.setenv("ASAN_OPTIONS", "detect_leaks=0:abort_on_error=0:exitcode=99")


@pytest.fixture
def dump(work):
    return dumps.copy("demo", work + "/dump")


@pytest.fixture
def outside(work):
    """A secret of the user who mounts, and a directory of his."""
    os.mkdir(work + "/outside")
    with open(work + "/outside/secret", "w") as f:
        f.write("secret")
    return work + "/outside"


# ---------------------------------------------------------------------------- calls

def test_every_thread_is_in_it(mount, dump):
    m = mount(dump)
    assert os.listdir(m.point)      # it serves
    assert len(status(m.proc.pid, "Seccomp")) > 3
    assert set(status(m.proc.pid, "Seccomp")) == {"2"}
    assert set(status(m.proc.pid, "NoNewPrivs")) == {"1"}


def test_it_can_be_left_out(mount, dump, outside):
    m = mount(dump, "nosandbox")
    assert os.listdir(m.point)
    assert set(status(m.proc.pid, "Seccomp")) == {"0"}
    assert mnt.processes(m.point, "critfs-keeper") == []
    if shutil.which("gdb"):
        assert min(results(m.proc.pid, SOCKET, opening(outside + "/secret", READ))) >= 0


@needs_gdb
def test_no_sockets_programs_mounts_and_devices(mount, dump):
    m = mount(dump)
    pid = m.proc.pid
    assert_refused(pid, [
        SOCKET, "socket(2, 1, 0)", "socket(10, 2, 0)", "socket(16, 3, 0)",
        'execve("/bin/true", 0, 0)', 'umount2("%s", 2)' % m.point, "unshare(0x20000)", "setuid(12345)", "chroot(\"/\")",
        'mknod("%s/disk", %d, 0x800)' % (dump, 0o60600),
        'mknod("%s/memory", %d, 0x101)' % (dump, 0o20600), "ioctl(0, 0x5412, 0)",
        "syscall(425, 8, 0)",   # io_uring_setup
        # who is told of a descriptor, and by which signal: it could be anybody, by any
        "setsid()", "fcntl(0, 8, %d)" % os.getpid(), "fcntl(0, 10, 9)"], errno.EPERM)
    if not mnt.sanitized():     # those need some of these themselves
        assert_refused(pid, ["kill(1, 0)", "kill(%d, 9)" % os.getpid(),
                             "ptrace(16, 1, 0, 0)"], errno.EPERM)
    if os.uname().machine == "x86_64":
        assert_refused(pid, ["syscall(%d, 0, 0, 0, 0, 0)" % n for n in X86_64.values()],
                       errno.EPERM)
    assert mnt.read_text(m / "pstree.img/0.json")
    mnt.save(m / "pstree.img/0.json", mnt.read(m / "pstree.img/0.json"))


# ---------------------------------------------------------------------------- files

@needs_gdb
@needs_landlock
def test_nothing_but_the_dump(mount, dump, outside):
    m = mount(dump)
    os.symlink(outside + "/secret", dump + "/link")
    refused = [opening("/etc/passwd", READ), opening(outside + "/secret", READ),
               opening(dump + "/link", READ), opening(dump + "/../outside/secret", READ),
               opening(outside + "/new", CREATE), opening("/var/tmp/new", CREATE),
               opening("/proc/self/mem", READ_WRITE), opening("/proc/1/environ", READ),
               opening("/proc/self/root/etc/passwd", READ), opening("/", READ | os.O_DIRECTORY),
               'unlink("%s/secret")' % outside, 'mkdir("%s/dir", 0700)' % outside,
               'symlink("x", "%s/link")' % outside, 'rmdir("%s")' % outside,
               'truncate("%s/secret", 0)' % outside]
    got = dict(zip(refused, results(m.proc.pid, *refused)))
    assert {call for call, r in got.items() if r not in (-errno.EACCES, -errno.EPERM)} == set()
    assert os.listdir(outside) == ["secret"] and mnt.read(outside + "/secret") == b"secret"
    # the file can't be taken out of the dump either, or into it
    moves = ['rename("%s/pstree.img", "%s/x")' % (dump, outside),
             'rename("%s/secret", "%s/x")' % (outside, dump),
             'link("%s/secret", "%s/x")' % (outside, dump)]
    assert set(results(m.proc.pid, *moves)) <= {-errno.EACCES, -errno.EXDEV}
    fine = [opening(dump + "/pstree.img", READ_WRITE), opening(dump + "/new", CREATE)]
    assert min(results(m.proc.pid, *fine)) >= 0


@needs_gdb
@needs_landlock
@pytest.mark.not_on_upper("mounts one itself")
def test_what_is_not_to_be_written_is_not(mount, dump, work):
    os.mkdir(work + "/upper")
    calls = [opening(dump + "/pstree.img", READ_WRITE), opening(dump + "/new", CREATE),
             'unlink("%s/pstree.img")' % dump]
    for options in (["ro"], ["upper=" + work + "/upper"]):
        m = mount(dump, *options)
        assert results(m.proc.pid, opening(dump + "/pstree.img", READ))[0] >= 0
        assert_refused(m.proc.pid, calls, errno.EACCES)
        m.close()
    m = mount(dump, "upper=" + work + "/upper")
    assert results(m.proc.pid, opening(work + "/upper/new", CREATE))[0] >= 0


@pytest.mark.parametrize("depth", ["", "tree"])
def test_parents_are_within_reach(mount, work, depth):
    """Wherever they are, of the dump or of the dumps in a directory."""
    first, last = work + "/elsewhere/deep", os.path.join(work, "dumps", depth)
    dumps.copy("incremental", first)
    os.makedirs(last)
    os.rename(first + "/3", last + "/3")
    os.unlink(last + "/3/parent")
    os.symlink(first + "/2", last + "/3/parent")
    m = mount(last + "/3" if not depth else last)
    top = m.point if not depth else m / "3"
    base, page = 0x10000000000, 4096
    with open(top + "/.critfs/proc/8057/mem", "rb", buffering=0) as f:
        for i in (0, 1, 4):
            f.seek(base + i * page)
            assert f.read(page).startswith(b"page %d generation %d" % (i, 0 if i % 4 else 2))
    assert "parent" not in mnt.read_text(top + "/.critfs/errors")


@needs_gdb
@needs_landlock
def test_a_parent_is_no_way_out(mount, dump, outside, work):
    """Whoever wrote the dump chose where it leads: what is no dump is out of reach, and of one
    that is all but what memory is found in."""
    os.symlink("../outside", dump + "/parent")
    m = mount(dump)
    assert_refused(m.proc.pid, [opening(outside + "/secret", READ),
                                opening(outside, READ | os.O_DIRECTORY)], errno.EACCES)
    m.close()
    first = dumps.copy("demo", work + "/first")
    with open(first + "/notes", "w"):
        pass
    os.unlink(dump + "/parent")
    os.symlink("../first", dump + "/parent")
    m = mount(dump)
    assert_refused(m.proc.pid, [opening(first + "/notes", READ), opening(first + "/files.img", READ),
                                opening(first + "/pages-1.img", READ_WRITE)], errno.EACCES)
    fine = [opening(first + "/pages-1.img", READ), opening(first + "/inventory.img", READ)]
    assert min(results(m.proc.pid, *fine)) >= 0


def test_archives_are_opened_in_it(mount, work):
    """What is needed for that is loaded when somebody looks into the first."""
    dump = dumps.copy("demo", work + "/dump")
    archives.rootfs_diff(dump + "/rootfs-diff.tar", ["-z"])
    m = mount(dump)
    with open("/proc/%d/maps" % m.proc.pid) as f:
        assert "libarchive" not in f.read()
    assert mnt.read(m / ".critfs/tar/rootfs-diff.tar/etc/passwd") == \
        archives.ROOTFS["etc/passwd"]


# ------------------------------------------------------------------- who unmounts

@pytest.fixture
def detached(dump, work):
    need_fuse()
    point = work + "/mnt"
    os.mkdir(point)
    os.mkdir(work + "/tmp")
    subprocess.run([mnt.CRITFS, dump, point], check=True, timeout=60,
                   env=mnt.environment(TMPDIR=work + "/tmp"), preexec_fn=mnt.default_signals)
    assert os.listdir(point)        # it serves, so all is set up
    yield point
    if mnt.mount_line(point):
        subprocess.run(["umount", "-l", point], check=True)


def is_over(point, *pids):
    """Nothing is left of it: no process, no mount, no directory for temporary files."""
    return (mnt.mount_line(point) is None
            and os.listdir(os.path.dirname(point) + "/tmp") == []
            and not any(os.path.exists("/proc/%d" % pid) for pid in pids))


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, "fusermount3"])
def test_both_end_together(detached, how):
    (pid,), (keeper,) = mnt.processes(detached), mnt.processes(detached, "critfs-keeper")
    if how == "fusermount3":
        subprocess.run([how, "-u", detached], check=True)
    else:
        os.kill(keeper, how)    # what a process group or a service is sent
        os.kill(pid, how)
    assert mnt.wait_for(lambda: is_over(detached, pid, keeper))


def test_the_keeper_has_nothing_open(detached):
    (keeper,) = mnt.processes(detached, "critfs-keeper")
    names = [os.readlink("/proc/%d/fd/%s" % (keeper, fd)).split(":")[0]
             for fd in os.listdir("/proc/%d/fd" % keeper)]
    assert sorted(names) == ["/dev/null"] * 3 + ["socket"]


def test_a_killed_daemon(detached):
    """The mount is left, as of any file system whose daemon dies: who writes to it must not
    write into the directory below. The rest is not."""
    (pid,), (keeper,) = mnt.processes(detached), mnt.processes(detached, "critfs-keeper")
    os.kill(pid, signal.SIGKILL)
    assert mnt.wait_for(lambda: not os.path.exists("/proc/%d" % keeper))
    assert mnt.mount_line(detached)
    with pytest.raises(OSError) as e:
        os.listdir(detached)
    assert e.value.errno == errno.ENOTCONN
    subprocess.run(["fusermount3", "-u", detached], check=True)
    assert is_over(detached, pid, keeper)


def test_a_killed_keeper(mount, dump):
    m = mount(dump)
    assert os.listdir(m.point)
    (keeper,) = mnt.processes(m.point, "critfs-keeper")
    os.kill(keeper, signal.SIGKILL)
    mnt.save(m / "pstree.img/0.json", mnt.read(m / "pstree.img/0.json"))
    assert m.terminate() == 0
    assert "fusermount3 -u" in m.stderr()
    m.abandon()
