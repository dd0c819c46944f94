"""Symlinks in a dump, an upper directory or an archive never lead critfs outside: what is there is
neither opened nor written, whoever put the link in the way and when."""
import errno
import os
import shutil
import socket
import stat
import subprocess
import tarfile

import pytest

import archives
import critic
import dumps
import mnt
from tracing import strings, trace  # noqa: F401
from upper import fingerprint

SECRET = b"what is outside"
FOLLOWS = {"open", "openat", "openat2", "creat"}
# The program's own, and what every program reads.
OWN = ("/lib", "/usr", "/etc/ld.so", "/proc", "/sys", "/dev/fuse", "/dev/null", "/etc/fuse.conf", mnt.BUILD)


class Outside:
    """A place that nobody may be led to, with a dump in it."""

    def __init__(self, root):
        self.root = root
        dumps.copy("demo", root + "/dump")
        archives.put(root, "secret", SECRET)
        archives.put(root, "config.dump", b'{"name": "%s"}' % SECRET)
        shutil.copy(root + "/dump/files.img", root + "/files.img")
        archives.tar(root + "/x.tar", root, "secret")
        self.before = fingerprint(root)

    def __truediv__(self, name):
        return os.path.join(self.root, name)

    def assert_untouched(self):
        assert fingerprint(self.root) == self.before

    def assert_not_entered(self, calls):
        """Not opened, and no call that would follow a link was given one."""
        for call in calls:
            assert not call.path.startswith(self.root), call.line
            if call.name not in ("readlinkat", "readlink", "symlinkat"):
                assert not any(s.startswith(self.root) for s in strings(call)), call.line


@pytest.fixture
def outside(work):
    return Outside(work + "/outside")


# Links in a dump, and where outside they lead.
LINKS = {"core-8173.img": "dump/core-8173.img", "pages-1.img": "dump/pages-1.img", "files.img": "files.img",
         "inventory.img": "dump/inventory.img", "dump.log": "secret", "sub": "dump", "x.tar": "x.tar",
         "config.dump": "config.dump", "seccomp.img": "nothing", ".critfs.abcdef.tmp": "secret"}


def with_links(root, outside, links=LINKS):
    for name, target in links.items():
        if os.path.lexists(os.path.join(root, name)):
            os.unlink(os.path.join(root, name))
        os.symlink(outside / target, os.path.join(root, name))


def read_all(point):
    """What can be read, of all that the mount shows, without following links."""
    for top in ("", ".critfs", ".critfs/json", ".critfs/img", ".critfs/proc", ".critfs/tar"):
        for path, dirs, files in os.walk(os.path.join(point, top)):
            for name in files:
                try:
                    fd = os.open(os.path.join(path, name), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
                    assert SECRET not in os.pread(fd, 1 << 20, 0), os.path.join(path, name)
                    os.close(fd)
                except OSError:
                    pass


def assert_stays(calls, *roots):
    """Whatever was opened is in these places, and no name was followed that could be a link."""
    opened, temporary = 0, os.environ.get("TMPDIR", "/var/tmp") + "/critfs."
    for call in calls:
        if call.name not in FOLLOWS or call.result < 0 or call.path.startswith((*OWN, temporary)):
            continue
        if call.path in roots:
            continue
        assert call.path.startswith(tuple(r + "/" for r in roots)), call.line
        opened += 1
        assert "O_NOFOLLOW" in call.arguments or strings(call) == ["."], call.line
    assert opened


def test_a_dump(mount, work, outside, trace):  # noqa: F811
    root = dumps.copy("demo", work + "/dump")
    with_links(root, outside)
    m = mount(root, under=trace.under)
    read_all(m.point)
    for name, target in LINKS.items():
        if not name.startswith(".critfs"):
            assert os.readlink(m / name) == outside / target, "a link is shown"
    with pytest.raises(OSError):
        os.stat(m / "core-8173.img/0.json")         # of an image that is a link
    m.close()
    calls = trace.calls()
    outside.assert_not_entered(calls)
    outside.assert_untouched()
    assert_stays(calls, root)


def test_what_is_done_to_links(mount, work, outside):
    """It is done to them, not to what they lead to."""
    root = dumps.copy("demo", work + "/dump")
    with_links(root, outside)
    m = mount(root)
    os.chown(m / "dump.log", 1, 2, follow_symlinks=False)
    os.utime(m / "dump.log", (1, 2), follow_symlinks=False)
    os.rename(m / "dump.log", m / "moved.log")
    assert os.readlink(m / "moved.log") == outside / "secret"
    assert os.lstat(root + "/moved.log").st_uid == 1
    os.unlink(m / "files.img")
    os.rename(m / "core-8173.img", m / "core-1.img")
    os.symlink(outside / "secret", m / "new")
    with pytest.raises(OSError):
        os.link(m / "new", m / "hard", follow_symlinks=False)
    subprocess.run(["rm", "-r", m / "sub"], check=True)
    with pytest.raises(OSError):                    # it has the number of no image
        os.rename(m / "new", m / "pstree.img/0.json")
    m.close()
    outside.assert_untouched()


def test_links_in_an_image(mount, work, outside):
    """A scratch file that is one, as emacs makes them, is no text of an entry."""
    root = dumps.copy("demo", work + "/dump")
    before = mnt.read(root + "/files.img")
    m = mount(root)
    os.symlink(outside / "files.img", m / "files.img/.#5.json")
    with pytest.raises(OSError):
        os.rename(m / "files.img/.#5.json", m / "files.img/5.json")
    os.symlink(outside / "secret", m / ".critfs/json/t")
    with pytest.raises(OSError):
        os.rename(m / ".critfs/json/t", m / ".critfs/json/files.img.json")
    m.close()
    assert mnt.read(root + "/files.img") == before
    outside.assert_untouched()


def put(fd, name, data=b"x"):
    file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, dir_fd=fd)
    os.write(file, data)
    os.close(file)


# What is done in a directory that is open.
WRITES = {
    "a plain file": lambda fd: put(fd, "new"),
    "over one": lambda fd: put(fd, "secret"),
    "an image": lambda fd: os.mkdir("core-9.img", dir_fd=fd),
    "an entry": lambda fd: put(fd, "pipes-data.img/0.extra"),
    "removal": lambda fd: os.unlink("secret", dir_fd=fd),
    "mode": lambda fd: os.chmod("secret", 0o777, dir_fd=fd),
    "rename": lambda fd: os.rename("secret", "other", src_dir_fd=fd, dst_dir_fd=fd),
    "out of it": lambda fd: os.rename("secret", "../taken", src_dir_fd=fd, dst_dir_fd=fd),
    "time": lambda fd: os.utime("secret", (1, 1), dir_fd=fd),
}


@pytest.mark.parametrize("upper", [False, True], ids=["dump", "upper"])
@pytest.mark.parametrize("what", WRITES)
def test_a_directory_that_becomes_a_link(mount, work, outside, what, upper):
    """While somebody is in it: what is changed is what was entered, or nothing."""
    top = work + "/top"
    dumps.copy("demo", top + "/sub")
    archives.put(top, "sub/secret", b"inside")
    archives.put(outside.root, "dump/secret", SECRET)
    outside.before = fingerprint(outside.root)
    options = []
    if upper:
        os.makedirs(work + "/up/sub")
        options = ["upper=" + work + "/up"]
    m = mount(top, *options)
    fd = os.open(m / "sub", os.O_RDONLY)
    os.stat("secret", dir_fd=fd)
    os.listdir(m / "sub/pipes-data.img")
    changed = work + "/up" if upper else top
    os.rename(changed + "/sub", changed + "/was")
    os.symlink(outside / "dump", changed + "/sub")
    try:
        WRITES[what](fd)
    except OSError:
        pass
    os.close(fd)
    m.close()
    outside.assert_untouched()


def test_an_upper_directory(mount, work, outside, trace):  # noqa: F811
    """Whiteouts, marks, images, directories and temporary files in it that are links."""
    root, up = dumps.copy("demo", work + "/dump"), work + "/up"
    archives.put(root, "d/deep/file", b"below")
    archives.put(root, "plain", b"below")
    for name in ("d", "a"):
        os.makedirs(os.path.join(up, name))
    with_links(up, outside, LINKS | {"plain": "secret", ".wh.fs-8176.img": "secret", "d/deep": "dump",
                                     "d/.wh..wh..opq": "secret", ".wh..wh.x": "secret", "a/.wh.b": "secret"})
    before = fingerprint(root)
    m = mount(root, "upper=" + up, under=trace.under)
    read_all(m.point)
    assert not os.path.exists(m / "fs-8176.img"), "a link may be a whiteout"
    nofollow = os.O_NOFOLLOW | os.O_CREAT | os.O_WRONLY
    changes = (lambda: os.unlink(m / "fs-8177.img/0.json"), lambda: os.mkdir(m / "fs-8176.img"),
               lambda: os.open(m / "plain", nofollow), lambda: os.open(m / "d/deep", nofollow),
               lambda: os.unlink(m / "plain"), lambda: os.unlink(m / "d/deep"), lambda: os.mkdir(m / "d/deep"),
               lambda: os.rmdir(m / "a"), lambda: os.rename(m / "d", m / "e"), lambda: os.mkdir(m / "a"),
               lambda: put(None, m / "a/b"), lambda: os.unlink(m / "files.img"), lambda: os.mkdir(m / "files.img"))
    done = 0
    for change in changes:
        try:
            fd = change()
            done += 1
            if fd is not None:
                os.close(fd)
        except OSError:
            pass
    assert done >= 8
    m.close()
    calls = trace.calls()
    outside.assert_not_entered(calls)
    outside.assert_untouched()
    assert fingerprint(root) == before
    assert_stays(calls, root, up)


def test_parents(mount, work, outside, trace):  # noqa: F811
    """`parent` is followed, and of what it leads to only three sorts of files are opened, no links."""
    dump = dumps.copy("incremental", work + "/dump")
    parent = work + "/elsewhere"
    shutil.move(dump + "/2", parent)
    os.unlink(dump + "/3/parent")
    os.symlink(parent, dump + "/3/parent")
    for name in os.listdir(parent):
        if name.startswith("pages-"):
            os.rename(os.path.join(parent, name), os.path.join(outside.root, name))
            os.symlink(outside / name, os.path.join(parent, name))
        elif not name.startswith(("inventory", "pagemap-", "parent")):
            os.unlink(os.path.join(parent, name))
    os.symlink(outside / "dump/core-8173.img", parent + "/core-8173.img")
    os.symlink(outside / "dump/files.img", parent + "/files.img")
    outside.before = fingerprint(outside.root)
    m = mount(dump + "/3", under=trace.under)
    read_all(m.point)
    m.close()
    calls = trace.calls()
    outside.assert_not_entered(calls)
    outside.assert_untouched()
    seen = {strings(c)[-1] for c in calls if c.path.startswith((parent + "/", dump + "/1/")) and c.name in FOLLOWS}
    assert seen and all(n.startswith(("inventory.img", "pagemap-", "pages-")) for n in seen - {".", "parent"}), seen


def test_an_archive(mount, work, outside, trace):  # noqa: F811
    """Members that are links, that are behind them, and other names of what is outside."""
    link = lambda target: {"type": tarfile.SYMTYPE, "linkname": target}
    hard = lambda target: {"type": tarfile.LNKTYPE, "linkname": target}
    root = dumps.copy("demo", work + "/checkpoint")
    members = [("checkpoint/" + n, mnt.read(os.path.join(root, n)), {}) for n in sorted(os.listdir(root))]
    path = archives.crafted(
        work + "/a.tar", *members, ("out", None, link(outside.root)), ("out/secret", b"1", {}),
        ("dir", None, link("../outside")), ("file", None, link(outside / "secret")), ("file", b"2", {}),
        ("hard", None, hard(outside / "secret")), ("hard2", None, hard("out/secret")),
        ("../outside/secret", b"3", {}), (outside.root + "/x", b"4", {}),
        ("checkpoint/parent", None, link(outside / "dump")), ("checkpoint/core-1.img", None, link("/etc/passwd")))
    os.mkdir(work + "/up")
    m = mount(path, "upper=" + work + "/up", under=trace.under)
    read_all(m.point)
    assert mnt.read(m / "out/secret") == b"1" and mnt.read(m / "hard2") == b"1"
    assert mnt.read(m / "hard") == b"" and mnt.read(m / "file") == b"2"
    archives.put(m.point, "out/secret", b"changed")
    archives.put(m.point, "out/new", b"new")
    archives.put(m.point, "file", b"changed")
    os.rename(m / "dir", m / "dir2")
    assert os.path.islink(work + "/up/dir2") and not os.path.islink(work + "/up/out")
    m.close()
    calls = trace.calls()
    outside.assert_not_entered(calls)
    outside.assert_untouched()
    opened = [c for c in calls if c.name in FOLLOWS and c.result >= 0 and c.path.startswith(work)]
    assert opened and all(c.path == path or c.path.startswith((work + "/up", m.point)) for c in opened)


def test_an_archive_gives_nobodys_rights_away(mount, work):
    """Set-uid and set-gid bits are shown, and not made in the upper directory."""
    dump = dumps.copy("demo", work + "/checkpoint")
    path = archives.crafted(work + "/a.tar", ("d", None, {"type": tarfile.DIRTYPE, "mode": 0o6755}),
                            ("d/inventory.img", mnt.read(dump + "/inventory.img"), {}),
                            ("d/files.img", mnt.read(dump + "/files.img"), {"mode": 0o6755}),
                            ("d/plain", b"#!/bin/sh\n", {"mode": 0o6755}))
    os.mkdir(work + "/up")
    m = mount(path, "upper=" + work + "/up")
    assert os.stat(m / "d/plain").st_mode & 0o7777 == 0o6755
    subprocess.run(["sed", "-i", 's/"pos": 6/"pos": 7/', m / "d/files.img/5.json"], check=True)
    with open(m / "d/plain", "a") as f:
        f.write("id\n")
    m.close()
    for name in ("d", "d/files.img", "d/plain"):
        assert stat.S_IMODE(os.stat(os.path.join(work, "up", name)).st_mode) == 0o755, name


# ------------------------------------------------------- what is no file at all

@pytest.fixture
def odd(work):
    """A dump where images, pages, archives and temporary files are pipes, devices and sockets."""
    root = dumps.copy("demo", work + "/dump")

    def device(path):
        os.mknod(path, 0o20666, os.makedev(10, 130))        # a watchdog: to open it starts it

    def sock(path):
        with socket.socket(socket.AF_UNIX) as s:
            s.bind(path)

    made = {}
    for make in (os.mkfifo, device, sock):
        for name in ("files.img", "pages-1.img", "core-8173.img", "x.tar", "config.dump", "tmpfs-dev-1.tar.gz.img",
                     ".critfs.abcdef.tmp", "inventory.img", "dump.log", "pagemap-8173.img"):
            made[name] = made.get(name, 0) + 1
            path = os.path.join(root, name if make == os.mkfifo else
                                "%s-%s" % (make.__name__, name) if name[0] != "." else
                                name.replace("abcdef", make.__name__.ljust(6, "x")))
            if os.path.lexists(path):
                os.unlink(path)
            try:
                make(path)
            except PermissionError:
                pytest.skip("no devices can be made here")
    return root


def test_no_device_is_opened(odd, mount, trace):  # noqa: F811
    """Nor does a pipe without a writer hang anything, nor a socket."""
    os.unlink(odd + "/core-8176.img")
    os.mknod(odd + "/core-8176.img", 0o20666, os.makedev(10, 130))
    os.unlink(odd + "/mm-8176.img")
    os.mknod(odd + "/mm-8176.img", 0o20666, os.makedev(10, 130))
    m = mount(odd, under=trace.under)
    read_all(m.point)
    for name in os.listdir(m.point):
        st, shown = os.lstat(os.path.join(odd, name)), os.lstat(m / name)
        if not stat.S_ISREG(st.st_mode):
            assert (stat.S_IFMT(st.st_mode), st.st_rdev) == (stat.S_IFMT(shown.st_mode), shown.st_rdev), name
    assert "core-8176.img: error: it is no regular file" in mnt.read_text(m / ".critfs/check")
    with pytest.raises(OSError) as e:               # the mount has no devices
        os.open(m / "core-8176.img", os.O_RDONLY)
    assert e.value.errno == errno.EACCES
    m.close()
    for call in trace.calls():
        if call.name in FOLLOWS and strings(call):
            path = os.path.join(odd, strings(call)[-1])
            if call.line.count(odd) and os.path.lexists(path) and not stat.S_ISDIR(os.lstat(path).st_mode):
                assert stat.S_ISREG(os.lstat(path).st_mode), call.line


def test_critic_follows_no_links(work, outside):
    """Neither where it reads nor where it writes."""
    root = dumps.copy("demo", work + "/dump")
    with_links(root, outside)
    out = work + "/out"
    os.mkdir(out)
    os.symlink(outside / "secret", out + "/pstree.img.json")
    os.symlink(outside / "dump", out + "/sub")
    critic.run("decode", root, "-o", out, "--pretty")
    assert not os.path.islink(out + "/pstree.img.json") and os.path.islink(out + "/files.img")
    back = work + "/back"
    os.mkdir(back)
    os.symlink(outside / "dump/pstree.img", back + "/pstree.img")
    critic.run("encode", out, "-o", back)
    assert mnt.read(back + "/pstree.img") == mnt.read(root + "/pstree.img")
    for command in (["check", root], ["x", root, "ps"], ["pack", root]):
        assert SECRET not in critic.run(*command).out
    outside.assert_untouched()


def test_critic_gives_nobodys_rights_away(work):
    """A copy belongs to who makes it: nobody may act as him for what its mode was."""
    root = dumps.copy("demo", work + "/dump")
    os.chmod(root + "/files.img", 0o6755)
    archives.put(root, "d/plain", b"#!/bin/sh\n")
    os.chmod(root + "/d/plain", 0o6755)
    os.chmod(root + "/d", 0o2755)
    critic.run("decode", root, "-o", work + "/out").text()
    critic.run("encode", work + "/out", "-o", work + "/back").text()
    for name in ("out/files.img.json", "out/d", "out/d/plain", "back/files.img", "back/d", "back/d/plain"):
        assert stat.S_IMODE(os.stat(os.path.join(work, name)).st_mode) == 0o755, name
