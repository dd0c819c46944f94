"""The documents in .critfs/json as they are read: exact, in any order, while others write."""
import json
import mmap
import os
import random
import stat
import subprocess
import threading
import time

import pytest

import criuimg
import deviations
import documents
import dumps
import handmade
import mnt
from criuimg import TYPES
from together import together


def dump_directories(root):
    """The directories of a dump that have a .critfs, relative."""
    out = [""]
    for where, dirs, names in os.walk(root):
        if where != root and "inventory.img" in names:
            out.append(os.path.relpath(where, root))
    return out


def assert_shown(m, root, sub="", **style):
    """Every image of a directory has its document there, as long as stat says."""
    where = documents.directory(m, sub)
    want = documents.names(os.path.join(root, sub))
    assert sorted(os.listdir(where)) == want
    for name in want:
        path = where + "/" + name
        text = documents.text(criuimg.load(os.path.join(root, sub, name[:-5])), **style).encode()
        assert os.stat(path).st_size == len(text), path
        assert mnt.read(path) == text, path
    return len(want)


@pytest.mark.parametrize("name", dumps.NAMES)
def test_recorded_dumps(mount, name):
    root = dumps.pristine(name)
    m = mount(root)
    assert sum(assert_shown(m, root, sub) for sub in dump_directories(root))


@pytest.mark.parametrize("name", dumps.NAMES)
def test_what_crit_recorded(mount, name):
    """The same document, but for what deviations.py has."""
    root = dumps.pristine(name)
    m, seen = mount(root), 0
    for sub in dump_directories(root):
        for shown in os.listdir(documents.directory(m, sub)):
            rel = os.path.join(sub, shown[:-5])
            doc, _ = deviations.correct(name, rel, dumps.document(name, rel))
            if doc is None:
                continue
            got = json.loads(mnt.read_text(documents.directory(m, sub) + "/" + shown))
            assert [got["magic"], got["entries"]] == [doc["magic"], doc["entries"]], rel
            seen += 1
    assert seen or not os.path.exists(os.path.join(criuimg.DATA, "crit", name + dumps.SUFFIX))


@pytest.mark.parametrize("options", [(), ("ro",), ("plain",)], ids=lambda o: " ".join(o))
@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("variant", handmade.VARIANTS)
def test_every_type(mount, work, variant, order, options):
    root = os.path.join(work, "d")
    handmade.make_dump(root, variant, order=order)
    dumps.write(root, "ghost-file-9.img", handmade.chunked_ghost(order))
    assert assert_shown(mount(root, *options), root, pretty="plain" not in options) >= len(TYPES)


def test_old_headers_and_damage(mount, work):
    """What crit has no word for has a key."""
    root = os.path.join(work, "d")
    handmade.make_dump(root, header="v1.0")
    image = handmade.image(TYPES["PIPES_DATA"])
    dumps.write(root, "pipes-data.img", criuimg.write_image(image) + b"\xff\xff\xff")
    m = mount(root)
    text = mnt.read_text(documents.directory(m) + "/pipes-data.img.json")
    image.tail = b"\xff\xff\xff"
    assert text == documents.text(image) and '"$tail": "////' in text
    name = TYPES["FDINFO"].example_name()
    image = criuimg.load(os.path.join(root, name))
    text = mnt.read_text(documents.directory(m) + "/%s.json" % name)
    assert text == documents.text(image) and '"$header": "v1.0"' in text


# --------------------------------------------------------- in any order

def big_image():
    """Many entries, a large payload in their midst: some ten MiB of text."""
    entries = []
    for i in range(50000):
        msg = handmade.Fill("bare").message("pipe_data_entry")
        msg.pipe_id, data = i, random.Random(i).randbytes(3 << 20 if i == 12345 else i % 50)
        msg.bytes = len(data)
        entries.append(criuimg.Entry("pipe_data_entry", criuimg.SCHEMA.encode(msg), data))
    return criuimg.Image(TYPES["PIPES_DATA"], "common", "<", entries)


class Big:
    def __init__(self, mount, work):
        self.root = os.path.join(work, "dump")
        os.mkdir(self.root)
        self.image = big_image()
        self.stored = dumps.write(self.root, "pipes-data.img", self.image)
        self.text = documents.text(self.image).encode()
        self.mount = mount(self.root)
        self.path = documents.directory(self.mount) + "/pipes-data.img.json"


@pytest.fixture
def big(mount, work):
    return Big(mount, work)


def run(*command, **more):
    return subprocess.run(command, check=True, capture_output=True, timeout=300, **more).stdout


def test_size_before_anything_is_read(big):
    assert os.stat(big.path).st_size == len(big.text)


def test_tools_that_read_parts(big):
    n = len(big.text)
    assert run("tail", "-c", "1000", big.path) == big.text[-1000:]
    assert run("head", "-c", "5000", big.path) == big.text[:5000]
    assert run("dd", "if=" + big.path, "bs=4097", "skip=1000", "count=3", "status=none") == \
        big.text[4097 * 1000:4097 * 1003]
    assert run("dd", "if=" + big.path, "iflag=direct", "bs=64K", "skip=%d" % (n // 65536),
               "status=none") == big.text[n // 65536 * 65536:]
    assert run("tail", "-n", "3", big.path) == b"\n".join(big.text.split(b"\n")[-4:])
    assert run("tac", big.path).count(b"\n") == big.text.count(b"\n")
    assert run("cat", big.path) == big.text


def read_here_and_there(path, text, seed, times):
    rand, fd = random.Random(seed), os.open(path, os.O_RDONLY)
    at = 0
    for _ in range(times):
        if rand.randrange(3) == 0:
            at = rand.randrange(len(text) + 5000)
        n = rand.choice((1, 100, 4096, 70000, 300000))
        assert os.pread(fd, n, at) == text[at:at + n], at
        at = max(0, at + rand.choice((n, n, -n)))
    os.close(fd)


def test_random_reads(big):
    read_here_and_there(big.path, big.text, 1, 60)


def test_mapped(big):
    fd = os.open(big.path, os.O_RDONLY)
    with mmap.mmap(fd, 0, prot=mmap.PROT_READ) as m:
        rand = random.Random(2)
        for _ in range(50):
            at = rand.randrange(len(big.text))
            assert m[at:at + 3000] == big.text[at:at + 3000]
        assert m[:] == big.text
    os.close(fd)


def test_several_readers_at_once(big):
    together(*[lambda seed=seed: read_here_and_there(big.path, big.text, seed, 25) for seed in range(4)],
             lambda: run("cat", big.path))


def test_what_was_opened_is_read_on(big):
    """Whatever is committed meanwhile: entries, the whole document, another one from outside."""
    first = os.open(big.path, os.O_RDONLY)
    assert os.read(first, 1000) == big.text[:1000]
    entry = big.mount / "pipes-data.img/7.json"
    mnt.save(entry, mnt.read_text(entry).replace('"pipe_id": 7,', '"pipe_id": 1234567,'))
    new = big.text.replace(b'"pipe_id": 7,', b'"pipe_id": 1234567,')
    assert os.stat(big.path).st_size == len(new)
    second = os.open(big.path, os.O_RDONLY)
    assert os.pread(second, 4000, 0) == new[:4000]
    small = documents.text(criuimg.Image(TYPES["PIPES_DATA"], "common", "<", big.image.entries[:2])).encode()
    mnt.save(big.path, small)
    assert mnt.read(big.path) == small and os.stat(big.path).st_size == len(small)
    for fd, text in ((first, big.text), (second, new)):
        assert os.fstat(fd).st_size == len(text)
        at = os.lseek(fd, 0, os.SEEK_CUR)
        assert b"".join(iter(lambda: os.read(fd, 1 << 20), b"")) == text[at:]
        for at in (len(text) - 10, 5 << 20, 0):
            assert os.pread(fd, 5000, at) == text[at:at + 5000]
        os.close(fd)


def test_reading_while_entries_are_committed(big):
    """Each reader sees one version of the image, whole."""
    names = [b"%d" % i for i in range(70000, 70012)]
    versions = [big.text] + [big.text.replace(b'"pipe_id": 9,', b'"pipe_id": %s,' % n) for n in names]
    done = threading.Event()

    def write():
        path = big.mount / "pipes-data.img/9.json"
        text = mnt.read_text(path)
        for n in names:
            mnt.save(path, text.replace('"pipe_id": 9,', '"pipe_id": %s,' % n.decode()))
        done.set()

    def read():
        while not done.is_set():
            with open(big.path, "rb") as f:
                assert f.read() in versions
                assert os.fstat(f.fileno()).st_size in map(len, versions)

    together(write, read, read)
    assert mnt.read(big.path) == versions[-1]


def longest_wait(big, prepare, slow):
    """For how much of such a call another request had to wait, at the best of some attempts."""
    best = 1
    for n in range(8):
        what, times, waits = prepare(n), [], [0]

        def work():
            begin = time.monotonic()
            slow(what)
            times.append(time.monotonic() - begin)

        thread = threading.Thread(target=work)
        thread.start()
        while thread.is_alive():
            begin = time.monotonic()
            os.stat(big.mount / "pipes-data.img/5.json")
            waits.append(time.monotonic() - begin)
        thread.join()
        best = min(best, max(waits) / times[0])
    return best


def test_nobody_waits_for_a_far_read(big):
    def read(fd):
        assert os.pread(fd, 100, len(big.text) - 100) == big.text[-100:]
        os.close(fd)

    assert longest_wait(big, lambda n: os.open(big.path, os.O_RDONLY), read) < 0.5


def test_nobody_waits_for_a_length(big):
    path = big.mount / "pipes-data.img/9.json"
    text = mnt.read_text(path)

    def change(n):
        mnt.save(path, text.replace('"pipe_id": 9,', '"pipe_id": %d,' % (70000 + n)))

    def measure(_):
        assert os.stat(big.path).st_size == len(big.text) + 4

    assert longest_wait(big, change, measure) < 0.5


# ----------------------------------------------------- where they are seen

def test_listings(mount):
    root = dumps.pristine("demo")
    m = mount(root)
    assert "json" in os.listdir(m / ".critfs") and ".critfs" not in os.listdir(m.point)
    assert not [d for d, _, _ in os.walk(m.point) if ".critfs" in d]
    kinds = {e.name: e.is_file() for e in os.scandir(documents.directory(m))}
    assert kinds and all(kinds.values())
    assert os.path.isdir(m / ".critfs/json")


def test_grep_and_cp_pass_them_by(mount, work):
    m = mount(dumps.pristine("demo"))
    assert b".critfs" not in run("grep", "-rl", "magic\\|comm", ".", cwd=m.point)
    run("cp", "-r", m.point, work + "/copy")
    assert ".critfs" not in os.listdir(work + "/copy")


def test_modes_and_owners(mount, work):
    root = dumps.copy("demo", os.path.join(work, "d"))
    os.chmod(root + "/files.img", 0o640)
    os.chown(root + "/files.img", 1234, 2345)
    m = mount(root)
    st = os.stat(m / ".critfs/json/files.img.json")
    assert (stat.S_IMODE(st.st_mode), st.st_uid, st.st_gid) == (0o640, 1234, 2345)
    assert st.st_mtime_ns == os.stat(root + "/files.img").st_mtime_ns
    assert os.stat(m / ".critfs/json").st_mode & 0o700 == 0o700
    m.close()
    assert os.stat(mount(root, "ro") / ".critfs/json").st_mode & 0o222 == 0


def test_read_only(mount):
    m = mount(dumps.pristine("demo"), "ro")
    path = documents.directory(m) + "/files.img.json"
    for call in (lambda: mnt.save(path, "x"), lambda: os.unlink(path), lambda: os.truncate(path, 1),
                 lambda: os.rename(path, path + "~"), lambda: os.mkdir(path + ".d"),
                 lambda: mnt.save(path + ".new", "x", os.O_WRONLY | os.O_CREAT)):
        with pytest.raises(OSError, match="Read-only"):
            call()
    assert mnt.read_text(path) == documents.text(criuimg.load(dumps.pristine("demo") + "/files.img"))


def test_images_come_and_go(mount, work):
    """Through the mount and underneath it: their documents do at once."""
    root = dumps.copy("demo", os.path.join(work, "d"))
    m = mount(root)
    where = documents.directory(m)

    def shown():
        assert sorted(os.listdir(where)) == documents.names(root)
        return {n for n in documents.names(root) if os.path.exists(where + "/" + n)}

    before = shown()
    os.mkdir(m / "core-99.img")
    assert shown() - before == {"core-99.img.json"}
    assert json.loads(mnt.read_text(where + "/core-99.img.json")) == {"magic": "CORE", "entries": []}
    os.rename(m / "core-99.img", m / "core-77.img")
    assert shown() - before == {"core-77.img.json"}
    assert not os.path.exists(where + "/core-99.img.json")
    os.rmdir(m / "core-77.img")
    assert shown() == before
    text = mnt.read_text(where + "/files.img.json")
    os.rename(root + "/files.img", root + "/moved")
    assert not os.path.exists(where + "/files.img.json")
    assert mnt.read_text(where + "/moved.json") == text
    dumps.write(root, "files.img", criuimg.load(root + "/pstree.img"))
    assert mnt.wait_for(lambda: '"PSTREE"' in mnt.read_text(where + "/files.img.json"), 5)
    os.unlink(root + "/files.img")
    os.rename(m / "moved", m / "files.img")
    assert mnt.read_text(where + "/files.img.json") == text and shown() == before


def test_entries_and_their_document(mount, work):
    """Size, text and time of a document follow what is done to entries."""
    t = documents.Target(mount, work)
    assert os.stat(t.path).st_mtime_ns == 10**18
    one = t.mount / "files.img/1.json"
    for change in (lambda: mnt.save(t.mount / "files.img/0.json", t.before.entries[0].text().replace(t.OLD, t.NEW)),
                   lambda: run("cp", one, t.mount / "files.img/9.json"),
                   lambda: os.unlink(one),
                   lambda: os.rename(t.mount / "files.img/9.json", t.mount / "files.img/4.json")):
        change()
        now = documents.text(criuimg.load(t.stored))
        assert os.stat(t.path).st_size == len(now)
        assert mnt.read_text(t.path) == now
        assert os.stat(t.path).st_mtime_ns == os.stat(t.stored).st_mtime_ns


def test_changed_underneath(mount, work):
    t = documents.Target(mount, work)
    assert mnt.read_text(t.path) == t.old
    image = criuimg.load(t.stored)
    image.entries.reverse()
    image.entries *= 2
    with open(t.stored, "wb") as f:  # in place, as crit does
        f.write(criuimg.write_image(image))
    want = documents.text(image)
    assert mnt.wait_for(lambda: os.stat(t.path).st_size == len(want), 5)
    assert mnt.read_text(t.path) == want
