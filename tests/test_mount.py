"""Mounting, its options and errors, and every way that a mount ends."""
import errno
import os
import re
import signal
import subprocess

import pytest

import criuimg
import dumps
import mnt
from conftest import need_fuse
from editing import Target


@pytest.fixture
def demo(work):
    return dumps.copy("demo", os.path.join(work, "demo"))


@pytest.fixture
def point(work):
    path = os.path.join(work, "mnt")
    os.mkdir(path)
    return path


def critfs(*args, **kw):
    assert os.path.exists(mnt.CRITFS), "no %s: build it first (make)" % mnt.CRITFS
    done = subprocess.run([mnt.CRITFS, *args], capture_output=True, text=True, timeout=60,
                          stdin=subprocess.DEVNULL, env=mnt.environment(), **kw)
    mnt.check_log(done.stderr)
    return done


def fails(*args):
    """The command fails with status 1, says why, and has mounted nothing."""
    done = critfs(*args)
    assert done.returncode == 1, (done.returncode, done.stderr)
    assert done.stderr.strip()
    return done.stderr


@pytest.fixture
def background(demo, point):
    """critfs without -f: returned from, it is mounted."""
    need_fuse()
    done = critfs(demo, point)
    assert done.returncode == 0, done.stderr
    assert os.listdir(point)
    yield point
    if mnt.mount_line(point):
        subprocess.run(["fusermount3", "-u", "-z", point], check=False)
    assert mnt.wait_for(lambda: not mnt.processes(point))


# ----------------------------------------------------------------- words

def test_version():
    done = critfs("-V")
    assert done.returncode == 0 and not done.stderr
    # libfuse adds lines of its own
    assert re.search(r"^critfs \S*\d", done.stdout, re.M)


def test_help():
    done = critfs("-h")
    assert done.returncode == 0 and not done.stderr
    for word in ("critfs [options]", "-f", "-d", "-s", "-V", "-h", "ro", "plain"):
        assert word in done.stdout


@pytest.mark.parametrize("args", [[], ["one"], ["one", "two", "three"]])
def test_wrong_number_of_arguments(args):
    assert fails(*args)


@pytest.mark.parametrize("option", [["-x"], ["--nosuch"], ["-o", "nosuchoption"]])
def test_unknown_options(demo, point, option):
    assert option[-1].lstrip("-") in fails(*option, demo, point)
    assert mnt.mount_line(point) is None


@pytest.mark.parametrize("foreground", [[], ["-f"]])
class TestErrors:
    """All that can fail fails before the daemon detaches."""

    def test_no_dump(self, work, point, foreground):
        assert "nothing-here" in fails(*foreground, os.path.join(work, "nothing-here"), point)
        assert mnt.mount_line(point) is None

    def test_dump_is_a_file(self, demo, point, foreground):
        assert "inventory.img" in fails(*foreground, os.path.join(demo, "inventory.img"), point)
        assert mnt.mount_line(point) is None

    def test_no_mount_point(self, demo, work, foreground):
        assert "nothing-here" in fails(*foreground, demo, os.path.join(work, "nothing-here"))

    def test_mount_point_is_a_file(self, demo, work, foreground):
        path = os.path.join(work, "file")
        open(path, "w").close()
        assert path in fails(*foreground, demo, path)
        assert mnt.mount_line(path) is None

    def test_dump_without_permission(self, demo, point, foreground):
        """A dump that can't be read is an error now, not at the first access."""
        os.chmod(os.path.dirname(demo), 0o755)
        os.chmod(point, 0o777)
        os.chmod(demo, 0)
        try:
            done = critfs(*foreground, demo, point, user=65534, group=65534, extra_groups=[])
        except PermissionError:
            pytest.skip("the program itself is out of reach of other users")
        assert done.returncode == 1 and demo in done.stderr
        assert mnt.mount_line(point) is None


# --------------------------------------------------------------- mounted

def test_what_mount_shows(demo, mount):
    m = mount(demo)
    line = mnt.mount_line(m.point)
    fields = line[line.index("-") + 1:]
    assert fields[0] == "fuse.critfs"
    assert fields[1] == demo
    assert "default_permissions" in fields[2].split(",")
    assert "allow_other" not in fields[2].split(",")


def test_relative_paths(demo, work, point):
    """The daemon changes to / when it detaches; its paths must not."""
    need_fuse()
    done = critfs("demo", "mnt", cwd=work)
    assert done.returncode == 0, done.stderr
    try:
        assert mnt.read_text(point + "/pstree.img/0.json").startswith("{")
        mnt.save(point + "/pstree.img/0.json", mnt.read(point + "/pstree.img/0.json"))
    finally:
        subprocess.run(["fusermount3", "-u", point], check=True)
    assert mnt.wait_for(lambda: mnt.mount_line(point) is None)


def test_detaches(background):
    """The command returns when the mount can be used, and holds no terminal."""
    assert os.path.exists(background + "/pstree.img/0.json")
    (pid,) = mnt.processes(background)
    assert os.getsid(pid) != os.getsid(0)
    subprocess.run(["fusermount3", "-u", background], check=True)
    assert mnt.wait_for(lambda: not os.path.exists("/proc/%d" % pid))


def test_terminated_in_the_background(background):
    (pid,) = mnt.processes(background)
    os.kill(pid, signal.SIGTERM)
    assert mnt.wait_for(lambda: mnt.mount_line(background) is None)
    assert mnt.wait_for(lambda: not os.path.exists("/proc/%d" % pid))
    assert os.listdir(background) == []


def test_single_threaded(demo, mount):
    m = mount(demo, args=["-s"])
    assert mnt.read_text(m / "pstree.img/0.json").startswith("{")


def test_debug(demo, mount):
    """-d shows the requests and stays in the foreground."""
    m = mount(demo, args=["-d"])
    os.listdir(m.point)
    assert mnt.wait_for(lambda: "LOOKUP" in m.stderr() or "READDIR" in m.stderr())


@pytest.mark.parametrize("options", ["rw", "allow_other", "noatime", "nodev,nosuid", "auto_unmount", "user",
                                     "noauto,nofail,_netdev,x-systemd.automount,defaults"])
def test_ordinary_options(demo, mount, options):
    """fuse's own options, and the words that fstab has for others."""
    m = mount(demo, options)
    assert mnt.read_text(m / "pstree.img/0.json").startswith("{")


def test_allow_other_is_not_the_default(demo, mount):
    m = mount(demo)
    done = subprocess.run(["cat", m / "pstree.img/0.json"], capture_output=True, user=65534, group=65534,
                          extra_groups=[])
    assert done.returncode != 0 and b"ermission" in done.stderr


def test_allow_other_checks_permissions(demo, mount):
    os.chmod(os.path.join(demo, "pstree.img"), 0o600)
    m = mount(demo, "allow_other")
    nobody = dict(capture_output=True, user=65534, group=65534, extra_groups=[])
    assert subprocess.run(["cat", m / "files.img/0.json"], **nobody).returncode == 0
    assert subprocess.run(["cat", m / "pstree.img/0.json"], **nobody).returncode != 0
    done = subprocess.run(["sh", "-c", 'echo x > "$0"', m / "files.img/0.json"], **nobody)
    assert done.returncode != 0 and b"ermission" in done.stderr


# -------------------------------------------------------------- read-only

WRITES = {
    "open": lambda m: os.open(m / "pstree.img/0.json", os.O_WRONLY),
    "open an extra": lambda m: os.open(m / "pipes-data.img/0.extra", os.O_RDWR),
    "truncate": lambda m: os.truncate(m / "pstree.img/0.json", 5),
    "scratch": lambda m: os.open(m / "pstree.img/x", os.O_WRONLY | os.O_CREAT),
    "unlink": lambda m: os.unlink(m / "pstree.img/0.json"),
    "rename": lambda m: os.rename(m / "pstree.img/0.json", m / "pstree.img/1.json"),
    "mkdir": lambda m: os.mkdir(m / "core-1.img"),
    "chmod": lambda m: os.chmod(m / "pstree.img", 0o600),
    "plain file": lambda m: os.open(m / "pages-1.img", os.O_WRONLY),
    "new plain file": lambda m: os.open(m / "new", os.O_WRONLY | os.O_CREAT),
    "setxattr": lambda m: os.setxattr(m / "pstree.img/0.json", "user.x", b"y"),
}


def assert_read_only(m, what):
    with pytest.raises(OSError) as e:
        WRITES[what](m)
    assert e.value.errno == errno.EROFS


@pytest.mark.parametrize("what", WRITES)
def test_ro(demo, mount, what):
    m = mount(demo, "ro")
    assert_read_only(m, what)
    assert os.statvfs(m.point).f_flag & os.ST_RDONLY
    assert mnt.read(m / "pages-1.img") == mnt.read(os.path.join(demo, "pages-1.img"))


def test_a_dump_that_cannot_be_written(demo, work, mount):
    """It is mounted read-only, with one line saying so."""
    place = os.path.join(work, "ro")
    os.mkdir(place)
    if subprocess.run(["mount", "--bind", demo, place], capture_output=True).returncode:
        pytest.skip("no bind mounts here")
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", place], check=True)
        m = mount(place)
        for what in ("open", "scratch", "new plain file"):
            assert_read_only(m, what)
        lines = [l for l in m.stderr().splitlines() if "read-only" in l]
        assert len(lines) == 1 and place in lines[0]
        m.close()
    finally:
        subprocess.run(["umount", "-l", place], check=True)


# ---------------------------------------------------------------- mount(8)

@pytest.fixture
def mount8(work, point):
    """mount8(options, dump, script) mounts by mount(8) and runs the script on "$MNT".

    mount(8) takes its own PATH, whatever ours is: a directory with critfs is
    laid over one of that PATH, in a mount namespace that ends with the script.
    """
    need_fuse()
    if subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode:
        pytest.skip("no mount namespaces here")
    bin_dir = os.path.join(work, "bin")
    os.mkdir(bin_dir)
    os.symlink(mnt.CRITFS, os.path.join(bin_dir, "critfs"))

    def run(options, dump, script):
        # the daemon lives in the namespace too, and would keep it
        command = ('trap \'umount -l "$MNT" 2> /dev/null || true\' EXIT; mount --bind "$BIN" /usr/local/sbin; '
                   'mount -t fuse.critfs %s "$DUMP" "$MNT"; ' % options)
        env = mnt.environment(BIN=bin_dir, DUMP=dump, MNT=point)
        return subprocess.run(["unshare", "-m", "sh", "-ec", command + script], capture_output=True,
                              text=True, env=env, timeout=60)

    yield run
    assert mnt.wait_for(lambda: not mnt.processes(point))


def test_mount_t_fuse_critfs(demo, point, mount8):
    done = mount8("", demo, 'grep " $MNT " /proc/self/mountinfo; cat "$MNT/pstree.img/0.json"; umount "$MNT"; '
                            'ls -A "$MNT"')
    assert done.returncode == 0, done.stderr
    line, text = done.stdout.split("\n", 1)
    assert line.split()[line.split().index("-") + 1:][:2] == ["fuse.critfs", demo]
    assert text == criuimg.load(os.path.join(demo, "pstree.img")).entries[0].text()


@pytest.mark.parametrize("options", ["ro,plain", "ro,plain,noatime,nosuid,nodev,noexec",
                                     "plain,ro,noauto,user,nofail,_netdev,x-systemd.automount"])
def test_mount_with_options(demo, mount8, options):
    done = mount8("-o " + options, demo, 'cat "$MNT/mm-8173.img/0.json"; ! (echo >> "$MNT/mm-8173.img/0.json")')
    assert done.returncode == 0, done.stderr
    assert "ead-only" in done.stderr
    assert done.stdout == criuimg.load(os.path.join(demo, "mm-8173.img")).entries[0].text(pretty=False)


def test_mount_fails_with_its_reason(work, mount8):
    done = mount8("", os.path.join(work, "nothing-here"), "echo mounted")
    assert done.returncode != 0 and "nothing-here" in done.stderr
    assert not done.stdout


# --------------------------------------------------------------- the end

def test_unmount_with_open_files(mount, work):
    """Busy, as any file system; -z takes the name away at once and the rest follows."""
    t = Target(mount, work)
    fd = os.open(t.path, os.O_RDWR)
    done = subprocess.run(["fusermount3", "-u", t.mount.point], capture_output=True, text=True)
    assert done.returncode != 0 and "busy" in done.stderr
    assert t.text() == t.old
    subprocess.run(["fusermount3", "-u", "-z", t.mount.point], check=True)
    assert mnt.mount_line(t.mount.point) is None
    assert os.pread(fd, 100000, 0) == t.old.encode()  # still served
    os.pwrite(fd, t.new.encode(), 0)
    os.close(fd)
    assert t.mount.proc.wait(30) == 0
    assert criuimg.load(t.stored).entries[3].text() == t.new


def test_dirty_at_a_forced_unmount(mount, work):
    """A handle that never comes to its close: the daemon's end is its last resort."""
    t = Target(mount, work)
    fd = os.open(t.path, os.O_WRONLY | os.O_TRUNC)
    mnt.write_fd(fd, t.new.encode())
    subprocess.run(["umount", "-f", t.mount.point], capture_output=True)  # busy, but cut off
    assert t.mount.proc.wait(30) == 0
    with pytest.raises(OSError):
        os.close(fd)
    assert criuimg.load(t.stored).entries[3].text() == t.new


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT])
def test_terminated(mount, work, sig):
    """The mount is gone, the status is 0, and what was dirty and valid is stored."""
    t = Target(mount, work)
    good = os.open(t.path, os.O_WRONLY | os.O_TRUNC)
    mnt.write_fd(good, t.new.encode())
    bad = os.open(t.dir + "/4.json", os.O_WRONLY | os.O_TRUNC)
    mnt.write_fd(bad, b'{"type": "NOSUCH"}')
    assert t.mount.terminate(sig) == 0
    assert mnt.mount_line(t.mount.point) is None
    for fd in (good, bad):
        try:
            os.close(fd)
        except OSError:
            pass
    after = criuimg.load(t.stored)
    assert after.entries[3].text() == t.new
    assert after.entries[4].frame == t.before.entries[4].frame
    assert "files.img/4.json:1:10: error: type" in t.mount.stderr()


def test_second_mount_on_the_same_point(mount, work):
    """As with any FUSE file system: it lies over the first until it is unmounted."""
    first = mount(dumps.copy("demo", os.path.join(work, "one")))
    second = mount(dumps.copy("cpuinfo", os.path.join(work, "two")), point=first.point)
    assert os.path.exists(first / "cpuinfo.img/0.json")
    assert not os.path.exists(first / "pstree.img")
    second.close()
    assert os.path.exists(first / "pstree.img/0.json")
    assert not os.path.exists(first / "cpuinfo.img")


def test_mounted_again_and_again(demo, mount, point):
    for _ in range(10):
        m = mount(demo, point=point)
        assert os.path.exists(m / "pstree.img/0.json")
        m.close()


def test_on_a_directory_that_is_not_empty(demo, work, mount):
    place = os.path.join(work, "full")
    os.mkdir(place)
    open(os.path.join(place, "hidden"), "w").close()
    m = mount(demo, point=place)
    assert "hidden" not in os.listdir(m.point)
    m.close()
    assert os.listdir(place) == ["hidden"]
