"""Processes as ELF cores: what debuggers and readers of ELF make of them, and each byte
beside gdb's own core of the same process."""
import os
import random
import re
import struct

import pytest

import cores
import criuimg
import critic
import dumps
from conftest import need_fuse
from cores import (NT_ARM_TLS, NT_AUXV, NT_FILE, NT_FPREGSET, NT_PRPSINFO, NT_PRSTATUS,
                   NT_SIGINFO, NT_X86_XSTATE, check_shape, gdb, tool)
from exploring import reg, required, vma

PAGE = 4096
PIDS = {"gdbcore": 28347, "python3": 26593, "threads200": 23786, "incremental/3": 8057}
MARKS = 256          # segments that the decoder finds from one mark

ANON, SHARED, FILE = 0x201, 0x101, 0x41     # mappings, by their status
PRIVATE_MAP, SHARED_MAP = 2, 1


@pytest.fixture(params=sorted(cores.SOURCES))
def source(request, mount):
    """A function of dump, pid and directory that gives the path of a core."""
    if request.param != "critic":
        need_fuse()
    return cores.SOURCES[request.param](mount)


@pytest.fixture
def core_of(source, work):
    return lambda dump, pid: cores.Core(source(dump, pid, work))


def recorded(name):
    """(dump directory, pid)"""
    top, _, below = name.partition("/")
    return os.path.join(dumps.pristine(top), below), PIDS[name]


@pytest.fixture
def gcore(work):
    return cores.Core(cores.aux("gdbcore.gcore", work))


@pytest.fixture
def gdbcore(core_of):
    return core_of(*recorded("gdbcore"))


# --------------------------------------------------- beside gdb's own core

def test_general_registers(gdbcore, gcore):
    """As gdb saw them, but that CRIU goes back to the system call that was interrupted."""
    assert list(gdbcore.threads()) == [28347, 28349, 28350]
    for tid in gcore.threads():
        theirs = gcore.x86_registers(tid)
        assert theirs["ax"] == 2 ** 64 - 514     # ERESTARTNOHAND
        theirs.update(ax=theirs["orig_ax"], ip=theirs["ip"] - 2)
        assert gdbcore.x86_registers(tid) == theirs


def test_other_registers(gdbcore, gcore):
    for tid, theirs in gcore.threads().items():
        mine = gdbcore.threads()[tid]
        assert (len(mine[NT_FPREGSET]), len(mine[NT_X86_XSTATE])) == (512, 2696)
        for kind in (NT_FPREGSET, NT_X86_XSTATE):
            # the mask of mxcsr is a constant of the machine, which gdb does not write
            assert mine[kind][28:32] == b"\xff\xff\0\0" and theirs[kind][28:32] == bytes(4)
            assert mine[kind][:28] + mine[kind][32:512] == (
                theirs[kind][:28] + theirs[kind][32:512])
        ours, theirs = mine[NT_X86_XSTATE], theirs[NT_X86_XSTATE]
        # gdb calls all parts used that are there, a dump those that are
        assert struct.unpack_from("<Q", ours, 512) == (0x2a2,)
        assert struct.unpack_from("<Q", theirs, 512) == (0x2ff,)
        assert ours[520:] == theirs[520:]


def test_auxv(gdbcore, gcore):
    assert gdbcore.auxv() == gcore.auxv()
    assert gdbcore.auxv()[-1] == (0, 0) and [k for k, _ in gdbcore.auxv()].count(0) == 1


def test_mapped_files(gdbcore, gcore):
    page, files = gdbcore.files()
    unit, theirs = gcore.files()     # gdb counts offsets in bytes
    assert (page, unit) == (PAGE, 1)
    assert [(start, end, off * page, name) for start, end, off, name in files] == theirs


def test_memory(gdbcore, gcore):
    """Each byte is as gdb saw it, but where the kernel tells threads on which processor
    they are: they were on others a moment later."""
    told = set()
    for tid in gcore.threads():
        image = criuimg.load(os.path.join(recorded("gdbcore")[0], "core-%d.img" % tid))
        rseq = image.entries[0].decode().thread_core.rseq_entry.rseq_abi_pointer
        told.update(range(rseq, rseq + 8), range(rseq + 20, rseq + 28))  # ids of cpu, node, mm
    different = set()
    for load in gdbcore.stored:
        for addr in range(load.start, load.end, PAGE):
            ours, theirs = gdbcore.memory(addr, PAGE), gcore.memory(addr, PAGE)
            if ours != theirs:
                different.update(addr + i for i in range(PAGE) if ours[i] != theirs[i])
    assert different <= told and len(different) == 5


def test_frames_by_hand(gdbcore):
    """The chain of frames from rbp on leads to the return addresses that gdb saw."""
    with open(os.path.join(cores.AUX, "gdbcore.backtraces.txt")) as f:
        seen = re.split(r"\nThread \d+ \(.*LWP (\d+)\).*\n", f.read())
    for tid, text in zip(seen[1::2], seen[2::2]):
        wanted = re.findall(r"^#\d+ +0x([0-9a-f]+) in (?:recurse|thr|main) ", text, re.M)
        frame = gdbcore.x86_registers(int(tid))["bp"]
        for address in wanted:
            assert gdbcore.word(frame + 8) == int(address, 16)
            frame = gdbcore.word(frame)


def frames(text):
    """{tid: [(function, arguments)]} of `thread apply all bt`."""
    parts = re.split(r"\nThread \d+ \(.*LWP (\d+)\).*\n", text)
    return {int(tid): re.findall(r"^#\d+ +(?:0x[0-9a-f]+ in )?(.*\)) at ", part, re.M)
            for tid, part in zip(parts[1::2], parts[2::2])}


def build_id(path):
    found = re.search(r"Build ID: ([0-9a-f]+)", tool("readelf", "-n", path))
    return found and found[1]


def need_libc(gcore):
    """The frames below main are in a library that no dump holds."""
    libc = next(f for f in gcore.files()[1] if f[3].endswith("/libc.so.6"))
    if not os.path.exists(libc[3]) or bytes.fromhex(build_id(libc[3])) not in gcore.memory(
            libc[0], PAGE):
        pytest.skip("another libc than the process had")
    if not os.path.exists("/usr/lib/debug/.build-id/%s/%s.debug" % (
            build_id(libc[3])[:2], build_id(libc[3])[2:])):
        pytest.skip("no symbols of libc")


def test_gdb_backtraces(gdbcore, gcore, work):
    need_libc(gcore)
    with open(os.path.join(cores.AUX, "gdbcore.backtraces.txt")) as f:
        wanted = frames(f.read())
    assert [len(wanted[tid]) for tid in (28347, 28349, 28350)] == [7, 8, 10]
    assert frames(gdb("thread apply all bt", program=cores.aux("cgdb", work),
                      core=gdbcore.path)) == wanted


def test_gdb_symbols(gdbcore, work):
    """gdb finds where the program was loaded, and its data."""
    out = gdb("print global_counter", "print global_str", "print *head", "info symbol leaf",
              "print $_siginfo.si_signo", program=cores.aux("cgdb", work), core=gdbcore.path)
    assert "$1 = 4242\n" in out
    assert '"global string in rodata"\n' in out
    assert '$3 = {id = 9, name = "node 9"' in out
    assert "$4 = 0\n" in out      # nothing killed it


def without_places(text):
    return re.sub(r"(?m)^(rax|rip) .*\n|^Thread .*\n", "", text[text.index("\nThread "):])


def test_gdb_registers(gdbcore, gcore, work):
    """All of them, vectors too, as gdb prints them of its own core."""
    program = cores.aux("cgdb", work)
    ours, theirs = (gdb("thread apply all info all-registers", program=program, core=c.path)
                    for c in (gdbcore, gcore))
    for name in ("rsp", "k1", "zmm5", "zmm17", "st7", "mxcsr", "pkru"):
        assert len(re.findall("(?m)^%s +" % name, ours)) == 3, name
    assert without_places(ours) == without_places(theirs)


def test_gdb_auxv_and_mappings(gdbcore, gcore):
    for command in ("info auxv", "info proc mappings"):
        ours, theirs = (gdb(command, core=c.path) for c in (gdbcore, gcore))
        ours, theirs = ([l for l in out.splitlines() if re.match(r"\d+ +(AT_|\?)| +0x", l)]
                        for out in (ours, theirs))
        assert ours == theirs and len(ours) >= 15


def test_memory_that_no_dump_has(gdbcore):
    """Where a program's own headers would be gdb must not see zeros."""
    header = next(l for l in gdbcore.loads if l.start == 0x5570467df000)
    assert (header.filesz, header.memsz) == (0, 0)
    libc = [l for l in gdbcore.loads if 0x7f126d61f000 <= l.start < 0x7f126d645000]
    assert [(l.start, l.filesz, l.memsz) for l in libc] == [
        (0x7f126d61f000, 0, 0), (0x7f126d620000, 0, 0x25000)]


# ---------------------------------------------------------- readers of ELF

def test_order_of_notes(gdbcore):
    """The kernel's: what is known of the process stands within its leader."""
    leader = [NT_PRSTATUS, NT_PRPSINFO, NT_SIGINFO, NT_AUXV, NT_FILE, NT_FPREGSET, NT_X86_XSTATE]
    other = [NT_PRSTATUS, NT_FPREGSET, NT_X86_XSTATE]
    assert [n[1] for n in gdbcore.notes] == leader + 2 * other
    assert all(n[0] == ("LINUX" if n[1] == NT_X86_XSTATE else "CORE") for n in gdbcore.notes)


def test_status_and_process(gdbcore):
    status = gdbcore.threads()[28349][NT_PRSTATUS]
    assert len(status) == 336
    # no signal, none pending or blocked; the times of a dump are not known
    assert status[:32] == bytes(32) and status[48:112] == bytes(64)
    assert struct.unpack_from("<4i", status, 32) == (28349, 0, 28347, 28347)
    assert struct.unpack_from("<i", status, 328) == (1,)
    info = gdbcore.note(NT_PRPSINFO)
    assert struct.unpack("<bcbbxxxxQIIiiii16s80s", info) == (
        0, b"R", 0, 0, 0x400000, 0, 0, 28347, 0, 28347, 28347, b"cgdb".ljust(16, b"\0"),
        b"/tmp/bigsrc/cgdb arg1 arg 2 ".ljust(80, b"\0"))
    assert gdbcore.note(NT_SIGINFO) == bytes(128)


@pytest.mark.parametrize("name", PIDS)
def test_readers_do_not_complain(core_of, name):
    core = core_of(*recorded(name))
    check_shape(core)
    for command in (("readelf", "-n"), ("readelf", "-lW"), ("readelf", "-h"),
                    ("eu-readelf", "-n"), ("eu-readelf", "-l")):
        assert tool(*command, core.path)
    assert "[New LWP %d]" % PIDS[name] in gdb("info registers rip", core=core.path) or len(
        core.threads()) == 1


def test_eu_readelf_knows_all(gdbcore):
    out = tool("eu-readelf", "-n", gdbcore.path)
    for line in ("    pid: 28347, ppid: 0, pgrp: 28347, sid: 28347", "    fname: cgdb, psargs: ",
                 "    ENTRY: 0x5570467e00b0", "    15 files:",
                 "      7f126d645000-7f126d79b000 00026000 1400832     "
                 "/usr/lib/x86_64-linux-gnu/libc.so.6"):
        assert line in out


def test_arguments_of_python(core_of):
    core = core_of(*recorded("python3"))
    lines = tool("strings", "-a", core.path).splitlines()
    assert "/usr/bin/python3 ../inf.py --flag arg with space new" in [l[:52] for l in lines]


def test_pages_of_parents(core_of):
    """Page i says `page i generation g`, whichever dump of the chain has it."""
    core = core_of(*recorded("incremental/3"))
    for i in range(256):
        text = core.memory(0x10000000000 + i * PAGE, PAGE).split(b"\0")[0]
        assert text == b"page %d generation %d" % (i, 0 if i % 4 else 2)


def test_two_hundred_threads(core_of):
    core = core_of(*recorded("threads200"))
    assert len(core.threads()) == 200
    out = gdb("info threads", core=core.path)
    assert len(re.findall(r"(?m)^\*? +\d+ +(?:Thread|LWP)", out)) == 200


# -------------------------------------------------- mappings made by hand

GENERAL = {name: 0x1000 + i for i, name in enumerate(cores.X86_REGS)}


def x86(**more):
    return dict(dict(gpregs=dict(GENERAL, mode="NATIVE"),
                     fpregs=required("user_x86_fpregs_entry")), **more)


def thread_core(**more):
    return dict(required("thread_core_entry"), creds=required("creds_entry"), **more)


def process(made, *vmas, pid=5, threads=(), mm=None, files=(), **more):
    """A process with these mappings, and the files that are mapped; without pages."""
    made.pstree(dict(pid=pid, ppid=1, pgid=3, sid=2, threads=[pid, *threads]))
    made.core(pid, "made", **dict(dict(thread_info=x86(), thread_core=thread_core()), **more))
    pages(made, pid=pid)
    made.image("MM", "mm-%d.img" % pid, dict(dict(mm or {}), exe_file_id=2, vmas=list(vmas)))
    made.files(*files)


def pages(made, *runs, pid=5):
    """Runs (address, pages, flags); page i of those that are present begins with i."""
    n = 0
    with open(os.path.join(made.root, "pages-1.img"), "wb") as f:
        for _, count, flags in runs:
            for _ in range(count if flags & 4 else 0):
                f.write(struct.pack("<Q", n).ljust(PAGE, b"."))
                n += 1
    made.pagemap(pid, *(dict(vaddr=addr, nr_pages=count, compat_nr_pages=0, flags=flags)
                        for addr, count, flags in runs))


def mapping(start, pages_long, status=ANON, **more):
    flags = SHARED_MAP if status & SHARED else PRIVATE_MAP
    return vma(start, start + pages_long * PAGE, status, **dict(dict(flags=flags), **more))


def parts(core):
    """(page of the address, pages in the file, pages in memory) of each segment."""
    return [(l.start // PAGE, l.filesz // PAGE, l.memsz // PAGE) for l in core.loads]


def test_what_is_left_out(made, core_of):
    process(made,
            mapping(0x10000, 4),                              # written to
            mapping(0x20000, 4),                              # never
            mapping(0x30000, 4, madv=1 << 16),                # MADV_DONTDUMP
            mapping(0x40000, 8, FILE, shmid=7, pgoff=PAGE),   # some pages
            mapping(0x50000, 4, FILE, shmid=7, pgoff=PAGE),   # no pages
            mapping(0x60000, 4, FILE, shmid=7),               # with an ELF header
            mapping(0x70000, 4, FILE, shmid=7),               # which was changed
            mapping(0x80000, 6),                              # with pages that are lost
            mapping(0x90000, 4),                              # with no others
            files=[reg(7, "/lib/x")])
    pages(made, (0x11000, 1, 4), (0x31000, 1, 4), (0x41000, 2, 4), (0x45000, 1, 4),
          (0x70000, 1, 4), (0x80000, 1, 4), (0x82000, 1, 2), (0x84000, 1, 4), (0x91000, 1, 2))
    core = core_of(made.root, 5)
    check_shape(core)
    assert parts(core) == [
        (0x10, 4, 4), (0x20, 0, 4), (0x30, 0, 4),
        (0x40, 0, 1), (0x41, 2, 2), (0x43, 0, 2), (0x45, 1, 1), (0x46, 0, 2),
        (0x50, 0, 4), (0x60, 0, 0), (0x61, 0, 3), (0x70, 1, 1), (0x71, 0, 3),
        (0x80, 2, 2), (0x82, 0, 0), (0x83, 3, 3),
        (0x90, 0, 1), (0x91, 0, 0), (0x92, 0, 2)]
    assert [core.word(a) for a in (0x11000, 0x41000, 0x42000, 0x45000, 0x70000, 0x80000, 0x84000)
            ] == [0, 2, 3, 4, 5, 6, 7]
    for untouched in (0x10000, 0x12000, 0x81000, 0x83000, 0x85000):
        assert core.memory(untouched, PAGE) == bytes(PAGE)
    # gdb sees what is there, and no zeros where something is lost
    out = gdb("x/2xw 0x42000", "x/2xw 0x83000", "x/2xw 0x82000", core=core.path,
              unreadable=0x82000)
    assert "0x42000:\t0x00000003\t0x00000000" in out and "0x83000:\t0x00000000" in out


def test_permissions(made, core_of):
    process(made, *(mapping(0x10000 * i, 1, prot=i) for i in range(1, 8)))
    flags = [l.flags for l in core_of(made.root, 5).loads]
    assert flags == [4, 2, 6, 1, 5, 3, 7]      # PF_X is 1, PF_R is 4


def test_names_of_files(made, core_of):
    """As the kernel calls them; those that it made itself, too."""
    process(made,
            mapping(0x10000, 1, FILE, shmid=7, pgoff=3 * PAGE),
            mapping(0x20000, 1, FILE, shmid=8),
            mapping(0x30000, 1, 0x81 | 1 << 14, shmid=9, flags=SHARED_MAP),
            mapping(0x40000, 1, SHARED, shmid=70),
            mapping(0x50000, 1, SHARED | 1 << 10, shmid=71),
            mapping(0x60000, 1),
            mapping(0x70000, 1, FILE, shmid=99),
            files=[reg(7, "/lib/with space"), reg(8, "/gone"),
                   dict(type="MEMFD", id=9, memfd=dict(required("memfd_file_entry"), id=9,
                                                       inode_id=4))])
    made.image("MEMFD_INODE", "memfd.img", dict(name="other", inode_id=3),
               dict(name="mine", inode_id=4, shmid=72))
    made.image("REMAP_FPATH", "remap-fpath.img", dict(orig_id=8, remap_id=1, remap_type="GHOST"))
    made.image("IDS", "ids-5.img", dict(ipc_ns_id=6))
    made.image("IPCNS_SHM", "ipcns-shm-6.img", dict(desc=dict(key=0xbeef, id=71), size=PAGE,
                                                    in_pagemaps=True))
    dump = made.root
    done = critic.run("core", "-p", "5", dump)
    assert done.status == 1 and "no file in it has the id 99" in done.err
    path = os.path.join(dump, "..", "core")
    with open(path, "wb") as f:
        f.write(done.out)
    assert cores.Core(path).files() == (PAGE, [
        (0x10000, 0x11000, 3, "/lib/with space"), (0x20000, 0x21000, 0, "/gone (deleted)"),
        (0x30000, 0x31000, 0, "/memfd:mine (deleted)"),
        (0x40000, 0x41000, 0, "/dev/zero (deleted)"),
        (0x50000, 0x51000, 0, "/SYSV0000beef (deleted)")])


def many(made, count):
    """A file mapping with every second page in the dump: 2 * count + 1 segments."""
    process(made, mapping(0x10000000, 2 * count + 1, FILE, shmid=7, pgoff=PAGE),
            files=[reg(7, "/lib/x")])
    pages(made, *((0x10001000 + i * 2 * PAGE, 1, 4) for i in range(count)))


@pytest.mark.parametrize("count", [32766, 32767])
def test_large_number_of_segments(made, core_of, count):
    """Beyond 65,534 their number is in a section header."""
    many(made, count)
    core = core_of(made.root, 5)
    assert core.segments == 2 * count + 2
    assert (core.phnum == cores.PN_XNUM) == (count > 32766)
    check_shape(core)
    assert [l.start for l in core.loads] == [
        0x10000000 + i * PAGE for i in range(2 * count + 1)]
    for i in (0, 1, 255, 256, 20000, count - 1):
        assert core.word(0x10001000 + i * 2 * PAGE) == i
    out = tool("readelf", "-lW", core.path)
    assert "There are %d program headers" % core.segments in out
    assert out.count("  LOAD  ") == 2 * count + 1
    last = 0x10001000 + (count - 1) * 2 * PAGE
    out = gdb("x/1xw 0x10001000", "x/1xw %d" % last, "info registers rip", core=core.path)
    assert "0x10001000:\t0x00000000" in out and "%#x:\t%#010x" % (last, count - 1) in out


# ------------------------------------------------------------ registers

def test_registers_by_offset(made, core_of):
    """Each of them where struct user_regs_struct and the FXSAVE area have it."""
    fpregs = dict(required("user_x86_fpregs_entry"), cwd=1, swd=2, twd=3, fop=4, rip=5, rdp=6,
                  mxcsr=7, mxcsr_mask=8, st_space=list(range(100, 132)),
                  xmm_space=list(range(200, 264)))
    process(made, mapping(0x10000, 1), thread_info=x86(fpregs=fpregs))
    core = core_of(made.root, 5)
    assert core.x86_registers(5) == GENERAL
    mine = core.threads()[5]
    assert struct.unpack("<4H2Q2I32I64I96x", mine[NT_FPREGSET]) == (
        1, 2, 3, 4, 5, 6, 7, 8, *range(100, 132), *range(200, 264))
    assert NT_X86_XSTATE not in mine


PARTS = {"ymmh_space": ("I", 576, 64), "bndreg_state": ("Q", 960, 8),
         "bndcsr_state": ("Q", 1024, 8), "opmask_reg": ("Q", 1088, 8),
         "zmm_upper": ("Q", 1152, 64), "hi16_zmm": ("Q", 1664, 128), "pkru": ("I", 2688, 2)}


@pytest.mark.parametrize("names, xcr0, size", [
    ([], 0x3, 576), (["ymmh_space"], 0x7, 832),
    (["ymmh_space", "bndreg_state", "bndcsr_state"], 0x1f, 1088),
    (["ymmh_space", "opmask_reg", "zmm_upper", "hi16_zmm"], 0xe7, 2688),
    (["ymmh_space", "pkru"], 0x207, 2696), (list(PARTS), 0x2ff, 2696)])
def test_xstate(made, core_of, names, xcr0, size):
    """Each part where the processor writes it, and a size by which gdb knows the layout."""
    values = {n: [0x1000 * (i + 1) + k for k in range(PARTS[n][2])] for i, n in enumerate(names)}
    fpregs = dict(required("user_x86_fpregs_entry"), mxcsr=0x1f80,
                  xsave=dict(values, xstate_bv=2 ** 64 - 1))
    process(made, mapping(0x10000, 1), thread_info=x86(fpregs=fpregs))
    core = core_of(made.root, 5)
    state = core.threads()[5][NT_X86_XSTATE]
    assert len(state) == size
    assert struct.unpack_from("<Q", state, 464) == (xcr0,)
    assert struct.unpack_from("<Q", state, 512) == (xcr0,)   # no part that is not there
    for name in names:
        kind, at, n = PARTS[name]
        assert list(struct.unpack_from("<%d%s" % (n, kind), state, at)) == values[name], name
    tool("readelf", "-n", core.path)
    out = gdb("info registers mxcsr", *(["p $ymm0.v8_int32"] if xcr0 & 4 else []),
              core=core.path)
    assert "0x1f80" in out
    if xcr0 & 4:
        assert "$1 = {0, 0, 0, 0, 4096, 4097, 4098, 4099}" in out


def test_lists_of_any_length(made, core_of):
    """Too short ones end in zeros, too long ones are cut."""
    xsave = dict(xstate_bv=7, ymmh_space=[1] * 1000, pkru=[5], zmm_upper=[3])
    fpregs = dict(required("user_x86_fpregs_entry"), st_space=[9] * 100, xmm_space=[8], xsave=xsave)
    process(made, mapping(0x10000, 1), thread_info=x86(fpregs=fpregs))
    core = core_of(made.root, 5)
    assert struct.unpack("<32x32I64I96x", core.threads()[5][NT_FPREGSET]) == (
        *[9] * 32, 8, *[0] * 63)
    state = core.threads()[5][NT_X86_XSTATE]
    assert len(state) == 2696
    assert state[576:832] == struct.pack("<I", 1) * 64 and state[832:1152] == bytes(320)
    assert struct.unpack_from("<63x", state, 1152 + 8) == ()
    assert state[1152:1160] == struct.pack("<Q", 3) and state[1160:2688] == bytes(1528)
    assert state[2688:] == struct.pack("<II", 5, 0)


def test_signals_and_owner(made, core_of):
    infos = [struct.pack("<i", n) + bytes(124) for n in (1, 10, 64, 0, 65, -1)] + [b"\1"]
    queue = dict(signals=[dict(siginfo=criuimg.b64(i)) for i in infos])
    creds = dict(required("creds_entry"), uid=1000, gid=1001, euid=5)
    made.image("CORE", "core-6.img", dict(mtype="X86_64", thread_info=x86(), thread_core=dict(
        required("thread_core_entry"), signals_p=queue, blk_sigset=0xf0)))
    process(made, mapping(0x10000, 2), threads=[6, 5, 6],
            mm=dict(mm_arg_start=0x10ff0, mm_arg_end=0x11100),
            thread_core=dict(thread_core(sched_nice=-3), creds=creds))
    pages(made, (0x10000, 2, 4))
    with open(os.path.join(made.root, "pages-1.img"), "r+b") as f:
        f.seek(0xff0)
        f.write(b"a\0bb\0" + b"c" * 200)
    core = core_of(made.root, 5)
    assert list(core.threads()) == [5, 6]
    assert struct.unpack_from("<QQ4i", core.threads()[6][NT_PRSTATUS], 16) == (
        1 | 1 << 9 | 1 << 63, 0xf0, 6, 1, 3, 2)
    info = struct.unpack("<bcbbxxxxQIIiiii16s80s", core.note(NT_PRPSINFO))
    assert info[:3] + info[3:4] == (0, b"R", 0, -3)
    assert info[5:11] == (1000, 1001, 5, 1, 3, 2)
    assert info[11:] == (b"made".ljust(16, b"\0"), b"a bb " + b"c" * 74 + b"\0")


def test_a_stopped_process(made, core_of):
    process(made, mapping(0x10000, 1), state=3)
    assert core_of(made.root, 5).note(NT_PRPSINFO)[:3] == b"\3T\0"


ARM = dict(clear_tid_addr=0, tls=0x7777, gpregs=dict(
    regs=list(range(100, 131)), sp=1, pc=2, pstate=3),
    fpsimd=dict(vregs=list(range(1000, 1064)), fpsr=4, fpcr=5))


def arm_core(made, pid, **more):
    made.image("CORE", "core-%d.img" % pid, dict(mtype="AARCH64", ti_aarch64=ARM, **more))


def test_aarch64(made, core_of):
    """struct elf_prstatus, user_fpsimd_state and the thread pointer, by their offsets."""
    process(made, mapping(0x10000, 2), threads=[6])
    tc = dict(required("task_core_entry"), comm="arm", task_state=1)
    arm_core(made, 5, tc=tc, thread_core=thread_core())
    arm_core(made, 6)
    pages(made, (0x10000, 1, 4))
    core = core_of(made.root, 5)
    check_shape(core)
    assert core.machine == cores.EM_AARCH64
    for tid in (5, 6):
        mine = core.threads()[tid]
        status = mine[NT_PRSTATUS]
        assert len(status) == 392
        assert struct.unpack_from("<34Q", status, 112) == (*range(100, 131), 1, 2, 3)
        assert struct.unpack_from("<i", status, 384) == (1,)
        assert struct.unpack("<64Q4I", mine[NT_FPREGSET]) == (*range(1000, 1064), 4, 5, 0, 0)
        assert struct.unpack("<Q", mine[NT_ARM_TLS]) == (0x7777,)
    out = tool("readelf", "-n", core.path)
    assert "NT_ARM_TLS (AArch TLS registers)" in out and out.count("NT_FPREGSET") == 2
    assert "x0: " in tool("eu-readelf", "-n", core.path)


# ------------------------------------------------------------- refusals

def refused(made, pid=5):
    return critic.run("core", "-p", str(pid), made.root).error()


def test_machines(made):
    process(made, mapping(0x10000, 1))
    made.image("CORE", "core-5.img", dict(mtype="PPC64", tc=dict(
        required("task_core_entry"), comm="x", task_state=1)))
    assert refused(made) == (
        "critic: %s: error: process 5: cores are made for x86-64 and aarch64, this process ran "
        "on PPC64: Operation not supported" % made.root)


def test_32_bit_process(made):
    process(made, mapping(0x10000, 1), thread_info=dict(x86(), gpregs=dict(
        GENERAL, mode="COMPAT")))
    assert "no core can be made of a 32-bit process on x86-64" in refused(made)


def test_no_registers(made):
    made.pstree(dict(pid=5, ppid=0, pgid=5, sid=5))
    made.core(5, "x")
    made.image("MM", "mm-5.img", dict(vmas=[mapping(0x10000, 1)]))
    assert refused(made).endswith("process 5: it has no registers of x86-64")


def test_zombie(made):
    made.zombie(5, 0)
    assert "process 5: " in refused(made)


def test_no_such_process(made):
    process(made, mapping(0x10000, 1))
    assert refused(made, 6) == "critic: %s: error: there is no process 6" % made.root


def test_pre_dump(made):
    assert refused(made).startswith("critic: %s/pstree.img: error: " % made.root)


def test_threads_that_can_not_be_read(made, work):
    """They are told and left out; each thread is there once."""
    process(made, mapping(0x10000, 1), threads=[5, 6, 7, 8, 6, 6])
    made.image("CORE", "core-6.img", dict(mtype="X86_64", thread_info=x86()))
    made.image("CORE", "core-8.img", dict(mtype="AARCH64", ti_aarch64=ARM))
    path = os.path.join(work, "core")
    done = critic.run("core", "-p", "5", "-o", path, made.root)
    assert done.status == 1 and done.out == b""
    assert done.err.splitlines() == [
        "critic: %s/core-7.img: error: can't open it: No such file or directory" % made.root,
        "critic: %s/core-8.img: error: another machine than its process ran on" % made.root]
    assert list(cores.Core(path).threads()) == [5, 6]


def test_lost_pages_are_told(work):
    """Also those of parents, and of shared memory."""
    dump, pid = recorded("incremental/3")
    path = os.path.join(work, "core")
    assert critic.run("core", "-p", str(pid), "-o", path, dump).err == ""
    top = dumps.copy("incremental", os.path.join(work, "dump"))
    os.unlink(os.path.join(top, "3", "parent"))
    done = critic.run("core", "-p", str(pid), "-o", path, os.path.join(top, "3"))
    assert (done.status, done.err) == (1, (
        "critic: %s/3/pagemap-%d.img: error: the core lacks the page at 0x10000001000, if not "
        "more: it is in a parent dump, which is not there\n" % (top, pid)))
    assert cores.Core(path).memory(0x10000000000, 6) == b"page 0"


def test_too_large_memory(made):
    """A file's size has 63 bits; what is nowhere takes none of them."""
    half = (1 << 62) // PAGE
    process(made, mapping(PAGE, half - 2), mapping(1 << 62, half - 1), mapping(1 << 61, 1))
    pages(made, (PAGE, 1, 4))
    asked = cores.Asked(made.root, 5)
    assert asked.size() > 1 << 61
    asked.close()
    pages(made, (PAGE, 1, 4), (1 << 62, 1, 4))
    process(made, mapping(PAGE, half - 1), mapping(1 << 62, half))
    pages(made, (PAGE, 1, 4), (1 << 62, 1, 4))
    assert refused(made).endswith("its memory is too large for a core")


def test_large_memory_in_too_many_pieces(made):
    """Thousands of mappings of one segment with thousands of runs: no hour of looking at all."""
    n, runs = 3000, 1500
    process(made, *(mapping(0x10000000 + i * 2 * runs * PAGE, 2 * runs, SHARED, shmid=7)
                    for i in range(n)))
    made.image("PAGEMAP", "pagemap-shmem-7.img", dict(pages_id=2),
               *(dict(vaddr=2 * i * PAGE, nr_pages=1, compat_nr_pages=0, flags=4)
                 for i in range(runs)))
    with open(os.path.join(made.root, "pages-2.img"), "wb") as f:
        f.truncate(runs * PAGE)
    assert refused(made).endswith("its memory is in too many pieces for a core")


# ------------------------------------------------------------ critic core

def test_sparse(work):
    dump, pid = recorded("gdbcore")
    path = os.path.join(work, "core")
    assert critic.run("core", "-p", str(pid), "-o", path, dump).bytes() == b""
    assert os.stat(path).st_blocks * 512 < os.path.getsize(path) // 50
    with open(path, "rb") as f:
        data = f.read()
    assert critic.run("core", "-p", str(pid), dump).bytes() == data
    assert critic.run("core", "-p", str(pid), "-o", "-", dump).bytes() == data
    # what stdout is led to is sparse as well, unless that would change what is there
    for flags, begin, sparse in ((os.O_TRUNC, b"", True), (os.O_APPEND, b"x", False)):
        fd = os.open(path, os.O_RDWR | flags)
        os.ftruncate(fd, 0)
        os.write(fd, begin)
        assert critic.run("core", "-p", str(pid), dump, stdout=fd).status == 0
        os.close(fd)
        with open(path, "rb") as f:
            assert f.read() == begin + data
        assert (os.stat(path).st_blocks * 512 < len(data) // 50) == sparse


def test_file_appears_whole(made, work):
    """What is there stays as it is where no core can be written."""
    path = os.path.join(work, "core")
    with open(path, "w") as f:
        f.write("mine")
    os.chmod(path, 0o600)
    made.zombie(5, 0)
    assert critic.run("core", "-p", "5", "-o", path, made.root).status == 1
    with open(path) as f:
        assert f.read() == "mine"
    dump, pid = recorded("incremental/3")
    assert critic.run("core", "-p", str(pid), "-o", path, dump).status == 0
    assert os.stat(path).st_mode & 0o777 == 0o600
    check_shape(cores.Core(path))
    assert sorted(os.listdir(work)) == ["core", "dump"]


@pytest.mark.parametrize("args", [
    ["core", "x"], ["core", "-p", "5"], ["core", "-p", "0", "x"], ["core", "-p", "-5", "x"],
    ["core", "-p", "5x", "x"], ["core", "-p", "4294967296", "x"], ["core", "-p", "", "x"],
    ["core", "-p", "5", "x", "y"], ["core", "-i", "x", "-p", "5"], ["decode", "-p", "5", "x"],
    ["core", "--pretty", "-p", "5", "x"]])
def test_usage(args):
    done = critic.run(*args)
    assert done.status == 2 and "usage: critic" in done.err


# ---------------------------------------------------- any offset, any order

def check_holes(asked, data):
    """Data and holes in turn, and zeros in all holes: what is at each offset."""
    at, covered = 0, 0
    while at < len(data):
        start = asked.seek("data", at)
        hole_end = len(data) if start is None else start
        assert not any(data[at:hole_end]), (at, hole_end)
        if start is None:
            break
        at = asked.seek("hole", start)
        assert start < at <= len(data)
        assert asked.seek("data", at - 1) == at - 1 and asked.seek("hole", start) == at
        covered += at - start
    return covered


def check_reads(asked, data, count=300):
    rng = random.Random(len(data))
    for _ in range(count):
        off = rng.randrange(len(data) + 10)
        size = rng.choice((1, 7, 56, 64, 4096, 5000, 200000))
        assert asked.read(off, size) == data[off:off + size], (off, size)


@pytest.mark.parametrize("name", PIDS)
def test_random_access(name, source, work):
    dump, pid = recorded(name)
    with open(source(dump, pid, work), "rb") as f:
        data = f.read()
    asked = cores.Asked(dump, pid)
    assert asked.size() == len(data)
    assert asked.seek("data", len(data)) is None and asked.seek("hole", len(data)) is None
    assert check_holes(asked, data) < len(data)
    check_reads(asked, data)
    asked.close()


def test_random_access_to_many_segments(made, source, work):
    """Of one kind or another, so that marks come by segments and by stretches."""
    vmas, runs, at = [], [], 0x100000
    rng = random.Random(3)
    for i in range(60):
        status = FILE if i % 3 else ANON
        vmas.append(mapping(at, 200, status, shmid=7, pgoff=PAGE if i % 2 else 0,
                            madv=(1 << 16) * (i % 7 == 0)))
        page = 0
        while page < 200 and i % 10:
            n = rng.randrange(1, 4)
            runs.append((at + page * PAGE, min(n, 200 - page), rng.choice((4, 4, 4, 2))))
            page += n + rng.randrange(0, 3)
        at += 200 * PAGE + PAGE * (i % 2)
    process(made, *vmas, files=[reg(7, "/lib/x")])
    pages(made, *runs)
    core = cores.Core(source(made.root, 5, work))
    check_shape(core)
    assert len(core.loads) > 4 * MARKS
    number = 0
    dumped = {addr + i * PAGE: None for addr, n, flags in runs if flags == 4 for i in range(n)}
    for addr in dumped:
        dumped[addr], number = number, number + 1
    skipped = [(v["start"], v["end"]) for v in vmas if v["madv"]]
    for addr, n in dumped.items():
        if any(start <= addr < end for start, end in skipped):
            assert core.memory(addr, 8) is None
        else:
            assert core.word(addr) == n
    with open(core.path, "rb") as f:
        data = f.read()
    asked = cores.Asked(made.root, 5)
    check_holes(asked, data)
    check_reads(asked, data, 3000)
    asked.close()


def test_large_number_of_threads(made, work):
    """A list of threads that are all the same costs nothing, one of too many is refused."""
    process(made, mapping(0x10000, 1), threads=[5, 6] * 200000)
    made.image("CORE", "core-6.img", dict(mtype="X86_64", thread_info=x86()))
    path = os.path.join(work, "core")
    assert critic.run("core", "-p", "5", "-o", path, made.root).status == 0
    assert list(cores.Core(path).threads()) == [5, 6]
