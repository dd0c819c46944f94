"""Documents that are none: what critic says of each, and that it leaves all as it was.

bad/NAME.json is a document with one mistake, bad/NAME.expected the message about
it. Line and column are those of the first character of what is wrong there; of
the closing brace where a key is missing.
"""
import json
import os
import re
import shutil
import stat

import pytest

import critic
import dumps
import mnt

BAD = os.path.join(os.path.dirname(os.path.abspath(__file__)), "bad")
CASES = sorted(name[:-len(".json")] for name in os.listdir(BAD) if name.endswith(".json"))

MESSAGE = re.compile(r"FILE:(\d+):(\d+): error: (.+)\n")


def expected(case, file):
    """The message about a case whose document comes from `file`."""
    with open(os.path.join(BAD, case + ".expected"), encoding="utf-8") as f:
        return "critic: " + f.read().rstrip("\n").replace("FILE", file, 1)


def document(case):
    return mnt.read(os.path.join(BAD, case + ".json"))


@pytest.fixture
def place(work):
    """A directory with an image in it that must stay as it is."""
    dumps.write(work, "out.img", critic.pipe_data(b"the old image"))
    return work


def state(path):
    """Names, and for the files also bytes, times and inodes, of a directory."""
    out = {}
    for name in os.listdir(path):
        st = os.stat(os.path.join(path, name))
        out[name] = (mnt.read(os.path.join(path, name)), st.st_mtime_ns, st.st_ino, st.st_mode)
    return out


def test_there_are_many():
    assert len(CASES) >= 36
    assert {n[:-len(".expected")] for n in os.listdir(BAD) if n.endswith(".expected")} == set(CASES)


@pytest.mark.parametrize("case", CASES)
def test_the_expected_message_is_within_the_text(case):
    """Its place is in the document, and no message has two lines."""
    with open(os.path.join(BAD, case + ".expected"), encoding="utf-8") as f:
        line, column, _ = MESSAGE.fullmatch(f.read()).groups()
    lines = document(case).split(b"\n")
    assert 1 <= int(line) <= len(lines)
    assert 1 <= int(column) <= len(lines[int(line) - 1]) + 1


@pytest.mark.parametrize("case", CASES)
def test_from_a_file(place, case):
    """The message names the file, stdout is empty, the output and its directory stay."""
    shutil.copy(os.path.join(BAD, case + ".json"), place + "/bad.json")
    before = state(place)
    done = critic.run("encode", "-i", "bad.json", "-o", "out.img", cwd=place)
    assert done.error() == expected(case, "bad.json")
    assert state(place) == before


@pytest.mark.parametrize("case", CASES)
def test_from_a_pipe_to_stdout(place, case):
    """Nothing at all is written, whatever came before the mistake."""
    before = state(place)
    done = critic.run("encode", data=document(case), cwd=place)
    assert done.error() == expected(case, "<stdin>")
    assert state(place) == before


def test_no_output_is_made(place):
    """Neither the new file nor a temporary one is there."""
    before = state(place)
    for case in CASES[::5]:
        done = critic.run("encode", "-o", "new.img", data=document(case), cwd=place)
        assert done.error() == expected(case, "<stdin>")
    assert state(place) == before


def test_stdin_that_is_a_file(place):
    for case in CASES[::5]:
        with open(os.path.join(BAD, case + ".json"), "rb") as f:
            done = critic.run("encode", stdin=f, cwd=place)
        assert done.error() == expected(case, "<stdin>")


@pytest.mark.parametrize("entries", [10, 3000, 60000])
def test_far_behind(place, entries):
    """The place is right and nothing written, however much was well before it."""
    good = '{"pid": 1, "ppid": 0, "pgid": 1, "sid": 1}'
    lines = ['{"magic": "PSTREE", "entries": ['] + [good + ","] * entries
    text = "\n".join(lines + ['    {"pid": 1, "ppid": "none", "pgid": 1, "sid": 1}]}'])
    before = state(place)
    for options in ([], ["-o", "out.img"]):
        message = critic.run("encode", *options, data=text, cwd=place).error()
        assert message == ('critic: <stdin>:%d:24: error: entries[%d].ppid: expected an integer, got "none"'
                           % (entries + 2, entries))
        assert state(place) == before


@pytest.mark.parametrize("size", [100000, 5 << 20])
def test_behind_a_large_extra(place, size):
    """A column of millions, and what came before it is thrown away again."""
    image = critic.pipe_data(bytes(size))
    text = critic.plain(critic.document(image))
    cut = text[:-2] + ", @}"
    before = state(place)
    message = critic.run("encode", "-o", "out.img", data=cut, cwd=place).error()
    assert message.startswith("critic: <stdin>:1:%d: error: " % (cut.index("@") + 1))
    assert state(place) == before


def test_deep_nesting(place):
    """Refused, at whichever level, and not by a crash."""
    before = state(place)
    for text in ("[" * 300000, '{"magic": "CGROUP", "entries": [' * 100000,
                 '{"magic": "CGROUP", "x": ' + "[" * 100000,
                 '{"magic": "PSTREE", "entries": [{"pid": ' + "[" * 100000,
                 '{"entries": [' + "[" * 100000, '{"entries": [{"pid": ' + "[" * 100000):
        assert re.match(r"critic: <stdin>:1:\d+: error: ", critic.run("encode", data=text, cwd=place).error())
    assert state(place) == before


def test_a_good_document_replaces_the_image(place):
    """The other cases are refused for their mistakes, not for their way here."""
    os.chmod(place + "/out.img", 0o640)
    image = critic.pipe_data(b"the new image")
    done = critic.run("encode", "-o", "out.img", data=critic.plain(critic.document(image)), cwd=place)
    assert (done.status, done.out, done.err) == (0, b"", "")
    assert os.listdir(place) == ["out.img"]
    assert stat.S_IMODE(os.stat(place + "/out.img").st_mode) == 0o640
    assert mnt.read(place + "/out.img") == critic.criuimg.write_image(image)


def test_names_of_files_are_not_json(work):
    """A message names the file as it was given."""
    for name in ("a b.json", "h\u00fclle.json", "-.json", "%s%n.json"):
        with open(os.path.join(work, name), "w") as f:
            json.dump({"magic": "NOSUCH", "entries": []}, f)
        message = critic.run("encode", "-i", "./" + name, cwd=work).error()
        assert message.startswith("critic: ./%s:1:11: error: " % name)
