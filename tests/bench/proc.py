"""Searching the memory of a process: its map_files beside its pages file, both on the mount."""
import contest
import dumps
import mounts
import places
from contest import OURS

MEMORY = 512 << 20
PAGES = "/pages-1.img"
MAP_FILES = "/.critfs/proc/1/map_files"
GREP = ["grep", "-arc", "no page has this text"]
LIMIT = 64  # MB

# pages in a run, and in the gap behind it; the goal
SHAPES = {"runs of 4 MiB": (1024, 16, 1.3),
          "runs of 128 KiB": (32, 1, None)}  # small files cost what they cost


def search(runner, made, dump, options, where, peaks):
    """On a fresh mount."""
    with made.critfs(dump.path, *options) as point:
        seconds = runner.run(GREP + [point + where], exits=(1,)).wall
        peaks.append(point.memory() / 1024)
        return seconds


def compare(runner, made, dump, what, goal, mount_options, options):
    peaks = []
    comparison = contest.Comparison("grep -a of map_files, 512 MiB in " + what,
                                    {"its pages file": goal})
    comparison.measure({
        OURS: lambda: search(runner, made, dump, mount_options, MAP_FILES, peaks),
        "its pages file": lambda: search(runner, made, dump, mount_options, PAGES, []),
    }, options)
    yield comparison
    yield contest.Amount("daemon's memory meanwhile", max(peaks), LIMIT)


def run(runner, directory, options):
    """Measure, print a table. Returns the figures."""
    results = []
    with places.tmpfs() as place:
        made = mounts.Mounts(place, options)
        for number, (what, (pages, gap, goal)) in enumerate(SHAPES.items()):
            dump = dumps.Dump(place + "/dump%d" % number, options.quick)
            dump.process(MEMORY, pages, gap)
            results += compare(runner, made, dump, what, goal, (), options)
            results += compare(runner, made, dump, what + ", -o ro", goal, ("ro",), options)
    return contest.report(results, options)
