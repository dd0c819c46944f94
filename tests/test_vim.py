"""vim as it comes, in a terminal: its ways to leave. How it saves is in test_editors.py."""
import os

import pytest

import mnt
from editing import Target
from terminal import Terminal

pytestmark = pytest.mark.skipif(not os.path.exists("/usr/bin/vim"), reason="no vim")


@pytest.fixture
def target(mount, work):
    return Target(mount, work)


@pytest.fixture
def vim(target, work):
    """vim(keys) opens the entry and types; it is ended with the test."""
    open_ones = []

    def start(keys):
        home = os.path.join(work, "home")
        os.makedirs(home, exist_ok=True)
        open_ones.append(Terminal(["/usr/bin/vim", "3.json"], target.dir, home))
        open_ones[-1].expect('"reg"')
        open_ones[-1].type(keys)
        return open_ones[-1]

    yield start
    for terminal in open_ones:
        terminal.close()


SUBSTITUTE = ':%s/"pos": 0,/"pos": 7,/\r'


@pytest.mark.parametrize("leave", [":wq\r", ":x\r", "ZZ", ":w\r:q\r"])
def test_edit(target, vim, leave):
    assert vim(SUBSTITUTE + leave).wait() == 0
    target.assert_committed()
    assert os.listdir(target.dir) == mnt.listing(target.before)
    assert mnt.read_text(target.mount / ".critfs/scratch") == ""


def test_left_without_saving(target, vim):
    assert vim(SUBSTITUTE + ":q!\r").wait() == 0
    target.assert_unchanged()
    assert os.listdir(target.dir) == mnt.listing(target.before)
