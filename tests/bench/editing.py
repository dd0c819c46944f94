"""One edit in a small image and in a large one, beside what it costs to write the file."""
import os
import shutil

import contest
import dumps
import mounts
import places
from contest import OURS
from entry import OTHER, SAME, Entry, replace

SMALL_RUNS, LARGE_RUNS = 200, 5
LENGTHS = {"same length": SAME, "another length": OTHER}


def compared(what, dump, number, others, limits, made, runs, options):
    """Edits of one entry of files.img, of both sorts."""
    for length, ending in LENGTHS.items():
        comparison = contest.Comparison("edit in %s, %s" % (what, length), limits)
        with made.critfs(dump) as point:
            entry = Entry(point, number, ending)
            comparison.measure({OURS: entry.edit, **others}, options, runs)
            entry.check(dump + "/files.img")
        yield comparison


def size_of(image):
    return "an image of %.1f MB" % (os.path.getsize(image) / 1e6)


def middle(dump):
    return dump.counts["files.img"] // 2


def small(place, made, options):
    """1 MB, in memory: what critfs itself takes, not the disk."""
    dump = dumps.Dump(place + "/small", options.quick)
    image = dump.files(dumps.FILES_1M)
    with open(image, "rb") as f:
        data = f.read()
    native = {"write + rename": lambda: replace(place + "/native.img", data)}
    runs = 20 if options.quick else max(SMALL_RUNS, options.runs)
    return compared(size_of(image) + ", tmpfs", dump.path, middle(dump), native,
                    {"write + rename": 1.3}, made, runs, options)


def copied(dump, place):
    """The dump in another place, on its disk for good."""
    copy = shutil.copytree(dump, place + "/dump")
    for name in os.listdir(copy):
        fd = os.open(os.path.join(copy, name), os.O_RDONLY)
        os.fsync(fd)
        os.close(fd)
    return copy


def cp_and_sync(runner, image, copy):
    """Of the whole image: a reflink would be no copy."""
    seconds = runner.run(["sh", "-c", 'cp --reflink=never "$0" "$1" && sync "$1"', image,
                          copy]).wall
    os.unlink(copy)
    return seconds


def large(what, limit, place, original, runner, options):
    """100 MB, on a disk."""
    dump = copied(original.path, place)
    copy = {"cp + sync": lambda: cp_and_sync(runner, dump + "/files.img", place + "/copy")}
    size = size_of(dump + "/files.img")
    yield from compared("%s, %s" % (size, what), dump, middle(original), copy,
                        {"cp + sync": limit}, mounts.Mounts(place, options),
                        max(LARGE_RUNS, options.runs), options)


DISKS = {"ext4": (places.ext4, 1.2), "XFS": (places.xfs, 0.1)}


def on_disks(original, runner, directory, options):
    for what, (disk, limit) in DISKS.items():
        try:
            with disk(directory) as place:
                yield from large(what, limit, place, original, runner, options)
        except places.Missing as e:
            yield contest.Skipped("edit in a large image, %s" % what, str(e))


def run(runner, directory, options):
    """Measure, print a table. Returns the figures."""
    with places.tmpfs() as place:
        results = list(small(place, mounts.Mounts(place, options), options))
        dump = dumps.Dump(place + "/large", options.quick)
        dump.files(dumps.FILES_100M)
        results += on_disks(dump, runner, directory, options)
    return contest.report(results, options)
