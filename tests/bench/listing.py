"""Listing a directory of a million entries: time, and memory of daemon and kernel."""
import os
import statistics

import contest
import dumps
import mounts
import places
from contest import OURS

COMMAND = ["ls", "-f"]
DROP = "/proc/sys/vm/drop_caches"
MEMORY = 100  # MB


def slab():
    """KiB that the kernel has in its own tables, names and attributes of files among them."""
    with open("/proc/meminfo") as f:
        return sum(int(l.split()[1]) for l in f if l.startswith(("SReclaimable:", "SUnreclaim:")))


def drop_caches():
    with open(DROP, "w") as f:
        f.write("3\n")


def memory_of(runner, point):
    """MB that a listing leaves behind in the daemon and the kernel."""
    drop_caches()
    before = slab() + point.memory("VmRSS")
    runner.run(COMMAND + [point + "/pagemap-1.img"])
    return (slab() + point.memory("VmRSS") - before) / 1024


def measured_memory(what, runner, mount, options):
    if not os.access(DROP, os.W_OK):
        return contest.Skipped(what, "caches are dropped by root only")
    amounts = []
    for _ in contest.rounds(what, {OURS: None}, options):
        with mount() as point:
            amounts.append(memory_of(runner, point))
    return contest.Amount(what, statistics.median(amounts), MEMORY)


def run(runner, directory, options):
    """Measure, print a table. Returns the figures."""
    with places.tmpfs() as place:
        dump = dumps.Dump(place + "/dump", options.quick)
        dump.pagemap()
        count = dump.counts["pagemap-1.img"]
        made = mounts.Mounts(place, options)
        what = "ls -f of %s entries" % format(count, ",")
        comparison = contest.Comparison(what, {"nullfs": 1.5})
        sides = {OURS: (lambda: made.critfs(dump.path), "/pagemap-1.img"),
                 "nullfs": (lambda: made.made(count), "")}
        for name, (mounted, below) in contest.rounds(what, sides, options):
            with mounted() as point:
                comparison.add(name, runner.run(COMMAND + [point + below]).wall)
        memory = measured_memory(what + ": memory", runner, sides[OURS][0], options)
        return contest.report([comparison, memory], options)
