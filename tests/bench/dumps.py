"""Dumps to mount: directories of synthetic images, and their trees as plain files."""
import os
import random
import subprocess

import images

CORES = 2000
PAGEMAP = 1000000
PIPES = 200

# Entries of files.img
FILES = 100000
FILES_1M, FILES_100M = 12000, 1100000  # in so many bytes

PAGES = 1 << 30
BLOCK = bytes(range(256)) * 4096

TEXT = random.Random(3).randbytes(3 << 19).hex("\n", 31).encode()[:len(BLOCK)]

QUICKER = 100  # times fewer entries, where it is only a try


class Dump:
    """A directory of images; each method adds some and returns a path."""

    def __init__(self, path, quick):
        self.path, self.quick = path, quick
        self.counts = {}
        os.makedirs(path)
        self.add("inventory.img", "inventory", 1)
        self.add("pstree.img", "pstree", 1)

    def __truediv__(self, name):
        return os.path.join(self.path, name)

    def scaled(self, count):
        return max(count // QUICKER, 1) if self.quick else count

    def add(self, name, kind, count):
        """An image of so many entries."""
        images.write(self / name, kind, images.MAKERS[kind](count))
        self.counts[name] = count
        return self / name

    def files(self, count=FILES):
        return self.add("files.img", "files", self.scaled(count))

    def pagemap(self, count=PAGEMAP):
        return self.add("pagemap-1.img", "pagemap", self.scaled(count))

    def pipes(self, count=PIPES):
        return self.add("pipes-data.img", "pipes-data", self.scaled(count))

    def cores(self, count=CORES):
        """An image a process. Returns how many."""
        count = self.scaled(count)
        for pid, message in enumerate(images.core(count), 1):
            images.write(self / ("core-%d.img" % pid), "core", [message])
        return count

    def pages(self, size=PAGES):
        """Memory's contents, and where they belong."""
        size = self.scaled(size)
        self.add("pagemap-2.img", "pagemap", 100)
        with open(self / "pages-1.img", "wb") as f:
            for at in range(0, size, len(BLOCK)):
                f.write(BLOCK[:size - at])
        return self / "pages-1.img"

    def process(self, size, pages, gap):
        """A process with so many bytes of memory, text, in runs of so many pages."""
        size = self.scaled(size)
        count = max(size // (pages << 12), 1)
        images.write(self / "core-1.img", "core", images.core(1))
        images.write(self / "mm-1.img", "mm", images.mm(count * (pages + gap) << 12))
        images.write(self / "pagemap-1.img", "pagemap", images.runs(count, pages, gap))
        with open(self / "pages-1.img", "wb") as f:
            for at in range(0, count * pages << 12, len(TEXT)):
                f.write(TEXT[:(count * pages << 12) - at])
        return count

    def everything(self):
        """All sorts that are measured anywhere, in one dump."""
        self.files()
        self.pagemap()
        self.cores()
        self.pipes(8 * PIPES)  # 100 MB
        self.pages()


def copy_tree(mounted, path):
    """What a mount shows, as plain files at `path`."""
    with mounted as point:
        subprocess.run(["cp", "-r", point, path], check=True)
    return path
