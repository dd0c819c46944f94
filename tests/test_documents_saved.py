"""Documents saved by every tool of test_editors.py: what they save is the image, or refused and kept."""
import os
import re
import shutil

import pytest

import criuimg
import mnt
from documents import Target
from test_editors import TOOLS, WRONG, with_pos

# What is said of a position is said of an entry; of many of them, not before the last.
INDEX = Target.INDEX


@pytest.fixture
def target(mount, work):
    return Target(mount, work)


@pytest.fixture
def start(target, work):
    """start(tool) opens it on the document; editors are ended with the test."""
    open_ones = []

    def start(tool):
        absent = [n for n in tool.needs if not shutil.which(n)]
        if absent:
            pytest.skip("no " + ", ".join(absent))
        open_ones.append(tool.start(target, work))
        open_ones[-1].ready()
        return open_ones[-1]

    yield start
    for session in open_ones:
        session.close()


def tools(test):
    return pytest.mark.parametrize("tool", TOOLS, ids=lambda t: t.name.replace(" ", "_"))(test)


def place(text):
    """Where the wrong value is, as compilers count, and what it is of."""
    before = text[:text.index(WRONG)]
    return ".critfs/json/files.img.json:%d:%d: error: entries[0].reg.pos: " % (
        before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)


def leavings(tool):
    return [name % Target.NAME for name in tool.leaves]


def left(tool, target):
    """What of its own is there now."""
    strays = [s.replace("3.json", Target.NAME) for s in tool.strays]
    return [n for n in os.listdir(target.dir)
            if n in leavings(tool) or any(re.fullmatch(s, n) for s in strays)]


@tools
def test_edit(target, start, tool):
    session = start(tool)
    session.save(7)
    session.end()
    target.assert_committed()
    target.assert_clean(leavings(tool))
    for name in leavings(tool):
        assert name.endswith(".un~") or mnt.read_text(target.dir + "/" + name) == target.old


@tools
def test_refused_and_corrected(target, start, tool):
    session, wrong = start(tool), with_pos(target.old, WRONG)
    session.refuse(WRONG)
    typed = tool.typed(wrong)
    open_too = [n for n in os.listdir(target.dir)
                if n.startswith((".%s.sw" % Target.NAME, ".#" + Target.NAME))]
    target.assert_rejected(typed, place(typed), left(tool, target) + open_too)
    session.save(7)
    session.end()
    target.assert_committed()
    target.assert_clean(left(tool, target))


@tools
def test_saved_again_and_again(target, start, tool):
    session = start(tool)
    for value in (7, 88, 9):
        session.save(value)
    session.end()
    target.assert_committed(with_pos(target.old, 9))
    target.assert_clean(leavings(tool))
    assert criuimg.load(target.stored).entries[0].text() == mnt.read_text(target.mount / "files.img/0.json")
