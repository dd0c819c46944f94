"""ELF cores: a reader of its own, and the places that they come from.

Nothing here is shared with critfs. What a note says is looked up by its offset in the
kernel's structures for 64-bit machines.
"""
import lzma
import os
import re
import shutil
import struct
import subprocess

import pytest

import criuimg
import critic
import mnt

AUX = os.path.join(criuimg.DATA, "aux")
CORE_READ = os.path.join(mnt.BUILD, "tests", "core-read")

PT_LOAD, PT_NOTE = 1, 4
PN_XNUM = 0xffff
EM_X86_64, EM_AARCH64 = 62, 183
NT_PRSTATUS, NT_FPREGSET, NT_PRPSINFO, NT_AUXV = 1, 2, 3, 6
NT_SIGINFO, NT_FILE, NT_X86_XSTATE, NT_ARM_TLS = 0x53494749, 0x46494c45, 0x202, 0x401

X86_REGS = ("r15 r14 r13 r12 bp bx r11 r10 r9 r8 ax cx dx si di orig_ax ip cs flags sp ss "
            "fs_base gs_base ds es fs gs").split()


def aux(name, directory):
    """A file of data/aux, unpacked."""
    path = os.path.join(directory, name)
    with lzma.open(os.path.join(AUX, name + ".xz")) as packed, open(path, "wb") as f:
        shutil.copyfileobj(packed, f)
    os.chmod(path, 0o755)
    os.utime(path, (0, 0))       # gdb complains of programs that are newer than a core
    return path


# ------------------------------------------------------------------- cores

class Load:
    def __init__(self, flags, offset, start, _, filesz, memsz, align):
        self.flags, self.offset, self.start = flags, offset, start
        self.filesz, self.memsz, self.align = filesz, memsz, align
        self.end = start + filesz    # of what is in the file


class Core:
    """An ELF core in a file, of any size."""

    def __init__(self, path):
        self.path = path
        self.size = os.path.getsize(path)
        header = struct.unpack("<16sHHIQQQIHHHHHH", self.pread(64, 0))
        (self.ident, self.type, self.machine, self.version, self.entry, self.phoff, self.shoff,
         self.flags, self.ehsize, self.phentsize, self.phnum, self.shentsize, self.shnum,
         self.shstrndx) = header
        self.segments = self.phnum
        if self.phnum == PN_XNUM:
            self.section = struct.unpack("<IIQQQQIIQQ", self.pread(64, self.shoff))
            self.segments = self.section[7]
        headers = list(struct.iter_unpack("<IIQQQQQQ", self.pread(56 * self.segments, self.phoff)))
        self.types = [h[0] for h in headers]
        self.note_header = headers[0]
        self.loads = [Load(*h[1:]) for h in headers if h[0] == PT_LOAD]
        self.stored = [l for l in self.loads if l.filesz]
        self.notes = list(self.read_notes())

    def pread(self, size, offset):
        data = b""
        with open(self.path, "rb", buffering=0) as f:  # what is left open keeps a mount busy
            while len(data) < size:
                more = os.pread(f.fileno(), size - len(data), offset + len(data))
                assert more, "%s ends at %d" % (self.path, offset + len(data))
                data += more
        return data

    def read_notes(self):
        """(owner, type, contents) of each."""
        note = next(h for h in struct.iter_unpack("<IIQQQQQQ", self.pread(
            56 * self.segments, self.phoff)) if h[0] == PT_NOTE)
        data, pos = self.pread(note[5], note[2]), 0
        while pos < len(data):
            name_size, size, kind = struct.unpack_from("<III", data, pos)
            name = data[pos + 12:pos + 12 + name_size]
            pos += 12 + name_size + -name_size % 4
            yield name.rstrip(b"\0").decode(), kind, data[pos:pos + size]
            pos += size + -size % 4

    def note(self, kind):
        """The contents of the only note of a kind."""
        found = [n[2] for n in self.notes if n[1] == kind]
        assert len(found) == 1, (hex(kind), len(found))
        return found[0]

    def threads(self):
        """{tid: {note type: contents}}: notes behind a prstatus are of the same thread."""
        threads = {}
        for _, kind, data in self.notes:
            if kind == NT_PRSTATUS:
                mine = threads.setdefault(struct.unpack_from("<i", data, 32)[0], {})
                assert not mine, "a thread twice"
            if kind in (NT_PRSTATUS, NT_FPREGSET, NT_X86_XSTATE, NT_ARM_TLS):
                mine[kind] = data
        return threads

    def x86_registers(self, tid):
        return dict(zip(X86_REGS, struct.unpack_from("<27Q", self.threads()[tid][NT_PRSTATUS],
                                                     112)))

    def auxv(self):
        return list(struct.iter_unpack("<QQ", self.note(NT_AUXV)))

    def files(self):
        """(start, end, offset in pages, name) of each mapped file."""
        data = self.note(NT_FILE)
        count, page = struct.unpack_from("<QQ", data)
        where = list(struct.iter_unpack("<QQQ", data[16:16 + 24 * count]))
        names = data[16 + 24 * count:].split(b"\0")
        assert len(names) == count + 1 and names[-1] == b""
        return page, [w + (n.decode(),) for w, n in zip(where, names)]

    def memory(self, addr, size):
        """Bytes at an address; None if they are not all in one segment of the core."""
        for l in self.stored:
            if l.start <= addr and addr + size <= l.end:
                return self.pread(size, l.offset + addr - l.start)
        return None

    def word(self, addr):
        return struct.unpack("<Q", self.memory(addr, 8))[0]


def check_shape(core):
    """What is true of any core: parts follow each other, and nothing is beyond the end."""
    assert core.ident == b"\x7fELF\x02\x01\x01" + bytes(9)
    assert (core.type, core.version, core.ehsize, core.phoff, core.phentsize) == (4, 1, 64, 64, 56)
    assert core.types == [PT_NOTE] + [PT_LOAD] * (core.segments - 1)
    at, size = core.note_header[2], core.note_header[5]
    assert at == 64 + 56 * core.segments
    page = core.loads[0].align if core.loads else 4096
    at = -(-(at + size) // page) * page
    before = 0
    for l in core.loads:
        assert l.offset == at and l.offset % page == 0 and l.align == page
        assert l.start >= before and l.memsz in (l.filesz, 0) or l.filesz == 0
        at, before = at + l.filesz, l.start + max(l.memsz, l.filesz)
    if core.phnum == PN_XNUM:
        assert core.shoff == at and core.shnum == 1 and core.shentsize == 64
        assert core.section == (0, 0, 0, 0, 0, 1, 0, core.segments, 0, 0)
        at += 64
    else:
        assert core.shoff == core.shnum == core.shentsize == 0
    assert core.size == at


# ----------------------------------------------------------------- sources

def from_critic(dump, pid, directory):
    path = os.path.join(directory, "core-of-%d" % pid)
    done = critic.run("core", "-p", str(pid), "-o", path, dump)
    # pages that are lost are told, see test_lost_pages_are_told(); no other fault is
    assert done.status == bool(done.err) and done.out == b""
    assert done.err.count("\n") <= 1 and (not done.err or "the core lacks the page" in done.err)
    return path


def on_mounts(mount, *options):
    """Cores as a mount shows them; one of each dump."""
    mounts = {}

    def from_mount(dump, pid, directory):
        if dump not in mounts:
            mounts[dump] = mount(dump, *options)
        return mounts[dump] / (".critfs/proc/%d/core" % pid)

    return from_mount


# Where cores come from: of the fixture `mount`, functions of (dump directory, pid, a directory
# to write to) that return a path.
SOURCES = {"critic": lambda mount: from_critic, "mount": on_mounts,
           "read-only mount": lambda mount: on_mounts(mount, "ro")}


class Asked:
    """The decoder's own core of a process, read by asking core-read."""

    def __init__(self, dump, pid):
        assert os.path.exists(CORE_READ), "no %s: build it first (make tested)" % CORE_READ
        self.proc = subprocess.Popen([CORE_READ, dump, str(pid)], stdin=subprocess.PIPE,
                                     stdout=subprocess.PIPE, env=mnt.environment())

    def ask(self, *words):
        self.proc.stdin.write((" ".join(map(str, words)) + "\n").encode())
        self.proc.stdin.flush()
        return int(self.proc.stdout.readline())

    def size(self):
        return self.ask("size")

    def read(self, offset, size):
        n = self.ask("read", offset, size)
        assert n >= 0, os.strerror(-n)
        return self.proc.stdout.read(n)

    def seek(self, what, offset):
        """The offset; None behind the last."""
        found = self.ask(what, offset)
        assert found >= 0 or found == -6, os.strerror(-found)   # ENXIO
        return found if found >= 0 else None

    def close(self):
        self.proc.stdin.close()
        self.proc.stdout.close()
        assert self.proc.wait(60) == 0


# ------------------------------------------------------------------- tools

def tool(*command):
    """What a tool prints, without complaints."""
    if not shutil.which(command[0]):
        pytest.skip("no " + command[0])
    done = subprocess.run(command, capture_output=True, timeout=300, stdin=subprocess.DEVNULL,
                          env=dict(os.environ, LC_ALL="C"))
    assert (done.returncode, done.stderr.decode()) == (0, ""), command
    return done.stdout.decode("utf-8", "replace")


def gdb(*commands, program=None, core=None, unreadable=None):
    """What gdb prints of a core. It must not complain but of files that are not there, and
    last of the address that is not to be read."""
    if not shutil.which("gdb"):
        pytest.skip("no gdb")
    args = ["gdb", "-nx", "-batch", "-iex", "set debuginfod enabled off"]
    for command in commands:
        args += ["-ex", command]
    args += [program] if program else []
    done = subprocess.run(args + ["-core", core], capture_output=True, timeout=300, text=True,
                          stdin=subprocess.DEVNULL, env=dict(os.environ, LC_ALL="C"),
                          errors="replace")
    lines = done.stderr.splitlines()
    if unreadable is not None:
        assert lines.pop() == "Cannot access memory at address %#x" % unreadable
    else:
        assert done.returncode == 0, done.stderr
    for line in lines:
        assert not re.search(r"warning|error|truncated|Cannot|corrupt", line) or re.search(
            "Can't open file .* during file-backed mapping note processing", line), line
    return done.stdout
