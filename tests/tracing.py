"""What the daemon asks of the kernel, by strace."""
import collections
import re
import shutil
import subprocess

import pytest

CALL = re.compile(r"^\d+\s+(\w+)\((.*)\)\s+= (-?\d+|\?)(<.*>)?")
STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')

Call = collections.namedtuple("Call", "name arguments result path line")


class Trace:
    """Calls with a path in them, of a mount that runs under strace."""

    def __init__(self, log):
        if not shutil.which("strace"):
            pytest.skip("no strace")
        self.log = log
        self.under = ["strace", "-f", "-qq", "-y", "-s", "4096", "-e", "trace=%file", "-e", "signal=none", "-o", log]
        probe = subprocess.run([*self.under, "true"], capture_output=True, text=True)
        if probe.returncode:
            pytest.skip("strace: " + probe.stderr.strip())

    def calls(self):
        """Those that were finished, in order; a path is where an open led."""
        out, halves = [], {}
        with open(self.log, errors="surrogateescape") as f:
            for line in f.read().split("\n"):
                thread = line.split(" ", 1)[0]
                if line.endswith(" <unfinished ...>"):
                    halves[thread] = line[:-len(" <unfinished ...>")]
                    continue
                resumed = re.match(r"^\d+\s+<\.\.\. \w+ resumed>", line)
                if resumed:
                    line = halves.pop(thread) + line[resumed.end():]
                call = CALL.match(line)
                if call:
                    out.append(Call(call[1], call[2], int(call[3]) if call[3] != "?" else -1,
                                    (call[4] or "")[1:-1], line))
        return out


def strings(call):
    """The names among its arguments; not what descriptors in it are of."""
    return STRING.findall(call.arguments)


@pytest.fixture
def trace(work, monkeypatch):
    """mount(dump, under=trace.under); trace.calls() when it is closed."""
    # what looks for leaks can't be traced itself
    monkeypatch.setenv("ASAN_OPTIONS", "detect_leaks=0:abort_on_error=0:exitcode=99")
    return Trace(work + "/trace")
