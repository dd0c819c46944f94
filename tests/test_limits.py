"""Too deep, too long, too many, too large: said with an errno, and the daemon goes on."""
import errno
import os
import resource
import subprocess

import pytest

import criuimg
import dumps
import handmade
import mnt
from criuimg import TYPES
from editing import Target, assert_no_temporaries

MANY = 2000 if mnt.sanitized() else 10000
MIB = 1 << 20
BUILD_ID = 11                # the field's number in a regular file's entry


@pytest.fixture
def target(mount, work):
    return Target(mount, work)


def refused(error, call, *args):
    with pytest.raises(OSError) as e:
        call(*args)
    assert e.value.errno == error, e.value


def assert_goes_on(target):
    mnt.save(target.path, target.new)
    target.assert_committed()


# ------------------------------------------------------------- deep texts

DEPTH = 100000

DEEP = {"lists": "[" * DEPTH + "]" * DEPTH,
        "objects": '{"a":' * DEPTH + "1" + "}" * DEPTH,
        "lists in a list of numbers": '"build_id": [' + "[" * DEPTH + "]" * DEPTH + "]",
        "objects in a field": '"fown": ' + '{"fown": ' * DEPTH + "1" + "}" * DEPTH,
        "unknown": '"nosuch": ' + "[" * DEPTH + "]" * DEPTH,
        "unclosed": '"fown": ' + '{"a": [' * DEPTH}


@pytest.mark.parametrize("what", DEEP)
def test_deep(target, what):
    """A hundred thousand levels, at the top and where a value is expected, in all orders of writing."""
    text = DEEP[what]
    if text[0] == '"':
        text = target.old.replace('"pos": 0,', text + ',\n        "pos": 0,')
    for save in (mnt.save, save_in_pieces, rename_onto):
        refused(errno.EBADMSG, save, target.path, text)
        target.assert_unchanged()
        assert mnt.read_text(target.path + ".rej") == text
        line = mnt.read_text(target.path + ".err")
        assert line.startswith("files.img/3.json:") and len(line) < 1000
    assert_goes_on(target)


def save_in_pieces(path, text):
    """So that it is the close that refuses it."""
    fd = os.open(path, os.O_RDWR)
    os.ftruncate(fd, 0)
    os.pwrite(fd, text.encode()[10:], 10)
    os.pwrite(fd, text.encode()[:10], 0)
    os.close(fd)


def rename_onto(path, text):
    mnt.save(path + ".new", text, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.rename(path + ".new", path)


def test_deep_messages(mount, work):
    """A message that may hold itself: as deep as is accepted comes back the same, deeper is refused."""
    image = handmade.image(TYPES["CGROUP"], "full")
    stored = dumps.write(work, "cgroup.img", image)
    path = mount(work) / "cgroup.img/0.json"
    accepted = 0
    for depth in (10, 30, 60, 90, 100, 200, 1000, 100000):
        before = mnt.read(stored)
        text = ('{"controllers": [{"cnames": ["c"], "dirs": [' + '{"dir_name": "d", "children": [' * depth +
                "]}" * depth + "]}], \"sets\": [{\"id\": 1, \"ctls\": []}]}")
        try:
            mnt.save(path, text)
        except OSError as e:
            assert e.errno == errno.EBADMSG
            assert mnt.read(stored) == before
            # a write that is refused ends it: what comes behind was never written
            assert text.startswith(mnt.read_text(path + ".rej"))
        else:
            accepted = depth
            assert mnt.read_text(path).count('"dir_name": "d"') == depth
            entry = criuimg.load(stored).entries[0]
            assert mnt.read_text(path).count("dir_name") == str(entry.decode()).count("dir_name")
    assert 30 <= accepted < 100000


# ------------------------------------------------------------- long texts

def stream(path, head, block, count, tail, flags=os.O_WRONLY | os.O_TRUNC):
    """Write a text of any length without having it in memory."""
    fd = os.open(path, flags)
    try:
        mnt.write_fd(fd, head)
        for _ in range(count):
            mnt.write_fd(fd, block)
        mnt.write_fd(fd, tail)
    except OSError:
        try:
            os.close(fd)
        except OSError:
            pass
        raise
    os.close(fd)


def long_texts(t):
    """Texts of 100 MB: head, block, how many, tail."""
    head, tail = t.new.encode().split(b'"/', 1)
    assert tail
    number, rest = t.new.encode().split(b'"build_id": [', 1)
    return {"a string": (head + b'"/', b"x" * MIB, 100, tail),
            "spaces": (b"", b" \n\t " * (MIB // 4), 100, t.new.encode()),
            "a list of numbers": (number + b'"build_id": [', b"1234567, " * (MIB // 9), 100, rest),
            "zeros": (b"", bytes(MIB), 100, b""),
            "a number": (t.new.encode().split(b"0,")[0], b"1" * MIB, 100, b"}"),
            "an unknown key": (b'{"', b"k" * MIB, 100, b'": 1}'),
            "an unclosed string": (b'{"type": "', b"k" * MIB, 100, b""),
            "doubled keys": (b"{", b'"id": 4, ' * (MIB // 9), 100, b'"type": "REG"}'),
            "commas": (b"[", b"," * MIB, 100, b"]"),
            "escapes": (head + b'"/', b"\\u0041" * (MIB // 6), 100, tail)}


@pytest.mark.parametrize("what", [
    "a string", "spaces", "a list of numbers", "zeros", "a number", "an unknown key",
    "an unclosed string", "doubled keys", "commas", "escapes"])
def test_large_texts(target, what):
    """Of 100 MB: by the rules refused or accepted, but never trouble, and memory is given back."""
    head, block, count, tail = long_texts(target)[what]
    before = target.mount.memory("VmRSS")
    try:
        stream(target.path, head, block, count, tail)
    except OSError as e:
        assert e.errno in (errno.EBADMSG, errno.EFBIG)
        target.assert_unchanged()
        assert target.text() == target.old
        # what was refused at the first write is no longer than that
        kept = os.stat(target.path + ".rej").st_size
        assert kept == len(head) + len(block) * count + len(tail) or kept < 2 * MIB
        assert len(mnt.read(target.path + ".err")) < 1000
    else:
        image = criuimg.load(target.stored)
        assert [e.frame for e in image.entries[4:]] == [e.frame for e in target.before.entries[4:]]
        if what != "a list of numbers":
            assert mnt.read_text(target.path) == image.entries[3].text()
        else:  # ten million are too many for Python's decoder
            number = handmade.wire_varint(BUILD_ID, 1234567)
            assert image.entries[3].payload.count(number) == MIB // 9 * 100
            assert mnt.read(target.path).count(b"1234567,\n") == MIB // 9 * 100
    # some copies of one text at the worst, and none of them stays
    assert target.mount.memory() < 1024 << 10 or mnt.sanitized()
    for suffix in (".rej", ".err"):
        if os.path.exists(target.path + suffix):
            os.unlink(target.path + suffix)
    mnt.save(target.path, target.old)
    mnt.save(target.path, target.new)
    target.assert_committed()
    # the sanitizers keep what was freed
    assert mnt.sanitized() or mnt.wait_for(
        lambda: target.mount.memory("VmRSS") < before + (96 << 10), 5)


def test_larger_than_a_message_can_be(target):
    """Sparse, so that it costs nothing to type."""
    for size in (1 << 31, 1 << 32, (1 << 32) + 5, 1 << 40, (1 << 63) - 1):
        with pytest.raises(OSError) as e:
            os.truncate(target.path, size)
        assert e.value.errno in (errno.EFBIG, errno.EBADMSG, errno.EINVAL)
        target.assert_unchanged()
    assert target.mount.memory() < 256 << 10 or mnt.sanitized()
    assert_goes_on(target)


@pytest.mark.parametrize("size", [1 << 32, (1 << 32) + 1, (1 << 63) - 1])
def test_extras_larger_than_their_field(mount, work, size):
    """The length is a number of 32 bits."""
    image = handmade.image(TYPES["PIPES_DATA"])
    stored = dumps.write(work, "pipes-data.img", image)
    path = mount(work) / "pipes-data.img/0.extra"
    before = mnt.read(stored)
    refused(errno.EFBIG, os.truncate, path, size)
    fd = os.open(path, os.O_RDWR)
    with pytest.raises(OSError) as e:
        os.pwrite(fd, b"end", size - 3)
        os.fsync(fd)
    assert e.value.errno in (errno.EFBIG, errno.EINVAL)
    try:
        os.close(fd)
    except OSError as e:
        assert e.errno == errno.EFBIG
    assert mnt.read(stored) == before
    assert_no_temporaries(work)
    mnt.save(path, b"short")
    assert criuimg.load(stored).entries[0].extra == b"short"


# ------------------------------------------------------------ open handles

@pytest.fixture
def many_files():
    """Room for that many descriptors in this process, not in the daemon's inheritance."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < MANY + 500:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (MANY + 500, MANY + 500))
        except (ValueError, OSError) as e:
            pytest.skip("no more than %d descriptors: %s" % (hard, e))

    def allow():
        resource.setrlimit(resource.RLIMIT_NOFILE,
                           (MANY + 500, max(hard, MANY + 500)))

    yield allow
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, max(hard, soft)))


class Handles:
    """Very many open files; those that could not be opened are counted by errno."""

    def __init__(self):
        self.fds, self.errors = [], {}

    def open(self, path, flags=os.O_RDONLY):
        try:
            self.fds.append(os.open(path, flags))
        except OSError as e:
            self.errors[e.errno] = self.errors.get(e.errno, 0) + 1

    def close(self):
        while self.fds:
            try:
                os.close(self.fds.pop())
            except OSError:
                pass


@pytest.fixture
def handles():
    h = Handles()
    yield h
    h.close()


def test_readers_of_one_entry(target, many_files, handles):
    many_files()
    for _ in range(MANY):
        handles.open(target.path)
    assert len(handles.fds) == MANY
    for fd in handles.fds[::997]:
        assert os.pread(fd, 100000, 0) == target.old.encode()
    assert_goes_on(target)
    for fd in handles.fds[::997]:
        assert os.pread(fd, 100000, 0) == target.old.encode()
    handles.close()
    mnt.save(target.path, target.old)
    assert mnt.read(target.stored) == target.old_bytes


def test_writers_of_one_entry(target, many_files, handles):
    """Each has a draft of its own; those that did not write change nothing."""
    many_files()
    for _ in range(MANY):
        handles.open(target.path, os.O_RDWR)
    assert len(handles.fds) == MANY
    for n, fd in enumerate(handles.fds[::100]):
        os.pwrite(fd, target.old.replace(target.OLD, '"pos": %d,' % (n % 10)).encode(), 0)
    os.fsync(handles.fds[700])
    target.assert_committed(target.new)
    for n, fd in enumerate(handles.fds[::100]):
        os.pwrite(fd, target.new.encode(), 0)
    handles.close()
    target.assert_committed(target.new)


def test_many_entries(mount, work, many_files, handles):
    """As many entries, each open for reading; and edits meanwhile."""
    image = criuimg.Image(TYPES["PIPES_DATA"], "common", "<",
                          [handmade.entry(TYPES["PIPES_DATA"], 0, "bare", i % 5) for i in range(MANY // 2)])
    stored = dumps.write(work, "pipes-data.img", image)
    m = mount(work)
    many_files()
    for i in range(MANY // 2):
        handles.open(m / "pipes-data.img/%d.json" % i)
        handles.open(m / "pipes-data.img/%d.extra" % i)
    assert len(handles.fds) == MANY
    for n in range(20):
        mnt.save(m / "pipes-data.img/%d.extra" % (n * 40), b"n" * n)
    for i in range(0, MANY // 2, 499):
        assert os.pread(handles.fds[2 * i], 10000, 0) == image.entries[i].text().encode()
        assert os.pread(handles.fds[2 * i + 1], 10000, 0) == image.entries[i].extra
    for n in range(20):
        image.entries[n * 40].extra = b"n" * n
        msg = image.entries[n * 40].decode()
        msg.bytes = n
        image.entries[n * 40].payload = criuimg.SCHEMA.encode(msg)
    assert mnt.read(stored) == criuimg.write_image(image)


def test_readers_of_as_many_versions(mount, work, many_files, handles):
    """Each holds the image as it was at its open: when the daemon can hold no more it says so."""
    image = handmade.image(TYPES["PIPES_DATA"])
    stored = dumps.write(work, "pipes-data.img", image)
    path = mount(work) / "pipes-data.img/1.extra"
    many_files()
    versions, refusals = [], set()
    for n in range(MANY // 5):
        before = len(handles.fds)
        try:
            mnt.save(path, b"%d" % n)
        except OSError as e:
            refusals.add(e.errno)
        handles.open(path)
        if len(handles.fds) > before:
            versions.append(mnt.read(path))
    assert len(versions) >= 200
    assert set(handles.errors) | refusals <= {errno.EMFILE, errno.ENFILE}
    for fd, data in list(zip(handles.fds, versions))[::97]:
        assert os.pread(fd, 100, 0) == data
    assert criuimg.load(stored).entries[0].frame == criuimg.read_image(
        criuimg.write_image(image)).entries[0].frame
    handles.close()
    assert mnt.wait_for(lambda: saved(path, b"after all"), 10)
    assert criuimg.load(stored).entries[1].extra == b"after all"


def saved(path, data):
    """The descriptors of what was closed are given back a moment later."""
    try:
        mnt.save(path, data)
    except OSError as e:
        assert e.errno in (errno.EMFILE, errno.ENFILE)
        return False
    return True


def test_plain_files(mount, work, many_files, handles):
    """These need a descriptor each: beyond the daemon's limit it says so, and goes on."""
    t = Target(mount, work)
    many_files()
    for n in range(MANY):
        handles.open(t.mount / "pages-1.img", os.O_RDWR if n % 2 else os.O_RDONLY)
    assert len(handles.fds) >= 500 and set(handles.errors) <= {errno.EMFILE, errno.ENFILE}
    if handles.errors:
        # an entry can't be committed then either, but nothing else is lost
        try:
            mnt.save(t.path, t.new)
        except OSError as e:
            assert e.errno in (errno.EMFILE, errno.ENFILE)
            t.assert_unchanged()
    data = mnt.read(os.path.join(t.root, "pages-1.img"))[:100]
    assert all(os.pread(fd, 100, 0) == data for fd in handles.fds[::97])
    handles.close()
    assert mnt.wait_for(lambda: saved(t.path, t.new.encode()), 10)
    t.assert_committed()


def test_scratch_files(target, many_files, handles):
    """In memory: open ones take no descriptors of the daemon."""
    many_files()
    for n in range(MANY // 2):
        handles.open(target.dir + "/s%d" % n, os.O_RDWR | os.O_CREAT | os.O_EXCL)
    assert len(handles.fds) == MANY // 2
    for n, fd in enumerate(handles.fds):
        os.write(fd, b"%d" % n)
    assert len(os.listdir(target.dir)) == MANY // 2 + len(mnt.listing(target.before))
    for n, fd in enumerate(handles.fds):
        os.unlink(target.dir + "/s%d" % n)
    assert all(os.pread(fd, 10, 0) == b"%d" % n for n, fd in enumerate(handles.fds))
    handles.close()
    assert os.listdir(target.dir) == mnt.listing(target.before)
    assert_goes_on(target)


def test_directories(target, many_files, handles):
    many_files()
    for n in range(MANY // 2):
        handles.open(target.dir)
        handles.open(target.mount.point)
    assert len(handles.fds) == MANY // 2 * 2
    assert os.listdir(handles.fds[-2]) == mnt.listing(target.before)
    assert_goes_on(target)


# ------------------------------------------------------------------- names

@pytest.mark.parametrize("where", ["files.img", "."])
@pytest.mark.parametrize("letter", ["n", "\u00e4", "\U0001f600"])
def test_names_of_255_bytes(target, where, letter):
    size = len(letter.encode())
    name = letter * (255 // size) + "x" * (255 % size)
    path = os.path.join(target.mount.point, where, name)
    mnt.save(path, b"data", os.O_WRONLY | os.O_CREAT)
    assert mnt.read(path) == b"data" and name in os.listdir(os.path.dirname(path))
    other = os.path.join(os.path.dirname(path), "y" + name[1:] if size == 1 else "y" * 255)
    os.rename(path, other)
    assert mnt.read(other) == b"data" and not os.path.exists(path)
    os.unlink(other)
    os.symlink(name, path)
    assert os.readlink(path) == name
    os.unlink(path)
    assert name not in os.listdir(os.path.dirname(path))


@pytest.mark.parametrize("size", [256, 1000, 3000])
@pytest.mark.parametrize("where", ["files.img", "."])
def test_longer_names(target, where, size):
    """As any file system says it, to every call."""
    here = os.path.join(target.mount.point, where)
    path = os.path.join(here, "n" * size)
    mnt.save(here + "/short", b"data", os.O_WRONLY | os.O_CREAT)
    refused(errno.ENAMETOOLONG, os.open, path, os.O_WRONLY | os.O_CREAT)
    refused(errno.ENAMETOOLONG, os.open, path, os.O_RDONLY)
    refused(errno.ENAMETOOLONG, os.stat, path)
    refused(errno.ENAMETOOLONG, os.mkdir, path)
    refused(errno.ENAMETOOLONG, os.symlink, "to", path)
    refused(errno.ENAMETOOLONG, os.rename, here + "/short", path)
    refused(errno.ENAMETOOLONG, os.unlink, path)
    assert mnt.read(here + "/short") == b"data"
    assert_goes_on(target)


def test_name_max_is_told(target):
    for path in (target.mount.point, target.dir, target.path):
        assert os.statvfs(path).f_namemax == 255
        assert os.pathconf(path, "PC_NAME_MAX") == 255


def test_long_links(target):
    """A link's text is as long as a path may be."""
    for where in (target.dir, target.mount.point):
        os.symlink("t" * 4095, where + "/link")
        assert os.readlink(where + "/link") == "t" * 4095
        os.unlink(where + "/link")


@pytest.mark.parametrize("name", ["9" * 20, "9" * 200, "18446744073709551615", "18446744073709551616",
                                  "9223372036854775807", "4294967296", "1099511627776"])
def test_numbers_of_no_entry(target, name):
    """However large: there is no such entry, and none comes to be by looking."""
    for suffix in (".json", ".extra", ".msgs", ".raw"):
        assert not os.path.exists(target.dir + "/" + name + suffix)
    target.assert_unchanged()
    assert os.listdir(target.dir) == mnt.listing(target.before)


# ---------------------------------------------------- the cap on scratch

@pytest.fixture
def capped(mount, work):
    """Scratch files and drafts may have one megabyte together."""
    return Target(mount, work, "scratch=1M")


def test_scratch_beyond_the_cap(capped):
    path = capped.dir + "/notes"
    refused(errno.ENOSPC, mnt.save, path, b"x" * 2 * MIB, os.O_WRONLY | os.O_CREAT)
    assert os.stat(path).st_size <= MIB
    refused(errno.ENOSPC, mnt.save, capped.dir + "/more", b"x" * MIB, os.O_WRONLY | os.O_CREAT)
    capped.assert_unchanged()
    for name in ("notes", "more"):
        os.unlink(capped.dir + "/" + name)
    # removing it makes room again; the last close may come a moment later
    assert mnt.wait_for(lambda: fits(capped.dir + "/again", b"x" * (MIB // 2)), 5)
    os.truncate(capped.dir + "/again", 0)
    assert mnt.wait_for(lambda: fits(capped.dir + "/again", b"y" * (MIB - 4096)), 5)
    os.unlink(capped.dir + "/again")
    assert mnt.wait_for(lambda: saved_small(capped), 5)
    capped.assert_committed()


def fits(path, data):
    try:
        mnt.save(path, data, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    except OSError as e:
        assert e.errno == errno.ENOSPC
        return False
    return mnt.read(path) == data


def saved_small(t):
    return fits(t.path, t.new.encode())


def test_small_edits_beside_a_large_scratch_file(capped):
    mnt.save(capped.dir + "/notes", b"x" * (MIB - 65536), os.O_WRONLY | os.O_CREAT)
    for n in range(100):  # a draft's room is given back each time
        mnt.save(capped.path, capped.new if n % 2 == 0 else capped.old)
    assert_goes_on(capped)
    assert mnt.read(capped.dir + "/notes") == b"x" * (MIB - 65536)


def test_drafts_beyond_the_cap(capped):
    """An extra and a text: the write that has no room says so, the image stays."""
    stored = os.path.join(capped.root, "pipes-data.img")
    before = mnt.read(stored)
    path = capped.mount / "pipes-data.img/0.extra"
    fd = os.open(path, os.O_WRONLY | os.O_TRUNC)
    refused(errno.ENOSPC, mnt.write_fd, fd, b"x" * 2 * MIB)
    os.ftruncate(fd, 0)
    os.pwrite(fd, b"short", 0)
    assert mnt.read(stored) == before
    os.close(fd)
    assert criuimg.load(stored).entries[0].extra == b"short"
    text = capped.new.replace("\n", "\n" + " " * 100000)
    fd = os.open(capped.path, os.O_WRONLY | os.O_TRUNC)
    refused(errno.ENOSPC, mnt.write_fd, fd, text.encode())
    try:
        os.close(fd)
    except OSError as e:
        assert e.errno in (errno.ENOSPC, errno.EBADMSG)
    capped.assert_unchanged()
    for name in os.listdir(capped.dir):
        if name.endswith((".rej", ".err")):
            os.unlink(capped.dir + "/" + name)
    assert mnt.wait_for(lambda: saved_small(capped), 5)
    capped.assert_committed()


def test_half_an_extra_is_none(capped):
    """What could not all be written is kept aside, whoever closes the file regardless."""
    stored = os.path.join(capped.root, "pipes-data.img")
    path, before = capped.mount / "pipes-data.img/0.extra", mnt.read(stored)
    old = mnt.read(path)
    fd = os.open(path, os.O_WRONLY | os.O_TRUNC)
    os.write(fd, b"first")
    refused(errno.ENOSPC, mnt.write_fd, fd, b"x" * 2 * MIB)
    refused(errno.ENOSPC, os.close, fd)
    assert mnt.read(stored) == before and mnt.read(path) == old
    assert mnt.read(path + ".rej").startswith(b"firstx")
    assert "not all of it could be written" in mnt.read_text(capped.mount / ".critfs/errors")
    # nor is it once a part of it is written that did not fail
    fd = os.open(path, os.O_WRONLY | os.O_TRUNC)
    refused(errno.ENOSPC, mnt.write_fd, fd, b"x" * 2 * MIB)
    os.pwrite(fd, b"behind", os.lseek(fd, 0, os.SEEK_CUR) + 10)
    refused(errno.ENOSPC, os.close, fd)
    assert mnt.read(stored) == before
    assert mnt.wait_for(lambda: fits(path, b"short"), 5)
    assert criuimg.load(stored).entries[0].extra == b"short"


def test_holes_take_no_room(capped):
    """What was never written is not stored."""
    with open(capped.dir + "/sparse", "wb") as f:
        for at in (0, 1 << 30, 3 << 30):
            f.seek(at)
            f.write(b"data")
    assert os.stat(capped.dir + "/sparse").st_size == (3 << 30) + 4
    assert_goes_on(capped)


@pytest.mark.parametrize("size, bytes", [("65536", 65536), ("64K", 65536), ("2M", 2 * MIB), ("1G", 1 << 30)])
def test_sizes_of_the_cap(mount, work, size, bytes):
    t = Target(mount, work, "scratch=" + size)
    if bytes < 1 << 30:
        refused(errno.ENOSPC, mnt.save, t.dir + "/a", b"x" * (bytes + 4096), os.O_WRONLY | os.O_CREAT)
        os.unlink(t.dir + "/a")
    assert mnt.wait_for(lambda: fits(t.dir + "/b", b"x" * min(bytes - 4096, 4 * MIB)), 5)


@pytest.mark.parametrize("size", ["", "x", "-1", "1E", "1MM", "1.5M", "99999999999999999999", "0x10"])
def test_sizes_that_are_none(work, size):
    """Said before anything is mounted."""
    point = os.path.join(work, "point")
    os.mkdir(point)
    root = dumps.copy("cpuinfo", os.path.join(work, "dump"))
    done = subprocess.run([mnt.CRITFS, "-f", "-o", "scratch=" + size, root, point], capture_output=True,
                          text=True, env=mnt.environment(), timeout=60)
    assert done.returncode == 1 and "scratch" in done.stderr
    assert not dumps.mounts_below(point)
