"""Entries, messages and extras that are made, removed and moved."""
import errno
import os
import shutil
import subprocess

import pytest

import criuimg
import dumps
import handmade
import mnt
import slots
from criuimg import SCHEMA, TYPES, Entry
from slots import KINDS, Slots

ENCODINGS = [("<", "common"), (">", "common"), ("<", "v1.0"), (">", "v1.0")]


def refused(error, call, *args):
    with pytest.raises(OSError) as e:
        call(*args)
    assert e.value.errno == error, e.value


def make(path, data=b""):
    mnt.save(path, data, os.O_WRONLY | os.O_CREAT | os.O_EXCL)


def ghost(mount, work, **more):
    return Slots(mount, work, "GHOST_FILE", **more)


# ------------------------------------------------------------------ removing

@pytest.mark.parametrize("slot", [0, 1, 3])
@pytest.mark.parametrize("typ", KINDS)
def test_removed(mount, work, typ, slot):
    x = Slots(mount, work, typ)
    x.remove(slot)
    refused(errno.ENOENT, os.stat, x.json(slot))
    x.finish()


@pytest.mark.parametrize("order, header", ENCODINGS)
@pytest.mark.parametrize("typ", KINDS)
def test_all_removed_in_any_order(mount, work, typ, order, header):
    """To a header and nothing more, which is an image still."""
    x = Slots(mount, work, typ, count=5, order=order, header=header)
    for slot in (2, 0, 4, 1, 3):
        x.remove(slot)
        x.check()
    assert os.path.isdir(x.dir) and os.path.getsize(x.stored) == (4 if header == "v1.0" else 8)
    x.remount()
    x.create(7, slots.entry(typ, 1, 0))
    x.finish()


def test_removed_twice_and_what_is_not_there(mount, work):
    x = Slots(mount, work, "FDINFO")
    x.remove(1)
    for name in ("1.json", "4.json", "1.extra", "1.raw", "0.raw", "tail.raw"):
        refused(errno.ENOENT, os.unlink, x.path(name))
    refused(errno.ENOTDIR, os.rmdir, x.json(0))
    x.check()


def test_removed_by_a_shell(mount, work):
    x = Slots(mount, work, "FDINFO", count=12)
    subprocess.run(["sh", "-c", "rm [3-5].json 1?.json"], cwd=x.dir, check=True)
    for slot in (3, 4, 5, 10, 11):
        del x.entry[slot]
    x.finish()


# ------------------------------------------------------------------ making

@pytest.mark.parametrize("order, header", ENCODINGS)
@pytest.mark.parametrize("slot", [1, 4, 5, 1000, 2 ** 32])
@pytest.mark.parametrize("typ", KINDS)
def test_new_entry(mount, work, typ, slot, order, header):
    """In a gap, at the end, far behind it; its extras come after it."""
    x = Slots(mount, work, typ, order=order, header=header)
    if slot == 1:
        x.remove(1)
        os.listdir(x.dir)
    # nothing is parked for a slot if it is taken over by another part
    x.create(slot, slots.entry(typ, 77, 0)) if slot != 1 else x.create_all(1, slots.entry(typ, 77, 21), True)
    x.check()
    if slot != 1:
        e = slots.entry(typ, 78, 21)
        mnt.save(x.json(slot), e.text())
        x.entry[slot] = slots.emptied(e, x.kind)
        x.check()
        for name, data in mnt.extra_files(e, slot).items():
            if "/" in name and not os.path.isdir(os.path.dirname(x.path(name))):
                os.mkdir(os.path.dirname(x.path(name)))
            if name.endswith(".extra") and "/" in name:
                continue  # comes after its text
            make(x.path(name), data)
        for name, data in mnt.extra_files(e, slot).items():
            if name.endswith(".extra") and "/" in name:
                make(x.path(name), data)
        x.entry[slot] = e
        x.show(slot)
    x.finish()


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("typ", KINDS)
def test_parts_in_either_order(mount, work, typ, first):
    """Extras wait for their entry, or follow it."""
    x = Slots(mount, work, typ)
    x.create_all(6, slots.entry(typ, 5, 33), first)
    x.check()
    x.create_all(5, slots.entry(typ, 6, 34), first)
    x.finish()


@pytest.mark.parametrize("typ", KINDS[1:])
def test_an_extra_without_its_entry_is_not_in_the_image(mount, work, typ):
    x = Slots(mount, work, typ)
    e = slots.entry(typ, 5, 33)
    if x.kind == "msg":
        os.mkdir(x.path("9.msgs"))
        make(x.path("9.msgs/0.extra"), b"bytes")
    else:
        for name, data in mnt.extra_files(e, 9).items():
            make(x.path(name), data)
            assert mnt.read(x.path(name)) == data
    x.check_image()
    x.m.close()
    x.check_image()


def test_new_entry_of_a_shell(mount, work):
    """> creates it empty first, flushes, and writes then."""
    x = Slots(mount, work, "FDINFO")
    e = slots.entry("FDINFO", 9)
    subprocess.run(["sh", "-c", "cat > 7.json"], cwd=x.dir, check=True, input=e.text().encode())
    x.entry[7] = e
    subprocess.run(["sh", "-c", "cp 7.json 9.json && install 7.json 8.json && cat 7.json | tee 10.json"],
                   cwd=x.dir, check=True, capture_output=True)
    x.entry.update({8: e, 9: e, 10: e})
    x.finish()


def test_an_empty_new_entry_is_nothing_yet(mount, work):
    x = Slots(mount, work, "FDINFO")
    subprocess.run(["touch", x.json(2), x.json(7)], check=True)
    subprocess.run(["sh", "-c", ": > 8.json"], cwd=x.dir, check=True)
    assert os.stat(x.json(7)).st_size == os.stat(x.json(8)).st_size == 0
    x.check_image()
    mnt.save(x.json(8), slots.entry("FDINFO", 9).text())
    x.entry[8] = slots.entry("FDINFO", 9)
    os.unlink(x.json(7))
    x.finish()


@pytest.mark.parametrize("text", ["{", "7", '{"id": "x"}', '{"nope": 1}', "{}", "[]"])
def test_a_refused_new_entry_vanishes(mount, work, text):
    x = Slots(mount, work, "FDINFO")
    refused(errno.EBADMSG, mnt.save, x.json(7), text, os.O_WRONLY | os.O_CREAT)
    refused(errno.ENOENT, os.stat, x.json(7))
    assert mnt.read_text(x.path("7.json.rej")) == text
    assert mnt.read_text(x.path("7.json.err")).startswith(x.name + "/7.json:1:")
    assert sorted(os.listdir(x.dir)) == sorted(x.names() + ["7.json.rej", "7.json.err"])
    x.check_image()
    x.create(7, slots.entry("FDINFO", 9))
    x.finish()  # and .rej and .err are gone


def test_a_rejected_new_entry_is_moved_back(mount, work):
    """mv N.json.rej N.json commits what was mended."""
    x = Slots(mount, work, "FDINFO")
    e = slots.entry("FDINFO", 9)
    refused(errno.EBADMSG, mnt.save, x.json(7), e.text()[:-3], os.O_WRONLY | os.O_CREAT)
    with open(x.path("7.json.rej"), "a") as f:
        f.write("\n}\n")
    os.rename(x.path("7.json.rej"), x.json(7))
    x.entry[7] = e
    x.finish()


NEVER = [("FDINFO", "0.extra"), ("FDINFO", "9.extra"), ("FDINFO", "0.inq"), ("FDINFO", "0.sems.json"),
         ("PIPES_DATA", "0.inq"), ("PIPES_DATA", "9.keys"), ("TCP_STREAM", "0.extra"),
         ("TCP_STREAM", "9.values"), ("BPFMAP_DATA", "0.outq"), ("IPCNS_SEM", "0.extra"),
         ("IPCNS_MSG", "0.extra"), ("IPCNS_MSG", "0.inq"),
         ("IPCNS_SHM", "0.keys"), ("PAGEMAP", "1.extra"), ("FDINFO", "0.raw"), ("FDINFO", "9.raw"),
         ("FDINFO", "tail.raw"), ("PIPES_DATA", "tail.raw")]


@pytest.mark.parametrize("typ, name", NEVER)
def test_parts_that_the_type_never_has(mount, work, typ, name):
    x = Slots(mount, work, typ)
    refused(errno.EPERM, os.open, x.path(name), os.O_WRONLY | os.O_CREAT)
    make(x.path("notes"), b"x")
    refused(errno.EPERM, os.rename, x.path("notes"), x.path(name))
    refused(errno.EPERM, os.mkdir, x.path("9.msgs")) if typ != "IPCNS_MSG" else None
    refused(errno.EPERM, os.mkdir, x.path("directory"))
    os.unlink(x.path("notes"))
    x.finish()


@pytest.mark.parametrize("typ", KINDS)
def test_scratch_renamed_onto_new_slots(mount, work, typ):
    x = Slots(mount, work, typ)
    e = slots.entry(typ, 9, 31)
    if isinstance(e.extra, bytes):  # an extra may wait that came by rename
        make(x.path("draft"), e.extra)
        os.rename(x.path("draft"), x.path("6.extra"))
        x.check_image()
    make(x.path("draft"), e.text().encode())
    os.rename(x.path("draft"), x.json(6))
    x.entry[6] = e
    if not isinstance(e.extra, bytes):
        x.entry[6] = slots.emptied(e, x.kind)
        x.hide_extras(6)
    x.finish()


# ------------------------------------------------------------------ moving

MOVES = [(0, 1), (1, 0), (0, 3), (3, 0), (1, 2), (2, 1), (1, 3), (0, 4), (1, 9), (3, 4), (3, 900), (2, 2)]


@pytest.mark.parametrize("a, b", MOVES)
@pytest.mark.parametrize("typ", KINDS)
def test_moved(mount, work, typ, a, b):
    """With all its parts; what was there is replaced."""
    x = Slots(mount, work, typ)
    x.move(a, b)
    x.finish()


@pytest.mark.parametrize("order, header", ENCODINGS)
@pytest.mark.parametrize("typ", KINDS)
def test_moved_into_gaps(mount, work, typ, order, header):
    x = Slots(mount, work, typ, count=5, order=order, header=header)
    x.remove(1)
    x.remove(3)
    for a, b in ((4, 1), (0, 3), (2, 0), (3, 4), (1, 1000), (1000, 2)):
        x.move(a, b)
        x.check()
    x.finish()


def test_moved_by_mv(mount, work):
    x = Slots(mount, work, "PIPES_DATA")
    subprocess.run(["mv", "2.json", "7.json"], cwd=x.dir, check=True)
    x.entry[7] = x.entry.pop(2)
    subprocess.run(["mv", "-n", "7.json", "1.json"], cwd=x.dir, check=False)
    x.finish()


def test_not_replaced_where_that_is_asked_for(mount, work):
    x = Slots(mount, work, "PIPES_DATA")
    for name in ("1.json", "1.extra"):
        done = subprocess.run(["mv", "-n", "0.json", name], cwd=x.dir, capture_output=True)
        assert os.path.exists(x.json(0)), done
    x.check()


def test_edited_after_a_move(mount, work):
    """Entries, extras and new entries around it are found where they are."""
    x = Slots(mount, work, "PIPES_DATA", count=5)
    x.move(0, 9)
    x.move(3, 0)
    for slot in sorted(x.entry):
        e = slots.entry("PIPES_DATA", 100 + slot, 50 + slot)
        mnt.save(x.json(slot), e.text())
        mnt.save(x.path("%d.extra" % slot), e.extra)
        x.entry[slot] = e
        x.check()
    x.create(3, slots.entry("PIPES_DATA", 55, 0))
    x.finish()


@pytest.mark.parametrize("text", [False, True])
def test_what_is_rejected_goes_with_its_entry(mount, work, text):
    x = Slots(mount, work, "FDINFO")
    for slot in (1, 2):
        refused(errno.EBADMSG, mnt.save, x.json(slot), "{bad")
    x.remove(1) if text else x.move(1, 5)
    names = os.listdir(x.dir)
    assert not [n for n in names if n.startswith("1.json.")]
    assert sorted(n for n in names if n.startswith("2.")) == ["2.json", "2.json.err", "2.json.rej"]
    x.check_image()


# ------------------------------------------------------------------ extras

def blob_names(kind):
    return {"tcp": ["inq", "outq"], "bpfmap": ["keys", "values"], "sem": ["sems.json"]}.get(kind, ["extra"])


BLOBBED = ["PIPES_DATA", "SK_QUEUES", "TCP_STREAM", "BPFMAP_DATA", "IPCNS_SEM", "IPCNS_SHM"]
CASES = [(t, n) for t in BLOBBED for n in blob_names(TYPES[t].extra)]


def without(e, kind, name):
    if isinstance(e.extra, dict):
        return slots.with_extra(e, kind, dict(e.extra, **{name: b""}))
    return slots.emptied(e, kind)


@pytest.mark.parametrize("slot", [0, 1, 2])
@pytest.mark.parametrize("typ, name", CASES)
def test_extra_removed_and_made_again(mount, work, typ, name, slot):
    """Empty in the image, and not to be seen, until somebody makes it."""
    x = Slots(mount, work, typ)
    file, old = "%d.%s" % (slot, name), x.entry[slot]
    os.unlink(x.path(file))
    x.entry[slot] = without(old, x.kind, name)
    x.hidden.add(file)
    x.check()
    refused(errno.ENOENT, os.unlink, x.path(file))
    refused(errno.ENOENT, os.open, x.path(file), os.O_RDONLY)
    make(x.path(file), mnt.extra_files(old, slot)[file])
    x.hidden.clear()
    x.entry[slot] = old
    x.finish()


@pytest.mark.parametrize("typ, name", CASES)
def test_extra_removed_for_good(mount, work, typ, name):
    x = Slots(mount, work, typ)
    os.unlink(x.path("2." + name))
    x.entry[2] = without(x.entry[2], x.kind, name)
    x.hidden.add("2." + name)
    x.move(2, 6)
    x.finish()


@pytest.mark.parametrize("typ, name", [c for c in CASES if c[0] != "IPCNS_SEM"])
def test_extra_touched_is_there_again(mount, work, typ, name):
    x = Slots(mount, work, typ)
    os.unlink(x.path("2." + name))
    subprocess.run(["touch", x.path("2." + name)], check=True)
    x.entry[2] = without(x.entry[2], x.kind, name)
    x.finish()


EXTRA_MOVES = [("PIPES_DATA", "extra", "extra"), ("IPCNS_SHM", "extra", "extra"),
               ("TCP_STREAM", "inq", "inq"),
               ("TCP_STREAM", "outq", "inq"), ("BPFMAP_DATA", "keys", "values"),
               ("IPCNS_SEM", "sems.json", "sems.json")]


def take(e, kind, name, other, other_name):
    """e with another's extra."""
    if isinstance(e.extra, dict):
        return slots.with_extra(e, kind, dict(e.extra, **{name: other.extra[other_name]}))
    return slots.with_extra(e, kind, other.extra)


@pytest.mark.parametrize("a, b", [(0, 2), (2, 0), (3, 2), (1, 0)])
@pytest.mark.parametrize("typ, name, to", EXTRA_MOVES)
def test_extra_moved_to_another_entry(mount, work, typ, name, to, a, b):
    x = Slots(mount, work, typ)
    os.rename(x.path("%d.%s" % (a, name)), x.path("%d.%s" % (b, to)))
    x.entry[b] = take(x.entry[b], x.kind, to, x.entry[a], name)
    x.entry[a] = without(x.entry[a], x.kind, name)
    x.hidden.add("%d.%s" % (a, name))
    x.finish()


def test_extra_moved_between_parts_of_one_entry(mount, work):
    x = Slots(mount, work, "TCP_STREAM")
    old = x.entry[2].extra
    os.rename(x.path("2.inq"), x.path("2.outq"))
    x.entry[2] = slots.with_extra(x.entry[2], "tcp", {"inq": b"", "outq": old["inq"]})
    x.hidden.add("2.inq")
    x.finish()


def test_extra_moved_away_and_back(mount, work):
    """To a scratch name: image and entry do not change; removed there, it goes."""
    x = Slots(mount, work, "PIPES_DATA")
    for slot in (0, 2):
        os.rename(x.path("%d.extra" % slot), x.path("backup%d" % slot))
        x.check_image()
        refused(errno.ENOENT, os.stat, x.path("%d.extra" % slot))
    os.rename(x.path("backup0"), x.path("0.extra"))
    x.check_image()
    os.unlink(x.path("backup2"))
    x.entry[2] = slots.emptied(x.entry[2], x.kind)
    x.hidden.add("2.extra")
    x.finish()


def test_texts_and_bytes_are_not_each_other(mount, work):
    x = Slots(mount, work, "IPCNS_SEM")
    refused(errno.EPERM, os.rename, x.path("0.sems.json"), x.json(1))
    refused(errno.EPERM, os.rename, x.json(1), x.path("0.sems.json"))
    x.finish()


@pytest.mark.parametrize("chunks", [False, True])
def test_ghost_contents_removed(mount, work, chunks):
    made = handmade.chunked_ghost() if chunks else handmade.image(TYPES["GHOST_FILE"])
    x = ghost(mount, work, image=made)
    slot = 3 if chunks else 0
    old = x.entry[slot]
    os.unlink(x.path("%d.extra" % slot))
    x.entry[slot] = slots.with_extra(old, "ghost", b"")
    x.hidden.add("%d.extra" % slot)
    x.check()
    make(x.path("%d.extra" % slot), b"other")
    x.entry[slot] = slots.with_extra(old, "ghost", b"other")
    x.hidden.clear()
    x.finish()


def test_semaphores_made_wrong(mount, work):
    """As any text that is refused: what was made vanishes, the values stay none."""
    x = Slots(mount, work, "IPCNS_SEM")
    x.create(7, slots.entry("IPCNS_SEM", 9, 5))
    refused(errno.EBADMSG, make, x.path("7.sems.json"), b"[65536]")
    x.check_image()
    make(x.path("8.sems.json"), b"[1, 2]")
    refused(errno.EBADMSG, make, x.path("9.sems.json"), b"{}")
    refused(errno.ENOENT, os.stat, x.path("9.sems.json"))
    x.create(8, slots.entry("IPCNS_SEM", 10, 3))
    x.entry[8] = slots.with_extra(x.entry[8], "sem", [1, 2])
    x.check_image()
    assert mnt.read_text(x.path("8.sems.json")) == criuimg.text([1, 2])


def test_shm_that_turns_into_one_with_contents(mount, work):
    """in_pagemaps says whether there are any; a file that came first waits."""
    x = Slots(mount, work, "IPCNS_SHM")
    value = dict(x.entry[0].json(), in_pagemaps=True)
    msg = criuimg.from_json("ipc_shm_entry", value)
    mnt.save(x.json(7), criuimg.text(value), os.O_WRONLY | os.O_CREAT)
    x.entry[7] = Entry("ipc_shm_entry", SCHEMA.encode(msg))
    x.check()
    make(x.path("7.extra"), b"contents")
    x.check_image()
    e = slots.with_extra(x.entry[0], "shm", b"contents")
    mnt.save(x.json(7), e.text())
    x.entry[7] = e
    x.finish()


# ------------------------------------------------------------------ parked

@pytest.mark.parametrize("slot", [0, 1, 2, 3])
@pytest.mark.parametrize("typ", KINDS)
def test_extras_come_back(mount, work, typ, slot):
    """Unlinked and made again, as install and mv do: only the text is new."""
    x = Slots(mount, work, typ)
    old = x.entry[slot]
    x.remove(slot)
    x.check()
    e = slots.entry(typ, 99, 77)
    mnt.save(x.json(slot), e.text(), os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    x.entry[slot] = e if e.extra is None else slots.with_extra(e, x.kind, old.extra)
    x.finish()


@pytest.mark.parametrize("how", [["install"], ["cp", "--remove-destination"], ["mv"], ["rsync", "-I"]])
@pytest.mark.parametrize("typ", KINDS)
def test_extras_survive_tools(mount, work, typ, how):
    if not shutil.which(how[0]):
        pytest.skip("no " + how[0])
    x = Slots(mount, work, typ)
    e = slots.entry(typ, 99, 77)
    file = os.path.join(dumps.new_dir(dumps.MEMORY), "2.json")
    with open(file, "w") as f:
        f.write(e.text())
    subprocess.run(how + [file, x.json(2)], check=True)
    x.entry[2] = e if e.extra is None else slots.with_extra(e, x.kind, x.entry[2].extra)
    x.finish()


@pytest.mark.parametrize("how", ["made", "made and removed", "removed before"])
@pytest.mark.parametrize("typ, name", CASES)
def test_extras_stay_away(mount, work, typ, name, how):
    """Somebody made or removed one meanwhile: what was there before counts no more."""
    x = Slots(mount, work, typ)
    old, file = x.entry[2], "2." + name
    if how == "removed before":
        os.unlink(x.path(file))
    x.remove(2)
    if how != "removed before":
        make(x.path(file), b"[7]")
    if how == "made and removed":
        os.unlink(x.path(file))
    mnt.save(x.json(2), old.text(), os.O_WRONLY | os.O_CREAT)
    if how == "removed before":
        x.entry[2] = without(old, x.kind, name)
        x.hidden.add(file)
    else:
        x.entry[2] = slots.emptied(old, x.kind)
        x.hide_extras(2)
    if how == "made":
        new = [7] if x.kind == "sem" else b"[7]"
        x.entry[2] = slots.with_extra(old, x.kind, dict(x.entry[2].extra, **{name: new})
                                      if isinstance(old.extra, dict) else new)
        x.hidden.discard(file)
    x.finish()


def test_parked_is_of_one_slot_and_one_mount(mount, work):
    x = Slots(mount, work, "PIPES_DATA")
    old = x.entry[2]
    x.remove(2)
    x.create(5, old)
    x.remount()
    x.create(9, old)
    x.finish()


def test_a_large_extra_comes_back(mount, work):
    """More than is copied into a draft."""
    x = Slots(mount, work, "PIPES_DATA")
    data = handmade.blob(1 << 20) * 65
    mnt.save(x.path("0.extra"), data)
    x.entry[0] = slots.with_extra(x.entry[0], x.kind, data)
    x.remove(0)
    x.remove(2)
    x.check_image()
    mnt.save(x.json(0), slots.entry("PIPES_DATA", 1, 0).text(), os.O_WRONLY | os.O_CREAT)
    x.entry[0] = slots.with_extra(slots.entry("PIPES_DATA", 1, 0), x.kind, data)
    x.finish()
