"""Where the first entry is of another kind; entries that can't be decoded; tails."""
import errno
import os
import subprocess

import pytest

import handmade
import mnt
import slots
from criuimg import TYPES, Entry
from slots import Slots


def refused(error, call, *args):
    with pytest.raises(OSError) as e:
        call(*args)
    assert e.value.errno == error, e.value


def make(path, data=b""):
    mnt.save(path, data, os.O_WRONLY | os.O_CREAT | os.O_EXCL)


class Headed(Slots):
    """Slot 0 may be hidden while its frame is in the file."""

    kept = None

    def wanted(self):
        if self.kept is None or 0 in self.entry:
            return super().wanted()
        entries = dict(self.entry)
        self.entry[0] = self.kept
        data = super().wanted()
        self.entry = entries
        return data

    def keep_head(self):
        os.unlink(self.json(0))
        self.kept = self.entry.pop(0)


@pytest.fixture(params=["PAGEMAP", "GHOST_FILE"])
def headed(request, mount, work):
    return Headed(mount, work, request.param)


ENCODINGS = [("<", "common"), (">", "common"), ("<", "v1.0"), (">", "v1.0")]


@pytest.mark.parametrize("order, header", ENCODINGS)
@pytest.mark.parametrize("typ", ["PAGEMAP", "GHOST_FILE"])
def test_the_others_come_and_go(mount, work, typ, order, header):
    x = Slots(mount, work, typ, order=order, header=header)
    x.remove(1)
    x.check()
    x.create(900, slots.entry(typ, 90, 0))
    x.check()
    x.create(4, slots.entry(typ, 91, 0))
    x.move(2, 5)
    x.move(3, 900)
    x.check()
    x.create_all(1, slots.entry(typ, 92, 17), first=True)
    x.finish()


def test_a_head_goes_with_the_last(headed):
    x = headed
    x.keep_head()
    x.check()
    refused(errno.ENOENT, os.stat, x.json(0))
    for slot in (2, 1):
        x.remove(slot)
        x.check()
    os.unlink(x.json(3))
    x.entry, x.kept = {}, None
    x.finish()
    assert os.path.getsize(x.stored) == 8


def test_a_head_alone_goes(mount, work):
    for typ in ("PAGEMAP", "GHOST_FILE"):
        x = Slots(mount, work, typ, count=1)
        x.remove(0)
        x.finish()


def test_removed_and_made_anew(headed):
    """The others keep their meaning meanwhile, and are edited as ever."""
    x = headed
    x.keep_head()
    typ = x.made.type.name
    x.create(1000, slots.entry(typ, 70, 0))
    x.move(2, 7)
    e = slots.entry(typ, 71, 9)
    mnt.save(x.json(3), e.text())
    if typ == "GHOST_FILE":
        mnt.save(x.path("3.extra"), e.extra)
    x.entry[3] = e
    x.check()
    head = slots.entry(typ, 99, 0, 0)
    make(x.json(0), head.text())
    x.entry[0] = head
    x.finish()


def test_a_kept_head_is_there_after_all_in_a_fresh_mount(headed):
    x = headed
    x.keep_head()
    x.m.close()
    assert x.name + "/0.json" in x.m.stderr()
    x.m = x.factory(x.root)
    x.entry[0] = x.kept
    x.check()


def test_nothing_is_named_where_no_head_was_left(headed):
    x = headed
    x.remove(1)
    x.m.close()
    assert "0.json" not in x.m.stderr()


def test_a_refused_head_changes_nothing(headed):
    x = headed
    x.keep_head()
    refused(errno.EBADMSG, make, x.json(0), b'{"nope": 1}')
    x.check_image()
    refused(errno.ENOENT, os.stat, x.json(0))
    make(x.json(0), x.kept.text())
    x.entry[0] = x.kept
    x.finish()


@pytest.mark.parametrize("a, b", [(0, 1), (1, 0), (0, 9), (9, 0), (0, 3)])
def test_heads_do_not_move(headed, a, b):
    x = headed
    if 9 in (a, b):
        x.create(9, slots.entry(x.made.type.name, 44, 0))
    refused(errno.EPERM, os.rename, x.json(a), x.json(b))
    x.finish()


def test_nothing_moves_to_a_removed_head(headed):
    x = headed
    x.keep_head()
    refused(errno.EPERM, os.rename, x.json(1), x.json(0))
    x.check()


@pytest.mark.parametrize("order", [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1], [1, 2, 3, 0]])
@pytest.mark.parametrize("typ", ["PAGEMAP", "GHOST_FILE"])
@pytest.mark.parametrize("first", [False, True])
def test_made_in_any_order(mount, work, typ, order, first):
    """What comes before the first entry waits for it."""
    x = Slots(mount, work, typ)
    entries = dict(x.entry)
    for slot in (1, 2, 3, 0):
        x.remove(slot)
    x.remount()  # nothing of them is kept
    for slot in order:
        if 0 in x.entry:
            x.create_all(slot, entries[slot], first)
            continue
        wait(x, slot, entries[slot], first)
        if slot == 0:
            x.entry = {s: entries[s] for s in order[:order.index(0) + 1]}
        x.check_image()
    x.entry = entries
    x.finish()


def wait(x, slot, e, first):
    files = [("%d.json" % slot, e.text().encode())] + list(mnt.extra_files(e, slot).items())
    for name, data in reversed(files) if first else files:
        make(x.path(name), data)
        assert mnt.read(x.path(name)) == data


def test_what_waits_is_checked(mount, work):
    x = Slots(mount, work, "PAGEMAP", count=1)
    x.remove(0)
    refused(errno.EBADMSG, make, x.json(3), b'{"pages_id": 1}')  # a head's text, and no head's place
    refused(errno.ENOENT, os.stat, x.json(3))
    for name in ("3.json.rej", "3.json.err"):
        os.unlink(x.path(name))
    make(x.json(2), slots.entry("PAGEMAP", 5).text())
    x.check_image()
    os.unlink(x.json(2))
    x.create(0, slots.entry("PAGEMAP", 5, 0, 0))
    x.finish()


def test_ghost_with_contents_has_no_others(mount, work):
    """They would be part of its contents."""
    x = Slots(mount, work, "GHOST_FILE", image=handmade.image(TYPES["GHOST_FILE"]))
    refused(errno.EBADMSG, make, x.json(1), slots.entry("GHOST_FILE", 4, 0).text().encode())
    x.check_image()
    assert mnt.read_text(x.path("1.json.err")).startswith(x.name + "/1.json:")


def test_ghost_becomes_one_with_chunks(mount, work):
    x = Slots(mount, work, "GHOST_FILE", count=1)
    x.create_all(1, slots.entry("GHOST_FILE", 4, 20))
    x.create_all(3, slots.entry("GHOST_FILE", 5, 30), True)
    x.finish()


# ---------------------------------------------------------- not decodable

BAD = b"\xff\xff\xff\xff"


def with_bad(typ, at=(1,), count=4):
    image = slots.image(typ, count)
    for i in at:
        image.entries[i] = Entry(image.entries[i].message, BAD + bytes([i]))
    return image


class Raw(Slots):
    def __init__(self, mount, work, typ="FDINFO", at=(1,)):
        super().__init__(mount, work, typ, image=with_bad(typ, at))

    def names(self):
        return ["%d.%s" % (s, "raw" if e.payload.startswith(BAD) else "json")
                for s, e in sorted(self.entry.items())]

    def check(self, texts=True):
        self.check_image()
        assert os.listdir(self.dir) == self.names()
        for slot, e in self.entry.items():
            data = e.payload if e.payload.startswith(BAD) else e.text().encode()
            assert mnt.read(self.path(self.names()[sorted(self.entry).index(slot)])) == data


@pytest.mark.parametrize("at", [(0,), (1,), (3,), (0, 1, 2, 3)])
def test_undecodable_entries_are_removed(mount, work, at):
    x = Raw(mount, work, at=at)
    refused(errno.ENOENT, os.unlink, x.json(at[0]))
    os.unlink(x.path("%d.raw" % at[0]))
    del x.entry[at[0]]
    x.finish()


def test_undecodable_entries_are_replaced(mount, work):
    x = Raw(mount, work)
    e = slots.entry("FDINFO", 9)
    refused(errno.EBADMSG, make, x.json(1), b"{bad")
    x.check_image()
    assert os.path.exists(x.path("1.raw"))
    make(x.json(1), e.text())
    x.entry[1] = e
    refused(errno.ENOENT, os.stat, x.path("1.raw"))
    for name in ("1.json.rej", "1.json.err"):
        refused(errno.ENOENT, os.stat, x.path(name))
    x.finish()


def test_undecodable_entries_do_not_hinder_the_others(mount, work):
    x = Raw(mount, work)
    x.remove(0)
    x.move(2, 9)
    mnt.save(x.json(5), slots.entry("FDINFO", 6).text(), os.O_WRONLY | os.O_CREAT)
    x.entry[5] = slots.entry("FDINFO", 6)
    x.finish()


def test_an_entry_is_moved_over_an_undecodable_one(mount, work):
    x = Raw(mount, work)
    os.rename(x.json(3), x.json(1))
    x.entry[1] = x.entry.pop(3)
    x.finish()


def test_undecodable_entries_do_not_move(mount, work):
    x = Raw(mount, work)
    for name in ("5.raw", "5.json", "0.json", "notes"):
        with pytest.raises(OSError):
            os.rename(x.path("1.raw"), x.path(name))
    x.finish()


# ---------------------------------------------------------------- tails

class Tailed(Slots):
    def __init__(self, mount, work, typ="FDINFO"):
        image = slots.image(typ)
        image.tail = b"\xff\xff\xff\x7fno frame"
        super().__init__(mount, work, typ, image=image)

    def names(self):
        return super().names() + (["tail.raw"] if self.made.tail else [])


@pytest.mark.parametrize("typ", slots.KINDS)
def test_entries_before_a_tail(mount, work, typ):
    """New entries at the end come before it."""
    x = Tailed(mount, work, typ)
    x.remove(1)
    x.check()
    x.create(9, slots.entry(typ, 9, 0))
    x.check()
    x.move(0, 20)
    x.finish()
    assert mnt.read(x.path("tail.raw")) == x.made.tail


@pytest.mark.parametrize("typ", slots.KINDS)
def test_a_tail_is_cut(mount, work, typ):
    x = Tailed(mount, work, typ)
    os.unlink(x.path("tail.raw"))
    x.made.tail = b""
    x.check()
    refused(errno.ENOENT, os.unlink, x.path("tail.raw"))
    x.create(9, slots.entry(typ, 9, 0))
    x.finish()


def test_a_tail_is_not_written(mount, work):
    x = Tailed(mount, work)
    refused(errno.EACCES, mnt.save, x.path("tail.raw"), b"x") if os.geteuid() else None
    for name in ("4.json", "notes", "0.json"):
        with pytest.raises(OSError):
            os.rename(x.path("tail.raw"), x.path(name))
    make(x.path("notes"), b"x")
    refused(errno.EPERM, os.rename, x.path("notes"), x.path("tail.raw"))
    os.unlink(x.path("notes"))
    x.finish()


def test_all_but_a_tail_removed(mount, work):
    x = Tailed(mount, work)
    for slot in range(4):
        x.remove(slot)
    x.finish()
    done = subprocess.run(["rm", "-r", x.dir], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert not os.path.exists(x.stored)
