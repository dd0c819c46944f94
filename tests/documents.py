"""Whole images as documents: what .critfs/json has to show, by the tests' own codec."""
import os

import criuimg
import dumps
import editing
import mnt

USUAL = {"none": "none", "common": "common", "service": "service"}


def document(image, pretty=True):
    """What critfs says of an image, with the keys that crit has not."""
    plain = criuimg.document(image, pretty)
    out = {"magic": plain["magic"]}
    if image.header != USUAL[image.type.first]:
        out["$header"] = image.header
    if image.order == ">":
        out["$byteorder"] = "big"
    out["entries"] = plain["entries"]
    if image.tail:
        out["$tail"] = criuimg.b64(image.tail)
    return out


def text(image, pretty=True):
    return criuimg.text(document(image, pretty))


def directory(mount, sub=""):
    return os.path.join(mount.point, sub, ".critfs/json")


def names(root):
    """The documents of the images in one directory of a dump."""
    return sorted(n + ".json" for n in os.listdir(root)
                  if os.path.isfile(os.path.join(root, n)) and not os.path.islink(os.path.join(root, n))
                  and not n.startswith(criuimg.RAW_PREFIXES)
                  and criuimg.load(os.path.join(root, n)) is not None)


class Target(editing.Target):
    """The document of an image of one regular file and one pipe; of the same interface."""

    NAME = "files.img.json"

    def __init__(self, mount, work, *options):
        root = os.path.join(work, "dump")
        image = criuimg.load(os.path.join(dumps.pristine("demo"), "files.img"))
        os.mkdir(root)
        pipe = next(e for e in image.entries if '"PIPE"' in e.text())
        image.entries = [image.entries[self.INDEX], pipe]
        dumps.write(root, "files.img", image)
        dumps.write(root, "inventory.img",
                    mnt.read(os.path.join(dumps.pristine("demo"), "inventory.img")))
        self.root, self.rel = root, "files.img"
        self.stored = os.path.join(root, self.rel)
        os.chmod(self.stored, 0o640)
        os.chown(self.stored, 1234, 2345)
        os.setxattr(self.stored, "user.note", b"kept")
        os.utime(self.stored, ns=(10**18, 10**18))
        self.before = criuimg.load(self.stored)
        self.old_bytes, self.old_stat = mnt.read(self.stored), os.stat(self.stored)
        self.mount = mount(root, *options)
        self.dir = directory(self.mount)
        self.path = self.dir + "/" + self.NAME
        self.old = text(self.before)
        assert self.old.count(self.OLD) == 1
        self.new = self.old.replace(self.OLD, self.NEW)

    def name(self, index):
        return self.NAME

    def texts(self):
        return {self.INDEX: self.old}

    def committed(self, index):
        return text(criuimg.load(self.stored))

    def script(self, text):
        text = text.replace('".reg.pos', '".entries[0].reg.pos').replace('v["reg"]', 'v["entries"][0]["reg"]')
        text = text.replace('v[\\"reg\\"]', 'v[\\"entries\\"][0][\\"reg\\"]')
        return text.replace("3.json", self.NAME)

    def assert_committed(self, text=None):
        wanted = self.new if text is None else text
        after = criuimg.load(self.stored)
        assert globals()["text"](after) == wanted == self.text()
        assert after.entries[1].frame == self.before.entries[1].frame
        st, old = os.stat(self.stored), self.old_stat
        assert (st.st_mode, st.st_uid, st.st_gid) == (old.st_mode, old.st_uid, old.st_gid)
        assert os.getxattr(self.stored, "user.note") == b"kept"
        assert os.stat(self.path).st_size == len(wanted.encode())
        for i, entry in enumerate(after.entries):
            assert mnt.read_text(self.mount / self.rel + "/%d.json" % i) == entry.text()
        editing.assert_no_temporaries(self.root)

    def assert_clean(self, others=()):
        """Nothing is told of a rejected text, and only these are beside the documents."""
        assert editing.note(self.path) is None
        assert sorted(os.listdir(self.dir)) == sorted(names(self.root) + list(others))
        assert sorted(os.listdir(self.root)) == ["files.img", "inventory.img"]

    def assert_rejected(self, text, error, others=()):
        """The image is untouched, the text is kept, the reason is in all its places."""
        self.assert_unchanged()
        assert self.text() == self.old
        assert os.stat(self.path).st_size == len(self.old)
        assert editing.note(self.path) == editing.assert_told(self, text, error)
        told = [self.NAME + ".rej", self.NAME + ".err"]
        assert sorted(os.listdir(self.dir)) == sorted([*names(self.root), *told, *others])
