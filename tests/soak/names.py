"""Those who make and remove images and plain files, and those who do not use the mount for it."""
import os
import shutil

import calls
import mnt
import outside
import slots
from entries import renumbered, run
from job import Job, Share, image_bytes



class Images(Job):
    """Makes, copies, moves, fills and removes images of its own."""

    TYPE = "FDINFO"

    def __init__(self, place, seed, numbers):
        super().__init__(place, seed)
        self.names = ["fdinfo-%d.img" % n for n in numbers]
        self.there = {}                              # name: Share

    def images(self):
        return list(self.there.values())

    def free(self):
        names = [n for n in self.names if n not in self.there]
        return self.rand.choice(names) if names else None

    def some(self):
        return self.there[self.rand.choice(sorted(self.there))] if self.there else self.make()

    def entries(self):
        return {i: slots.entry(self.TYPE, self.next()) for i in range(self.rand.choice((0, 1, 3, 30)))}

    def add(self, name, entries):
        self.there[name] = Share(self.place, self.TYPE, name, entries)
        self.there[name].check_image()
        return self.there[name]

    def make(self):
        name, entries = self.free(), self.entries()
        if not name:
            return self.some()
        os.mkdir(self.place / name)
        for slot, e in entries.items():
            mnt.save(self.place / name + "/%d.json" % slot, e.text(), os.O_WRONLY | os.O_CREAT)
        return self.add(name, entries)

    def copy(self):
        share, name = self.some(), self.free()
        if name:
            run('cp -r "$A" "$B"', self.place.point, A=share.name, B=name)
            self.add(name, share.entry)

    def copy_a_file(self):
        """A binary image, which is a plain file until it is closed."""
        name, entries = self.free(), self.entries()
        if name:
            run('cp "$A" "$B"', self.place.point, B=name,
                A=self.outside(name, image_bytes(self.TYPE, entries)))
            assert mnt.wait_for(lambda: os.path.isdir(self.place / name))
            self.add(name, entries).check()

    def move(self):
        share, name = self.some(), self.free()
        if name:
            run('mv "$A" "$B"', self.place.point, A=share.name, B=name)
            self.add(name, self.there.pop(share.name).entry)

    def edit(self):
        share = self.some()
        if share.entry:
            slot = self.rand.choice(sorted(share.entry))
            _, new = renumbered(share.entry[slot], self.next())
            calls.open_w(share.json(slot), new.text())
            share.entry[slot] = new
            share.check_image()

    def remove(self):
        share = self.some()
        if self.rand.randrange(2):
            shutil.rmtree(share.dir)
        else:
            run('rm -r "$A"', self.place.point, A=share.name)
        assert not os.path.lexists(share.stored)
        del self.there[share.name]

    def look(self):
        self.some().check()

    def steps(self):
        return [self.make, self.copy, self.copy_a_file, self.move, self.edit, self.edit, self.remove,
                self.remove, self.look]


class Files(Job):
    """Plain files in a directory of its own, and one below it."""

    def __init__(self, place, seed, sub):
        super().__init__(place, seed)
        self.names = [sub + "/" + d + "f%d.txt" % n for d in ("", "more/") for n in range(6)]
        self.there = {}                              # name: bytes
        os.makedirs(place.stored(sub + "/more"))

    def files(self):
        return {self.place.stored(name): data for name, data in self.there.items()}

    def bytes(self):
        return self.rand.randbytes(self.rand.choice((0, 9, 5000, 150000)))

    def some(self):
        return self.rand.choice(sorted(self.there)) if self.there else self.create()

    def check(self, name):
        assert mnt.read(self.place / name) == self.there[name] == mnt.read(self.place.stored(name)), name
        return name

    def create(self):
        name, data = self.rand.choice(self.names), self.bytes()
        mnt.save(self.place / name, data, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        self.there[name] = data
        return self.check(name)

    def write(self):
        name = self.some()
        data, new = self.there[name], self.bytes()
        at = self.rand.randrange(len(data) + 1) if len(data) < 500000 else 0
        fd = os.open(self.place / name, os.O_RDWR)
        os.pwrite(fd, new, at)
        os.close(fd)
        self.there[name] = data[:at] + new + data[at + len(new):]
        self.check(name)

    def append(self):
        name = self.some()
        if len(self.there[name]) < 500000:
            run('echo a line >> "$F"', self.place.point, F=name)
            self.there[name] += b"a line\n"
            self.check(name)

    def truncate(self):
        name, size = self.some(), self.rand.randrange(10000)
        os.truncate(self.place / name, size)
        self.there[name] = self.there[name][:size] + bytes(max(0, size - len(self.there[name])))
        self.check(name)

    def move(self):
        """Over another one as often as not, and between the directories."""
        name, to = self.some(), self.rand.choice(self.names)
        if name != to:
            run('mv "$A" "$B"', self.place.point, A=name, B=to)
            self.there[to] = self.there.pop(name)
            self.check(to)

    def remove(self):
        name = self.some()
        os.unlink(self.place / name)
        del self.there[name]
        assert not os.path.lexists(self.place.stored(name))

    def steps(self):
        return [self.create, self.write, self.append, self.truncate, self.move, self.remove]


class Outside(Job):
    """Another program changes, makes and removes images behind the mount, which has to follow."""

    TYPE = "PIPES_DATA"
    HOW = [outside.replace, outside.rewrite, outside.overwrite]

    def __init__(self, place, seed, name):
        super().__init__(place, seed)
        self.share = Share(place, self.TYPE, name, {0: slots.entry(self.TYPE, self.next())})

    def images(self):
        return [self.share] if self.share.entry else []

    def shown(self):
        try:
            names = os.listdir(self.share.dir)
            return names == self.share.names() and all(
                mnt.read_text(self.share.json(s)) == e.text() for s, e in self.share.entry.items())
        except (FileNotFoundError, NotADirectoryError):
            return False

    def change(self):
        how = self.rand.choice(self.HOW)
        if not self.share.entry:
            how = outside.rewrite
        self.share.entry = {i: slots.entry(self.TYPE, self.next(), self.rand.choice((0, 9, 3000)))
                            for i in range(self.rand.choice((1, 3, 50)))}
        how(self.share.stored, image_bytes(self.TYPE, self.share.entry))
        assert mnt.wait_for(self.shown), "%s is not seen" % how.__name__

    def edit(self):
        if self.share.entry:
            slot = self.rand.choice(sorted(self.share.entry))
            _, new = renumbered(self.share.entry[slot], self.next())
            calls.open_w(self.share.json(slot), new.text())
            self.share.entry[slot] = new
            self.share.check_image()

    def remove(self):
        if self.share.entry:
            os.unlink(self.share.stored)
            self.share.entry = {}
            assert mnt.wait_for(lambda: not os.path.exists(self.share.dir)), "it is still there"

    def steps(self):
        return [self.change, self.change, self.edit, self.edit, self.edit, self.remove]
