"""What layers cost: .critfs/img, archives, upper directories, many dumps in one directory."""
import os
import subprocess

import contest
import dumps
import mounts
import places
from contest import OURS, Comparison
from start import TIMES
from walk import grep

IMG = "/.critfs/img"
PAGES = "/pages-1.img"
MANY = 1000


def dd(runner, path):
    return runner.run(["dd", "if=" + path, "of=/dev/null", "bs=1M"]).wall


class Layers:
    """A dump with pages and many entries, and an archive of it."""

    def __init__(self, place, runner, made, options):
        self.place, self.runner, self.made, self.options = place, runner, made, options
        self.dump = dumps.Dump(place + "/dump", options.quick)
        self.dump.pages()
        self.dump.files()
        self.archive = place + "/dump.tar"
        subprocess.run(["tar", "-cf", self.archive, "-C", self.dump.path, "."], check=True)
        self.upper = place + "/upper"
        os.mkdir(self.upper)

    def on(self, *sources):
        """Seconds of a read on a fresh mount each."""
        source, path, *mount_options = sources
        with self.made.critfs(source, *mount_options) as point:
            return dd(self.runner, point + path)

    def compare(self, what, ours, theirs, limit, other):
        comparison = Comparison(what, {other: limit})
        comparison.measure({OURS: ours, other: theirs}, self.options)
        return comparison

    def reads(self):
        """Pages, wherever they are, beside the same file of a plain dump."""
        size = "%d MiB" % (os.path.getsize(self.dump / PAGES[1:]) >> 20)
        plain = lambda: self.on(self.dump.path, PAGES)
        for what, limit, ours in (
                ("of .critfs/img", 1.1, lambda: self.on(self.dump.path, IMG + PAGES)),
                ("of a tar", 1.3, lambda: self.on(self.archive, PAGES)),
                ("with an upper directory", 1.1,
                 lambda: self.on(self.dump.path, PAGES, "upper=" + self.upper))):
            yield self.compare("dd of pages, %s, %s" % (size, what), ours, plain, limit,
                               "the plain file")

    def greps(self):
        """Small files, on mounts of the same kind without layers."""
        def on(source, *options):
            with self.made.critfs(source, *options) as point:
                return grep(self.runner, point + "/files.img")

        yield self.compare("grep -r, with an upper directory",
                           lambda: on(self.dump.path, "upper=" + self.upper),
                           lambda: on(self.dump.path), 1.1, "without")
        yield self.compare("grep -r, of a tar", lambda: on(self.archive),
                           lambda: on(self.dump.path, "ro"), 1.1, "the dump, -o ro")

    def many(self):
        """Many dumps in a directory, beside one dump."""
        many = self.place + "/many"
        small = dumps.Dump(self.place + "/small", self.options.quick)
        small.cores(1)
        os.mkdir(many)
        for number in range(small.scaled(MANY)):
            subprocess.run(["cp", "-r", small.path, "%s/%d" % (many, number)], check=True)
        comparison = Comparison("mount to first ls, %d dumps" % len(os.listdir(many)),
                                {"one dump": 1.5})
        sides = {OURS: many, "one dump": small.path}
        for name, path in contest.rounds(comparison.what, sides, self.options,
                                         self.options.runs * TIMES):
            comparison.add(name, self.made.first_listing("critfs", [], [path]))
        yield comparison


def run(runner, directory, options):
    """Measure, print a table. Returns the figures."""
    with places.tmpfs() as place:
        layers = Layers(place, runner, mounts.Mounts(place, options), options)
        return contest.report([*layers.reads(), *layers.greps(), *layers.many()], options)
