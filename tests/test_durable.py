"""Killed, full, failing: the image is what it was or what it should be, and nothing typed is lost."""
import errno
import itertools
import mmap
import os
import random
import signal
import threading

import pytest

import criuimg
import dumps
import handmade
import mnt
from criuimg import TYPES
from editing import Target, assert_no_temporaries
from faults import KILL_AFTER, KILL_BEFORE, disk, left_overs, library, preload  # noqa: F401


# ------------------------------------------------------- killed at random

class Stream:
    """Edits of three small images, one after the other, and the files that each makes."""

    def __init__(self, root, seed):
        print("seed", seed)
        os.mkdir(root)
        self.root, self.rand, self.count = root, random.Random(seed), itertools.count(1)
        self.images = {"fdinfo-2.img": handmade.image(TYPES["FDINFO"]),
                       "pipes-data.img": handmade.image(TYPES["PIPES_DATA"]),
                       "tcp-stream-7.img": handmade.image(TYPES["TCP_STREAM"])}
        self.bytes = {}
        for name, image in self.images.items():
            dumps.write(root, name, image)
            self.bytes[name] = criuimg.write_image(image)

    def stored(self, name):
        return mnt.read(os.path.join(self.root, name))

    def next(self):
        """Plan an edit: (image, file in it, what is written there)."""
        name = self.rand.choice(sorted(self.images))
        image = self.images[name]
        i = self.rand.randrange(len(image.entries))
        entry, number = image.entries[i], next(self.count)
        if entry.extra is not None and self.rand.randrange(2):
            return name, self.new_extra(entry, i, number)
        field = {"FDINFO": "fd", "PIPES_DATA": "pipe_id", "TCP_STREAM": "inq_seq"}[image.type.name]
        msg = entry.decode()
        setattr(msg, field, number)
        entry.payload = criuimg.SCHEMA.encode(msg)
        return name, ("%d.json" % i, entry.text().encode())

    def new_extra(self, entry, i, number):
        data = self.rand.randbytes(self.rand.choice((0, 10, 70000))) + b"%d" % number
        msg = entry.decode()
        if isinstance(entry.extra, dict):
            entry.extra["outq"], msg.outq_len, part = data, len(data), "outq"
        else:
            entry.extra, msg.bytes, part = data, len(data), "extra"
        entry.payload = criuimg.SCHEMA.encode(msg)
        return "%d.%s" % (i, part), data

    def write(self, point, name, file, data):
        path = os.path.join(point, name, file)
        how = self.rand.randrange(4)
        if how == 0:
            mnt.save(path, data)
        elif how == 1:
            mnt.save(path + ".new", data, os.O_WRONLY | os.O_CREAT)
            os.rename(path + ".new", path)
        else:
            fd = os.open(path, os.O_RDWR)
            try:
                os.ftruncate(fd, 0)
                mnt.write_fd(fd, data)
                if how == 3:
                    os.fsync(fd)
            finally:
                os.close(fd)

    def run(self, point):
        """Edit until the daemon is gone; the image and the bytes that were in the making then."""
        while True:
            name, (file, data) = self.next()
            made = criuimg.write_image(self.images[name])
            try:
                self.write(point, name, file, data)
            except OSError as e:
                assert e.errno in (errno.ENOTCONN, errno.ECONNABORTED, errno.EIO), e
                return name, made
            self.bytes[name] = made

    def check(self, name, made):
        """Every image is that of the last edit that was done, or of the one that was not."""
        for other, data in self.bytes.items():
            stored = self.stored(other)
            assert stored == data or (other == name and stored == made), other
            self.bytes[other] = stored
        if self.bytes[name] != made:
            self.images[name] = criuimg.read_image(self.bytes[name])


def test_killed_at_random(mount, work):
    """Every image is one that a prefix of the edits gives, with all whose close had returned."""
    s = Stream(os.path.join(work, "dump"), 1)
    rand, left = random.Random(2), 0
    for _ in range(40 if mnt.sanitized() else 200):
        m = mount(s.root)
        assert_no_temporaries(s.root)
        timer = threading.Timer(rand.uniform(0, 0.03), m.proc.kill)
        timer.start()
        name, made = s.run(m.point)
        timer.join()
        m.proc.wait()
        m.abandon()
        left += len(left_overs(s.root))
        s.check(name, made)
    print("%d edits, %d left-overs" % (next(s.count), left))
    m = mount(s.root)
    assert_no_temporaries(s.root)
    for name, image in s.images.items():
        assert os.listdir(m / name) == mnt.listing(image)


# --------------------------------------------------- a call that goes wrong

@pytest.fixture
def failing(preload, mount, work):
    """A Target whose daemon can be made to fail, and what makes it."""
    t = Target(lambda root, *options: preload.mount(mount, root), work)
    return t, preload


def by_close(t):
    mnt.save(t.path, t.new)


def by_fsync(t):
    fd = os.open(t.path, os.O_WRONLY | os.O_TRUNC)
    mnt.write_fd(fd, t.new.encode())
    try:
        os.fsync(fd)
    finally:
        try:
            os.close(fd)
        except OSError:
            pass


def by_rename(t):
    mnt.save(t.dir + "/new", t.new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.rename(t.dir + "/new", t.path)


CALLS = [("openat64", errno.EACCES), ("openat64", errno.ENOSPC),
         ("ftruncate64", errno.EIO), ("ftruncate64", errno.ENOSPC), ("copy_file_range", errno.EIO),
         ("copy_file_range", errno.ENOSPC), ("copy_file_range", errno.EDQUOT), ("pwrite64", errno.EIO),
         ("pwrite64", errno.ENOSPC), ("pwrite64", errno.EDQUOT), ("fchown", errno.EPERM),
         ("fchmod", errno.EIO), ("fsetxattr", errno.ENOSPC), ("fsync", errno.EIO), ("fsync", errno.ENOSPC),
         ("renameat", errno.EIO), ("renameat", errno.ENOSPC)]


@pytest.mark.parametrize("how", [by_close, by_fsync, by_rename], ids=lambda f: f.__name__)
@pytest.mark.parametrize("call, error", CALLS)
def test_a_failing_call(failing, call, error, how):
    """Its errno is the user's; the image stays, what was typed is kept, the next save is done."""
    t, preload = failing
    preload.fail(call, error)
    for _ in range(2):
        with pytest.raises(OSError) as e:
            how(t)
        assert e.value.errno == error
        t.assert_unchanged()
        assert t.text() == t.old
        assert_no_temporaries(t.root)
        assert mnt.read_text(t.path + ".rej") == t.new
        line = mnt.read_text(t.path + ".err")
        assert line.startswith("files.img/3.json: error: ") and os.strerror(e.value.errno) in line
    preload.clear()
    how(t)
    t.assert_committed()
    assert not os.path.exists(t.path + ".rej") and not os.path.exists(t.path + ".err")


@pytest.mark.parametrize("how", [by_close, by_fsync, by_rename], ids=lambda f: f.__name__)
def test_without_locks(failing, how):
    """Some network file systems have none; then no sweep can take what is being written for left over."""
    t, preload = failing
    preload.fail("flock", errno.ENOLCK)
    how(t)
    t.assert_committed()


@pytest.mark.parametrize("error", [errno.EXDEV, errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS, errno.EPERM])
def test_copying_by_hand(failing, error):
    """A file system that can't copy within the kernel is no reason to fail."""
    t, preload = failing
    preload.fail("copy_file_range", error)
    by_close(t)
    t.assert_committed()


def test_a_failed_fsync_is_not_forgotten(failing):
    """The next one does it, or fails again: it never says that all is well when it is not."""
    t, preload = failing
    fd = os.open(t.path, os.O_RDWR)
    os.ftruncate(fd, 0)
    mnt.write_fd(fd, t.new.encode())
    preload.fail("fsync", errno.EIO)
    for _ in range(2):
        with pytest.raises(OSError) as e:
            os.fsync(fd)
        assert e.value.errno == errno.EIO
    preload.clear()
    try:
        os.fsync(fd)
    except OSError as e:
        assert e.errno == errno.EIO
        t.assert_unchanged()
        os.pwrite(fd, t.new.encode(), 0)
        os.fsync(fd)
    t.assert_committed()
    os.close(fd)


def test_a_directory_that_is_not_synced(failing):
    """The new image is there already; fsync(2) still must not promise that it stays."""
    t, preload = failing
    fd = os.open(t.path, os.O_WRONLY | os.O_TRUNC)
    mnt.write_fd(fd, t.new.encode())
    preload.fail("fsync", errno.EIO, 1)
    with pytest.raises(OSError) as e:
        os.fsync(fd)
    assert e.value.errno == errno.EIO
    assert criuimg.load(t.stored).entries[t.INDEX].text() == t.new == t.text()
    assert_no_temporaries(t.root)
    preload.clear()
    try:
        os.close(fd)
    except OSError as e:
        assert e.errno == errno.EIO
    mnt.save(t.path, t.old)
    assert mnt.read(t.stored) == t.old_bytes


@pytest.mark.parametrize("call, error", [("pwrite64", errno.ENOSPC), ("pwrite64", errno.EIO),
                                         ("copy_file_range", errno.ENOSPC), ("fsync", errno.EIO),
                                         ("renameat", errno.EIO)])
def test_an_extra_whose_call_fails(preload, mount, work, call, error):
    """Appended, cut by path, renamed: all of what it would have been is kept."""
    root = dumps.copy("demo", os.path.join(work, "dump"))
    stored = os.path.join(root, "pipes-data.img")
    m = preload.mount(mount, root)
    path = m / "pipes-data.img/0.extra"
    mnt.save(path, b"old" * 10000)
    before = mnt.read(stored)
    preload.fail(call, error)
    for size in (5, 200000):
        with pytest.raises(OSError) as e:
            os.truncate(path, size)
        assert e.value.errno == error
        assert mnt.read(path + ".rej") == (b"old" * 10000)[:size] + bytes(max(0, size - 30000))
    fd = os.open(path, os.O_WRONLY | os.O_APPEND)
    os.write(fd, b"appended")
    with pytest.raises(OSError) as e:
        os.close(fd)
    assert e.value.errno == error
    assert mnt.read(path + ".rej") == b"old" * 10000 + b"appended"
    assert mnt.read(stored) == before and mnt.read(path) == b"old" * 10000
    assert_no_temporaries(root)
    preload.clear()
    os.rename(path + ".rej", path)
    assert criuimg.load(stored).entries[0].extra == b"old" * 10000 + b"appended"
    assert not os.path.exists(path + ".err")


@pytest.mark.not_on_upper("other calls make whiteouts")
def test_plain_files_whose_calls_fail(preload, mount, work):
    root = dumps.copy("demo", os.path.join(work, "dump"))
    m = preload.mount(mount, root)
    before = mnt.read(os.path.join(root, "pages-1.img"))
    fd = os.open(m / "pages-1.img", os.O_RDWR)
    preload.fail("fsync", errno.EIO)
    with pytest.raises(OSError) as e:
        os.fsync(fd)
    assert e.value.errno == errno.EIO
    for error in (errno.ENOSPC, errno.EIO):
        preload.fail("pwrite64", error)
        with pytest.raises(OSError) as e:
            os.pwrite(fd, b"new", 0)
        assert e.value.errno == error
        assert mnt.read(os.path.join(root, "pages-1.img")) == before
        assert os.pread(fd, 100, 0) == before[:100]
    preload.fail("ftruncate64", errno.EIO)
    with pytest.raises(OSError) as e:
        os.ftruncate(fd, 0)
    assert e.value.errno == errno.EIO and os.fstat(fd).st_size == len(before)
    preload.fail("renameat2", errno.EIO)
    with pytest.raises(OSError) as e:
        os.rename(m / "pages-1.img", m / "pages-1.img.kept")
    assert e.value.errno == errno.EIO
    preload.fail("unlinkat", errno.EIO)
    with pytest.raises(OSError) as e:
        os.unlink(m / "pages-1.img")
    assert e.value.errno == errno.EIO
    preload.clear()
    os.pwrite(fd, b"new", 0)
    os.fsync(fd)
    os.close(fd)
    assert mnt.read(m / "pages-1.img") == b"new" + before[3:] == mnt.read(os.path.join(root, "pages-1.img"))


def test_an_image_that_cannot_be_read(preload, mount, work):
    """A bad sector: reading says so, editing is refused, the daemon goes on."""
    t = Target(lambda root, *options: preload.mount(mount, root), work)
    preload.fail("pread64", errno.EIO)
    for call in (lambda: mnt.read(t.path), lambda: by_close(t)):
        with pytest.raises(OSError) as e:
            call()
        assert e.value.errno == errno.EIO
    t.assert_unchanged()
    preload.clear()
    assert mnt.wait_for(lambda: t.text() == t.old, 5)
    by_close(t)
    t.assert_committed()


# ---------------------------------------------- killed at a certain call

@pytest.mark.parametrize("how", [by_close, by_fsync, by_rename], ids=lambda f: f.__name__)
@pytest.mark.parametrize("when", [KILL_BEFORE, KILL_AFTER], ids=["before", "after"])
@pytest.mark.parametrize("call", ["openat64", "flock", "ftruncate64", "copy_file_range", "pwrite64",
                                  "fchown", "fchmod", "fsetxattr", "fsync", "renameat"])
def test_killed_at_a_call(failing, mount, call, when, how):
    """Up to the rename it is the old image, from then on the new one."""
    t, preload = failing
    preload.fail(call, when)
    with pytest.raises(OSError):
        how(t)
    assert t.mount.proc.wait(30) == -signal.SIGKILL
    t.mount.abandon()
    preload.clear()
    if (call, when) == ("renameat", KILL_AFTER):
        after = criuimg.load(t.stored)
        assert after.entries[t.INDEX].text() == t.new and not left_overs(t.root)
    else:
        t.assert_unchanged()
        assert len(left_overs(t.root)) == (0 if (call, when) == ("openat64", KILL_BEFORE) else 1)
    t.mount = mount(t.root)
    assert_no_temporaries(t.root)
    t.path = t.mount / t.rel + "/%d.json" % t.INDEX
    mnt.save(t.path, t.new)
    t.assert_committed()


# ------------------------------------------------------------- a full disk

class OnDisk:
    """An image of 300 KB on the small file system, mounted."""

    def __init__(self, disk, mount):
        self.disk = disk
        self.root = os.path.join(disk.path, "dump")
        os.mkdir(self.root)
        self.image = handmade.image(TYPES["PIPES_DATA"])
        self.image.entries[1] = handmade.entry(TYPES["PIPES_DATA"], size=300000)
        self.stored = dumps.write(self.root, "pipes-data.img", self.image)
        self.before = mnt.read(self.stored)
        self.mount = mount(self.root)
        self.dir = self.mount / "pipes-data.img"
        entry = criuimg.read_image(self.before).entries[0]
        value = entry.json()
        value["pipe_id"] = 99
        self.text = criuimg.text(value)

    def save(self):
        mnt.save(self.dir + "/0.json", self.text)

    def assert_refused(self, part, data):
        assert mnt.read(self.stored) == self.before
        assert mnt.read(self.dir + "/" + part + ".rej") == data
        line = mnt.read_text(self.dir + "/" + part + ".err")
        assert line.startswith("pipes-data.img/%s: error: " % part)
        assert os.strerror(errno.ENOSPC) in line
        assert_no_temporaries(self.root)

    def assert_saved(self):
        assert criuimg.load(self.stored).entries[0].text() == self.text
        assert criuimg.load(self.stored).entries[1].extra == self.image.entries[1].extra


def no_space(call, *args):
    with pytest.raises(OSError) as e:
        call(*args)
    assert e.value.errno == errno.ENOSPC


@pytest.mark.parametrize("free", [0, 4096, 100000, 250000])
def test_a_full_disk(disk, mount, free):
    """Whichever byte of the new image is the one too many."""
    d = OnDisk(disk, mount)
    disk.fill(free)
    for _ in range(2):
        no_space(d.save)
        d.assert_refused("0.json", d.text.encode())
    disk.free()
    d.save()
    d.assert_saved()


def test_no_inode(disk, mount):
    d = OnDisk(disk, mount)
    disk.use_up_inodes()
    no_space(d.save)
    d.assert_refused("0.json", d.text.encode())
    disk.free()
    d.save()
    d.assert_saved()


def test_an_extra_on_a_full_disk(disk, mount):
    """More than memory holds of it: what was typed is kept where there is room."""
    d = OnDisk(disk, mount)
    disk.fill(100000)
    data = handmade.blob(3 << 20, 9)
    no_space(mnt.save, d.dir + "/2.extra", data)
    d.assert_refused("2.extra", data)
    disk.free()
    os.rename(d.dir + "/2.extra.rej", d.dir + "/2.extra")
    assert criuimg.load(d.stored).entries[2].extra == data


def test_renamed_onto_on_a_full_disk(disk, mount):
    d = OnDisk(disk, mount)
    disk.fill()
    mnt.save(d.dir + "/new", d.text, os.O_WRONLY | os.O_CREAT)
    no_space(os.rename, d.dir + "/new", d.dir + "/0.json")
    d.assert_refused("0.json", d.text.encode())
    disk.free()
    os.rename(d.dir + "/0.json.rej", d.dir + "/0.json")
    d.assert_saved()


def test_a_document_on_a_full_disk(disk, mount):
    d = OnDisk(disk, mount)
    path = d.mount / ".critfs/json/pipes-data.img.json"
    old = criuimg.read_image(d.before).entries[0].json()["pipe_id"]
    text = mnt.read_text(path).replace('"pipe_id": %d,' % old, '"pipe_id": 99,', 1)
    disk.fill(100000)
    no_space(mnt.save, path, text)
    assert mnt.read(d.stored) == d.before and mnt.read_text(path + ".rej") == text
    assert_no_temporaries(d.root)
    disk.free()
    os.rename(path + ".rej", path)
    d.assert_saved()


def test_plain_files_on_a_full_disk(disk, mount):
    d = OnDisk(disk, mount)
    path = d.mount / "notes"
    with open(path, "wb") as f:
        f.write(b"before")
        f.truncate(1 << 20)
    disk.fill()
    fd = os.open(path, os.O_RDWR)
    no_space(os.pwrite, fd, b"x" * 100000, 500000)
    with mmap.mmap(fd, 1 << 20) as m:
        m[600000:700000] = b"y" * 100000
        with pytest.raises(OSError):
            m.flush()
            os.fsync(fd)
    os.close(fd)
    assert mnt.read(path)[:6] == b"before"
    disk.free()
    mnt.save(path, b"after")
    assert mnt.read(os.path.join(d.root, "notes")) == b"after"


def test_no_room_for_drafts(disk, mount, work, monkeypatch):
    """Where drafts of megabytes go is full: write says so, smaller ones are still edited."""
    t = os.path.join(disk.path, "tmp")
    os.mkdir(t)
    monkeypatch.setenv("TMPDIR", t)
    root = dumps.copy("demo", os.path.join(work, "dump"))
    m = mount(root)
    disk.fill(100000)
    no_space(mnt.save, m / "pipes-data.img/notes", b"x" * (3 << 20), os.O_WRONLY | os.O_CREAT)
    fd = os.open(m / "pipes-data.img/0.extra", os.O_WRONLY | os.O_TRUNC)
    no_space(mnt.write_fd, fd, b"x" * (3 << 20))
    os.ftruncate(fd, 0)
    os.pwrite(fd, b"short", 0)
    os.close(fd)
    assert criuimg.load(os.path.join(root, "pipes-data.img")).entries[0].extra == b"short"
    disk.free()
    mnt.save(m / "pipes-data.img/0.extra", b"x" * (3 << 20))
    assert len(criuimg.load(os.path.join(root, "pipes-data.img")).entries[0].extra) == 3 << 20
    assert not [files for _, _, files in os.walk(t) if files]
