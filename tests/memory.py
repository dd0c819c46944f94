"""Where the pages of a process are, by a dump's images alone."""
import os

import criuimg

PAGE = 4096
PARENT, PRESENT = 1, 4


def in_parent(entry):
    flags = entry.flags if entry.HasField("flags") else PRESENT
    return bool(flags & PARENT) or bool(entry.in_parent)


def runs(root, pid):
    """(address, bytes, the pages file that has them or None: a parent's, offset in it)."""
    image = criuimg.load(os.path.join(root, "pagemap-%d.img" % pid))
    head, *entries = [e.decode() for e in image.entries]
    out, at = [], 0
    for e in entries:
        size = (e.nr_pages if e.HasField("nr_pages") else e.compat_nr_pages) * PAGE
        name = None if in_parent(e) else "pages-%d.img" % head.pages_id
        out.append((e.vaddr, size, name, at))
        at += 0 if in_parent(e) else size
    return out


def stored(root, pid):
    """{address of a page: its bytes}, of those that the dump itself has."""
    out = {}
    for start, size, name, at in runs(root, pid):
        if name is None:
            continue
        with open(os.path.join(root, name), "rb") as f:
            f.seek(at)
            data = f.read(size)
        out.update((start + i, data[i:i + PAGE]) for i in range(0, size, PAGE))
    return out


def pids(root):
    image = criuimg.load(os.path.join(root, "pstree.img"))
    return [e.decode().pid for e in image.entries]


def bounds(name):
    """Of the name of a file in map_files."""
    return tuple(int(x, 16) for x in name.split("-"))


def ranges(path):
    """The data of a sparse file, as lseek(2) finds it."""
    fd, at, out = os.open(path, os.O_RDONLY), 0, []
    try:
        while True:
            try:
                start = os.lseek(fd, at, os.SEEK_DATA)
            except OSError:
                return out
            at = os.lseek(fd, start, os.SEEK_HOLE)
            out.append((start, at))
    finally:
        os.close(fd)
