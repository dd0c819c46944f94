"""The same work done by critfs and by others, in turn: medians, ratios, goals."""
import statistics

import table

OURS = "critfs"


def rounds(what, sides, options, runs=None):
    """Go through the sides again and again, so that they meet the same machine."""
    runs = runs or options.runs
    for i in range(runs):
        for name, side in sides.items():
            options.say("%s: %s, run %d of %d" % (what, name, i + 1, runs))
            yield name, side


class Comparison:
    """Wall seconds of one work. `limits`: the ratio to another that is the goal."""

    def __init__(self, what, limits=None):
        self.what, self.limits = what, limits or {}
        self.seconds, self.skipped, self.notes = {}, {}, {}

    def measure(self, sides, options, runs=None):
        """Each side is a function that returns seconds."""
        for name, side in rounds(self.what, sides, options, runs):
            self.add(name, side())

    def on_mounts(self, sides, work, options):
        """Each side makes a mount, on which `work` returns seconds."""
        for name, mounted in rounds(self.what, sides, options):
            with mounted() as point:
                self.add(name, work(point))

    def add(self, name, seconds):
        self.seconds.setdefault(name, []).append(seconds)

    def skip(self, name, why):
        """Another, or critfs itself, can't be measured."""
        self.skipped[name] = why

    def note(self, name, text):
        """Say something of how one was measured."""
        self.notes[name] = text

    def median(self, name):
        return statistics.median(self.seconds[name])

    def others(self):
        return [name for name in self.seconds if name != OURS]

    def ratio(self, other):
        return self.median(OURS) / max(self.median(other), 1e-9)

    def met(self, other):
        """Whether the goal is met, or None where there is none."""
        limit = self.limits.get(other)
        return self.ratio(other) <= limit if limit else None

    def rows(self, quick):
        if OURS in self.seconds:
            for other in self.others():
                yield self.row(other, quick)
        for name, why in self.skipped.items():
            yield skipped(self.what, name, why)

    def row(self, other, quick):
        cells = [self.what, other]
        for name in (OURS, other):
            cells += [milliseconds(self.median(name)), spread(self.seconds[name])]
        return cells + ["%.2f" % self.ratio(other), self.runs(other),
                        "" if quick else goal(self.limits.get(other), self.met(other)),
                        "; ".join(self.notes[n] for n in (OURS, other) if n in self.notes)]

    def runs(self, other):
        """How often both were measured, or each."""
        counts = [len(self.seconds[name]) for name in (OURS, other)]
        return "/".join(map(str, counts if counts[0] != counts[1] else counts[:1]))

    def figures(self):
        return {"work": self.what, "seconds": self.seconds, "skipped": self.skipped,
                "notes": self.notes,
                "goals": [{"other": other, "limit": limit, "ratio": self.ratio(other),
                           "met": self.met(other)}
                          for other, limit in self.limits.items()
                          if limit and self.measured(other)]}

    def measured(self, other):
        return OURS in self.seconds and other in self.seconds


class Amount:
    """A quantity of critfs's own, and the least one that is too much."""

    def __init__(self, what, amount, limit, unit="MB"):
        self.what, self.amount, self.limit, self.unit = what, amount, limit, unit

    def rows(self, quick):
        met = "" if quick else ": " + verdict(self.amount < self.limit)
        yield [self.what, "", "%.1f %s" % (self.amount, self.unit)] + [""] * 5 + [
            "< %g %s%s" % (self.limit, self.unit, met), ""]

    def figures(self):
        return {"work": self.what, "amount": self.amount, "unit": self.unit,
                "limit": self.limit, "met": self.amount < self.limit}


class Skipped:
    """What can't be measured here, and why."""

    def __init__(self, what, why):
        self.what, self.why = what, why

    def rows(self, quick):
        yield skipped(self.what, "", self.why)

    def figures(self):
        return {"work": self.what, "skipped": {OURS: self.why}}


def skipped(what, name, why):
    return [what, name] + [""] * 7 + ["skipped: " + why]


def verdict(met):
    return "ok" if met else "MISSED"


def goal(limit, met):
    return "%g: %s" % (limit, verdict(met)) if limit else ""


def milliseconds(seconds):
    ms = seconds * 1000
    return "%.*f" % (0 if ms >= 100 else 1 if ms >= 10 else 2, ms)


def spread(values):
    return "%s-%s" % (milliseconds(min(values)), milliseconds(max(values)))


HEADS = ("work", "beside", "critfs ms", "min-max", "its ms", "min-max", "ratio", "runs", "goal",
         "")


def report(results, options):
    """Print a table. Returns the figures."""
    rows = [row for result in results for row in result.rows(options.quick)]
    print(table.text(HEADS, rows, numbers=(2, 3, 4, 5, 6, 7)))
    if options.quick:
        print("Small dumps measure how programs start: no goals.")
    return [result.figures() for result in results]
