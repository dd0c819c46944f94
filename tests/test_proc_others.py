"""Nothing that is told of a dump as a whole comes from an image that the reader can't read."""
import errno
import os
import stat
import subprocess

import pytest

import dumps
import mnt
from users import OTHER, open_work  # noqa: F401

TOLD = (".critfs/proc", ".critfs/stats", ".critfs/check")


def permissions(m):
    return {name: stat.S_IMODE(os.stat(m / name).st_mode) for name in TOLD}


@pytest.fixture
def shared(mount, work):
    """A dump that all can read, but for the images given."""
    def make(*private, dump="demo"):
        copied = dumps.copy(dump, work + "/dump")
        os.chmod(copied, 0o755)
        for name in private:
            os.chmod(os.path.join(copied, name), 0o600)
        return mount(copied, "allow_other") if os.geteuid() == 0 else mount(copied)
    return make


def test_what_all_can_read_is_told_to_all(shared):
    assert permissions(shared()) == dict(zip(TOLD, (0o555, 0o444, 0o444)))


@pytest.mark.parametrize("private", ["pages-1.img", "core-8173.img", "files.img"])
def test_one_private_image_makes_it_private(shared, private):
    assert permissions(shared(private)) == dict(zip(TOLD, (0o500, 0o400, 0o400)))


def test_so_does_one_of_a_parent(mount, work):
    dump = dumps.copy("incremental", work + "/dump")
    os.chmod(dump + "/1/pages-1.img", 0o640)
    m = mount(dump + "/3")
    assert permissions(m) == dict(zip(TOLD, (0o550, 0o440, 0o440)))


@pytest.fixture
def borrowed(mount, open_work):  # noqa: F811
    """Somebody's dump, that says it builds on one in a place of root's; mount() lets him in."""
    dumps.copy("incremental", open_work + "/all")
    private = open_work + "/private"
    os.mkdir(private)
    os.chmod(private, 0o700)
    for name in ("1", "2"):
        os.rename(open_work + "/all/" + name, private + "/" + name)
    mine = open_work + "/all/3"
    for path in [mine] + [os.path.join(mine, name) for name in os.listdir(mine)]:
        os.chown(path, OTHER.uid, OTHER.gid, follow_symlinks=False)
    os.unlink(mine + "/parent")
    os.symlink(private + "/2", mine + "/parent")
    os.chmod(open_work + "/all", 0o755)
    return private, lambda: mount(mine, "allow_other")


def test_a_parent_that_he_can_not_reach(borrowed):
    """His link does not let him see by the daemon's eyes; root sees all."""
    private, mount = borrowed
    m = mount()
    for what in TOLD:
        assert OTHER.errno(os.listdir if what.endswith("proc") else mnt.read, m / what) == errno.EACCES, what
        assert OTHER.errno(mnt.read, m / "inventory.img/0.json") is None
    assert os.listdir(m / ".critfs/proc") and mnt.read(m / ".critfs/stats")
    os.chmod(private, 0o711)
    assert mnt.wait_for(lambda: not OTHER.errno(os.listdir, m / ".critfs/proc"))
    os.chmod(private + "/1", 0o700)
    assert mnt.wait_for(lambda: OTHER.errno(os.listdir, m / ".critfs/proc") == errno.EACCES)


def test_what_is_around_both_is_no_matter(mount, open_work):  # noqa: F811
    """To show a dump that lies in a private place is a choice, and its parents lie there too."""
    top = dumps.copy("incremental", open_work + "/dumps")
    os.chmod(top, 0o700)
    for options in ([], ["upper=" + open_work + "/up"]):
        os.makedirs(open_work + "/up", exist_ok=True)
        m = mount(top + "/3", "allow_other", *options)
        assert OTHER(os.listdir, m / ".critfs/proc")
        m.close()
    os.chmod(top, 0o755)
    os.chmod(top + "/2", 0o700)
    m = mount(top, "allow_other")
    assert OTHER.errno(os.listdir, m / "3/.critfs/proc") == errno.EACCES
    assert OTHER(os.listdir, m / "1/.critfs/proc")


def test_a_change_of_permissions_is_seen(shared):
    m = shared()
    permissions(m)
    os.chmod(m / "pages-1.img", 0o600)
    assert stat.S_IMODE(os.stat(m / ".critfs/check").st_mode) == 0o400


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_another_user_is_let_in_nowhere(shared, work):
    m = shared("pages-1.img")
    for path in (work, os.path.dirname(work)):
        os.chmod(path, 0o755)

    def cat(what):
        return subprocess.run(["cat", m / what], user=65534, group=65534, extra_groups=[],
                              capture_output=True)

    assert cat(".critfs/version").stdout.startswith(b"critfs")
    for what in TOLD + (".critfs/proc/8173/cmdline", ".critfs/proc/8173/exe"):
        ran = cat(what)
        assert ran.returncode and not ran.stdout, what
        assert b"Permission denied" in ran.stderr
