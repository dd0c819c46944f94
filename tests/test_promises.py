"""What the kernel was told and keeps: it never shows another text, length or name than there is.

Every test lists and reads first, so that names, attributes and pages are cached for a minute.
"""
import errno
import json
import mmap
import os
import shutil
import subprocess
import tempfile
import threading
import time

import pytest

import calls
import criuimg
import documents
import dumps
import handmade
import mnt
import slots
from outside import replace, rewrite
from slots import Slots
from together import together

MANY = 100001                # files that are listed with their attributes, at most


def look_at_all(path):
    """Have the kernel believe whatever it is told of a directory."""
    for command in (["find", path, "-size", "+0"], ["ls", "-lR", path], ["grep", "-rc", "zz", path]):
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        assert not done.stderr, done.stderr


def in_another_process(path):
    """Size and contents of a file, as another program sees them."""
    out = subprocess.run(["sh", "-c", 'stat -c %s "$0"; cat "$0"', path], check=True,
                         stdout=subprocess.PIPE).stdout
    size, _, data = out.partition(b"\n")
    return int(size), data


def assert_shows(path, text):
    data = text.encode() if isinstance(text, str) else text
    assert os.stat(path).st_size == len(data)
    assert mnt.read(path) == data
    assert in_another_process(path) == (len(data), data)


def assert_lists(directory, names):
    """Such names, and of each what stat says of it too."""
    found = {e.name: e for e in os.scandir(directory)}
    assert sorted(found) == sorted(names)
    for name, e in found.items():
        st = os.stat(os.path.join(directory, name))
        assert (e.inode(), e.stat().st_size) == (st.st_ino, st.st_size), name


class Reader:
    """Somebody who has an old version open, and goes on with it."""

    def __init__(self, path, mapped=False):
        self.fd = os.open(path, os.O_RDONLY)
        self.old = os.pread(self.fd, 1 << 20, 0)
        assert len(self.old) == os.fstat(self.fd).st_size
        self.map = None
        if mapped:
            self.map = mmap.mmap(self.fd, 0, prot=mmap.PROT_READ)
            assert self.map[:] == self.old

    def check(self):
        assert os.fstat(self.fd).st_size == len(self.old)
        assert os.pread(self.fd, 1 << 20, 0) == self.old
        os.lseek(self.fd, 0, os.SEEK_SET)
        assert b"".join(iter(lambda: os.read(self.fd, 100), b"")) == self.old
        assert self.map is None or self.map[:] == self.old

    def close(self):
        self.check()
        if self.map is not None:
            self.map.close()
        os.close(self.fd)


def reader_of(path, kind):
    return None if kind == "nobody" else Reader(path, kind == "mapped")


READERS = ["nobody", "cached", "mapped"]


@pytest.fixture
def x(mount, work):
    """An image of entries without extras, which the kernel knows by heart."""
    made = Slots(mount, work, "FDINFO", count=12)
    look_at_all(made.dir)
    return made


def size(entry):
    return len(entry.text().encode())


def other(number):
    """Another entry, and a text of it that is not as long as the one that will be shown."""
    e = slots.entry("FDINFO", number)
    return e, calls.one_line(e.text())


# ------------------------------------------------------------- edits

def install(path, text):
    """mv from another file system: removed, and made anew."""
    with open(path + ".from", "w") as f:
        f.write(text)
    os.unlink(path)
    shutil.copyfile(path + ".from", path)
    os.unlink(path + ".from")


def sed(path, text):
    with tempfile.NamedTemporaryFile("w") as f:
        f.write(text)
        f.flush()
        subprocess.run(["sed", "-i", "-e", "1r " + f.name, "-e", "d", path], check=True)


def cp(path, text):
    subprocess.run(["cp", "/dev/stdin", path], input=text.encode(), check=True)


def by_descriptor(path, text):
    """Opened by a descriptor, which no name leads to."""
    fd = os.open(path, os.O_PATH)
    with open("/proc/self/fd/%d" % fd, "w") as f:
        f.write(text)
    os.close(fd)


def backup_and_new(path, text):
    """As vim and emacs do it."""
    os.rename(path, path + "~")
    with open(path, "x") as f:
        f.write(text)
    os.unlink(path + "~")


EDITS = [calls.open_w, calls.open_r_plus, calls.many_small_writes, calls.ftruncate_then_write,
         calls.fsync_before_close, calls.mmap_and_msync, calls.mmap_without_msync,
         calls.rename_scratch, calls.tempfile_and_replace, calls.rename_open_scratch, sed, cp, install,
         backup_and_new, by_descriptor]


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("edit", EDITS, ids=lambda f: f.__name__)
def test_an_edit_is_seen_at_once(x, edit, reader):
    if edit is by_descriptor and reader != "nobody":
        pytest.skip("beside one who reads through pages, a writer has to come by name")
    readers = []
    for number in (1000, 20, 300000):
        readers.append(reader_of(x.json(3), reader))
        e, text = other(number)
        edit(x.json(3), text)
        assert_shows(x.json(3), e.text())
        x.entry[3] = e
        for r in filter(None, readers):
            r.check()
    assert_lists(x.dir, x.names())
    for r in filter(None, readers):
        r.close()
    x.finish()


def test_the_writer_goes_on(x):
    """What was synced is seen by name, its exact length too, while its writer has it open."""
    reader = Reader(x.json(3))
    fd = os.open(x.json(3), os.O_RDWR)
    for number in (1000, 20, 300000):
        e, text = other(number)
        os.ftruncate(fd, 0)
        os.pwrite(fd, text.encode(), 0)
        os.fsync(fd)
        assert os.fstat(fd).st_size == len(text)
        assert_shows(x.json(3), e.text())
        reader.check()
    os.close(fd)
    reader.close()
    assert_shows(x.json(3), e.text())


@pytest.mark.parametrize("reader", READERS)
def test_cut_by_its_path(x, reader):
    """truncate(2): a text that ends early is refused, one in which only the newline goes is not."""
    old = x.entry[3].text()
    r = reader_of(x.json(3), reader)
    end = len(old.encode())
    for cut, good in ((end - 1, True), (end // 2, False), (end - 1, True)):
        try:
            os.truncate(x.json(3), cut)
        except OSError as e:
            assert e.errno == errno.EBADMSG and not good
        assert_shows(x.json(3), old)
    if r:
        r.close()
    # longer than it is: zeros are no JSON
    with pytest.raises(OSError) as e:
        os.truncate(x.json(4), 10000)
    assert e.value.errno == errno.EBADMSG
    assert_shows(x.json(4), x.entry[4].text())


BAD = '{"id": 1, "flags": "no number"}'


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("edit", [calls.open_w, calls.open_r_plus, calls.mmap_without_msync, calls.fsync_before_close,
                                  calls.rename_scratch, cp], ids=lambda f: f.__name__)
def test_a_refused_edit_leaves_no_trace(x, edit, reader):
    old, r = x.entry[3].text(), reader_of(x.json(3), reader)
    for text in (BAD, BAD + " " * 5000, "{}"):
        with pytest.raises((OSError, subprocess.CalledProcessError)):
            edit(x.json(3), text)
        assert_shows(x.json(3), old)
        assert mnt.read_text(x.json(3) + ".rej") == text
    if r:
        r.close()
    e, text = other(77)
    edit(x.json(3), text) if edit is not cp else calls.open_w(x.json(3), text)
    assert_shows(x.json(3), e.text())


@pytest.mark.parametrize("text", ["unchanged", "refused", "committed"])
def test_what_a_mapping_wrote_is_not_read_by_others(x, text):
    """Its pages hold what was typed, not what the file says."""
    e, typed = other(1)[0], x.entry[3].text()
    shown = typed
    if text == "committed":
        shown, typed = e.text(), calls.one_line(e.text())
    elif text == "refused":
        typed = BAD + " " * (len(typed) - len(BAD))
    else:
        typed = calls.one_line(typed)
    fd = os.open(x.json(3), os.O_RDWR)
    os.ftruncate(fd, len(typed))
    with mmap.mmap(fd, 0) as m:
        m[:] = typed.encode()
    try:
        os.close(fd)
    except OSError as error:
        assert error.errno == errno.EBADMSG and text == "refused"
    for _ in range(3):
        assert_shows(x.json(3), shown)
        with open(x.json(3), "rb") as f, mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ) as m:
            assert m[:] == shown.encode()
        time.sleep(0.6)  # it is promised again meanwhile


# ------------------------------------------- where the kernel's names lead

def edit_again(x, slot, first=True):
    """However it came there: edits by name are seen by name, older versions are who has them open's."""
    readers = [Reader(x.json(slot))] if first else []
    for number in (500, 6000, 70000):
        e, text = other(number)
        calls.open_w(x.json(slot), text)
        assert_shows(x.json(slot), e.text())
        readers.append(Reader(x.json(slot)))
        for r in readers:
            r.check()
    fd = os.open(x.json(slot), os.O_WRONLY | os.O_TRUNC)
    e, text = other(8)
    mnt.write_fd(fd, text.encode())
    os.fsync(fd)
    assert_shows(x.json(slot), e.text())
    os.close(fd)
    for r in readers:
        r.close()
    x.entry[slot] = e
    assert_shows(x.json(slot), e.text())


@pytest.mark.parametrize("first", [True, False])
def test_after_a_move(x, first):
    x.move(3, 20)
    assert not os.path.exists(x.json(3))
    edit_again(x, 20, first)
    x.move(4, 3)
    edit_again(x, 3, first)
    x.move(20, 5)
    edit_again(x, 5, first)
    x.finish()


@pytest.mark.parametrize("first", [True, False])
def test_after_a_backup_was_put_back(x, first):
    os.rename(x.json(3), x.path("3.json~"))
    assert not os.path.exists(x.json(3))
    os.rename(x.path("3.json~"), x.json(3))
    edit_again(x, 3, first)
    x.finish()


def test_a_backup_is_a_file_of_its_own(x):
    os.rename(x.json(3), x.path("backup"))
    assert_shows(x.path("backup"), x.entry[3].text())
    for text in ("a note", "", "another note\n" * 1000):
        calls.open_w(x.path("backup"), text)
        assert_shows(x.path("backup"), text)
        os.truncate(x.path("backup"), 3)
        assert os.stat(x.path("backup")).st_size == 3


def test_after_a_removal(x):
    for slot in (3, 11):
        r = Reader(x.json(slot))
        x.remove(slot)
        assert not os.path.exists(x.json(slot))
        assert_lists(x.dir, x.names())
        x.create(slot, other(99)[0])
        assert_shows(x.json(slot), x.entry[slot].text())
        r.close()
        edit_again(x, slot)
    x.finish()


@pytest.mark.parametrize("first", [True, False])
def test_after_a_change_of_mode(x, first):
    os.chmod(x.dir, 0o700)
    edit_again(x, 3, first)
    os.chown(x.dir, 1234, 1234)
    edit_again(x, 3, first)
    edit_again(x, 4, first)
    x.finish()


def test_modes_and_owners_at_once(x):
    r = Reader(x.json(2), True)
    for mode, owner in ((0o640, 1234), (0o600, 0), (0o644, 2345)):
        look_at_all(x.dir)
        os.chmod(x.dir, mode)
        os.chown(x.dir, owner, owner + 1)
        for e in os.scandir(x.dir):
            for st in (os.stat(e.path), e.stat()):
                assert (st.st_mode & 0o7777, st.st_uid, st.st_gid) == (mode, owner, owner + 1)
        assert os.fstat(r.fd).st_mode & 0o7777 == mode
        assert b"%o\n" % mode == subprocess.run(["stat", "-c", "%a", x.json(5)], check=True,
                                                stdout=subprocess.PIPE).stdout
    r.close()


def test_a_new_image_beside_it(x):
    """cp -r of what is cached; the copy is cached and edited in its turn."""
    copy = x.m / "fdinfo-77.img"
    subprocess.run(["cp", "-r", x.dir, copy], check=True)
    for _ in range(2):
        for slot, e in x.entry.items():
            assert_shows("%s/%d.json" % (copy, slot), e.text())
        look_at_all(copy)
    e, text = other(5)
    calls.open_w(copy + "/3.json", text)
    assert_shows(copy + "/3.json", e.text())
    os.rename(copy, x.m / "fdinfo-78.img")
    assert not os.path.exists(copy + "/3.json")
    assert_shows(x.m / "fdinfo-78.img/3.json", e.text())
    assert_shows(x.json(3), x.entry[3].text())
    subprocess.run(["rm", "-r", x.m / "fdinfo-78.img"], check=True)
    assert not os.path.exists(x.m / "fdinfo-78.img/3.json")


@pytest.mark.parametrize("reader", READERS)
def test_a_document_replaces_all(x, reader):
    readers = [reader_of(x.json(n), reader) for n in (0, 3, 9)]
    document = os.path.join(documents.directory(x.m), x.name + ".json")
    for count in (12, 7, 15):
        made = slots.image("FDINFO", count)
        made.entries = [slots.entry("FDINFO", n * 10 ** (count % 9)) for n in range(count, 0, -1)]
        calls.open_w(document, documents.text(made))
        x.made, x.entry = made, dict(enumerate(made.entries))
        for slot in (0, 3, 6):
            assert_shows(x.json(slot), x.entry[slot].text())
        for slot in range(count, 16):
            assert not os.path.exists(x.json(slot))
        assert_lists(x.dir, x.names())
        for r in filter(None, readers):
            r.check()
        look_at_all(x.dir)
    edit_again(x, 3)
    edit_again(x, 4)
    for r in filter(None, readers):
        r.close()
    x.finish()


# -------------------------------------------------- lengths that follow

def test_lengths_follow_an_extra(mount, work):
    p = Slots(mount, work, "PIPES_DATA")
    for size in (5, 100000, 0, 77):
        look_at_all(p.dir)
        readers = [Reader(p.json(2)), Reader(p.path("0.extra"))]
        mnt.save(p.path("2.extra"), b"x" * size)
        p.entry[2] = slots.with_extra(p.entry[2], p.kind, b"x" * size)
        assert_shows(p.json(2), p.entry[2].text())
        assert_shows(p.path("2.extra"), b"x" * size)
        os.truncate(p.path("2.extra"), size + 7)
        p.entry[2] = slots.with_extra(p.entry[2], p.kind, b"x" * size + bytes(7))
        assert_shows(p.json(2), p.entry[2].text())
        assert_shows(p.path("2.extra"), p.entry[2].extra)
        for r in readers:
            r.close()
    p.finish()


def test_a_queue_counts_its_messages(mount, work):
    q = Slots(mount, work, "IPCNS_MSG")
    messages = list(q.entry[1].extra)
    for number in (50, 51):
        look_at_all(q.dir)
        r = Reader(q.json(1))
        payload, data = slots.ipc_msg(number, b"m" * number)
        mnt.save(q.path("1.msgs/%d.json" % number), slots.msg_text(payload), os.O_WRONLY | os.O_CREAT)
        mnt.save(q.path("1.msgs/%d.extra" % number), data, os.O_WRONLY | os.O_CREAT)
        messages.append((payload, data))
        assert_shows(q.json(1), slots.with_extra(q.entry[1], q.kind, messages).text())
        assert_shows(q.path("1.msgs/%d.json" % number), slots.msg_text(payload))
        r.close()
    look_at_all(q.dir)
    r = Reader(q.json(1))
    os.unlink(q.path("1.msgs/50.json"))
    del messages[-2]
    q.entry[1] = slots.with_extra(q.entry[1], q.kind, messages)
    assert_shows(q.json(1), q.entry[1].text())
    r.close()


# ------------------------------------------------------ changed outside

def image_of(numbers):
    return criuimg.Image(criuimg.TYPES["FDINFO"], "common", "<",
                         [slots.entry("FDINFO", n) for n in numbers])


def says(path, text):
    """Who reads an old version without having opened it is told that it is gone."""
    try:
        return mnt.read_text(path) == text
    except OSError as e:
        assert e.errno in (errno.ESTALE, errno.EIO), e
        return False


def shows(directory, image):
    """Names, sizes and texts are all that image's."""
    try:
        found = {e.name: e.stat().st_size for e in os.scandir(directory)}
        texts = {"%d.json" % i: e.text().encode() for i, e in enumerate(image.entries)}
        stats = {n: os.stat(os.path.join(directory, n)).st_size for n in texts}
        sizes = {n: len(t) for n, t in texts.items()}
        return found == stats == sizes and \
            all(mnt.read(os.path.join(directory, n)) == t for n, t in texts.items())
    except OSError as e:
        assert e.errno in (errno.ENOENT, errno.ESTALE, errno.EIO), e
        return False


def soon(condition):
    """Within a second, and a little for a busy machine."""
    return mnt.wait_for(condition, 1.5 if not mnt.sanitized() else 4)


@pytest.mark.parametrize("readers", ["nobody", "cached", "mapped", "read a while ago"])
@pytest.mark.parametrize("change", [replace, rewrite], ids=lambda f: f.__name__)
@pytest.mark.parametrize("options", [(), ("ro",)], ids=["rw", "ro"])
def test_another_image_outside(mount, work, options, change, readers):
    old = image_of(range(1, 300))
    path = dumps.write(work, "fdinfo-2.img", old)
    m = mount(work, *options)
    d = m / "fdinfo-2.img"
    subprocess.run(["find", d, "-size", "+0"], check=True, stdout=subprocess.DEVNULL)
    if readers != "nobody":
        assert shows(d, old)
    opened = [Reader(d + "/%d.json" % n, readers == "mapped") for n in (0, 7, 250)
              if readers in ("cached", "mapped")]
    if readers == "read a while ago":
        for i in range(0, 299, 2):
            mnt.read(d + "/%d.json" % i)
        mnt.wait_for(lambda: False, 1)
    for new in (image_of(range(10000, 10299)), image_of(range(200, 0, -1))):
        change(path, criuimg.write_image(new))
        assert soon(lambda: os.stat(d + "/7.json").st_size == size(new.entries[7]))
        for slot in (7, 8, 150):  # before anybody lists it again
            assert soon(lambda: says(d + "/%d.json" % slot, new.entries[slot].text()))
        assert soon(lambda: shows(d, new))
        assert os.path.exists(d + "/250.json") == (len(new.entries) > 250)
        look_at_all(d)
    for r in opened:
        if not options:
            r.check()
        os.close(r.fd)


@pytest.mark.parametrize("first", [True, False])
def test_edited_after_a_change_outside(x, first):
    """The names that the kernel still had lead to what is there now, and follow it."""
    numbers = list(range(40, 52))
    replace(x.stored, criuimg.write_image(image_of(numbers)))
    x.entry = dict(enumerate(image_of(numbers).entries))
    assert soon(lambda: os.stat(x.json(5)).st_size == size(x.entry[5])
                and mnt.read_text(x.json(4)) == x.entry[4].text())
    for slot in (3, 4, 5):
        edit_again(x, slot, first)
    for slot in (6, 7):
        look_at_all(x.dir) if slot == 6 else None
        os.truncate(x.json(slot), size(x.entry[slot]) - 1)
        assert_shows(x.json(slot), x.entry[slot].text())
    x.finish()


@pytest.mark.parametrize("options", [(), ("ro",)], ids=["rw", "ro"])
def test_removed_while_somebody_is_in_it(mount, work, options):
    path = dumps.write(work, "fdinfo-2.img", image_of(range(1, 30)))
    m = mount(work, *options)
    look_at_all(m / "fdinfo-2.img")
    fd = os.open(m / "fdinfo-2.img", os.O_RDONLY)
    try:
        os.unlink(path)

        def gone():
            try:
                os.stat("3.json", dir_fd=fd)
            except FileNotFoundError:
                return True
            except OSError as e:
                return e.errno == errno.ESTALE
            return False

        assert soon(gone)
        assert soon(lambda: not os.path.exists(m / "fdinfo-2.img"))
        replace(path, criuimg.write_image(image_of([5, 6])))
        assert soon(lambda: shows(m / "fdinfo-2.img", image_of([5, 6])))
    finally:
        os.close(fd)


@pytest.mark.parametrize("opened", [False, True])
@pytest.mark.parametrize("options", [(), ("ro",)], ids=["rw", "ro"])
def test_a_mode_outside(mount, work, options, opened):
    path = dumps.write(work, "fdinfo-2.img", image_of(range(1, 30)))
    m = mount(work, *options)
    d = m / "fdinfo-2.img"
    for mode in (0o600, 0o640, 0o644):
        look_at_all(d)
        fd = os.open(d + "/3.json", os.O_RDONLY) if opened else None
        os.chmod(path, mode)
        assert soon(lambda: {os.stat(e.path).st_mode & 0o777 for e in os.scandir(d)} == {mode})
        if opened:
            os.close(fd)


@pytest.mark.parametrize("options", [(), ("ro",)], ids=["rw", "ro"])
@pytest.mark.parametrize("polling", [False, True])
@pytest.mark.parametrize("times", [False, True])
def test_a_plain_file_is_replaced(mount, work, options, polling, times):
    """With a reader of the old one; the new one of the same size, and even of the same time."""
    path = os.path.join(work, "dump.log")
    with open(path, "w") as f:
        f.write("old\n" * 5000)
    os.utime(path, ns=(10 ** 18, 10 ** 18))
    m = mount(work, *options)
    log = m / "dump.log"
    assert mnt.read_text(log) == "old\n" * 5000
    held = os.open(log, os.O_RDONLY)
    assert os.pread(held, 4, 0) == b"old\n"
    with open(path + ".new", "w") as f:
        f.write("new\n" * 5000)
    if times:
        os.utime(path + ".new", ns=(10 ** 18, 10 ** 18))
    os.rename(path + ".new", path)
    if polling:
        os.stat(log)
        try:
            assert os.pread(held, 4, 8192) in (b"old\n", b"new\n")
        except OSError as e:
            assert e.errno in (errno.ESTALE, errno.EIO)
    assert soon(lambda: mnt.read_text(log) == "new\n" * 5000)
    os.close(held)
    with open(path, "r+") as f:  # in place
        f.write("NEW\n" * 5000)
    assert soon(lambda: mnt.read_text(log) == "NEW\n" * 5000)


# ------------------------------------------------------------ read only

def test_read_without_opens(mount, work):
    """Documents, extras, plain files and texts; and more at once than are kept."""
    root = dumps.copy("container-ipc", os.path.join(work, "dump"))
    data = handmade.blob(700000)
    dumps.write(root, "pages-99.img", data)
    m = mount(root, "ro")
    for _ in range(2):
        for rel, image in dumps.images(root).items():
            for i, e in enumerate(image.entries):
                assert mnt.read_text(m / "%s/%d.json" % (rel, i)) == e.text()
                for name, extra in mnt.extra_files(e, i).items():
                    assert_shows(m / "%s/%s" % (rel, name), extra)
            if "/" not in rel:
                assert_shows(os.path.join(documents.directory(m), rel + ".json"), documents.text(image))
        assert_shows(m / "pages-99.img", data)
        assert mnt.read(m / ".critfs/version").startswith(b"critfs")
        look_at_all(m.point)


def test_many_are_read_by_turns(mount, work):
    """A byte of each of hundreds, over and over; then the daemon lets go of them all."""
    sizes = [100 + 37 * i for i in range(300)]
    made = criuimg.Image(criuimg.TYPES["PIPES_DATA"], "common", "<",
                         [slots.entry("PIPES_DATA", i, size) for i, size in enumerate(sizes)])
    dumps.write(work, "pipes-data.img", made)
    for i in range(100):
        dumps.write(work, "log-%d" % i, b"%d\n" % i * 5000)
    m = mount(work, "ro")
    fds = lambda: len(os.listdir("/proc/%d/fd" % m.proc.pid))
    mnt.read(m / "pipes-data.img/0.json")
    before = fds()
    names = [m / "pipes-data.img/%d.%s" % (i, part) for i in range(300) for part in ("json", "extra")]
    names += [m / "log-%d" % i for i in range(100)]
    opened = {n: os.open(n, os.O_RDONLY) for n in names}
    wanted = {n: os.fstat(fd).st_size for n, fd in opened.items()}
    got = {n: b"" for n in names}
    for at in range(0, max(wanted.values()), 3001):
        for n, fd in opened.items():
            if at < wanted[n]:
                os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
                got[n] += os.pread(fd, 3001, at)
    for i, e in enumerate(made.entries):
        assert got[m / "pipes-data.img/%d.extra" % i] == e.extra
        assert got[m / "pipes-data.img/%d.json" % i] == e.text().encode()
    for i in range(100):
        assert got[m / "log-%d" % i] == b"%d\n" % i * 5000
    for fd in opened.values():
        os.close(fd)
    assert mnt.wait_for(lambda: fds() <= before, 20), os.listdir("/proc/%d/fd" % m.proc.pid)


@pytest.mark.skipif(mnt.sanitized(), reason="the sanitizers keep what was freed")
def test_long_texts_are_not_all_kept(mount, work):
    """Of files of 8 MB there are not as many as of small ones."""
    e = handmade.entry(criuimg.TYPES["REG_FILES"])
    ids = handmade.wire_bytes(11, bytes(700000))  # a packed list of zeros, 11 bytes of text each
    made = criuimg.Entry(e.message, e.payload + ids)
    dumps.write(work, "reg-files.img", criuimg.Image(criuimg.TYPES["REG_FILES"], "common", "<", [made] * 60))
    m = mount(work, "ro")
    sizes = {len(mnt.read(m / "reg-files.img/%d.json" % i)) for i in range(60)}
    assert len(sizes) == 1 and sizes.pop() > 5 << 20
    assert m.memory() < 192 << 10


def test_never_a_mixture(mount, work):
    """Large extras are read while the image is replaced again and again."""
    size = 1 << 20
    images = [criuimg.write_image(criuimg.Image(
        criuimg.TYPES["PIPES_DATA"], "common", "<",
        [slots.with_extra(slots.entry("PIPES_DATA", 5 + k), "blob:bytes", bytes([65 + k]) * size)]))
        for k in range(2)]
    path = dumps.write(work, "pipes-data.img", images[0])
    m = mount(work, "ro")
    stop, seen = threading.Event(), set()

    def keep_replacing():
        for k in range(600):
            replace(path, images[k % 2])
            time.sleep(0.05)
            if k > 60 and len(seen) == 2:
                break
        stop.set()

    t = threading.Thread(target=keep_replacing)
    t.start()
    try:
        while not stop.is_set():
            try:
                data = mnt.read(m / "pipes-data.img/0.extra")
            except OSError as e:
                assert e.errno in (errno.ESTALE, errno.EIO, errno.ENOENT), e
                continue
            assert len(set(data)) == 1, (len(data), data.count(b"A"))
            seen.add(data[0])
    finally:
        t.join()
    assert seen == {65, 66}


# ----------------------------------------------------- what is asked for

def requests(m):
    """How often the kernel asked, by the name of the request."""
    counts = {}
    for line in m.stderr().splitlines():
        if "opcode: " in line:
            name = line.split("opcode: ")[1].split()[0]
            counts[name] = counts.get(name, 0) + 1
    return counts


def asked(m, call):
    before = requests(m)
    call()
    return {k: n - before.get(k, 0) for k, n in requests(m).items()}


def test_few_requests(mount, work):
    dumps.write(work, "fdinfo-2.img", image_of(range(1, 2001)))
    m = mount(work, args=("-d",))
    d = m / "fdinfo-2.img"
    paths = [d + "/%d.json" % i for i in range(2000)]
    find = lambda: subprocess.run(["find", d, "-size", "+0"], check=True, stdout=subprocess.DEVNULL)
    n = asked(m, find)
    assert n["READDIRPLUS"] > 5
    assert n.get("LOOKUP", 0) + n.get("GETATTR", 0) < 20, n
    first = asked(m, lambda: [mnt.read(p) for p in paths])
    assert first["OPEN"] == 2000 and first.get("LOOKUP", 0) < 20, first
    again = asked(m, lambda: [mnt.read(p) for p in paths])
    assert again.get("READ", 0) < 20 and again.get("LOOKUP", 0) < 20, again
    calls.open_w(paths[77], other(5)[1])
    assert_shows(paths[77], other(5)[0].text())
    last = asked(m, lambda: [mnt.read(p) for p in paths])
    assert last.get("READ", 0) < 20 and last.get("LOOKUP", 0) < 20, last


def test_fewer_requests_when_nobody_writes(mount, work):
    dumps.write(work, "fdinfo-2.img", image_of(range(1, 2001)))
    m = mount(work, "ro", args=("-d",))
    d = m / "fdinfo-2.img"
    n = asked(m, lambda: look_at_all(d))
    assert n.get("OPEN", 0) <= 1 and n.get("FLUSH", 0) <= 1 and not n.get("RELEASE"), n
    assert n.get("LOOKUP", 0) + n.get("GETATTR", 0) < 40, n
    assert n["READ"] == 2000
    again = asked(m, lambda: [mnt.read(d + "/%d.json" % i) for i in range(2000)])
    assert again.get("READ", 0) < 20 and not again.get("OPEN"), again


def test_large_directories_are_listed_by_name_alone(mount, work):
    """As long as nobody asks for more; and who does is told right."""
    image = handmade.entry(criuimg.TYPES["PAGEMAP"], 0), handmade.entry(criuimg.TYPES["PAGEMAP"], 1)
    made = criuimg.Image(criuimg.TYPES["PAGEMAP"], "common", "<", [image[0]] + [image[1]] * (MANY + 5))
    dumps.write(work, "pagemap-5.img", made)
    m = mount(work, args=("-d",))
    d = m / "pagemap-5.img"
    n = asked(m, lambda: len(os.listdir(d)) == MANY + 6 or pytest.fail("names are missing"))
    assert n.get("LOOKUP", 0) < 10, n
    n = asked(m, lambda: os.stat(d + "/7.json"))
    assert n["LOOKUP"] == 1  # the listing had not told of it
    size = len(image[1].text())
    for what, count in (("-size -%dc" % (size + 1), MANY + 6), ("-size %dc" % size, MANY + 5)):
        out = subprocess.run(["find", d, "-type", "f", *what.split()], check=True, stdout=subprocess.PIPE).stdout
        assert out.count(b"\n") == (count if len(image[0].text()) <= size else MANY + 5)
    calls.open_w(d + "/100.json", calls.one_line(image[1].text()).replace(
        '"nr_pages": %d' % image[1].json()["nr_pages"], '"nr_pages": 123456'))
    new = image[1].text().replace('"nr_pages": %d' % image[1].json()["nr_pages"], '"nr_pages": 123456')
    assert_shows(d + "/100.json", new)


# ---------------------------------------------------------------- races

class Threads:
    """Some that work until they are stopped; what goes wrong in them is raised at the end."""

    def __init__(self, *loops):
        self.stop, self.errors = threading.Event(), []
        self.threads = [threading.Thread(target=self.run, args=(f,), daemon=True) for f in loops]
        for t in self.threads:
            t.start()

    def run(self, loop):
        try:
            while not self.stop.is_set():
                loop()
        except BaseException as e:
            self.errors.append(e)

    def end(self):
        self.stop.set()
        for t in self.threads:
            t.join(60)
        assert not any(t.is_alive() for t in self.threads), "somebody hangs"
        if self.errors:
            raise self.errors[0]


def list_and_stat(directory):
    """As ls -l does: it may be just before or after a change, but sees no error but that."""
    for e in os.scandir(directory):
        try:
            e.stat()
        except FileNotFoundError:
            pass


def read_and_map(directory, slot):
    with open(directory + "/%d.json" % slot, "rb") as f:
        json.loads(f.read())  # whichever version it is, it is whole
        try:
            mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ).close()
        except OSError as e:
            assert e.errno == errno.ENODEV  # beside a writer


def test_listed_while_edited(mount, work):
    """Images that were left alone are promised; the edit comes while they are being listed."""
    rounds = 300 if not mnt.sanitized() else 100
    names = ["fdinfo-%d.img" % i for i in range(rounds)]
    for name in names:
        dumps.write(work, name, image_of(range(1, 200)))
    m = mount(work)
    now = [names[0]]
    t = Threads(lambda: list_and_stat(m / now[0]), lambda: list_and_stat(m / now[0]))
    try:
        for i, name in enumerate(names):
            now[0] = name
            path = m / name + "/%d.json" % (i * 7 % 199)
            mnt.read(path)
            e, text = other(1000 + i)
            calls.open_w(path, text)
            for _ in range(20):
                assert os.stat(path).st_size == size(e), i
            assert mnt.read_text(path) == e.text()
    finally:
        t.end()


def test_edited_all_the_time(mount, work):
    """One image, hundreds of edits by every way, and others that list, read and map it."""
    dumps.write(work, "fdinfo-2.img", image_of(range(1, 100)))
    m = mount(work)
    d = m / "fdinfo-2.img"

    edits = [calls.open_w, calls.open_r_plus, calls.rename_scratch, calls.mmap_without_msync,
             calls.tempfile_and_replace]
    t = Threads(lambda: list_and_stat(d), lambda: [read_and_map(d, n) for n in range(0, 99, 7)])
    try:
        for i in range(400 if not mnt.sanitized() else 120):
            path = d + "/%d.json" % (i % 40 // 4)
            e, text = other(1 + i * 7919 % 100003)
            edits[i % 5](path, text)
            assert os.stat(path).st_size == size(e), (i, edits[i % 5])
            assert mnt.read_text(path) == e.text(), (i, edits[i % 5])
    finally:
        t.end()


def test_many_edit_the_same(mount, work):
    """The last one wins, whole; and whoever is sent back to look again finds what he looks for."""
    rounds = 40 if not mnt.sanitized() else 15
    texts = {k: other(k * 997)[1] for k in range(4)}
    for i in range(rounds):
        dumps.write(work, "fdinfo-%d.img" % i, image_of(range(1, 20)))
    m = mount(work)
    for i in range(rounds):
        d = m / "fdinfo-%d.img" % i
        list_and_stat(d)

        def edit(k):
            for slot in range(5):
                calls.open_w(d + "/%d.json" % slot, texts[k])
                read_and_map(d, slot)

        together(*(lambda k=k: edit(k) for k in texts))
        wanted = {other(k * 997)[0].text() for k in texts}
        for slot in range(5):
            text = mnt.read_text(d + "/%d.json" % slot)
            assert text in wanted
            assert_shows(d + "/%d.json" % slot, text)


# ------------------------------------------------------------------ ends

def at_work(m, stored, images):
    """All that may be under way when the end comes."""
    d = m / os.path.basename(stored)
    number = [0]

    def edit():
        number[0] += 1
        calls.open_w(d + "/%d.json" % (number[0] % 50), other(number[0])[1])

    def rename():
        number[0] += 1
        calls.rename_scratch(d + "/%d.json" % (50 + number[0] % 20), other(number[0])[1])

    def make_and_remove():
        mnt.save(d + "/500.json", other(7)[1], os.O_WRONLY | os.O_CREAT)
        os.unlink(d + "/500.json")

    def move():
        os.rename(d + "/80.json", d + "/600.json")
        os.rename(d + "/600.json", d + "/80.json")

    def outside():
        number[0] += 1
        replace(stored, images[number[0] % 2])
        time.sleep(0.3)

    return [edit, rename, make_and_remove, move, lambda: read_and_map(d, 5), lambda: list_and_stat(d),
            lambda: look_at_all(m.point), outside]


def till_the_end(call, ended):
    """What is refused because of a change is tried again, until the daemon is gone."""
    def loop():
        try:
            call()
        except (OSError, AssertionError, ValueError):
            if ended.is_set():
                raise SystemExit
    return loop


@pytest.mark.parametrize("end", ["SIGTERM", "SIGKILL", "unmount", "lazy unmount"])
@pytest.mark.parametrize("again", range(3))
def test_the_end_comes_while_all_are_at_work(mount, work, end, again):
    images = [criuimg.write_image(image_of(range(k, k + 100))) for k in (1, 1000)]
    stored = dumps.write(work, "fdinfo-2.img", images[0])
    m, ended = mount(work), threading.Event()
    look_at_all(m / "fdinfo-2.img")
    t = Threads(*[till_the_end(f, ended) for f in at_work(m, stored, images)])
    try:
        time.sleep(0.5 + again)
        if end.startswith("SIG"):
            m.proc.send_signal(15 if end == "SIGTERM" else 9)
        elif end == "unmount":
            busy = lambda: subprocess.run(["fusermount3", "-u", m.point], capture_output=True).returncode
            mnt.wait_for(lambda: busy() == 0, 2) or t.stop.set()
            mnt.wait_for(lambda: m.proc.poll() is not None or busy() == 0, 20)
        else:
            subprocess.run(["fusermount3", "-uz", m.point], check=True)
            t.stop.set()
        assert m.proc.wait(40) == (-9 if end == "SIGKILL" else 0)
    finally:
        ended.set()
        t.stop.set()
        m.abandon()
        for thread in t.threads:
            thread.join(30)
    assert not any(thread.is_alive() for thread in t.threads), "somebody hangs"
    left = criuimg.load(stored)
    assert left is not None and not left.tail
