""".critfs/proc in a mount: names, sizes, links, texts, and that they follow the dump."""
import errno
import json
import os
import re
import subprocess

import pytest

import criuimg
import dumps
import memory
import mnt
from conftest import need_fuse
from exploring import vma
from outside import replace, rewrite

MAIN = 8173  # of demo, which has these five children


def run(*command):
    return subprocess.run(command, capture_output=True, timeout=300)


def refused(call, *args):
    with pytest.raises(OSError) as e:
        call(*args)
    return e.value.errno


def first_byte(path):
    fd = os.open(path, os.O_RDONLY)
    try:
        return os.pread(fd, 1, 0)
    finally:
        os.close(fd)


def every_file(top):
    for where, dirs, names in os.walk(top):
        yield from (os.path.join(where, n) for n in names + dirs)


@pytest.fixture(scope="module")
def demo(module_mount):
    return module_mount(dumps.pristine("demo"), "ro")


@pytest.fixture
def changing(mount, work):
    return mount(dumps.copy("demo", work + "/dump"))


def proc(m, *names):
    return os.path.join(m.point, ".critfs/proc", *map(str, names))


# ------------------------------------------------------------ what is there

def test_it_is_listed_in_critfs(demo):
    names = os.listdir(demo / ".critfs")
    assert {"proc", "stats", "check"} <= set(names)
    assert [d.is_dir() for d in os.scandir(demo / ".critfs") if d.name in ("proc", "json")] == [
        True, True]


def test_the_processes_are_those_of_the_dump(demo):
    pids = [int(n) for n in os.listdir(proc(demo)) if n.isdigit()]
    assert pids == sorted(memory.pids(demo.dump)) and MAIN in pids


@pytest.mark.parametrize("name", dumps.NAMES)
def test_sizes_are_exact_in_every_dump(mount, name):
    """And everything that is listed can be read: but mem, whose first page is not there."""
    m = mount(dumps.pristine(name), "ro" if len(name) % 2 else "rw")
    assert os.path.isdir(proc(m))
    for path in every_file(proc(m)):
        st = os.lstat(path)
        if os.path.islink(path):
            assert len(os.readlink(path).encode()) == st.st_size, path
        elif os.path.basename(path) == "mem":
            assert refused(first_byte, path) == errno.EIO
        elif os.path.isfile(path):
            assert len(mnt.read(path)) == st.st_size, path
    for name in ("check", "stats"):
        path = m / ".critfs/" + name
        assert os.stat(path).st_size == len(mnt.read(path))
    json.loads(mnt.read(m / ".critfs/stats"))


@pytest.mark.parametrize("options", [[], ["ro"]])
def test_tools_go_through_a_process(mount, work, options):
    m = mount(dumps.pristine("demo"), *options)
    path = proc(m, MAIN)
    # grep reads from address 0; cp makes a sparse file, if there may be one so large
    only = re.compile(r"^(grep|cp): (cannot lseek |error reading )?'?\S+/mem'?: ")
    found = run("find", path, "-ls")
    assert found.returncode == 0 and not found.stderr
    assert len(found.stdout.splitlines()) == len(list(every_file(path))) + 1
    for command in (["grep", "-r", "no such text", path], ["cp", "-r", path, work + "/copy"]):
        done = run(*command)
        errors = done.stderr.decode().splitlines()
        assert len(errors) == 1 and only.match(errors[0]), errors
    for copied in every_file(work + "/copy"):
        there = path + copied[len(work + "/copy"):]
        if os.path.isfile(copied) and not os.path.islink(copied) and not copied.endswith("/mem"):
            assert mnt.read(copied) == mnt.read(there), copied
    tar = run("tar", "cf", work + "/tar", "--exclude=mem", "-C", proc(m), str(MAIN))
    assert tar.returncode == 0, tar.stderr
    assert run("tar", "df", work + "/tar", "-C", proc(m)).returncode == 0


def test_inode_numbers_tell_files_apart_and_are_those_of_the_listing(demo):
    seen = {}
    for where, dirs, names in os.walk(proc(demo)):
        for entry in os.scandir(where):
            st = os.lstat(entry.path)
            assert entry.inode() == st.st_ino, entry.path
            assert seen.setdefault(st.st_ino, entry.path) == entry.path


def test_links_lead_where_the_image_says(demo):
    cwd = os.readlink(proc(demo, MAIN, "cwd")) if os.path.lexists(proc(demo, MAIN, "cwd")) else "/"
    assert cwd.startswith("/")
    assert os.readlink(proc(demo, "self")) == str(os.getpid())


def test_who_asks_finds_himself(demo):
    """But nobody else does."""
    me = os.getpid()
    assert os.path.isdir(proc(demo, me))
    assert not os.path.exists(proc(demo, os.getppid()))
    assert str(me) not in os.listdir(proc(demo))
    shown = run("sh", "-c", "cat %s/comm; readlink %s; test -e %s/%d"
                % (proc(demo, "self"), proc(demo, "self"), proc(demo), me))
    assert shown.returncode == 1
    assert shown.stdout.splitlines()[1] != str(me).encode()


def test_names_that_are_none(demo):
    for name in ("0", "08173", "8173x", "99999999999999999999", "-1", "x" * 255, "8173/fd/nine"):
        assert not os.path.lexists(proc(demo, name)), name
    with pytest.raises(OSError) as e:
        os.stat(proc(demo, "x" * 256))
    assert e.value.errno == errno.ENAMETOOLONG


# ---------------------------------------------------------- nothing is made

def test_names_stay_as_they_are(changing):
    there = proc(changing, MAIN, "status")
    for made in (proc(changing, "new"), proc(changing, MAIN, "new"),
                 proc(changing, MAIN, "map_files", "new")):
        assert refused(os.mkdir, made) == errno.EROFS
        assert refused(os.symlink, "x", made) == errno.EROFS
        assert refused(os.open, made, os.O_CREAT | os.O_WRONLY) == errno.EROFS
        assert refused(os.rename, there, made) == errno.EROFS
    assert refused(os.unlink, there) == errno.EROFS
    assert refused(os.rmdir, proc(changing, MAIN)) == errno.EROFS
    assert refused(os.chmod, there, 0o777) == errno.EROFS
    assert refused(os.utime, there) == errno.EROFS
    assert refused(os.open, there, os.O_WRONLY) == errno.EROFS
    assert refused(os.truncate, there, 0) in (errno.EROFS, errno.EPERM)
    assert refused(os.rmdir, proc(changing)) == errno.EROFS


# -------------------------------------------------------- it follows the dump

def rename_process(m, name, old="server"):
    path = m / "core-%d.img/0.json" % MAIN
    data = json.loads(mnt.read(path))
    data["tc"]["comm"] = data["thread_core"]["comm"] = name
    mnt.save(path, json.dumps(data))


def comm(m):
    return mnt.read_text(proc(m, MAIN, "comm")).rstrip("\n")


def test_an_edit_is_seen_at_once(changing):
    for name in ("first", "second", "a longer one", "x"):
        rename_process(changing, name)
        assert comm(changing) == name
        assert "Name:\t%s\n" % name in mnt.read_text(proc(changing, MAIN, "status"))
        path = proc(changing, MAIN, "status")
        assert os.stat(path).st_size == len(mnt.read(path))


def test_a_file_that_is_open_says_what_it_said(changing):
    rename_process(changing, "before")
    with open(proc(changing, MAIN, "comm")) as f:
        rename_process(changing, "after")
        assert f.read() == "before\n"
    assert comm(changing) == "after"


def test_a_process_that_goes_is_gone(changing):
    child = [p for p in memory.pids(changing.dump) if p != MAIN][-1]
    image = criuimg.load(os.path.join(changing.dump, "pstree.img"))
    slot = [e.decode().pid for e in image.entries].index(child)
    assert os.path.isdir(proc(changing, child))
    os.unlink(changing / "pstree.img/%d.json" % slot)
    assert str(child) not in os.listdir(proc(changing))
    assert mnt.wait_for(lambda: not os.path.exists(proc(changing, child)), 2)


@pytest.mark.parametrize("options", [[], ["ro"]])
@pytest.mark.parametrize("how", [replace, rewrite])
def test_a_change_outside_is_seen(mount, work, options, how):
    """Also one that leaves the length as it is, where the kernel keeps pages."""
    m = mount(dumps.copy("demo", work + "/dump"), *options)
    stored = os.path.join(m.dump, "core-%d.img" % MAIN)
    old = comm(m)
    for new in (old[::-1], "q" * len(old), "shorter"):
        image = criuimg.load(stored)
        msg = image.entries[0].decode()
        msg.tc.comm = msg.thread_core.comm = new.encode()
        image.entries[0] = criuimg.Entry("core_entry", criuimg.SCHEMA.encode(msg))
        how(stored, criuimg.write_image(image))
        assert mnt.wait_for(lambda: comm(m) == new, 5)


@pytest.mark.parametrize("options", [[], ["ro"]])
def test_check_and_stats_follow_too(mount, work, options):
    m = mount(dumps.copy("demo", work + "/dump"), *options)
    check = m / ".critfs/check"
    assert mnt.read(check) == b""
    os.unlink(os.path.join(m.dump, "core-%d.img" % MAIN))
    assert mnt.wait_for(lambda: mnt.read(check) != b"", 5)
    assert os.stat(check).st_size == len(mnt.read(check))
    assert all(b": error: " in l for l in mnt.read(check).splitlines())


def test_a_directory_of_dumps(mount, work):
    for name in ("demo", "gdbcore"):
        dumps.copy(name, os.path.join(work, "dumps", name))
    os.unlink(os.path.join(work, "dumps/demo", "core-%d.img" % MAIN))
    m = mount(os.path.join(work, "dumps"), "critdir=visible")
    for name in ("demo", "gdbcore"):
        top = m / name + "/.critfs/proc"
        pids = [int(n) for n in os.listdir(top) if n.isdigit()]
        assert pids == sorted(memory.pids(os.path.join(m.dump, name)))
    assert [n for n in os.listdir(m / ".critfs/proc") if n.isdigit()] == []
    lines = mnt.read_text(m / "demo/.critfs/check").splitlines()
    assert lines and all(l.startswith("demo/") for l in lines)


def test_the_dump_goes_away(mount, work):
    m = mount(dumps.copy("demo", work + "/dump"))
    with open(proc(m, MAIN, "mem"), "rb", buffering=0) as mem, \
            open(proc(m, MAIN, "core"), "rb", buffering=0) as core:
        subprocess.run(["rm", "-r", m.dump], check=True)
        core.read(100)
        for f in (mem, core):
            try:
                f.seek(0x1000)
                f.read(10)
            except OSError:
                pass
        assert mnt.wait_for(lambda: not os.path.exists(proc(m, MAIN)), 5)
        for name in ("check", "stats"):
            try:
                mnt.read(m / ".critfs/" + name)
            except OSError:
                pass


def test_the_mount_ends_with_files_open(mount, work):
    m = mount(dumps.copy("demo", work + "/dump"))
    files = [open(proc(m, MAIN, name), "rb", buffering=0) for name in ("mem", "core", "status")]
    files[1].read(10)
    assert m.terminate() == 0
    for f in files:
        f.close()
    m.abandon()


def test_it_may_be_mounted_over_the_daemons_own_proc(work):
    """critfs asks the kernel who the caller is; it must not ask itself."""
    script = """
        "$0" -f "$1" "$2" & daemon=$!
        for i in $(seq 200); do mountpoint -q "$2" && break; sleep 0.05; done
        mount --bind "$2/.critfs/proc" /proc
        timeout 20 ps -eo pid,args; status=$?
        umount -l /proc
        umount "$2" && wait $daemon && exit $status"""
    if subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode:
        pytest.skip("no mount namespaces here")
    need_fuse()
    os.mkdir(work + "/mnt")
    done = run("unshare", "-m", "sh", "-c", script, mnt.CRITFS, dumps.pristine("demo"), work + "/mnt")
    assert done.returncode == 0, done
    assert b"8176 worker-1 100000" in done.stdout


@pytest.mark.skipif(mnt.sanitized(), reason="the sanitizers take a minute for so many")
def test_runs_without_end(mount, made):
    """Thousands of mappings of one segment with thousands of runs: no hour of counting all."""
    mappings, runs, page = 4000, 3000, 4096
    most = 1 << 23  # CRIT_WALK_MAX
    assert mappings * runs > most
    made.pstree(dict(pid=5, ppid=0, pgid=5, sid=5, threads=[5]))
    made.core(5, "made")
    made.mm(5, *(vma(0x10000000 + i * 2 * runs * page, 0x10000000 + (i + 1) * 2 * runs * page,
                     0x101, flags=1, shmid=7) for i in range(mappings)))
    made.pagemap(5)
    made.image("PAGEMAP", "pagemap-shmem-7.img", dict(pages_id=2),
               *(dict(vaddr=2 * i * page, nr_pages=1, compat_nr_pages=0, flags=4)
                 for i in range(runs)))
    with open(made.root + "/pages-2.img", "wb") as f:
        f.truncate(runs * page)
    m = mount(made.root)
    assert mnt.read_text(proc(m, 5, "statm")).split()[1] == str(most)
