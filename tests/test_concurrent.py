"""Several processes at one dump: no edit is lost, and nobody sees half of one."""
import json
import mmap
import os
import random
import signal
import threading
import traceback

import pytest

import criuimg
import dumps
import handmade
import mnt
from criuimg import TYPES
from editing import Target, assert_no_temporaries, assert_only_changed
from together import Processes

ROUNDS = 8 if mnt.sanitized() else 25


@pytest.fixture
def target(mount, work):
    return Target(mount, work)


@pytest.fixture
def processes():
    p = Processes()
    yield p
    p.end()


# ------------------------------------------------------- ways to save

def truncate_and_write(path, text):
    mnt.save(path, text)


def rename_scratch(path, text):
    scratch = "%s.%d" % (path, os.getpid())
    mnt.save(scratch, text, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.rename(scratch, path)


def write_in_place(path, text):
    fd = os.open(path, os.O_RDWR)
    try:
        os.pwrite(fd, text.encode(), 0)
        os.ftruncate(fd, len(text.encode()))
        os.fsync(fd)
    finally:
        os.close(fd)


SAVES = [truncate_and_write, rename_scratch, write_in_place]


# -------------------------------------------------------- no update is lost

def count_up(path, field, rounds, seed):
    """Add one to a number, again and again: read, change, save."""
    rand = random.Random(seed)
    for _ in range(rounds):
        value = json.loads(mnt.read(path))
        value[field] += 1
        text = criuimg.text(value)
        rand.choice(SAVES)(path, text)
        assert json.loads(mnt.read(path))[field] == value[field]


def test_one_image(target, processes):
    """Eight processes, each at entries of its own."""
    mine = [[i for i in range(3, 27) if i % 8 == n] for n in range(8)]

    def work(n):
        for i in mine[n]:
            count_up(target.dir + "/%d.json" % i, "id", ROUNDS, n)

    for n in range(8):
        processes.start(work, n)
    processes.wait()
    after, texts = criuimg.load(target.stored), {}
    for i in sum(mine, []):
        value = target.before.entries[i].json()
        value["id"] += ROUNDS
        texts[i] = criuimg.text(value)
    assert len(texts) == 24
    assert_only_changed(target.before, after, texts)
    assert_no_temporaries(target.root)
    assert os.listdir(target.dir) == mnt.listing(target.before)


def test_several_images(mount, work, processes):
    """Every process at every image, in an order of its own; and one at their extras."""
    root = os.path.join(work, "dump")
    os.mkdir(root)
    names = {"FDINFO": "fd", "PIPES_DATA": "pipe_id", "IPCNS_SEM": None, "PSTREE": "pid"}
    for typ in names:
        image = handmade.image(TYPES[typ], "bare")
        image.entries = [handmade.entry(TYPES[typ], i, "bare", 100 * i) for i in range(9)]
        dumps.write(root, TYPES[typ].example_name(), image)
    m = mount(root)
    before = dumps.images(root)

    def texts(n):
        rand = random.Random(n)
        jobs = [(TYPES[typ].example_name(), field) for typ, field in names.items() if field] * ROUNDS
        rand.shuffle(jobs)
        for name, field in jobs:
            count_up(m / name + "/%d.json" % n, field, 1, rand.random())

    def extras():
        for r in range(ROUNDS):
            for i in range(9):
                mnt.save(m / "pipes-data.img/%d.extra" % i, b"%d" % r * (100 * i + r))
                mnt.save(m / "ipcns-sem-7.img/%d.sems.json" % i, json.dumps([r] * (r + i)))

    for n in range(8):
        processes.start(texts, n)
    processes.start(extras)
    processes.wait()
    for typ, field in names.items():
        name, last = TYPES[typ].example_name(), ROUNDS - 1
        after = criuimg.load(os.path.join(root, name))
        assert not after.tail and len(after.entries) == 9
        for i, (old, new) in enumerate(zip(before[name].entries, after.entries)):
            value = old.json()
            if field and i < 8:
                value[field] += ROUNDS
            if typ == "PIPES_DATA":
                value["bytes"] = len(new.extra)
                assert new.extra == b"%d" % last * (100 * i + last)
            if typ == "IPCNS_SEM":
                value["nsems"] = len(new.extra)
                assert new.extra == [last] * (last + i)
            assert new.json() == value, (name, i)
    assert_no_temporaries(root)


def test_threads_of_one_process(target):
    """As many handles of one process: drafts belong to handles, not to who opened them."""
    def work(i):
        try:
            count_up(target.dir + "/%d.json" % i, "id", ROUNDS, i)
            done.append(i)
        except BaseException:
            traceback.print_exc()

    done, numbers = [], range(3, 11)
    threads = [threading.Thread(target=work, args=(i,)) for i in numbers]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sorted(done) == list(numbers)
    texts = {}
    for i in numbers:
        value = target.before.entries[i].json()
        value["id"] += ROUNDS
        texts[i] = criuimg.text(value)
    assert_only_changed(target.before, criuimg.load(target.stored), texts)


# ------------------------------------------------------- whole, old or new

class Texts:
    """Texts of one entry that differ everywhere and in length."""

    SIZES = [1, 5000, 100000, 20, 250000]

    def __init__(self, entry):
        value = entry.json()
        self.all = []
        for n, size in enumerate(self.SIZES):
            value["reg"]["name"] = chr(ord("a") + n) * size
            value["reg"]["pos"] = 10 ** n
            self.all.append(criuimg.text(value))


def read_whole(path):
    return mnt.read_text(path)


def read_in_pieces(path):
    with open(path, "rb", buffering=0) as f:
        return b"".join(iter(lambda: f.read(20000), b"")).decode()


def read_mapped(path):
    """As long as the mapping's size is that of what was opened."""
    with open(path, "rb") as f:
        size = os.lseek(f.fileno(), 0, os.SEEK_END)
        if not size:
            return ""
        with mmap.mmap(f.fileno(), size, prot=mmap.PROT_READ) as m:
            return m[:].decode()


# Mapped pages are the inode's: a mapping is no snapshot, so it is read where nothing changes.
READS = [read_whole, read_in_pieces]


def short(text):
    return "%d characters, %r ... %r" % (len(text), text[:120], text[-50:])


@pytest.mark.parametrize("save", SAVES, ids=lambda f: f.__name__)
def test_readers_see_old_or_new(target, processes, save):
    """While one process commits texts of all sizes, four others read."""
    texts = Texts(target.entry)
    # the kernel itself knows for a moment that a file was opened with O_TRUNC
    allowed = {target.old, *texts.all} | ({""} if save is truncate_and_write else set())
    stop = os.path.join(os.path.dirname(target.root), "stop")

    def reader(n):
        rand = random.Random(n)
        while not os.path.exists(stop):
            text = rand.choice(READS)(target.path)
            # shown as length and ends: texts are long
            assert text in allowed or short(text) == "one of those that were written"

    readers = [processes.start(reader, n) for n in range(4)]
    rand = random.Random(9)
    for n in range(4 * ROUNDS):
        save(target.path, rand.choice(texts.all))
    save(target.path, target.old)
    open(stop, "w").close()
    processes.wait(readers)
    save(target.path, target.new)
    target.assert_committed()


@pytest.mark.parametrize("read", [read_whole, read_in_pieces, read_mapped], ids=lambda f: f.__name__)
def test_readers_of_the_other_entries(target, processes, read):
    """What a commit moves within the file is not what a reader of it sees."""
    texts = Texts(target.entry)
    stop = os.path.join(os.path.dirname(target.root), "stop")

    def reader(i):
        rounds = 0
        while not os.path.exists(stop) or not rounds:
            assert read(target.dir + "/%d.json" % i) == target.before.entries[i].text()
            assert os.stat(target.dir + "/%d.json" % i).st_size == len(target.before.entries[i].text())
            rounds += 1

    readers = [processes.start(reader, i) for i in (0, 4, 25, 26)]
    for n in range(3 * ROUNDS):
        mnt.save(target.path, texts.all[n % 5])
    open(stop, "w").close()
    processes.wait(readers)
    assert_only_changed(target.before, criuimg.load(target.stored), {3: texts.all[(3 * ROUNDS - 1) % 5]})


def test_readers_of_extras_see_old_or_new(mount, work, processes):
    """Megabytes that are read piece by piece while they are committed over."""
    root = dumps.copy("demo", os.path.join(work, "dump"))
    path = mount(root) / "pipes-data.img/0.extra"
    sizes = {b"a": 10, b"b": 1 << 20, b"c": 70000, b"d": 600000}
    mnt.save(path, b"a" * sizes[b"a"])
    stop = os.path.join(work, "stop")

    def reader():
        while not os.path.exists(stop):
            with open(path, "rb", buffering=0) as f:
                data = b"".join(iter(lambda: f.read(100000), b""))
            if data:
                assert (len(data), set(data)) == (sizes.get(data[:1]), set(data[:1]))

    readers = [processes.start(reader) for _ in range(3)]
    for n in range(2 * ROUNDS):
        letter = b"abcd"[n % 4:n % 4 + 1]
        (mnt.save if n % 3 else rename_bytes)(path, letter * sizes[letter])
    open(stop, "w").close()
    processes.wait(readers)


def rename_bytes(path, data):
    mnt.save(path + ".new", data, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.rename(path + ".new", path)


def test_the_image_itself_is_always_whole(target, processes):
    """What another program reads in the dump while entries are edited is an image, all of it."""
    stop = os.path.join(os.path.dirname(target.root), "stop")
    other = [e.frame for i, e in enumerate(target.before.entries) if i not in (3, 8)]

    def reader():
        while not os.path.exists(stop):
            image = criuimg.load(target.stored)
            assert not image.tail
            assert [e.frame for i, e in enumerate(image.entries) if i not in (3, 8)] == other

    readers = [processes.start(reader) for _ in range(2)]
    writers = [processes.start(count_up, target.dir + "/%d.json" % i, "id", 3 * ROUNDS, i) for i in (3, 8)]
    processes.wait(writers)
    open(stop, "w").close()
    processes.wait(readers)


# ---------------------------------------------------- two at one entry

@pytest.mark.parametrize("save", SAVES, ids=lambda f: f.__name__)
def test_two_writers_of_one_entry(target, processes, save):
    """The last commit wins, whole: there is never a text that nobody wrote."""
    texts = Texts(target.entry)
    pairs = [texts.all[0::2], texts.all[1::2]]

    def writer(n):
        for r in range(ROUNDS):
            save(target.path, pairs[n][r % len(pairs[n])])

    for n in range(2):
        processes.start(writer, n)
    processes.wait()
    last = [pair[(ROUNDS - 1) % len(pair)] for pair in pairs]
    stored = criuimg.load(target.stored)
    assert stored.entries[target.INDEX].text() in last
    assert_only_changed(target.before, stored, {target.INDEX: stored.entries[target.INDEX].text()})
    assert target.text() == stored.entries[target.INDEX].text()
    assert sorted(os.listdir(target.dir)) == sorted(mnt.listing(target.before))


def test_last_of_many_handles_wins(target):
    """Closed in any order, each has committed the whole of its own by then."""
    rand = random.Random(4)
    texts = [target.old.replace(target.OLD, '"pos": %d,' % 10 ** n) for n in range(12)]
    handles = [(os.open(target.path, os.O_WRONLY | os.O_TRUNC), text) for text in texts]
    for at in range(0, 2000, 100):  # written in turn
        for fd, text in handles:
            os.pwrite(fd, text.encode()[at:at + 100], at)
    rand.shuffle(handles)
    for fd, text in handles:
        os.close(fd)
        target.assert_committed(text)


def test_text_and_extra_of_one_entry(mount, work, processes):
    """Both edits stay: a length follows the bytes, the rest follows the text."""
    image = handmade.image(TYPES["PIPES_DATA"])
    stored = dumps.write(work, "pipes-data.img", image)
    here = mount(work) / "pipes-data.img"

    def texts():
        for r in range(ROUNDS):
            value = json.loads(mnt.read(here + "/1.json"))
            value["pipe_id"] = 1000 + r
            mnt.save(here + "/1.json", criuimg.text(value))

    def extras():
        for r in range(ROUNDS):
            mnt.save(here + "/1.extra", b"x" * (1 + 7 * r))

    for function in (texts, extras):
        processes.start(function)
    processes.wait()
    entry = criuimg.load(stored).entries[1]
    assert entry.extra == b"x" * (1 + 7 * (ROUNDS - 1))
    assert (entry.decode().pipe_id, entry.decode().bytes) == (1000 + ROUNDS - 1, len(entry.extra))


def test_names_while_they_are_read(target, processes):
    """A listing has each entry once, whatever is saved by renaming meanwhile."""
    stop = os.path.join(os.path.dirname(target.root), "stop")
    names = mnt.listing(target.before)

    def lister():
        while not os.path.exists(stop):
            listed = os.listdir(target.dir)
            assert [n for n in listed if n in names] == names
            assert len(set(listed)) == len(listed)

    listers = [processes.start(lister) for _ in range(2)]
    for r in range(2 * ROUNDS):
        rename_scratch(target.path, target.new if r % 2 else target.old)
    open(stop, "w").close()
    processes.wait(listers)


def test_a_writer_that_is_killed(target, processes):
    """What an ended process had not closed is closed for it: whole if it is whole, else refused."""
    def writer():
        fd = os.open(target.path, os.O_WRONLY | os.O_TRUNC)
        mnt.write_fd(fd, target.new.encode())
        os.mkdir(target.root + ".written")
        signal.pause()

    pid = processes.start(writer)
    assert mnt.wait_for(lambda: os.path.exists(target.root + ".written"))
    target.assert_unchanged()
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(AssertionError):
        processes.wait()
    assert mnt.wait_for(lambda: target.text() == target.new, 5)
    target.assert_committed()
