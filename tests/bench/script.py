"""A script that edits 10,000 entries of one image, one after the other."""
import shutil
import time

import contest
import dumps
import mounts
import places
from contest import OURS
from entry import SAME, Entry, replace

EDITS, QUICK_EDITS = 10000, 100
NATIVE = "write + fsync + rename"
NATIVE_RUNS = 30
BUDGET = 30  # seconds in one place, then the rest is reckoned


def read_and_edit(point, number):
    begin = time.perf_counter()
    entry = Entry(point, number, SAME)
    entry.edit()
    return time.perf_counter() - begin, entry


def both(point, image, native, count):
    """Seconds of each edit, of as many as the budget has room for, and of each plain write
    of the whole file, a few strewn in between."""
    with open(image, "rb") as f:
        data = f.read()
    edits, natives, begin = [], [], time.monotonic()
    while len(edits) < count and time.monotonic() < begin + BUDGET:
        took, entry = read_and_edit(point, len(edits))
        edits.append(took)
        if time.monotonic() > begin + BUDGET * len(natives) / NATIVE_RUNS:
            natives.append(replace(native, data, sync=True))
    entry.check(image)
    while len(natives) < NATIVE_RUNS:
        natives.append(replace(native, data, sync=True))
    return edits, natives


def crit(runner, image, work):
    """Decode, edit the text, encode: once for all edits. None where there is no crit."""
    program = shutil.which("crit")
    if not program:
        return None
    document, back = work + "/document", work + "/back"
    change = r"s/records-\([0-9]\{1,4\}\)\.db/records-\1.dc/"
    return sum(runner.run(command).wall
               for command in ([program, "decode", "-i", image, "-o", document],
                               ["sed", "-i", change, document],
                               [program, "encode", "-i", document, "-o", back]))


def reckoned(seconds, count):
    return sum(seconds) / len(seconds) * count


def script(what, place, options):
    """Two comparisons: each edit, and all of them."""
    dump = dumps.Dump(place + "/dump", options.quick)
    image = dump.files()
    count = QUICK_EDITS if options.quick else EDITS
    each = contest.Comparison("each of %s edits, %s" % (format(count, ","), what))
    whole = contest.Comparison("%s edits, %s" % (format(count, ","), what))
    options.say(whole.what)
    with mounts.Mounts(place, options).critfs(dump.path) as point:
        each.seconds[OURS], each.seconds[NATIVE] = both(point, image, place + "/native.img",
                                                        count)
    for name, seconds in each.seconds.items():
        whole.add(name, reckoned(seconds, count))
        if len(seconds) < count:
            whole.note(name, "%s: of %s" % (name, format(len(seconds), ",")))
    return each, whole, image


def run(runner, directory, options):
    """Measure, print a table. Returns the figures."""
    results = []
    with places.tmpfs() as place:
        each, whole, image = script("tmpfs", place, options)
        options.say("crit: decode, edit, encode")
        seconds = crit(runner, image, place)
        if seconds is None:
            whole.skip("crit", "no crit")
        else:
            whole.add("crit, once", seconds)
        results += [each, whole]
    try:
        with places.ext4(directory) as place:
            results += script("ext4", place, options)[:2]
    except places.Missing as e:
        results.append(contest.Skipped("edits, ext4", str(e)))
    return contest.report(results, options)
