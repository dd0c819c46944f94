"""critfs run by somebody who is not root: by way of fusermount3, which is set-uid, and in a user
namespace. What it does, it does as him."""
import os
import stat
import subprocess

import pytest

import dumps
import mnt
from editing import assert_no_temporaries
from users import unprivileged

NOBODY = 65534


@pytest.fixture
def place(work):
    """A directory with a dump and a mount point of somebody's."""
    if os.geteuid():
        pytest.skip("only root can ask as others")
    root = dumps.copy("demo", work + "/dump")
    for name in ("mnt", "own"):
        os.mkdir(os.path.join(work, name))
        os.chown(os.path.join(work, name), NOBODY, NOBODY)
    for path in [root] + [os.path.join(root, name) for name in os.listdir(root)]:
        os.chown(path, NOBODY, NOBODY)
    os.chmod(root, 0o700)
    return work


def by_fusermount(script, place, **more):
    """Where fusermount3 is set-uid, as distributions install it."""
    found = subprocess.run(["sh", "-c", "command -v fusermount3"], capture_output=True, text=True).stdout.strip()
    if not found or not os.stat(found).st_mode & stat.S_ISUID:
        pytest.skip("fusermount3 is not set-uid")
    return unprivileged(script, place, **more)


MOUNT = r"""
you $CRITFS $W/dump $W/mnt
trap 'you fusermount3 -u $W/mnt' EXIT
"""


def test_by_fusermount(place):
    """The daemon is his, what it writes is his, and nobody else sees the mount, root neither."""
    done = by_fusermount(MOUNT + r"""
        you sed -i 's|/tmp/clean/out2.log|/tmp/other.log|' $W/mnt/files.img/5.json
        you cp -r $W/mnt/fs-8178.img $W/mnt/fs-99.img
        you cat $W/mnt/files.img/5.json $W/mnt/.critfs/version $W/mnt/.critfs/proc/8173/cmdline
        for p in /proc/[0-9]*; do
            [ "$(tr '\0' ' ' < $p/cmdline)" != "$CRITFS $W/dump $W/mnt " ] || grep '^[UG]id' $p/status
        done
        ls $W/mnt 2>&1 || :
        grep " $W/mnt " /proc/self/mounts""", place)
    assert done.returncode == 0, done.stderr
    assert '"/tmp/other.log"' in done.stdout and "/bin/bash" in done.stdout
    assert "Uid:\t65534\t65534\t65534\t65534\nGid:\t65534\t65534\t65534\t65534" in done.stdout
    assert "Permission denied" in done.stdout
    assert "nosuid,nodev" in done.stdout and "user_id=65534" in done.stdout and "allow_other" not in done.stdout
    for name in ("files.img", "fs-99.img"):
        st = os.stat(os.path.join(place, "dump", name))
        assert (st.st_uid, st.st_gid) == (NOBODY, NOBODY)


def test_an_owner_that_can_not_be_kept(place):
    """An edit that would give him what is another's is refused, and nothing is lost."""
    path = place + "/dump/files.img"
    os.chown(path, 0, 0)
    os.chmod(path, 0o666)
    before = mnt.read(path)
    done = by_fusermount(MOUNT + r"""
        you sh -c 'cd $W/mnt/files.img; sed "s|/tmp/clean/out2.log|/tmp/other.log|" 5.json > $W/own/new.json
            cp $W/own/new.json 5.json; cat 5.json.err 5.json.rej'""", place)
    assert done.returncode == 0, done.stderr
    assert "Operation not permitted" in done.stderr
    assert "files.img/5.json: error: can't keep the image's owner (0:0)" in done.stdout
    assert '"/tmp/other.log"' in done.stdout
    assert mnt.read(path) == before and os.stat(path).st_uid == 0
    assert_no_temporaries(place + "/dump")


def test_letting_others_in_needs_leave(place):
    """fuse.conf says who may; then the modes of the files count, for root as well as he likes."""
    os.chmod(place + "/dump", 0o755)
    os.chmod(place + "/dump/files.img", 0o600)
    with open(place + "/fuse.conf", "w") as f:
        f.write("user_allow_other\n")
    with open(place + "/no.conf", "w") as f:
        f.write("#\n")
    done = by_fusermount(r"""
        touch /etc/fuse.conf
        mount --bind $W/no.conf /etc/fuse.conf
        you $CRITFS -o allow_other $W/dump $W/mnt && exit 99 || echo "status $?"
        mount --bind $W/fuse.conf /etc/fuse.conf
        you $CRITFS -o allow_other $W/dump $W/mnt
        trap 'you fusermount3 -u $W/mnt' EXIT
        other() { setpriv --reuid=31003 --regid=31003 --clear-groups "$@"; }
        other cat $W/mnt/pstree.img/0.json
        other cat $W/mnt/files.img/0.json 2>&1 || :
        other sh -c 'echo x > $W/mnt/pstree.img/0.json' 2>&1 || :""", place)
    assert done.returncode == 0, done.stderr
    assert "status 1\n" in done.stdout and "user_allow_other" in done.stderr
    assert '"pid"' in done.stdout and done.stdout.count("ermission denied") == 2


@pytest.mark.parametrize("what", ["mount point", "dump", "upper"])
def test_what_he_may_not(place, what):
    """It fails before it detaches, and leaves no mount."""
    os.mkdir(place + "/up")
    os.chown(place + {"mount point": "/mnt", "dump": "/dump", "upper": "/up"}[what], 0, 0)
    os.chmod(place + "/up", 0o700)
    done = by_fusermount(r"""
        you $CRITFS $OPTIONS $W/dump $W/mnt && exit 99 || echo "status $?"
        ! grep " $W/mnt " /proc/self/mounts""", place,
                         OPTIONS="-o upper=%s/up" % place if what == "upper" else "")
    assert done.returncode == 0 and done.stdout == "status 1\n", done.stdout
    assert done.stderr


def test_in_a_user_namespace(place):
    """Where he is root, and needs no fusermount3."""
    probe = unprivileged("you unshare -rm true || exit 42", place)
    if probe.returncode == 42:
        pytest.skip("no user namespaces here: " + probe.stderr.strip())
    done = unprivileged(r"""
        you unshare -rm sh -ec '
            PATH=/nowhere $CRITFS $W/dump $W/mnt
            sed -i "s|/tmp/clean/out2.log|/tmp/other.log|" $W/mnt/files.img/5.json
            cp -r $W/mnt/fs-8178.img $W/mnt/fs-99.img
            cat $W/mnt/files.img/5.json
            stat -c "%u %n" $W/mnt/files.img $W/mnt/fs-99.img
            umount $W/mnt'""", place)
    if "/dev/fuse" in done.stderr or "mount failed" in done.stderr:
        pytest.skip("no mounts in user namespaces here: " + done.stderr.strip())
    assert done.returncode == 0, done.stderr
    assert '"/tmp/other.log"' in done.stdout and done.stdout.count("\n0 ") == 2
    for name in ("files.img", "fs-99.img"):
        assert mnt.wait_for(lambda: os.stat(os.path.join(place, "dump", name)).st_uid == NOBODY)
