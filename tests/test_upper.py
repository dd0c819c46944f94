"""-o upper=DIR: what is changed goes there, in the layout of overlayfs; the dump stays as it is."""
import errno
import mmap
import os
import random
import shutil
import signal
import subprocess

import pytest

import criuimg
import dumps
import mnt
from faults import library, memory_disk, preload  # noqa: F401
from overlays import assert_same, merged, whiteouts
from upper import fingerprint
from users import unprivileged

FILES = "files.img/5.json"
OLD, NEW = "/tmp/clean/out2.log", "/tmp/other.log"


class Layers:
    """A dump, an upper directory, and mounts of the two, one after the other."""

    def __init__(self, mount, work, name="demo"):
        self.mount, self.lower, self.upper = mount, os.path.join(work, "dump"), work + "/up"
        dumps.copy(name, self.lower)
        os.mkdir(self.upper)
        self.before = None
        self.m = None

    def open(self, *options, mount=None):
        self.before = self.before or fingerprint(self.lower)
        self.m = (mount or self.mount)(self.lower, "upper=" + self.upper, *options)
        return self.m

    def again(self, *options):
        self.m.close()
        return self.open(*options)

    def changed(self):
        return sorted(n for n in os.listdir(self.upper))

    def check(self):
        """The dump is untouched; critfs and overlayfs see the same in the two."""
        assert fingerprint(self.lower) == self.before
        copy = dumps.new_dir()
        subprocess.run(["cp", "-a", self.m / ".critfs/img/.", copy], check=True)
        plain = merged(self.lower, self.upper)
        for name in os.listdir(plain):
            if os.path.isdir(os.path.join(plain, name)):
                shutil.rmtree(os.path.join(plain, name))
        assert_same(copy, plain, "parent")


@pytest.fixture
def layers(mount, work):
    return Layers(mount, work)


def edit(m, path=FILES, old=OLD, new=NEW):
    subprocess.run(["sed", "-i", "s|%s|%s|" % (old, new), m / path], check=True)


def test_an_edit_goes_to_the_upper_directory(layers):
    m = layers.open()
    os.chmod(os.path.join(layers.lower, "files.img"), 0o640)
    os.chown(os.path.join(layers.lower, "files.img"), 1234, 2345)
    os.setxattr(os.path.join(layers.lower, "files.img"), "user.note", b"kept")
    layers.before = fingerprint(layers.lower)
    edit(m)
    assert layers.changed() == ["files.img"]
    assert NEW in mnt.read_text(m / FILES)
    st = os.stat(layers.upper + "/files.img")
    assert (st.st_mode & 0o7777, st.st_uid, st.st_gid) == (0o640, 1234, 2345)
    assert os.getxattr(layers.upper + "/files.img", "user.note") == b"kept"
    before, after = (criuimg.load(d + "/files.img") for d in (layers.lower, layers.upper))
    assert [i for i, (a, b) in enumerate(zip(before.entries, after.entries))
            if a.frame != b.frame] == [5]
    layers.check()


def test_reading_changes_nothing(layers):
    m = layers.open()
    subprocess.run(["grep", "-r", "nothing of the kind", m.point], check=False,
                   capture_output=True)
    subprocess.run("cp -r . %s; ls -laR . .critfs >/dev/null; sync ." % dumps.new_dir(),
                   shell=True, check=True, cwd=m.point)
    assert layers.changed() == []
    layers.check()


def test_the_same_directory_goes_on_where_it_was(layers):
    m = layers.open()
    edit(m)
    subprocess.run(["rm", "-r", m / "fs-8178.img"], check=True)
    os.rename(m / "core-8176.img", m / "core-99.img")
    with open(m / "notes.txt", "w") as f:
        f.write("mine\n")
    m = layers.again()
    assert NEW in mnt.read_text(m / FILES)
    assert not os.path.exists(m / "fs-8178.img") and not os.path.exists(m / "core-8176.img")
    assert mnt.read(m / "core-99.img/0.json")
    assert mnt.read_text(m / "notes.txt") == "mine\n"
    assert whiteouts(layers.upper) == ["core-8176.img", "fs-8178.img"]
    layers.check()
    layers.m.close()
    layers.m = layers.mount(layers.lower, "upper=" + layers.upper, "ro")
    assert NEW in mnt.read_text(layers.m / FILES)
    layers.check()


def test_removed_and_made_again(layers):
    m = layers.open()
    for _ in range(2):
        subprocess.run(["rm", "-r", m / "fs-8178.img"], check=True)
        assert whiteouts(layers.upper) == ["fs-8178.img"]
        layers.check()
        subprocess.run(["cp", "-r", m / "fs-8177.img", m / "fs-8178.img"], check=True)
        assert whiteouts(layers.upper) == []
        layers.check()
    assert mnt.read(layers.upper + "/fs-8178.img") == mnt.read(layers.lower + "/fs-8177.img")


def test_a_renamed_image_keeps_its_slots(layers):
    m = layers.open()
    os.unlink(m / "files.img/2.json")
    names = os.listdir(m / "core-8173.img")
    os.rename(m / "core-8173.img", m / "core-7.img")
    assert os.listdir(m / "core-7.img") == names
    assert "2.json" not in os.listdir(m / "files.img")
    layers.check()


def test_attributes_of_what_is_below(layers):
    with open(layers.lower + "/dump.log", "w") as f:
        f.write("log\n")
    m = layers.open()
    os.unlink(m / "files.img/2.json")
    subprocess.run(["rm", "-r", m / "pstree.img"], check=True)
    os.chmod(m / "core-8173.img", 0o700)
    os.utime(m / "core-8176.img", ns=(5 * 10**9, 7 * 10**9))
    os.chown(m / "dump.log", 12, 34)
    os.utime(m / "dump.log", ns=(5 * 10**9, 7 * 10**9))
    assert os.stat(layers.upper + "/core-8173.img").st_mode & 0o777 == 0o600
    assert os.stat(layers.upper + "/core-8176.img").st_mtime == 7
    st = os.stat(layers.upper + "/dump.log")
    assert (st.st_uid, st.st_gid, st.st_mtime) == (12, 34, 7)
    assert mnt.read_text(m / "dump.log") == "log\n"
    assert len(os.listdir(m / "core-8173.img")) == 1
    assert "2.json" not in os.listdir(m / "files.img"), "it was read anew"
    layers.check()


def test_plain_files(layers):
    """Appended to, emptied, cut, replaced, renamed, linked: copied up first, whole."""
    names = ["a.log", "b.log", "c.log", "d.log", "e.log"]
    for name in names:
        with open(os.path.join(layers.lower, name), "wb") as f:
            f.write(b"begin\n")
            f.truncate(3 << 20)
    os.symlink("a.log", os.path.join(layers.lower, "link"))
    m = layers.open()
    with open(m / "a.log", "ab") as f:
        f.write(b"end\n")
    with open(m / "b.log", "wb") as f:
        f.write(b"new\n")
    os.truncate(m / "c.log", 100)
    with open(m / "x", "wb") as f:
        f.write(b"other\n")
    os.rename(m / "x", m / "d.log")
    os.rename(m / "e.log", m / "f.log")
    os.rename(m / "link", m / "chain")
    os.unlink(m / "chain")
    os.symlink("f.log", m / "chain")
    data = mnt.read(m / "a.log")
    assert len(data) == (3 << 20) + 4 and data[:6] == b"begin\n" and data[-4:] == b"end\n"
    for name in ("a.log", "f.log"):
        assert os.stat(os.path.join(layers.upper, name)).st_blocks < 200, "holes were filled"
    assert mnt.read(m / "b.log") == b"new\n" and mnt.read(m / "d.log") == b"other\n"
    assert os.stat(m / "c.log").st_size == 100
    assert os.readlink(m / "chain") == "f.log"
    assert whiteouts(layers.upper) == ["e.log", "link"]
    layers.check()


def test_who_has_it_open_reads_on(layers):
    with open(layers.lower + "/dump.log", "w") as f:
        f.write("old\n")
    m = layers.open()
    with open(m / "dump.log", "rb", buffering=0) as reader:
        with open(m / "dump.log", "r+b", buffering=0) as writer:
            writer.write(b"new\n")
            assert os.fstat(writer.fileno()).st_size == 4
        assert reader.read(10) in (b"old\n", b"new\n")
    assert mnt.read(m / "dump.log") == b"new\n"
    os.unlink(m / "dump.log")
    with pytest.raises(FileNotFoundError):
        os.stat(m / "dump.log")
    layers.check()


def test_who_had_it_open_before_reads_what_is_written(layers):
    """Their pages are the same ones: nothing of what is below must get into them, or back."""
    with open(layers.lower + "/b.bin", "wb") as f:
        f.write(b"o" * 16384)
    m = layers.open()
    r = os.open(m / "b.bin", os.O_RDONLY)
    w = os.open(m / "b.bin", os.O_RDWR)
    os.pwrite(w, b"N" * 16384, 0)
    n = os.open(m / "b.bin", os.O_RDONLY)
    assert os.pread(r, 16384, 0) == os.pread(n, 16384, 0) == b"N" * 16384
    with mmap.mmap(w, 16384) as mapped:
        mapped[0:1] = b"M"
        mapped.flush()
    assert mnt.read(layers.upper + "/b.bin") == b"M" + b"N" * 16383
    os.pwrite(w, b"more", 16384)
    assert os.pread(r, 10, 16384) == b"more"
    for fd in (r, w, n):
        os.close(fd)
    # one that is removed is nobody's any more
    r = os.open(m / "pages-1.img", os.O_RDONLY)
    os.unlink(m / "pages-1.img")
    os.fchmod(r, 0o600)
    assert os.pread(r, 4, 0) == mnt.read(layers.lower + "/pages-1.img")[:4]
    os.close(r)
    layers.check()


def test_layers_on_different_file_systems(mount, work):
    """No two files are taken for one by who goes by their inode numbers."""
    lower, upper = (os.path.join(work, n) for n in ("lower", "upper"))
    for path in (lower, upper):
        os.mkdir(path)
        if subprocess.run(["mount", "-t", "tmpfs", "tmpfs", path], capture_output=True).returncode:
            pytest.skip("no tmpfs")
    try:
        dumps.copy("demo", lower)
        os.mkdir(lower + "/sub")
        for n in range(60):
            with open("%s/sub/l%d" % (lower, n), "w") as f:
                f.write("lower %d" % n)
        m = mount(lower, "upper=" + upper)
        for n in range(60):
            with open(m / "sub/u%d" % n, "w") as f:
                f.write("upper %d" % n)
            os.mkdir(m / "sub/d%d" % n)
        numbers = [e.inode() for e in os.scandir(m / "sub")]
        stats = [os.stat(m / "sub/" + n).st_ino for n in os.listdir(m / "sub")]
        assert len(set(numbers)) == len(set(stats)) == 180 and sorted(numbers) == sorted(stats)
        subprocess.run(["find", m / "sub"], check=True, stdout=subprocess.DEVNULL)
        subprocess.run(["rm", "-r", m / "sub"], check=True)
        m.close()
    finally:
        for path in (upper, lower):
            subprocess.run(["umount", path], check=True)


def test_what_is_left_over_is_in_nobodys_way(layers):
    os.mkdir(layers.lower + "/sub")
    for path in (layers.lower + "/sub/.critfs.abcdef.tmp", layers.upper + "/.critfs.abcdef.tmp"):
        with open(path, "w"):
            pass
    os.mkdir(layers.upper + "/.critfs.bcdefg.tmp")
    m = layers.open()
    os.rmdir(m / "sub")
    assert whiteouts(layers.upper) == ["sub"] == os.listdir(layers.upper)


def test_a_refused_write_to_memory_copies_nothing(layers):
    m = layers.open()
    with open(m / ".critfs/proc/8178/mem", "r+b", buffering=0) as f:
        with pytest.raises(OSError):
            os.pwrite(f.fileno(), bytes(100 << 10), 0x7fff8fd4b000)
    assert layers.changed() == []
    layers.check()


def test_a_removed_directory_stays_removed(forest):
    """Also for who still stands in it."""
    m = forest.open()
    subprocess.run("cd logs; rm -r ../logs; chmod 700 . 2>/dev/null; touch x 2>/dev/null; :",
                   shell=True, check=True, cwd=m.point)
    assert not os.path.exists(m / "logs") and whiteouts(forest.upper) == ["logs"]
    subprocess.run("""mkdir logs; cd logs; rmdir ../logs; mkdir ../logs
                      chmod 711 . 2>/dev/null; :""", shell=True, check=True, cwd=m.point)
    assert os.stat(m / "logs").st_mode & 0o777 != 0o711
    check_forest(forest)


def test_a_moved_dump_has_its_parent_where_it_is_now(mount, work):
    root = dumps.copy("incremental", work + "/dump")
    os.mkdir(work + "/up")
    m = mount(root, "upper=" + work + "/up")
    os.mkdir(m / "deep")
    subprocess.run(["cp", "-a", m / "3/.critfs/img/.", m / "new"], check=True)
    os.unlink(m / "new/parent")
    os.symlink("../2", m / "new/parent")
    assert mnt.read(m / "new/.critfs/check") == b""
    os.rename(m / "new", m / "deep/new")
    assert b"parent" in mnt.read(m / "deep/new/.critfs/check")
    os.unlink(m / "deep/new/parent")
    os.symlink("../../2", m / "deep/new/parent")
    assert mnt.read(m / "deep/new/.critfs/check") == b""
    # and one that is absolute, in a directory that only the upper one has
    os.unlink(m / "deep/new/parent")
    os.symlink(root + "/2", m / "deep/new/parent")
    assert mnt.read(m / "deep/new/.critfs/check") == b""


def test_a_name_of_the_layout_is_nobodys(layers):
    m = layers.open()
    for make in (lambda p: open(p, "w"), os.mkdir, lambda p: os.symlink("x", p),
                 lambda p: os.rename(m / "pages-1.img", p)):
        with pytest.raises(PermissionError):
            make(m / ".wh.files.img")
    with open(layers.upper + "/.wh.files.img", "w"):
        pass
    assert not os.path.exists(m / ".wh.files.img")
    assert mnt.wait_for(lambda: not os.path.exists(m / "files.img"))
    assert "files.img" not in os.listdir(m.point)
    assert ".wh.files.img" not in os.listdir(m.point)


# ------------------------------------------------------------------------- directories

@pytest.fixture
def forest(mount, work):
    """Two dumps and a subdirectory in one directory."""
    layers = Layers(mount, work)
    for name in ("one", "two"):
        dumps.copy("demo", os.path.join(layers.lower, name))
    os.makedirs(os.path.join(layers.lower, "logs/deep"))
    for name in ("logs/a", "logs/deep/b"):
        with open(os.path.join(layers.lower, name), "w") as f:
            f.write(name)
    os.chown(os.path.join(layers.lower, "logs"), 12, 34)
    os.chmod(os.path.join(layers.lower, "logs"), 0o750)
    return layers


def check_forest(layers):
    layers.check()
    for name in ("one", "two"):
        plain = os.path.join(merged(layers.lower, layers.upper), name)
        if os.path.exists(plain + "/inventory.img"):
            copy = dumps.new_dir()
            subprocess.run(["cp", "-a", layers.m / name + "/.critfs/img/.", copy], check=True)
            assert_same(copy, plain)


def test_directories_are_merged(forest):
    m = forest.open()
    edit(m, "one/" + FILES)
    with open(m / "logs/deep/c", "w") as f:
        f.write("new")
    assert sorted(os.listdir(forest.upper)) == ["logs", "one"]
    assert os.listdir(forest.upper + "/one") == ["files.img"]
    st = os.stat(forest.upper + "/logs")
    assert (st.st_mode & 0o777, st.st_uid, st.st_gid) == (0o750, 12, 34)
    assert sorted(os.listdir(m / "logs/deep")) == ["b", "c"]
    assert NEW not in mnt.read_text(m / "two/" + FILES)
    check_forest(forest)


def test_directories_removed_and_made_again(forest):
    m = forest.open()
    with pytest.raises(OSError, match="not empty"):
        os.rmdir(m / "logs")
    numbers = {n: os.stat(m / n).st_ino for n in ("logs", "one")}
    with open(m / "logs/c", "w"):
        pass
    edit(m, "one/" + FILES)
    assert numbers == {n: os.stat(m / n).st_ino for n in ("logs", "one")}, "find would be lost"
    subprocess.run(["rm", "-r", m / "logs", m / "two"], check=True)
    assert whiteouts(forest.upper) == ["logs", "two"]
    check_forest(forest)
    os.mkdir(m / "logs")
    assert os.listdir(m / "logs") == [], "it shows what was removed"
    with open(m / "logs/a", "w") as f:
        f.write("another")
    check_forest(forest)
    m = forest.again()
    assert os.listdir(m / "logs") == ["a"] and mnt.read(m / "logs/a") == b"another"
    assert not os.path.exists(m / "two")
    os.rename(m / "logs", m / "two")
    assert os.listdir(m / "two") == ["a"] and not os.path.exists(m / "logs")
    assert os.path.exists(m / "two/a")
    check_forest(forest)


def test_a_directory_of_the_dump_is_moved_by_copying(forest):
    m = forest.open()
    with pytest.raises(OSError) as e:
        os.rename(m / "logs", m / "moved")
    assert e.value.errno == errno.EXDEV
    subprocess.run(["mv", m / "logs", m / "moved"], check=True)
    assert mnt.read(m / "moved/deep/b") == b"logs/deep/b"
    assert not os.path.exists(m / "logs")
    check_forest(forest)


def test_the_parents_chain_goes_through_both(mount, work):
    """A page that is changed in a parent is changed in who builds on it."""
    root = dumps.copy("incremental", os.path.join(work, "dump"))
    before = fingerprint(root)
    os.mkdir(work + "/up")
    m = mount(root, "upper=" + work + "/up")
    pid = next(n for n in os.listdir(m / "3/.critfs/proc") if n.isdigit())
    page = 1                        # it never changed, so it is in the first dump

    def text(dump, number):
        with open(m / "%s/.critfs/proc/%s/mem" % (dump, pid), "rb") as f:
            return os.pread(f.fileno(), 22, 0x10000000000 + number * 4096)

    assert text("3", page).startswith(b"page 1 generation 0")
    name = next(n for n in os.listdir(root + "/1") if n.startswith("pages-")
                and b"page 1 generation 0" in mnt.read(os.path.join(root, "1", n)))
    data = mnt.read(os.path.join(root, "1", name))
    with open(m / ("1/" + name), "r+b") as f:
        f.seek(data.index(b"page 1 generation 0"))
        f.write(b"PAGE")
    assert mnt.wait_for(lambda: text("3", page).startswith(b"PAGE 1 generation 0"))
    assert mnt.read(m / "2/.critfs/check") == mnt.read(m / "3/.critfs/check") == b""
    # the link itself is changed as well
    os.unlink(m / "3/parent")
    assert b"parent" in mnt.read(m / "3/.critfs/check")
    os.symlink("../2", m / "3/parent")
    assert mnt.read(m / "3/.critfs/check") == b""
    assert text("3", page).startswith(b"PAGE")
    assert fingerprint(root) == before


def test_writing_memory_copies_the_pages(layers):
    m = layers.open()
    where = 0x7fff8fd4b000 + 12176
    with open(m / ".critfs/proc/8178/mem", "r+b", buffering=0) as f:
        before = os.pread(f.fileno(), 64, where)
        assert before.startswith(b"API_TOKEN=")
        os.pwrite(f.fileno(), b"XXX", where)
        assert os.pread(f.fileno(), 64, where) == b"XXX" + before[3:]
        os.pwrite(f.fileno(), b"YY", where + 1)
    assert mnt.read(m / ".critfs/proc/8178/map_files/7fff8fd4b000-7fff8fd4e000")[
        12176:12186] == b"XYY_TOKEN="
    assert [n for n in layers.changed()] == ["pages-4.img"]
    layers.check()
    m = layers.again()
    with open(m / ".critfs/proc/8178/mem", "rb") as f:
        assert os.pread(f.fileno(), 64, where) == b"XYY" + before[3:]


# -------------------------------------------------------------------------- whatever may

def random_step(rng, root):
    """Change something, in the mount and in a plain copy of the dump alike."""
    images = [n for n in os.listdir(root) if n.startswith(("core-", "fs-", "fdinfo-", "ids-"))]
    plain = [n for n in os.listdir(root) if n.endswith(".txt")]
    kind = rng.choice("edit remove copy move plain unlink".split())
    if kind == "edit" and images:
        name = rng.choice(images)
        return lambda r: subprocess.run(
            "set -e; f=$(ls -v %s | grep '^[0-9]*.json$' | head -n 1); [ -z \"$f\" ] ||"
            " sed -i 's/\\(\"[a-z_]*\": \\)\\([0-9][0-9]*\\),$/\\1%d,/;T;:a;n;ba' %s/$f || :"
            % (name, rng_value, name), shell=True, cwd=r, check=True, capture_output=True)
    if kind == "remove" and images:
        name = rng.choice(images)
        return lambda r: subprocess.run(["rm", "-r", name], cwd=r, check=True)
    if kind in ("copy", "move") and images:
        name = rng.choice(images)
        new = "%s-%d.img" % (name.split("-")[0], rng.randrange(1, 9))
        if new == name or new in images:
            return None
        command = ["cp", "-r"] if kind == "copy" else ["mv"]
        return lambda r: subprocess.run([*command, name, new], cwd=r, check=True)
    if kind == "unlink" and plain:
        name = rng.choice(plain)
        return lambda r: os.unlink(os.path.join(r, name))
    name, mode, text = "%d.txt" % rng.randrange(5), rng.choice("wa"), str(rng.random())

    def write(r):
        with open(os.path.join(r, name), mode) as f:
            f.write(text)
    return write


rng_value = 7


@pytest.mark.parametrize("seed", range(4))
def test_random_changes_are_what_they_are_on_a_plain_mount(mount, work, seed):
    """The same changes on a mount without an upper directory make the same dump."""
    layers = Layers(mount, work)
    other = dumps.copy("demo", os.path.join(work, "plain"))
    for root in (layers.lower, other):
        for n in range(3):
            with open("%s/%d.txt" % (root, n), "w") as f:
                f.write("text %d" % n)
    layers.open()
    plain = mount(other)
    rng = random.Random(seed)
    for n in range(25):
        step = random_step(rng, layers.m.point)
        for m in (layers.m, plain):
            if step:
                step(m.point)
        if n % 10 == 9:
            layers.again()
    layers.check()
    plain.close()
    assert_same(merged(layers.lower, layers.upper), other)


@pytest.mark.parametrize("call", ["renameat2", "renameat", "mknodat", "unlinkat", "fsync",
                                  "fchmod", "ftruncate64", "openat64", "pwrite64",
                                  "copy_file_range"])
def test_a_call_that_fails_loses_nothing(layers, preload, call):
    """Whatever fails at whichever time: each name leads to what it did, or to what it shall."""
    with open(layers.lower + "/a.log", "wb") as f:
        f.write(b"old\n" * 100000)
    removed = "fs-8178.img"
    for number in range(12):
        m = layers.open(mount=lambda *a: preload.mount(
            lambda root: layers.mount(*a), layers.lower))
        preload.fail(call, errno.EIO, number)
        outcomes = [attempt(lambda: edit(m)), attempt(lambda: append(m / "a.log")),
                    attempt(lambda: subprocess.run(["rm", "-r", m / removed], check=True,
                                                   capture_output=True)),
                    attempt(lambda: os.rename(m / "fs-8177.img", m / "fs-3.img"))]
        preload.clear()
        layers.m.close()
        look = layers.open()
        text = mnt.read_text(look / FILES)
        assert (NEW in text) != (OLD in text)
        assert NEW in text if outcomes[0] else True
        log = mnt.read(look / "a.log")
        assert log[:400000] == b"old\n" * 100000 and log[400000:] in (b"", b"new\n")
        assert os.path.exists(look / "fs-8177.img") != os.path.exists(look / "fs-3.img")
        layers.check()
        look.close()
        for name in os.listdir(layers.upper):
            subprocess.run(["rm", "-rf", os.path.join(layers.upper, name)], check=True)
        if all(outcomes):
            return


def attempt(what):
    try:
        what()
        return True
    except (OSError, subprocess.CalledProcessError):
        return False


def append(path):
    with open(path, "ab", buffering=0) as f:
        f.write(b"new\n")


@pytest.mark.parametrize("call", ["renameat2", "renameat", "unlinkat"])
@pytest.mark.parametrize("what", [-1, -2], ids=["before", "after"])
def test_killed_while_one_image_takes_the_place_of_another(layers, preload, call, what):
    """`rm -r X; mv Y X`: whenever it ends, Y is under one of the names."""
    layers.open().close()
    for number in range(3):
        subprocess.run(["rm", "-rf", layers.upper], check=True)
        os.mkdir(layers.upper)
        m = layers.open()
        subprocess.run(["rm", "-r", m / "core-8173.img"], check=True)
        with open(m / "b.txt", "w") as f:
            f.write("precious")
        with open(m / "a.txt", "w") as f:
            f.write("old")
        m.close()
        m = layers.open(mount=lambda *a: preload.mount(
            lambda root: layers.mount(*a), layers.lower))
        preload.fail(call, what, number)
        attempt(lambda: os.rename(m / "core-8176.img", m / "core-8173.img"))
        attempt(lambda: os.rename(m / "b.txt", m / "a.txt"))
        preload.clear()
        status = m.unmount()
        m.abandon()
        assert status in (0, -signal.SIGKILL)
        look = layers.open()
        image = mnt.read(layers.lower + "/core-8176.img")
        found = [n for n in ("core-8173.img", "core-8176.img") if os.path.isdir(look / n)]
        assert len(found) == 1 and mnt.read(look / ".critfs/img/" + found[0]) == image
        assert "precious" in [mnt.read_text(look / n) for n in ("a.txt", "b.txt")
                              if os.path.exists(look / n)]
        layers.check()
        look.close()


@pytest.mark.parametrize("call", ["renameat2", "unlinkat", "fsync", "renameat"])
@pytest.mark.parametrize("what", [-1, -2], ids=["before", "after"])
def test_a_daemon_that_is_killed_leaves_old_or_new(layers, preload, call, what):
    for number in range(4):
        m = layers.open(mount=lambda *a: preload.mount(
            lambda root: layers.mount(*a), layers.lower))
        preload.fail(call, what, number)
        attempt(lambda: subprocess.run(["rm", "-r", m / "fs-8178.img"], check=True,
                                       capture_output=True))
        attempt(lambda: os.rename(m / "fs-8177.img", m / "fs-3.img"))
        preload.clear()
        status = m.unmount()
        m.abandon()
        assert status in (0, -signal.SIGKILL)
        look = layers.open()
        assert os.path.exists(look / "fs-8177.img") != os.path.exists(look / "fs-3.img")
        layers.check()
        assert not [n for n in os.listdir(layers.upper) if n.startswith(".critfs")]
        look.close()
        for name in os.listdir(layers.upper):
            subprocess.run(["rm", "-rf", os.path.join(layers.upper, name)], check=True)


def test_whiteouts_where_no_device_can_be_made(layers, preload):
    m = layers.open(mount=lambda *a: preload.mount(lambda root: layers.mount(*a), layers.lower))
    preload.fail("mknodat", errno.EPERM)
    subprocess.run(["rm", "-r", m / "fs-8178.img"], check=True)
    edit(m)
    subprocess.run(["rm", "-r", m / "files.img"], check=True)
    assert layers.changed() == [".wh.files.img", ".wh.fs-8178.img"]
    assert not os.path.exists(m / "files.img") and "files.img" not in os.listdir(m.point)
    m.close()
    m = layers.open()
    assert not os.path.exists(m / "fs-8178.img")
    subprocess.run(["cp", "-r", m / "fs-8177.img", m / "fs-8178.img"], check=True)
    assert layers.changed() == [".wh.files.img", "fs-8178.img"]
    assert fingerprint(layers.lower) == layers.before


# ---------------------------------------------------------------- where it is mounted

def refuse(*args):
    result = subprocess.run([mnt.CRITFS, *args], capture_output=True, text=True, timeout=60,
                            env=mnt.environment())
    assert result.returncode == 1
    return result.stderr


def test_upper_directories_that_cannot_be(work):
    root, point = dumps.copy("demo", work + "/dump"), work + "/mnt"
    os.mkdir(point)
    os.mkdir(root + "/in")
    os.mkdir(point + "/in")
    assert "No such file" in refuse("-o", "upper=" + work + "/none", root, point)
    assert "Not a directory" in refuse("-o", "upper=" + root + "/files.img", root, point)
    for upper in (root, root + "/in", work):
        assert "must not lie within each other" in refuse("-o", "upper=" + upper, root, point)
    assert "must not lie within each other" in refuse("-o", "upper=" + point, root, point)
    assert "must not lie within each other" in refuse("-o", "upper=" + point + "/in", root,
                                                      point)


def test_a_dump_on_a_read_only_file_system(mount, work):
    root = dumps.copy("demo", work + "/dump")
    os.mkdir(work + "/up")
    subprocess.run(["mount", "--bind", root, root], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", root], check=True)
        m = mount(root, "upper=" + work + "/up")
        edit(m)
        assert NEW in mnt.read_text(m / FILES)
        assert "read-only" not in m.stderr()
        m.close()
    finally:
        subprocess.run(["umount", root], check=True)


def test_an_upper_directory_that_cannot_be_written(mount, work):
    root = dumps.copy("demo", work + "/dump")
    os.mkdir(work + "/up")
    subprocess.run(["mount", "--bind", work + "/up", work + "/up"], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", work + "/up"], check=True)
        m = mount(root, "upper=" + work + "/up")
        assert "/up can't be written, mounting it read-only" in m.stderr()
        with pytest.raises(OSError):
            open(m / FILES, "w")
        m.close()
    finally:
        subprocess.run(["umount", work + "/up"], check=True)


def test_a_full_upper_directory(mount, work, memory_disk):
    """What does not fit is refused and kept; dump and upper directory stay as they were."""
    root = dumps.copy("demo", work + "/dump")
    with open(root + "/big.log", "wb") as f:
        f.write(os.urandom(1 << 20))
    upper = memory_disk.path + "/up"
    os.mkdir(upper)
    before = fingerprint(root)
    m = mount(root, "upper=" + upper)
    memory_disk.fill(100 << 10)
    with pytest.raises(OSError) as e:
        open(m / "big.log", "ab")
    assert e.value.errno == errno.ENOSPC
    assert os.listdir(upper) == []
    memory_disk.free()
    memory_disk.fill()
    text = mnt.read_text(m / FILES).replace(OLD, NEW)
    with pytest.raises(OSError) as e:
        mnt.save(m / FILES, text)
    assert e.value.errno == errno.ENOSPC
    assert mnt.read_text(m / FILES + ".rej") == text
    memory_disk.free()
    os.rename(m / FILES + ".rej", m / FILES)
    assert mnt.read_text(m / FILES) == text
    append(m / "big.log")
    assert os.stat(m / "big.log").st_size == (1 << 20) + 4
    assert sorted(os.listdir(upper)) == ["big.log", "files.img"]
    assert fingerprint(root) == before
    m.close()


UNPRIVILEGED = r"""
you $CRITFS -o upper=$W/up $W/dump $W/mnt
trap 'you fusermount3 -u $W/mnt' EXIT
you sed -i 's|/tmp/clean/out2.log|/tmp/other.log|' $W/mnt/files.img/5.json
you rm -r $W/mnt/fs-8178.img
you mv $W/mnt/fs-8177.img $W/mnt/fs-1.img
you sh -c 'echo mine > $W/mnt/mine'
you grep other.log $W/mnt/files.img/5.json
you cat $W/mnt/core-8173.img 2>&1 || :
you stat -c '%U %a %n' $W/mnt/core-8176.img $W/mnt/core-8173.img
"""


def test_a_dump_that_is_somebody_elses(work):
    """Who may read a dump can change it by way of an upper directory of his own."""
    root = dumps.copy("demo", work + "/dump")
    os.chmod(root + "/core-8173.img", 0o600)
    for name in ("mnt", "up"):
        os.mkdir(work + "/" + name)
        os.chown(work + "/" + name, 65534, 65534)
    before = fingerprint(root)
    result = unprivileged(UNPRIVILEGED, work)
    assert result.returncode == 0, result.stderr
    out = result.stdout
    assert NEW in out and "Permission denied" in out
    assert "nobody 755 %s/mnt/core-8176.img" % work in out
    assert "nobody 0 %s/mnt/core-8173.img" % work in out
    assert fingerprint(root) == before
    assert sorted(os.listdir(work + "/up")) == ["files.img", "fs-1.img", "fs-8177.img",
                                                "fs-8178.img", "mine"]
    assert whiteouts(work + "/up") == ["fs-8177.img", "fs-8178.img"]
