"""The bench: its null file system shows what it was given, and a run measures and cleans up."""
import json
import os
import signal
import subprocess
import sys

import pytest

import dumps
import mnt

BENCH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "bench")
TOOLS = os.path.join(mnt.BUILD, "tests")

VARIANTS = ("", "readdirplus", "readdirplus=auto", "keep_cache,noflush", "ro,noopen",
            "direct_io", "timeout=0", "backed=1000", "backed=1000,splice",
            "backed=1000,splice,direct_io,readdirplus", "ro,noopen,keep_cache,readdirplus")


class Null:
    """nullfs in the foreground."""

    def __init__(self, options):
        self.point = dumps.new_dir()
        self.process = subprocess.Popen(
            [os.path.join(TOOLS, "nullfs"), "-f", "-o", options, self.point],
            stderr=subprocess.PIPE)
        mnt.wait_for(lambda: dumps.mounts_below(self.point) or self.process.poll() is not None)

    def ended(self, end):
        """Its exit status and what it said, after `end` has ended it."""
        end(self)
        said = self.process.communicate(timeout=30)[1]
        return self.process.returncode, said, dumps.mounts_below(self.point)


def terminated(null):
    null.process.terminate()


def unmounted(null):
    subprocess.run(["fusermount3", "-u", null.point], check=True)


@pytest.fixture
def nullfs():
    mine = []

    def mount(options):
        reason = mnt.why_no_fuse()
        if reason:
            pytest.skip(reason)
        mine.append(Null(options))
        return mine[-1]

    yield mount
    for null in mine:
        null.process.kill()
        null.process.wait()
        dumps.remove(null.point)


@pytest.fixture
def source(work):
    """A tree with what a dump's tree has: many names, a large file, links, empty ones."""
    top = os.path.join(work, "source")
    for name in ("files.img", "empty.img", "deep/er/est"):
        os.makedirs(os.path.join(top, name))
    for i in range(700):
        with open("%s/files.img/%d.json" % (top, i), "w") as f:
            f.write("{}\n" * (i % 60))
    with open(top + "/pages-1.img", "wb") as f:
        f.write(os.urandom(300001))
    with open(top + "/deep/er/est/file", "w") as f:
        f.write("deep\n")
    os.chmod(top + "/deep", 0o750)
    os.chmod(top + "/pages-1.img", 0o600)
    os.utime(top + "/pages-1.img", ns=(5, 1000000007))
    os.symlink("../somewhere else", top + "/parent")
    return top


def attributes(top):
    """{path: what lstat says of it}, of all below a directory."""
    out = {}
    for where, directories, files in os.walk(top):
        for name in [".", *directories, *files]:
            path = os.path.join(where, name)
            st = os.lstat(path)
            size = None if os.path.isdir(path) and not os.path.islink(path) else st.st_size
            out[os.path.relpath(path, top)] = (st.st_mode, st.st_uid, size, st.st_mtime_ns)
    return out


def same(source, point):
    return subprocess.run(["diff", "-r", "--no-dereference", source, point],
                          capture_output=True, text=True).stdout


@pytest.mark.parametrize("variant", VARIANTS)
def test_nullfs_shows_its_source(nullfs, source, variant):
    null = nullfs(",".join(filter(None, ["source=" + source, variant])))
    for _ in range(2):  # again from the kernel's caches
        assert same(source, null.point) == ""
        assert attributes(null.point) == attributes(source)
    assert not os.path.exists(null.point + "/files.img/700.json")
    assert null.ended(unmounted) == (0, b"", [])


def test_nullfs_shows_what_it_had(nullfs, source):
    """It has all in memory: what becomes of the source is not its business."""
    null = nullfs("source=" + source)
    os.unlink(source + "/files.img/7.json")
    assert "7.json" in same(source, null.point)
    assert null.ended(terminated) == (0, b"", [])


def test_nullfs_makes_files_up(nullfs):
    null = nullfs("entries=3000,size=5,readdirplus")
    assert sorted(os.listdir(null.point)) == sorted("%d.json" % i for i in range(3000))
    assert mnt.read(null.point + "/2999.json") == bytes(5)
    with pytest.raises(OSError):
        open(null.point + "/0.json", "w")
    assert null.ended(terminated) == (0, b"", [])


@pytest.mark.parametrize("options, reason", (
    ("entries=1,noopen", b"noopen"), ("ro", b"source"), ("entries=1,source=/", b"source"),
    ("source=/there/is/no/such", b"/there/is/no/such: No such file"), ("entries=1,some", b"some")))
def test_nullfs_refuses(nullfs, options, reason):
    status, said, left = nullfs(options).ended(lambda null: None)
    assert status == 1 and reason in said and not left


# ------------------------------------------------------------------- a run

def bench(work, *args):
    return subprocess.Popen([sys.executable, os.path.join(BENCH, "bench.py"), "--quick", *args],
                            env=dict(os.environ, CRITFS_BUILD=mnt.BUILD, TMPDIR=work),
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def need_mounts():
    if mnt.why_no_fuse():
        pytest.skip(mnt.why_no_fuse())


def test_quick_run(work):
    """Two kinds, and figures of each side in the file."""
    need_mounts()
    figures = os.path.join(work, "figures")
    run = bench(work, "--runs", "2", "--json", figures, "mount-start", "mount-edit")
    out, err = run.communicate(timeout=300)
    assert (run.returncode, err) == (0, ""), out
    with open(figures) as f:
        kinds = json.load(f)["figures"]
    assert sorted(kinds) == ["mount-edit", "mount-start"]
    for comparison in sum(kinds.values(), []):
        assert comparison["work"] in out
        if comparison["skipped"]:
            continue
        sides = comparison["seconds"].values()
        assert "critfs" in comparison["seconds"] and len(sides) == 2
        assert len({len(runs) for runs in sides}) == 1
        assert all(seconds > 0 for runs in sides for seconds in runs)
        assert comparison["goals"][0]["ratio"] > 0
    os.unlink(figures)
    assert os.listdir(work) == []


def mount_points(pid):
    """Where the daemons are mounted that a process has started."""
    with open("/proc/%d/task/%d/children" % (pid, pid)) as f:
        children = f.read().split()
    last = [mnt.read("/proc/%s/cmdline" % child).split(b"\0")[-2:-1] for child in children]
    return [point for [point] in filter(None, last)
            if point.decode() and dumps.mounts_below(point.decode())]


@pytest.mark.parametrize("number", (signal.SIGTERM, signal.SIGINT))
def test_interrupted_run_cleans_up(work, number):
    need_mounts()
    run = bench(work, "mount-walk")
    found = []

    def is_mounted():
        found[:] = mount_points(run.pid)
        return found or run.poll() is not None

    mnt.wait_for(is_mounted)
    assert found, run.communicate()
    run.send_signal(number)
    out, err = run.communicate(timeout=60)
    assert run.returncode == 1 and "stopped" in err
    assert not any(os.path.exists(point) for point in found)
    assert os.listdir(work) == []
