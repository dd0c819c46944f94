"""One table of the tools that people edit with: what they save lands in the image, or is refused and kept.

A tool is a row of TOOLS: its name, how it is driven, what it can say of a refusal. Every row then
edits an entry, has an edit refused and corrects it, and saves several times in a row.
"""
import errno
import os
import re
import shutil
import subprocess

import pytest

import calls
import criuimg
import dumps
import mnt
from editing import (Target, assert_clean, assert_no_temporaries, assert_only_changed, assert_rejected,
                     assert_told)
from keys import ED, EMACS, NANO, PRECIOUS, VIM
from terminal import Terminal

WRONG = '"abc"'  # no position


def line(value):
    return '"pos": %s,' % value


def with_pos(text, value):
    """The text of an entry with another position; all else is as it was."""
    new, n = re.subn(r'"pos": [^,\n]+,', lambda _: line(value), text)
    assert n == 1
    return new


def place(text):
    """Where the wrong value is, as compilers count."""
    before = text[:text.index(WRONG)]
    return "files.img/3.json:%d:%d: error: reg.pos: " % (before.count("\n") + 1,
                                                        len(before) - (before.rfind("\n") + 1) + 1)


class Tool:
    """How entry 3 gets another position.

    says: what is on the screen when that is refused; None where a program hears nothing of it.
    leaves: the names that it leaves beside an entry of the name %s, by its nature.
    strays: patterns of those that it leaves only where its saving failed.
    typed: what lands in the file, made of the text that is wanted.
    unlinks: it removes the entry first, as if something new came in its place.
    """

    def __init__(self, name, how, says, *, needs=(), leaves=(), strays=(), typed=lambda text: text,
                 unlinks=False):
        self.name, self.how, self.says = name, how, says
        self.needs, self.leaves, self.strays = needs, leaves, strays
        self.typed, self.unlinks = typed, unlinks

    def start(self, target, work, indexes=(3,)):
        return Runs(self, target, work)

    def leavings(self, *indexes):
        return [name % ("%d.json" % i) for i in indexes for name in self.leaves]

    def left(self, target):
        """What of its own is there now."""
        return [n for n in os.listdir(target.dir)
                if n in self.leavings(3) or any(re.fullmatch(s, n) for s in self.strays)]


class Runs:
    """A tool that saves once and ends: each save is a run of it."""

    def __init__(self, tool, target, work):
        self.tool, self.target, self.work = tool, target, work

    def save(self, value):
        said = self.tool.run(self.target, self.work, value)
        assert said is None, said

    def refuse(self, value):
        said = self.tool.run(self.target, self.work, value)
        if self.tool.says is None:
            assert said is None, said
        else:
            assert said is not None, "nothing failed"
            assert re.search(self.target.script(self.tool.says), said), said

    def end(self):
        pass

    ready = close = end


class Calls(Tool):
    """Calls of Python's: how(path, text). A refusal is EBADMSG from one of them."""

    def __init__(self, how, says="Bad message", **more):
        super().__init__(how.__name__, how, says, **more)

    def run(self, target, work, value):
        try:
            self.how(target.path, with_pos(target.old, value))
        except OSError as e:
            assert e.errno == errno.EBADMSG, e
            return str(e)
        return None


class Script(Tool):
    """A shell's script. A refusal is an exit status, and words on stderr.

    $NEW: a file outside with the text that is wanted; $OUT: another; $VALUE: the position;
    $SED: the editing of any position to that one.
    """

    def run(self, target, work, value):
        new, out = os.path.join(work, "new.json"), os.path.join(work, "out")
        with open(new, "w") as f:
            f.write(with_pos(target.old, value))
        env = dict(os.environ, LC_ALL="C.UTF-8", NEW=new, OUT=out, VALUE=str(value),
                   SED='s/"pos": [^,]*,/%s/' % line(value))
        done = subprocess.run(["sh", "-c", target.script(self.how)], cwd=target.dir, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=120, env=env)
        return "status %d: %s%s" % (done.returncode, done.stdout, done.stderr) if done.returncode else None


class Editor(Tool):
    """A program in a terminal, its command and what is typed into it."""

    def __init__(self, name, keys, *options, rc="", **more):
        super().__init__(name, keys, keys.refused, needs=[keys.program], **more)
        self.options, self.rc = options, rc

    def start(self, target, work, indexes=(3,)):
        return Session(self, target, work, indexes)


class Session:
    """An editor that stays open while it saves."""

    def __init__(self, tool, target, work, indexes):
        self.keys, self.target = tool.how, target
        self.texts = target.texts()
        self.current = indexes[0] if self.keys.shows_first else None
        self.status = 0
        home = os.path.join(work, "home")
        os.mkdir(home)
        if tool.rc:
            with open(os.path.join(home, self.keys.rc), "w") as f:
                f.write(self.keys.rc_begins + tool.rc + "\n")
        files = [target.name(i) for i in (indexes if self.keys.many is not None else indexes[:1])]
        options = [*self.keys.args, *tool.options, *(self.keys.many if len(files) > 1 else ())]
        self.terminal = Terminal([self.keys.program, *options, *files], target.dir, home)

    def ready(self):
        self.terminal.expect(self.keys.ready)

    def type(self, value, index):
        """Type another position and save it."""
        old = re.search(r'"pos": [^,\n]+,', self.texts[index])[0]
        self.texts[index] = with_pos(self.texts[index], value)
        if index != self.current:
            self.terminal.type(self.keys.other.replace("FILE", self.target.name(index)))
            self.current = index
        self.terminal.type(self.keys.replace % (old, line(value)) + self.keys.save)

    def save(self, value, index=3):
        """Save what is accepted: it is in the image, and nobody asked anything."""
        self.type(value, index)
        self.terminal.until(lambda: self.unwarned() and
                            self.target.committed(index) == self.texts[index])

    def refuse(self, value, index=3):
        self.type(value, index)
        self.terminal.expect(self.target.script(self.keys.refused))
        self.terminal.type(self.keys.dismiss)
        self.status = self.keys.troubled

    def unwarned(self):
        shown = self.terminal.has_shown(self.keys.warning)
        assert not shown, "\n".join(shown)
        return True

    def end(self):
        self.terminal.type(self.keys.quit)
        status = self.terminal.wait()
        self.unwarned()
        assert status == self.status, self.terminal.text()

    def close(self):
        self.terminal.close()


BACKUP = ["%s~"]
WORK_FILE = ["3.json.tmpq8s7"]

TOOLS = [
    Editor("vim", VIM),
    Editor("vim backupcopy=yes", VIM, rc="set backupcopy=yes", strays=["3.json~"]),
    Editor("vim backupcopy=no", VIM, rc="set backupcopy=no"),
    Editor("vim nowritebackup", VIM, rc="set nowritebackup"),
    Editor("vim nowritebackup backupcopy=yes", VIM, rc="set nowritebackup backupcopy=yes"),
    Editor("vim backup", VIM, rc="set backup", leaves=BACKUP),
    Editor("vim backup backupcopy=yes", VIM, rc="set backup backupcopy=yes", leaves=BACKUP),
    Editor("vim without swap file", VIM, "-n"),
    Editor("vim nofsync", VIM, rc="set nofsync"),
    Editor("vim undofile", VIM, rc="set undofile", leaves=[".%s.un~"]),
    Editor("nano", NANO),
    Editor("nano -G", NANO, "-G"),
    Editor("nano -B", NANO, "-B", leaves=BACKUP),
    Editor("emacs", EMACS, leaves=BACKUP),
    Editor("emacs without backup", EMACS, "--eval", "(setq make-backup-files nil)"),
    Editor("emacs backup-by-copying", EMACS, "--eval", "(setq backup-by-copying t)", leaves=BACKUP),
    Editor("emacs with fsync", EMACS, "--eval", "(setq write-region-inhibit-fsync nil)", leaves=BACKUP),
    Editor("emacs without fsync", EMACS, "--eval", "(setq write-region-inhibit-fsync t)", leaves=BACKUP),
    Editor("emacs file-precious-flag", PRECIOUS, "--eval", "(setq file-precious-flag t)", leaves=BACKUP,
           strays=["tmp[A-Za-z0-9]+"]),
    Editor("emacs auto-revert", EMACS, "--eval", "(setq auto-revert-interval 1)",
           "--funcall", "global-auto-revert-mode", leaves=BACKUP),
    Editor("ed", ED),

    Script("ed from a script", "printf '%s\\n' \",$SED\" w q | ed -s 3.json", "3.json: Bad message",
           needs=["ed"]),
    Script("ex", 'vim -es -u NONE -c "%$SED" -c wq 3.json', "status 1", needs=["vim"], strays=["3.json~"]),
    Script("sed -i", 'sed -i "$SED" 3.json', "cannot rename .*: Bad message"),
    Script("sed -i.bak", 'sed -i.bak "$SED" 3.json', "cannot rename .*: Bad message", leaves=["%s.bak"]),
    Script("perl -i", 'perl -i -pe "$SED" 3.json', "failed to rename .*: Bad message", needs=["perl"]),
    Script("perl -i.orig", 'perl -i.orig -pe "$SED" 3.json', "failed to rename .*: Bad message",
           needs=["perl"], leaves=["%s.orig"]),
    Script("jq and sponge", 'jq --indent 4 ".reg.pos = $VALUE" 3.json | sponge 3.json',
           "error writing .*: Bad message", needs=["jq", "sponge"]),
    Script("jq and mv", 'jq --indent 4 ".reg.pos = $VALUE" 3.json > t && mv t 3.json',
           "cannot move .*: Bad message", needs=["jq"], strays=["t"]),
    Script("jq and cat", 'jq --indent 4 ".reg.pos = $VALUE" 3.json > "$OUT" && cat "$OUT" > 3.json',
           "write error: Bad message", needs=["jq"]),
    Script("patch", 'diff -u 3.json "$NEW" > "$OUT"; patch -s 3.json "$OUT"', "Can't rename .*: Bad message",
           needs=["patch"]),
    Script("patch -b", 'diff -u 3.json "$NEW" > "$OUT"; patch -b -s 3.json "$OUT"',
           "Can't rename .*: Bad message", needs=["patch"], leaves=["%s.orig"]),
    # It removes the file for good where it fails: the old one is put back first.
    Script("git apply", 'cp 3.json "$OUT.old" 2> /dev/null || cp "$OUT.old" 3.json; '
           'diff -u --label a/3.json --label b/3.json 3.json "$NEW" > "$OUT"; git apply "$OUT"',
           "'3.json'.*: Bad message", needs=["git"], unlinks=True),
    Script("rsync", 'rsync "$NEW" 3.json', "rename .*: Bad message", needs=["rsync"]),
    Script("rsync -a", 'rsync -a "$NEW" 3.json', "rename .*: Bad message", needs=["rsync"]),
    Script("rsync -b", 'rsync -b "$NEW" 3.json', "rename .*: Bad message", needs=["rsync"], leaves=BACKUP),
    Script("rsync --inplace", 'rsync --inplace "$NEW" 3.json', "Bad message", needs=["rsync"]),
    Script("rsync of a directory", 'rsync -a --exclude="*.rej" --exclude="*.err" ./ "$OUT.d" && '
           'cp "$NEW" "$OUT.d/3.json" && rsync -a "$OUT.d/" ./', "rename .*: Bad message", needs=["rsync"]),
    Script("rsync --fsync", 'rsync --fsync "$NEW" 3.json', "rename .*: Bad message", needs=["rsync"]),
    Script("cp", 'cp "$NEW" 3.json', "failed to close '3.json': Bad message"),
    Script("cp -p", 'cp -p "$NEW" 3.json', "failed to close '3.json': Bad message"),
    Script("cp -a", 'cp -a "$NEW" 3.json', "failed to close '3.json': Bad message"),
    Script("cp -b", 'cp -b "$NEW" 3.json', "failed to close '3.json': Bad message", leaves=BACKUP),
    Script("cp --remove-destination", 'cp --remove-destination "$NEW" 3.json',
           "failed to close '3.json': Bad message", unlinks=True),
    Script("install -b", 'install -b -m 600 "$NEW" 3.json', "'3.json': Bad message", leaves=BACKUP),
    Script("install", 'install -m 600 "$NEW" 3.json', "'3.json': Bad message", unlinks=True),
    Script("mv from another file system", 'cp "$NEW" "$OUT" && mv "$OUT" 3.json', "'3.json'.*: Bad message",
           unlinks=True),
    Script("mv of a scratch file", 'cp "$NEW" t && mv -f t 3.json', "cannot move .*: Bad message",
           strays=["t"]),
    Script("mv -b", 'cp "$NEW" t && mv -b t 3.json', "cannot move .*: Bad message", strays=["t"],
           leaves=BACKUP),
    Script("tar", 'mkdir -p "$OUT.d" && cp "$NEW" "$OUT.d/3.json" && tar cf - -C "$OUT.d" 3.json | tar xf -',
           "3.json: Cannot close: Bad message", needs=["tar"], unlinks=True),
    Script("tar --overwrite", 'mkdir -p "$OUT.d" && cp "$NEW" "$OUT.d/3.json" && '
           'tar cf - -C "$OUT.d" 3.json | tar xf - --overwrite', "3.json: Cannot close: Bad message",
           needs=["tar"]),
    Script("tee", 'tee 3.json < "$NEW" > "$OUT"', "tee: 3.json: Bad message"),
    Script("dd", 'dd if="$NEW" of=3.json bs=7 status=none', "closing output file '3.json': Bad message"),
    Script("dd conv=notrunc", 'dd if="$NEW" of=3.json bs=64 conv=notrunc status=none',
           "closing output file '3.json': Bad message"),
    Script("dd conv=fsync", 'dd if="$NEW" of=3.json bs=64 conv=fsync status=none',
           "fsync failed for '3.json': Bad message"),
    Script("dd oflag=sync", 'dd if="$NEW" of=3.json oflag=sync status=none', "'3.json': Bad message"),
    Script("truncate and dd", 'truncate -s 0 3.json && dd if="$NEW" of=3.json status=none',
           "closing output file '3.json': Bad message"),
    Script("redirect", 'cat "$NEW" > 3.json', "write error: Bad message"),
    # Shells ignore what close says.
    Script("redirect of a built-in", 'printf "%s\\n" "$(cat "$NEW")" > 3.json', None),
    Script("redirect of bash's built-in", "bash -c 'echo \"$(< \"$NEW\")\" > 3.json'", None, needs=["bash"]),
    # head hears that its part is no JSON yet, as it closes; the whole is accepted.
    Script("redirect of a group", '{ head -c 20 "$NEW"; tail -c +21 "$NEW"; } > 3.json',
           "tail: .*Bad message"),
    Script("redirect of a group of built-ins",
           '{ echo "{"; printf "%s\\n" "$(tail -n +2 "$NEW")"; } > 3.json', None),
    Script("redirect of programs in a row",
           '{ true; /bin/true; printf "%s\\n" "$(cat "$NEW")"; /bin/true; } > 3.json', None),
    Script("redirect to be read too", 'cat "$NEW" 1<> 3.json', "write error: Bad message"),
    Script("redirect that appends to what it emptied",
           'exec 3> 3.json; head -c 20 "$NEW" >&3; tail -c +21 "$NEW" >&3 && exec 3>&-',
           "tail: .*Bad message"),
    Script("python", "/usr/bin/python3 -c 'import json, os; v = json.load(open(\"3.json\")); "
           "v[\"reg\"][\"pos\"] = json.loads(os.environ[\"VALUE\"]); "
           "f = open(\"3.json\", \"w\"); json.dump(v, f); f.close()'", "Errno 74", typed=calls.one_line),

    Calls(calls.open_w), Calls(calls.open_r_plus), Calls(calls.many_small_writes),
    Calls(calls.pieces_in_any_order), Calls(calls.pwrite_at_an_offset), Calls(calls.ftruncate_then_write),
    Calls(calls.ftruncate_after_write, typed=calls.narrow), Calls(calls.mmap_and_msync),
    Calls(calls.mmap_without_msync), Calls(calls.appended_in_two), Calls(calls.fsync_before_close),
    Calls(calls.tempfile_and_replace), Calls(calls.rename_scratch, strays=WORK_FILE),
    Calls(calls.rename_open_scratch, strays=WORK_FILE), Calls(calls.json_dump, typed=calls.one_line),
]
assert len({t.name for t in TOOLS}) == len(TOOLS)

EDITORS = [t for t in TOOLS if isinstance(t, Editor)]


# ------------------------------------------------------- what they all do

@pytest.fixture
def target(mount, work):
    return Target(mount, work)


@pytest.fixture
def start(target, work):
    """start(tool) opens it on the entry; editors are ended with the test."""
    open_ones = []

    def start(tool, *indexes):
        absent = [n for n in tool.needs if not shutil.which(n)]
        if absent:
            pytest.skip("no " + ", ".join(absent))
        session = tool.start(target, work, indexes or (3,))
        open_ones.append(session)
        session.ready()
        return session

    yield start
    for session in open_ones:
        session.close()


def tools(table):
    return pytest.mark.parametrize("tool", table, ids=lambda t: t.name.replace(" ", "_"))


def assert_untroubled(target, names):
    """Nothing is left in the dump, and nothing but these names beside the entries."""
    assert sorted(os.listdir(target.root)) == sorted(os.listdir(dumps.pristine("demo")))
    assert_clean(target, names)


@tools(TOOLS)
def test_edit(target, start, tool):
    session = start(tool)
    session.save(7)
    session.end()
    target.assert_committed()
    assert_untroubled(target, tool.leavings(3))
    for name in tool.leavings(3):
        assert name.endswith(".un~") or mnt.read_text(target.dir + "/" + name) == target.old


@tools(TOOLS)
def test_refused_and_corrected(target, start, tool):
    session, wrong = start(tool), with_pos(target.old, WRONG)
    session.refuse(WRONG)
    typed = tool.typed(wrong)
    if tool.unlinks:
        assert_no_entry(target)
        assert_told(target, typed, place(typed))
    else:
        open_too = [n for n in os.listdir(target.dir) if n.startswith((".3.json.sw", ".#3.json"))]
        assert_rejected(target, typed, place(typed), tool.left(target) + open_too)
    session.save(7)
    session.end()
    target.assert_committed()
    assert_untroubled(target, tool.left(target))


def assert_no_entry(target):
    """What the tool has removed stays so: nothing was put in its place."""
    assert not os.path.exists(target.path)
    after = criuimg.load(target.stored)
    others = [e.frame for e in target.before.entries if e is not target.entry]
    assert [e.frame for e in after.entries] == others


@tools(TOOLS)
def test_saved_again_and_again(target, start, tool):
    session = start(tool)
    for value in (7, 88, 9):
        session.save(value)
    session.end()
    target.assert_committed(with_pos(target.old, 9))
    assert_untroubled(target, tool.leavings(3))


@tools(EDITORS)
def test_two_entries_in_turn(target, start, tool):
    """A commit of one moves no time of the other: no editor warns of a change on disk."""
    session, want = start(tool, 3, 5), {}
    for index, value in ((3, 11), (5, 12), (3, 13), (3, 14), (5, 15)):
        session.save(value, index)
        want[index] = with_pos(target.before.entries[index].text(), value)
        assert_only_changed(target.before, criuimg.load(target.stored), want)
    session.end()
    assert_untroubled(target, tool.leavings(3, 5))


@tools([t for t in EDITORS if t.name in ("vim", "nano", "emacs")])
def test_a_change_by_another_is_noticed(target, start, tool):
    """That is what the tests above would see if a commit looked like one."""
    session = start(tool)
    mnt.save(target.path, with_pos(target.old, 4))
    session.type(7, 3)
    session.terminal.expect(tool.how.warning)


# -------------------------------------------- what only some of them do

def run(*command, cwd, status=0):
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120,
                          env=dict(os.environ, LC_ALL="C.UTF-8"))
    assert done.returncode == status, (command, done.returncode, done.stdout, done.stderr)
    return done.stdout + done.stderr


def need(program):
    return pytest.mark.skipif(not shutil.which(program), reason="no " + program)


def hunk(old, new):
    return "@@ -7 +7 @@\n-        %s\n+        %s\n" % (old, new)


def patch(target, work, *hunks, status=0):
    with open(os.path.join(work, "diff"), "w") as f:
        f.write("--- 3.json\n+++ 3.json\n" + "".join(hunks))
    return run("patch", "3.json", f.name, cwd=target.dir, status=status)


NOT_THERE = '@@ -15 +15 @@\n-        "name": "/nowhere",\n+        "name": "/there",\n'


@need("patch")
def test_rejects_of_patch_and_ours(target, work):
    """A hunk that finds no place is in patch's own 3.json.rej: ours takes another name."""
    patch(target, work, hunk(target.OLD, target.NEW), NOT_THERE, status=1)
    target.assert_committed()
    assert "/nowhere" in mnt.read_text(target.path + ".rej")
    stored = mnt.read(target.stored)
    assert "Bad message" in patch(target, work, hunk(target.NEW, line(WRONG)), status=2)
    assert mnt.read(target.stored) == stored and target.text() == target.new
    assert mnt.read_text(target.path + ".critfs.rej") == with_pos(target.old, WRONG)
    assert mnt.read_text(target.path + ".err").startswith(place(with_pos(target.old, WRONG)))
    assert "/nowhere" in mnt.read_text(target.path + ".rej")
    patch(target, work, hunk(target.NEW, line(8)))
    target.assert_committed(with_pos(target.old, 8))
    assert not os.path.exists(target.path + ".critfs.rej") and not os.path.exists(target.path + ".err")
    assert "/nowhere" in mnt.read_text(target.path + ".rej")


@need("patch")
def test_rejects_of_patch_in_the_place_of_ours(target, work):
    """What patch has put there is no longer ours to remove."""
    patch(target, work, hunk(target.OLD, line(WRONG)), status=2)
    assert WRONG in mnt.read_text(target.path + ".rej")
    patch(target, work, NOT_THERE, status=1)
    assert "/nowhere" in mnt.read_text(target.path + ".rej")
    patch(target, work, hunk(target.OLD, target.NEW))
    target.assert_committed()
    assert "/nowhere" in mnt.read_text(target.path + ".rej")


@need("git")
def test_git_diff(target, work):
    diff = ["git", "diff", "--no-index", "--no-color"]
    out = run(*diff, "3.json", "5.json", cwd=target.dir, status=1)
    assert "-        %s\n" % target.OLD in out and '+        "pos": 6,\n' in out
    copy = os.path.join(work, "copy.json")
    with open(copy, "w") as f:
        f.write(target.old)
    assert run(*diff, "3.json", copy, cwd=target.dir) == ""
    mnt.save(target.path, target.new)
    out = run(*diff, copy, "3.json", cwd=target.dir, status=1)
    changed = [l for l in out.splitlines() if re.match("[-+] ", l)]
    assert changed == ["-        " + target.OLD, "+        " + target.NEW]


@need("git")
def test_git_diff_of_directories(target, work):
    run("cp", "-r", target.dir, os.path.join(work, "copy"), cwd=work)
    mnt.save(target.path, target.new)
    out = run("git", "diff", "--no-index", "--name-only", "copy", target.dir, cwd=work, status=1)
    assert out.split("/")[-1] == "3.json\n" and out.count("\n") == 1


def test_appending(target):
    """Nothing that is added makes another text of it: space is no change, all else is refused."""
    run("sh", "-c", "echo >> 3.json; printf ' \\n\\n' | tee -a 3.json; truncate -s -1 3.json", cwd=target.dir)
    target.assert_unchanged()
    assert_clean(target)
    # An entry that is emptied is still there: what is appended comes behind its text.
    assert "Bad message" in run("sh", "-c", ": > 3.json; cat 5.json >> 3.json", cwd=target.dir, status=1)
    assert_rejected(target, target.old + target.before.entries[5].text(),
                    "files.img/3.json:%d:1: error: " % (target.old.count("\n") + 1))


@pytest.mark.parametrize("size", ["-3", "+3", "10"])
def test_truncate(target, size):
    assert "Bad message" in run("truncate", "-s", size, "3.json", cwd=target.dir, status=1)
    n = len(target.old) + int(size) if size[0] in "+-" else int(size)
    assert_rejected(target, target.old[:n] + "\0" * (n - len(target.old)), "files.img/3.json:")
    run("truncate", "-s", "0", "3.json", cwd=target.dir)
    target.assert_unchanged()


def test_mv_of_an_entry_onto_another(target, mount):
    """The whole entry moves; the image has one fewer, in the order of their numbers."""
    frames = [e.frame for e in target.before.entries]
    run("mv", "3.json", "5.json", cwd=target.dir)
    after = criuimg.load(target.stored)
    assert [e.frame for e in after.entries] == frames[:3] + frames[4:5] + frames[3:4] + frames[6:]
    assert mnt.read_text(target.dir + "/5.json") == target.old
    assert os.listdir(target.dir) == [n for n in mnt.listing(target.before) if n != "3.json"]
    assert_no_temporaries(target.root)
    target.mount.close()
    m = mount(target.root)
    assert os.listdir(m / "files.img") == mnt.listing(after)
    assert mnt.read_text(m / "files.img/4.json") == target.old


@need("vim")
def test_vim_jumps_to_the_error(target, work):
    """The reason is spelled as compilers do, by the path below the mount point."""
    with pytest.raises(OSError):
        mnt.save(target.path, with_pos(target.old, WRONG))
    out = os.path.join(work, "out")
    run("vim", "-es", "-N", "-u", "NONE", "-i", "NONE", "-q", "files.img/3.json.err",
        "-c", "call writefile([expand('%%'), line('.'), col('.')], '%s')" % out, "-c", "qa!",
        cwd=target.mount.point)
    assert mnt.read_text(out) == "files.img/3.json\n7\n16\n"
