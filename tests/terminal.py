"""Programs in a terminal of their own, and what they show on its screen."""
import codecs
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

import pytest

try:
    import pyte
except ImportError:
    pyte = None

LIMIT = 60
LINES, COLUMNS = 60, 100  # an entry and every message fit


def control():
    """Make the terminal the one that /dev/tty means: emacs insists."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class Terminal:
    """A program in a terminal, without anyone's settings."""

    def __init__(self, args, cwd, home, **env):
        if not pyte:
            pytest.skip("no pyte, which shows a terminal's screen")
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
        self.screen = pyte.Screen(COLUMNS, LINES)
        self.stream, self.decoder = pyte.Stream(self.screen), codecs.getincrementaldecoder("utf-8")("replace")
        self.shown = {}  # every line that was ever on the screen, in that order
        env = {"HOME": home, "PATH": os.environ["PATH"], "TERM": "vt100", "LANG": "C.UTF-8", **env}
        self.proc = subprocess.Popen(args, cwd=cwd, env=env, stdin=slave, stdout=slave, stderr=slave,
                                     start_new_session=True, preexec_fn=control)
        os.close(slave)

    def read(self, seconds):
        """Show what the program writes, if it does within that time."""
        if not select.select([self.master], [], [], seconds)[0]:
            return
        try:
            text = self.decoder.decode(os.read(self.master, 65536))
        except OSError:  # the other end is closed
            time.sleep(0.01)
            return
        # A screen for each piece: a message may be gone again at once.
        for piece in re.split("(?=\x1b)", text):
            self.stream.feed(piece)
            self.shown.update(dict.fromkeys(map(self.line, self.screen.dirty)))
            self.screen.dirty.clear()

    def line(self, y):
        row = self.screen.buffer[y]
        return "".join([row[x].data for x in range(COLUMNS)]).rstrip()

    def text(self):
        return "\n".join(map(self.line, range(LINES)))

    def expect(self, pattern):
        """Wait until the screen shows the pattern."""
        self.until(lambda: re.search(pattern, self.text()), pattern)

    def until(self, condition, what="what was waited for"):
        """Show what the program writes until the condition holds."""
        end = time.monotonic() + LIMIT
        while not condition():
            self.read(0.02)
            assert time.monotonic() < end, "%s: not seen in\n%s" % (what, self.text())
            assert self.proc.poll() is None, "%s: ended with %s\n%s" % (what, self.proc.poll(), self.text())

    def has_shown(self, pattern):
        return [line for line in self.shown if re.search(pattern, line)]

    def type(self, keys):
        os.write(self.master, keys.encode())

    def wait(self):
        """The exit status of the program, which is about to end."""
        end = time.monotonic() + LIMIT
        while self.proc.poll() is None and time.monotonic() < end:
            self.read(0.02)
        assert self.proc.poll() is not None, "does not end:\n" + self.text()
        return self.proc.returncode

    def close(self):
        if self.proc.poll() is None:
            os.killpg(self.proc.pid, signal.SIGKILL)
            self.proc.wait()
        os.close(self.master)
