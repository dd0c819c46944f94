"""The scripts of contrib/recipes, run on mounted copies of recorded dumps."""
import json
import os
import shutil
import subprocess

import criuimg
import dumps
import editing
import mnt

REPO = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
WHERE = os.path.join(REPO, "contrib/recipes")
NAMES = sorted(n for n in os.listdir(WHERE) if "." not in n)
CRIT = shutil.which("crit")

# Where everything is mounted: what scripts stumble over.
ODD = "it's \"a\" $HOME *\n mount"


def run(recipe, *args, status=0, data=None, cwd=None):
    """(stdout, stderr) of a recipe that ends with this status."""
    more = {"input": data} if data is not None else {"stdin": subprocess.DEVNULL}
    done = subprocess.run([os.path.join(WHERE, recipe), *args], capture_output=True, timeout=300,
                          cwd=cwd, env=mnt.environment(LC_ALL="C.UTF-8"), **more)
    out, err = (b.decode("utf-8", "surrogateescape") for b in (done.stdout, done.stderr))
    assert done.returncode == status, "status %s\n%s%s" % (done.returncode, out, err)
    assert bool(err) == (status == 2) or status == 1, err
    return out, err


class Checkpoint:
    """A mounted copy of a dump. What a recipe made of it is in `root`, or in `upper`."""

    def __init__(self, mount, work, name, *options, upper=False, prepare=None):
        work = os.path.join(work, "%d" % len(os.listdir(work)))
        self.root, self.old = os.path.join(work, "dump"), os.path.join(work, "old")
        self.upper = os.path.join(work, "upper")
        self.point = os.path.join(work, ODD)
        for path in (self.upper, self.point):
            os.makedirs(path)
        dumps.copy(name, self.root)
        if prepare:
            prepare(self.root)
        dumps.copy(name, self.old) if not prepare else shutil.copytree(self.root, self.old, True)
        options += ("upper=" + self.upper,) if upper else ()
        self.mount = mount(self.root, *options, point=self.point)
        self.in_upper = upper

    def __truediv__(self, name):
        return os.path.join(self.point, name)

    def now(self, rel):
        """The file of the dump that has what the mount shows."""
        above = os.path.join(self.upper, rel)
        return above if os.path.exists(above) else os.path.join(self.root, rel)

    def remember(self):
        """Take what the mount shows now for what the dump was."""
        shutil.rmtree(self.old)
        shutil.copytree(self.root, self.old, True)
        if self.in_upper:
            shutil.copytree(self.upper, self.old, True, dirs_exist_ok=True)

    def image(self, rel):
        return criuimg.load(os.path.join(self.old, rel))

    def run(self, recipe, *args, **more):
        return run(recipe, self.point, *args, **more)

    def changed_files(self):
        return {rel for rel in dumps.files(self.old)
                if mnt.read(os.path.join(self.old, rel)) != mnt.read(self.now(rel))}

    def assert_changed(self, edits, others=()):
        """{image: {index: function that makes of the entry's JSON what it has to be}}: these
        entries are so, every other byte of the dump is what it was, and nothing is left behind.
        Of `others` the caller knows what changed."""
        assert self.changed_files() == set(edits) | set(others)
        assert set(dumps.files(self.root)) == set(dumps.files(self.old))
        for rel, functions in edits.items():
            before, texts = self.image(rel), {}
            for index, edit in functions.items():
                value = before.entries[index].json()
                edit(value)
                texts[index] = criuimg.text(value)
            editing.assert_only_changed(before, criuimg.load(self.now(rel)), texts)
            self.assert_crit_agrees(rel, functions)
        if self.in_upper:
            assert dumps_equal(self.root, self.old)
        assert mnt.read_text(self / ".critfs/scratch") == ""

    def assert_crit_agrees(self, rel, functions):
        """crit, which may be older and know less, sees the same edits and no others."""
        if not CRIT:
            return
        wanted, got = crit_says(os.path.join(self.old, rel)), crit_says(self.now(rel))
        for index, edit in functions.items():
            edit(wanted["entries"][index])
        assert got == wanted

    def bytes_changed(self, rel):
        """[(offset, old bytes, new bytes)] of a file that is as long as it was."""
        old, new = mnt.read(os.path.join(self.old, rel)), mnt.read(self.now(rel))
        assert len(old) == len(new)
        out, at = [], 0
        while old[at:] != new[at:]:
            start = next(i for i in range(at, len(old)) if old[i] != new[i])
            at = next((i for i in range(start, len(old)) if old[i] == new[i]), len(old))
            out.append((start, old[start:at], new[start:at]))
        return out


def crit_says(path):
    return json.loads(subprocess.run([CRIT, "decode", "--pretty", "-i", path], check=True,
                                     capture_output=True).stdout)


def dumps_equal(a, b):
    return subprocess.run(["diff", "-r", "--no-dereference", a, b]).returncode == 0


def entries(edits):
    """What a recipe says of the entries that it changed."""
    return "".join("%s/%d.json\n" % (rel, i) for rel in edits for i in sorted(edits[rel]))
