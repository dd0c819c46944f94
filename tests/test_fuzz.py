"""The fuzz targets, with their seeds and with all that ever made one fail: see fuzz/README.md."""
import glob
import os
import resource
import subprocess
import sys

import pytest

import mnt

FUZZ = os.path.join(os.path.dirname(os.path.abspath(__file__)), "fuzz")
sys.path.insert(0, FUZZ)

import seeds

CRASHES = os.path.join(FUZZ, "crashes")

CPU_MAX = 10            # seconds, where hundredths are taken
MEMORY_MAX = 16 << 20   # bytes, where two or three million are taken


def replay(target, work, *inputs, **more):
    program = os.path.join(mnt.BUILD, "tests", "replay-" + target)
    return subprocess.run([program, *inputs], capture_output=True, text=True, errors="replace",
                          timeout=300, env=mnt.environment(TMPDIR=work), **more)


def put(path, data):
    with open(path, "wb") as f:
        f.write(data)
    return path


@pytest.mark.parametrize("target", sorted(seeds.ALL))
def test_replay(target, work):
    seeds.make(work, [target])
    inputs = sorted(glob.glob(os.path.join(CRASHES, target + "-*")))
    done = replay(target, work, os.path.join(work, target), *inputs)
    last = done.stdout.splitlines()[-1:]
    assert done.returncode == 0, (last, done.stderr[-4000:])
    mnt.check_log(done.stderr)
    assert last == ["%d inputs" % (len(os.listdir(os.path.join(work, target))) + len(inputs))]
    assert not glob.glob(os.path.join(work, "critfs-unit-*"))


def limits():
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_MAX, CPU_MAX))
    if not mnt.sanitized():
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_MAX, MEMORY_MAX))


@pytest.mark.parametrize("target", ["document", "dump", "image", "json"])
def test_little_costs_little(target, work):
    """Ten kilobytes that were made to cost much take little memory and time."""
    seeds.make(work, [target])
    hostile = sorted(glob.glob(os.path.join(work, target, "hostile-*")))
    assert len(hostile) >= 5
    for path in hostile:
        done = replay(target, work, path, preexec_fn=limits)
        assert done.returncode == 0, (path, done.stderr[-2000:])


def test_crashes_are_named_for_targets():
    names = [os.path.basename(p) for p in glob.glob(os.path.join(CRASHES, "*"))]
    assert names and {n.split("-")[0] for n in names} <= set(seeds.ALL)


@pytest.mark.parametrize("text", ["wrong", "beyond"])
def test_replay_names_the_input_that_fails(work, text):
    for name in ("a-good", "b-bad", "c-good"):
        put(os.path.join(work, name), text.encode() if name == "b-bad" else b"good")
    done = replay("fails", work, work)
    if text == "beyond" and not mnt.sanitized():
        pytest.skip("only AddressSanitizer sees that")
    assert done.returncode not in (0, 1)
    assert done.stdout.splitlines()[-1] == os.path.join(work, "b-bad")
    assert "expected !says" in done.stderr if text == "wrong" else "AddressSanitizer" in done.stderr


def test_replay_needs_its_inputs(work):
    done = replay("fails", work, os.path.join(work, "none"), put(os.path.join(work, "one"), b"good"))
    assert done.returncode == 1 and "none: No such file" in done.stderr
    assert done.stdout.splitlines()[-1] == "1 inputs"
