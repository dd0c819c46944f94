"""Decoding and encoding whole images, side by side with other tools' crit."""
import filecmp
import glob
import os
import shutil

import images
import measure
import table

TASKS = ("decode --pretty", "decode", "encode")

# How many times less CPU than others it is to take, and how much memory at most.
AIMS = {("decode --pretty", "crit"): 100, ("decode --pretty", "go-crit"): 25,
        ("encode", "crit"): 60}
AIM_PEAK = 48 << 10  # KiB

OURS, PEERS = "critic", ("crit", "go-crit")


def tools(critic):
    """{name: program} of what is there to measure."""
    found = {OURS: critic if os.access(critic, os.X_OK) else None}
    found.update((name, shutil.which(name)) for name in PEERS)
    return {name: path for name, path in found.items() if path}


class Job:
    """One tool doing one task on one image, again and again."""

    def __init__(self, image, task, tool, program):
        self.image, self.task, self.tool, self.program = image, task, tool, program
        self.series, self.remark, self.broken = measure.Series(), "", False

    def made(self, suffix):
        return "%s.%s.%s" % (self.image.path, self.tool, suffix)

    def command(self):
        """What is encoded is the tool's own pretty document."""
        command, *pretty = self.task.split()
        if command == "encode":
            return [self.program, command, "-i", self.made("pretty"), "-o", self.made("back")]
        return [self.program, command, "-i", self.image.path,
                "-o", self.made("pretty" if pretty else "plain"), *pretty]

    def run(self, runner):
        if self.broken:
            return
        try:
            self.series.add(runner.run(self.command()))
        except measure.Failed as e:
            self.broken, self.remark = True, "failed: %s" % e
            return
        if self.task == "encode" and not filecmp.cmp(self.made("back"), self.image.path, False):
            self.remark = "other bytes than the image's"

    def figures(self):
        return {"image": self.image.what, "entries": self.image.count, "bytes": self.image.size,
                "task": self.task, "tool": self.tool, "runs": self.series.figures(),
                "remark": self.remark}


def measured(runner, directory, options):
    """All jobs, done. Each run takes all tools in turn, so they meet the same machine."""
    found = tools(options.critic)
    jobs = []
    for image in images.make(directory, options.quick):
        mine = [Job(image, task, tool, found[tool]) for task in TASKS for tool in found]
        for i in range(options.runs):
            for job in mine:
                options.say("%s: %s %s, run %d" % (image.what, job.tool, job.task, i + 1))
                job.run(runner)
        for path in glob.glob(glob.escape(image.path) + ".*"):
            os.unlink(path)
        jobs += mine
    return jobs


def of_ours(jobs, job):
    """The same done by critic, or None where that was not measured."""
    return next((j for j in jobs if (j.image, j.task, j.tool) == (job.image, job.task, OURS)
                 and j.series.costs), None)


def of_peer(times, job):
    """The aim for a peer's CPU, and whether it is met."""
    aim = AIMS.get((job.task, job.tool))
    if not aim or job.image.count == 1:  # one entry is a start, little else
        return ""
    return "%d: %s" % (aim, "ok" if times >= aim else "MISSED")


def row(jobs, job, quick):
    """A line of the table. Aims are for critic's memory and the peers' CPU."""
    out = [job.image.what, job.task, job.tool]
    if not job.series.costs:
        return out + ["", "", "", "", "", job.remark]
    low, high = job.series.spread("cpu")
    peak = job.series.median("peak")
    out += ["%.3f" % job.series.median("cpu"), "%.3f-%.3f" % (low, high), "%.1f" % (peak / 1024)]
    ours, ratio, aim = of_ours(jobs, job), "", ""
    if job.tool == OURS:
        aim = "< %d MB: %s" % (AIM_PEAK >> 10, "ok" if peak < AIM_PEAK else "MISSED")
    elif ours:
        times = job.series.median("cpu") / max(ours.series.median("cpu"), 1e-6)
        ratio, aim = "%.1f" % times, "" if quick else of_peer(times, job)
    return out + [ratio, aim, job.remark]


HEADS = ("image", "task", "tool", "CPU s", "min-max", "peak MB", "times", "aim", "")


def run(runner, directory, options):
    """Measure, print a table. Returns the figures."""
    jobs = measured(runner, directory, options)
    print(table.text(HEADS, [row(jobs, job, options.quick) for job in jobs], numbers=(3, 4, 5, 6)))
    print("CPU s, peak MB: medians of %d; times: its CPU seconds to those of critic"
          % options.runs)
    if options.quick:
        print("Small images measure how the tools start: no aims for CPU.")
    return [job.figures() for job in jobs]
