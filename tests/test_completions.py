"""Completions of bash and zsh: what they offer is what the programs say that there is, and take."""
import os
import re
import shutil
import subprocess

import pytest

import mnt
from terminal import Terminal

REPO = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FILES = os.path.join(REPO, "contrib/completions")
CRITIC = os.path.join(mnt.BUILD, "critic")

# What is true without being said, and so is not in -h.
DEFAULTS = {"critdir=hidden"}
COMMANDS = ["decode", "encode", "show", "info", "x", "core", "check", "pack"]


def usage(program):
    return subprocess.run([os.path.join(mnt.BUILD, program), "-h"], capture_output=True, text=True,
                          check=True, env=mnt.environment()).stdout


def critfs_options():
    """Options of the command line, and words of -o; with a value: up to the "="."""
    lines = re.findall(r"^    (-.*?)  ", usage("critfs"), re.M)
    assert len(lines) > 5
    names = [name for line in lines for name in line.split(", ")]
    words = [n[3:] for n in names if n.startswith("-o ")]
    return ({n for n in names if not n.startswith("-o ")} | {"-o"},
            {re.sub("=[A-Z]+$", "=", w) for w in words})


def critic_commands():
    return set(re.findall(r"critic ([a-z]+)", usage("critic")))


def options_taken(command, work):
    """The options in critic's usage that it takes behind a command."""
    names = {n for n in re.findall(r"(?<![\w-])--?[a-z]+", usage("critic")) if n[1] == "-" or len(n) == 2}
    assert {"-i", "--in", "--nopl", "-p"} <= names
    taken = set()
    for name in names:
        done = subprocess.run([CRITIC, command, name, "1"], cwd=work, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, env=mnt.environment())
        if "see below how to call" not in done.stderr:
            taken.add(name)
    return taken


def need(shell):
    return pytest.mark.skipif(not shutil.which(shell), reason="no " + shell)


# ------------------------------------------------------------------- bash

OFFER = """
. "$FILES/$1.bash"
compopt() { :; }  # is only for completions that readline asks for
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
"_$1"
printf '%s\\n' "${COMPREPLY[@]}"
"""


def bash(*words):
    """What bash's function offers for the last word."""
    done = subprocess.run(["bash", "--norc", "-uc", OFFER, "bash", *words], capture_output=True,
                          text=True, env=dict(os.environ, FILES=FILES))
    assert done.returncode == 0 and not done.stderr, done.stderr
    return set(done.stdout.split())


@need("bash")
def test_bash_knows_critfs():
    options, words = critfs_options()
    assert bash("critfs", "-") == options
    assert bash("critfs", "-o", "") == words | DEFAULTS


@need("bash")
def test_bash_knows_critics_commands():
    assert critic_commands() == set(COMMANDS)
    assert bash("critic", "") == critic_commands() | {"--help", "--version"}
    assert bash("critic", "x", "dump", "") == explored()


@need("bash")
@pytest.mark.parametrize("command", COMMANDS)
def test_bash_knows_critics_options(command, work):
    assert bash("critic", command, "-") == options_taken(command, work)


def explored():
    return set(re.search(r"critic x DIR (\S+)", usage("critic"))[1].split("|"))


# Words as readline breaks them: it takes "=" for a word of its own.
@need("bash")
@pytest.mark.parametrize("words, offered", [
    (["-o", "up"], {"upper=", "upgrade"}),
    (["-o", "ro,cr"], {"ro,critdir=hidden", "ro,critdir=visible"}),
    (["-o", "ro,critdir", "=", "v"], {"visible"}),
    (["-o", "critdir", "="], {"hidden", "visible"}),
    (["-o", "upper", "=", "/x,pl"], {"/x,plain"}),
    (["-o", "upper", "=", "/x"], set()),
    (["--v"], {"--version"}),
    (["dump", "p"], set()),
])
def test_bash_breaks_words(words, offered):
    assert bash("critfs", *words) == offered


# -------------------------------------------------------- in a terminal

SHELLS = {
    "bash": (["bash", "--norc"], ". %s/critfs.bash; . %s/critic.bash" % (FILES, FILES)),
    "zsh": (["zsh", "-f"], "fpath=(%s $fpath); autoload -U compinit; compinit -D -u" % FILES),
}


class Shell:
    """A shell that has the completions, in a directory with some names."""

    def __init__(self, name, work):
        for below in ("dumps", "dumps/one", "empty"):
            os.mkdir(os.path.join(work, below))
        for file in ("archive.tar", "dumps/note"):
            with open(os.path.join(work, file), "w"):
                pass
        command, setup = SHELLS[name]
        self.terminal = Terminal(command, work, work, PS1="$ ", HISTFILE="/dev/null")
        self.terminal.expect(r"(?m)^\$$")
        self.terminal.type("PS1='> '; %s\r" % setup)
        self.clear()

    def clear(self):
        """Throw the line away, and what is on the screen."""
        self.terminal.type("\x15clear; echo re''ady\r")
        self.terminal.expect(r"\Aready\n>\n")
        self.terminal.shown.clear()

    def press_tab(self, line, becomes):
        """Complete the line; what was on the screen meanwhile. Keys are served in their order."""
        self.terminal.type(line + "\t#")
        self.terminal.expect(r"(?m)^> %s,?#" % re.escape(becomes))  # zsh goes on with a comma
        shown = list(self.terminal.shown)
        self.clear()
        return shown


@pytest.fixture
def shell(request, work):
    made = Shell(request.param, work)
    yield made
    made.terminal.close()


def shells(*names):
    return pytest.mark.parametrize("shell", [pytest.param(n, marks=need(n)) for n in names], indirect=True)


LINES = [
    ("critic dec", "critic decode "),
    ("critic x dumps rs", "critic x dumps rss "),
    ("critic check dumps/o", "critic check dumps/one/"),
    ("critfs -o ro,pl", "critfs -o ro,plain"),
    ("critfs -o ro,upp", "critfs -o ro,upper="),
    ("critfs -o upper=emp", "critfs -o upper=empty/"),
    ("critfs -o critdir=vi", "critfs -o critdir=visible"),
    ("critfs arch", "critfs archive.tar "),
    ("critfs -f dumps/ dumps/", "critfs -f dumps/ dumps/one/"),  # a mount point is no file
]


@shells("bash", "zsh")
def test_in_a_terminal(shell):
    for typed, line in LINES:
        shell.press_tab(typed, line)


def listed(shell, line):
    """The names that zsh lists, each with what it is."""
    names = [re.match(r"(\S.*?) +-- ", shown) for shown in shell.press_tab(line, line)]
    return {name for match in names if match for name in match[1].split()}


@shells("zsh")
def test_zsh_knows_what_there_is(shell, work):
    options, words = critfs_options()
    assert listed(shell, "critfs -") == options
    assert listed(shell, "critfs -o ") == {w.split("=")[0] for w in words}
    assert listed(shell, "critic ") == critic_commands()
    for command in COMMANDS:
        assert listed(shell, "critic %s -" % command) == options_taken(command, work) | {"-h"}, command
