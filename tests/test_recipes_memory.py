"""contrib/recipes about memory, secrets, and whole checkpoints."""
import os
import re
import shutil
import subprocess

import pytest

import cores
import criuimg
import dumps
import memory
import mnt
import recipes
import tours
from conftest import need_fuse
from memory import PAGE
from recipes import Checkpoint

IN_PLACE = pytest.mark.parametrize("upper", [False, True], ids=["in place", "upper"])
TOKEN = b"demo-0123456789"


def stored(root, pid):
    """[(address, bytes)] of the runs of pages next to each other that a dump has itself."""
    out = []
    for address, page in sorted(memory.stored(root, pid).items()):
        if out and out[-1][0] + len(out[-1][1]) == address:
            out[-1][1].extend(page)
        else:
            out.append((address, bytearray(page)))
    return out


def places(root, pid, text):
    """The addresses of a text."""
    return [address + m.start() for address, data in stored(root, pid)
            for m in re.finditer(re.escape(text), data)]


def environment(root, pid):
    """(address, bytes) of a process' environment."""
    mm = criuimg.load(os.path.join(root, "mm-%d.img" % pid)).entries[0].decode()
    start, end = mm.mm_env_start, mm.mm_env_end
    for address, data in stored(root, pid):
        if address <= start and end <= address + len(data):
            return start, bytes(data[start - address:end - address])
    raise AssertionError("the environment is not in the dump")


# -------------------------------------------------------------------- set-environ

@IN_PLACE
@pytest.mark.parametrize("name,old,value", [("API_TOKEN", TOKEN.decode(), "x %s\\é\n$'"),
                                            ("HOME", "/root", "/" + "a" * 4), ("LANG", "C", "")])
def test_a_variable_is_overwritten(mount, work, upper, name, old, value):
    """Just its bytes; zeros fill what is left of it."""
    dump = Checkpoint(mount, work, "demo", upper=upper)
    start, before = environment(dump.old, 8178)
    was, now = (b"%s=%s\0" % (name.encode(), v.encode()) for v in (old, value))
    at = before.index(b"\0" + was) + 1
    out, _ = dump.run("set-environ", "8178", name, value)
    assert out == "8178: %s at 0x%x is written\n" % (name, start + at)
    after = before[:at] + now.ljust(len(was), b"\0") + before[at + len(was):]
    assert mnt.read(dump / ".critfs/proc/8178/environ") == after
    dump.assert_changed({}, others=["pages-4.img"])
    changed = [i for i in range(len(after)) if before[i] != after[i]]
    assert sum(len(new) for _, _, new in dump.bytes_changed("pages-4.img")) == len(changed)


def test_copies_of_a_variable_are_told(mount, work):
    """A shell has its own."""
    dump = Checkpoint(mount, work, "demo")
    copies = places(dump.old, 8173, b"HOME=/root")
    assert len(copies) > 1
    out, _ = dump.run("set-environ", "8173", "HOME", "/tmp")
    at = copies.pop()                                  # on the stack, at the highest address
    assert out == "8173: HOME at 0x%x is written\n" % at + "".join(
        "8173 service.sh 0x%x [heap]: a copy, still as it was\n" % c for c in copies)


@pytest.mark.parametrize("pid,name,value,status,why", [
    ("8178", "HOME", "/root2", 2, "the new value has 6 bytes, the old one 5"),
    ("8178", "HOM", "x", 1, "has no HOM"),
    ("8178", "HO.E", "x", 1, "has no HO.E"),
    ("8178", "OME", "x", 1, "has no OME"),
    ("8178", "", "x", 2, "no name"),
    ("8178", "HOME=", "x", 2, "no name"),
    ("8180", "HOME", "x", 2, "there is no process 8180"),
    ("self", "HOME", "x", 2, "no number"),
])
def test_variables_that_are_not_overwritten(mount, work, pid, name, value, status, why):
    dump = Checkpoint(mount, work, "demo")
    assert why in dump.run("set-environ", pid, name, value, status=status)[1]
    dump.assert_changed({})


def test_memory_that_can_not_be_written(mount, work):
    dump = Checkpoint(mount, work, "demo", "ro")
    _, err = dump.run("set-environ", "8178", "HOME", "x", status=2)
    assert "Read-only file system\nset-environ: nothing is written\n" in err
    dump.assert_changed({})


# -------------------------------------------------------------------- find-string

@pytest.mark.parametrize("text", [TOKEN, b"--", b".*", b"queued request 1", b"\x7fELF",
                                  b"\xff\xff:"])
def test_a_string_is_found_wherever_it_is(mount, work, text):
    dump = Checkpoint(mount, work, "demo", "ro")
    wanted = {(pid, address) for pid in memory.pids(dump.root)
              for address in places(dump.root, pid, text)}
    out, _ = dump.run("find-string", text, status=0 if wanted else 1)
    lines = [line.split(" ", 3) for line in out.splitlines()]
    assert {(int(pid), int(address, 16)) for pid, _, address, _ in lines} == wanted
    for pid, comm, address, name in lines:
        assert comm == ("service.sh" if pid == "8173" else "sleep")
        assert name in shown(dump, pid, int(address, 16))
    if text == TOKEN:
        assert len(lines) > 5
        only, _ = dump.run("find-string", text, "8178")
        assert only.splitlines() == [l for l in out.splitlines() if l.startswith("8178 ")]


def shown(dump, pid, address):
    """The line of a process' maps that has the address."""
    for line in mnt.read_text(dump / (".critfs/proc/%s/maps" % pid)).splitlines():
        start, end = memory.bounds(line.split()[0])
        if start <= address < end:
            return line
    raise AssertionError("not mapped: 0x%x" % address)


def test_what_a_terminal_would_obey_is_not_printed(mount, work):
    dump = Checkpoint(mount, work, "demo")
    mnt.save(dump / "core-8178.img/0.json", mnt.read_text(dump / "core-8178.img/0.json").replace(
        '"sleep"', '"a\\u001b[2J\\u007fb"'))
    assert mnt.read(dump / ".critfs/proc/8178/comm") == b"a\x1b[2J\x7fb\n"
    original = Checkpoint(mount, work, "demo", "ro")
    said = [dump.run("find-string", TOKEN, "8178"), dump.run("extract-cores", work + "/c"),
            recipes.run("compare", original.point, dump.point, status=1)]
    for out, _ in said:
        assert "a?[2J?b" in out and not re.search("[\x00-\x08\x0b-\x1f\x7f]", out)


def test_strings_that_can_not_be_looked_for(mount, work):
    dump = Checkpoint(mount, work, "incremental", "ro")
    assert "one line" in recipes.run("find-string", dump / "3", "a\nb", status=2)[1]
    assert "one line" in recipes.run("find-string", dump / "3", "", status=2)[1]
    assert "no processes" in recipes.run("find-string", dump / "1", "a", status=2)[1]
    assert recipes.run("find-string", dump / "3", "page 1 generation 0")[0] == \
        "8057 incr 0x10000001000 \n"                     # which only the parent has


# ------------------------------------------------------------------- list-sockets

SOCKETS = """
INET    STREAM    TCP     ESTABLISHED 127.0.0.1:35340       127.0.0.1:8080        2372941  32/4
INET    STREAM    TCP     ESTABLISHED 127.0.0.1:8080        127.0.0.1:35340       2372942  32/5
INET    STREAM    TCP     LISTEN      127.0.0.1:8080        0.0.0.0:0             2372940  32/3
INET6   DGRAM     UDP     CLOSE       [::]:5353             [::]:0                2372943  32/6
NETLINK -         0       0           0                     0                     2372950  32/13
PACKET  2         8       -           interface 0           -                     18       32/14
UNIX    DGRAM     -       CLOSE       -                     -                     2372949  32/12
UNIX    DGRAM     -       CLOSE       @abstract-name        -                     2372948  -
UNIX    STREAM    -       ESTABLISHED -                     2372944               2372947  32/10
UNIX    STREAM    -       ESTABLISHED -                     2372946               2372945  32/8
UNIX    STREAM    -       ESTABLISHED /tmp/app.sock         2372945               2372946  32/9
UNIX    STREAM    -       LISTEN      /tmp/app.sock         -                     2372944  32/7
"""


def test_all_sockets_are_listed(mount, work):
    """The abstract one is nobody's here."""
    def prepare(root):
        path = os.path.join(root, "fdinfo-3.img")
        image = criuimg.load(path)
        image.entries = [e for e in image.entries if e.decode().id != 15]
        dumps.write(root, "fdinfo-3.img", image)

    dump = Checkpoint(mount, work, "container-ipc", "ro", prepare=prepare)
    assert dump.run("list-sockets")[0].splitlines() == SOCKETS.split("\n")[1:-1]


def test_sockets_of_other_dumps(mount, work):
    """An old one, of the same container; one of IPv6; one without."""
    def masked(text):
        return sorted(re.sub(r"\d{5,} *", "N ", line) for line in text.splitlines())

    old = Checkpoint(mount, work, "legacy-container", "ro").run("list-sockets")[0]
    wanted = SOCKETS.strip("\n").replace("2372948  -", "2372948  32/11")
    assert masked(old) == masked(wanted)
    six, _ = Checkpoint(mount, work, "zdtm-socket-tcp6-fin-wait2", "ro").run("list-sockets")
    assert [line.split()[4:6] for line in six.splitlines()] == [
        ["[::1]:8880", "[::1]:49952"], ["[::1]:8880", "[::1]:49948"], ["[::]:8880", "[::]:0"]]
    assert Checkpoint(mount, work, "demo", "ro").run("list-sockets", status=1)[0] == ""


# ------------------------------------------------------------- scrub, scrub-environ

SECRET = b'pa$$ "w*rd\\'
BYTES = b"\x02k\xc3y\xff"
PAYLOADS = ["pipes-data.img/0.extra", "fifo-data.img/0.extra", "sk-queues.img/0.extra",
            "tcp-stream-24354d.img/0.inq", "tcp-stream-24354e.img/0.outq",
            "ipcns-msg-11.img/0.msgs/0.extra", "ghost-file-1.img/0.extra",
            "ghost-file-2.img/1.extra"]


def hide(dump):
    """Secrets in all that holds any; in pages also across two, and in shared memory."""
    for rel in PAYLOADS:
        mnt.save(dump / rel, b"a" + SECRET + b"b\n" + SECRET + BYTES, os.O_WRONLY | os.O_TRUNC)
    for rel, at in (("pages-1.img", PAGE - 3), ("pages-7.img", 0), ("pages-13.img", 100)):
        fd = os.open(dump / rel, os.O_WRONLY)
        os.pwrite(fd, SECRET + b"\n" + BYTES, at)
        os.close(fd)
    text = criuimg.text(SECRET.decode())[1:-2]
    for rel, old in (("files.img/2.json", "/tmp/out.log"), ("core-33.img/0.json", "ct-ipc"),
                     ("mountpoints-13.img/0.json", "size=1024k")):
        new = mnt.read_text(dump / rel).replace(old, "x" + text + "y")
        mnt.save(dump / rel, new)
        assert text in new
    data = criuimg.b64(b"login: " + SECRET).replace("\n", "\\n")
    tty = re.sub(r'"data": "[^"]*"', lambda _: '"data": "%s"' % data,
                 mnt.read_text(dump / "tty-data.img/0.json"))
    mnt.save(dump / "tty-data.img/0.json", tty)


def zeroed(value):
    for secret in (SECRET, BYTES):
        value = value.replace(secret, bytes(len(secret)))
    return value


def cut(value):
    """The JSON of an entry without the secret."""
    if isinstance(value, dict):
        return {k: cut(v) for k, v in value.items()}
    if isinstance(value, list):
        return [cut(v) for v in value]
    return value.replace(SECRET.decode(), "") if isinstance(value, str) else value


def assert_scrubbed(old, new):
    """An image without secrets, that is otherwise what it was."""
    assert len(old.entries) == len(new.entries)
    for before, after in zip(old.entries, new.entries):
        frame = before.frame
        if SECRET not in frame and BYTES not in frame:
            assert after.frame == frame
            continue
        value = cut(before.json())
        if before.message == "tty_data_entry":
            value["data"] = ""
        assert after.json() == value
        assert repr(after.extra) == repr(scrubbed_extra(before.extra))


def scrubbed_extra(extra):
    if isinstance(extra, dict):
        return {k: zeroed(v) for k, v in extra.items()}
    if isinstance(extra, list):
        return [(payload, zeroed(data)) for payload, data in extra]
    return zeroed(extra) if extra else extra


@IN_PLACE
def test_secrets_are_removed_everywhere(mount, work, upper):
    dump = Checkpoint(mount, work, "container-ipc", upper=upper)
    hide(dump)
    dump.remember()
    hidden = [rel for rel in dumps.files(dump.old) if has_secret(os.path.join(dump.old, rel))]
    assert len(hidden) == len(PAYLOADS) + 3 + 3 + 1
    dump.run("scrub", "-", data=SECRET + b"\n\n" + BYTES + b"\n")
    assert dump.changed_files() == set(hidden)
    for rel in hidden:
        path, now = os.path.join(dump.old, rel), dump.now(rel)
        assert not has_secret(now), rel
        if rel.startswith("pages-"):
            assert mnt.read(now) == zeroed(mnt.read(path))
        else:
            assert_scrubbed(criuimg.load(path), criuimg.load(now))
    assert dump.run("scrub", "-", data=SECRET + b"\n" + BYTES)[0] == ""


def has_secret(path):
    data = mnt.read(path)
    return SECRET in data or BYTES in data


def test_what_only_a_parent_has_is_not_scrubbed(mount, work):
    dump = Checkpoint(mount, work, "incremental")
    with open(work + "/secrets", "w") as f:
        f.write("generation 0\n")
    _, err = recipes.run("scrub", dump / "3", work + "/secrets", status=1)
    assert err == ("scrub: there is one still in "
                   ".critfs/proc/8057/map_files/10000000000-10000100000\n")
    dump.assert_changed({}, others=["3/pages-1.img"])
    assert all(new == bytes(len(new)) for _, _, new in dump.bytes_changed("3/pages-1.img"))


@pytest.mark.parametrize("whole", [True, False])
def test_archives_are_searched(mount, work, whole):
    """One that can't be read may hold anything."""
    def prepare(root):
        path = root + "/tmpfs-dev-42.tar.gz.img"
        mnt.save(work + "/a secret file", SECRET, os.O_WRONLY | os.O_CREAT)
        subprocess.run(["tar", "-czf", path, "-C", work, "a secret file"], check=True)
        if not whole:
            os.truncate(path, os.path.getsize(path) - 20)

    dump = Checkpoint(mount, work, "container-ipc", prepare=prepare)
    _, err = dump.run("scrub", "-", data=SECRET, status=1 if whole else 2)
    if whole:
        assert err == ("scrub: there is one still in "
                       ".critfs/tar/tmpfs-dev-42.tar.gz.img/a secret file\n")
    else:
        assert "scrub: not all could be searched" in err
    dump.assert_changed({})


@pytest.mark.parametrize("secrets,why", [(b"", "no secrets in it"), (b"\n\n", "no secrets in it"),
                                         (b"long enough\nabc\n", "shorter than 4 bytes")])
def test_secrets_that_are_none(mount, work, secrets, why):
    dump = Checkpoint(mount, work, "demo")
    assert why in dump.run("scrub", "-", data=secrets, status=2)[1]
    assert "no file that can be read" in dump.run("scrub", work + "/none", status=2)[1]
    dump.assert_changed({})


def test_environments_are_emptied(mount, work):
    """But for what is named; long values that are no paths are nowhere any more."""
    dump = Checkpoint(mount, work, "demo")
    dump.run("scrub-environ", "PATH", "HOME")
    pids = memory.pids(dump.old)
    wanted = {rel: bytearray(mnt.read(os.path.join(dump.old, rel)))
              for rel in dumps.files(dump.old) if rel.startswith("pages-")}
    for pid in pids:
        start, block = environment(dump.old, pid)
        emptied = b"\0".join(
            v if v.startswith((b"PATH=", b"HOME=")) else re.sub(
                rb"=(.*)", lambda m: b"=" + bytes(len(m[1])), v, flags=re.S)
            for v in block.split(b"\0"))
        assert len(emptied) == len(block)
        assert mnt.read(dump / (".critfs/proc/%d/environ" % pid)) == emptied
        for address, size, rel, at in memory.runs(dump.old, pid):
            if address <= start < address + size:
                wanted[rel][at + start - address:at + start - address + len(block)] = emptied
    for rel, data in wanted.items():
        assert mnt.read(dump.now(rel)) == data.replace(TOKEN, bytes(len(TOKEN))), rel
    dump.assert_changed({}, others=wanted)


# ----------------------------------------------------------------------- compare

def test_checkpoints_that_are_alike(mount, work):
    one, two = (Checkpoint(mount, work, "demo", "ro") for _ in range(2))
    assert recipes.run("compare", one.point, two.point)[0] == ""


def test_checkpoints_that_differ(mount, work):
    one, two = Checkpoint(mount, work, "demo", "ro"), Checkpoint(mount, work, "demo", upper=True)
    two.run("move-paths", "/tmp/clean/out2.log", "/other")
    fd = os.open(two / ".critfs/proc/8181/mem", os.O_WRONLY)
    first, data = next(run for run in stored(two.old, 8181) if len(run[1]) >= 3 * PAGE)
    for at in (1, PAGE + 7, 2 * PAGE + 5):
        os.pwrite(fd, bytes([data[at] ^ 1]), first + at)
    os.close(fd)
    shutil.rmtree(two / "pipes-data.img")
    with open(two / "note", "w") as f:
        f.write("x")
    out = recipes.run("compare", one.point, two.point, status=1)[0].splitlines()
    assert [l for l in out if l.endswith("differs")] == [
        "8181: %x-%x differs" % (first, first + 3 * PAGE)]
    assert "Only in first/.critfs/json: pipes-data.img.json" in out
    assert '<                 "name": "/tmp/clean/out2.log",' in out
    assert '>                 "name": "/other",' in out
    assert "-fd/1 -> /tmp/clean/out2.log" in out and "+fd/1 -> /other" in out
    assert "Only in second: note" in out


def test_processes_and_pages_of_one_checkpoint(mount, work):
    one, two = Checkpoint(mount, work, "gdbcore"), Checkpoint(mount, work, "demo", "ro")
    out = recipes.run("compare", one.point, two.point, status=1)[0].splitlines()
    assert [l for l in out if "this process" in l] == [
        "28347: this process is only in the first",
        *("%d: this process is only in the second" % p for p in sorted(memory.pids(two.old)))]
    less = Checkpoint(mount, work, "gdbcore")
    last = sorted(os.listdir(less / "pagemap-28347.img"), key=lambda n: int(n.split(".")[0]))[-1]
    os.unlink(less / "pagemap-28347.img" + "/" + last)
    address, size, *_ = memory.runs(less.old, 28347)[-1]
    gone = "28347: %x-%x only in the %%s" % (address, address + size)
    for a, b, which in ((one, less, "first"), (less, one, "second")):
        out = recipes.run("compare", a.point, b.point, status=1)[0].splitlines()
        assert [l for l in out if "only in the" in l] == [gone % which]
        assert not [l for l in out if l.endswith("differs")]


# ----------------------------------------------------------------- extract-cores

def test_cores_of_all_processes(mount, work):
    dump = Checkpoint(mount, work, "demo", "ro")
    out, _ = dump.run("extract-cores", "-all 'cores'", cwd=work)
    pids = sorted(memory.pids(dump.root))
    assert out.splitlines() == ["./-all 'cores'/core.%d %s" % (
        pid, "service.sh" if pid == 8173 else "sleep") for pid in pids]
    for pid in pids:
        path = os.path.join(work, "-all 'cores'", "core.%d" % pid)
        assert mnt.read(path) == mnt.read(dump / (".critfs/proc/%d/core" % pid))
        st = os.stat(path)
        assert st.st_mode & 0o777 == 0o400 and st.st_blocks * 512 < st.st_size
        cores.check_shape(cores.Core(path))
    _, err = dump.run("extract-cores", "-all 'cores'", cwd=work, status=2)
    assert err == "extract-cores: ./-all 'cores'/core.8173 is there already\n"


def test_cores_of_zombies_and_of_nobody(mount, work):
    dump = Checkpoint(mount, work, "zdtm-tr-fork", "ro")
    out, _ = dump.run("extract-cores", work + "/cores")
    alive = [n[3:-4] for n in os.listdir(dump.root) if n.startswith("mm-")]
    assert len(alive) < len(memory.pids(dump.root))
    assert sorted(os.listdir(work + "/cores")) == sorted("core." + pid for pid in alive)
    dump = Checkpoint(mount, work, "incremental", "ro")
    assert "no processes" in recipes.run("extract-cores", dump / "1", work, status=2)[1]


# -------------------------------------------------------------------- README.md

def test_the_examples_of_the_readme(work):
    """All recipes are in its table, and each example works as it is written."""
    need_fuse()
    readme = os.path.join(recipes.WHERE, "README.md")
    text = mnt.read_text(readme)
    rows = re.findall(r"^\| `([\w-]+)` \| .* \| `(.*)` \|$", text, re.M)
    assert sorted(name for name, _ in rows) == recipes.NAMES
    assert all(example.split()[0] == name for name, example in rows)
    (setup, _), (shown, wanted), (end, _) = tours.steps(text)
    examples = [example for _, example in rows if example not in shown]
    examples = [e + " || [ $? = 1 ]" if e.startswith("compare") else e for e in examples]
    files = ["contrib/recipes/" + n for n in os.listdir(recipes.WHERE)]
    root = tours.tree(work, "tests/data/dumps/container-ipc.tar.xz", *files)
    status, out = tours.run(["sh", "-ec"], root, setup + shown + "\n".join(examples) + "\n" + end)
    assert status == 0, out
    tours.assert_printed(wanted, out)
