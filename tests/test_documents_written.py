"""Documents that are written: what becomes of the image, of its entries, and of what is refused."""
import errno
import json
import os
import random
import signal
import subprocess
import threading
import time

import pytest

import criuimg
import documents
import dumps
import editing
import handmade
import mnt
from criuimg import TYPES
from documents import Target
from together import together

NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL


@pytest.fixture
def target(mount, work):
    return Target(mount, work)


def refused(text, call, *args):
    with pytest.raises(OSError, match=text):
        call(*args)


# ----------------------------------------------------------- no change

@pytest.mark.parametrize("name", dumps.NAMES)
def test_own_text(mount, work, name):
    """Writing back what was read changes nothing, in any spelling that means the same."""
    root = dumps.copy(name, os.path.join(work, "d"))
    m = mount(root)
    where = documents.directory(m)
    for shown in documents.names(root):
        stored = os.path.join(root, shown[:-5])
        before = mnt.read(stored), os.stat(stored).st_mtime_ns, os.stat(stored).st_ino
        text = mnt.read(where + "/" + shown)
        mnt.save(where + "/" + shown, text)
        mnt.save(where + "/" + shown, json.dumps(json.loads(text)).encode())
        assert (mnt.read(stored), os.stat(stored).st_mtime_ns, os.stat(stored).st_ino) == before, shown
    assert sorted(os.listdir(where)) == documents.names(root)


@pytest.mark.parametrize("order", "<>")
def test_every_type_made_from_its_document(mount, work, order):
    """Every byte of every type of image, payloads too, from the document of another."""
    root, empty = os.path.join(work, "d"), os.path.join(work, "e")
    images = handmade.make_dump(root, order=order)
    inventory = images["inventory.img"].entries[0].decode()
    inventory.img_version = 2
    images["inventory.img"].entries[0].payload = criuimg.SCHEMA.encode(inventory)
    os.mkdir(empty)
    text = {name: documents.text(image) for name, image in images.items()}
    dumps.write(empty, "inventory.img", images["inventory.img"])
    m = mount(empty)
    for name in images:
        mnt.save(documents.directory(m) + "/%s.json" % name, text[name], os.O_WRONLY | os.O_CREAT)
        assert mnt.read(os.path.join(empty, name)) == criuimg.write_image(images[name]), name
        assert mnt.read_text(documents.directory(m) + "/%s.json" % name) == text[name], name
        assert os.listdir(m / name) == mnt.listing(images[name])


def test_empty_is_nothing_yet(target):
    for how in (lambda: mnt.save(target.path, ""), lambda: os.truncate(target.path, 0),
                lambda: subprocess.run(["touch", target.path], check=True)):
        how()
        target.assert_unchanged()
        assert target.text() == target.old
    target.assert_clean()


def test_truncated_by_name(target):
    os.truncate(target.path, len(target.old) - 1)  # the newline
    target.assert_unchanged()
    refused("Bad message", os.truncate, target.path, 30)
    target.assert_rejected(target.old[:30], ".critfs/json/files.img.json:")


# ------------------------------------------------------------- refused

BAD = {
    "syntax": (lambda t: t.replace('"pos": 0,', '"pos": 0'), "11:17: error: expected", ""),
    "an unknown key": (lambda t: t.replace('"pos"', '"poss"'), "10:17", "entries[0].reg: unknown key"),
    "a doubled key": (lambda t: t.replace('"pos": 0,', '"pos": 0, "pos": 0,'), "10:27", "entries[0].reg: key"),
    "a wrong value": (lambda t: t.replace('"pos": 0,', '"pos": "x",'), "10:24", "entries[0].reg.pos: "),
    "a wrong magic": (lambda t: t.replace('"FILES"', '"PSTREE"'), "2:14", "magic: "),
    "an unknown magic": (lambda t: t.replace('"FILES"', '"FILE"'), "2:14", "magic: "),
    "no entries": (lambda t: '{"magic": "FILES"}\n', "1:", ""),
    "an extra too many": (lambda t: t.replace('"type": "REG",', '"type": "REG", "extra": "AAAA",'), "5:28",
                          "entries[0]: unknown key"),
    "another entry's key": (lambda t: t.replace('"type": "REG",', '"type": "REG", "pid": 1,'), "5:28",
                            "entries[0]: unknown key"),
}


@pytest.mark.parametrize("bad", BAD, ids=lambda b: b.replace(" ", "_"))
def test_refused_and_corrected(target, bad):
    change, place, what = BAD[bad]
    text = change(target.old)
    assert text != target.old
    refused("Bad message", mnt.save, target.path, text)
    start = ".critfs/json/files.img.json:" + place
    target.assert_rejected(text, start)
    assert ": error: " + what in mnt.read_text(target.path + ".err")
    with open(target.path + ".rej", "w") as f:
        f.write(target.new)
    os.rename(target.path + ".rej", target.path)
    target.assert_committed()
    target.assert_clean()


def test_the_next_good_one_settles_it(target):
    refused("Bad message", mnt.save, target.path, "{}")
    mnt.save(target.path, target.old)  # nothing new: editors put that back
    assert os.path.exists(target.path + ".rej")
    mnt.save(target.path, target.new)
    target.assert_committed()
    target.assert_clean()


def test_a_shell_hears_of_it(target):
    """It ignores what close says, so what can't become right is refused at once."""
    done = subprocess.run(["bash", "-c", "echo '{bad' > files.img.json"], cwd=target.dir,
                          capture_output=True, text=True)
    assert done.returncode and "Bad message" in done.stderr
    target.assert_rejected("{bad\n", ".critfs/json/files.img.json:1:2: error: ")


def test_correcting_goes_on_in_one_open_file(target):
    """A refused flush is not the end: who has it open can try again."""
    fd = os.open(target.path, os.O_WRONLY | os.O_TRUNC)
    mnt.write_fd(fd, target.new[:200].encode())
    refused("Bad message", os.fsync, fd)
    mnt.write_fd(fd, target.new[200:].encode())
    os.fsync(fd)
    assert documents.text(criuimg.load(target.stored)) == target.new
    os.close(fd)
    target.assert_committed()
    target.assert_clean()


def test_in_a_subdirectory(mount, work):
    root = os.path.join(work, "d")
    dumps.copy("demo", root + "/sub")
    m = mount(root)
    path = documents.directory(m, "sub") + "/files.img.json"
    refused("Bad message", mnt.save, path, "[]")
    assert mnt.read_text(path + ".err").startswith("sub/.critfs/json/files.img.json:1:1: error: ")
    assert "sub/.critfs/json/files.img.json.rej" in mnt.read_text(m / ".critfs/scratch")
    assert not os.path.exists(m / ".critfs/json/files.img.json.rej")


# -------------------------------------------------------- whose draft

def test_one_open_file_commits_again(target):
    fd = os.open(target.path, os.O_RDWR)
    for value in (7, 123456, 8):
        text = target.old.replace(target.OLD, '"pos": %d,' % value)
        os.ftruncate(fd, 0)
        os.pwrite(fd, text.encode(), 0)
        os.fsync(fd)
        assert documents.text(criuimg.load(target.stored)) == text == target.text()
        assert os.fstat(fd).st_size == len(text)
    os.close(fd)
    target.assert_committed(text)
    target.assert_clean()


def test_the_last_of_two_writers_wins(target):
    one, two = (os.open(target.path, os.O_WRONLY | os.O_TRUNC) for _ in range(2))
    mnt.write_fd(one, target.new.encode())
    mnt.write_fd(two, target.old.replace(target.OLD, '"pos": 8,').encode())
    assert target.text() == target.old
    os.close(two)
    assert '"pos": 8' in target.text()
    os.close(one)
    target.assert_committed()
    target.assert_clean()


def test_a_part_is_written_over(target):
    """The rest is the text as it was; what is appended comes behind it."""
    at = target.old.index(target.OLD)
    fd = os.open(target.path, os.O_WRONLY)
    os.pwrite(fd, target.NEW.encode(), at)
    assert target.text() == target.old
    os.close(fd)
    target.assert_committed()
    with open(target.path, "a") as f:
        f.write("  \n")
    target.assert_committed()
    with pytest.raises(OSError, match="Bad message"):
        with open(target.path, "a") as f:
            f.write("x")
    assert mnt.read_text(target.path + ".rej") == target.new + "x"


def test_an_entry_that_was_committed_meanwhile(target):
    """Its bytes are the document's to say: the last commit wins, whole."""
    fd = os.open(target.path, os.O_RDWR)
    entry = target.mount / "files.img/0.json"
    mnt.save(entry, mnt.read_text(entry).replace(target.OLD, '"pos": 99,'))
    assert '"pos": 99' in target.text() and os.read(fd, 1 << 16).decode() == target.old
    os.pwrite(fd, target.NEW.encode(), target.old.index(target.OLD))
    os.close(fd)
    target.assert_committed()


# --------------------------------------------- what becomes of entries

def test_entries_are_numbered_afresh(mount, work):
    root = dumps.copy("demo", os.path.join(work, "d"))
    before = criuimg.load(root + "/files.img")
    m = mount(root)
    path, where = documents.directory(m) + "/files.img.json", m / "files.img"
    os.unlink(where + "/0.json")
    os.unlink(where + "/4.json")
    doc = json.loads(mnt.read_text(path))
    reader = os.open(where + "/5.json", os.O_RDONLY)
    writer = os.open(where + "/6.json", os.O_RDWR)
    texts = [os.pread(fd, 1 << 16, 0) for fd in (reader, writer)]
    doc["entries"].reverse()
    mnt.save(path, json.dumps(doc))
    after = criuimg.load(root + "/files.img")
    left = [e for i, e in enumerate(before.entries) if i not in (0, 4)]
    assert [e.frame for e in after.entries] == [e.frame for e in reversed(left)]
    assert os.listdir(where) == mnt.listing(after)
    for i, entry in enumerate(after.entries):
        assert mnt.read_text(where + "/%d.json" % i) == entry.text()
        assert os.stat(where + "/%d.json" % i).st_size == len(entry.text())
    # who has one open reads on, but can't write to what its number means now
    assert [os.pread(fd, 1 << 16, 0) for fd in (reader, writer)] == texts
    os.pwrite(writer, b" ", 1)
    refused("busy", os.fsync, writer)
    os.close(reader)
    try:
        os.close(writer)
    except OSError:
        pass
    assert criuimg.load(root + "/files.img").entries[6].frame == after.entries[6].frame
    assert os.path.exists(where + "/6.json.rej")


def test_entries_are_added_and_removed(target):
    doc = json.loads(target.old)
    doc["entries"] = doc["entries"][1:] + doc["entries"] * 2
    mnt.save(target.path, json.dumps(doc))
    frames = [e.frame for e in target.before.entries]
    after = criuimg.load(target.stored)
    assert [e.frame for e in after.entries] == frames[1:] + frames * 2
    assert os.listdir(target.mount / "files.img") == mnt.listing(after)
    doc["entries"] = []
    mnt.save(target.path, json.dumps(doc))
    assert os.listdir(target.mount / "files.img") == [] and os.path.getsize(target.stored) == 8
    mnt.save(target.path, target.new)
    target.assert_committed()


def test_another_header(target):
    doc = {"magic": "FILES", "$header": "v1.0", "entries": json.loads(target.old)["entries"]}
    mnt.save(target.path, json.dumps(doc))
    after = criuimg.load(target.stored)
    assert after.header == "v1.0" and after.entries[0].frame == target.before.entries[0].frame
    assert target.text() == documents.text(after)
    assert mnt.read_text(target.mount / "files.img/1.json") == after.entries[1].text()
    mnt.save(target.mount / "files.img/0.json", after.entries[0].text().replace(target.OLD, target.NEW))
    assert criuimg.load(target.stored).header == "v1.0"
    doc["$header"] = "common"
    mnt.save(target.path, json.dumps(doc))
    assert mnt.read(target.stored) == target.old_bytes
    assert target.text() == target.old


def test_payloads(mount, work):
    root = dumps.copy("demo", os.path.join(work, "d"))
    m = mount(root)
    doc = json.loads(mnt.read_text(documents.directory(m) + "/pipes-data.img.json"))
    doc["entries"][0]["extra"] = "aGVsbG8="
    mnt.save(documents.directory(m) + "/pipes-data.img.json", json.dumps(doc))
    assert mnt.read(m / "pipes-data.img/0.extra") == b"hello"
    assert '"bytes": 5' in mnt.read_text(m / "pipes-data.img/0.json")


def test_a_large_one(mount, work):
    """As large as no memory is wanted for it: copied, edited in place, refused."""
    root = os.path.join(work, "d")
    os.mkdir(root)
    rand = random.Random(4)
    entries = []
    for i in range(4):
        msg = handmade.Fill("bare").message("pipe_data_entry")
        msg.pipe_id, msg.bytes = i, 30 << 20
        entries.append(criuimg.Entry("pipe_data_entry", criuimg.SCHEMA.encode(msg), rand.randbytes(30 << 20)))
    stored = dumps.write(root, "pipes-data.img", criuimg.Image(TYPES["PIPES_DATA"], "common", "<", entries))
    m = mount(root)
    path = documents.directory(m) + "/pipes-data.img.json"
    before, size = mnt.read(stored), os.stat(path).st_size
    copy = os.path.join(work, "copy")
    subprocess.run(["cp", path, copy], check=True)
    assert os.stat(copy).st_size == size
    subprocess.run(["cp", copy, path], check=True)
    assert mnt.read(stored) == before
    fd = os.open(path, os.O_RDWR)
    at = os.pread(fd, 200, 0).index(b'"pipe_id": 0')
    os.pwrite(fd, b'"pipe_id": 9', at)
    os.close(fd)
    assert mnt.read(stored) == before.replace(entries[0].payload, b"\x08\x09" + entries[0].payload[2:], 1)
    with open(path, "r+b") as f:
        f.seek(size - 100)
        f.write(b"!")
        refused("Bad message", lambda: (f.flush(), os.fsync(f.fileno())))
        try:
            f.close()
        except OSError:
            pass
    assert os.stat(path + ".rej").st_size == size
    if not mnt.sanitized():
        assert m.memory() < 60 << 10


def test_no_room_for_drafts(mount, work):
    root = os.path.join(work, "d")
    os.mkdir(root)
    msg = handmade.Fill("bare").message("pipe_data_entry")
    msg.bytes = 3 << 20
    image = criuimg.Image(TYPES["PIPES_DATA"], "common", "<",
                          [criuimg.Entry("pipe_data_entry", criuimg.SCHEMA.encode(msg), bytes(3 << 20))])
    stored = dumps.write(root, "pipes-data.img", image)
    m = mount(root, "scratch=1M")
    path, text = documents.directory(m) + "/pipes-data.img.json", documents.text(image)
    assert mnt.read_text(path) == text
    refused("No space", mnt.save, path, text)
    refused("No space", mnt.save, path, " ", os.O_WRONLY | os.O_APPEND)
    refused("No space", os.rename, path, path + "~")
    assert mnt.read(stored) == criuimg.write_image(image) and mnt.read_text(path) == text
    small = image.entries.pop() and documents.text(image)
    mnt.save(path, small)
    assert os.path.getsize(stored) == 8


# --------------------------------------------------- changed underneath

def test_changed_underneath_before_the_commit(target):
    fd = os.open(target.path, os.O_RDWR)
    os.pwrite(fd, target.NEW.encode(), target.old.index(target.OLD))
    other = criuimg.load(target.stored)
    other.entries.reverse()
    dumps.write(target.root, "files.img", other)
    refused("busy", os.fsync, fd)
    try:
        os.close(fd)
    except OSError:
        pass
    assert mnt.read(target.stored) == criuimg.write_image(other)
    assert mnt.read_text(target.path + ".rej") == target.new
    error = mnt.read_text(target.path + ".err")
    assert error == ".critfs/json/files.img.json: error: the image was changed underneath\n"
    assert target.text() == documents.text(other)
    os.rename(target.path + ".rej", target.path)
    assert documents.text(criuimg.load(target.stored)) == target.new


# ------------------------------------------------------------ new images

def save_new(path, text):
    mnt.save(path, text, NEW_FILE)


def by_rename(path, text):
    save_new(path[:-5] + ".new", text)
    os.rename(path[:-5] + ".new", path)


def by_cp(path, text):
    with open("/dev/shm/critfs-copied-%d" % os.getpid(), "w") as f:
        f.write(text)
    try:
        subprocess.run(["cp", f.name, path], check=True)
    finally:
        os.unlink(f.name)


def by_vim(path, text):
    subprocess.run(["vim", "-es", "-u", "NONE", "-i", "NONE", "-c", "call setline(1, %s)"
                    % json.dumps(text.splitlines()), "-c", "wq", path], check=True)


@pytest.mark.parametrize("how", [save_new, by_rename, by_cp, by_vim], ids=lambda f: f.__name__)
def test_a_new_image(target, how):
    how(target.dir + "/core-5.img.json", '{"magic": "CORE", "entries": []}\n')
    assert os.path.getsize(target.root + "/core-5.img") == 8
    path = target.dir + "/fdinfo-7.img.json"
    text = documents.text(handmade.image(TYPES["FDINFO"], "bare"))
    how(path, text)
    stored = target.root + "/fdinfo-7.img"
    assert mnt.read(stored) == criuimg.write_image(handmade.image(TYPES["FDINFO"], "bare"))
    assert os.stat(stored).st_mode & 0o777 == 0o600
    assert mnt.read_text(path) == text and os.stat(path).st_size == len(text)
    assert os.listdir(target.mount / "fdinfo-7.img") == ["0.json", "1.json", "2.json"]
    assert sorted(os.listdir(target.dir)) == documents.names(target.root)
    mnt.save(path, text.replace('"fd": ', '"fd": 1'))
    assert documents.text(criuimg.load(stored)) == text.replace('"fd": ', '"fd": 1')
    target.assert_unchanged()


def test_a_new_image_refused_and_corrected(target):
    path = target.dir + "/fdinfo-7.img.json"
    good = documents.text(handmade.image(TYPES["FDINFO"]))
    for bad, place in ((good.replace('"FDINFO"', '"FILES"'), ":2:14: error: magic: "),
                       (good[:-3], ":"), ("{}", ":")):
        refused("Bad message", save_new, path, bad)
        assert not os.path.exists(path) and not os.path.exists(target.root + "/fdinfo-7.img")
        assert mnt.read_text(path + ".rej") == bad
        line = mnt.read_text(path + ".err")
        assert line.startswith(".critfs/json/fdinfo-7.img.json" + place)
        assert line in mnt.read_text(target.mount / ".critfs/errors")
        refused("Bad message", by_rename, path, bad)
        assert mnt.read_text(path[:-5] + ".new") == bad
        os.unlink(path[:-5] + ".new")
    with open(path + ".rej", "w") as f:
        f.write(good)
    os.rename(path + ".rej", path)
    assert mnt.read_text(path) == good
    assert sorted(os.listdir(target.dir)) == documents.names(target.root)
    editing.assert_no_temporaries(target.root)


def test_a_new_image_has_the_dump_s_version(mount, work):
    root = dumps.copy("demo", os.path.join(work, "d"))
    m = mount(root)
    path = m / "inventory.img/0.json"
    mnt.save(path, mnt.read_text(path).replace('"img_version": 2', '"img_version": 1'))
    save_new(documents.directory(m) + "/fdinfo-99.img.json", '{"magic": "FDINFO", "entries": []}')
    assert os.path.getsize(root + "/fdinfo-99.img") == 4
    assert '"$header": "v1.0"' in mnt.read_text(documents.directory(m) + "/fdinfo-99.img.json")


def test_made_twice_at_once(target):
    """An image that came meanwhile is not replaced by one that was to be new."""
    path = target.dir + "/fdinfo-7.img.json"
    fd = os.open(path, NEW_FILE)
    mnt.write_fd(fd, b'{"magic": "FDINFO", "entries": []}')
    other = dumps.write(target.root, "fdinfo-7.img", handmade.image(TYPES["FDINFO"]))
    refused("exists", os.fsync, fd)
    try:
        os.close(fd)
    except OSError:
        pass
    assert mnt.read(other) == criuimg.write_image(handmade.image(TYPES["FDINFO"]))
    assert mnt.read_text(path) == documents.text(handmade.image(TYPES["FDINFO"]))


# ------------------------------------------------------ names and scratch

def test_scratch_files(target):
    """Any other name: kept in memory, listed, named at the end."""
    for name in ("notes", "4913", "foo.json", "foo.img.json", ".x.swp", "core-1.img.json~"):
        save_new(target.dir + "/" + name, "text")
        assert "4\t.critfs/json/%s\n" % name in mnt.read_text(target.mount / ".critfs/scratch")
    target.assert_clean(["notes", "4913", "foo.json", "foo.img.json", ".x.swp", "core-1.img.json~"])
    os.symlink("user@host.1", target.dir + "/.#files.img.json")
    assert os.readlink(target.dir + "/.#files.img.json") == "user@host.1"
    os.rename(target.dir + "/notes", target.dir + "/more")
    refused("not permitted", save_new, target.dir + "/core-1.img", "text")
    refused("not permitted", os.mkdir, target.dir + "/d")
    refused("not permitted", os.mkdir, target.dir + "/core-1.img.json")
    refused("not permitted", os.link, target.path, target.dir + "/l")
    refused("cross-device", os.rename, target.dir + "/more", target.mount / "more")
    refused("cross-device", os.rename, target.dir + "/more", target.mount / "files.img/more")
    refused("cross-device", os.rename, target.mount / "files.img/0.json", target.dir + "/more")
    refused("not permitted", os.rename, target.path, target.dir + "/inventory.img.json")
    refused("not permitted", os.rename, target.path, target.dir + "/core-1.img.json")
    os.unlink(target.dir + "/4913")
    target.assert_unchanged()
    log = target.mount.log
    target.mount.close()
    log = mnt.read_text(log)
    assert ".critfs/json/more: a scratch file, gone with this mount" in log
    assert ".critfs/json/.x.swp" not in log and "json~" not in log


def test_backups(target):
    """A document that is renamed away is hidden, and what has the name next is committed."""
    backup = target.path + "~"
    os.rename(target.path, backup)
    assert mnt.read_text(backup) == target.old and not os.path.exists(target.path)
    assert sorted(os.listdir(target.dir)) == ["files.img.json~", "inventory.img.json"]
    target.assert_unchanged()
    os.rename(backup, target.path)
    target.assert_clean()
    assert target.text() == target.old
    os.rename(target.path, backup)
    os.unlink(backup)  # it is a view: the image has lost nothing
    assert target.text() == target.old
    os.rename(target.path, backup)
    fd = os.open(target.path, NEW_FILE)
    os.unlink(target.path)  # nothing was committed from that
    os.close(fd)
    assert not os.path.exists(target.path)
    save_new(target.path, target.new)
    target.assert_committed()
    os.unlink(backup)
    target.assert_committed()
    target.assert_clean()


def test_a_backup_becomes_another_image_s(mount, work):
    """The document that it was is seen again then."""
    root = dumps.copy("demo", os.path.join(work, "d"))
    where = documents.directory(mount(root))
    path, text = where + "/fdinfo-2.img.json", documents.text(criuimg.load(root + "/fdinfo-2.img"))
    for other in ("fdinfo-3.img", "fdinfo-99.img"):
        os.rename(path, path + "~")
        assert not os.path.exists(path)
        os.rename(path + "~", where + "/%s.json" % other)
        assert mnt.read_text(path) == mnt.read_text(where + "/%s.json" % other) == text
        assert mnt.read(root + "/" + other) == mnt.read(root + "/fdinfo-2.img")
    assert sorted(os.listdir(where)) == documents.names(root)


def test_a_backup_that_is_no_document_elsewhere(target):
    os.rename(target.path, target.path + "~")
    os.rename(target.path + "~", target.dir + "/files-2.img.json")  # no type has this name
    assert not os.path.exists(target.path) and not os.path.exists(target.root + "/files-2.img")
    os.rename(target.dir + "/files-2.img.json", target.path + "~")
    refused("Bad message", os.rename, target.path + "~", target.dir + "/inventory.img.json")
    assert not os.path.exists(target.path)
    mnt.save(target.path + "~", target.new)
    os.rename(target.path + "~", target.path)
    target.assert_committed()


def test_removing_is_no_removing_of_images(target):
    """It is hidden, for those that remove first and write then; a listing shows it again."""
    os.unlink(target.path)
    assert not os.path.exists(target.path)
    target.assert_unchanged()
    save_new(target.path, target.new)
    target.assert_committed()
    assert mnt.read_text(target.mount / ".critfs/errors") == ""
    os.unlink(target.path)
    assert target.NAME in os.listdir(target.dir)
    line = ".critfs/json/files.img.json: error: it was removed, but not its image: rm -r files.img does that"
    assert line in mnt.read_text(target.mount / ".critfs/errors") and line in target.mount.stderr()
    target.assert_committed()


def test_install_and_mv_that_are_refused(target, work):
    bad = os.path.join(work, "bad")
    for command in (["install", bad, target.path], ["mv", bad, target.path]):
        with open(bad, "w") as f:
            f.write("[1]")
        assert subprocess.run(command, capture_output=True).returncode
        target.assert_rejected("[1]", ".critfs/json/files.img.json:1:1: error: ")


def test_removed_images(target):
    """Drafts of their documents are nobody's; a new text makes a new image."""
    fd = os.open(target.path, os.O_RDWR)
    os.pwrite(fd, target.NEW.encode(), target.old.index(target.OLD))
    subprocess.run(["rm", "-r", target.mount / "files.img"], check=True)
    assert os.pread(fd, 1 << 16, 0).decode() == target.new
    os.close(fd)
    assert sorted(os.listdir(target.root)) == ["inventory.img"]
    assert os.listdir(target.dir) == ["inventory.img.json"]
    save_new(target.path, target.new)
    assert documents.text(criuimg.load(target.stored)) == target.new


# ------------------------------------------------------ how it may end

@pytest.mark.parametrize("sig", [signal.SIGTERM, None])
def test_dirty_at_the_end(mount, work, sig):
    t = Target(mount, work)
    good = os.open(t.path, os.O_WRONLY | os.O_TRUNC)
    mnt.write_fd(good, t.new.encode())
    new = os.open(t.dir + "/core-5.img.json", NEW_FILE)
    mnt.write_fd(new, b'{"magic": "CORE", "entries": []}')
    bad = os.open(t.dir + "/inventory.img.json", os.O_WRONLY | os.O_TRUNC)
    mnt.write_fd(bad, b'{"magic": "INVENTORY", "entries": [')
    if sig:
        assert t.mount.terminate(sig) == 0
    else:
        t.mount.close()
    for fd in (good, new, bad):
        try:
            os.close(fd)
        except OSError:
            pass
    assert documents.text(criuimg.load(t.stored)) == t.new
    assert os.path.getsize(t.root + "/core-5.img") == 8
    if sig:
        assert ".critfs/json/inventory.img.json:" in t.mount.stderr()
    assert mnt.read(t.root + "/inventory.img") == mnt.read(dumps.pristine("demo") + "/inventory.img")


def test_killed(mount, work):
    """The image is the old one or the new one, and all whose close had returned."""
    root, rand = os.path.join(work, "d"), random.Random(5)
    os.mkdir(root)
    image = handmade.image(TYPES["PIPES_DATA"])
    image.entries *= 200
    stored = dumps.write(root, "pipes-data.img", image)
    texts = [documents.text(image)]
    for n in range(1, 5):
        image.entries.append(image.entries[n % 3])
        texts.append(documents.text(image))
    last = 0
    for _ in range(10 if mnt.sanitized() else 40):
        m = mount(root)
        timer = threading.Timer(rand.uniform(0, 0.06), m.proc.kill)
        timer.start()
        doing = last
        try:
            while True:
                doing = rand.randrange(5)
                mnt.save(documents.directory(m) + "/pipes-data.img.json", texts[doing])
                last = doing
        except OSError as e:
            assert e.errno in (errno.ENOTCONN, errno.ECONNABORTED, errno.EIO), e
        timer.join()
        m.proc.wait()
        m.abandon()
        now = documents.text(criuimg.load(stored))
        assert now in (texts[last], texts[doing])
        last = texts.index(now)
    editing_left = [n for n in os.listdir(root) if n.startswith(".critfs")]
    mount(root)
    editing.assert_no_temporaries(root)
    print("left over:", editing_left)


def test_writers_and_readers_together(target):
    """Documents, entries and looks at both, all at once: each reader sees one commit, whole."""
    end = time.monotonic() + 5
    values = range(1000, 1100)
    texts = {target.old} | {target.old.replace(target.OLD, '"pos": %d,' % v) for v in values}
    entry = target.mount / "files.img/0.json"
    entry_texts = {target.before.entries[0].text().replace(target.OLD, '"pos": %d,' % v) for v in values}

    def busy(e):
        return e.errno in (errno.EBUSY, errno.ENOENT, errno.ESTALE)

    def work(seed):
        rand = random.Random(seed)
        while time.monotonic() < end:
            what = rand.randrange(4)
            try:
                if what == 0:
                    mnt.save(target.path, rand.choice(sorted(texts)))
                elif what == 1:
                    mnt.save(entry, rand.choice(sorted(entry_texts)))
                else:
                    with open(target.path) as f:
                        assert f.read() in texts
                        assert os.fstat(f.fileno()).st_size in map(len, texts)
            except OSError as e:
                if not busy(e):
                    raise

    together(*(lambda seed=seed: work(seed) for seed in range(4)))
    assert target.text() == documents.text(criuimg.load(target.stored))
    editing.assert_no_temporaries(target.root)
