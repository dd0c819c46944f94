#!/usr/bin/python3
"""Measure critfs beside other tools: tests/bench/bench.py [KIND…]

One run of this gives figures that can be compared with each other, and with no others:
machines differ, and so do their hours. `make bench` builds what it needs. README.md
says what is measured, and how.
"""
import argparse
import contextlib
import json
import os
import platform
import sys
import time

sys.dont_write_bytecode = True

import codec
import editing
import layers
import listing
import measure
import memory
import mounts
import parallel
import places
import proc
import reading
import script
import signals
import start
import walk

REPO = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(REPO, os.environ.get("CRITFS_BUILD", "build"))

KINDS = {"codec": codec.run, "mount-walk": walk.run, "mount-list": listing.run,
         "mount-start": start.run, "mount-read": reading.run, "mount-edit": editing.run,
         "mount-script": script.run, "mount-parallel": parallel.run, "mount-memory": memory.run,
         "mount-proc": proc.run, "mount-layers": layers.run}

ALL_CPUS = ("codec", "mount-parallel")  # all others work on one


def parse(args):
    parser = argparse.ArgumentParser(description="Measure critfs beside other tools.")
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=", ".join(KINDS) + "; all")
    parser.add_argument("--runs", type=int, default=3, metavar="N", help="of which the median counts")
    parser.add_argument("--quick", action="store_true", help="small images: a try, no figures")
    parser.add_argument("--json", metavar="FILE", help="write the figures there, too")
    parser.add_argument("--critic", default=os.path.join(BUILD, "critic"), metavar="PROGRAM")
    parser.add_argument("--critfs", default=os.path.join(BUILD, "critfs"), metavar="PROGRAM")
    options = parser.parse_args(args)
    options.kinds = options.kinds or list(KINDS)
    unknown = [k for k in options.kinds if k not in KINDS]
    if unknown or options.runs < 1:
        parser.error("there is no kind " + unknown[0] if unknown else "at least one run")
    options.nullfs = os.path.join(BUILD, "tests", "nullfs")
    options.say = progress
    return options


def progress(text):
    """One line that is written over, where somebody looks."""
    if sys.stderr.isatty():
        sys.stderr.write("\r\033[K" + text)
        sys.stderr.flush()


def idle():
    """{CPU: clock ticks that it was idle}"""
    with open("/proc/stat") as f:
        rows = [line.split() for line in f if line[:3] == "cpu" and line[3].isdigit()]
    return {int(row[0][3:]): int(row[4]) for row in rows}


def idlest():
    """The CPU that others, another bench perhaps, leave alone the most."""
    before = idle()
    time.sleep(0.5)
    after = idle()
    return max(os.sched_getaffinity(0), key=lambda cpu: after.get(cpu, 0) - before.get(cpu, 0))


@contextlib.contextmanager
def one_cpu():
    """Client and daemon take turns anyway. What it takes to wake up another CPU, on a virtual
    machine most of all, is many times a request, and not the file system's doing."""
    cpus = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {idlest()})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cpus)


def measured(kind, runner, options):
    """One kind's figures, from a directory that is gone afterwards."""
    cpus = contextlib.nullcontext() if kind in ALL_CPUS else one_cpu()
    try:
        with cpus, places.directory(None) as directory:
            return KINDS[kind](runner, directory, options)
    finally:
        progress("")


def run(kind, runner, options):
    """One kind's figures, or why there are none."""
    why = mounts.why_not() if kind.startswith("mount-") else None
    try:
        if why:
            raise places.Missing(why)
        return measured(kind, runner, options)
    except places.Missing as e:
        print("%s: skipped: %s" % (kind, e))
        return {"skipped": str(e)}
    except (measure.Failed, mounts.Failed) as e:
        print("%s: FAILED: %s" % (kind, e))
        return {"failed": str(e)}


def main(args):
    options = parse(args)
    helper = os.path.join(BUILD, "tests", "cost")
    if not os.access(helper, os.X_OK):
        sys.exit("bench: no %s: call `make bench`" % helper)
    signals.on_signals(signals.stop)
    os.environ["LC_ALL"] = "C"  # what others make of text is not measured
    figures = {}
    for kind in options.kinds:
        figures[kind] = run(kind, measure.Runner(helper), options)
        print(flush=True)
    if options.json:
        with open(options.json, "w") as f:
            json.dump({"kernel": platform.release(), "machine": platform.machine(),
                       "cpus": os.cpu_count(), "quick": options.quick, "figures": figures},
                      f, indent=4)
            f.write("\n")
    return 1 if any("failed" in f for f in figures.values()) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
