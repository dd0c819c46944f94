"""Files that are open while their entries go, move, come back or change underneath."""
import errno
import os
import subprocess

import pytest

import criuimg
import dumps
import mnt
import slots
from slots import Slots


def refused(error, call, *args):
    with pytest.raises(OSError) as e:
        call(*args)
    assert e.value.errno == error, e.value


def make(path, data=b""):
    mnt.save(path, data, os.O_WRONLY | os.O_CREAT | os.O_EXCL)


@pytest.mark.parametrize("name", ["2.json", "2.extra"])
@pytest.mark.parametrize("again", [False, True])
def test_a_removed_file_reads_on(mount, work, name, again):
    x = Slots(mount, work, "PIPES_DATA")
    old = mnt.read(x.path(name))
    fds = [os.open(x.path(name), flags) for flags in (os.O_RDONLY, os.O_RDWR)]
    assert os.pread(fds[0], 5, 0) == old[:5]
    x.remove(2)
    if again:
        e = slots.entry("PIPES_DATA", 99, 5)
        x.create_all(2, e, True)
    for fd in fds:
        assert os.pread(fd, 10000, 0) == old
    os.pwrite(fds[1], b"nobody's", 0)
    assert os.pread(fds[1], 8, 0) == b"nobody's"
    x.check_image()
    for fd in fds:
        os.close(fd)
    x.finish()


def test_what_was_written_to_a_removed_file_is_nobodys(mount, work):
    """A dirty handle; fsync and close are no errors, and no commits."""
    x = Slots(mount, work, "FDINFO")
    fd = os.open(x.json(1), os.O_WRONLY | os.O_TRUNC)
    os.write(fd, slots.entry("FDINFO", 99).text().encode())
    x.remove(1)
    os.fsync(fd)
    os.close(fd)
    x.finish()


def test_a_handle_goes_with_its_entry(mount, work):
    """What is written after a move is the entry's, wherever it is."""
    x = Slots(mount, work, "PIPES_DATA")
    text, extra = os.open(x.json(2), os.O_RDWR), os.open(x.path("2.extra"), os.O_RDWR)
    x.move(2, 9)
    e = slots.entry("PIPES_DATA", 99, 0)
    os.ftruncate(text, 0)
    os.pwrite(text, e.text().encode(), 0)
    os.pwrite(extra, b"moved", 0)
    os.close(text)
    os.close(extra)
    x.entry[9] = slots.with_extra(e, x.kind, b"moved" + x.entry[9].extra[5:])
    x.finish()


def test_handles_of_the_entry_that_was_moved_over(mount, work):
    x = Slots(mount, work, "PIPES_DATA")
    old = mnt.read(x.json(3)), mnt.read(x.path("3.extra"))
    fds = [os.open(x.path(n), os.O_RDWR) for n in ("3.json", "3.extra")]
    x.move(2, 3)
    assert tuple(os.pread(fd, 10000, 0) for fd in fds) == old
    for fd in fds:
        os.pwrite(fd, b"nobody's", 0)
        os.close(fd)
    x.finish()


def test_a_new_entry_is_written_on(mount, work):
    """The handle that made it is an entry's handle after its first commit."""
    x = Slots(mount, work, "FDINFO")
    a, b = slots.entry("FDINFO", 50), slots.entry("FDINFO", 51)
    fd = os.open(x.json(7), os.O_RDWR | os.O_CREAT | os.O_EXCL)
    for e in (a, b, a):
        os.ftruncate(fd, 0)
        os.pwrite(fd, e.text().encode(), 0)
        os.fsync(fd)
        x.entry[7] = e
        x.check()
    os.close(fd)
    x.finish()


def test_a_new_entry_is_made_by_two(mount, work):
    x = Slots(mount, work, "FDINFO")
    a, b = slots.entry("FDINFO", 50), slots.entry("FDINFO", 51)
    one = os.open(x.json(7), os.O_WRONLY | os.O_CREAT)
    two = os.open(x.json(7), os.O_WRONLY)
    os.write(one, a.text().encode())
    os.close(one)
    x.entry[7] = a
    x.check()
    os.ftruncate(two, 0)
    os.pwrite(two, b.text().encode(), 0)
    os.close(two)
    x.entry[7] = b
    x.finish()


def test_a_new_extra_is_written_before_its_entry_comes(mount, work):
    """Both are open at once, as archivers may have them."""
    x = Slots(mount, work, "PIPES_DATA")
    e = slots.entry("PIPES_DATA", 50, 0)
    fd = os.open(x.path("7.extra"), os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    os.write(fd, b"first")
    x.create(7, e)
    os.write(fd, b" second")
    os.close(fd)
    x.entry[7] = slots.with_extra(e, x.kind, b"first second")
    x.hidden.clear()
    x.finish()


def test_a_new_file_over_one_that_was_renamed_away(mount, work):
    """Until something good is committed, the backup keeps the entry."""
    x = Slots(mount, work, "FDINFO")
    e = slots.entry("FDINFO", 50)
    os.rename(x.json(2), x.path("2.json~"))
    fd = os.open(x.json(2), os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    x.check_image()
    os.close(fd)
    os.unlink(x.json(2))
    refused(errno.ENOENT, os.stat, x.json(2))
    x.check_image()
    refused(errno.EBADMSG, mnt.save, x.json(2), "{bad", os.O_WRONLY | os.O_CREAT)
    x.check_image()
    assert mnt.read_text(x.path("2.json.rej")) == "{bad"
    mnt.save(x.json(2), e.text(), os.O_WRONLY | os.O_CREAT)
    x.entry[2] = e
    x.check_image()
    os.unlink(x.path("2.json~"))
    x.finish()


def test_a_backup_is_moved_to_another_slot(mount, work):
    """The entry is what its backup says it is: it is there and not here."""
    x = Slots(mount, work, "FDINFO")
    os.rename(x.json(2), x.path("2.json~"))
    os.rename(x.path("2.json~"), x.json(8))
    x.entry[8] = x.entry.pop(2)
    x.finish()


def test_a_copied_backup(mount, work):
    x = Slots(mount, work, "FDINFO")
    os.rename(x.json(2), x.path("backup"))
    mnt.save(x.json(8), mnt.read(x.path("backup")), os.O_WRONLY | os.O_CREAT)
    x.entry[8] = x.entry[2]
    x.check_image()
    os.rename(x.path("backup"), x.json(2))
    x.finish()


def test_sed_and_others_that_rename(mount, work):
    """A backup of theirs has the old text; the entry goes on."""
    x = Slots(mount, work, "FDINFO")
    old = x.entry[2].text()
    subprocess.run(["sed", "-i.bak", 's/"id": 3/"id": 30/', x.json(2)], check=True)
    x.entry[2] = slots.entry("FDINFO", 30)
    assert x.entry[2].json()["id"] == 30
    assert mnt.read_text(x.path("2.json.bak")) == old
    x.check_image()
    subprocess.run(["mv", "2.json.bak", "2.json"], cwd=x.dir, check=True)
    x.entry[2] = x.made.entries[2]
    x.finish()


# ------------------------------------------------------- names and numbers

def test_listing_order_and_numbers(mount, work):
    """By number; extras before their text, and with a lower inode number."""
    for typ in slots.KINDS:
        x = Slots(mount, work, typ, count=12)
        x.remove(3)
        x.move(1, 20)
        x.move(5, 3)
        x.create_all(15, slots.entry(typ, 77, 5), True)
        x.create_all(16, slots.entry(typ, 78, 5))
        x.create_all(5, slots.entry(typ, 79, 5))
        x.check()
        inos = {n: os.lstat(x.path(n)).st_ino for n in os.listdir(x.dir)}
        assert len(set(inos.values())) == len(inos)
        for e in os.scandir(x.dir):
            assert e.inode() == inos[e.name], e.name
        for n, ino in inos.items():
            assert n.endswith(".json") and "sems" not in n or ino < inos[n.split(".")[0] + ".json"], n


def test_a_new_entry_keeps_its_number(mount, work):
    """fstat before and after the commit, stat, and the listing agree."""
    x = Slots(mount, work, "FDINFO")
    fd = os.open(x.json(7), os.O_WRONLY | os.O_CREAT)
    number = os.fstat(fd).st_ino
    os.write(fd, slots.entry("FDINFO", 9).text().encode())
    os.fsync(fd)
    assert os.fstat(fd).st_ino == number == os.stat(x.json(7)).st_ino
    os.close(fd)
    assert os.stat(x.json(7)).st_ino == number
    assert number in [e.inode() for e in os.scandir(x.dir) if e.name == "7.json"]


def test_listed_while_entries_go(mount, work):
    """rm -r and find read on in a directory that they change."""
    x = Slots(mount, work, "PIPES_DATA", count=400)
    seen = []
    with os.scandir(x.dir) as names:
        for e in names:
            seen.append(e.name)
            if e.name.endswith(".json"):
                os.unlink(e.path)
    assert seen == x.names()
    x.entry = {}
    x.finish()


# ------------------------------------------------------- changed underneath

def replaced(x, image):
    """Another program writes the image, as criu does or in place."""
    dumps.write(x.root, "new", image)
    os.rename(os.path.join(x.root, "new"), x.stored)
    x.made = image
    x.entry = dict(enumerate(image.entries))
    x.hidden = set()
    assert mnt.wait_for(lambda: [n for n in os.listdir(x.dir) if n != "backup"] == x.names())


@pytest.mark.parametrize("typ", ["FDINFO", "PIPES_DATA", "IPCNS_MSG"])
def test_changed_underneath(mount, work, typ):
    """Numbers begin afresh; what was parked, hidden or renamed away is no more."""
    x = Slots(mount, work, typ)
    x.remove(1)
    x.create(9, slots.entry(typ, 50, 0))
    old = x.entry[2].text()
    os.rename(x.json(2), x.path("backup"))
    x.move(3, 7)
    replaced(x, slots.image(typ, 5))
    x.check_image()
    assert mnt.read_text(x.path("backup")) == old
    os.unlink(x.path("backup"))  # it is no entry's any more
    x.check()
    x.remove(0)
    x.create(11, slots.entry(typ, 51, 0))
    x.finish()


def test_a_kept_head_and_a_change_underneath(mount, work):
    x = Slots(mount, work, "PAGEMAP")
    os.unlink(x.json(0))
    replaced(x, slots.image("PAGEMAP", 5))
    x.check()
    x.remove(2)
    x.finish()


def test_what_waits_and_a_change_underneath(mount, work):
    """Its entry never came: it is kept beside, and the new image is not touched."""
    x = Slots(mount, work, "PIPES_DATA")
    make(x.path("9.extra"), b"waits")
    fd = os.open(x.json(8), os.O_WRONLY | os.O_CREAT)
    os.write(fd, slots.entry("PIPES_DATA", 9, 0).text().encode())
    new = slots.image("PIPES_DATA", 3, order=">")
    dumps.write(x.root, "new", new)
    os.rename(os.path.join(x.root, "new"), x.stored)
    x.made, x.entry = new, dict(enumerate(new.entries))
    assert mnt.wait_for(lambda: "9.extra" not in os.listdir(x.dir))
    with pytest.raises(OSError):
        os.fsync(fd)
    try:
        os.close(fd)
    except OSError:
        pass
    x.check_image()
    text = slots.entry("PIPES_DATA", 9, 0).text().encode()
    for name, data in (("9.extra.rej", b"waits"), ("8.json.rej", text)):
        assert mnt.read(x.path(name)) == data
        os.unlink(x.path(name))
    for name in os.listdir(x.dir):
        if name.endswith(".err"):
            os.unlink(x.path(name))
    x.finish()


def test_a_removal_after_a_change_underneath_is_of_what_was_seen(mount, work):
    """The name means another entry now; it may go, or be refused, but no third may."""
    x = Slots(mount, work, "FDINFO")
    x.remove(0)
    new = slots.image("FDINFO", 6)
    dumps.write(x.root, "new", new)
    os.rename(os.path.join(x.root, "new"), x.stored)
    try:
        os.unlink(x.json(2))
        del new.entries[2]
    except OSError:
        pass
    assert mnt.read(x.stored) == criuimg.write_image(new)


def test_read_only(mount, work):
    made = slots.image("PIPES_DATA")
    dumps.write(work, "pipes-data.img", made)
    m = mount(work, "ro")
    d = m / "pipes-data.img"
    refused(errno.EROFS, os.unlink, d + "/0.json")
    refused(errno.EROFS, os.unlink, d + "/0.extra")
    refused(errno.EROFS, os.rename, d + "/0.json", d + "/9.json")
    refused(errno.EROFS, os.open, d + "/9.json", os.O_WRONLY | os.O_CREAT)
    refused(errno.EROFS, os.mkdir, m / "fdinfo-1.img")
    refused(errno.EROFS, os.rmdir, d)
    refused(errno.EROFS, os.rename, d, m / "fdinfo-1.img")
    assert mnt.read(os.path.join(work, "pipes-data.img")) == criuimg.write_image(made)
