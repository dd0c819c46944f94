"""A mounted dump with one entry to edit, and the proof of what an edit did."""
import errno
import os
import re

import criuimg
import dumps
import mnt


class Target:
    """Entry 3 of demo's files.img: a regular file at position 0."""

    INDEX = 3
    OLD, NEW = '"pos": 0,', '"pos": 7,'

    def __init__(self, mount, work, *options, rel="files.img", name="demo"):
        self.root = dumps.copy(name, os.path.join(work, "dump"))
        self.rel = rel
        self.stored = os.path.join(self.root, rel)
        os.chmod(self.stored, 0o640)
        os.chown(self.stored, 1234, 2345)
        os.setxattr(self.stored, "user.note", b"kept")
        os.utime(self.stored, ns=(10**18, 10**18))
        self.before = criuimg.load(self.stored)
        self.old_bytes = mnt.read(self.stored)
        self.old_stat = os.stat(self.stored)
        self.entry = self.before.entries[self.INDEX]
        self.mount = mount(self.root, *options)
        self.dir = self.mount / rel
        self.path = self.dir + "/%d.json" % self.INDEX
        self.old = self.entry.text()
        assert self.old.count(self.OLD) == 1
        self.new = self.old.replace(self.OLD, self.NEW)

    def text(self):
        return mnt.read_text(self.path)

    # What tools are told: the names of the files that they edit, and what is in these.

    def name(self, index):
        return "%d.json" % index

    def texts(self):
        return {i: e.text() for i, e in enumerate(self.before.entries)}

    def committed(self, index):
        return criuimg.load(self.stored).entries[index].text()

    def script(self, text):
        """A script about 3.json, as it is for this target."""
        return text

    def assert_unchanged(self):
        assert mnt.read(self.stored) == self.old_bytes
        st = os.stat(self.stored)
        assert (st.st_mtime_ns, st.st_ino) == (self.old_stat.st_mtime_ns, self.old_stat.st_ino)

    def assert_committed(self, text=None):
        """The image has this change and no other; all else about it is kept."""
        text = self.new if text is None else text
        after = criuimg.load(self.stored)
        assert_only_changed(self.before, after, {self.INDEX: text})
        st, old = os.stat(self.stored), self.old_stat
        assert (st.st_mode, st.st_uid, st.st_gid) == (old.st_mode, old.st_uid, old.st_gid)
        assert os.getxattr(self.stored, "user.note") == b"kept"
        assert self.text() == text
        assert os.stat(self.path).st_size == len(text.encode())
        assert_no_temporaries(self.root)


def assert_only_changed(before, after, texts):
    """after is before, with other texts of the entries named by number."""
    assert after is not None and after.tail == before.tail
    assert (after.type, after.header, after.order) == (before.type, before.header, before.order)
    assert len(after.entries) == len(before.entries)
    for i, (old, new) in enumerate(zip(before.entries, after.entries)):
        if i in texts:
            assert new.text() == texts[i], i
            assert new.extra == old.extra, i
        else:
            assert new.frame == old.frame, "entry %d was touched" % i


def assert_no_temporaries(root):
    assert not [n for n in os.listdir(root) if n.startswith(".critfs")]


# ------------------------------------------------------- what was refused

class Report:
    """What is told of a rejected text beside an entry."""

    def __init__(self, path, infix=""):
        self.kept = mnt.read_text(path + infix + ".rej")
        self.error = mnt.read_text(path + infix + ".err")
        match = re.fullmatch(r"(.+?):(\d+):(\d+): error: (.+)\n", self.error)
        assert match, self.error
        self.file, self.message = match[1], match[4]
        self.place = int(match[2]), int(match[3])


def note(path):
    """The reason that an entry carries as an attribute, or None."""
    try:
        return os.getxattr(path, "user.critfs.error").decode().rstrip("\n")
    except OSError as e:
        assert e.errno == errno.ENODATA, e
        return None


def assert_rejected(target, text, error, others=()):
    """The image is untouched, the text is kept, the reason is in all its places."""
    target.assert_unchanged()
    assert target.text() == target.old
    assert os.stat(target.path).st_size == len(target.old)
    assert note(target.path) == assert_told(target, text, error)
    assert_listed(target, ["3.json.rej", "3.json.err", *others])


def assert_told(target, text, error):
    """What is told of a rejected text, wherever the entry itself may be; the line that tells it."""
    report = Report(target.path)
    assert report.kept == text
    assert report.error.startswith(error)
    line = report.error.rstrip("\n")
    assert line in mnt.read_text(target.mount / ".critfs/errors").splitlines()
    assert line in target.mount.stderr()
    assert_no_temporaries(target.root)
    return line


def assert_clean(target, others=()):
    """Nothing is told of a rejected text any more."""
    assert not os.path.exists(target.path + ".rej")
    assert not os.path.exists(target.path + ".err")
    assert note(target.path) is None
    assert_listed(target, others)


def assert_listed(target, others=()):
    """The image directory has every entry, in order, and these scratch files."""
    names = os.listdir(target.dir)
    assert [n for n in names if n not in others] == mnt.listing(target.before)
    assert set(others) <= set(names)
