"""Many edits of one large image, one after the other: each of them whole, none seen by others too early or too late."""
import errno
import json
import mmap
import os
import random
import signal
import threading

import pytest

import criuimg
import handmade
import mnt
from criuimg import TYPES
from editing import assert_no_temporaries
from faults import disk, left_overs, library, memory_disk, preload, reflink_disk  # noqa: F401

NAME = "pipes-data.img"
ENTRIES, SIZE = 100, 5000           # half a megabyte: large enough for what is done for large images
MANY = 20                           # edits after which a burst is one


class Dump:
    """An image and what every edit should make of it."""

    def __init__(self, root, seed=1, size=SIZE):
        print("seed", seed)
        self.root, self.rand = root, random.Random(seed)
        os.mkdir(root)
        self.image = criuimg.Image(TYPES["PIPES_DATA"], "common")
        self.extras = {i: self.rand.randbytes(size) for i in range(ENTRIES)}
        self.ids = {i: (1 << 27) + i for i in range(ENTRIES)}
        self.frames = {i: self.frame(i) for i in range(ENTRIES)}
        self.stored = os.path.join(root, NAME)
        with open(self.stored, "wb") as f:
            f.write(self.bytes())

    def message(self, i):
        msg = handmade.Fill("bare").message("pipe_data_entry")
        msg.pipe_id, msg.bytes = self.ids[i], len(self.extras[i])
        return criuimg.SCHEMA.encode(msg)

    def frame(self, i):
        entry = criuimg.Entry("pipe_data_entry", self.message(i), self.extras[i])
        return criuimg.write_entry(self.image, entry)

    def bytes(self):
        return criuimg.write_header(self.image) + b"".join(self.frames[i] for i in sorted(self.frames))

    def mounted(self, m):
        self.point, self.dir = m.point, m / NAME

    def text(self, i):
        return criuimg.Entry("pipe_data_entry", self.message(i)).text()

    def same_length(self, i):
        """Another number that takes as many bytes."""
        self.ids[i] = (1 << 27) + self.rand.randrange(1 << 26)
        self.frames[i] = self.frame(i)
        return "%d.json" % i, self.text(i).encode()

    def other_length(self, i):
        """One that takes more or fewer: all behind it moves."""
        old = self.frames[i]
        while len(old) == len(self.frames[i]):
            self.ids[i] = self.rand.randrange(1 << self.rand.randrange(1, 32))
            self.frames[i] = self.frame(i)
        return "%d.json" % i, self.text(i).encode()

    def other_bytes(self, i):
        self.extras[i] = self.rand.randbytes(self.rand.choice((0, 7, SIZE, SIZE, SIZE + 1, 3 * SIZE)))
        self.frames[i] = self.frame(i)
        return "%d.extra" % i, self.extras[i]

    def remove(self, i):
        del self.frames[i]
        return "%d.json" % i, None

    def some(self):
        return self.rand.choice(sorted(self.frames))

    def any(self):
        how = self.rand.choice([self.same_length] * 4 + [self.other_length] * 2 + [self.other_bytes] * 2
                               + [self.remove] * (len(self.frames) > ENTRIES // 2))
        return how(self.some())

    def do(self, file, data):
        path = os.path.join(self.dir, file)
        if data is None:
            os.unlink(path)
        else:
            mnt.save(path, data)

    def check(self):
        assert mnt.read(self.stored) == self.bytes()

    def burst(self, n=MANY):
        for _ in range(n):
            self.do(*self.same_length(self.some()))
        self.check()


@pytest.fixture
def dump(mount, work):
    d = Dump(os.path.join(work, "dump"))
    d.mounted(mount(d.root))
    return d


def gone(d):
    return mnt.wait_for(lambda: not left_overs(d.root), 30)


def test_edits_in_a_burst(dump):
    """Whatever is changed, wherever: the image is what the edits so far make of it."""
    for _ in range(150 if mnt.sanitized() else 500):
        dump.do(*dump.any())
        dump.check()
        assert len(left_overs(dump.root)) <= 1
    assert gone(dump)
    listed = [n for n in os.listdir(dump.dir) if n.endswith(".json")]
    assert len(listed) == len(dump.frames)
    for i in dump.frames:
        assert mnt.read_text(dump.dir + "/%d.json" % i) == dump.text(i)
        assert mnt.read(dump.dir + "/%d.extra" % i) == dump.extras[i]


@pytest.mark.not_on_upper("it looks at calls on the dump")
def test_an_edit_costs_its_own_bytes(preload, mount, work):
    """The image is not copied for each; and of two files only the one is written that nothing leads to."""
    d = Dump(os.path.join(work, "dump"))
    d.mounted(preload.mount(mount, d.root))
    directory = os.stat(d.root).st_ino
    d.burst()
    preload.watch()
    d.burst(MANY + 1)
    calls = preload.seen()
    exchanges = [i for i, c in enumerate(calls) if c == ("renameat2", directory)]
    # a machine that halts for half a second ends a burst
    assert len(exchanges) >= MANY // 2
    patched = 0
    for a, b in zip(exchanges, exchanges[1:]):
        between = calls[a + 1:b]
        written = [c for c in between if c[0] in ("pwrite64", "copy_file_range")]
        assert written
        if ("ftruncate64", written[0][1]) in between:
            continue                # a new file
        patched += 1
        # on the disk is by then what the name leads to, and afterwards what it will lead to
        assert ("fsync", directory) in between[:between.index(written[0])]
        assert between.index(("fcntl64", written[0][1])) < between.index(written[0])
        assert between[-1] == ("fsync", written[-1][1])
        assert {inode for _, inode in written} == {written[0][1]}
        assert len(written) <= 2
    assert patched >= MANY // 2


@pytest.mark.not_on_upper("the test itself moves the image between the two")
def test_the_spare_file_goes(dump):
    """It is not seen in the mount, and soon not in the dump; an image that is removed takes it along."""
    dump.burst()
    assert_no_temporaries(dump.point)
    assert gone(dump)
    sub = os.path.join(dump.root, "sub")
    os.mkdir(sub)
    os.rename(dump.stored, os.path.join(sub, NAME))
    dump.dir, dump.stored = os.path.join(dump.point, "sub", NAME), os.path.join(sub, NAME)
    dump.burst()
    os.rename(dump.dir, os.path.join(dump.point, NAME))
    os.rmdir(os.path.join(dump.point, "sub"))
    dump.dir, dump.stored = os.path.join(dump.point, NAME), os.path.join(dump.root, NAME)
    dump.burst()
    for i in sorted(dump.frames):
        os.unlink(dump.dir + "/%d.json" % i)
    os.rmdir(dump.dir)
    assert_no_temporaries(dump.root)


def test_the_spare_file_is_not_for_others(dump):
    """Nor is it in anybody's way who looks at it, or makes a link to it."""
    os.chmod(dump.stored, 0o644)
    looked = 0
    for _ in range(50):
        dump.burst(1)
        for name in left_overs(dump.root):
            path = os.path.join(dump.root, name)
            try:
                assert os.stat(path).st_mode & 0o777 == 0o600
                if dump.rand.randrange(2):
                    os.link(path, os.path.join(os.path.dirname(dump.root), "link%d" % looked))
                looked += 1
            except FileNotFoundError:
                pass            # its time was over
        assert os.stat(dump.stored).st_mode & 0o777 == 0o644
    assert looked


def test_unmounted_in_a_burst(dump, mount):
    m = mount(dump.root)
    dump.mounted(m)
    dump.burst()
    m.unmount()
    assert_no_temporaries(dump.root)
    dump.check()


# --------------------------------------------------------- who else reads it

class Readers:
    """They have what the image was at some time, and must go on having it."""

    def __init__(self, d):
        self.d, self.all = d, []

    def opened(self):
        f = open(self.d.stored, "rb")
        return f.read, f.close

    def opened_and_moved_on(self):
        f = open(self.d.stored, "rb")
        head = f.read(1000)
        return lambda: head + f.read(), f.close

    def mapped(self):
        with open(self.d.stored, "rb") as f:
            m = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)
        return lambda: bytes(m), m.close

    def linked(self):
        path = os.path.join(os.path.dirname(self.d.root), "link%d" % len(self.all))
        os.link(self.d.stored, path)
        mode = os.stat(path).st_mode
        return lambda: os.stat(path).st_mode == mode and mnt.read(path), lambda: os.unlink(path)

    def through_the_mount(self):
        i = self.d.some()
        extra = self.d.extras[i]
        f = open(self.d.dir + "/%d.extra" % i, "rb", buffering=0)
        # its other bytes are no matter here
        return lambda: self.all_but(f, extra), f.close

    def all_but(self, f, extra):
        assert os.pread(f.fileno(), 100000, 0) == extra
        return None

    def add(self, how):
        read, close = getattr(self, how)()
        self.all.append((how, read, close, self.d.bytes()))

    def check(self):
        for how, read, close, wanted in self.all:
            found = read()
            assert found is None or found == wanted, how
            close()
        self.all = []


HOWS = ["opened", "opened_and_moved_on", "mapped", "linked", "through_the_mount"]


@pytest.mark.parametrize("how", HOWS)
def test_read_during_a_burst(dump, how):
    """The file that somebody has is not the one that the next edits are written into."""
    dump.burst()
    readers = Readers(dump)
    for _ in range(5):
        readers.add(how)
        dump.burst(1)
        readers.add(how)
        dump.burst(7)
    readers.check()
    dump.check()


def test_readers_of_all_sorts(dump):
    readers = Readers(dump)
    dump.burst()
    for round in range(5):
        for _ in range(30):
            if dump.rand.randrange(4) == 0:
                # not a link: that changes the image's ctime, so its entries are numbered afresh
                readers.add(dump.rand.choice([how for how in HOWS if how != "linked"]))
            dump.do(*dump.any())
            dump.check()
        readers.check()


def test_open_and_read_all_the_time(dump):
    """Who opens the image gets one that there was, never something in between."""
    versions, stop, wrong = {hash(dump.bytes())}, threading.Event(), []

    def read():
        while not stop.is_set():
            wrong.append(hash(mnt.read(dump.stored)))

    threads = [threading.Thread(target=read) for _ in range(2)]
    for t in threads:
        t.start()
    try:
        for _ in range(200):
            edit = dump.same_length(dump.some())
            versions.add(hash(dump.bytes()))
            dump.do(*edit)
    finally:
        stop.set()
        for t in threads:
            t.join()
    assert wrong and set(wrong) <= versions
    dump.check()


def test_written_to_meanwhile(dump):
    """What others write into the image is not taken for what an edit made, and not written over unseen."""
    dump.burst()
    with open(dump.stored, "r+b") as f:
        f.seek(-1, os.SEEK_END)
        last = f.read(1)
        f.seek(-1, os.SEEK_END)
        f.write(bytes([last[0] ^ 1]))
    there = mnt.read(dump.stored)
    dump.extras[ENTRIES - 1] = dump.extras[ENTRIES - 1][:-1] + there[-1:]
    dump.frames[ENTRIES - 1] = dump.frame(ENTRIES - 1)
    edit = dump.same_length(0)
    try:
        dump.do(*edit)
    except OSError as e:        # it is refused once if that was not seen before
        assert e.errno == errno.EBUSY and mnt.read(dump.stored) == there
        dump.do(*edit)
    dump.check()
    dump.burst()


def test_attributes_in_a_burst(dump):
    """What was changed of them between two edits does not come back with the file from before."""
    os.setxattr(dump.stored, "user.note", b"first")
    os.setxattr(dump.stored, "user.old", b"to go")
    assert mnt.wait_for(lambda: os.listdir(dump.dir))
    dump.do(*dump.same_length(0))
    dump.burst()
    os.chmod(dump.dir, 0o750)
    dump.burst(1)
    os.chown(dump.dir, 1234, 2345)
    dump.burst(1)
    for _ in range(4):
        dump.burst(1)
        st = os.stat(dump.stored)
        assert (st.st_mode & 0o7777, st.st_uid, st.st_gid) == (0o640, 1234, 2345)
    os.setxattr(dump.stored, "user.note", b"second")
    os.removexattr(dump.stored, "user.old")
    dump.check()
    mnt.wait_for(lambda: os.stat(dump.dir).st_ctime_ns == os.stat(dump.stored).st_ctime_ns, 5)
    for _ in range(4):
        dump.burst(1)
        assert os.getxattr(dump.stored, "user.note") == b"second"
        assert os.listxattr(dump.stored) == ["user.note"]


# ------------------------------------------------------------ what goes wrong

def test_killed_in_a_burst(mount, work):
    """The image is that of the last edit whose close returned, or the next; what is left over goes."""
    d = Dump(os.path.join(work, "dump"))
    rand = random.Random(2)
    for _ in range(10 if mnt.sanitized() else 40):
        m = mount(d.root)
        assert_no_temporaries(d.root)
        d.mounted(m)
        timer = threading.Timer(rand.uniform(0, 0.2), m.proc.kill)
        timer.start()
        try:
            while True:
                before, kept = d.bytes(), (dict(d.frames), dict(d.ids))
                d.do(*d.rand.choice((d.same_length, d.other_length))(d.some()))
        except OSError as e:
            assert e.errno in (errno.ENOTCONN, errno.ECONNABORTED, errno.EIO), e
        timer.join()
        assert m.proc.wait() == -signal.SIGKILL
        m.abandon()
        assert mnt.read(d.stored) in (before, d.bytes())
        if mnt.read(d.stored) == before:
            d.frames, d.ids = kept
    d.mounted(mount(d.root))
    assert_no_temporaries(d.root)
    d.burst()


KILLS = ["renameat2", "fcntl64", "pwrite64", "copy_file_range", "fsync", "fchmod"]


@pytest.mark.parametrize("when", [-1, -2], ids=["before", "after"])
@pytest.mark.parametrize("call", KILLS)
def test_killed_at_a_call_in_a_burst(preload, mount, work, call, when):
    d = Dump(os.path.join(work, "dump"))
    m = preload.mount(mount, d.root)
    d.mounted(m)
    d.burst()
    preload.fail(call, when, d.rand.randrange(4))
    with pytest.raises(OSError):
        for _ in range(MANY):
            before = d.bytes()
            d.do(*d.rand.choice((d.same_length, d.other_length))(d.some()))
    assert m.proc.wait(30) == -signal.SIGKILL
    m.abandon()
    preload.clear()
    assert mnt.read(d.stored) in (before, d.bytes())
    mount(d.root)
    assert_no_temporaries(d.root)


@pytest.mark.parametrize("error", [errno.EAGAIN, errno.EINVAL, errno.EACCES, errno.ENOLCK])
def test_without_leases(preload, mount, work, error):
    """Where nobody can tell who reads a file, none is written over."""
    d = Dump(os.path.join(work, "dump"))
    d.mounted(preload.mount(mount, d.root))
    preload.fail("fcntl64", error)
    readers = Readers(d)
    for _ in range(MANY):
        readers.add("opened")
        d.burst(1)
    readers.check()


FAILURES = [("pwrite64", errno.EIO), ("pwrite64", errno.ENOSPC), ("copy_file_range", errno.EIO),
            ("copy_file_range", errno.ENOSPC), ("fsync", errno.EIO), ("fchmod", errno.EIO)]


@pytest.mark.parametrize("number", [0, 1, 2])
@pytest.mark.parametrize("call, error", FAILURES)
def test_a_call_that_fails_in_a_burst(preload, mount, work, call, error, number):
    """Wherever it is in an edit: that is refused or done, and the file it was written into is not used again."""
    d = Dump(os.path.join(work, "dump"))
    d.mounted(preload.mount(mount, d.root))
    d.burst()
    preload.fail(call, error, number)
    refused = 0
    for _ in range(5):
        before, i = d.bytes(), d.some()
        old = d.ids[i], d.frames[i]
        try:
            # few bytes are not copied by the kernel
            d.do(*(d.other_length if call == "copy_file_range" else d.same_length)(i))
        except OSError as e:
            assert e.errno == error
            assert mnt.read(d.stored) == before
            d.ids[i], d.frames[i] = old
            refused += 1
        d.check()
    assert refused
    assert_no_temporaries(d.root)
    preload.clear()
    d.burst()


def test_a_full_disk_in_a_burst(memory_disk, mount):
    """No edit is refused for the sake of a spare file, and none is half there."""
    d = Dump(os.path.join(memory_disk.path, "dump"), size=12000)
    d.mounted(mount(d.root))
    d.burst()
    memory_disk.fill(len(d.bytes()) // 2)
    refused = 0
    for round in range(3 * MANY):
        before, i = d.bytes(), d.some()
        old = d.ids[i], d.extras[i], d.frames[i]
        try:
            if round % 3:
                d.do(*d.same_length(i))
            else:
                d.extras[i] = d.rand.randbytes(500000)
                d.frames[i] = d.frame(i)
                d.do("%d.extra" % i, d.extras[i])
        except OSError as e:
            assert e.errno == errno.ENOSPC
            assert mnt.read(d.stored) == before
            d.ids[i], d.extras[i], d.frames[i] = old
            refused += 1
        d.check()
    assert refused >= MANY
    memory_disk.free()
    d.burst()


# ------------------------------------------------- where blocks can be shared

class TestShared:
    """On a file system without room for a second image, an edit that keeps the length has room."""

    @pytest.fixture
    def large(self, reflink_disk, mount):
        d = Dump(os.path.join(reflink_disk.path, "dump"), size=200000)
        d.mounted(mount(d.root))
        return d

    def blocks_free(self, d):
        os.sync()
        st = os.statvfs(d.root)
        return st.f_bfree * st.f_frsize

    def test_only_the_entry_is_written(self, large):
        with open(large.stored, "rb") as old:
            free = self.blocks_free(large)
            large.do(*large.same_length(0))
            large.check()
            assert free - self.blocks_free(large) < len(large.bytes()) // 10
            assert old.read() != large.bytes()

    def test_what_is_before_a_change_is_shared(self, large):
        with open(large.stored, "rb") as old:
            before, free = large.bytes(), self.blocks_free(large)
            last = ENTRIES - 1
            large.ids[last] = 1
            large.frames[last] = large.frame(last)
            large.do("%d.json" % last, large.text(last).encode())
            large.check()
            assert len(large.bytes()) != len(before)
            assert free - self.blocks_free(large) < len(large.bytes()) // 10
            assert old.read() == before

    def test_all_sorts_of_edits(self, large):
        readers = Readers(large)
        for _ in range(60):
            if large.rand.randrange(5) == 0:
                readers.add(large.rand.choice(["opened", "mapped"]))
            large.do(*large.any())
            large.check()
        readers.check()
        assert gone(large)

    def test_holes_stay(self, reflink_disk, mount):
        """Also where what was there before is none."""
        root = os.path.join(reflink_disk.path, "dump")
        os.mkdir(root)
        image = handmade.image(TYPES["GHOST_FILE"])
        stored = os.path.join(root, "ghost-file-1.img")
        with open(stored, "wb") as f:
            f.write(criuimg.write_image(image))
            start = f.tell()
            f.truncate(64 << 20)
            os.pwrite(f.fileno(), b"middle" * 100000, 32 << 20)
        m = mount(root)
        path = m / "ghost-file-1.img/0.json"
        text = mnt.read_text(path)
        extra = mnt.read(m / "ghost-file-1.img/0.extra")
        assert text.count('"gid": ') == 1 and extra.count(b"middle") == 100000
        for n in range(MANY):
            value = criuimg.from_json("ghost_file_entry", json.loads(text))
            value.gid = 1 << n
            mnt.save(path, criuimg.Entry("ghost_file_entry", criuimg.SCHEMA.encode(value)).text())
            assert mnt.read(m / "ghost-file-1.img/0.extra") == extra
            with open(stored, "rb") as f:
                assert f.read().endswith(extra)
                os.fsync(f.fileno())
            assert os.stat(stored).st_blocks * 512 < 8 << 20, n
