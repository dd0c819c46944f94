"""Several at once make, remove and move entries."""
import errno
import os
import random
import subprocess
import threading

import pytest

import criuimg
import mnt
import slots
from criuimg import Image
from slots import Slots
from together import together

SEED = 30


def make(path, data):
    mnt.save(path, data, os.O_WRONLY | os.O_CREAT | os.O_EXCL)


@pytest.mark.parametrize("typ", ["PIPES_DATA", "TCP_STREAM", "IPCNS_SEM"])
def test_an_entry_and_its_parts_are_made_at_the_same_time(mount, work, typ):
    """Whichever comes first: in the end it is all there."""
    x = Slots(mount, work, typ)
    for slot in range(10, 110):
        e = slots.entry(typ, slot, 9)
        files = dict(mnt.extra_files(e, slot), **{"%d.json" % slot: e.text().encode()})
        together(*[lambda n=n, d=d: make(x.path(n), d) for n, d in files.items()])
        x.entry[slot] = e
        x.check_image()
    x.finish()


def test_a_message_and_its_bytes_are_made_at_the_same_time(mount, work):
    x = Slots(mount, work, "IPCNS_MSG")
    where = x.path("2.msgs/")
    for m in range(10, 60):
        msg = slots.ipc_msg(m, b"bytes %d" % m)
        together(lambda: make(where + "%d.json" % m, slots.msg_text(msg[0])),
                 lambda: make(where + "%d.extra" % m, msg[1]))
        x.entry[2] = slots.with_extra(x.entry[2], "msg", x.entry[2].extra + [msg])
        x.check_image()
    x.remount()  # whose numbers are positions again
    x.check()


def test_a_head_and_the_others_are_made_at_the_same_time(mount, work):
    for n in range(8):
        sub = os.path.join(work, str(n))
        os.mkdir(sub)
        x = Slots(mount, sub, "PAGEMAP", count=6)
        entries = dict(x.entry)
        for slot in (5, 4, 3, 2, 1, 0):
            x.remove(slot)
        together(*[lambda s=s: make(x.json(s), entries[s].text()) for s in entries])
        x.entry = entries
        x.check()
        x.m.close()


@pytest.mark.parametrize("typ", ["FDINFO", "PIPES_DATA"])
def test_each_has_slots_of_its_own(mount, work, typ):
    """Nobody's entry suffers from what is done to others."""
    x = Slots(mount, work, typ, count=4)
    results = []

    def one(number):
        r, mine = random.Random(SEED + number), {}
        for i in range(60):
            slot = 10 + number + 4 * r.randrange(6)
            e = slots.entry(typ, 1000 * number + i, 0)
            if slot not in mine:
                make(x.json(slot), e.text())
                mine[slot] = e
            elif r.random() < 0.4:
                os.unlink(x.json(slot))
                del mine[slot]
            elif r.random() < 0.5:
                mnt.save(x.json(slot), e.text())
                mine[slot] = e
            else:
                to = 10 + number + 4 * r.randrange(6, 9)
                os.rename(x.json(slot), x.json(to))
                mine[to] = mine.pop(slot)
            assert mnt.read_text(x.json(min(mine))) == mine[min(mine)].text() if mine else True
        results.append(mine)

    together(*[lambda n=n: one(n) for n in range(4)])
    for mine in results:
        x.entry.update(mine)
    x.check_image()
    x.remount()
    x.check_image()


def test_one_name_is_made_by_one_only(mount, work):
    x = Slots(mount, work, "FDINFO")
    for slot in range(10, 60):
        made = []

        def one(number):
            try:
                make(x.json(slot), slots.entry("FDINFO", number).text())
                made.append(number)
            except FileExistsError:
                pass

        together(*[lambda n=n: one(n) for n in (1, 2, 3)])
        assert len(made) == 1
        x.entry[slot] = slots.entry("FDINFO", made[0])
        x.check_image()
    x.finish()


def test_one_removes_what_another_writes(mount, work):
    """In either order, or refused; never a third entry, nor a broken image."""
    x = Slots(mount, work, "PIPES_DATA", count=40)
    for slot in range(40):
        e = slots.entry("PIPES_DATA", 500 + slot, 20)

        def write():
            try:
                mnt.save(x.json(slot), e.text())
                mnt.save(x.path("%d.extra" % slot), e.extra)
            except OSError as error:
                assert error.errno in (errno.ENOENT, errno.ESTALE), error

        together(write, lambda: os.unlink(x.json(slot)))
        del x.entry[slot]
        x.check_image()
        for name in os.listdir(x.dir):
            if name.startswith("%d." % slot):
                os.unlink(x.path(name))
    x.finish()


def test_read_while_entries_come_and_go(mount, work):
    """A file has one entry's text, whole, or is not there."""
    x = Slots(mount, work, "FDINFO", count=8)
    texts = {slots.entry("FDINFO", i).text() for i in range(200)}
    end = threading.Event()

    def change():
        try:
            for i in range(150):
                slot = i % 8
                os.unlink(x.json(slot))
                make(x.json(slot), slots.entry("FDINFO", i).text())
                x.entry[slot] = slots.entry("FDINFO", i)
        finally:
            end.set()

    def look():
        while not end.is_set():
            for name in os.listdir(x.dir):
                try:
                    found = mnt.read_text(x.path(name))
                except OSError as e:
                    assert e.errno in (errno.ENOENT, errno.ESTALE), e
                    continue
                assert found in texts or found == "", found

    together(change, look, look)
    x.finish()


def test_copied_and_removed_by_many(mount, work):
    """As xargs -P does it."""
    x = Slots(mount, work, "PIPES_DATA", count=60)
    os.mkdir(os.path.join(work, "sub"))
    copy = x.m / ("sub/" + x.name)
    os.mkdir(copy)
    names = os.listdir(x.dir)
    random.Random(SEED).shuffle(names)
    subprocess.run(["xargs", "-P", "4", "-n", "3", "cp", "-t", copy], input="\n".join(names), text=True,
                   cwd=x.dir, check=True)
    stored = os.path.join(work, "sub", x.name)
    assert mnt.read(stored) == x.wanted()
    some = ["%d.%s" % (i, p) for i in range(0, 60, 2) for p in ("extra", "json")]
    subprocess.run(["xargs", "-P", "4", "-n", "3", "rm", "-f"], input="\n".join(some), text=True, cwd=copy,
                   check=True)
    wanted = Image(x.made.type, "common", "<", [x.entry[i] for i in range(1, 60, 2)])
    assert mnt.read(stored) == criuimg.write_image(wanted)


@pytest.mark.parametrize("slot", [5000, 70])
def test_a_listing_has_what_is_made_meanwhile_once(mount, work, slot):
    """What waits for its text is listed where the entry will be, before or behind the rest."""
    x = Slots(mount, work, "FDINFO", count=2000)
    x.remove(70)
    e = slots.entry("FDINFO", slot)
    fd = os.open(x.json(slot), os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    with os.scandir(x.dir) as listing:
        names = [next(listing).name]             # more than this is read at once, but not all
        mnt.write_fd(fd, e.text().encode())
        os.close(fd)
        names += [entry.name for entry in listing]
    x.entry[slot] = e
    assert names == x.names()
    x.check_image()
