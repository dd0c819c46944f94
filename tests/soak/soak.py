#!/usr/bin/python3
"""Many at work on one mount for a long time: tests/soak/soak.py [--seconds N]

Editors, readers, makers and removers and a program that knows nothing of the mount work in
processes of their own, in rounds. After each round all rest: every file of the dump has to
be what the models say, byte for byte, and what the daemon takes is sampled; at the end it
has to be flat. Stops itself, and leaves nothing. CRITFS_BUILD names the build,
CRITFS_UPPER=1 mounts with an upper directory.
"""
import argparse
import os
import random
import signal
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path[:0] = [HERE, os.path.dirname(HERE)]

import criuimg
import dumps
import health
import mnt
import slots
import upper
from entries import Documents, Editor
from job import FIRST, GRACE, Place, Share, image_bytes
from names import Files, Images, Outside
from readers import Reader
from together import Processes

EDITORS, READERS = 3, 2
SLOTS = 40                   # of each image at the start, and as many are free


def crowd(place, seed):
    """All who are at work, on a dump whose root is demo's and that has hand-made images in hand/."""
    hand, outside = place.below("hand"), place.below("outside")
    for sub in (hand, outside):
        os.mkdir(sub.root)
    dumps.write(hand.root, "inventory.img", mnt.read(place.stored("inventory.img")))
    images = {typ: criuimg.Image(criuimg.TYPES[typ], "common", "<", [
        slots.entry(typ, FIRST + i, (13, 0, 300)[i % 3]) for i in range(SLOTS)]) for typ in slots.KINDS}
    for typ, image in images.items():
        dumps.write(hand.root, criuimg.TYPES[typ].example_name(), image)
    rand = random.Random(seed)
    jobs = [editor(hand, rand.random(), images, n) for n in range(EDITORS)]
    jobs += [Reader(place, rand.random()) for _ in range(READERS)]
    jobs += [Documents(hand, rand.random(), "FDINFO", "fdinfo-90.img"),
             Documents(hand, rand.random(), "PIPES_DATA", "fifo-data.img"),
             Images(hand, rand.random(), range(100, 106)), Images(place, rand.random(), range(200, 206)),
             Files(hand, rand.random(), "files-of-one"), Files(place, rand.random(), "files-of-another"),
             Outside(outside, rand.random(), "pipes-data.img")]
    for job in jobs:
        for share in job.images():
            if not os.path.exists(share.stored):
                dumps.write(share.root, share.name, image_bytes(share.typ, share.entry))
    return jobs


def editor(place, seed, images, n):
    shares, free = [], {}
    for typ, image in images.items():
        name = criuimg.TYPES[typ].example_name()
        shares.append(Share(place, typ, name, {i: e for i, e in enumerate(image.entries) if i % EDITORS == n}))
        free[name] = [i for i in range(SLOTS, 2 * SLOTS) if i % EDITORS == n]
    return Editor(place, seed, shares, free)


class Soak:
    """The dump, its mount, and the rounds."""

    def __init__(self, seed, say):
        self.say, self.samples = say, []
        self.root = dumps.copy("demo", os.path.join(dumps.new_dir(), "dump"))
        point = dumps.new_dir()
        self.jobs = crowd(Place(point, self.root), seed)
        owned = {s.stored for job in self.jobs for s in job.images()}
        self.untouched = {n: mnt.read(os.path.join(self.root, n)) for n in dumps.files(self.root)
                          if os.path.join(self.root, n) not in owned}
        self.mount = mnt.Mount(self.root, point=point)

    def expected(self):
        """{relative path: bytes} of all that is to be in the dump."""
        out, images = dict(self.untouched), {}
        for job in self.jobs:
            for path, data in job.files().items():
                out[os.path.relpath(path, self.root)] = data
            for share in job.images():
                rel = os.path.relpath(share.stored, self.root)
                images.setdefault(rel, (share.typ, {}))[1].update(share.entry)
        out.update({rel: image_bytes(typ, entries) for rel, (typ, entries) in images.items()})
        return out

    def check(self, patience=10):
        """The dump is what the models make it, after so many seconds at the latest."""
        expected = self.expected()
        # what a burst of edits has kept beside its image goes when it is over
        mnt.wait_for(lambda: set(dumps.files(self.root)) == set(expected), patience)
        found = set(dumps.files(self.root))
        assert found == set(expected), "too many: %s, missing: %s" % (
            sorted(found - set(expected)), sorted(set(expected) - found))
        for rel, data in expected.items():
            stored = mnt.read(os.path.join(self.root, rel))
            if stored != data:
                raise AssertionError(rel + ": " + (slots.describe(stored, data) if rel.endswith(".img")
                                                   else "%d bytes, not %d" % (len(stored), len(data))))

    def sample(self):
        return health.Sample(self.mount.proc.pid, [self.root, *(o.upper for o in upper.ROOTS.values())])

    def rest(self):
        """All are done: look at everything, and have the kernel forget what nobody uses."""
        self.check()
        for rel in dumps.files(self.mount.point):
            mnt.read(self.mount / rel)
        if os.geteuid() == 0:
            subprocess.run(["mount", "-i", "-o", "remount", self.mount.point], check=True)
        few = len(self.samples[0].others) if self.samples else 0
        mnt.wait_for(lambda: len(self.sample().others) <= few, 5)
        self.samples.append(self.sample())

    def round(self, seconds, steps):
        processes, peaks, over = Processes(), [], threading.Event()
        until = time.monotonic() + seconds

        def look():
            while not over.wait(0.5):
                peaks.append(self.sample())

        looker = threading.Thread(target=look)
        killer = threading.Timer(seconds + GRACE + 60, mnt.kill_all)  # or a hang would be for good
        try:
            for job in self.jobs:
                processes.start(job.round, until, steps)
            looker.start()
            killer.start()
            processes.wait()
        finally:
            over.set()
            processes.end()
            killer.cancel()
            looker.join()
        for job in self.jobs:
            job.take_over()
        return peaks

    def run(self, seconds, each, steps):
        end, number = time.monotonic() + seconds, 0
        while number < 2 or time.monotonic() < end:
            left = max(1, min(each, end - time.monotonic()))
            peaks = self.round(left, steps)
            self.rest()
            number += 1
            wrong = [p.threads for p in peaks if p.threads != self.samples[0].threads]
            assert not wrong, "threads: %s" % wrong
            self.say("round %d: %d operations; at most %d KiB, %d descriptors; at rest %s" % (
                number, sum(self.operations().values()), max([p.memory for p in peaks], default=0),
                max([p.descriptors for p in peaks], default=0), self.samples[-1]))
        not_flat = health.wrong(self.samples, memory=not mnt.sanitized())
        assert not not_flat, "not flat: " + "; ".join(not_flat)

    def operations(self):
        out = {}
        for job in self.jobs:
            for step, n in job.done.items():
                name = "%s.%s" % (type(job).__name__, step)
                out[name] = out.get(name, 0) + n
        return out

    def end(self):
        """Unmount: all is as it has to be, and what was not to be touched is untouched."""
        self.mount.close()
        self.check()
        for over in upper.ROOTS.values():
            after = upper.fingerprint(self.root)
            changed = {n for n in {*after, *over.before} if after.get(n) != over.before.get(n)}
            assert not {n for n in changed if n.split("/")[0] != "outside"}, changed
        upper.ROOTS.clear()

    def give_up(self):
        """Unmount, if something went wrong before the end."""
        if self.mount in mnt.LIVE:
            mnt.LIVE.remove(self.mount)
            self.mount.unmount()
            self.say("the end of critfs's log:\n" + self.mount.stderr()[-2000:])


def soak(seconds, each, seed, steps, say):
    """Raises an AssertionError on all that goes wrong. Returns {step: how often it was done}."""
    say("seed %d" % seed)
    s = Soak(seed, say)
    try:
        s.run(seconds, each, steps)
        s.end()
    finally:
        s.give_up()
    return s.operations()


def main(args):
    parser = argparse.ArgumentParser(description="Many at work on one mount for a long time.")
    parser.add_argument("--seconds", type=int, default=3600, metavar="N", help="how long (default: an hour)")
    parser.add_argument("--round", type=int, default=30, metavar="N", help="seconds between two rests")
    parser.add_argument("--steps", type=int, default=1000000, metavar="N", help="of each one in a round, at most")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30), metavar="N")
    options = parser.parse_args(args)
    why = mnt.why_no_fuse()
    if why:
        sys.exit("soak: " + why)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("soak: stopped"))
    if upper.ON:
        upper.install()
    dumps.sweep()
    try:
        done = soak(options.seconds, options.round, options.seed, options.steps,
                    lambda text: print(text, flush=True))
    except AssertionError as e:
        sys.exit("soak: %s" % e)
    finally:
        dumps.remove_all()
    for name, n in sorted(done.items()):
        print("%8d %s" % (n, name))
    print("soak: all is well")


if __name__ == "__main__":
    main(sys.argv[1:])
