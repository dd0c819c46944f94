"""Dumps that are broken on purpose, in one way each, and what critic check says of them."""
import os

import criuimg
import critic
import dumps
from criuimg import SCHEMA, Entry


def findings(root):
    """(exit status, the lines without the directory) of critic check."""
    done = critic.run("check", root)
    assert done.err == ""
    lines = done.out.decode().splitlines()
    assert all(l.startswith(root + "/") for l in lines), lines
    return done.status, [l[len(root) + 1:] for l in lines]


class Dump:
    """A copy of a recorded dump; each method breaks something in it."""

    def __init__(self, name, work, sub=""):
        self.top = dumps.copy(name, os.path.join(work, "dump"))
        self.root = os.path.join(self.top, sub) if sub else self.top

    def path(self, name):
        return os.path.join(self.root, name)

    def drop(self, *names):
        for name in names:
            os.unlink(self.path(name))

    def rename(self, old, new):
        os.rename(self.path(old), self.path(new))

    def put(self, name, data):
        with open(self.path(name), "wb") as f:
            f.write(data)

    def get(self, name):
        with open(self.path(name), "rb") as f:
            return f.read()

    def copy(self, old, new):
        self.put(new, self.get(old))

    def append(self, name, data):
        self.put(name, self.get(name) + data)

    def resize(self, name, by):
        os.truncate(self.path(name), os.path.getsize(self.path(name)) + by)

    def replace(self, name, at, data):
        old = self.get(name)
        self.put(name, old[:at] + data + old[at + len(data):])

    # ------------------------------------------------------------ entries

    def image(self, name):
        return criuimg.load(self.path(name))

    def save(self, name, image):
        self.put(name, criuimg.write_image(image))

    def edit(self, name, entry, change):
        """change(message) of an entry."""
        image = self.image(name)
        msg = image.entries[entry].decode()
        change(msg)
        image.entries[entry].payload = msg.SerializePartialToString()
        self.save(name, image)

    def set(self, name, entry, path, value):
        """Set a field, "tc.cg_set", "vmas[3].start"; None removes it."""
        *way, last = path.replace("[", ".[").split(".")

        def change(msg):
            for step in way:
                msg = msg[int(step[1:-1])] if step[0] == "[" else getattr(msg, step)
            if last[0] == "[":
                msg[int(last[1:-1])] = value
            elif value is None:
                msg.ClearField(last)
            else:
                setattr(msg, last, value)
        self.edit(name, entry, change)

    def add(self, name, like, *changes):
        """Append a copy of an entry, with fields set as set() does."""
        image = self.image(name)
        old = image.entries[like]
        image.entries.append(Entry(old.message, old.payload, old.extra))
        self.save(name, image)
        for path, value in changes:
            self.set(name, len(image.entries) - 1, path, value)

    def remove(self, name, *entries):
        image = self.image(name)
        image.entries = [e for i, e in enumerate(image.entries) if i not in entries]
        self.save(name, image)

    def spoil(self, name, entry):
        """Bytes that no message decodes from, in place of the entry's."""
        image = self.image(name)
        image.entries[entry].payload = b"\xff" * 8
        self.save(name, image)

    def header(self, name, header):
        image = self.image(name)
        image.header = header
        self.save(name, image)


def page_map(runs, n):
    """A page map of these runs, (vaddr, pages, flags) each, with pages_id n."""
    typ = criuimg.TYPES["PAGEMAP"]
    head = SCHEMA.new("pagemap_head")
    head.pages_id = n
    entries = [Entry("pagemap_head", SCHEMA.encode(head))]
    for vaddr, pages, flags in runs:
        msg = SCHEMA.new("pagemap_entry")
        msg.vaddr, msg.compat_nr_pages, msg.nr_pages, msg.flags = vaddr, 0, pages, flags
        entries.append(Entry("pagemap_entry", SCHEMA.encode(msg)))
    return criuimg.write_image(criuimg.Image(typ, "common", "<", entries))
