"""An extra that no memory could hold: edited in place, its holes kept."""
import errno
import os
import subprocess

import pytest

import criuimg
import dumps
import handmade
import mnt
from criuimg import TYPES

SIZE = 2 << 30
AT = 3 << 29                   # where it is patched
MEMORY = 64 << 10              # KiB
ISLANDS = {0: b"begin", 1 << 20: b"x" * 70000, AT - 100: b"before", AT + (1 << 20): b"behind",
           SIZE - 3: b"end"}


class Ghost:
    """A ghost file's image with sparse contents, mounted."""

    def __init__(self, mount, work):
        image = handmade.image(TYPES["GHOST_FILE"])
        image.entries[0].extra = b""
        self.head = criuimg.write_image(image)
        self.stored = dumps.write(work, "ghost-file-7.img", self.head)
        self.expected = dict(ISLANDS)
        self.size = SIZE
        with open(self.stored, "r+b") as f:
            f.truncate(len(self.head) + SIZE)
            for at, data in ISLANDS.items():
                f.seek(len(self.head) + at)
                f.write(data)
        self.mount = mount(work)
        self.path = self.mount / "ghost-file-7.img/0.extra"

    def assert_stored(self):
        """Every byte: what is no expected data has to be a hole, or zeros."""
        assert os.stat(self.stored).st_size == len(self.head) + self.size
        assert os.stat(self.path).st_size == self.size
        assert os.stat(self.stored).st_blocks * 512 < 2 << 20
        with open(self.stored, "rb") as f:
            assert f.read(len(self.head)) == self.head
            self.assert_data(f, len(self.head))
        with open(self.path, "rb") as f:
            for at, data in self.expected.items():
                f.seek(at)
                assert f.read(len(data)) == data
        assert self.mount.memory() < MEMORY

    def assert_data(self, f, start):
        seen, end = {}, start
        while True:
            try:
                at = os.lseek(f.fileno(), end, os.SEEK_DATA)
            except OSError as e:
                assert e.errno == errno.ENXIO
                break
            end = os.lseek(f.fileno(), at, os.SEEK_HOLE)
            seen[at - start] = os.pread(f.fileno(), end - at, at)
        for at, data in self.expected.items():
            block = max(b for b in seen if b <= at)
            mine = bytearray(seen[block])
            assert mine[at - block:at - block + len(data)] == data, at
            mine[at - block:at - block + len(data)] = bytes(len(data))
            seen[block] = bytes(mine)
        assert not any(b.strip(b"\0") for b in seen.values())


def dd(g):
    subprocess.run(["dd", "of=" + g.path, "bs=1", "seek=%d" % AT, "conv=notrunc", "status=none"],
                   input=b"patched", check=True)


def python(g):
    fd = os.open(g.path, os.O_RDWR)
    assert os.pread(fd, 6, AT - 100) == b"before"
    os.pwrite(fd, b"patched", AT)
    assert os.pread(fd, 9, AT - 1) == b"\0patched\0"
    os.close(fd)


@pytest.mark.parametrize("patch", [dd, python], ids=lambda f: f.__name__)
def test_large_ghost(mount, work, patch):
    g = Ghost(mount, work)
    g.assert_stored()
    patch(g)
    g.expected[AT] = b"patched"
    g.assert_stored()
    subprocess.run(["sh", "-c", "printf appended >> \"$0\"", g.path], check=True)
    g.expected[SIZE] = b"appended"
    g.size += 8
    g.assert_stored()
    os.truncate(g.path, AT + 3)
    g.size = AT + 3
    g.expected = {at: data for at, data in g.expected.items() if at < AT}
    g.expected[AT] = b"pat"
    g.assert_stored()
    os.truncate(g.path, SIZE)
    g.size = SIZE
    g.assert_stored()


def test_large_ghost_with_another_text(mount, work):
    """The contents behind the entry are copied with their holes."""
    g = Ghost(mount, work)
    entry = criuimg.read_image(g.head).entries[0]
    msg = entry.decode()
    msg.uid += 5000000
    entry.payload = criuimg.SCHEMA.encode(msg)
    mnt.save(g.mount / "ghost-file-7.img/0.json", entry.text())
    image = criuimg.read_image(g.head)
    image.entries = [entry]
    g.head = criuimg.write_image(image)
    g.assert_stored()
