"""Dumps to mount: directories of synthetic images, and their trees as plain files."""
import os
import subprocess

import images

FILES = 100000
CORES = 2000
PAGEMAP = 1000000
PIPES = 200

QUICKER = 100  # times fewer entries, where it is only a try


class Dump:
    """A directory of images; each method adds some."""

    def __init__(self, path, quick):
        self.path, self.quick = path, quick
        os.makedirs(path)
        self.add("inventory.img", "inventory", 1)
        self.add("pstree.img", "pstree", 1)

    def __truediv__(self, name):
        return os.path.join(self.path, name)

    def scaled(self, count):
        return max(count // QUICKER, 1) if self.quick else count

    def add(self, name, kind, count):
        """An image of so many entries. Returns its path."""
        images.write(self / name, kind, images.MAKERS[kind](count))
        return self / name

    def files(self, count=FILES):
        return self.add("files.img", "files", self.scaled(count))

    def pagemap(self, count=PAGEMAP):
        return self.add("pagemap-1.img", "pagemap", self.scaled(count))

    def pipes(self, count=PIPES):
        return self.add("pipes-data.img", "pipes-data", self.scaled(count))

    def cores(self, count=CORES):
        """An image a process."""
        for pid, message in enumerate(images.core(self.scaled(count)), 1):
            images.write(self / ("core-%d.img" % pid), "core", [message])


def copy_tree(mounted, path):
    """What a mount shows, as plain files at `path`."""
    with mounted as point:
        subprocess.run(["cp", "-r", point, path], check=True)
    return path
