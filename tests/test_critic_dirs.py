"""Whole directories: each image becomes a document, all else is copied, and back."""
import json
import os
import pty
import stat
import subprocess

import pytest

import criuimg
import critic
import dumps
import handmade
import mnt
from criuimg import TYPES


def tree(root):
    """{relative path: what is there} of all below a directory."""
    out = {}
    for where, dirs, names in os.walk(root):
        for name in dirs + names:
            path = os.path.join(where, name)
            rel = os.path.relpath(path, root)
            if os.path.islink(path):
                out[rel] = "link to " + os.readlink(path)
            elif os.path.isdir(path):
                out[rel] = "directory"
            else:
                out[rel] = mnt.read(path)
    return out


def wanted(root, pretty):
    """What a decoded directory has to hold."""
    images = dumps.images(root)
    out = {}
    for rel, what in tree(root).items():
        if rel in images:
            value = critic.document(images[rel], pretty)
            out[rel + ".json"] = critic.spell(value, pretty).encode("utf-8")
        else:
            out[rel] = what
    return out


def strip(documents):
    """With or without a newline at their end: both are documents."""
    return {rel: what.rstrip(b"\n") if rel.endswith(".json") and isinstance(what, bytes) else what
            for rel, what in documents.items()}


def there_and_back(root, work, *options):
    done = critic.run("decode", root, "-o", work + "/out", *options)
    assert (done.status, done.out, done.err) == (0, b"", "")
    assert strip(tree(work + "/out")) == strip(wanted(root, bool(options)))
    done = critic.run("encode", work + "/out", "-o", work + "/back")
    assert (done.status, done.out, done.err) == (0, b"", "")
    assert tree(work + "/back") == tree(root)


@pytest.mark.parametrize("name", dumps.NAMES)
def test_recorded(work, name):
    there_and_back(dumps.pristine(name), work, "--pretty")


@pytest.mark.parametrize("name", ["demo", "container-ipc", "incremental", "legacy-v1-python3-r", "apparmor"])
def test_recorded_plain(work, name):
    there_and_back(dumps.pristine(name), work)


def test_diff_says_so(work):
    """As a person would look."""
    root = dumps.pristine("demo")
    critic.run("decode", root, "-o", work + "/out").text()
    critic.run("encode", work + "/out", "-o", work + "/back").text()
    assert subprocess.run(["diff", "-r", root, work + "/back"], capture_output=True).stdout == b""


@pytest.mark.parametrize("header, order, variant", [(None, "<", "full"), ("v1.0", ">", "bare")])
def test_hand_made(work, header, order, variant):
    handmade.make_dump(work + "/dump", variant, header, order)
    there_and_back(work + "/dump", work, "--pretty")


@pytest.mark.parametrize("options", [["-i", "D", "-o", "OUT"], ["--in=D", "--out=OUT"], ["-o", "OUT", "D"],
                                     ["D/", "-o", "OUT/"], ["D", "-o", "OUT"]])
def test_ways_to_call_it(work, options):
    handmade.make_dump(work + "/D", "bare")
    assert critic.run("decode", *options, cwd=work).text() == ""
    assert strip(tree(work + "/OUT")) == strip(wanted(work + "/D", False))
    os.rename(work + "/D", work + "/before")
    os.rename(work + "/OUT", work + "/D")
    assert critic.run("encode", *options, cwd=work).text() == ""
    assert tree(work + "/OUT") == tree(work + "/before")


def odd_dump(root):
    """What is no image, what only looks like one, and what is in other directories."""
    image = handmade.image(TYPES["FDINFO"])
    os.makedirs(root + "/sub/deeper")
    os.mkdir(root + "/empty")
    dumps.write(root, "fdinfo-2.img", image)
    dumps.write(root, "sub/deeper/pstree.img", handmade.image(TYPES["PSTREE"]))
    dumps.write(root, "pages-1.img", criuimg.write_image(image))
    dumps.write(root, "iptables-1.img", b"")
    dumps.write(root, "route-9.img", bytes(1000))
    dumps.write(root, "core-1.img", b"no image\n")
    dumps.write(root, "empty.img", b"")
    dumps.write(root, "descriptors.json", b'["/dev/null", "pipe:[1]"]\n')
    dumps.write(root, "dump.log", b"(00.000) log\n")
    dumps.write(root, "stats-dump", handmade.image(TYPES["STATS"]))
    dumps.write(root, "anything", image)
    dumps.write(root, "a b \u00e4.img", image)
    dumps.write(root, "cut.img", criuimg.write_image(image)[:-1])
    os.symlink("sub", root + "/parent")
    os.symlink("../nowhere", root + "/broken")
    os.symlink("fdinfo-2.img", root + "/link.img")


def test_odd_files(work):
    odd_dump(work + "/dump")
    there_and_back(work + "/dump", work, "--pretty")


def test_a_json_file_that_is_no_document_stays(work):
    """descriptors.json and config.json come from others: only IMAGE.json documents are encoded."""
    os.mkdir(work + "/dump")
    texts = {"descriptors.json": b'["/dev/null"]\n', "config.json": b'{"ociVersion": "1.0"}\n', "bad.json": b"{",
             "list.json": b"[]", "empty.json": b"", "number.json": b"5\n"}
    for name, data in texts.items():
        dumps.write(work + "/dump", name, data)
    there_and_back(work + "/dump", work)


@pytest.mark.parametrize("names", [["pstree.img", "pstree.img.json"], ["pstree.img.json"], ["notes.json"]])
def test_documents_that_lie_in_the_dump(work, names):
    """What would not come back as it was is refused: nothing is lost without a word."""
    os.mkdir(work + "/dump")
    image = handmade.image(TYPES["PSTREE"], "bare")
    text = critic.pretty(critic.document(image)).encode()
    for name in names:
        dumps.write(work + "/dump", name, text if name.endswith(".json") else image)
    done = critic.run("decode", work + "/dump", "-o", work + "/out")
    if done.status == 0:
        assert critic.run("encode", work + "/out", "-o", work + "/back").text() == ""
        assert tree(work + "/back") == tree(work + "/dump")
    else:
        assert names[-1] in done.error()


def test_holes_are_kept(work):
    """Pages of hundreds of megabytes may be holes for the most part."""
    os.mkdir(work + "/dump")
    with open(work + "/dump/pages-1.img", "wb") as f:
        f.write(b"x" * 4096)
        f.seek(200 << 20)
        f.write(b"y" * 4096)
        f.truncate(400 << 20)
    size = os.stat(work + "/dump/pages-1.img").st_blocks
    assert size < 1000
    critic.run("decode", work + "/dump", "-o", work + "/out").text()
    critic.run("encode", work + "/out", "-o", work + "/back").text()
    for where in ("/out", "/back"):
        st = os.stat(work + where + "/pages-1.img")
        assert st.st_size == 400 << 20 and st.st_blocks < 1000
        with open(work + where + "/pages-1.img", "rb") as f:
            assert f.read(4096) == b"x" * 4096
            f.seek(200 << 20)
            assert f.read(4097) == b"y" * 4096 + b"\0"


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444])
def test_modes_of_copies(work, mode):
    """A dump holds secrets: what is written of it is not more open than it was."""
    os.mkdir(work + "/dump")
    for name, what in (("pages-1.img", b"secret"), ("fdinfo-2.img", handmade.image(TYPES["FDINFO"]))):
        os.chmod(dumps.write(work + "/dump", name, what), mode)
    critic.run("decode", work + "/dump", "-o", work + "/out").text()
    critic.run("encode", work + "/out", "-o", work + "/back").text()
    for name in ("out/pages-1.img", "out/fdinfo-2.img.json", "back/pages-1.img", "back/fdinfo-2.img"):
        assert stat.S_IMODE(os.stat(os.path.join(work, name)).st_mode) & ~mode & 0o077 == 0, name


def test_into_a_directory_that_is_there(work):
    """Other files in it stay; those of the same names are replaced."""
    handmade.make_dump(work + "/dump", "bare")
    os.mkdir(work + "/out")
    dumps.write(work + "/out", "mine", b"mine")
    dumps.write(work + "/out", "pstree.img.json", b"old")
    critic.run("decode", work + "/dump", "-o", work + "/out").text()
    assert strip(tree(work + "/out")) == strip(dict(wanted(work + "/dump", False), mine=b"mine"))


def test_over_another_dump(work):
    """Files of the same size and time may still be others: dumps out of archives are like that."""
    for name, pages in (("one", b"a" * 8192), ("two", b"b" * 8192)):
        os.mkdir(work + "/" + name)
        for file, what in (("pages-1.img", pages), ("fdinfo-2.img", handmade.image(TYPES["FDINFO"], "bare"))):
            os.utime(dumps.write(work + "/" + name, file, what), (1500000000, 1500000000))
    for name in ("one", "two"):
        critic.run("decode", work + "/" + name, "-o", work + "/out").text()
        assert strip(tree(work + "/out")) == strip(wanted(work + "/" + name, False))
        critic.run("encode", work + "/out", "-o", work + "/back").text()
        assert tree(work + "/back") == tree(work + "/" + name)


@pytest.mark.parametrize("given", ["parent", "parent/", "./parent"])
def test_by_a_link(work, given):
    """An incremental dump has a link to the one before it, which is a dump like any other."""
    handmade.make_dump(work + "/dump", "bare")
    os.symlink("dump", work + "/parent")
    os.mkdir(work + "/place")
    os.symlink("place", work + "/out")
    critic.run("decode", given, "-o", "out", cwd=work).text()
    assert strip(tree(work + "/place")) == strip(wanted(work + "/dump", False))
    critic.run("encode", "out", "-o", "back", cwd=work).text()
    assert tree(work + "/back") == tree(work + "/dump")


def test_sorted_between(work):
    """jq -S on all documents, those of images with names of no type too."""
    odd_dump(work + "/dump")
    critic.run("decode", work + "/dump", "-o", work + "/out").text()
    for rel in dumps.images(work + "/dump"):
        path = work + "/out/" + rel + ".json"
        value = json.loads(mnt.read(path))
        with open(path, "w") as f:
            json.dump(value, f, sort_keys=True, indent=2)
    critic.run("encode", work + "/out", "-o", work + "/back").text()
    assert tree(work + "/back") == tree(work + "/dump")


def test_edited_between(work):
    """What decode is for: one value changed in one document."""
    handmade.make_dump(work + "/dump", "bare")
    critic.run("decode", work + "/dump", "-o", work + "/out", "--pretty").text()
    path = work + "/out/pstree.img.json"
    value = json.loads(mnt.read(path))
    value["entries"][1]["pid"] = 4711
    with open(path, "w") as f:
        f.write(critic.pretty(value))
    critic.run("encode", work + "/out", "-o", work + "/back").text()
    before, after = tree(work + "/dump"), tree(work + "/back")
    assert before.pop("pstree.img") != after.pop("pstree.img")
    assert before == after
    assert criuimg.load(work + "/back/pstree.img").entries[1].json()["pid"] == 4711


def test_a_bad_document_is_named_and_the_others_are_encoded_or_none(work):
    """The message has file, line and column, the exit status is 1, no image is half written."""
    handmade.make_dump(work + "/dump", "bare")
    critic.run("decode", work + "/dump", "-o", work + "/out").text()
    dumps.write(work + "/out", "pstree.img.json", b'{"magic": "PSTREE", "entries": [{"pid": "x"}]}')
    done = critic.run("encode", "out", "-o", "back", cwd=work)
    assert done.status == 1 and done.out == b""
    assert ('critic: out/pstree.img.json:1:41: error: entries[0].pid: expected an integer, got "x"'
            in done.err.splitlines())
    before = tree(work + "/dump")
    after = tree(work + "/back") if os.path.isdir(work + "/back") else {}
    assert "pstree.img" not in after
    assert all(before[name] == data for name, data in after.items())


def test_the_dump_is_only_read(work):
    odd_dump(work + "/dump")
    before = {rel: os.lstat(os.path.join(work, "dump", rel)).st_mtime_ns for rel in tree(work + "/dump")}
    contents = tree(work + "/dump")
    critic.run("decode", work + "/dump", "-o", work + "/out").text()
    assert tree(work + "/dump") == contents
    assert before == {rel: os.lstat(os.path.join(work, "dump", rel)).st_mtime_ns for rel in contents}


@pytest.mark.parametrize("command", ["decode", "encode"])
def test_where_to_has_to_be_said(work, command):
    """A directory has no place on stdout, and nothing goes into a file or into itself."""
    os.mkdir(work + "/dump")
    dumps.write(work + "/dump", "fdinfo-2.img", handmade.image(TYPES["FDINFO"]))
    dumps.write(work, "file", b"old")
    before = tree(work)
    assert critic.run(command, "dump", cwd=work).status in (1, 2)
    assert critic.run(command, "dump", "-o", "file", cwd=work).error().startswith("critic: ")
    for within in ("dump", "dump/sub", "./dump/", "dump/../dump"):
        assert critic.run(command, "dump", "-o", within, cwd=work).error().startswith("critic: ")
    assert tree(work) == before


def test_what_is_no_regular_file_is_never_opened(work):
    """A named pipe would never end, a socket can't be copied: the rest is decoded all the same."""
    os.mkdir(work + "/dump")
    image = handmade.image(TYPES["FDINFO"])
    dumps.write(work + "/dump", "fdinfo-2.img", image)
    os.mkfifo(work + "/dump/fifo.img")
    done = critic.run("decode", work + "/dump", "-o", work + "/out")
    assert done.status in (0, 1)
    assert mnt.read(work + "/out/fdinfo-2.img.json").decode().rstrip() == critic.plain(critic.document(image, False))


# ------------------------------------------------------------- progress bar

def on_a_terminal(*args):
    """(exit status, what came to the terminal that is its stderr)"""
    master, slave = pty.openpty()
    p = subprocess.Popen([critic.CRITIC, *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=slave,
                         env=mnt.environment(TERM="xterm", COLUMNS="80"))
    os.close(slave)
    shown = b""
    while True:
        try:
            data = os.read(master, 4096)
        except OSError:  # EIO: the other end is closed
            break
        if not data:
            break
        shown += data
    os.close(master)
    out, _ = p.communicate(timeout=60)
    assert out == b""
    return p.returncode, shown.decode()


def test_progress_is_shown_on_a_terminal_only(work):
    """It is gone from the line at the end, and nothing of it comes to files and pipes."""
    root = dumps.pristine("container-ipc")
    for args in (["decode", root, "-o", work + "/out"], ["encode", work + "/out", "-o", work + "/back"]):
        status, shown = on_a_terminal(*args)
        assert status == 0
        assert "\r" in shown
        last = shown.replace("\x1b[K", "").rstrip("\n").split("\r")[-1]
        assert last.strip() == "" or "100" in last or "/" in last
        assert critic.run(*args).text() == ""
    assert tree(work + "/back") == tree(root)
