"""critic x: as crit prints it where crit can, and processes and memory that it can't."""
import os
import random
import re
import shutil
import stat
import subprocess

import pytest

import criuimg
import dumps
import mnt
from criuimg import SCHEMA
from exploring import AS_CRIT, CRITIC, FILES, Made, critic, harmless, reg, shows, vma

CRIT = shutil.which("crit")


@pytest.fixture
def made(work):
    return Made(work)


def crit(root, what):
    env = dict(os.environ, PYTHONUTF8="1", PYTHONIOENCODING="utf-8")
    done = subprocess.run([CRIT, "x", root, what], capture_output=True, timeout=300, env=env)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


# -------------------------------------------------------------- as crit does

LARGE = [n for n in ("frag300k",) if dumps.large(n) and n not in dumps.NAMES]

# Why crit fails on recorded dumps: zombies have none of these, and its schema is old.
FAULTS = re.compile(r"No such file or directory: '.*/(ids|mm)-\d+\.img'|KeyError: 'type'")


def root_of(name):
    if name not in LARGE:
        return dumps.pristine(name)
    path = os.path.join(dumps.base(), "large", name)
    if not os.path.isdir(path):
        dumps.unpack(dumps.large(name), os.path.dirname(path))
    return path


def with_compat_pages(image):
    """A page map whose lengths are where every crit looks for them."""
    for entry in image.entries[1:]:
        msg = entry.decode()
        if msg.HasField("nr_pages"):
            msg.compat_nr_pages = msg.nr_pages
        entry.payload = SCHEMA.encode(msg)
    return image


def with_vmas(mm, vmas):
    """mm with the mappings that an old dump has in an image of their own."""
    msg = mm.entries[0].decode()
    msg.vmas.extend(e.decode() for e in vmas.entries)
    mm.entries[0].payload = SCHEMA.encode(msg)
    return mm


def understood_by_crit(root, dest):
    """The same dump in the way that Debian's crit expects."""
    for name in os.listdir(root):
        path = os.path.join(root, name)
        if not stat.S_ISREG(os.lstat(path).st_mode) or name.startswith("pages-"):
            continue
        vmas = re.sub("^mm-", "vmas-", path.rpartition("/")[2])
        if name.startswith("pagemap-"):
            dumps.write(dest, name, with_compat_pages(criuimg.load(path)))
        elif vmas != name and os.path.exists(os.path.join(root, vmas)):
            dumps.write(dest, name, with_vmas(criuimg.load(path),
                                              criuimg.load(os.path.join(root, vmas))))
        else:
            os.link(path, os.path.join(dest, name))
    return dest


def as_crit(name, work):
    if not CRIT:
        pytest.skip("no crit")
    roots = [where for where, _, names in os.walk(root_of(name)) if "pstree.img" in names]
    for i, root in enumerate(roots):
        dest = os.path.join(work, str(i))
        os.mkdir(dest)
        understood_by_crit(root, dest)
        for what in AS_CRIT:
            status, text, why = crit(dest, what)
            mine = critic(root, what)
            assert mine[0] == 0 and not mine[2], (what, mine[2])
            if status == 0:
                assert mine[1] == text, what
            else:
                assert FAULTS.search(why), why


@pytest.mark.parametrize("name", dumps.NAMES)
def test_as_crit(name, work):
    as_crit(name, work)


@pytest.mark.parametrize("name", LARGE)
def test_large_as_crit(name, work):
    as_crit(name, work)


@pytest.mark.parametrize("name", LARGE)
def test_large_in_little_memory(name):
    """Page maps are never held as a whole."""
    if mnt.sanitized():
        pytest.skip("sanitizers take memory of their own")
    root = root_of(name)
    limited = subprocess.run(["sh", "-c", 'ulimit -v 16384; exec "$0" "$@"', CRITIC, "x", root,
                              "rss"], capture_output=True, check=True)
    assert limited.stdout.decode() == critic(root, "rss")[1]


# ------------------------------------------------------------------- ps

HEADER = "    PID   PGID    SID   COMM\n"


def test_tree_with_zombies(made):
    made.process(1, comm="init")
    made.zombie(7, 1)
    made.process(20, 1, "sh")
    made.zombie(21, 20, state=2)
    made.process(3, 1, "last")
    shows(made, "ps", HEADER +
          "      1      1      1   init\n"
          "      7      7      1       gone\n"
          "     20     20      1       sh\n"
          "     21     21      1           gone\n"
          "      3      3      1       last\n")


def test_several_roots(made):
    """Those without a parent, and those whose parent is not in the dump."""
    made.process(5, 4, "orphan")
    made.process(1, 0, "one")
    made.process(6, 5, "kid")
    made.process(2, 0, "two")
    shows(made, "ps", HEADER +
          "      5      5      1   orphan\n"
          "      6      6      1       kid\n"
          "      1      1      1   one\n"
          "      2      2      1   two\n")


def test_loops_of_parents(made):
    """Each process is there once, whoever is said to be its parent."""
    made.process(4, 3, "tail")
    made.process(2, 3, "a")
    made.process(3, 2, "b")
    made.process(9, 9, "self")
    made.process(1, 0, "root")
    made.process(1, 0, "root")
    made.process(8, 1, "kid")
    shows(made, "ps", HEADER +
          "      3      3      1   b\n"
          "      4      4      1       tail\n"
          "      2      2      1       a\n"
          "      9      9      1   self\n"
          "      1      1      1   root\n"
          "      8      8      1       kid\n"
          "      1      1      1   root\n")


def test_a_long_chain_of_children(made):
    """No recursion, and lines stay lines."""
    made.tree = [dict(pid=i, ppid=i - 1) for i in range(1, 2000)]
    made.pstree()
    for i in range(1, 2000):
        os.symlink("core-1.img", os.path.join(made.root, "core-%d.img" % i))
    os.unlink(os.path.join(made.root, "core-1.img"))
    made.core(1, "x")
    status, out, err = critic(made.root, "ps")
    lines = out.splitlines()
    assert status == 1 and len(lines) == 2000
    assert lines[1].endswith("   x") and lines[2].endswith("       ?")
    assert max(map(len, lines)) < 600
    assert err.count("a symlink, which is not followed") == 1998


def test_cores_that_cant_be_read(made):
    made.process(1, comm="one")
    made.process(2, 1)
    made.process(3, 1)
    made.process(4, 1)
    made.process(5, 1, "five")
    os.unlink(os.path.join(made.root, "core-2.img"))
    made.image("CORE", "core-3.img", dict(mtype="X86_64"))
    made.image("CORE", "core-4.img", b"\x08")
    shows(made, "ps", HEADER +
          "      1      1      1   one\n"
          "      2      2      1       ?\n"
          "      3      3      1       ?\n"
          "      4      4      1       ?\n"
          "      5      5      1       five\n", 1,
          ["core-2.img: can't open it: No such file or directory",
           "core-3.img: it has no tc: it is the image of a thread",
           "core-4.img: entry 0 is no core_entry"])


def test_a_damaged_pstree(made):
    """What can be read is shown."""
    made.process(1, comm="one")
    made.tree.append(b"\x08\x02")
    made.tree.append(dict(pid=3, ppid=1))
    made.core(3, "three")
    made.pstree(tail=b"\x40\0\0\0cut")
    shows(made, "ps", HEADER +
          "      1      1      1   one\n"
          "      3      0      0       three\n", 1,
          ["pstree.img: entry 1 is no pstree_entry",
           "pstree.img: damaged from offset 38 on"])


@pytest.mark.parametrize("what", AS_CRIT + ("sk",))
def test_no_pstree(made, what):
    shows(made, what, "", 1,
          ["pstree.img: can't open it: No such file or directory; a pre-dump has none"])


@pytest.mark.parametrize("what", AS_CRIT + ("sk",))
def test_no_processes(made, what):
    made.pstree()
    assert critic(made.root, what)[::2] == (0, "")


@pytest.mark.parametrize("put,reason", [
    (os.mkdir, "no regular file"),
    (os.mkfifo, "no regular file"),
    (lambda path: os.symlink("elsewhere", path), "a symlink, which is not followed"),
    (lambda path: open(path, "w").close(), "no image: it has 0 bytes only"),
])
def test_pstree_is_no_image(made, put, reason):
    put(os.path.join(made.root, "pstree.img"))
    shows(made, "ps", "", 1, ["pstree.img: " + reason])


def test_an_image_of_another_type(made):
    made.image("CORE", "pstree.img")
    shows(made, "ps", "", 1, ["pstree.img: it is an image of type CORE"])


@pytest.mark.parametrize("header,order", [("common", ">"), ("v1.0", "<"), ("v1.0", ">")])
def test_other_headers(work, header, order):
    made = Made(work, header, order)
    made.process(1, comm="one")
    made.mm(1, vma(0x1000, 0x3000, 0x201))
    made.files(*FILES)
    made.pagemap(1, dict(vaddr=0x1000, nr_pages=2))
    shows(made, "ps", HEADER + "      1      1      1   one\n")
    shows(made, "rss", "1\n\t1000 / 2                00001000 / 2       \n"
                       "\t                       \n")


# ----------------------------------------------------------------- mems

def test_mappings(made):
    """Every sort; segments are numbered as they are met, over all processes."""
    made.process(1)
    made.files(*FILES)
    segments = [vma(0x100000 + 0x1000 * i, 0x101000 + 0x1000 * i, status, shmid=shmid)
                for i, (status, shmid) in enumerate(
                    [(0x401, 500), (0x101, 501), (0x801, 2 ** 40)] +
                    [(0x101, 600 + n) for n in range(13)])]
    made.mm(1, vma(0x1000, 0x2000, 0x41, shmid=2, prot=7),
            vma(0x2000, 0x3000, 0x41, shmid=2, pgoff=0x1000, prot=4),
            vma(0x3000, 0x4000, 0x81, shmid=2, pgoff=4096, prot=2),
            vma(0x4000, 0x5000, 0x80, shmid=2, prot=0),
            vma(0x5000, 0x6000, 0x4081, shmid=99),
            vma(0x6000, 0x7000, 0x201),
            vma(0x7000, 0x8000, 0x203), vma(0x8000, 0x9000, 4), vma(0x9000, 0xa000, 0x9),
            vma(0xa000, 0xb000, 0x201, flags=0x102),
            vma(2 ** 64 - 4096, 2 ** 64 - 1, 0), *segments)
    made.zombie(2, 1)
    made.process(3, 1)
    made.mm(3, vma(0x1000, 0x2000, 0x101, shmid=501), vma(0x2000, 0x3000, 0x101, shmid=7), exe=1)
    line = "\t%-36s%s\n"
    shows(made, "mems", "1\n" + "".join(line % row for row in [
        ("exe", "    /bin/x"),
        ("00001000-00002000", "rwx /bin/x"),
        ("00002000-00003000", "--x /bin/x + 0x1000"),
        ("00003000-00004000", "-w- /bin/x + 0x1000 (s)"),
        ("00004000-00005000", "--- /bin/x (s) *"),
        ("00005000-00006000", "r-x unknown path (s)"),
        ("00006000-00007000", "r-x"),
        ("00007000-00008000", "r-x [stack]"),
        ("00008000-00009000", "r-x [vsyscall] *"),
        ("00009000-0000a000", "r-x [vdso]"),
        ("0000a000-0000b000", "r-x [stack?]"),
        ("fffffffffffff000-ffffffffffffffff", "r-x *"),
        ("00100000-00101000", "r-x ips[1]"),
        ("00101000-00102000", "r-x shmem[2]"),
        ("00102000-00103000", "r-x packet[3]"),
    ] + [("%08x-%08x" % (0x103000 + 0x1000 * n, 0x104000 + 0x1000 * n), "r-x shmem[%x]" % (4 + n))
         for n in range(13)]) + "2\n3\n" + "".join(line % row for row in [
             ("exe", "    /"),
             ("00001000-00002000", "r-x shmem[2]"),
             ("00002000-00003000", "r-x shmem[11]")]))


def test_old_mappings(made):
    made.process(1)
    made.process(2)
    made.files(*FILES)
    made.mm(1)
    made.mm(2)
    made.image("VMAS", "vmas-1.img", vma(0x1000, 0x2000, 0x41, shmid=2), b"\x08",
               vma(0x2000, 0x3000, 0x201))
    exe = "\t%-36s    /bin/x\n" % "exe"
    shows(made, "mems",
          "1\n" + exe + "\t%-36sr-x /bin/x\n" % "00001000-00002000" +
          "\t%-36sr-x\n" % "00002000-00003000" + "2\n" + exe, 1,
          ["vmas-1.img: entry 1 is no vma_entry",
           "vmas-2.img: can't open it: No such file or directory"])


def test_no_memory_image(made):
    made.process(1)
    made.process(2)
    made.files(*FILES)
    made.mm(2, vma(0x1000, 0x2000, 0x201))
    for what in ("mems", "rss"):
        missing = ["mm-1.img: can't open it: No such file or directory"]
        status, out, err = critic(made.root, what)
        assert status == 1 and out.startswith("1\n2\n")
        assert missing[0].replace(": ", ": error: ", 1) in err


def test_an_empty_memory_image(made):
    made.process(1)
    made.image("MM", "mm-1.img")
    shows(made, "mems", "1\n", 1, ["mm-1.img: it has no entries"])


# ------------------------------------------------------------------ rss

BELOW = "\n\t%23s" % ""


def rss(*runs):
    """The text of runs: (what stands before, (mapping, …))."""
    return "".join("%-24s%s\n" % ("\t" + left, "".join(" " + m + BELOW for m in beside))
                   for left, beside in runs)


def test_pages_beside_mappings(made):
    made.process(1)
    made.zombie(2, 1)
    made.files(*FILES)
    made.mm(1, vma(0x10000, 0x14000, 0x41, shmid=2), vma(0x14000, 0x18000, 0x201),
            vma(0x20000, 0x21000, 0x201))
    made.pagemap(1, dict(vaddr=0x1000, nr_pages=1),        # before all
                 dict(vaddr=0x10000, nr_pages=1), dict(vaddr=0x12000, nr_pages=4),
                 dict(vaddr=0x17000, nr_pages=1), dict(vaddr=0x19000, nr_pages=1),
                 dict(vaddr=0x20000, nr_pages=3),          # beyond the last one's end
                 dict(vaddr=0x30000, nr_pages=2),          # behind all
                 dict(vaddr=2 ** 64 - 4096, nr_pages=2 ** 60))
    shows(made, "rss", "1\n" + rss(
        ("1000 / 1       ", ()),
        ("10000 / 1       ", ["00010000 / 4        /bin/x"]),
        ("12000 / 4       ", ["~", "00014000 / 4       "]),
        ("17000 / 1       ", ["~"]),
        ("19000 / 1       ", ()),
        ("20000 / 3       ", ["00020000 / 1       "]),
        ("30000 / 2       ", ()),
        ("fffffffffffff000 / 1152921504606846976", ())) + "2\n")


def test_lengths_of_old_page_maps(made):
    made.process(1)
    made.mm(1, vma(0x10000, 0x14000, 0x201))
    made.pagemap(1, dict(vaddr=0x10000, compat_nr_pages=1),
                 dict(vaddr=0x11000, compat_nr_pages=1, nr_pages=0),
                 dict(vaddr=0x12000, compat_nr_pages=0, nr_pages=1),
                 dict(vaddr=0x13000))
    shows(made, "rss", "1\n" + rss(
        ("10000 / 1       ", ["00010000 / 4       "]),
        ("11000 / 1       ", ["~"]),
        ("12000 / 1       ", ["~"]),
        ("13000 / 0       ", ["~"])))


def test_page_maps_without_mappings(made):
    made.process(1)
    made.mm(1)
    made.image("VMAS", "vmas-1.img")
    made.pagemap(1, dict(vaddr=0x10000, nr_pages=1))
    shows(made, "rss", "1\n" + rss(("10000 / 1       ", ())))


def test_damaged_page_maps(made):
    for pid in (1, 2, 3):
        made.process(pid)
        made.mm(pid, vma(0x10000, 0x14000, 0x201))
    made.pagemap(1, dict(vaddr=0x10000, nr_pages=1), b"\x08", dict(vaddr=0x11000, nr_pages=1),
                 tail=b"\x01")
    made.image("PAGEMAP", "pagemap-3.img")
    shows(made, "rss", "1\n" + rss(("10000 / 1       ", ["00010000 / 4       "]),
                                   ("11000 / 1       ", ["~"])) + "2\n3\n", 1,
          ["pagemap-1.img: entry 2 is no pagemap_entry",
           "pagemap-1.img: damaged from offset 43 on",
           "pagemap-2.img: can't open it: No such file or directory"])


# -------------------------------------------------------------- hostile

EVIL = "a\x1b]0;x\x07\n\t\\ \x7f\x9bé€\U0001f600"
EVIL_SHOWN = "a\\x1b]0;x\\x07\\x0a\\x09\\ \\x7f\\xc2\\x9bé€\U0001f600"


def test_hostile_names(made):
    made.process(1, comm=EVIL)
    made.files(reg(1, EVIL), reg(2, {"$base64": criuimg.b64(b"/\xff\xc3\x1b[2J")}))
    made.fds(1, (0, "REG", 2))
    made.mm(1, vma(0x1000, 0x2000, 0x41, shmid=1))
    made.pagemap(1, dict(vaddr=0x1000, nr_pages=1))
    bad = "/\\xff\\xc3\\x1b[2J"
    shows(made, "ps", HEADER + "      1      1      1   " + EVIL_SHOWN + "\n")
    shows(made, "fds", "1\n\t      0: " + bad + "\n\t    cwd: " + EVIL_SHOWN + "\n\t   root: " +
          EVIL_SHOWN + "\n")
    shows(made, "mems", "1\n\t%-36s    " % "exe" + bad + "\n" +
          "\t%-36sr-x " % "00001000-00002000" + EVIL_SHOWN + "\n")
    shows(made, "rss", "1\n" + rss(("1000 / 1       ", ["00001000 / 1        " + EVIL_SHOWN])))


@pytest.mark.parametrize("name", ["container-ipc", "legacy-container", "zdtm-tr-fork2"])
def test_damaged_at_random(name, work):
    """Whatever the bytes are: an end, an exit status, and no control characters."""
    rand = random.Random(name)
    images = [n for n in sorted(os.listdir(dumps.pristine(name)))
              if re.match("(pstree|core-|ids-|fdinfo-|fs-|files|reg-|mm-|vmas-|pagemap-|"
                          "pipes|[a-z]*sk)", n)]
    for n in images:
        shutil.copy(os.path.join(dumps.pristine(name), n), work)
    for _ in range(40):
        path = os.path.join(work, rand.choice(images))
        before = mnt.read(path)
        data = bytearray(before)
        for _ in range(rand.choice((1, 1, 3, 20))):
            data[rand.randrange(8, len(data))] = rand.choice((0, 1, 27, 127, 255, rand.randrange(256)))
        with open(path, "wb") as f:
            f.write(data[:rand.choice((len(data), len(data), rand.randrange(len(data))))])
        for what in AS_CRIT + ("sk",):
            status, out, err = critic(work, what)
            assert status in (0, 1) and (status == 1 or not err)
            harmless(out)
            harmless(err)
        with open(path, "wb") as f:
            f.write(before)


# ---------------------------------------------------------------- words

def test_unknown_word(made):
    status, out, err = critic(made.root, "files")
    assert (status, out) == (2, "")
    assert "ps, fds, mems, rss, sk" in err


def test_no_such_directory(made):
    assert critic(made.root + "/none", "ps") == (
        1, "", "critic: %s/none: error: No such file or directory\n" % made.root)


def test_output_that_fails():
    with open("/dev/full", "w") as full:
        done = subprocess.run([CRITIC, "x", dumps.pristine("demo"), "ps"], stdout=full,
                              stderr=subprocess.PIPE, env=mnt.environment())
    assert done.returncode == 1
    assert b"No space left on device" in done.stderr
