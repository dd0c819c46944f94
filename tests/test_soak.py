"""The soak, for some seconds; and that it notices what it is there for."""
import os
import sys
import types

import pytest

import mnt
import slots
import upper

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "soak"))

import health
import soak

SECONDS = 20


@pytest.fixture
def short(work, monkeypatch, request):
    """A soak that is ready to begin."""
    request.getfixturevalue("mount")             # or the reason why nothing is mounted here
    monkeypatch.setenv("ASAN_OPTIONS", mnt.environment()["ASAN_OPTIONS"] + ":quarantine_size_mb=4")
    s = soak.Soak(1, print)
    yield s
    s.give_up()
    upper.ROOTS.clear()


def test_some_seconds(short):
    short.run(SECONDS, SECONDS / 4, 1000)
    short.end()
    done = short.operations()
    assert {name.split(".")[0] for name in done} == {type(job).__name__ for job in short.jobs}, done


def test_what_a_model_does_not_say_is_noticed(short):
    short.check()
    stored = os.path.join(short.root, "hand", "fdinfo-7.img")
    before = mnt.read(stored)
    e = slots.entry("FDINFO", 5)
    mnt.save(short.mount / "hand/fdinfo-7.img/3.json", e.text())
    with pytest.raises(AssertionError, match="hand/fdinfo-7.img"):
        short.check()
    with open(stored, "wb") as f:
        f.write(before)
    short.check()
    os.mkdir(short.mount / "hand/fdinfo-8.img")
    with pytest.raises(AssertionError, match="too many: .'hand/fdinfo-8.img'"):
        short.check(1)


def sample(memory=10000, threads=5, others=("a", "b"), files=70):
    return types.SimpleNamespace(memory=memory, threads=threads, others=list(others), files=files)


@pytest.mark.parametrize("last, wrong", [
    ({}, None), ({"memory": 12000}, None), ({"memory": 15000}, "memory"), ({"threads": 6}, "threads"),
    ({"others": "abc"}, "descriptors"), ({"files": 100}, "descriptors of the dump's files")])
def test_what_grows_is_noticed(last, wrong):
    found = health.wrong([sample(memory=2000)] + [sample()] * 5 + [sample(**last)] * 2)
    assert len(found) == (wrong is not None)
    assert not wrong or found[0].startswith(wrong)


def test_a_single_peak_is_no_growth():
    assert not health.wrong([sample(memory=50000 if n == 7 else 10000) for n in range(9)])
