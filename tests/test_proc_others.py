"""Nothing that is told of a dump as a whole comes from an image that the reader can't read."""
import os
import stat
import subprocess

import pytest

import dumps

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
