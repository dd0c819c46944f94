"""contrib/vim and contrib/emacs in the real editors: a save that is refused leads to what is wrong.

Both are asked the same, so that they can be held against the same: where the cursor is, counted as
in N.json.err (lines and bytes from 1), the buffer's text, whether it is saved, and what is listed.
"""
import json
import os
import re
import shutil
import subprocess

import pytest

import mnt
from editing import Report, Target, assert_rejected
from keys import EMACS, VIM
from terminal import Terminal

CONTRIB = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "contrib")

ASK_VIM = """
function! Ask()
  call writefile([json_encode({
        \\ 'at': getcurpos()[1:2], 'text': join(getline(1, '$') + [''], "\\n"), 'file': expand('%:p'),
        \\ 'modified': &modified ? v:true : v:false, 'language': &filetype,
        \\ 'on': exists(':CritfsErrors') == 2 ? v:true : v:false,
        \\ 'listed': map(getqflist(), '[fnamemodify(bufname(v:val.bufnr), ":p"), v:val.lnum, v:val.text]'),
        \\ })], $ANSWER)
endfunction
"""

ASK_EMACS = """
(require 'json)
(require 'critfs)
(defun ask ()
  (interactive)
  (let* ((line (buffer-substring (line-beginning-position) (point)))
         (state `((at ,(line-number-at-pos) ,(1+ (string-bytes line)))
                  (text . ,(buffer-substring-no-properties (point-min) (point-max)))
                  (file . ,buffer-file-name)
                  (modified . ,(or (buffer-modified-p) json-false))
                  (on . ,(or critfs-mode json-false))
                  (language . ,(symbol-name major-mode))
                  (list . ,(if (get-buffer "*critfs*")
                               (with-current-buffer "*critfs*"
                                 (buffer-substring-no-properties (point-min) (point-max)))
                             "")))))
    (let ((coding-system-for-write 'utf-8))
      (write-region (concat (json-encode state) "\\n") nil (getenv "ANSWER") nil 'silent))))
"""


class Editor:
    """An editor with its plugin, as it is installed, and a way to ask it for its state."""

    def __init__(self, name, keys, work):
        self.name, self.keys = name, keys
        self.home, self.answer = os.path.join(work, "home"), os.path.join(work, "answer")
        os.mkdir(self.home)
        self.terminal = None

    def open(self, cwd, *files, options=(), ready='"pos"'):
        self.terminal = Terminal([self.keys.program, *self.command, *options, *files], cwd, self.home,
                                 ANSWER=self.answer)
        self.terminal.expect(ready)

    def replace(self, old, new):
        self.terminal.type(self.keys.replace % (old, new))

    def save(self):
        self.terminal.type(self.keys.save)

    def be_refused(self, reason):
        """Save, and be told why not."""
        self.save()
        self.terminal.expect(self.told % reason)
        self.terminal.type(self.keys.dismiss)

    def ask(self):
        """Its state, when it has done all that was typed."""
        if os.path.exists(self.answer):
            os.unlink(self.answer)
        self.terminal.type(self.ask_keys)
        self.terminal.until(lambda: os.path.exists(self.answer) and mnt.read_text(self.answer).endswith("\n"))
        return json.loads(mnt.read_text(self.answer))

    def close(self):
        if self.terminal:
            self.terminal.close()


class Vim(Editor):
    command = ()
    ask_keys = ":call Ask()\r"
    told = r"error: .*%s"
    json_language = "critfs"
    visit, errors, next_error, top = ":e %s\r", ":CritfsErrors\r", ":cc\r", "gg0"

    def __init__(self, work):
        super().__init__("vim", VIM, work)
        start = os.path.join(self.home, ".vim/pack/critfs/start")
        os.makedirs(start)
        shutil.copytree(os.path.join(CONTRIB, "vim"), os.path.join(start, "critfs"))
        os.mkdir(os.path.join(self.home, ".vim/plugin"))
        with open(os.path.join(self.home, ".vim/plugin/ask.vim"), "w") as f:
            f.write(ASK_VIM)


class Emacs(Editor):
    ask_keys = "\x1bxask\r"
    told = r"Bad message, .*%s"  # what is typed before that is thrown away
    json_language = "js-mode"
    visit, errors, next_error, top = "\x18\x06\x01\x0b%s\r", "\x1bxcritfs-errors\r", "\x1bgn", "\x1b<"

    def __init__(self, work):
        super().__init__("emacs", EMACS, work)
        ask = os.path.join(self.home, "ask.el")
        with open(ask, "w") as f:
            f.write(ASK_EMACS)
        self.command = ["-nw", "-Q", "-L", os.path.join(CONTRIB, "emacs"), "-l", ask]

    def ask(self):
        """What is listed is a buffer of lines, with columns in characters."""
        state = super().ask()
        lines = [l.split(":", 4) for l in state["list"].splitlines()[1:]]
        state["listed"] = [[file, int(line), text[1:]] for file, line, _, _, text in lines]
        return state


@pytest.fixture
def target(mount, work):
    return Target(mount, work)


@pytest.fixture(params=[pytest.param(kind, marks=pytest.mark.skipif(
    not shutil.which(kind.__name__.lower()), reason="no " + kind.__name__.lower())) for kind in (Vim, Emacs)])
def editor(request, work):
    made = request.param(work)
    yield made
    made.close()


WRONG = '"pos": "abc",'
REASON = 'reg.pos: expected an integer, got "abc"'


def assert_at(state, path, reason=REASON):
    """The cursor is where N.json.err says, and that is listed for the file that is open."""
    report = Report(path)
    assert tuple(state["at"]) == report.place
    assert report.message == reason
    assert state["listed"] == [[state["file"], report.place[0], reason]]


def test_refused_and_corrected(target, editor):
    editor.open(target.dir, "3.json")
    state = editor.ask()
    assert (state["on"], state["language"], state["listed"]) == (True, editor.json_language, [])
    editor.replace(target.OLD, WRONG)
    editor.terminal.type(editor.top)
    editor.be_refused(REASON)
    state, typed = editor.ask(), target.old.replace(target.OLD, WRONG)
    assert_at(state, target.path)
    assert state["file"] == target.path and state["modified"] and state["text"] == typed
    open_too = [n for n in os.listdir(target.dir) if n.startswith((".3.json.sw", ".#3.json", "3.json~"))]
    assert_rejected(target, typed, "files.img/3.json:", open_too)
    editor.replace(WRONG, target.NEW)
    editor.save()
    state = editor.ask()
    assert (state["listed"], state["modified"], state["text"]) == ([], False, target.new)
    target.assert_committed()


def test_corrected_to_what_it_was(target, editor):
    """That is a good save, but changes nothing: what was refused goes on lying beside the entry."""
    editor.open(target.dir, "3.json")
    editor.replace(target.OLD, WRONG)
    editor.be_refused(REASON)
    editor.replace(WRONG, target.OLD)
    editor.save()
    state = editor.ask()
    assert (state["listed"], state["modified"]) == ([], False)
    assert os.path.exists(target.path + ".err")
    target.assert_unchanged()


def test_columns_are_bytes(target, editor):
    """And the path in N.json.err begins where the mount does, wherever the editor is."""
    editor.open("/", target.path)
    typed = '"name": "%s", "pos": "abc",' % ("\u00fc\u20ac" * 3)
    editor.replace(target.OLD, typed)
    editor.be_refused(REASON)
    state = editor.ask()
    assert_at(state, target.path)
    assert state["at"][1] == 8 + len(typed[:typed.index('"abc"')].encode()) + 1


def test_two_that_are_refused(target, editor):
    """Each is listed until it is saved well."""
    editor.open(target.dir, "3.json")
    editor.replace(target.OLD, WRONG)
    editor.be_refused(REASON)
    editor.terminal.type((":set hidden\r" if editor.name == "vim" else "") + editor.visit % "5.json")
    editor.replace('"pos": 6,', '"pos": "six",')
    editor.be_refused('got "six"')
    state = editor.ask()
    assert sorted(os.path.basename(file) for file, _, _ in state["listed"]) == ["3.json", "5.json"]
    editor.replace('"pos": "six",', '"pos": 12,')
    editor.save()
    assert [os.path.basename(file) for file, _, _ in editor.ask()["listed"]] == ["3.json"]
    editor.terminal.type(editor.top + editor.next_error)
    state = editor.ask()
    assert state["file"] == target.path and state["modified"]
    assert_at(state, target.path)


def test_a_document(target, editor):
    path = target.mount / ".critfs/json/files.img.json"
    editor.open("/", path)
    editor.replace('"pos": 6,', '"pos": "six",')
    editor.be_refused("expected an integer")
    state = editor.ask()
    assert state["on"] and state["modified"]
    assert_at(state, path, Report(path).message)


def test_a_refused_text(target, editor):
    """What another program was refused: the entry has no such text, the file beside it has."""
    with pytest.raises(OSError):
        mnt.save(target.path, target.old.replace(target.OLD, WRONG))
    editor.open(target.dir, "3.json.rej")
    state = editor.ask()
    assert (state["on"], state["language"]) == (True, editor.json_language)
    editor.terminal.type(editor.errors)
    editor.terminal.expect(REASON)
    state = editor.ask()
    assert state["file"] == target.path + ".rej"
    assert_at(state, target.path)
    editor.replace(WRONG, target.NEW)
    editor.save()
    assert editor.ask()["modified"] is False
    os.rename(target.path + ".rej", target.path)
    target.assert_committed()


@pytest.mark.parametrize("name", ["x.img/3.json", "x.img/3.json.rej", "stats-dump/0.json"])
def test_elsewhere(target, editor, work, name):
    """The same names outside of a mount."""
    path = os.path.join(work, name)
    os.mkdir(os.path.dirname(path))
    for file in (path, path + ".err"):
        with open(file, "w") as f:
            f.write(target.old if file == path else name + ":7:14: error: old\n")
    editor.open(work, name)
    assert editor.ask()["on"] is False
    editor.replace(target.OLD, WRONG)
    editor.save()
    state = editor.ask()
    assert not state["on"] and not state["modified"] and state["listed"] == []
    assert state["language"] != "critfs"
    assert mnt.read_text(path) == target.old.replace(target.OLD, WRONG)


# -------------------------------------------------- what only one of them has

@pytest.fixture
def vim(work):
    made = Vim(work)
    yield made
    made.close()


def need(program):
    return pytest.mark.skipif(not shutil.which(program), reason="no " + program)


@need("vim")
@pytest.mark.parametrize("name", ["files.img/3.json", "files.img/40.json", "stats-dump/0.json",
                                  "ipcns-msg-9.img/0.msgs/1.json", "files.img/3.json.critfs.rej",
                                  "ipcns-sem-9.img/0.sems.json", ".critfs/json/stats-dump.json",
                                  ".critfs/json/files.img.json.rej"])
def test_vims_filetype(target, vim, name):
    vim.open(target.mount.point, name, ready=re.escape(name))
    state = vim.ask()
    assert (state["language"], state["on"]) == ("critfs", True)


@need("vim")
def test_vim_saves_all(target, vim):
    """One that is refused and not in view is listed, and the cursor stays where it is."""
    vim.open(target.dir, "3.json")
    vim.terminal.type(":set hidden\r")
    vim.replace(target.OLD, WRONG)
    vim.terminal.type(":e 5.json\r")
    vim.replace('"pos": 6,', '"pos": 12,')
    vim.terminal.type("gg:wall\r")
    vim.terminal.expect("3.json:7:16: " + REASON)
    vim.terminal.type("\r")
    state = vim.ask()
    assert os.path.basename(state["file"]) == "5.json" and state["at"] == [1, 1]
    assert state["listed"] == [[target.path, 7, REASON]]


@need("vim")
def test_vims_own_lists_and_options_stay(target, vim):
    """Global options are what they were, and a list that the user has made is still there."""
    vim.open("/", target.path, options=["--cmd", "redir! > $ANSWER.before | silent setglobal all | redir END"])
    vim.terminal.type(":call setqflist([{'text': 'mine'}])\r")
    vim.replace(target.OLD, WRONG)
    vim.be_refused(REASON)
    vim.terminal.type(":redir! > $ANSWER.after | silent setglobal all | redir END\r")
    vim.terminal.type(":colder\r")
    assert [text for _, _, text in vim.ask()["listed"]] == ["mine"]
    vim.replace(WRONG, target.NEW)
    vim.save()
    assert [text for _, _, text in vim.ask()["listed"]] == ["mine"]
    vim.terminal.type(":cnewer\r")
    assert vim.ask()["listed"] == []


@need("vim")
def test_vim_makes_a_list_of_what_check_says(target, vim):
    subprocess.run(["rm", "-r", target.mount / "fs-8178.img"], check=True)
    vim.open("/", target.path)
    vim.terminal.type(":silent make!\r")
    said = "there is no such file, which pstree.img/3.json needs"
    assert vim.ask()["listed"] == [[target.mount / "fs-8178.img", 0, said]]


@need("vim")
def test_vim_reads_what_was_refused(target, vim):
    """The errorformat is that of N.json.err and .critfs/errors, from where the mount begins."""
    with pytest.raises(OSError):
        mnt.save(target.path, target.old.replace(target.OLD, WRONG))
    vim.open(target.mount.point, "files.img/5.json")
    vim.terminal.type(":cfile .critfs/errors\r")
    state = vim.ask()
    assert_at(state, target.path)
    assert state["file"] == target.path


@need("vim")
def test_vims_help(vim):
    vim.open("/", options=["-c", "helptags ALL", "-c", "help critfs-refused"], ready="When a save is refused")


@need("emacs")
def test_emacs_compiles_it_without_a_warning(work):
    shutil.copy(os.path.join(CONTRIB, "emacs/critfs.el"), work)
    done = subprocess.run(["emacs", "-Q", "--batch", "--eval", "(setq byte-compile-error-on-warn t)",
                           "-f", "batch-byte-compile", "critfs.el"], cwd=work, capture_output=True, text=True)
    assert done.returncode == 0 and not done.stderr, done.stderr
    assert os.path.exists(work + "/critfs.elc")
