"""What `make install` leaves, and that it works from there and can be removed."""
import os
import re
import shutil
import subprocess

import pytest

import dumps
import mnt
from conftest import need_fuse

HERE = os.path.dirname(os.path.abspath(__file__))
REPO = os.path.dirname(HERE)


def make(target, dest, *settings):
    done = subprocess.run(["make", "--no-print-directory", target, "B=" + build(),
                           "DESTDIR=" + dest, *settings], cwd=REPO, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def build():
    return os.path.relpath(mnt.BUILD, REPO)


def files(root):
    return sorted(os.path.relpath(os.path.join(where, n), root)
                  for where, _, names in os.walk(root) for n in names)


@pytest.fixture(scope="module")
def installed():
    if mnt.sanitized():
        pytest.skip("a library with sanitizers in it is of use to nobody")
    dest = dumps.new_dir()
    make("install", dest, "PREFIX=/usr")
    yield dest
    dumps.remove(dest)


def symbols(path, *options):
    out = subprocess.run(["nm", "--defined-only", *options, path], check=True, text=True,
                         capture_output=True).stdout
    return [line.split()[2] for line in out.splitlines() if len(line.split()) == 3]


# ------------------------------------------------------------------- the files

def test_all_of_it_can_be_removed(installed):
    dest = dumps.new_dir()
    subprocess.run(["cp", "-a", installed + "/.", dest], check=True)
    with open(dest + "/usr/bin/another", "w"):
        pass
    make("uninstall", dest, "PREFIX=/usr")
    assert files(dest) == ["usr/bin/another"]
    assert not os.path.exists(dest + "/usr/include/crit")


@pytest.mark.parametrize("prefix, helper", [("/usr", "sbin"), ("/usr/local", "sbin"),
                                            ("/opt/critfs", "opt/critfs/sbin")])
def test_nothing_elsewhere(installed, prefix, helper):
    """All is below the prefix, but for the mount helper where mount(8) looks for it."""
    dest = dumps.new_dir()
    make("install", dest, "PREFIX=" + prefix)
    found = files(dest)
    outside = [f for f in found if not f.startswith(prefix[1:] + "/")]
    assert outside in ([], ["sbin/mount.critfs"])
    assert helper + "/mount.critfs" in found
    assert [f.replace(prefix[1:] + "/", "usr/") for f in found if "mount.critfs" not in f] == \
        [f for f in files(installed) if "mount.critfs" not in f]
    assert os.readlink(os.path.join(dest, helper, "mount.critfs")) == prefix + "/bin/critfs"


def test_the_programs_are_those_that_were_built(installed):
    for name in ("critfs", "critic"):
        path = os.path.join(installed, "usr/bin", name)
        assert mnt.read(path) == mnt.read(os.path.join(mnt.BUILD, name))
        assert os.stat(path).st_mode & 0o7777 == 0o755
    for page in ("critfs", "critic"):
        assert mnt.read(installed + "/usr/share/man/man1/%s.1" % page) == \
            mnt.read(os.path.join(REPO, "contrib", page + ".1"))


# ------------------------------------------------------------------ the library

def test_only_what_is_the_librarys_can_be_seen(installed):
    for path, options in (("usr/lib/libcrit.so", ["-D"]), ("usr/lib/libcrit.a", ["-g"])):
        found = symbols(os.path.join(installed, path), *options)
        assert "crit_image_print" in found and "crit_space_open" in found
        assert [s for s in found if not s.startswith("crit_")] == []


def test_soname(installed):
    said = subprocess.run(["readelf", "-d", installed + "/usr/lib/libcrit.so"], check=True,
                          capture_output=True, text=True).stdout
    soname = re.search(r"SONAME.*\[(.*)\]", said)[1]
    assert re.fullmatch(r"libcrit\.so\.\d+", soname)
    assert os.path.exists(os.path.join(installed, "usr/lib", soname))


@pytest.mark.parametrize("how", ["shared", "static"])
def test_programs_of_others(installed, work, how):
    """With nothing of the sources but what was installed."""
    env = dict(os.environ, PKG_CONFIG_SYSROOT_DIR=installed, LC_ALL="C.UTF-8",
               PKG_CONFIG_PATH=installed + "/usr/lib/pkgconfig")
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "libcrit",
                            *(["--static"] if how == "static" else [])],
                           check=True, capture_output=True, text=True, env=env).stdout.split()
    flags = [f for f in flags if not f.startswith("-I" + installed) or
             f.startswith("-I" + installed + "/usr/include/crit")]
    if how == "static":
        flags = [installed + "/usr/lib/libcrit.a" if f == "-lcrit" else f for f in flags]
    program = work + "/list"
    subprocess.run(["cc", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-o", program,
                    HERE + "/install/list.c", "-L" + installed + "/usr/lib", *flags], check=True)
    dump = dumps.pristine("demo")
    done = subprocess.run([program, dump, "pstree.img"], capture_output=True, text=True,
                          env=dict(env, LD_LIBRARY_PATH=installed + "/usr/lib"))
    assert done.returncode == 0, done.stderr
    want = subprocess.run([mnt.BUILD + "/critic", "decode", "--pretty", "-i", dump + "/pstree.img"],
                          check=True, capture_output=True, text=True).stdout
    pids = re.compile(r'"pid": (\d+)')
    assert pids.findall(done.stdout) == pids.findall(want) != []
    libraries = subprocess.run(["ldd", program], capture_output=True, text=True,
                               env=dict(env, LD_LIBRARY_PATH=installed + "/usr/lib")).stdout
    assert ("libcrit.so.0" in libraries) == (how == "shared")
    done = subprocess.run([program, dump, "nothing.img"], capture_output=True, text=True,
                          env=dict(env, LD_LIBRARY_PATH=installed + "/usr/lib"))
    assert (done.returncode, done.stderr) == (1, "list: nothing.img: No such file or directory\n")


# --------------------------------------------------------------------- mounting

def helper(installed, *args):
    return subprocess.run([installed + "/sbin/mount.critfs", *args], capture_output=True,
                          text=True, timeout=60)


@pytest.fixture
def linked(installed, tmp_path):
    """The helper, whose link leads to where nothing is installed here."""
    os.makedirs(tmp_path / "sbin")
    os.symlink(installed + "/usr/bin/critfs", tmp_path / "sbin/mount.critfs")
    return str(tmp_path)


@pytest.fixture
def point(work):
    need_fuse()
    path = work + "/mnt"
    os.mkdir(path)
    yield path
    if mnt.mount_line(path):
        subprocess.run(["umount", path], check=True)
        assert mnt.wait_for(lambda: not mnt.processes(path, "mount.critfs"))


def test_as_mount_calls_its_helpers(linked, point, work):
    """SOURCE TARGET first, options behind, among them some that only mount(8) has."""
    dump = dumps.copy("demo", work + "/dump")
    done = helper(linked, dump, point, "-n", "-s", "-v", "-o", "ro,nosuid", "-t", "critfs")
    assert (done.returncode, done.stderr) == (0, "")
    line = mnt.mount_line(point)
    assert "fuse.critfs" in line and "ro" in line[5].split(",")
    assert os.path.exists(point + "/pstree.img/0.json")


def test_mount_pretends(linked, point):
    assert helper(linked, dumps.pristine("demo"), point, "-f", "-o", "rw").returncode == 0
    assert mnt.mount_line(point) is None


@pytest.mark.parametrize("args", [["-x"], ["-N", "/proc/1/ns/mnt"], ["-o"]])
def test_what_the_helper_can_not(linked, point, args):
    done = helper(linked, dumps.pristine("demo"), point, *args)
    assert done.returncode == 1 and re.match(r"critfs: -\w is no option", done.stderr)
    assert mnt.mount_line(point) is None


@pytest.mark.parametrize("kind", ["critfs", "fuse.critfs"])
def test_mount_itself(installed, point, kind):
    """mount(8) in a namespace where critfs is installed."""
    if os.geteuid() or not shutil.which("unshare"):
        pytest.skip("needs root and unshare")
    script = """set -e
        for dir in bin sbin; do
            layers=$1/usr/$dir:/usr/$dir
            [ $dir = bin ] || layers=$1/sbin:/usr/sbin
            mount -t overlay -o lowerdir=$layers none /usr/$dir 2>/dev/null || exit 77
        done
        mount -t $2 "$3" "$4" -o ro
        findmnt -no FSTYPE "$4"
        cat "$4/pstree.img/0.json"
        umount "$4"
    """
    done = subprocess.run(["unshare", "-m", "sh", "-c", script, "sh", installed, kind,
                           dumps.pristine("demo"), point], capture_output=True, text=True,
                          timeout=60)
    if done.returncode == 77:
        pytest.skip("no overlayfs to install it in a namespace")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("fuse.critfs\n{")


# ------------------------------------------------------------------------ systemd

def test_units(installed):
    """What systemd says of the examples."""
    if not shutil.which("systemd-analyze"):
        pytest.skip("no systemd-analyze")
    where = installed + "/usr/share/doc/critfs/examples/"
    for name in ("srv-checkpoint.mount", "srv-checkpoint.automount"):
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", where + name],
                              capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stderr) == (0, "")
