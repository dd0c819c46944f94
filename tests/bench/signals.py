"""Signals end the bench by an exception, so that all that it made is undone."""
import contextlib
import signal
import sys

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def on_signals(action):
    for number in SIGNALS:
        signal.signal(number, action)


def stop(number, frame):
    on_signals(signal.SIG_IGN)
    sys.exit("bench: stopped")


@contextlib.contextmanager
def undisturbed():
    """Signals wait until the end of the context."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def held(make, undo):
    """What `make` returns; `undo` is called with it at the end. No signal comes in between
    the making and the knowledge that there is something to undo, nor amidst the undoing."""
    with contextlib.ExitStack() as stack:
        with undisturbed():
            made = make()
            stack.callback(undisturbed()(undo), made)
        yield made


def listen():
    """For a process that was started undisturbed, and is to hear signals itself."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
