"""Other users: what they get when they ask."""
import os
import pickle
import subprocess

import pytest

import dumps
import mnt


class User:
    """Somebody who is not root, whose calls are made in a process of his own."""

    def __init__(self, uid, gid, groups=()):
        self.uid, self.gid, self.groups = uid, gid, list(groups)

    def __call__(self, function, *args, umask=0o022):
        """What function(*args) returns, or raises, for him."""
        out, into = os.pipe()
        pid = os.fork()
        if not pid:
            os.close(out)
            try:
                os.setgroups(self.groups)
                os.setresgid(self.gid, self.gid, self.gid)
                os.setresuid(self.uid, self.uid, self.uid)
                os.umask(umask)
                os.chdir("/")
                result = (True, function(*args))
            except OSError as e:
                result = (False, e)
            except BaseException as e:
                result = (False, AssertionError(repr(e)))
            with open(into, "wb") as f:
                f.write(pickle.dumps(result))
            os._exit(0)
        os.close(into)
        with open(out, "rb") as f:
            data = f.read()
        os.waitpid(pid, 0)
        good, value = pickle.loads(data)
        if good:
            return value
        raise value

    def errno(self, function, *args):
        """The errno that it fails with, None if it goes well."""
        try:
            self(function, *args)
        except OSError as e:
            return e.errno
        return None


OWNER, MEMBER, OTHER = User(31001, 31001), User(31002, 31002, [31001]), User(31003, 31003)


@pytest.fixture
def open_work(work):
    """The test's directory, which others may enter."""
    if os.geteuid():
        pytest.skip("only root can ask as others")
    for path in (work, dumps.base()):
        os.chmod(path, 0o755)
    return work


# In a mount namespace of their own, with a /dev/fuse that all may open, as it is where users can mount.
APART = r"""
set -e
[ -e $W/fuse ] || mknod -m 666 $W/fuse c 10 229; mount --bind $W/fuse /dev/fuse
you() { setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; }
"""


def unprivileged(script, work, **more):
    """Run a shell script in which `you COMMAND` is somebody who is not root: what it did. $W is the
    directory to work in, and $CRITFS the program."""
    reason = mnt.why_no_fuse()
    if reason:
        pytest.skip(reason)
    for path in (work, os.path.dirname(work)):
        os.chmod(path, 0o755)
    done = subprocess.run(["unshare", "-m", "sh", "-c", APART + script], capture_output=True, text=True,
                          timeout=120, env=mnt.environment(W=work, CRITFS=mnt.CRITFS, **more))
    if "unshare failed" in done.stderr or "fuse: device not found" in done.stderr:
        pytest.skip(done.stderr)
    mnt.check_log(done.stderr)
    return done
