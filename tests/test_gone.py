"""Images that were removed: what is still open of them is harmless, and they take no memory for good."""
import errno
import json
import os
import shutil

import pytest

import mnt
import slots
from slots import Slots

OTHERS = 150                 # images that come and go: more than critfs lets lie before it looks


@pytest.fixture
def x(mount, work):
    return Slots(mount, work, "FDINFO")


def come_and_go(x, count):
    """With an entry, with one that is still to come, with a scratch file; or empty."""
    text = slots.entry("PIPES_DATA", 7, 5).text()
    files = [{"1.json": text}, {"1.extra": b"bytes"}, {"notes": b"some"}, {}]
    for i in range(count):
        where = x.m / ("fifo-data.img", "pipes-data.img")[i % 2]
        os.mkdir(where)
        for name, data in files[i % 4].items():
            mnt.save(where + "/" + name, data, os.O_WRONLY | os.O_CREAT)
        shutil.rmtree(where)


def test_what_is_open_of_one_stays(x):
    """Whoever has something of it open, or stands in it, finds that it is gone, and nothing else."""
    os.mkdir(x.m / "fifo-data.img")
    path = x.m / "fifo-data.img/3.json"
    mnt.save(path, slots.entry("PIPES_DATA", 6, 0).text(), os.O_WRONLY | os.O_CREAT)
    reader, writer = os.open(path, os.O_RDONLY), os.open(path, os.O_RDWR)
    scratch = os.open(x.m / "fifo-data.img/notes", os.O_RDWR | os.O_CREAT)
    inside = os.open(x.m / "fifo-data.img", os.O_RDONLY | os.O_DIRECTORY)
    os.pwrite(writer, b"{ never", 0)
    os.write(scratch, b"some notes")
    shutil.rmtree(x.m / "fifo-data.img")
    come_and_go(x, OTHERS)
    assert os.pread(reader, 10000, 0) == slots.entry("PIPES_DATA", 6, 0).text().encode()
    assert os.pread(writer, 7, 0) == b"{ never" and os.pread(scratch, 99, 0) == b"some notes"
    os.fstat(reader), os.fstat(scratch)
    with pytest.raises(FileNotFoundError):
        os.listdir(inside)
    with pytest.raises(OSError):
        os.open("4.json", os.O_WRONLY | os.O_CREAT, dir_fd=inside)
    for fd in (reader, writer, scratch, inside):
        try:
            os.close(fd)
        except OSError as e:
            assert e.errno in (errno.EBADMSG, errno.ENOENT, errno.ESTALE), e
    come_and_go(x, OTHERS)
    x.check()


def test_the_same_name_again(x):
    """An image of another type under the name of one that was removed is that, and has its own entries."""
    for i in range(OTHERS):
        name = x.m / "fifo-data.img"
        os.mkdir(name)
        mnt.save(name + "/%d.json" % i, slots.entry("PIPES_DATA", 1000 + i, 0).text(), os.O_WRONLY | os.O_CREAT)
        assert os.listdir(name) == ["%d.json" % i]
        assert json.loads(mnt.read(name + "/%d.json" % i))["pipe_id"] == 1000 + i
        shutil.rmtree(name)
    assert os.listdir(x.root) == [x.name]
    x.check()


@pytest.mark.skipif(mnt.sanitized(), reason="the sanitizers keep what was freed")
def test_they_take_no_memory(x):
    come_and_go(x, 500)
    before = x.m.memory("VmRSS")
    come_and_go(x, 2000)
    assert x.m.memory("VmRSS") - before < 1024
    x.check()
