"""Running a command and what it takes: CPU seconds and peak memory."""
import collections
import os
import statistics
import subprocess
import time


class Cost(collections.namedtuple("Cost", "user system wall peak")):
    """Seconds, and the peak of resident memory in KiB."""

    @property
    def cpu(self):
        return self.user + self.system


class Failed(Exception):
    """The command did not do what was to be measured."""


def exit_code(status):
    return os.waitstatus_to_exitcode(int(status))


class Runner:
    """Measures commands with the helper program `cost`, see there why."""

    def __init__(self, helper):
        self.helper = helper

    def run(self, argv, exits=(0,)):
        """The cost of one run that ends with one of `exits`; its output goes nowhere."""
        read, write = os.pipe()
        begin = time.monotonic()
        try:
            done = subprocess.run([self.helper, str(write), *argv], pass_fds=[write],
                                  stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.PIPE)
        finally:
            os.close(write)
        wall = time.monotonic() - begin
        with os.fdopen(read) as f:
            said = f.read().split()
        if done.returncode or len(said) != 4 or exit_code(said[0]) not in exits:
            reason = done.stderr.decode(errors="replace").strip().splitlines()
            raise Failed(reason[0] if reason else "wait status " + " ".join(said[:1]))
        return Cost(float(said[1]), float(said[2]), wall, int(said[3]))


class Series:
    """The costs of several runs of the same."""

    def __init__(self):
        self.costs = []

    def add(self, cost):
        self.costs.append(cost)

    def median(self, what):
        return statistics.median(getattr(c, what) for c in self.costs)

    def spread(self, what):
        values = [getattr(c, what) for c in self.costs]
        return min(values), max(values)

    def figures(self):
        """All that was measured, for a file."""
        return [c._asdict() for c in self.costs]
