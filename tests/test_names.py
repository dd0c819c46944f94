"""Names and texts that were made for who reads messages: no control character, no line end and
no escape sequence of a dump gets into a message, a log or a list, and no `%` is a format."""
import os
import re
import shutil
import socket
import subprocess

import pytest

import archives
import critic
import dumps
import mnt

# Moves the cursor, sets the title, fakes a line, and is no UTF-8; %n would write to memory.
EVIL = b"e\x1b]0;t\x07\n\rcritfs: \xc2\x9b2J%n%s\x7f\xe2\x80\xae\xff"
SHOWN = r"e\x1b]0;t\x07\x0a\x0dcritfs: \xc2\x9b2J%n%s\x7f\xe2\x80\xae\xff"
TEXT = '"\\u001b[2J\\n%n\\u009b"'                   # of an entry, in JSON
TEXT_SHOWN = r'"\x1b[2J\x0a%n\xc2\x9b"'
OBEYED = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def assert_safe(text, tabs=False):
    """Valid UTF-8, and nothing that a terminal obeys but line ends (and tabs)."""
    text = text.decode("utf-8") if isinstance(text, bytes) else text
    assert not OBEYED.search(text.replace("\t", "") if tabs else text), ascii(text)
    return text


@pytest.fixture
def top(work):
    """A directory of dumps, one with that name, and its bytes."""
    root = os.path.join(work, "top")
    dumps.copy("demo", os.path.join(root, "dump"))
    os.rename(os.path.join(root, "dump"), os.path.join(root.encode(), EVIL))
    return root


# ----------------------------------------------------------------- what a mount tells

def test_what_is_refused(top, mount):
    """In the log, in .critfs/errors, beside the entry and in its attribute."""
    m = mount(top)
    path = os.path.join(m.point.encode(), EVIL, b"files.img/5.json").decode(errors="surrogateescape")
    with pytest.raises(OSError):
        mnt.save(path, re.sub(r'"pos": \d+', lambda _: '"pos": ' + TEXT, mnt.read_text(path)))
    line = SHOWN + "/files.img/5.json:7:16: error: reg.pos: expected an integer, got " + TEXT_SHOWN
    assert assert_safe(mnt.read(path + ".err")) == line + "\n"
    assert assert_safe(mnt.read(m / ".critfs/errors")) == line + "\n"
    assert assert_safe(os.getxattr(path, "user.critfs.error")) == line
    m.close()
    assert "critfs: %s\n" % line in assert_safe(m.stderr())


def test_refused_documents(top, mount):
    """They name the directory too, and so do images that there are not yet."""
    m = mount(top)
    json = os.path.join(m.point.encode(), EVIL, b".critfs/json").decode(errors="surrogateescape")
    for name in ("files.img.json", "core-77.img.json"):
        with pytest.raises(OSError):
            mnt.save(os.path.join(json, name), '{"magic": %s}' % TEXT, os.O_WRONLY | os.O_TRUNC | os.O_CREAT)
    lines = assert_safe(mnt.read(m / ".critfs/errors")).splitlines()
    assert len(lines) == 2
    assert all(l.startswith(SHOWN + "/.critfs/json/") for l in lines)


def test_scratch_files(top, mount):
    """In the list of them, a line each, and in the log at the end."""
    m = mount(top)
    image = os.path.join(m.point.encode(), EVIL, b"files.img")
    with open(os.path.join(image, EVIL), "wb") as f:
        f.write(b"12345")
    line = "%s/files.img/%s" % (SHOWN, SHOWN)
    assert assert_safe(mnt.read(m / ".critfs/scratch"), tabs=True) == "5\t%s\n" % line
    m.close()
    assert "critfs: %s: a scratch file, gone with this mount\n" % line in assert_safe(m.stderr())


def test_check(top, mount):
    """What is wrong, in a dump and with a name that no image should have."""
    m = mount(top)
    dump = os.path.join(m.point.encode(), EVIL)
    shutil.rmtree(os.path.join(dump, b"fs-8178.img"))
    with open(os.path.join(top.encode(), EVIL, EVIL + b".img"), "wb") as f:
        f.write(b"ABCDEFGH")
    lines = assert_safe(mnt.read(os.path.join(dump, b".critfs/check"))).splitlines()
    assert len(lines) == 2 and all(l.startswith(SHOWN + "/") for l in lines)
    assert [l for l in lines if l.startswith("%s/%s.img: " % (SHOWN, SHOWN))]


def test_archives_within(top, mount):
    """What is told of one that can't be opened, and of members that lead out of one."""
    dump = os.path.join(top.encode(), EVIL).decode(errors="surrogateescape")
    evil = EVIL.decode(errors="surrogateescape")
    with open(os.path.join(dump, evil + ".tar"), "wb") as f:
        f.write(b"no archive" * 1000)
    archives.crafted(os.path.join(dump, "x.tar"), ("../" + evil, b"1", {}), ("in", b"2", {}))
    m = mount(top)
    tar = os.path.join(m.point, evil, ".critfs/tar")
    with pytest.raises(OSError):
        os.listdir(os.path.join(tar, evil + ".tar"))
    assert os.listdir(os.path.join(tar, "x.tar")) == ["in"]
    log = assert_safe(m.stderr())
    assert "%s/%s.tar: " % (SHOWN, SHOWN) in log and "x.tar: ../" + SHOWN in log


@pytest.fixture
def apart(work):
    """apart(script, *args): a shell script in a mount namespace of its own: what is mounted there is in
    no other process's table. $1 is the directory that the test works in."""
    if mnt.why_no_fuse():
        pytest.skip(mnt.why_no_fuse())
    if subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode:
        pytest.skip("no mount namespaces here")
    os.mkdir(os.path.join(work, "mnt"))

    def run(script, *args):
        done = subprocess.run(["unshare", "-m", "sh", "-c", 'cd "$1" || exit; ' + script, mnt.CRITFS, work, *args],
                              capture_output=True, env=mnt.environment())
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_a_mount_of_it(top, apart):
    """The kernel's table of mounts has it on one line, as the kernel spells it."""
    out = apart('"$0" top/* mnt && cat /proc/self/mounts && fusermount3 -u mnt')
    (line,) = [l for l in out.split(b"\n") if b" fuse.critfs " in l and b"/top/" in l]
    dump = os.path.join(top.encode(), EVIL)
    assert line.startswith(dump.replace(b"\n", rb"\012").replace(b" ", rb"\040") + b" ")


def test_syslog(top, work, apart):
    """Where nobody reads stderr."""
    dev = os.path.join(work, "dev")
    os.mkdir(dev)
    try:
        os.mknod(dev + "/fuse", 0o20600, mnt.FUSE_DEVICE)
        os.mknod(dev + "/null", 0o20666, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("no devices can be made here")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
        log.bind(dev + "/log")
        log.settimeout(60)
        apart("""mount --bind dev /dev && "$0" top mnt || exit
              { echo '{'; cat mnt/*/files.img/5.json; } > t; cp t mnt/*/files.img/5.json; fusermount3 -u mnt""")
        message = assert_safe(log.recv(65536))
    assert re.search(r"critfs\[\d+\]: " + re.escape(SHOWN + "/files.img/5.json:2:1: error: "), message)


# --------------------------------------------------------------- what a command tells

def evil(*parts):
    return b"".join(p if isinstance(p, bytes) else p.encode() for p in parts)


COMMANDS = {
    "no such dump": lambda w: [evil(w, "/", EVIL), w + "/mnt"],
    "no dump": lambda w: [evil(w, "/top/", EVIL, "/pstree.img"), w + "/mnt"],
    "no mount point": lambda w: [w + "/top", evil(w, "/", EVIL)],
    "a mount point within": lambda w: [w + "/top", evil(w, "/top/", EVIL)],
    "no upper directory": lambda w: ["-o", evil("upper=", w, "/", EVIL), w + "/top", w + "/mnt"],
    "a size": lambda w: ["-o", evil("scratch=", EVIL), w + "/top", w + "/mnt"],
    "an unknown option": lambda w: ["-o", evil("x", EVIL), w + "/top", w + "/mnt"],
    "one too many": lambda w: [w + "/top", w + "/mnt", evil(EVIL)],
}


@pytest.mark.parametrize("what", COMMANDS)
def test_mounting_that_fails(top, work, what):
    os.mkdir(work + "/mnt")
    done = subprocess.run([mnt.CRITFS, *COMMANDS[what](work)], capture_output=True, env=mnt.environment())
    assert done.returncode == 1
    assert SHOWN in assert_safe(done.stderr)


CRITIC = {
    "decode": (["decode", b"%s"], 1), "encode": (["encode", b"%s"], 1), "show": (["show", b"%s"], 1),
    "info": (["info", b"%s"], 1), "explore": (["x", b"%s", "ps"], 1), "explore what": (["x", ".", b"%s"], 2),
    "core": (["core", "-p", "1", b"%s"], 1), "check": (["check", b"%s"], 1), "pack": (["pack", b"%s"], 1),
    "output": (["decode", "top/dump/files.img", "-o", b"%s/x"], 1), "option": (["decode", b"--%s"], 2),
    "letter": (["decode", b"-i"], 2), "command": ([b"%s"], 2), "more": (["info", ".", b"%s"], 2),
    "pid": (["core", "-p", b"%s", "."], 2), "tree": (["decode", "top"], 2),
}


@pytest.mark.parametrize("what", CRITIC)
def test_critic_that_fails(work, what):
    dumps.copy("demo", work + "/top/dump")
    args, status = CRITIC[what]
    args = [a.replace(b"%s", EVIL) if isinstance(a, bytes) else a for a in args]
    done = subprocess.run([critic.CRITIC, *args], capture_output=True, cwd=work, env=mnt.environment())
    assert done.returncode == status
    text = assert_safe(done.stderr)
    if any(isinstance(a, bytes) and EVIL in a for a in args):
        assert SHOWN in text


def test_critic_on_directories(top, work):
    """Files that are left out of a tree, and findings of a check."""
    dump = os.path.join(top.encode(), EVIL)
    os.mkfifo(os.path.join(dump, b"fifo" + EVIL))
    with open(os.path.join(dump, EVIL + b".img.json"), "wb") as f:
        f.write(b"{}")
    os.unlink(os.path.join(dump, b"fs-8178.img"))
    out = os.path.join(work, "out")
    done = subprocess.run([critic.CRITIC, "decode", dump, "-o", out], capture_output=True, env=mnt.environment())
    text = assert_safe(done.stderr)
    assert "fifo" + SHOWN in text and SHOWN + ".img.json" in text
    done = subprocess.run([critic.CRITIC, "check", dump], capture_output=True, env=mnt.environment())
    lines = assert_safe(done.stdout).splitlines()
    assert lines and all(SHOWN + "/" in l for l in lines)
