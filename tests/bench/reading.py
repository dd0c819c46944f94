"""Reading large files: memory pages as they are, and a whole image as one document."""
import contextlib
import os

import contest
import dumps
import mounts
import places
from contest import OURS

PAGES = "/pages-1.img"
NULL = ("keep_cache", "noflush", "backed=65536")  # it serves the dump's own file
DOCUMENT = "/.critfs/json/pagemap-1.img.json"


def dd(runner, point, flags):
    return runner.run(["dd", "if=" + point + PAGES, "of=/dev/null", "bs=1M", *flags]).wall


def pages(runner, dump, made, options):
    """Through the page cache, which each mount has of its own, and past it."""
    size = os.path.getsize(dump.path + PAGES)
    sides = {OURS: lambda: made.critfs(dump.path),
             "nullfs": lambda: made.nullfs(dump.path, *NULL),
             "nullfs, splice": lambda: made.nullfs(dump.path, "splice", *NULL),
             "tmpfs": lambda: contextlib.nullcontext(dump.path)}
    for what, flags in (("cached", []), ("O_DIRECT", ["iflag=direct"])):
        comparison = contest.Comparison("dd of pages, %d MiB, %s" % (size >> 20, what),
                                        {"nullfs": 1.1})
        comparison.on_mounts(sides, lambda point, flags=flags: dd(runner, point, flags), options)
        yield comparison


def document(runner, dump, made, options):
    """The text of all entries, beside the command that writes the same."""
    def cat():
        with made.critfs(dump.path) as point:
            return runner.run(["cat", point + DOCUMENT]).wall

    comparison = contest.Comparison(
        "cat of a document, %s entries" % format(dump.counts["pagemap-1.img"], ","),
        {"critic": 2})
    decode = [options.critic, "decode", "--pretty", "-i", dump / "pagemap-1.img", "-o",
              "/dev/null"]
    comparison.measure({OURS: cat, "critic": lambda: runner.run(decode).wall}, options)
    return comparison


def run(runner, directory, options):
    """Measure, print a table. Returns the figures."""
    with places.tmpfs() as place:
        made = mounts.Mounts(place, options)
        dump = dumps.Dump(place + "/dump", options.quick)
        dump.pages()
        dump.pagemap()
        results = list(pages(runner, dump, made, options))
        results.append(document(runner, dump, made, options))
        return contest.report(results, options)
