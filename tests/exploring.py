"""critic x, and the dumps that its tests make for it."""
import os
import re
import subprocess

import criuimg
import dumps
import mnt
from criuimg import Entry, Image, SCHEMA, TYPES

CRITIC = os.path.join(mnt.BUILD, "critic")
AS_CRIT = ("ps", "fds", "mems", "rss")


def critic(*args):
    """(exit status, stdout, stderr) of critic x."""
    assert os.path.exists(CRITIC), "no %s: build it first (make)" % CRITIC
    done = subprocess.run([CRITIC, "x", *args], capture_output=True, timeout=300,
                          stdin=subprocess.DEVNULL, env=mnt.environment())
    out, err = done.stdout.decode(), done.stderr.decode()
    mnt.check_log(err)
    return done.returncode, out, err


def harmless(text):
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", text)


# --------------------------------------------------------- hand-made dumps

def default(field):
    if field.get("kind") == "message":
        return required(field["type"])
    if field.get("kind") == "enum":
        return next(iter(SCHEMA.enums[field["type"]]))
    if field["type"] == "bool":
        return False
    return "" if field["type"] in ("string", "bytes") else 0


def required(message):
    return {f["name"]: default(f) for f in SCHEMA.fields(message) if f["label"] == "required"}


def payload(message, value):
    """A message's bytes: the fields that are given, and those that have to be."""
    value = dict(required(message), **value)
    for field in SCHEMA.fields(message):
        if field.get("kind") != "message" or field["name"] not in value:
            continue
        given = value[field["name"]]
        fill = lambda v: dict(required(field["type"]), **v)
        value[field["name"]] = (list(map(fill, given)) if isinstance(given, list)
                                else fill(given))
    return SCHEMA.encode(criuimg.from_json(message, value))


class Made:
    """A dump in the making."""

    def __init__(self, root, header="common", order="<"):
        self.root, self.header, self.order = root, header, order
        self.tree = []

    def image(self, typ, name, *entries, tail=b""):
        """Entries are values as in JSON, or the bytes of a message."""
        typ = TYPES[typ]
        entries = [Entry(typ.message(i), e if isinstance(e, bytes) else payload(typ.message(i), e))
                   for i, e in enumerate(entries)]
        return dumps.write(self.root, name, Image(typ, self.header, self.order, entries, tail))

    def pstree(self, *entries, **more):
        self.tree += entries
        self.image("PSTREE", "pstree.img", *self.tree, **more)

    def core(self, pid, comm, state=1, **more):
        tc = dict(required("task_core_entry"), comm=comm, task_state=state)
        self.image("CORE", "core-%d.img" % pid, dict(mtype="X86_64", tc=tc, **more))

    def process(self, pid, ppid=0, comm="comm", state=1, **more):
        self.pstree(dict(pid=pid, ppid=ppid, pgid=pid, sid=1, **more))
        self.core(pid, comm, state)

    def zombie(self, pid, ppid, state=6):
        self.process(pid, ppid, "gone", state, threads=[2 ** 32 - 1])

    def fds(self, pid, *fds, files_id=None, cwd=1, root=1):
        """Descriptors (fd, type, id)."""
        files_id = files_id or pid
        self.image("IDS", "ids-%d.img" % pid, dict(files_id=files_id))
        self.image("FDINFO", "fdinfo-%d.img" % files_id,
                   *(dict(fd=fd, type=typ, id=i) for fd, typ, i in fds))
        self.image("FS", "fs-%d.img" % pid, dict(cwd_id=cwd, root_id=root))

    def mm(self, pid, *vmas, exe=2):
        self.image("MM", "mm-%d.img" % pid, dict(exe_file_id=exe, vmas=list(vmas)))

    def pagemap(self, pid, *runs, **more):
        self.image("PAGEMAP", "pagemap-%d.img" % pid, dict(pages_id=1), *runs, **more)

    def files(self, *files, **more):
        self.image("FILES", "files.img", *files, **more)


def reg(n, name):
    return dict(type="REG", id=n, reg=dict(required("reg_file_entry"), id=n, name=name))


def pipe(n, pipe_id):
    return dict(type="PIPE", id=n, pipe=dict(required("pipe_entry"), id=n, pipe_id=pipe_id))


def usk(n, **more):
    opts = dict(required("sk_opts_entry"), so_sndbuf=1024, so_rcvbuf=1000)
    return dict(type="UNIXSK", id=n, usk=dict(required("unix_sk_entry"), id=n, opts=opts, **more))


def vma(start, end, status, **more):
    return dict(dict(start=start, end=end, status=status, prot=5), **more)


FILES = [reg(1, "/"), reg(2, "/bin/x"), pipe(3, 77), usk(4, ino=40, peer=41, name="=00abs"),
         usk(5, ino=41, peer=40), dict(type="EVENTFD", id=6)]


def shows(made, what, text, status=0, err=()):
    """The output is `text`; complaints are `err`, "IMAGE: REASON" each."""
    lines = ["critic: %s/%s\n" % (made.root, e.replace(": ", ": error: ", 1)) for e in err]
    assert critic(made.root, what) == (status, text, "".join(lines))
