"""vim as it comes, in a terminal: its own way to save is no special case."""
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time

import pytest

import mnt
from editing import Target

pytestmark = pytest.mark.skipif(not os.path.exists("/usr/bin/vim"), reason="no vim")

LIMIT = 60


class Terminal:
    """A program in a terminal of 24 lines, without anyone's settings."""

    def __init__(self, args, cwd, home):
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        env = {"HOME": home, "PATH": os.environ["PATH"], "TERM": "vt100", "LANG": "C.UTF-8"}
        self.proc = subprocess.Popen(args, cwd=cwd, env=env, stdin=slave, stdout=slave, stderr=slave,
                                     start_new_session=True)
        os.close(slave)
        self.output = b""

    def read(self, seconds):
        if select.select([self.master], [], [], seconds)[0]:
            try:
                self.output += os.read(self.master, 65536)
            except OSError:  # the other end is closed
                time.sleep(0.01)

    def expect(self, *texts):
        """Wait until one of the texts has been shown."""
        end = time.monotonic() + LIMIT
        while not any(text in self.output for text in texts):
            self.read(0.1)
            assert time.monotonic() < end, self.output[-2000:]
            assert self.proc.poll() is None, self.output[-2000:]

    def type(self, keys):
        os.write(self.master, keys.encode())

    def wait(self):
        end = time.monotonic() + LIMIT
        while self.proc.poll() is None and time.monotonic() < end:
            self.read(0.05)
        assert self.proc.poll() is not None, "vim does not end: %r" % self.output[-2000:]
        return self.proc.returncode

    def close(self):
        if self.proc.poll() is None:
            os.killpg(self.proc.pid, signal.SIGKILL)
            self.proc.wait()
        os.close(self.master)


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
        open_ones[-1].expect(b'"reg"')
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


@pytest.mark.parametrize("setting", ["backupcopy=yes", "backupcopy=no", "nowritebackup", "backup", "noswapfile",
                                     "undofile"])
def test_settings(target, vim, setting):
    keys = ":set %s\r%s:wq\r" % (setting, SUBSTITUTE)
    assert vim(keys).wait() == 0
    target.assert_committed()


def test_saved_twice_in_one_session(target, vim):
    keys = SUBSTITUTE + ":w\r:%s/\"pos\": 7,/\"pos\": 88,/\r:w\r:q\r"
    assert vim(keys).wait() == 0
    target.assert_committed(target.old.replace(target.OLD, '"pos": 88,'))


def test_left_without_saving(target, vim):
    assert vim(SUBSTITUTE + ":q!\r").wait() == 0
    target.assert_unchanged()
    assert os.listdir(target.dir) == mnt.listing(target.before)


def test_rejected_and_corrected_in_the_same_session(target, vim):
    """vim says that the write failed and keeps the buffer; the second try succeeds."""
    terminal = vim(':%s/"pos": 0,/"pos": "x",/\r:w\r')
    assert mnt.wait_for(lambda: "error: reg.pos" in target.mount.stderr())
    terminal.expect(b"E667", b"E512")  # "Fsync failed", "Close failed"
    target.assert_unchanged()
    assert target.text() == target.old
    terminal.type('\r:%s/"pos": "x",/"pos": 7,/\r:w!\r:q\r')
    assert terminal.wait() == 0
    target.assert_committed()
    assert not os.path.exists(target.path + ".rej")
