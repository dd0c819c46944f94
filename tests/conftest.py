"""Fixtures: places to work in, mounts that are checked and removed afterwards."""
import os
import re
import sys
import threading

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import dumps
import mnt
import upper
from exploring import Made

if upper.ON:
    upper.install()

# No test takes that long; a request that is never answered would, for ever.
HANGS_AFTER = 900


def pytest_make_parametrize_id(config, val):
    """Short readable names for tests about texts of any bytes and length."""
    if isinstance(val, (str, bytes)):
        text = val if isinstance(val, str) else repr(val)[2:-1]
        return re.sub(r"[^!-~]+", "_", text)[:50]
    return None


def pytest_collection_modifyitems(items):
    """The longest first: none is left alone at the end of a run on two cores."""
    if upper.ON:
        for item in items:
            for mark in item.iter_markers("not_on_upper"):
                item.add_marker(pytest.mark.skip(reason=mark.args[0]))
    items.sort(key=lambda item: not item.name.startswith("test_large_"))


def pytest_configure(config):
    config.addinivalue_line("markers", "not_on_upper(why): what it looks at is not so on mounts "
                            "with an upper directory, see upper.py")


def pytest_sessionstart(session):
    dumps.sweep()


def pytest_sessionfinish(session):
    dumps.remove_all()


@pytest.fixture(autouse=True)
def watchdog():
    timer = threading.Timer(HANGS_AFTER, mnt.kill_all)
    timer.daemon = True
    timer.start()
    yield
    timer.cancel()


def need_fuse():
    reason = mnt.why_no_fuse() or mnt.why_not_run()
    if reason:
        pytest.skip(reason)


def _factory():
    need_fuse()
    mine = []

    def mount(dump, *options, **more):
        mine.append(mnt.Mount(dump, *options, **more))
        return mine[-1]

    yield mount
    errors = []
    for m in reversed(mine):
        try:
            m.close()
        except AssertionError as e:
            errors.append(str(e))
    upper.check()
    assert not errors, "\n".join(errors)


@pytest.fixture
def work():
    """A directory of the test's own."""
    path = dumps.new_dir()
    yield path
    dumps.remove(path)


@pytest.fixture(scope="module")
def room():
    """A directory of a module's own for thousands of small files."""
    path = dumps.new_dir(dumps.roomy())
    yield path
    dumps.remove(path)


@pytest.fixture
def mount(work):  # work outlives its mounts
    """mount(dump, *options) mounts; unmounting and its checks come with the test's end."""
    yield from _factory()


@pytest.fixture(scope="module")
def module_mount():
    yield from _factory()


@pytest.fixture
def made(work):
    """A dump made by hand, in a directory of its own."""
    root = os.path.join(work, "dump")
    os.mkdir(root)
    return Made(root)
