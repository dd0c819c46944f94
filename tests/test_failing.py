"""Each call of an edit fails, one at a time: the edit is done or refused, and the daemon goes on.

An edit is done over and over again by one daemon; the first time the first of its calls
fails, the next time the second, until none is left. Then the same with all calls failing from
the first on, from the second on, and so on.
"""
import contextlib
import errno
import os
import shutil

import pytest

import criuimg
import dumps
import handmade
import mnt
from criuimg import TYPES
from faults import library, preload  # noqa: F401
from upper import fingerprint

LONGEST = 5000               # calls of one edit: there is an end
LARGE = 300000               # bytes; as much is patched in place, or its blocks shared


def contents(root):
    """All of a dump but what critfs has under names of its own."""
    return {rel: mnt.read(os.path.join(root, rel)) for rel in dumps.files(root)
            if not os.path.basename(rel).startswith(".critfs")}


def names(path):
    """What a directory has but what was refused."""
    return sorted(n for n in os.listdir(path) if not n.endswith((".rej", ".err")))


class Edit:
    """Something that is done in steps and can be undone, and what is there after each step."""

    steps = ("step",)
    typed = None             # (path, contents) that must not get lost, once all is written
    refused = False          # also where no call failed
    stride = 1               # which calls: each one, unless there are hundreds of a kind

    def __init__(self, m):
        self.m = m

    def reached(self, step):
        self.at = step

    def do(self):
        for i, step in enumerate(self.steps):
            self.reached(i)
            getattr(self, step)()

    def back_to(self, step):
        """The state that is there again if a step fails."""
        return step

    def kept(self):
        path, data = self.typed
        return any(os.path.exists(path + end) and mnt.read(path + end) == data
                   for end in (".rej", ".new"))


class Saved(Edit):
    """A file of an entry is saved."""

    def __init__(self, m, path, change, flags=os.O_WRONLY | os.O_TRUNC):
        super().__init__(m)
        self.path, self.flags = m / path, flags
        self.old = mnt.read(self.path)
        self.new = change(self.old)

    def step(self):
        self.typed = None
        fd = os.open(self.path, self.flags)
        try:
            mnt.write_fd(fd, self.new)
            self.typed = self.path, self.new
            self.finish(fd)
        except OSError:
            with contextlib.suppress(OSError):
                os.close(fd)
            raise
        os.close(fd)

    def finish(self, fd):
        pass

    def undo(self):
        mnt.save(self.path, self.old)

    def shown(self):
        return mnt.read(self.path)


class Synced(Saved):
    def finish(self, fd):
        os.fsync(fd)


class Renamed(Saved):
    """Another file takes its place."""

    def step(self):
        self.typed = None
        mnt.save(self.path + ".new", self.new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        self.typed = self.path, self.new
        os.rename(self.path + ".new", self.path)


class Cut(Saved):
    """By its path."""

    def step(self):
        os.truncate(self.path, len(self.new))


class Removed(Edit):
    def __init__(self, m, path):
        super().__init__(m)
        self.path = m / path
        self.old = mnt.read(self.path)

    def step(self):
        os.unlink(self.path)

    def undo(self):
        if not os.path.exists(self.path):
            mnt.save(self.path, self.old, os.O_WRONLY | os.O_CREAT | os.O_EXCL)

    def shown(self):
        return names(os.path.dirname(self.path))


class New:
    """A file that is made: it is there without anything in it, and goes if that is refused."""

    def __init__(self, path, data):
        self.path, self.data, self.typed = path, data, None

    def make(self):
        self.typed = None
        self.fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)

    def write(self):
        try:
            mnt.write_fd(self.fd, self.data)
            self.typed = self.path, self.data
        except OSError:
            with contextlib.suppress(OSError):
                os.close(self.fd)
            raise
        os.close(self.fd)


class Moved(Edit):
    """Another entry's place is taken, and given back."""

    steps = ("there", "back")

    def __init__(self, m, path, other):
        super().__init__(m)
        self.path, self.other = m / path, m / other

    def there(self):
        os.rename(self.path, self.other)

    def back(self):
        os.rename(self.other, self.path)

    def undo(self):
        if os.path.exists(self.other):
            self.back()

    def shown(self):
        return names(os.path.dirname(self.path))


class Rejected(Saved):
    """What is saved is wrong: it is refused whatever fails, and kept."""

    refused = False

    def step(self):
        self.refused = False
        try:
            super().step()
        except OSError as e:
            if e.errno != errno.EBADMSG:
                raise
            self.refused = True
        else:
            assert False, "it was accepted"


class Plain(Edit):
    """A file that is none of critfs's is made, written, renamed, and goes again."""

    steps = ("make", "write", "move", "remove")

    def __init__(self, m):
        super().__init__(m)
        self.first, self.second = m / "first", m / "second"

    def make(self):
        self.fd = os.open(self.first, os.O_RDWR | os.O_CREAT | os.O_EXCL)

    def write(self):
        try:
            os.write(self.fd, b"data")
        finally:
            os.close(self.fd)

    def move(self):
        os.rename(self.first, self.second)

    def remove(self):
        os.unlink(self.second)

    def undo(self):
        for path in (self.first, self.second):
            if os.path.exists(path):
                os.unlink(path)

    def shown(self):
        return [mnt.read(p) for p in (self.first, self.second) if os.path.exists(p)]


class Looked(Edit):
    """Texts that are made of all images, and an archive that is opened."""

    stride = 23
    PATHS = [".critfs/check", ".critfs/stats", ".critfs/proc/8173/maps", ".critfs/proc/8173/status",
             ".critfs/proc/8173/fdinfo/0", ".critfs/json/files.img.json", ".critfs/img/files.img",
             "pipes-data.img/2.extra"]

    def step(self):
        for path in self.PATHS:
            mnt.read(self.m / path)

    def undo(self):
        pass

    def shown(self):
        return [mnt.read(self.m / path) for path in self.PATHS]


class Added(Removed):
    """One that was not there."""

    steps = ("make", "write")

    def __init__(self, m, path):
        super().__init__(m, path)
        os.unlink(self.path)
        self.new = New(self.path, self.old)
        self.make, self.write = self.new.make, self.new.write

    @property
    def typed(self):
        return self.new.typed

    def back_to(self, step):
        return 0

    def undo(self):
        if os.path.exists(self.path):
            os.unlink(self.path)


class Image(Edit):
    """An image is made, an entry is put into it, it is renamed, and goes again."""

    steps = ("mkdir", "make", "write", "move", "empty", "remove")

    def __init__(self, m):
        super().__init__(m)
        self.first, self.second = m / "fs-99.img", m / "fs-98.img"
        self.new = New(self.first + "/0.json", mnt.read(m / "fs-8178.img/0.json"))
        self.make, self.write = self.new.make, self.new.write

    def mkdir(self):
        os.mkdir(self.first)

    def back_to(self, step):
        return 1 if self.steps[step] == "write" else step

    def move(self):
        os.rename(self.first, self.second)

    def empty(self):
        os.unlink(self.second + "/0.json")

    def remove(self):
        os.rmdir(self.second)

    def undo(self):
        for path in (self.first, self.second):
            if os.path.exists(path):
                shutil.rmtree(path)

    def shown(self):
        return [names(p) for p in (self.first, self.second) if os.path.exists(p)]


def replace(old, new):
    return lambda data: data.replace(old.encode(), new.encode())


ENTRY = "files.img/3.json"
EXTRA = "pipes-data.img/2.extra"

EDITS = {
    "same length": lambda m: Saved(m, ENTRY, replace('"pos": 0,', '"pos": 7,')),
    "longer": lambda m: Synced(m, ENTRY, replace('"pos": 0,', '"pos": 70000,')),
    "renamed onto": lambda m: Renamed(m, ENTRY, replace('"pos": 0,', '"pos": 8,')),
    "in a large image": lambda m: Saved(m, "sk-queues.img/0.json", replace(": 1,", ": 2,")),
    "extra": lambda m: Saved(m, EXTRA, lambda data: data[::-1], os.O_RDWR),
    "large extra": lambda m: Saved(m, EXTRA, lambda data: data * 6000, os.O_RDWR),
    "extra cut": lambda m: Cut(m, EXTRA, lambda data: data[:7]),
    "removed": lambda m: Removed(m, "files.img/4.json"),
    "added": lambda m: Added(m, "files.img/4.json"),
    "document": lambda m: Saved(m, ".critfs/json/files.img.json", replace('"pos": 0,', '"pos": 9,')),
    "image": Image,
    "extra and all": lambda m: Removed(m, "pipes-data.img/0.json"),
    "moved": lambda m: Moved(m, "files.img/3.json", "files.img/99.json"),
    "plain": Plain,
    "looked at": Looked,
}


class Sweep:
    """One edit, its states, and the daemon whose calls fail."""

    def __init__(self, root, preload, edit):
        self.root, self.preload, self.edit = root, preload, edit
        self.states = [self.state()]
        for i, step in enumerate(edit.steps):
            getattr(edit, step)()
            self.states.append(self.state())
        self.edit.undo()
        assert self.state() == self.states[0]

    def state(self):
        """What the dump is, and what the mount shows of it."""
        return contents(self.root), self.edit.shown()

    def attempt(self, *plan):
        """Do the edit. Which calls failed, and the error that was told."""
        self.preload.fail(*plan)
        try:
            self.edit.do()
            error = None
        except OSError as e:
            error = e
        self.preload.clear()
        return self.preload.failed(), error

    def check(self, error):
        """It is done, or the image is what it was before or after the step that failed."""
        allowed = self.states[-1:] if error is None else self.states[
            self.edit.back_to(self.edit.at):self.edit.at + 2]
        # a close that could not say more than that there is no memory is followed by a release
        mnt.wait_for(lambda: self.settled(allowed, error), 2)
        found, shown = self.state()
        assert found in [s[0] for s in allowed], "the dump is neither what it was nor what it should be"
        assert (found, shown) in allowed, "the mount shows something else"
        assert not self.lost(error), "what was typed is lost"

    def settled(self, allowed, error):
        try:
            return self.state() in allowed and not self.lost(error)
        except OSError:
            return False

    def lost(self, error):
        return ((error or self.edit.refused) and self.edit.typed and contents(self.root) == self.states[0][0]
                and not self.edit.kept())

    def run(self, *plan):
        failed, error = self.attempt(*plan)
        if failed:
            print(plan, failed[:9], error)
        assert failed or not error, "it fails although nothing does any more"
        self.check(error)
        self.edit.undo()
        assert contents(self.root) == self.states[0][0]
        return failed


def sweep(root, preload, edit, what, error, times):
    s = Sweep(root, preload, edit)
    for n in range(0, LONGEST, edit.stride):
        if not s.run(what, error, n, times):
            break
    assert 3 < n < LONGEST - edit.stride
    s.edit.do()
    assert s.state() == s.states[-1]


@pytest.fixture
def root(work):
    root = dumps.copy("demo", os.path.join(work, "dump"))
    dumps.write(root, "pipes-data.img", handmade.image(TYPES["PIPES_DATA"]))
    large = handmade.image(TYPES["SK_QUEUES"])
    large.entries.append(handmade.entry(TYPES["SK_QUEUES"], size=LARGE))
    dumps.write(root, "sk-queues.img", large)
    return root


FORMS = pytest.mark.parametrize("times", [1, -1], ids=["one", "all from it on"])


@FORMS
@pytest.mark.parametrize("edit", EDITS)
def test_calls(preload, mount, root, edit, times):
    if edit == "image" and times < 0:
        return  # one that is being made is appended to, and then can't be cut back either
    sweep(root, preload, EDITS[edit](preload.mount(mount, root)), "any", errno.EIO, times)


# refused without any call
REJECTED = {"rejected": lambda m: Rejected(m, ENTRY, replace('"pos": 0,', '"pos": -1e9,'))}


@FORMS
@pytest.mark.parametrize("edit", [*EDITS, *REJECTED])
def test_memory(preload, mount, root, edit, times):
    if mnt.sanitized():
        pytest.skip("AddressSanitizer has malloc for itself, and ends the program when there is no memory")
    # a request that libfuse has no memory for is refused by libfuse, a close that is said too
    which = "memory" if times == 1 else "memory:own"
    make = {**EDITS, **REJECTED}[edit]
    sweep(root, preload, make(preload.mount(mount, root)), which, errno.ENOMEM, times)


@pytest.mark.parametrize("edit", ["same length", "extra", "removed", "image", "plain"])
def test_upper(preload, mount, work, root, edit):
    """What is changed goes to an upper directory; the dump itself stays what it was."""
    before, upper = fingerprint(root), os.path.join(work, "upper")
    os.mkdir(upper)
    m = preload.mount(mount, root, "upper=" + upper)
    edit = EDITS[edit](m)
    edit.do()
    edit.undo()
    sweep(upper, preload, edit, "any", errno.EIO, 1)
    assert fingerprint(root) == before
