"""Hundreds of random changes of one image, against a model of it."""
import errno
import os
import random
import shutil

import pytest

import criuimg
import mnt
import slots
from slots import Slots

STEPS = 60 if mnt.sanitized() else 250
SLOTS = list(range(9)) + [40, 41, 1000]
HEADED = ("PAGEMAP", "GHOST_FILE")


def blob(r):
    return bytes(r.randrange(256) for _ in range(r.choice((0, 1, 7, 8, 30, 500))))


class Model(Slots):
    """What each operation makes of the slots; parts that are parked, and those not to be seen."""

    def __init__(self, mount, work, typ, seed, **more):
        super().__init__(mount, work, typ, **more)
        self.typ = typ
        self.r = random.Random(seed)
        self.parked = {}
        self.number = 100
        self.log = []

    def suffixes(self, e):
        return [n.split(".", 1)[1] for n in mnt.parts(e, 0)[:-1]]

    def taken(self):
        """A slot that may be removed and moved: the head of others may not."""
        first = 1 if self.typ in HEADED else 0
        found = [s for s in self.entry if s >= first]
        return self.r.choice(found) if found else None

    def free(self):
        found = [s for s in SLOTS if s not in self.entry and (s or self.typ not in HEADED)]
        return self.r.choice(found) if found else None

    def new(self):
        self.number += 1
        return slots.entry(self.typ, self.number, 0, 1 if self.typ in HEADED else 0)

    def get(self, slot, suffix):
        extra = self.entry[slot].extra
        return extra[suffix] if isinstance(extra, dict) else extra

    def put(self, slot, suffix, value):
        e = self.entry[slot]
        extra = dict(e.extra, **{suffix: value}) if isinstance(e.extra, dict) else value
        self.entry[slot] = slots.with_extra(e, self.kind, extra)

    def text_of(self, slot):
        """What a removed entry leaves, where its parts were to be seen."""
        e = self.entry[slot]
        return {s: self.get(slot, s) for s in self.suffixes(e) if "%d.%s" % (slot, s) not in self.hidden}

    def no_extra(self, suffix):
        return [] if suffix in ("sems.json", "msgs") else b""

    # ------------------------------------------------------ operations

    def op_remove(self):
        slot = self.taken()
        if slot is None:
            return None
        kept = self.text_of(slot)
        self.remove(slot)
        self.parked[slot] = kept
        return slot

    def op_create(self):
        """By any way that ends in a new file of that name."""
        slot = self.free()
        if slot is None:
            return None
        e, how = self.new(), self.r.choice(("save", "rename", "copy"))
        if how == "save":
            flags = self.r.choice((0, os.O_EXCL, os.O_TRUNC))
            mnt.save(self.json(slot), e.text(), os.O_WRONLY | os.O_CREAT | flags)
        elif how == "rename":
            mnt.save(self.path("scratch"), e.text(), os.O_WRONLY | os.O_CREAT)
            os.rename(self.path("scratch"), self.json(slot))
        else:
            mnt.save(self.path("scratch"), e.text(), os.O_WRONLY | os.O_CREAT)
            shutil.copyfile(self.path("scratch"), self.json(slot))
            os.unlink(self.path("scratch"))
        self.entry[slot] = slots.emptied(e, self.kind)
        kept = self.parked.pop(slot, {})
        for suffix in self.suffixes(e):
            if suffix in kept:
                self.put(slot, suffix, kept[suffix])
            else:
                self.hidden.add("%d.%s" % (slot, suffix))
        return slot, how

    def op_move(self):
        a = self.taken()
        b = self.r.choice([s for s in SLOTS + list(self.entry) if s or self.typ not in HEADED])
        if a is None:
            return None
        if a != b:
            self.move(a, b)
            self.parked.pop(a, None)
            self.parked.pop(b, None)
        else:
            os.rename(self.json(a), self.json(b))
        return a, b

    def op_edit(self):
        """Whatever its text says of its lengths."""
        slot = self.taken()
        if slot is None:
            return None
        e = self.new()
        mnt.save(self.json(slot), e.text())
        old = self.entry[slot]
        self.entry[slot] = e if old.extra is None else slots.with_extra(e, self.kind, old.extra)
        return slot

    def op_refused(self):
        slot = self.r.choice(SLOTS)
        if slot == 0 and self.typ in HEADED:
            return None
        with pytest.raises(OSError) as e:
            mnt.save(self.json(slot), "{" * self.r.randrange(1, 4) + "x", os.O_WRONLY | os.O_CREAT)
        assert e.value.errno == errno.EBADMSG
        for name in (".rej", ".err"):
            os.unlink(self.json(slot) + name)
        return slot

    def some_blob(self, hidden):
        found = [(s, p) for s, e in self.entry.items() for p in self.suffixes(e)
                 if ("%d.%s" % (s, p) in self.hidden) == hidden and p != "msgs"]
        return self.r.choice(found) if found else None

    def write_blob(self, slot, suffix, flags):
        if suffix == "sems.json":
            value = [self.r.randrange(65536) for _ in range(self.r.randrange(9))]
            data = criuimg.text(value)
        else:
            value = data = blob(self.r)
        mnt.save(self.path("%d.%s" % (slot, suffix)), data, flags)
        self.put(slot, suffix, value)
        self.hidden.discard("%d.%s" % (slot, suffix))

    def op_write_extra(self):
        found = self.some_blob(hidden=False)
        if found:
            self.write_blob(*found, os.O_WRONLY | os.O_TRUNC)
        return found

    def op_make_extra(self):
        found = self.some_blob(hidden=True)
        if found:
            self.write_blob(*found, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        return found

    def op_remove_extra(self):
        found = self.some_blob(hidden=False)
        if found:
            slot, suffix = found
            os.unlink(self.path("%d.%s" % found))
            self.put(slot, suffix, self.no_extra(suffix))
            self.hidden.add("%d.%s" % found)
        return found

    def op_move_extra(self):
        found = self.some_blob(hidden=False)
        others = [s for s, e in self.entry.items()
                  if found and found[1] in self.suffixes(e) and s != found[0]]
        if not others:
            return None
        to, (slot, suffix) = self.r.choice(others), found
        os.rename(self.path("%d.%s" % found), self.path("%d.%s" % (to, suffix)))
        self.put(to, suffix, self.get(slot, suffix))
        self.put(slot, suffix, self.no_extra(suffix))
        self.hidden.add("%d.%s" % found)
        self.hidden.discard("%d.%s" % (to, suffix))
        return found, to

    def op_append_extra(self):
        found = self.some_blob(hidden=False)
        if not found or found[1] == "sems.json":
            return None
        data = blob(self.r)
        mnt.save(self.path("%d.%s" % found), data, os.O_WRONLY | os.O_APPEND)
        self.put(*found, self.get(*found) + data)
        return found

    def op_vacate(self):
        """To a scratch name and back, or filled by another text meanwhile, or removed there."""
        slot = self.taken()
        if slot is None:
            return None
        os.rename(self.json(slot), self.path("backup~"))
        assert not os.path.exists(self.json(slot))
        self.check_image()
        how = self.r.choice(("back", "filled", "removed", "covered"))
        if how == "back":
            os.rename(self.path("backup~"), self.json(slot))
        elif how == "filled":
            e, old = self.new(), self.entry[slot]
            mnt.save(self.json(slot), e.text(), os.O_WRONLY | os.O_CREAT)
            self.entry[slot] = e if old.extra is None else slots.with_extra(e, self.kind, old.extra)
            os.unlink(self.path("backup~"))
        elif how == "covered":
            os.close(os.open(self.json(slot), os.O_WRONLY | os.O_CREAT))
            self.check_image()
            os.unlink(self.json(slot))
            os.rename(self.path("backup~"), self.json(slot))
        else:
            self.parked[slot] = self.text_of(slot)
            os.unlink(self.path("backup~"))
            del self.entry[slot]
            self.show(slot)
        return slot, how

    def op_copy(self):
        """cp of an entry with its parts."""
        a, b = self.taken(), self.free()
        if a is None or b is None:
            return None
        e = self.entry[a]
        names = [n for n in self.suffixes(e) if "%d.%s" % (a, n) not in self.hidden] + ["json"]
        if self.kind == "msg" and "msgs" in names:
            names.remove("msgs")
        self.r.shuffle(names)
        kept = self.parked.pop(b, {})
        if names[0] != "json":
            kept = {}  # what is made before its entry counts, not what was there
        for n in names:
            shutil.copyfile(self.path("%d.%s" % (a, n)), self.path("%d.%s" % (b, n)))
        self.entry[b] = slots.emptied(e, self.kind)
        for suffix in self.suffixes(e):
            if suffix in names:
                self.put(b, suffix, self.get(a, suffix))
            elif suffix in kept:
                self.put(b, suffix, kept[suffix])
            else:
                self.hidden.add("%d.%s" % (b, suffix))
        return a, b, names

    def op_remove_message(self):
        found = [s for s, e in self.entry.items() if self.kind == "msg" and e.extra and
                 "%d.msgs" % s not in self.hidden]
        if not found:
            return None
        slot = self.r.choice(found)
        names = [n for n in os.listdir(self.path("%d.msgs" % slot)) if n.endswith(".json")]
        i = self.r.randrange(len(names))
        os.unlink(self.path("%d.msgs/%s" % (slot, names[i])))
        extra = self.entry[slot].extra
        self.entry[slot] = slots.with_extra(self.entry[slot], "msg", extra[:i] + extra[i + 1:])
        return slot, i

    def op_make_msgs(self):
        found = [n for n in self.hidden if n.endswith(".msgs")]
        if not found:
            return None
        name = self.r.choice(sorted(found))
        os.mkdir(self.path(name))
        self.hidden.discard(name)
        return name

    def op_message(self):
        found = [s for s, e in self.entry.items() if self.kind == "msg" and "%d.msgs" % s not in self.hidden]
        if not found:
            return None
        slot, data = self.r.choice(found), blob(self.r)
        where = self.path("%d.msgs/" % slot)
        taken = [int(n.split(".")[0]) for n in os.listdir(where) if n.endswith(".json")]
        m = max(taken, default=-1) + self.r.randrange(1, 3)
        names = ["%d.json" % m, "%d.extra" % m]
        msg = slots.ipc_msg(self.r.randrange(1 << 60), data)
        for name in names if self.r.random() < 0.5 else reversed(names):
            mnt.save(where + name, data if name.endswith("extra") else slots.msg_text(msg[0]),
                     os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        self.entry[slot] = slots.with_extra(self.entry[slot], "msg", list(self.entry[slot].extra) + [msg])
        return slot, m

    def step(self):
        ops = [getattr(self, n) for n in sorted(dir(self)) if n.startswith("op_")]
        op = self.r.choice(ops)
        self.log.append((op.__name__, "began"))
        what = op()
        self.log[-1] = (op.__name__, what)
        return what is not None


@pytest.mark.parametrize("order, seed", [("<", 1), (">", 2)])
@pytest.mark.parametrize("typ", slots.KINDS + ["PAGEMAP", "GHOST_FILE"])
def test_random(mount, work, typ, order, seed):
    print("seed", seed)
    x = Model(mount, work, typ, "%s%s%d" % (typ, order, seed), count=6, order=order)
    try:
        for i in range(STEPS):
            while not x.step():
                pass
            x.check_image()
            assert os.listdir(x.dir) == x.names()
            if i % 10 == 0:
                check_files(x)
        check_files(x)
        x.remount()
        check_files(x)
    except BaseException:
        print("\n".join(map(str, x.log[-15:])))
        raise


def check_files(x):
    x.check(texts=False)
    for slot, e in x.entry.items():
        assert mnt.read_text(x.json(slot)) == e.text(), slot
        if x.kind == "msg":
            continue
        for name, data in mnt.extra_files(e, slot).items():
            if name not in x.hidden:
                assert mnt.read(x.path(name)) == data, name
