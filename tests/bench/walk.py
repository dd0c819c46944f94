"""Walking a tree of small files: grep -r, find, ls -lR, each on a fresh mount."""
import contextlib
import os
import shutil

import contest
import dumps
import mounts
import places
from contest import OURS, Comparison

# What FUSE offers at its best, for a file system that nothing changes behind its back.
NULL = ("readdirplus", "keep_cache", "noflush")
NULL_RO = NULL + ("ro", "noopen")

GREP = ["grep", "-r", "no file has this text"]
LISTINGS = {"find -size +0": ["find", "-size", "+0"], "ls -lR": ["ls", "-lR"]}


def grep(runner, point):
    return runner.run(GREP + [point], exits=(1,)).wall


class Walk:
    """A dump, and its tree as plain files. `what` says how large it is."""

    def __init__(self, what, dump, runner, options):
        self.what, self.dump, self.runner, self.options = what, dump, runner, options
        self.mounts = mounts.Mounts(os.path.dirname(dump.path), options)
        options.say("copying the tree of " + what)
        self.tree = dumps.copy_tree(self.mounts.critfs(dump.path), dump.path + ".tree")

    def sides(self):
        return {OURS: lambda: self.mounts.critfs(self.dump.path),
                "nullfs": lambda: self.mounts.nullfs(self.tree, *NULL),
                "tmpfs": lambda: contextlib.nullcontext(self.tree)}

    def sides_ro(self):
        return {OURS: lambda: self.mounts.critfs(self.dump.path, "ro"),
                "nullfs": lambda: self.mounts.nullfs(self.tree, *NULL_RO)}

    def grep(self, point):
        return grep(self.runner, point)

    def greps(self):
        """Cold, read-only, and warm: again on the mount of the cold one."""
        cold = Comparison("grep -r, cold, " + self.what, {"nullfs": 1.25})
        ro = Comparison("grep -r, cold, -o ro, " + self.what, {"nullfs": 1.25})
        warm = Comparison("grep -r, warm, " + self.what, {"cold": 0.75})
        for name, mounted in contest.rounds(cold.what, self.sides(), self.options):
            with mounted() as point:
                cold.add(name, self.grep(point))
                warm.add(name, self.grep(point))
        warm.seconds["cold"] = cold.seconds[OURS]
        ro.on_mounts(self.sides_ro(), self.grep, self.options)
        return [cold, ro, warm]

    def listings(self):
        for what, (program, *rest) in LISTINGS.items():
            listing = Comparison("%s, %s" % (what, self.what), {"nullfs": 1.5})
            listing.on_mounts(self.sides(),
                              lambda point: self.runner.run([program, point, *rest]).wall,
                              self.options)
            yield listing


def files(runner, place, options, count=dumps.FILES):
    dump = dumps.Dump(os.path.join(place, "files"), options.quick)
    dump.files(count)
    return Walk("%s entries" % format(dump.counts["files.img"], ","), dump, runner, options)


def cores(runner, place, options):
    dump = dumps.Dump(os.path.join(place, "cores"), options.quick)
    return Walk("%s cores" % format(dump.cores(), ","), dump, runner, options)


def decode(comparison, runner, image):
    """What crit takes to show the same: once, it is slow."""
    crit = shutil.which("crit")
    if crit:
        comparison.add("crit decode", runner.run([crit, "decode", "--pretty", "-i", image]).wall)
    else:
        comparison.skip("crit decode", "no crit")


def run(runner, directory, options):
    """Measure, print a table. Returns the figures."""
    with places.tmpfs() as place:
        entries = files(runner, place, options)
        results = entries.greps() + list(entries.listings())
        decode(results[0], runner, entries.dump / "files.img")
        results += cores(runner, place, options).listings()
    return contest.report(results, options)
