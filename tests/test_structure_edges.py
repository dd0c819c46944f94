"""Where making, removing and moving meet: names that wait, backups, images that change meanwhile."""
import os
import random
import shutil

import pytest

import criuimg
import dumps
import mnt
from criuimg import SCHEMA
from editing import Target

BAD = "{bad"


@pytest.fixture
def target(mount, work):
    return Target(mount, work)


@pytest.fixture
def pipes(mount, work):
    """(mount, directory of the dump, image as a directory) with one entry and its bytes."""
    root = dumps.copy("demo", os.path.join(work, "dump"))
    m = mount(root)
    return m, root, m / "pipes-data.img"


def load(root, name):
    return criuimg.load(os.path.join(root, name))


def test_moved_to_where_bytes_wait(pipes):
    """The moved entry has its own; what waited there gives way."""
    m, root, d = pipes
    mine = mnt.read(d + "/0.extra")
    mnt.save(d + "/9.extra", b"waiting", os.O_WRONLY | os.O_CREAT)
    os.rename(d + "/0.json", d + "/9.json")
    assert os.listdir(d) == ["9.extra", "9.json"]
    assert mnt.read(d + "/9.extra") == mine
    m.close()
    assert [e.extra for e in load(root, "pipes-data.img").entries] == [mine]


def test_a_moved_text_refused_under_its_new_name(target):
    """It is not lost with the name: what it was before is seen again, and nothing else goes with it."""
    os.rename(target.path, target.dir + "/tmp")
    open(target.dir + "/tmp", "w").close()
    os.rename(target.dir + "/tmp", target.dir + "/40.json")
    with pytest.raises(OSError):
        mnt.save(target.dir + "/40.json", BAD)
    assert target.text() == target.old
    for n in range(50):
        path = target.dir + "/scratch%d" % n
        open(path, "w").close()
        os.unlink(path)
    target.assert_unchanged()


def test_a_backup_of_an_image_that_is_another_now(target):
    """Removing it removes nothing of the new one."""
    os.rename(target.path, target.path + "~")
    before = mnt.read(target.stored)
    shutil.copyfile(target.stored, target.stored + ".new")
    os.rename(target.stored + ".new", target.stored)
    try:
        os.unlink(target.path + "~")
    except OSError as e:
        assert e.errno in (16, 2)  # it was noticed
    assert mnt.read(target.stored) == before
    assert mnt.wait_for(lambda: os.path.exists(target.path))


def test_a_directory_where_a_plain_file_is_still_open(pipes):
    m, root, _ = pipes
    fd = os.open(m / "core-99.img", os.O_WRONLY | os.O_CREAT)
    os.write(fd, b"x")
    os.unlink(os.path.join(root, "core-99.img"))
    try:
        os.mkdir(m / "core-99.img")
    except OSError:
        pass  # the file is in the way until it is closed
    os.close(fd)
    assert mnt.wait_for(lambda: os.path.isdir(m / "core-99.img"))
    assert mnt.read(os.path.join(root, "core-99.img")) == mnt.read(os.path.join(root, "core-8173.img"))[:8]


def test_bytes_of_a_removed_entry_need_no_room(mount, work):
    root = dumps.copy("demo", os.path.join(work, "dump"))
    data = os.urandom(1 << 20)
    image = load(root, "pipes-data.img")
    message = image.entries[0].decode()
    message.bytes = len(data)
    image.entries[0].payload, image.entries[0].extra = SCHEMA.encode(message), data
    dumps.write(root, "pipes-data.img", image)
    m = mount(root, "scratch=64K")
    d = m / "pipes-data.img"
    text = mnt.read_text(d + "/0.json")
    os.unlink(d + "/0.json")
    mnt.save(d + "/0.json", text, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    assert mnt.read(d + "/0.extra") == data
    assert load(root, "pipes-data.img").entries[0].extra == data


def test_a_copy_by_hard_link_stays_what_it_was(target):
    """Many entries in no order, where critfs may write over files, but only over its own."""
    os.mkdir(target.mount / "reg-files.img")
    value = {"id": 1, "flags": 0, "pos": 0, "fown": {"uid": 0, "euid": 0, "signum": 0, "pid_type": 0,
                                                     "pid": 0}, "name": "/x"}
    stored = os.path.join(target.root, "reg-files.img")
    copies = {}
    for part in (0, 200):
        numbers = list(range(part, part + 200))
        random.Random(part).shuffle(numbers)
        for n in numbers:
            mnt.save(target.mount / "reg-files.img/%d.json" % n, criuimg.text(dict(value, id=n)),
                     os.O_WRONLY | os.O_CREAT)
        copies[part] = os.path.join(target.root, "copy%d" % part)
        os.link(stored, copies[part])
        assert mnt.wait_for(lambda: len(os.listdir(target.mount / "reg-files.img")) == part + 200)
    for part, copy in copies.items():
        assert [e.json()["id"] for e in criuimg.load(copy).entries] == list(range(part + 200))
    assert mnt.read(stored) == mnt.read(copies[200])
