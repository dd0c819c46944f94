"""vim as it comes, in a terminal: its ways to leave, and new entries. How it saves is in test_editors.py."""
import os

import pytest

import criuimg
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

    def start(keys, name="3.json", shows='"reg"'):
        home = os.path.join(work, "home")
        os.makedirs(home, exist_ok=True)
        open_ones.append(Terminal(["/usr/bin/vim", name], target.dir, home))
        open_ones[-1].expect(shows)
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


def test_a_new_entry(target, vim):
    assert vim(":0r 3.json\r:$d\r" + SUBSTITUTE + ":wq\r", "40.json", "New").wait() == 0
    after = criuimg.load(target.stored)
    assert len(after.entries) == len(target.before.entries) + 1
    assert after.entries[-1].text() == mnt.read_text(target.dir + "/40.json") == target.new
    assert [e.frame for e in after.entries[:-1]] == [e.frame for e in target.before.entries]


def test_a_new_entry_refused_and_corrected(target, vim):
    """There is no such entry then, so vim is not asked whether it may be overwritten."""
    terminal = vim(':0r 3.json\r:$d\r:%s/"pos": 0,/"pos": "x",/\r:w\r', "40.json", "New")
    terminal.expect("E512|E667")
    target.assert_unchanged()
    assert mnt.read_text(target.dir + "/40.json.rej") == target.old.replace(target.OLD, '"pos": "x",')
    assert not os.path.exists(target.dir + "/40.json")
    terminal.type('\r:%s/"pos": "x",/"pos": 7,/\r:w\r:q\r')
    assert terminal.wait() == 0
    assert criuimg.load(target.stored).entries[-1].text() == target.new
    assert not os.path.exists(target.dir + "/40.json.rej")


def test_a_new_entry_saved_well_then_badly(target, vim):
    """vim puts the backup back, which must not look like another's change to it."""
    terminal = vim(':0r 3.json\r:$d\r:w\r:%s/"pos": 0,/"pos": "x",/\r:w\r', "40.json", "New")
    terminal.expect("E512|E667")
    assert os.path.exists(target.dir + "/40.json.err")
    assert mnt.read_text(target.dir + "/40.json") == target.old
    terminal.type('\r:%s/"pos": "x",/"pos": 7,/\r:w\r:q\r')
    assert terminal.wait() == 0
    assert not terminal.has_shown("changed since|WARNING: The file")
    assert criuimg.load(target.stored).entries[-1].text() == target.new
