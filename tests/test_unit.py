"""The C unit tests: each test of each unit-* program is an item here."""
import glob
import os
import subprocess

import pytest

import mnt

PROGRAMS = sorted(p for p in glob.glob(os.path.join(mnt.BUILD, "tests", "unit-*"))
                  if os.access(p, os.X_OK) and not os.path.isdir(p) and "." not in os.path.basename(p))
SKIP = 77


def names(program):
    done = subprocess.run([program, "--list"], capture_output=True, text=True, env=mnt.environment())
    # A program that can't list its tests becomes one test, which fails.
    return done.stdout.split() if done.returncode == 0 else ["--list"]


CASES = [pytest.param(p, n, id="%s:%s" % (os.path.basename(p), n))
         for p in PROGRAMS for n in names(p)]


@pytest.mark.parametrize("program, name", CASES)
def test_unit(program, name, work):
    done = subprocess.run([program, name], capture_output=True, cwd=work, timeout=300,
                          text=True, errors="replace", env=mnt.environment())
    output = done.stdout + done.stderr
    if done.returncode == SKIP:
        pytest.skip(output.strip() or "skipped")
    mnt.check_log(output)
    assert done.returncode == 0, output[-4000:]
