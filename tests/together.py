"""Several things at the same time."""
import os
import signal
import tempfile
import threading
import traceback


def together(*jobs):
    """Run jobs from the same moment on; the first error is the test's."""
    start, errors = threading.Barrier(len(jobs)), []

    def run(job):
        start.wait()
        try:
            job()
        except BaseException as e:  # also what pytest raises
            errors.append(e)

    threads = [threading.Thread(target=run, args=(job,)) for job in jobs]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    if errors:
        raise errors[0]


class Processes:
    """Functions in processes of their own; what goes wrong in one fails the test."""

    def __init__(self):
        self.pids, self.out = {}, tempfile.TemporaryFile()

    def start(self, function, *args):
        pid = os.fork()
        if pid:
            self.pids[pid] = function.__name__
            return pid
        status = 1
        try:
            function(*args)
            status = 0
        except BaseException:
            os.write(self.out.fileno(), traceback.format_exc().encode())
        finally:
            os._exit(status)

    def wait(self, pids=None):
        """Wait for some, or all, to end well."""
        bad = []
        for pid in list(pids or self.pids):
            if os.waitpid(pid, 0)[1]:
                bad.append(self.pids[pid])
            del self.pids[pid]
        self.out.seek(0)
        assert not bad, "%s failed:\n%s" % (bad, self.out.read().decode())

    def end(self):
        for pid in self.pids:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
