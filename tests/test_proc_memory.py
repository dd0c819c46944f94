"""Memory in .critfs/proc: mem and map_files, read and written."""
import errno
import mmap
import os
import subprocess
import threading

import pytest

import dumps
import memory
import mnt
from memory import PAGE
from together import together

MAIN = 8173  # of demo
SECRET = b"hunter2"


def proc(m, *names):
    return os.path.join(m.point, ".critfs/proc", *map(str, names))


def runs_of(m, pid):
    """{(start, end): path}"""
    top = proc(m, pid, "map_files")
    return {memory.bounds(n): os.path.join(top, n) for n in os.listdir(top)}


def pread(path, size, at, flags=0):
    fd = os.open(path, os.O_RDONLY | flags)
    try:
        return os.pread(fd, size, at)
    finally:
        os.close(fd)


def pwrite(path, data, at, flags=os.O_RDWR, sync=False):
    fd = os.open(path, flags)
    try:
        assert os.pwrite(fd, data, at) == len(data)
        if sync:
            os.fsync(fd)
    finally:
        os.close(fd)


def error_of(call, *args):
    with pytest.raises(OSError) as e:
        call(*args)
    return e.value.errno


def contents(root):
    return {name: mnt.read(os.path.join(root, name)) for name in dumps.files(root)}


@pytest.fixture(params=["rw", "ro"])
def demo(mount, request):
    return mount(dumps.pristine("demo"), request.param)


@pytest.fixture
def changing(mount, work):
    return mount(dumps.copy("demo", work + "/dump"))


# ------------------------------------------------------------------- reading

def test_mem_has_each_page_where_the_page_map_says(demo):
    for pid in memory.pids(demo.dump):
        pages = memory.stored(demo.dump, pid)
        assert pages
        for addr, data in pages.items():
            assert pread(proc(demo, pid, "mem"), PAGE, addr) == data
        inside = next(iter(pages))
        assert pread(proc(demo, pid, "mem"), 100, inside + 17) == pages[inside][17:117]


def test_runs_of_pages_are_those_of_the_page_map(demo):
    for pid in memory.pids(demo.dump):
        found = {}
        for (start, end), path in runs_of(demo, pid).items():
            data = mnt.read(path)
            assert len(data) == end - start == os.stat(path).st_size
            found.update((start + i, data[i:i + PAGE]) for i in range(0, len(data), PAGE))
        assert found == memory.stored(demo.dump, pid)


def test_a_read_ends_where_pages_do(demo):
    """As in proc(5): what is there, then nothing but an error."""
    ends = {end for _, end in runs_of(demo, MAIN)}
    starts = {start for start, _ in runs_of(demo, MAIN)}
    mem = proc(demo, MAIN, "mem")
    holes = 0
    for end in sorted(ends - starts):
        last = pread(mem, PAGE, end - PAGE)
        assert len(last) == PAGE
        try:
            more = pread(mem, 3 * PAGE, end - PAGE)
        except OSError as e:
            assert e.errno == errno.EIO
        else:
            assert more[:PAGE] == last
        holes += len(more) == PAGE
    assert holes
    assert error_of(pread, mem, PAGE, 0) == errno.EIO


def test_tools_that_seek(demo):
    start = min(memory.stored(demo.dump, MAIN))
    want = memory.stored(demo.dump, MAIN)[start]
    mem = proc(demo, MAIN, "mem")
    dd = subprocess.run(["dd", "if=" + mem, "bs=4096", "skip=%d" % (start // PAGE), "count=1"],
                        capture_output=True)
    assert dd.stdout == want
    xxd = subprocess.run(["xxd", "-p", "-s", "%d" % (start + 8), "-l", "16", mem],
                         capture_output=True)
    assert bytes.fromhex(xxd.stdout.decode()) == want[8:24]


def test_data_and_holes_are_runs_and_gaps(demo):
    runs = sorted(runs_of(demo, MAIN))
    merged = []
    for start, end in runs:
        if merged and merged[-1][1] == start:
            merged[-1] = (merged[-1][0], end)
        else:
            merged.append((start, end))
    assert memory.ranges(proc(demo, MAIN, "mem")) == merged
    for (start, end), path in list(runs_of(demo, MAIN).items())[:3]:
        assert memory.ranges(path) == [(0, end - start)]
    core = memory.ranges(proc(demo, MAIN, "core"))
    assert core[0][0] == 0 and core[-1][1] <= os.stat(proc(demo, MAIN, "core")).st_size


def test_other_files_have_no_holes(demo):
    for name in ("files.img/3.json", ".critfs/version", ".critfs/proc/%d/status" % MAIN,
                 ".critfs/json/files.img.json"):
        assert memory.ranges(demo / name) == [(0, os.stat(demo / name).st_size)]
        fd = os.open(demo / name, os.O_RDONLY)
        assert error_of(os.lseek, fd, os.stat(demo / name).st_size, os.SEEK_DATA) == errno.ENXIO
        os.close(fd)
    stored = os.path.join(demo.dump, "pages-1.img")
    assert memory.ranges(demo / "pages-1.img") == memory.ranges(stored)


def test_the_secret_is_found_where_it_is(demo):
    """grep -rabo says at which offset of which run, which is to say at which address."""
    found = subprocess.run("grep -rabo %s %s/*/map_files" % (SECRET.decode(), proc(demo)),
                           shell=True, capture_output=True).stdout.decode().splitlines()
    hits = set()
    for line in found:
        path, offset, text = line.split(":")
        assert text == SECRET.decode()
        pid, _, name = path.split("/")[-3:]
        hits.add((int(pid), memory.bounds(name)[0] + int(offset)))
    want = {(pid, addr + data.index(SECRET)) for pid in memory.pids(demo.dump)
            for addr, data in memory.stored(demo.dump, pid).items() if SECRET in data}
    assert want and hits == want


def test_runs_can_be_mapped(demo):
    for (start, end), path in runs_of(demo, MAIN).items():
        with open(path, "rb") as f, mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ) as mapped:
            assert mapped[:] == mnt.read(path)


@pytest.mark.parametrize("option", ["rw", "ro"])
def test_pages_of_parents(mount, option):
    m = mount(dumps.pristine("incremental") + "/3", option)
    pid, base = 8057, 0x10000000000
    runs = runs_of(m, pid)
    for i in range(256):
        at, generation = base + i * PAGE, 0 if i % 4 else 2
        want = b"page %d generation %d" % (i, generation)
        assert pread(proc(m, pid, "mem"), PAGE, at).startswith(want)
        (start, end), = [r for r in runs if r[0] <= at < r[1]]
        assert pread(runs[start, end], len(want), at - start) == want
    assert len(pread(proc(m, pid, "mem"), 256 * PAGE, base)) == 256 * PAGE


# ------------------------------------------------------------------- writing

def one_run(m, pid=MAIN):
    """A run of the dump's own pages: address, pages, path, where its bytes are in pages-1.img."""
    at = {start: (name, off) for start, size, name, off in memory.runs(m.dump, pid)}
    for (start, end), path in sorted(runs_of(m, pid).items()):
        if start in at and end - start >= 2 * PAGE:
            return start, end, path, at[start]
    raise AssertionError("no run of two pages")


@pytest.mark.parametrize("by", ["mem", "map_files"])
def test_what_is_written_is_all_that_changes(changing, by):
    before = contents(changing.dump)
    start, end, path, (name, off) = one_run(changing)
    data = b"written through " + by.encode()
    if by == "mem":
        pwrite(proc(changing, MAIN, "mem"), data, start + PAGE - 5, sync=True)
    else:
        pwrite(path, data, PAGE - 5, sync=True)
    at = off + PAGE - 5
    old = before[name]
    before[name] = old[:at] + data + old[at + len(data):]
    assert contents(changing.dump) == before
    for there in (pread(path, len(data), PAGE - 5), mnt.read(changing / name)[at:at + len(data)],
                  pread(proc(changing, MAIN, "mem"), len(data), start + PAGE - 5)):
        assert there == data


def test_what_is_refused_changes_nothing(changing):
    before = contents(changing.dump)
    mem = proc(changing, MAIN, "mem")
    start, end, path, _ = one_run(changing)
    gap = next(e for _, e in sorted(runs_of(changing, MAIN))
               if not any(s == e for s, _ in runs_of(changing, MAIN)))
    assert error_of(pwrite, mem, b"x", 0) == errno.EIO
    assert error_of(pwrite, mem, b"x" * 8, gap - 4) in (errno.EIO, errno.EPERM)
    assert error_of(pwrite, path, b"x" * 8, end - start - 4) == errno.EFBIG
    assert error_of(pwrite, path, b"x", 0, os.O_WRONLY | os.O_TRUNC) == errno.EPERM
    assert error_of(pwrite, mem, b"x", 0, os.O_WRONLY | os.O_APPEND) == errno.EIO
    assert error_of(os.truncate, path, 0) == errno.EPERM
    assert error_of(os.truncate, path, 1 << 20) == errno.EPERM
    assert contents(changing.dump) == before
    lines = mnt.read_text(changing / ".critfs/errors").splitlines()
    assert any(l.startswith(".critfs/proc/%d/mem: error: " % MAIN) for l in lines)
    assert any(l.startswith(".critfs/proc/%d/map_files/%x-%x: error: " % (MAIN, start, end))
               for l in lines)
    assert changing.stderr().count(": error: ") == len(lines)


def test_pages_of_parents_are_not_written(mount, work):
    for n in ("1", "2", "3"):
        subprocess.run(["cp", "-a", dumps.pristine("incremental") + "/" + n, work + "/" + n],
                       check=True)
    m = mount(work + "/3")
    before = contents(work)
    mem = proc(m, 8057, "mem")
    inherited = 0x10000000000 + PAGE
    assert error_of(pwrite, mem, b"no", inherited) == errno.EPERM
    assert "parent" in mnt.read_text(m / ".critfs/errors")
    # all or nothing: not those before it either
    assert error_of(pwrite, mem, b"n" * 2 * PAGE, inherited - PAGE) == errno.EPERM
    assert contents(work) == before


def test_nothing_is_written_on_a_read_only_mount(mount):
    m = mount(dumps.pristine("demo"), "ro")
    for path in (proc(m, MAIN, "mem"), *runs_of(m, MAIN).values()):
        assert error_of(os.open, path, os.O_WRONLY) == errno.EROFS


# ------------------------------------------------------------------- one truth

def test_a_write_is_seen_by_all_who_open_after_it(changing):
    """Whichever way it came, and whatever the kernel kept."""
    start, end, path, (name, off) = one_run(changing)
    plain, mem = changing / name, proc(changing, MAIN, "mem")
    stored = os.path.join(changing.dump, name)

    def seen():
        return {pread(path, 4, 0), pread(mem, 4, start), pread(plain, 4, off)}

    for i, (target, at) in enumerate([(mem, start), (path, 0), (plain, off)] * 3):
        seen()
        word = b"%04d" % i
        pwrite(target, word, at)
        assert seen() == {word}
        assert pread(stored, 4, off) == word
    pwrite(stored, b"othr", off)
    assert mnt.wait_for(lambda: seen() == {b"othr"}, 5)


def test_a_reader_that_stays_sees_what_is_written(changing):
    start, end, path, (name, off) = one_run(changing)
    fd = os.open(proc(changing, MAIN, "mem"), os.O_RDONLY)
    for i in range(5):
        word = b"%04d" % i
        pwrite(path, word, 0)
        assert os.pread(fd, 4, start) == word
        pwrite(os.path.join(changing.dump, name), word[::-1], off)
        assert mnt.wait_for(lambda: os.pread(fd, 4, start) == word[::-1], 5)
    os.close(fd)


@pytest.mark.parametrize("option", ["rw", "ro"])
def test_another_page_map_is_seen(mount, work, option):
    """The same names lead to other pages: those that the kernel has are of no use."""
    m = mount(dumps.copy("demo", work + "/dump"), option)
    start, end, path, (name, off) = one_run(m)
    old = mnt.read(path)
    stored = os.path.join(m.dump, name)
    data = mnt.read(stored)
    with open(stored + ".new", "wb") as f:  # as long, with other bytes
        f.write(bytes(b ^ 0xff for b in data))
    os.rename(stored + ".new", stored)
    assert mnt.wait_for(lambda: mnt.read(path) == bytes(b ^ 0xff for b in old), 5)


def test_readers_and_a_writer(changing):
    """Words that are written whole are read whole, and nothing else changes."""
    start, end, path, (name, off) = one_run(changing)
    mem = proc(changing, MAIN, "mem")
    done = threading.Event()
    words = [bytes([c]) * 4096 for c in b"abcdefgh"]
    pwrite(mem, words[0], start)
    rest = pread(mem, end - start - PAGE, start + PAGE)

    def write():
        try:
            for i in range(200):
                pwrite(mem if i % 2 else path, words[i % 8], 0 if i % 2 == 0 else start)
        finally:
            done.set()

    def read(by, at):
        while not done.is_set():
            assert pread(by, PAGE, at) in words
            assert pread(by, len(rest), at + PAGE) == rest

    together(write, lambda: read(mem, start), lambda: read(path, 0),
             lambda: [os.listdir(proc(changing, MAIN, "map_files")) for _ in range(50)])


# ------------------------------------------------------------------- large

def test_large_listings_need_no_memory(mount):
    """A page map of 300,000 entries, of which each is a run."""
    archive = dumps.large("frag300k")
    if not archive:
        pytest.skip("frag300k is not here")
    top = dumps.new_dir()
    dumps.unpack(archive, top)
    m = mount(top + "/frag300k", "ro")
    pid = memory.pids(m.dump)[0]
    names = os.listdir(proc(m, pid, "map_files"))
    assert len(names) == len(set(names)) > 100000
    for name in names[:2000] + names[-2000:]:
        start, end = memory.bounds(name)
        assert os.stat(proc(m, pid, "map_files", name)).st_size == end - start
        assert len(mnt.read(proc(m, pid, "map_files", name))) == end - start
    if not mnt.sanitized():
        assert m.memory() < 64 << 10
