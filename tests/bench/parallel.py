"""Eight readers at once, beside one, of a tree of small files."""
import contest
import walk
import places
from contest import OURS

SHELL = 'find "$0" -type f -print0 | xargs -0 -P"$1" -n "$2" cat'
READERS, FILES_EACH = 8, 500
FILES = 20000


def cat_all(runner, point, readers, each):
    return runner.run(["sh", "-c", SHELL, point, str(readers), str(each)]).wall


def run(runner, directory, options):
    """Measure, print a table. Returns the figures."""
    each = FILES_EACH // 10 if options.quick else FILES_EACH
    with places.tmpfs() as place:
        tree = walk.files(runner, place, options, FILES)
        critfs, nullfs = (tree.sides()[name] for name in (OURS, "nullfs"))
        comparison = contest.Comparison("%d readers, %s" % (READERS, tree.what),
                                        {"one reader": 0.7})
        sides = {OURS: (critfs, READERS), "one reader": (critfs, 1), "nullfs": (nullfs, READERS),
                 "nullfs, one": (nullfs, 1)}
        for name, (mounted, readers) in contest.rounds(comparison.what, sides, options):
            with mounted() as point:
                comparison.add(name, cat_all(runner, point, readers, each))
    return contest.report([comparison], options)
