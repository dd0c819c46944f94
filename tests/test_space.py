"""Where the memory of recorded dumps is: every page of every mapping, against a second
reading of the page maps that is as simple as it can be.

build/tests/space-show says what the library finds.
"""
import os
import subprocess

import pytest

import criuimg
import dumps
import mnt

PROGRAM = os.path.join(mnt.BUILD, "tests", "space-show")
PAGE = 4096
PARENT, LAZY, PRESENT = 1, 2, 4
VSYSCALL, VDSO, FILE_PRIVATE, FILE_SHARED, ANON_SHARED, SYSVIPC, SOCKET, VVAR, MEMFD = (
    1 << n for n in (2, 3, 6, 7, 8, 10, 11, 12, 14))


def messages(root, name):
    path = os.path.join(root, name)
    return [e.decode() for e in criuimg.load(path).entries] if os.path.exists(path) else []


def page_map(root, name):
    """{address: (backing, offset, pages file)}; what a parent has is looked up there."""
    head, *entries = messages(root, name) or [None]
    pages, n, above = {}, 0, None
    for e in entries:
        flags = e.flags if e.HasField("flags") else PARENT if e.in_parent else PRESENT
        path = os.path.join(root, "pages-%d.img" % head.pages_id)
        for addr in range(e.vaddr, e.vaddr + (e.nr_pages or e.compat_nr_pages) * PAGE, PAGE):
            if flags & PARENT:
                above = above or page_map(os.path.realpath(os.path.join(root, "parent")), name)
                _, off, file = above[addr]
                pages[addr] = ("inherited", off, file)
            elif flags & PRESENT:
                pages[addr] = ("stored", n * PAGE, path)
                n += 1
            else:
                assert flags == LAZY
                pages[addr] = ("missing",)
    return pages


class Memory:
    def __init__(self, root):
        self.root = root
        self.maps = {}
        self.memfds = {f.id: f.memfd.inode_id for f in messages(root, "files.img")
                       if f.HasField("memfd")}
        self.inodes = {i.inode_id: i.shmid for i in messages(root, "memfd.img")}

    def page_map(self, name):
        if name not in self.maps:
            self.maps[name] = page_map(self.root, name)
        return self.maps[name]

    def mappings(self, pid):
        for mm in messages(self.root, "mm-%d.img" % pid):
            return list(mm.vmas) or messages(self.root, "vmas-%d.img" % pid)
        return None

    def shmid(self, vma):
        if vma.status & MEMFD:
            return self.inodes.get(self.memfds.get(vma.shmid))
        return vma.shmid

    def page(self, pid, vma, addr):
        own = self.page_map("pagemap-%d.img" % pid)
        if addr in own:
            return own[addr]
        if vma.status & (ANON_SHARED | SYSVIPC | MEMFD):
            shmid = self.shmid(vma)
            if shmid is None:
                return ("missing",)
            shared = self.page_map("pagemap-shmem-%d.img" % shmid)
            return shared.get(addr - vma.start + vma.pgoff, ("zeros",))
        if vma.status & (VSYSCALL | VDSO | VVAR | SOCKET | FILE_PRIVATE | FILE_SHARED):
            return ("outside",)
        return ("zeros",)


def show(root):
    """{pid: {address: ...}} as the library has it, and what it told."""
    done = subprocess.run([PROGRAM, root], capture_output=True, text=True,
                          env=mnt.environment(), timeout=300)
    mnt.check_log(done.stdout + done.stderr)
    if done.returncode == 2:
        return None, done.stderr
    assert done.returncode == 0, done.stderr
    found = {}
    for line in done.stdout.splitlines():
        words = line.split(" ", 4)
        if words[0] == "process":
            pages = found[int(words[1])] = {}
            continue
        start, end = int(words[0], 16), int(words[1], 16)
        assert start < end and start % PAGE == end % PAGE == 0
        for addr in range(start, end, PAGE):
            assert addr not in pages
            pages[addr] = ((words[2], int(words[3]) + addr - start, words[4])
                           if len(words) > 3 else (words[2],))
    return found, done.stderr


def expected(root):
    memory = Memory(root)
    wanted = {}
    for p in messages(root, "pstree.img"):
        vmas = memory.mappings(p.pid)
        if vmas is not None:
            wanted[p.pid] = {addr: memory.page(p.pid, vma, addr)
                             for vma in vmas for addr in range(vma.start, vma.end, PAGE)}
    return wanted


def dirs(root):
    return sorted(where for where, _, names in os.walk(root) if "pstree.img" in names)


@pytest.mark.parametrize("name", dumps.NAMES)
def test_every_page(name):
    for root in dirs(os.path.realpath(dumps.pristine(name))):
        found, told = show(root)
        wanted = expected(root)
        assert found == wanted, told
        is_split = name.startswith(("legacy-", "split-"))  # there are no memory files in these
        assert is_split or not told


def test_incremental():
    """Page i is of generation 2 or 0, which are in the last and in the first dump."""
    root = os.path.realpath(dumps.pristine("incremental"))
    found, _ = show(os.path.join(root, "3"))
    (pages,) = found.values()
    for i in range(256):
        backing, off, path = pages[0x10000000000 + i * PAGE]
        assert backing == ("stored" if i % 4 == 0 else "inherited")
        assert os.path.dirname(path) == os.path.join(root, "3" if i % 4 == 0 else "1")
        with open(path, "rb") as f:
            f.seek(off)
            text = b"page %d generation %d" % (i, 0 if i % 4 else 2)
            assert f.read(len(text) + 1) in (text + b"\0", text + b"\n")
