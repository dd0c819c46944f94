"""Names in an image directory that are no entry's: in memory, gone at unmount."""
import errno
import os
import stat
import subprocess

import pytest

import dumps
import mnt
from editing import Target

NAMES = [".3.json.swp", ".3.json.swx", "4913", "3.json~", "#3.json#", "sedXy12Zz", "tmpabc", "07.json",
         "3.JSON", "3.json.bak", "notes", "x.json", "3", "3.", ".json", "3.json.json", "-1.json", "+1.json",
         "1e3.json", "0x1.json", "3.extra~", "name with spaces", "\u00e4\u20ac", "n" * 255, "...",
         "18446744073709551616.json"]


@pytest.fixture
def target(mount, work):
    return Target(mount, work)


def assert_nothing_in_the_dump(target):
    assert sorted(os.listdir(target.root)) == sorted(os.listdir(dumps.pristine("demo")))
    target.assert_unchanged()


def refused(error, call, *args):
    with pytest.raises(OSError) as e:
        call(*args)
    assert e.value.errno == error, e.value


@pytest.mark.parametrize("name", NAMES)
def test_scratch_names(target, name):
    path = target.dir + "/" + name
    with open(path, "x") as f:
        f.write("something\n")
    assert mnt.read_text(path) == "something\n"
    assert os.stat(path).st_size == 10 and stat.S_ISREG(os.stat(path).st_mode)
    assert sorted(os.listdir(target.dir)) == sorted(mnt.listing(target.before) + [name])
    assert_nothing_in_the_dump(target)
    os.unlink(path)
    assert os.listdir(target.dir) == mnt.listing(target.before)
    assert not os.path.exists(path)


def test_as_any_file(target):
    """Append, truncate, grow, write at an offset, exclusive creation, attributes."""
    path = target.dir + "/notes"
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    os.pwrite(fd, b"end", 100)
    assert os.pread(fd, 200, 0) == bytes(100) + b"end"
    os.ftruncate(fd, 5)
    os.pwrite(fd, b"start", 0)
    os.close(fd)
    refused(errno.EEXIST, os.open, path, os.O_RDWR | os.O_CREAT | os.O_EXCL)
    with open(path, "a") as f:
        f.write("more")
    assert mnt.read(path) == b"startmore"
    os.truncate(path, 3)
    assert mnt.read(path) == b"sta"
    os.chmod(path, 0o640)
    os.chown(path, 12, 34)
    os.utime(path, ns=(10**18, 10**18 + 7))
    st = os.stat(path)
    assert (stat.S_IMODE(st.st_mode), st.st_uid, st.st_gid) == (0o640, 12, 34)
    assert st.st_mtime_ns == 10**18 + 7
    assert st.st_size == 3


@pytest.mark.parametrize("size", [(1 << 20) - 1, 1 << 20, (1 << 20) + 1, 9 << 20])
def test_large(target, size):
    """Beyond 1 MiB in an unlinked temporary file: never a name in the dump."""
    path, data = target.dir + "/large", os.urandom(1 << 16) * (size // (1 << 16) + 1)
    data = data[:size]
    with open(path, "wb") as f:
        f.write(data)
    assert mnt.read(path) == data
    assert os.stat(path).st_size == size
    assert_nothing_in_the_dump(target)
    os.truncate(path, 10)
    assert mnt.read(path) == data[:10]


def test_across_the_limit_at_an_offset(target):
    with open(target.dir + "/sparse", "w+b") as f:
        f.write(b"start")
        f.seek(3 << 20)
        f.write(b"end")
        f.seek(0)
        data = f.read()
    assert len(data) == (3 << 20) + 3
    assert data[:5] == b"start" and data[-3:] == b"end" and not data[5:-3].strip(b"\0")


def test_renamed(target):
    a, b = target.dir + "/a", target.dir + "/b"
    for path in (a, b):
        with open(path, "w") as f:
            f.write(path)
    os.rename(a, b)
    assert mnt.read_text(b) == a and not os.path.exists(a)
    os.rename(b, a)
    assert mnt.read_text(a) == a and not os.path.exists(b)


def test_open_files_outlive_their_names(target):
    with open(target.dir + "/gone", "w+") as f:
        f.write("still here")
        f.flush()
        os.unlink(target.dir + "/gone")
        assert not os.path.exists(target.dir + "/gone")
        f.seek(0)
        assert f.read() == "still here"


def test_gone_at_unmount(target, mount):
    with open(target.dir + "/notes", "w") as f:
        f.write("x")
    target.mount.close()
    m = mount(target.root)
    assert os.listdir(m / "files.img") == mnt.listing(target.before)
    assert_nothing_in_the_dump(target)


def test_listed(target):
    assert mnt.read_text(target.mount / ".critfs/scratch") == ""
    for name in ("notes", ".3.json.swp"):
        with open(target.dir + "/" + name, "w") as f:
            f.write("x")
    with open(target.mount / "mm-8173.img/other", "w") as f:
        f.write("x")
    lines = mnt.read_text(target.mount / ".critfs/scratch")
    for name in ("files.img/notes", "files.img/.3.json.swp", "mm-8173.img/other"):
        assert name in lines
    os.unlink(target.dir + "/notes")
    assert "files.img/notes" not in mnt.read_text(target.mount / ".critfs/scratch")


def test_named_in_the_log_at_unmount(target):
    """But not what editors leave behind."""
    for name in ("precious", ".3.json.swp", "3.json~"):
        with open(target.dir + "/" + name, "w") as f:
            f.write("x")
    target.mount.close()
    log = target.mount.stderr()
    assert "files.img/precious" in log
    assert ".3.json.swp" not in log and "3.json~" not in log


@pytest.mark.parametrize("name", ["core-1.img", "x.img", ".img", "3.json.img"])
def test_image_names_are_refused(target, name):
    """cp new/core-1.img MNT/core-1.img would land inside the directory."""
    refused(errno.EPERM, os.open, target.dir + "/" + name, os.O_WRONLY | os.O_CREAT)
    with open(target.dir + "/notes", "w") as f:
        f.write("x")
    refused(errno.EPERM, os.rename, target.dir + "/notes", target.dir + "/" + name)
    assert mnt.read_text(target.dir + "/notes") == "x"


def test_cp_of_an_image_onto_its_directory_fails(target, work):
    other = os.path.join(work, "files.img")
    with open(other, "wb") as f:
        f.write(target.old_bytes)
    done = subprocess.run(["cp", other, target.mount.point + "/"], capture_output=True, text=True)
    assert done.returncode != 0
    done = subprocess.run(["cp", other, target.dir], capture_output=True, text=True)
    assert done.returncode != 0
    target.assert_unchanged()


def test_structural_refusals(target):
    with open(target.dir + "/notes", "w") as f:
        f.write("x")
    refused(errno.EPERM, os.link, target.path, target.dir + "/linked")
    refused(errno.EPERM, os.link, target.dir + "/notes", target.dir + "/linked")
    refused(errno.EPERM, os.mknod, target.dir + "/fifo", stat.S_IFIFO | 0o600)
    refused(errno.EPERM, os.mknod, target.mount / "device", stat.S_IFCHR | 0o600, os.makedev(1, 3))
    refused(errno.EXDEV, os.rename, target.dir + "/notes", target.mount / "mm-8173.img/notes")
    refused(errno.EXDEV, os.rename, target.dir + "/notes", target.mount / "notes")
    refused(errno.EXDEV, os.rename, target.path, target.mount / "mm-8173.img/1.json")
    refused(errno.EXDEV, os.rename, target.path, target.mount / "3.json")
    assert mnt.read_text(target.dir + "/notes") == "x"
    assert_nothing_in_the_dump(target)


@pytest.mark.parametrize("name", ["version", "errors", "scratch", "new"])
def test_critfs_is_not_written(target, name):
    path = target.mount / ".critfs/" + name
    with pytest.raises(OSError) as e:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC))
    assert e.value.errno in (errno.EROFS, errno.EPERM, errno.EACCES)
    with pytest.raises(OSError):
        os.unlink(path)
    with pytest.raises(OSError):
        os.rename(target.mount / ".critfs", target.mount / "visible")


def test_emacs_lock_is_a_link(target):
    """emacs marks a file being edited by a symlink to user@host.pid."""
    lock = target.dir + "/.#3.json"
    os.symlink("me@host.1:2", lock)
    assert os.readlink(lock) == "me@host.1:2"
    assert stat.S_ISLNK(os.lstat(lock).st_mode)
    os.unlink(lock)
    assert not os.path.lexists(lock)


def test_scratch_beside_messages(mount, work):
    root = dumps.copy("container-ipc", os.path.join(work, "d"))
    m = mount(root)
    where = m / "ipcns-msg-11.img/0.msgs"
    before = mnt.read(os.path.join(root, "ipcns-msg-11.img"))
    names = os.listdir(where)
    with open(where + "/.0.json.swp", "w") as f:
        f.write("x")
    assert sorted(os.listdir(where)) == sorted(names + [".0.json.swp"])
    os.unlink(where + "/.0.json.swp")
    assert os.listdir(where) == names
    assert mnt.read(os.path.join(root, "ipcns-msg-11.img")) == before


def test_many(target):
    """Thousands of small ones, listed and removed."""
    for i in range(2000):
        with open(target.dir + "/s%d" % i, "w") as f:
            f.write(str(i))
    assert len(os.listdir(target.dir)) == 2000 + len(mnt.listing(target.before))
    for i in range(2000):
        assert mnt.read_text(target.dir + "/s%d" % i) == str(i)
        os.unlink(target.dir + "/s%d" % i)
    assert os.listdir(target.dir) == mnt.listing(target.before)
