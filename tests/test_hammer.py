"""Thousands of random operations on one file, and on a model of it: what fsx does to disks."""
import ctypes
import errno
import json
import mmap
import os
import random

import pytest

import criuimg
import dumps
import handmade
import mnt
import upper
from criuimg import TYPES

LARGEST = 3 << 19            # bytes; drafts beyond 1 MiB move from memory to a file
PAGE = mmap.PAGESIZE
PUNCH = 3                    # FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_long, ctypes.c_long]


def punch(fd, at, size):
    if LIBC.fallocate(fd, PUNCH, at, size):
        raise OSError(ctypes.get_errno(), "fallocate")


def seeded(seed):
    """CRITFS_SEED=N makes it another run."""
    seed += 100 * int(os.environ.get("CRITFS_SEED", 0))
    print("seed", seed)
    return random.Random(seed)


class Hammer:
    """The operations. Handles of a shared file see each other's writes, drafts are their handle's."""

    def __init__(self, path, seed, stored, shared):
        self.path, self.rand, self.stored = path, seeded(seed), stored
        self.data = bytearray(mnt.read(path))
        self.count, self.log = 2 if shared else 1, []
        self.fds = []
        self.reopen()

    def place(self):
        """An offset, as often as not beside a page's border or at an end."""
        size = len(self.data)
        near = self.rand.choice((0, size, self.rand.randrange(size + 1) // PAGE * PAGE,
                                 self.rand.randrange(size + 1)))
        return max(0, near + self.rand.randrange(-9, 10))

    def length(self):
        return self.rand.choice((1, 7, PAGE, self.rand.randrange(1, 3 * PAGE),
                                 self.rand.randrange(1, 200000)))

    def bytes(self, size):
        return self.rand.randbytes(min(size, 4099)) * (size // 4099 + 1)

    def put(self, at, data):
        self.data.extend(bytes(max(0, at - len(self.data))))
        self.data[at:at + len(data)] = data

    @property
    def fd(self):
        return self.rand.choice(self.fds)

    # ------------------------------------------------------- operations

    def read(self):
        at, size = self.place(), self.length()
        assert os.pread(self.fd, size, at) == self.data[at:at + size], (at, size)

    def read_all(self):
        fd = self.fd
        os.lseek(fd, 0, os.SEEK_SET)
        assert b"".join(iter(lambda: os.read(fd, 70000), b"")) == self.data

    def write(self):
        at = min(self.place(), LARGEST)
        data = self.bytes(self.length())[:min(self.length(), LARGEST - at)]
        assert os.pwrite(self.fd, data, at) == len(data)
        if data:
            self.put(at, data)

    def write_far_behind_the_end(self):
        at = min(len(self.data) + self.rand.randrange(200000), LARGEST)
        os.pwrite(self.fd, b"far", at)
        self.put(at, b"far")

    def truncate(self):
        size = min(self.place(), LARGEST)
        os.ftruncate(self.fd, size)
        self.data = self.data[:size] + bytes(max(0, size - len(self.data)))

    def cut_short(self):
        size = len(self.data) // 3
        os.ftruncate(self.fd, size)
        del self.data[size:]

    def punch(self):
        at, size = self.place(), self.length()
        try:
            punch(self.fd, at, size)
        except OSError as e:
            assert e.errno == errno.EOPNOTSUPP
            return
        end = min(at + size, len(self.data))
        self.data[at:end] = bytes(max(0, end - at))

    def mapped_read(self):
        if not self.data:
            return
        with mmap.mmap(self.fd, 0, prot=mmap.PROT_READ) as m:
            assert len(m) == len(self.data)
            at, size = self.place(), self.length()
            assert m[at:at + size] == self.data[at:at + size], (at, size)

    def mapped_write(self):
        if not self.data:
            return
        with mmap.mmap(self.fd, 0) as m:
            for _ in range(self.rand.randrange(1, 4)):
                at = min(self.place(), len(self.data) - 1)
                data = self.bytes(min(self.length(), len(self.data) - at))
                data = data[:len(self.data) - at]
                m[at:at + len(data)] = data
                self.data[at:at + len(data)] = data
            if self.rand.randrange(2):
                m.flush()

    def size(self):
        fd = self.fd
        assert os.lseek(fd, 0, os.SEEK_END) == len(self.data)
        # the kernel asks it of the file, not of the open one: who emptied a draft is not told so
        if self.data or self.count > 1:
            assert os.fstat(fd).st_size == len(self.data)

    def fsync(self):
        self.rand.choice((os.fsync, os.fdatasync))(self.fd)
        # what a mapping of another handle still holds is that one's
        if self.count == 1:
            self.stored(bytes(self.data))

    def close(self):
        while self.fds:
            os.close(self.fds.pop())
        self.stored(bytes(self.data))

    def reopen(self):
        self.close()
        assert os.stat(self.path).st_size == len(self.data)
        self.fds = [os.open(self.path, os.O_RDWR) for _ in range(self.count)]

    def append(self):
        self.close()
        fd = os.open(self.path, self.rand.choice((os.O_WRONLY, os.O_RDWR)) | os.O_APPEND)
        for _ in range(self.rand.randrange(1, 4)):
            data = self.bytes(50)[:min(50, LARGEST - len(self.data))]
            os.write(fd, data)
            self.data += data
        os.close(fd)
        self.reopen()

    def truncate_by_path(self):
        self.close()
        size = min(self.place(), LARGEST)
        os.truncate(self.path, size)
        self.data = self.data[:size] + bytes(max(0, size - len(self.data)))
        self.reopen()

    def write_anew(self):
        self.close()
        self.data = bytearray(self.bytes(self.length()))
        mnt.save(self.path, bytes(self.data))
        self.reopen()

    OFTEN = [read, write, write, mapped_read, mapped_write, size]
    SELDOM = [read_all, truncate, cut_short, write_far_behind_the_end, punch, fsync, reopen, append,
              truncate_by_path, write_anew]

    def run(self, rounds):
        for n in range(rounds):
            often = self.rand.randrange(3)
            op = self.rand.choice(self.OFTEN if often else self.SELDOM)
            self.log = self.log[-30:] + ["%d %s, %d bytes" % (n, op.__name__, len(self.data))]
            try:
                op(self)
            except BaseException:
                print("\n".join(self.log))
                raise
        self.close()
        assert mnt.read(self.path) == self.data


ROUNDS = 400 if mnt.sanitized() else 1500


@pytest.mark.parametrize("seed", [1, 2])
def test_plain_file(mount, work, seed):
    """Its bytes are those of the file in the dump at any time."""
    root = dumps.copy("demo", os.path.join(work, "dump"))
    path = os.path.join(root, "pages-1.img")

    def stored(data):
        assert mnt.read(path) == data

    inode = os.stat(path).st_ino
    Hammer(mount(root) / "pages-1.img", seed, stored, True).run(ROUNDS)
    assert upper.ON or os.stat(path).st_ino == inode  # a copy is another file


@pytest.mark.parametrize("typ, index, name, key, field", [
    ("PIPES_DATA", 1, "1.extra", None, "bytes"), ("PIPES_DATA", 2, "2.extra", None, "bytes"),
    ("TCP_STREAM", 0, "0.inq", "inq", "inq_len"), ("BPFMAP_DATA", 1, "1.values", "values", "values_bytes"),
    ("IPCNS_SHM", 0, "0.extra", None, "size")])
def test_extra(mount, work, typ, index, name, key, field):
    """The image is exactly what the model makes it whenever nothing is open, and after fsync."""
    image = handmade.image(TYPES[typ])
    file = TYPES[typ].example_name()
    path = dumps.write(work, file, image)
    entry = image.entries[index]
    here = mount(work) / file

    def stored(data):
        if key:
            entry.extra[key] = data
        else:
            entry.extra = data
        msg = entry.decode()
        setattr(msg, field, len(data))
        entry.payload = criuimg.SCHEMA.encode(msg)
        assert mnt.read(path) == criuimg.write_image(image)
        assert json.loads(mnt.read(here + "/%d.json" % index))[field] == len(data)

    Hammer(here + "/" + name, 3, stored, False).run(ROUNDS // 2)


@pytest.mark.parametrize("seed", [5, 6])
def test_scratch(mount, work, seed):
    """In memory or in a file that has no name: never in the dump."""
    root = dumps.copy("demo", os.path.join(work, "dump"))
    path = mount(root) / "files.img/notes"
    mnt.save(path, b"", os.O_WRONLY | os.O_CREAT)
    names, image = sorted(os.listdir(root)), mnt.read(os.path.join(root, "files.img"))

    def stored(data):
        assert sorted(os.listdir(root)) == names
        assert mnt.read(path) == data

    Hammer(path, seed, stored, True).run(ROUNDS)
    assert mnt.read(os.path.join(root, "files.img")) == image


# ------------------------------------------- plain files among each other

class Names:
    """Plain files in the root and in a subdirectory, some open without a name."""

    def __init__(self, root, point, seed):
        self.root, self.point, self.rand = root, point, seeded(seed)
        self.files, self.open = {}, []     # {relative path: contents}, [(fd, contents)]
        os.mkdir(os.path.join(point, "sub"))

    def path(self, rel):
        return os.path.join(self.point, rel)

    def any(self):
        return self.rand.choice(("", "sub/")) + "f%d.txt" % self.rand.randrange(8)

    def existing(self):
        return self.rand.choice(sorted(self.files)) if self.files else self.create()

    def contents(self):
        return bytearray(self.rand.randbytes(self.rand.randrange(20000)))

    def create(self):
        rel, data = self.any(), self.contents()
        if rel in self.files:
            with pytest.raises(FileExistsError):
                os.open(self.path(rel), os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        mnt.save(self.path(rel), bytes(data), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        # an open handle of the same file sees it, as anywhere
        for held in [d for _, d in self.open if d is self.files.get(rel)]:
            held[:] = data
        self.files.setdefault(rel, data)[:] = data
        return rel

    def hold(self):
        rel = self.existing()
        if len(self.open) < 10:
            self.open.append((os.open(self.path(rel), os.O_RDWR), self.files[rel]))

    def write_held(self):
        for fd, data in self.open:
            at, new = self.rand.randrange(len(data) + 1), self.contents()
            os.pwrite(fd, bytes(new), at)
            data[at:at + len(new)] = new

    def truncate_held(self):
        for fd, data in self.open:
            size = self.rand.randrange(30000)
            os.ftruncate(fd, size)
            data[size:] = bytes(max(0, size - len(data)))

    def read_held(self):
        for fd, data in self.open:
            assert os.pread(fd, 1 << 20, 0) == data
            assert os.fstat(fd).st_size == len(data)

    def drop(self):
        if self.open:
            os.close(self.open.pop(self.rand.randrange(len(self.open)))[0])

    def rename(self):
        """Over another as often as not, and between the directories."""
        rel, to = self.existing(), self.any()
        if os.path.dirname(rel) != os.path.dirname(to):
            # whether it can be done at once or has to be copied is not this test's matter
            if self.try_rename(rel, to):
                self.files[to] = self.files.pop(rel)
        elif rel != to:
            os.rename(self.path(rel), self.path(to))
            self.files[to] = self.files.pop(rel)

    def try_rename(self, rel, to):
        try:
            os.rename(self.path(rel), self.path(to))
        except OSError as e:
            assert e.errno == errno.EXDEV
            return False
        return True

    def unlink(self):
        rel = self.existing()
        os.unlink(self.path(rel))
        del self.files[rel]

    def check(self):
        for rel, data in self.files.items():
            assert mnt.read(self.path(rel)) == data == mnt.read(os.path.join(self.root, rel)), rel
        for where in ("", "sub"):
            mine = sorted(os.path.basename(r) for r in self.files if os.path.dirname(r) == where)
            for top in (self.root, self.point):
                assert sorted(n for n in os.listdir(os.path.join(top, where)) if n.endswith(".txt")) == mine

    def run(self, rounds):
        ops = [self.create, self.hold, self.write_held, self.truncate_held, self.read_held, self.drop,
               self.rename, self.rename, self.unlink, self.check]
        for _ in range(rounds):
            self.rand.choice(ops)()
        self.check()
        self.read_held()
        while self.open:
            self.drop()


@pytest.mark.parametrize("seed", [7, 8])
def test_names_of_plain_files(mount, work, seed):
    """Created, renamed over each other, removed while open: as in the dump itself."""
    root = dumps.copy("cpuinfo", os.path.join(work, "dump"))
    Names(root, mount(root).point, seed).run(ROUNDS // 2)


def data_spans(path):
    """[(from, to)] of what is data in a file."""
    out, end = [], 0
    with open(path, "rb") as f:
        while True:
            try:
                start = os.lseek(f.fileno(), end, os.SEEK_DATA)
            except OSError as e:
                assert e.errno == errno.ENXIO
                return out
            end = os.lseek(f.fileno(), start, os.SEEK_HOLE)
            out.append((start, end))


def test_holes_of_plain_files(mount, work):
    """A file that is written sparsely through the mount is sparse in the dump."""
    root = dumps.copy("demo", os.path.join(work, "dump"))
    point = mount(root)
    size = 256 << 20
    with open(point / "sparse", "w+b") as f:
        for at in (0, 64 << 20, size - 3):
            f.seek(at)
            f.write(b"end")
        f.flush()
        f.seek(64 << 20)
        assert f.read(5) == b"end\0\0"
        with mmap.mmap(f.fileno(), 0) as m:
            m[128 << 20:(128 << 20) + 3] = b"map"
    stored = os.path.join(root, "sparse")
    os.truncate(point / "sparse", 2 * size)
    assert os.stat(stored).st_size == os.stat(point / "sparse").st_size == 2 * size
    assert os.stat(stored).st_blocks * 512 < 1 << 20
    spans = data_spans(stored)
    assert [s // (64 << 20) for s, _ in spans] == [0, 1, 2, 3] and sum(b - a for a, b in spans) < 1 << 20
    with open(point / "sparse", "rb") as f:
        f.seek(128 << 20)
        assert f.read(4) == b"map\0"
        f.seek(size - 3)
        assert f.read(10) == b"end" + bytes(7)
