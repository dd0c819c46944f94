"""Another program changes the dump while it is mounted: that is seen, and nothing is mixed."""
import errno
import mmap
import os
import subprocess
import threading
import time

import pytest

import criuimg
import dumps
import handmade
import mnt
from criuimg import TYPES
from editing import Target
from outside import overwrite, replace, rewrite
from together import together

BIG = 3 << 20                # more than is read ahead, and than any window of the daemon
NAME = "pipes-data.img"


def image_of(marks, sizes, seed):
    """Entries whose text and bytes say which image they are of."""
    entries = []
    for mark, size in zip(marks, sizes):
        msg = handmade.Fill("bare").message("pipe_data_entry")
        msg.pipe_id, msg.bytes = mark, size
        data = bytes([seed]) * size
        entries.append(criuimg.Entry("pipe_data_entry", criuimg.SCHEMA.encode(msg), data))
    return criuimg.Image(TYPES["PIPES_DATA"], "common", "<", entries)


OLD = image_of([1001, 1002, 1003], [100, BIG, 5000], ord("o"))
OTHERS = {"same length": image_of([2001, 2002, 2003], [100, BIG, 5000], ord("n")),
          "longer": image_of([2001, 2002, 2003, 2004, 2005], [100, 2 * BIG, 5000, 0, 9], ord("n")),
          "shorter": image_of([2001, 2002], [7, 4096], ord("n")),
          "moved by a byte": image_of([2001, 2002, 2003], [101, BIG, 5000], ord("n"))}


HOWS = [replace, rewrite, overwrite]


def gone_meanwhile(e):
    """It was removed or replaced between two calls; anything else is wrong."""
    assert e.errno in (errno.ENOENT, errno.ESTALE, errno.ENOTDIR, errno.EIO, errno.EBUSY, errno.EINVAL), e
    return False


class Dump:
    def __init__(self, mount, work):
        self.root = os.path.join(work, "dump")
        os.mkdir(self.root)
        self.stored = dumps.write(self.root, NAME, OLD)
        self.mount = mount(self.root)
        self.dir = self.mount / NAME

    def path(self, name):
        return self.dir + "/" + name

    def shows(self, image):
        """Does the mount show just that image?"""
        try:
            return os.listdir(self.dir) == mnt.listing(image) and self.shows_all(image)
        except OSError as e:
            return gone_meanwhile(e)

    def shows_all(self, image):
        """All of its entries, with whatever is beside them?"""
        try:
            for i, entry in enumerate(image.entries):
                text = mnt.read_text(self.path("%d.json" % i))
                data = mnt.read(self.path("%d.extra" % i))
                sizes = [os.stat(self.path("%d.%s" % (i, x))).st_size for x in ("json", "extra")]
                if (text, data, sizes) != (entry.text(), entry.extra, [len(text), len(data)]):
                    return False
            return True
        except OSError as e:
            return gone_meanwhile(e)

    def look(self):
        """What may be cached of it is."""
        assert self.shows(OLD)


def old_or_error(read, offset, length, old):
    """A read gives what there was at the open, or says that it can't."""
    try:
        data = read(length, offset)
    except OSError as e:
        assert e.errno in (errno.EIO, errno.ESTALE), e
        return None
    assert data == old[offset:offset + length], (offset, len(data), data[:20])
    return data


# ----------------------------------------------------- the next look

@pytest.mark.parametrize("how", HOWS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("other", OTHERS)
def test_another_image(mount, work, other, how):
    """Listed, read and cached before: the next look shows what is there now, and back again."""
    d = Dump(mount, work)
    d.look()
    for image in (OTHERS[other], OLD, OTHERS[other]):
        how(d.stored, criuimg.write_image(image))
        assert mnt.wait_for(lambda: d.shows(image), 5)


def test_appended_to_and_cut(mount, work):
    d = Dump(mount, work)
    d.look()
    more = image_of([1001, 1002, 1003, 1004], [100, BIG, 5000, 77], ord("o"))
    with open(d.stored, "ab") as f:
        f.write(criuimg.write_entry(more, more.entries[3]))
    assert mnt.wait_for(lambda: d.shows(more), 5)
    two = criuimg.Image(OLD.type, OLD.header, OLD.order, OLD.entries[:2])
    os.truncate(d.stored, len(criuimg.write_image(two)))
    assert mnt.wait_for(lambda: d.shows(two), 5)
    # within the last entry: what is before it is shown, the rest as it is
    os.truncate(d.stored, len(criuimg.write_image(two)) - 1000)
    assert mnt.wait_for(lambda: os.listdir(d.dir) == ["0.extra", "0.json", "tail.raw"], 5)
    assert mnt.read_text(d.path("0.json")) == OLD.entries[0].text()
    rewrite(d.stored, criuimg.write_image(OLD))
    assert mnt.wait_for(lambda: d.shows(OLD), 5)


@pytest.mark.parametrize("open_dir", [False, True])
def test_removed_and_made_again(mount, work, open_dir):
    d = Dump(mount, work)
    d.look()
    held = os.open(d.dir, os.O_RDONLY) if open_dir else None
    os.unlink(d.stored)
    assert mnt.wait_for(lambda: not os.path.exists(d.dir), 5)
    assert NAME not in os.listdir(d.mount.point)
    with pytest.raises(FileNotFoundError):
        os.stat(d.path("0.json"))
    dumps.write(d.root, NAME, OTHERS["longer"])
    assert mnt.wait_for(lambda: d.shows(OTHERS["longer"]), 5)
    if held is not None:
        os.close(held)


def text_file(path):
    rewrite(path, b"no image\n")


def empty_file(path):
    rewrite(path, b"")


def directory(path):
    os.unlink(path)
    os.mkdir(path)


def symlink(path):
    os.unlink(path)
    os.symlink("nowhere", path)


def fifo(path):
    os.unlink(path)
    os.mkfifo(path)


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("what", [text_file, empty_file, directory, symlink, fifo], ids=lambda f: f.__name__)
def test_something_else(mount, work, what, late):
    """Under the same name, with a reader and a draft open; and then an image again."""
    d = Dump(mount, work)
    d.look()
    reader = os.open(d.path("1.json"), os.O_RDONLY)
    writer = os.open(d.path("0.json"), os.O_WRONLY | os.O_TRUNC)
    text = OLD.entries[0].text().replace("1001", "7777")
    mnt.write_fd(writer, text.encode())
    if late:
        time.sleep(1.2)  # the kernel asks for the name now, before it asks for attributes
    what(d.stored)
    kind = os.lstat(d.stored).st_mode & 0o170000
    assert mnt.wait_for(lambda: os.lstat(d.dir).st_mode & 0o170000 == kind and
                        not os.path.exists(d.path("0.json")), 5)
    assert os.pread(reader, 100000, 0) == OLD.entries[1].text().encode()
    with pytest.raises(OSError) as e:
        os.close(writer)
    assert e.value.errno in (errno.EBUSY, errno.ENOENT, errno.ESTALE)
    os.close(reader)
    if kind == 0o040000:
        os.rmdir(d.stored)
    else:
        os.unlink(d.stored)
    dumps.write(d.root, NAME, OTHERS["shorter"])
    assert mnt.wait_for(lambda: d.shows_all(OTHERS["shorter"]), 5)
    # nothing typed is lost
    kept = [n for n in os.listdir(d.dir) if n.endswith(".rej")]
    assert kept and mnt.read_text(d.path(kept[0])) == text


def test_a_whole_directory_is_exchanged(mount, work):
    """A subdirectory that is another one now, its images under the same names."""
    top = os.path.join(work, "top")
    os.mkdir(top)
    for name in ("demo", "container-ipc"):
        dumps.copy(name, os.path.join(top, name))
    m = mount(top)
    path = m / "demo/files.img/3.json"
    text = mnt.read_text(path)
    os.rename(os.path.join(top, "demo"), os.path.join(top, "kept"))
    os.rename(os.path.join(top, "container-ipc"), os.path.join(top, "demo"))
    other = criuimg.load(os.path.join(top, "demo/files.img")).entries[3].text()
    assert other != text
    assert mnt.wait_for(lambda: mnt.read_text(path) == other, 5)
    assert mnt.wait_for(lambda: mnt.read_text(m / "kept/files.img/3.json") == text, 5)


# -------------------------------------------------------- who has it open

@pytest.mark.parametrize("how", HOWS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("other", OTHERS)
def test_open_texts_stay(mount, work, other, how):
    """A text is what it was at its open, whatever of it was read by then."""
    d = Dump(mount, work)
    fds = [os.open(d.path("%d.json" % i), os.O_RDONLY) for i in range(3)]
    os.pread(fds[1], 5, 0)
    how(d.stored, criuimg.write_image(OTHERS[other]))
    mnt.wait_for(lambda: d.shows(OTHERS[other]), 5)
    for fd, entry in zip(fds, OLD.entries):
        assert os.pread(fd, 100000, 0) == entry.text().encode()
        os.close(fd)


@pytest.mark.parametrize("how", HOWS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("other", OTHERS)
def test_open_extras_are_never_mixed(mount, work, other, how):
    """Megabytes are read from the file as they are asked for: they are the old ones, or an error."""
    d = Dump(mount, work)
    with open(d.path("1.extra"), "rb", buffering=0) as f:
        assert os.pread(f.fileno(), 10, 0) == b"o" * 10
        how(d.stored, criuimg.write_image(OTHERS[other]))
        for looked in (False, True):
            for at in range(BIG - 100000, 0, -1000003):
                old_or_error(lambda n, o: os.pread(f.fileno(), n, o), at, 100000, b"o" * BIG)
            assert mapped_bytes(f.fileno(), BIG) <= {"o", "SIGBUS"}
            assert looked or mnt.wait_for(lambda: d.shows(OTHERS[other]), 5)


# A page that can't be read ends the program that touches it: not this one.
MAPPED = """
import mmap, os, sys
with mmap.mmap(%d, %d, prot=mmap.PROT_READ) as m:
    for at in range(%d - 1, -1, -100003):
        print(chr(m[at]), flush=True)
"""


def mapped_bytes(fd, size):
    """Which bytes a mapping of the open file has, and whether it ends in a SIGBUS."""
    done = subprocess.run(["/usr/bin/python3", "-c", MAPPED % (fd, size, size)], pass_fds=[fd],
                          capture_output=True, text=True, timeout=60)
    seen = {c or "\n" for c in done.stdout.split("\n")[:-1]}
    if done.returncode == -7:
        return seen | {"SIGBUS"}
    assert done.returncode == 0 or "length is greater" in done.stderr, done.stderr
    return seen


@pytest.mark.parametrize("how", [
    lambda p: os.truncate(p, 5000), lambda p: os.truncate(p, 0), os.unlink,
    lambda p: rewrite(p, b"no image at all, but text")], ids=["cut", "emptied", "unlinked", "no image"])
def test_cut_under_a_mapping(mount, work, how):
    """The daemon never maps files of the dump: it answers with an error and goes on."""
    d = Dump(mount, work)
    fd = os.open(d.path("1.extra"), os.O_RDONLY)
    assert os.pread(fd, 10, 0) == b"o" * 10
    with mmap.mmap(fd, BIG, prot=mmap.PROT_READ) as m:
        assert m[5:15] == b"o" * 10
        how(d.stored)
        assert mapped_bytes(fd, BIG) <= {"o", "SIGBUS"}
    for at in (0, 4096, BIG // 2, BIG - 10):
        old_or_error(lambda n, o: os.pread(fd, n, o), at, 10, b"o" * BIG)
    os.close(fd)
    replace(d.stored, criuimg.write_image(OTHERS["longer"]))
    assert mnt.wait_for(lambda: d.shows(OTHERS["longer"]), 5)
    assert d.mount.proc.poll() is None


# ------------------------------------------------------------- drafts

def done(call, *args):
    """Or is it refused, because the change underneath was not looked at yet?"""
    try:
        call(*args)
    except OSError as e:
        assert e.errno == errno.EBUSY
        return False
    return True


def what_is_typed(entry, part):
    """Of a text, what no extra decides."""
    return entry.extra if part == "1.extra" else b'"pipe_id": %d,' % entry.decode().pipe_id


@pytest.mark.parametrize("how", HOWS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("part, data", [("1.json", None), ("1.extra", b"typed")], ids=["text", "blob"])
@pytest.mark.parametrize("looked", [False, True])
@pytest.mark.parametrize("end", ["close", "fsync", "rename"])
def test_a_draft_is_kept_and_refused(mount, work, how, part, data, looked, end):
    """Whether the daemon looked meanwhile or not, by close, fsync and a scratch file's rename."""
    d, other = Dump(mount, work), OTHERS["longer" if looked else "same length"]
    data = data or OLD.entries[1].text().replace("1002", "5555").encode()
    fd = os.open(d.path("t" if end == "rename" else part), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    mnt.write_fd(fd, data)
    how(d.stored, criuimg.write_image(other))
    if looked:
        assert mnt.wait_for(lambda: d.shows_all(other), 5)
    if end == "rename":
        os.close(fd)
        if done(os.rename, d.path("t"), d.path(part)):
            # it is of no image, and the name stands for the entry that has it now
            assert what_is_typed(criuimg.load(d.stored).entries[1], part) in data
            return
    else:
        with pytest.raises(OSError) as e:
            (os.close if end == "close" else os.fsync)(fd)
        assert e.value.errno == errno.EBUSY
    assert mnt.read(d.stored) == criuimg.write_image(other)
    assert mnt.read(d.path(part + ".rej")) == data
    line = mnt.read_text(d.path(part + ".err"))
    assert line.startswith("%s/%s: error: " % (NAME, part)) and "changed underneath" in line
    if end == "fsync":
        with pytest.raises(OSError):
            os.close(fd)
    # what is shown is the new image, and a new edit of it is accepted
    assert mnt.wait_for(lambda: d.shows_all(other), 5)
    new = other.entries[0].text().replace("2001", "6666")
    assert mnt.wait_for(lambda: done(mnt.save, d.path("0.json"), new), 5)
    assert criuimg.load(d.stored).entries[0].text() == new


def test_rejected_draft_onto_the_new_image(mount, work):
    """Who knows better moves what was refused onto the entry as it is now."""
    t = Target(mount, work)
    fd = os.open(t.path, os.O_WRONLY | os.O_TRUNC)
    mnt.write_fd(fd, t.new.encode())
    replace(t.stored, t.old_bytes)
    with pytest.raises(OSError) as e:
        os.close(fd)
    assert e.value.errno == errno.EBUSY
    assert mnt.wait_for(lambda: done(os.rename, t.path + ".rej", t.path), 5)
    assert criuimg.load(t.stored).entries[t.INDEX].text() == t.new
    assert t.text() == t.new
    assert not os.path.exists(t.path + ".err")


@pytest.mark.parametrize("end", ["unmount", "SIGTERM"])
def test_a_draft_at_the_end(mount, work, end):
    """What is still dirty then is committed onto what was read, and onto nothing else."""
    d = Dump(mount, work)
    fd = os.open(d.path("1.json"), os.O_WRONLY | os.O_TRUNC)
    mnt.write_fd(fd, OLD.entries[1].text().replace("1002", "5555").encode())
    other = criuimg.write_image(OTHERS["same length"])
    replace(d.stored, other)
    if end == "SIGTERM":
        d.mount.terminate()
        with pytest.raises(OSError):
            os.close(fd)
        d.mount.abandon()
    else:
        with pytest.raises(OSError):
            os.close(fd)
        d.mount.close()
    assert mnt.read(d.stored) == other
    assert "1.json" in d.mount.stderr() and "changed underneath" in d.mount.stderr()


def test_a_rewritten_image_and_its_editors(mount, work):
    """Two images take turns underneath while others read and edit: what is read is of one of them."""
    d = Dump(mount, work)
    a, b = OLD, OTHERS["longer"]
    edited = {e.text().replace('"pipe_id": "0x', '"pipe_id": "0x1') for e in (a.entries[2], b.entries[2])}
    allowed = {e.text() for e in (a.entries[2], b.entries[2])} | edited
    stop, wrong, committed = threading.Event(), [], []

    def exchange():
        for n in range(60):
            (replace if n % 3 else rewrite)(d.stored, criuimg.write_image((a, b)[n % 2]))
            stop.wait(0.01)
        stop.set()

    def edit():
        while not stop.is_set():
            try:
                text = mnt.read_text(d.path("2.json"))
                if text not in allowed:
                    wrong.append(text)
                if text not in edited:
                    mnt.save(d.path("2.json"), text.replace('"pipe_id": "0x', '"pipe_id": "0x1'))
                    committed.append(text)
            except OSError as e:
                # a file that is just being written is shorter, or no image
                if e.errno not in (errno.EBUSY, errno.ENOENT, errno.ESTALE, errno.ENOTDIR, errno.EIO):
                    wrong.append(e)

    together(exchange, edit, edit)
    assert not wrong
    replace(d.stored, criuimg.write_image(a))
    assert mnt.wait_for(lambda: d.shows_all(a), 5)
