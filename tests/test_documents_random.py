"""Random things done to documents, their backups and their images, beside a model of what is then there."""
import errno
import os
import random

import pytest

import criuimg
import documents
import dumps
import editing
import handmade
import mnt
from criuimg import TYPES

IMAGES = ["fdinfo-%d.img" % n for n in range(2, 6)]
SCRATCH = ["t", "foo.json", ".x.swp", "fdinfo-2.img.json~", "fdinfo-3.img.json~"]
STEPS = 1500


def versions():
    """Images that differ, and texts that make none."""
    image, out = handmade.image(TYPES["FDINFO"], "bare"), []
    for n in range(5):
        entries = image.entries[:n] if n < 3 else image.entries * (n - 1)
        out.append(criuimg.Image(image.type, image.header, "<", entries))
    return out


GOOD = {documents.text(image): criuimg.write_image(image) for image in versions()}
BAD = ["{", "[]", '{"magic": "FILES", "entries": []}', next(iter(GOOD)) + "x"]


class Model:
    """What each name leads to. A document is shown, or hidden behind a scratch file, or removed."""

    def __init__(self, mount, root, seed):
        self.rand = random.Random(seed)
        self.images = {}     # name: text
        self.scratch = {}    # name: text
        self.behind = {}     # scratch name: the image whose document it was
        self.covered = set()  # of those: there is a new document, but nothing was committed by it
        self.removed = set()  # images whose documents are not shown until they are listed
        os.mkdir(root)
        self.root, self.mount = root, mount(root)
        self.dir = documents.directory(self.mount)

    def hidden(self, image):
        return image in self.removed or any(i == image and n not in self.covered
                                            for n, i in self.behind.items())

    def is_shown(self, name):
        image = name[:-5]
        return name not in self.scratch and image in self.images and not self.hidden(image)

    def appear(self, image):
        """Its document is there again; what was it is a scratch file like others."""
        self.removed.discard(image)
        for name in self.backups(image):
            self.lose_backup(name)

    def backups(self, image):
        return [n for n, i in self.behind.items() if i == image]

    def lose_backup(self, name):
        """No document is behind the scratch file any more; of which image was it, and covered?"""
        covered = name in self.covered
        self.covered.discard(name)
        return self.behind.pop(name, None), covered

    def path(self, name):
        return os.path.join(self.dir, name)

    def name(self):
        return self.rand.choice([i + ".json" for i in IMAGES] * 2 + SCRATCH)

    def text(self):
        return self.rand.choice(sorted(GOOD) * 3 + BAD)

    def forget_refusal(self, name):
        self.scratch.pop(name + ".rej", None)
        self.scratch.pop(name + ".err", None)

    def refused(self, name, text):
        self.scratch[name + ".rej"] = text
        self.scratch[name + ".err"] = None  # its text is another test's

    def committed(self, name, text):
        image = name[:-5]
        new = self.images.get(image) != text
        self.images[image] = text
        if new:
            self.forget_refusal(name)
        self.appear(image)

    # ------------------------------------------------------------ steps

    def save(self):
        name, text = self.name(), self.text()
        document = name[:-5] in IMAGES and name not in self.scratch
        if document and text in BAD:
            with pytest.raises(OSError, match="Bad message"):
                mnt.save(self.path(name), text, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            self.refused(name, text)
            self.removed.discard(name[:-5])
            self.covered.update(self.backups(name[:-5]))
            return
        mnt.save(self.path(name), text, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        if document:
            self.committed(name, text)
        else:
            self.scratch[name] = text

    def remove(self):
        name = self.name()
        if name in self.scratch:
            os.unlink(self.path(name))
            del self.scratch[name]
            self.lose_backup(name)
        elif self.is_shown(name):
            os.unlink(self.path(name))
            if self.covered & set(self.backups(name[:-5])):  # it is as before, then
                self.covered -= set(self.backups(name[:-5]))
            else:
                self.removed.add(name[:-5])
                self.forget_refusal(name)
        else:
            with pytest.raises(FileNotFoundError):
                os.unlink(self.path(name))

    def rename(self):
        a, b = self.name(), self.name()
        if a == b:
            return
        if a not in self.scratch and not self.is_shown(a):
            error = FileNotFoundError
        elif b[:-5] in IMAGES and a not in self.scratch:
            error = PermissionError
        else:
            return self.rename_scratch(a, b) if a in self.scratch else self.back_up(a, b)
        with pytest.raises(error):
            os.rename(self.path(a), self.path(b))

    def back_up(self, a, b):
        os.rename(self.path(a), self.path(b))
        self.lose_backup(b)
        self.scratch[b] = self.images[a[:-5]]
        self.behind[b] = a[:-5]

    def rename_scratch(self, a, b):
        text, image = self.scratch[a], b[:-5]
        if image in IMAGES and text in BAD:
            with pytest.raises(OSError, match="Bad message"):
                os.rename(self.path(a), self.path(b))
            self.refused(b, text)
            self.appear(image)
            return
        os.rename(self.path(a), self.path(b))
        del self.scratch[a]
        was, covered = self.lose_backup(a)
        if image not in IMAGES:
            self.lose_backup(b)
            self.scratch[b] = text
            if was:
                self.behind[b] = was
            if was and covered:
                self.covered.add(b)
        elif was == image and self.images[image] == text:
            self.appear(image)
        else:
            self.committed(b, text)

    def make_or_remove_image(self):
        image = self.rand.choice(IMAGES)
        path = os.path.join(self.mount.point, image)
        if image not in self.images:
            os.mkdir(path)
            self.images[image] = documents.text(criuimg.Image(TYPES["FDINFO"], "common"))
            return
        for name in os.listdir(path):
            os.unlink(os.path.join(path, name))
        os.rmdir(path)
        del self.images[image]
        self.appear(image)

    def remove_an_entry(self):
        image = self.rand.choice(IMAGES)
        path = os.path.join(self.mount.point, image)
        names = os.listdir(path) if image in self.images else []
        if names:
            os.unlink(os.path.join(path, self.rand.choice(names)))
            self.images[image] = documents.text(criuimg.load(os.path.join(self.root, image)))

    def list(self):
        for image in list(self.removed):
            if image in self.images:
                self.removed.discard(image)
        want = [i + ".json" for i in self.images if not self.hidden(i)]
        assert sorted(os.listdir(self.dir)) == sorted(set(want) | set(self.scratch))

    # ------------------------------------------------------------ looks

    def check(self):
        for name in {i + ".json" for i in IMAGES} | set(SCRATCH) | set(self.scratch):
            if name in self.scratch:
                text = self.scratch[name]
            else:
                text = self.images[name[:-5]] if self.is_shown(name) else ""
            if text is not None:
                self.check_file(name, text)
        for image, text in self.images.items():
            assert documents.text(criuimg.load(os.path.join(self.root, image))) == text
        assert sorted(os.listdir(self.root)) == sorted(self.images)

    def check_file(self, name, text):
        try:
            assert mnt.read_text(self.path(name)) == text, name
            assert os.stat(self.path(name)).st_size == len(text), name
        except OSError as e:
            assert e.errno == errno.ENOENT and not text, (name, e)

    def step(self):
        what = self.rand.choice([self.save, self.save, self.remove, self.rename, self.rename, self.rename,
                                 self.list, self.make_or_remove_image, self.remove_an_entry])
        what()
        return what.__name__


@pytest.mark.parametrize("seed", range(4))
def test_random(mount, work, seed):
    model, done = Model(mount, os.path.join(work, "dump"), seed), []
    for n in range(STEPS // (3 if mnt.sanitized() else 1)):
        done.append(model.step())
        try:
            model.check()
        except AssertionError:
            print("after", n, done[-10:])
            raise
    editing.assert_no_temporaries(model.root)
