"""A mounted image and what it has to be: which entry is in which slot."""
import os

import criuimg
import dumps
import handmade
import mnt
from criuimg import SCHEMA, TYPES, Entry, Image

# Types with every kind of extra, and one without.
KINDS = ["FDINFO", "PIPES_DATA", "SK_QUEUES", "TCP_STREAM", "BPFMAP_DATA", "IPCNS_SEM", "IPCNS_MSG",
         "IPCNS_SHM"]

COUNTS = {"bytes", "length", "inq_len", "outq_len", "keys_bytes", "values_bytes", "nsems", "qnum",
          "msize", "size", "len"}


def with_extra(entry, kind, extra):
    """The entry with another extra, which its message counts."""
    msg = entry.decode()
    if kind.startswith("blob:"):
        setattr(msg, kind[5:], len(extra))
    elif kind == "tcp":
        msg.inq_len, msg.outq_len = len(extra["inq"]), len(extra["outq"])
    elif kind == "bpfmap":
        msg.keys_bytes, msg.values_bytes = len(extra["keys"]), len(extra["values"])
    elif kind == "sem":
        msg.nsems = len(extra)
    elif kind == "msg":
        msg.qnum = len(extra)
    elif kind == "shm":
        msg.size = len(extra)
    elif entry.message == "ghost_chunk_entry":
        msg.len = len(extra)
    return Entry(entry.message, SCHEMA.encode(msg), extra)


def emptied(entry, kind):
    extra = entry.extra
    if extra is None:
        return Entry(entry.message, entry.payload)
    return with_extra(entry, kind, {k: b"" for k in extra} if isinstance(extra, dict) else type(extra)())


def _mark(message, msg, number):
    for field in SCHEMA.fields(message):
        name = field["name"]
        if field["label"] == "repeated" or name in COUNTS:
            continue
        if field.get("kind") == "message":
            return _mark(field["type"], getattr(msg, name), number)
        if field["type"] in criuimg.INT_BITS and not field.get("kind"):
            setattr(msg, name, number)
            return None
    raise AssertionError("no number in " + message)


def entry(typ, number, size=13, index=1):
    """An entry that a number tells from others; one that comes first with index 0."""
    made = handmade.entry(TYPES[typ], index, size=size)
    msg = made.decode()
    _mark(made.message, msg, number)
    if made.message == "ghost_file_entry":
        msg.chunks, made.extra = True, None
    return Entry(made.message, SCHEMA.encode(msg), made.extra)


def image(typ, count=4, header=None, order="<"):
    """Entries of which each is another, with extras of several lengths."""
    sizes = (13, 0, 300, 7, 8)
    return Image(TYPES[typ], header or "common", order,
                 [entry(typ, i + 1, sizes[i % 5], i) for i in range(count)])


def ipc_msg(mtype, data):
    msg = SCHEMA.decode("ipc_msg", handmade.ipc_msg(0)[0])
    msg.mtype, msg.msize = mtype, len(data)
    return SCHEMA.encode(msg), data


def msg_text(payload):
    return criuimg.text(criuimg.to_json("ipc_msg", SCHEMA.decode("ipc_msg", payload)))


def order_of_names(name):
    """Slots by number; the extras of each, by name, before its text."""
    number, _, rest = name.partition(".")
    return int(number), rest in ("json", "raw"), rest


class Slots:
    """A hand-made image, mounted, and the model of it."""

    def __init__(self, mount, work, typ, **more):
        self.made = more.pop("image", None) or image(typ, **more)
        self.kind = self.made.type.extra
        self.name = self.made.type.example_name()
        self.root = work
        self.stored = dumps.write(work, self.name, self.made)
        self.entry = dict(enumerate(self.made.entries))
        self.hidden = set()
        self.factory = mount
        self.m = mount(work)

    @property
    def dir(self):
        return self.m / self.name

    def path(self, name):
        return self.dir + "/" + name

    def json(self, slot):
        return self.path("%d.json" % slot)

    def wanted(self):
        m = self.made
        return criuimg.write_image(Image(m.type, m.header, m.order,
                                         [self.entry[s] for s in sorted(self.entry)], m.tail))

    def names(self):
        names = [n for s, e in self.entry.items() for n in mnt.parts(e, s)]
        return sorted(set(names) - self.hidden, key=order_of_names)

    def check_image(self):
        found, wanted = mnt.read(self.stored), self.wanted()
        assert found == wanted, describe(found, wanted)

    def check(self, texts=True):
        """The image has these entries and no more; and so has the directory."""
        self.check_image()
        names = os.listdir(self.dir)
        assert names == self.names()
        if not texts:
            return
        for slot, e in self.entry.items():
            assert mnt.read_text(self.json(slot)) == e.text()
            for name, data in mnt.extra_files(e, slot).items():
                if name.split("/")[0] not in self.hidden:
                    assert mnt.read(self.path(name)) == data, name

    def remount(self):
        """A fresh mount counts from 0, and hides nothing."""
        self.m.close()
        self.entry = {i: self.entry[s] for i, s in enumerate(sorted(self.entry))}
        self.hidden = set()
        self.m = self.factory(self.root)

    def finish(self):
        self.check()
        self.remount()
        self.check()

    # ------------------------------------------------------- what is done

    def hide_extras(self, slot):
        self.hidden |= set(mnt.parts(self.entry[slot], slot)[:-1])

    def show(self, slot):
        self.hidden -= {n for n in self.hidden if n.startswith("%d." % slot)}

    def remove(self, slot):
        os.unlink(self.json(slot))
        del self.entry[slot]
        self.show(slot)

    def create(self, slot, e):
        """An N.json alone: its extras are empty, and not to be seen."""
        mnt.save(self.json(slot), e.text(), os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        self.entry[slot] = emptied(e, self.kind)
        self.hide_extras(slot)

    def create_all(self, slot, e, first=False):
        """An entry with its extras, in either order."""
        if not first:
            self.create(slot, e)
        for name, data in sorted(mnt.extra_files(e, slot).items(), reverse=not first):
            if "/" in name and not os.path.isdir(os.path.dirname(self.path(name))):
                os.mkdir(os.path.dirname(self.path(name)))
            mnt.save(self.path(name), data, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        if first:
            self.create(slot, e)
        if self.kind == "msg" and not e.extra and first is not None:
            os.mkdir(self.path("%d.msgs" % slot))
        self.entry[slot] = e
        self.show(slot)

    def move(self, a, b):
        os.rename(self.json(a), self.json(b))
        self.show(b)
        gone = {n for n in self.hidden if n.startswith("%d." % a)}
        self.hidden = self.hidden - gone | {"%d.%s" % (b, n.split(".", 1)[1]) for n in gone}
        self.entry[b] = self.entry.pop(a)


def describe(found, wanted):
    """Which entries are other than they have to be."""
    out = []
    for what, data in (("found", found), ("wanted", wanted)):
        img = criuimg.read_image(data)
        out.append("%s %d bytes, tail %d: %s" % (what, len(data), len(img.tail) if img else -1, [
            (e.json() if e.message != "core_entry" else "core", str(e.extra)[:60])
            for e in img.entries] if img else None))
    return "\n".join(out)
