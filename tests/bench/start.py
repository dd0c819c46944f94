"""From the start of the program to the end of the first ls, in a shell's order."""
import os

import contest
import dumps
import mounts
import places
from contest import OURS

LIMIT = 1.5
TIMES = 5  # as many runs as asked for: they are short


def compared(what, dump, made, options):
    """nullfs has as many names in its root, of its own making: it has nothing to load."""
    names = len(os.listdir(dump.path))
    comparison = contest.Comparison("mount to first ls, %s" % what, {"nullfs": LIMIT})
    sides = {OURS: ("critfs", [], [dump.path]),
             "nullfs": ("nullfs", ["entries=%d" % names, "readdirplus"], [])}
    for name, how in contest.rounds(comparison.what, sides, options, options.runs * TIMES):
        comparison.add(name, made.first_listing(*how))
    return comparison


def run(runner, directory, options):
    """Measure, print a table. Returns the figures."""
    with places.tmpfs() as place:
        made = mounts.Mounts(place, options)
        small, large = (dumps.Dump(os.path.join(place, name), options.quick)
                        for name in ("small", "large"))
        small.cores(1)
        large.everything()
        return contest.report([compared("smallest dump", small, made, options),
                               compared("largest dump", large, made, options)], options)
