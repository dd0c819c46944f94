"""Somebody at work on a mount: a process of its own in each round, a model that outlives it."""
import os
import pickle
import random
import signal
import time

import criuimg
import dumps
import mnt
from criuimg import TYPES, Image
from slots import Slots

FIRST = 100000               # numbers in entries: all of as many digits, and of no other meaning
GRACE = 300                  # seconds after a round's end in which the last step is done


class Place:
    """A mounted dump, or a directory in one: where things are to be seen, and where they are stored."""

    def __init__(self, point, root, sub=""):
        self.point, self.root = os.path.join(point, sub).rstrip("/"), os.path.join(root, sub).rstrip("/")

    def __truediv__(self, name):
        return os.path.join(self.point, name)

    def below(self, sub):
        return Place(self.point, self.root, sub)

    def stored(self, name):
        return os.path.join(self.root, name)


class Share(Slots):
    """Slots of an image that are one job's; all of it, or others have theirs in the same image."""

    def __init__(self, place, typ, name, entries):  # not Slots' own: it writes and mounts
        self.made = Image(TYPES[typ], "common")
        self.kind, self.typ, self.name = self.made.type.extra, typ, name
        self.m, self.root, self.stored = place, place.root, place.stored(name)
        self.entry, self.hidden = dict(entries), set()

    def check_entry(self, slot, after=None):
        """The mount shows the entry; `after` says what was done to it."""
        e = self.entry[slot]
        files = {"%d.json" % slot: e.text().encode(), **mnt.extra_files(e, slot)}
        for name, data in files.items():
            assert os.stat(self.path(name)).st_size == len(data), (self.name, name, after)
            found = mnt.read(self.path(name))
            assert found == data, (self.name, name, after, found[:2000], data[:2000])


class Job:
    """
    One step after the other until a round is over. What it knows of its files is the model:
    what files() and images() say after a round is what has to be in the dump.
    """

    def __init__(self, place, seed):
        self.place, self.rand = place, random.Random(seed)
        self.name = "%s %s" % (type(self).__name__, seed)
        self.done, self.number = {}, 1000
        self.scratch = dumps.new_dir()       # outside of the mount
        self.state = os.path.join(self.scratch, "state")

    def steps(self):
        """The functions of which one is called at a time."""
        raise NotImplementedError

    def files(self):
        """{path in the dump: bytes} of the plain files that are this job's."""
        return {}

    def images(self):
        """The Shares that it has."""
        return []

    def next(self):
        """A number for an entry: another one."""
        self.number += 1
        return FIRST + self.number % 800000

    def round(self, until, steps):
        """In the child: work, and leave the state for the parent."""
        signal.alarm(int(until - time.monotonic()) + GRACE)
        for _ in range(steps):
            if time.monotonic() > until:
                break
            step = self.rand.choice(self.steps())
            try:
                step()
            except BaseException as e:
                e.args = ("%s, step %s: %s" % (self.name, step.__name__, e),)
                raise
            self.done[step.__name__] = self.done.get(step.__name__, 0) + 1
        signal.alarm(0)
        with open(self.state, "wb") as f:
            pickle.dump(self.__dict__, f)

    def take_over(self):
        """In the parent, after a round."""
        with open(self.state, "rb") as f:
            self.__dict__.update(pickle.load(f))
        os.unlink(self.state)

    def outside(self, name, text):
        """A file that is not in the mount, for tools that need one."""
        path = os.path.join(self.scratch, name)
        with open(path, "wb") as f:
            f.write(text.encode() if isinstance(text, str) else text)
        return path


def image_bytes(typ, entries):
    return criuimg.write_image(Image(TYPES[typ], "common", "<", [entries[s] for s in sorted(entries)]))
