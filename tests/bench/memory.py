"""The most memory that the daemon has at any time, after works of all kinds on one mount."""
import contest
import dumps
import listing
import mounts
import parallel
import places
import reading
import walk
from entry import OTHER, SAME, Entry

LIMIT = 64  # MB
EDITS = 100


def edit(point, dump):
    for number in range(0, EDITS // 10 if dump.quick else EDITS):
        Entry(point, number, SAME if number % 2 else OTHER).edit()


def works(runner, point, dump):
    """{what it is: a function that does it}, small files and large, reading and writing."""
    files, pagemap = point + "/files.img", point + "/pagemap-1.img"
    return {
        "grep -r": lambda: walk.grep(runner, files),
        "find": lambda: runner.run(["find", point, "-maxdepth", "2", "-size", "+0", "-path",
                                    "*/core-*"]),
        "ls -f": lambda: runner.run(listing.COMMAND + [pagemap]),
        "cat of a document": lambda: runner.run(["cat", point + reading.DOCUMENT]),
        "cat of extras": lambda: runner.run(["sh", "-c", 'cat "$0"/*.extra',
                                             point + "/pipes-data.img"]),
        "dd": lambda: reading.dd(runner, point, []),
        "8 readers": lambda: parallel.cat_all(runner, files, parallel.READERS, 500),
        "edits": lambda: edit(point, dump),
    }


def run(runner, directory, options):
    """Measure, print a table. Returns the figures."""
    results = []
    with places.tmpfs() as place:
        dump = dumps.Dump(place + "/dump", options.quick)
        dump.everything()
        with mounts.Mounts(place, options).critfs(dump.path) as point:
            for what, work in works(runner, point, dump).items():
                options.say("memory: " + what)
                work()
                results.append(contest.Amount("daemon's memory, then " + what,
                                              point.memory() / 1024, LIMIT))
    return contest.report(results, options)
