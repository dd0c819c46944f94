"""Walking a tree of small files: grep -r, find, ls -lR, each on a fresh mount."""
import contextlib
import shutil

import dumps
import mounts
import places
from contest import OURS, Comparison, report, rounds

# What FUSE offers at its best, for a file system that nothing changes behind its back.
NULL = ("readdirplus", "keep_cache", "noflush")
NULL_RO = NULL + ("ro", "noopen")

GREP = ["grep", "-r", "no file has this text"]
LISTINGS = {"find -size +0": ["find", "-size", "+0"], "ls -lR": ["ls", "-lR"]}


def grep(runner, point):
    return runner.run(GREP + [point], exits=(1,)).wall


def list_all(runner, command, point):
    return runner.run([command[0], point, *command[1:]]).wall


class Walk:
    """A dump, and its tree as plain files."""

    def __init__(self, what, make, runner, directory, options):
        self.what, self.runner, self.options = what, runner, options
        self.mounts = mounts.Mounts(directory, options)
        dump = dumps.Dump("%s/%s" % (directory, what.split()[-1]), options.quick)
        make(dump)
        self.dump = dump.path
        self.tree = dumps.copy_tree(self.mounts.critfs(self.dump), self.dump + ".tree")

    def sides(self):
        return {OURS: lambda: self.mounts.critfs(self.dump),
                "nullfs": lambda: self.mounts.nullfs(self.tree, *NULL),
                "tmpfs": lambda: contextlib.nullcontext(self.tree)}

    def sides_ro(self):
        return {OURS: lambda: self.mounts.critfs(self.dump, "ro"),
                "nullfs": lambda: self.mounts.nullfs(self.tree, *NULL_RO)}

    def rounds(self, comparison, sides):
        return rounds(comparison.what, sides, self.options)

    def greps(self):
        cold = Comparison("grep -r, cold, " + self.what, {"nullfs": 1.25})
        warm = Comparison("grep -r, warm, " + self.what, {"cold": 0.75})
        for name, mounted in self.rounds(cold, self.sides()):
            with mounted() as point:
                cold.add(name, grep(self.runner, point))
                warm.add(name, grep(self.runner, point))
        warm.seconds["cold"] = cold.seconds[OURS]
        return [cold, self.grep_ro(), warm]

    def grep_ro(self):
        ro = Comparison("grep -r, cold, -o ro, " + self.what, {"nullfs": 1.25})
        for name, mounted in self.rounds(ro, self.sides_ro()):
            with mounted() as point:
                ro.add(name, grep(self.runner, point))
        return ro

    def listings(self):
        for what, command in LISTINGS.items():
            listing = Comparison("%s, %s" % (what, self.what), {"nullfs": 1.5})
            for name, mounted in self.rounds(listing, self.sides()):
                with mounted() as point:
                    listing.add(name, list_all(self.runner, command, point))
            yield listing


def decode(comparison, runner, image):
    """What crit takes for the same: once, it is slow."""
    crit = shutil.which("crit")
    if not crit:
        comparison.skip("crit decode", "no crit")
        return
    comparison.add("crit decode", runner.run([crit, "decode", "--pretty", "-i", image]).wall)


def run(runner, directory, options):
    """Measure, print a table. Returns the figures."""
    results = []
    with places.tmpfs(options) as place:
        files = Walk("100 k entries", lambda d: d.files(), runner, place, options)
        results += files.greps() + list(files.listings())
        decode(results[0], runner, files.dump + "/files.img")
        cores = Walk("2,000 cores", lambda d: d.cores(), runner, place, options)
        results += cores.listings()
    return report(results, options)
