"""What the tree of proc has to say of a dump, read a second time from crit's documents."""
import os
import quopri
import subprocess

import dumps
import mnt

OLD = {"REG": "reg-files", "PIPE": "pipes", "FIFO": "fifo", "INETSK": "inetsk",
       "UNIXSK": "unixsk", "EVENTFD": "eventfd", "EVENTPOLL": "eventpoll",
       "INOTIFY": "inotify", "SIGNALFD": "signalfd", "PACKETSK": "packetsk", "TTY": "tty",
       "FANOTIFY": "fanotify", "NETLINKSK": "netlinksk", "NS": "ns-files", "TUNF": "tunfile",
       "EXT": "ext-files", "TIMERFD": "timerfd", "BPFMAP": "bpfmap-file", "PIDFD": "pidfd"}
PARTS = {"REG": "reg", "PIPE": "pipe", "FIFO": "fifo", "INETSK": "isk", "UNIXSK": "usk",
         "EVENTFD": "efd", "EVENTPOLL": "epfd", "INOTIFY": "ify", "SIGNALFD": "sgfd",
         "PACKETSK": "psk", "TTY": "tty", "FANOTIFY": "ffy", "NETLINKSK": "nlsk", "NS": "nsf",
         "TUNF": "tunf", "EXT": "ext", "TIMERFD": "tfd", "MEMFD": "memfd", "BPFMAP": "bpf",
         "PIDFD": "pidfd"}
ANON = {"EVENTFD": "[eventfd]", "EVENTPOLL": "[eventpoll]", "INOTIFY": "inotify",
        "SIGNALFD": "[signalfd]", "FANOTIFY": "[fanotify]", "TIMERFD": "[timerfd]",
        "BPFMAP": "bpf-map", "PIDFD": "[pidfd]"}
NAMESPACES = {0x20000: "mnt", 0x2000000: "cgroup", 0x4000000: "uts", 0x8000000: "ipc",
              0x10000000: "user", 0x20000000: "pid", 0x40000000: "net", 0x80: "time"}
FLAGS = {"O_WRONLY": 1, "O_RDWR": 2, "O_CREAT": 0o100, "O_EXCL": 0o200, "O_NOCTTY": 0o400,
         "O_TRUNC": 0o1000, "O_APPEND": 0o2000, "O_NONBLOCK": 0o4000, "O_DSYNC": 0o10000,
         "FASYNC": 0o20000, "O_DIRECT": 0o40000, "O_LARGEFILE": 0o100000,
         "O_DIRECTORY": 0o200000, "O_NOFOLLOW": 0o400000, "O_NOATIME": 0o1000000,
         "O_CLOEXEC": 0o2000000}
CLOEXEC = FLAGS["O_CLOEXEC"]
NAMELESS = ("/dev/zero", "/anon_hugepage")


def write(dump, out, caller=2 ** 31):
    """The tree of a dump as files and links."""
    done = subprocess.run([os.path.join(mnt.BUILD, "tests", "proc-dump"), dump, out,
                           str(caller)], capture_output=True, timeout=300,
                          env=mnt.environment())
    assert (done.returncode, done.stderr) == (0, b""), done.stderr.decode()
    return out


def text(*path):
    with open(os.path.join(*map(str, path)), "rb") as f:
        return f.read().decode("utf-8", "surrogateescape")


def number(value):
    return int(value, 0) if isinstance(value, str) else value


def flags(value):
    """Of a field that crit spells by names, or as a number."""
    if not isinstance(value, str) or value.startswith("0x"):
        return number(value)
    bits = 0
    for word in filter(None, value.split(" | ")):
        bits |= FLAGS[word] if word in FLAGS else int(word, 0)
    return bits


class Document:
    """A dump by crit's documents."""

    def __init__(self, name):
        self.name = name
        self.files = {}
        for e in self.entries("files.img"):
            self.files[e["type"], e["id"]] = e[PARTS[e["type"]]]
        for typ, image in OLD.items():
            for e in self.entries(image + ".img"):
                self.files.setdefault((typ, e["id"]), e)
        self.deleted = {e["orig_id"]: e for e in self.entries("remap-fpath.img")}
        self.memories = {e["inode_id"]: e["name"] for e in self.entries("memfd.img")}
        self.alive = [p["pid"] for p in self.entries("pstree.img") if self.ids(p["pid"])]

    def entries(self, image):
        document = dumps.document(self.name, image)
        return document["entries"] if document else []

    def one(self, kind, pid):
        return next(iter(self.entries("%s-%d.img" % (kind, pid))), None)

    def ids(self, pid):
        core = self.one("core", pid)
        return self.one("ids", pid) or (core or {}).get("ids")

    def descriptors(self, pid):
        return {e["fd"]: e for e in self.entries("fdinfo-%d.img" % self.ids(pid)["files_id"])}

    def path(self, n):
        return self.files["REG", n]["name"] + (" (deleted)" if n in self.deleted else "")

    def memory(self, n):
        if ("MEMFD", n) not in self.files:  # old images have none
            return ""
        name = self.memories[self.files["MEMFD", n]["inode_id"]]
        return ("" if name in NAMELESS else "/memfd:") + name + " (deleted)"

    def link(self, typ, n):
        """Where a descriptor leads; None where the documents don't have the file."""
        f = self.files.get((typ, n))
        if f is None:
            return None
        if typ in ANON:
            return "anon_inode:" + ANON[typ]
        if typ == "REG":
            return self.path(n)
        if typ in ("FIFO", "TTY"):
            return self.path(f["regf_id"])
        if typ == "PIPE":
            return "pipe:[%d]" % f["pipe_id"]
        if typ == "NS":
            return "%s:[%d]" % (NAMESPACES[f["ns_cflag"]], f["ns_id"])
        if typ == "MEMFD":
            return self.memory(n)
        if typ == "TUNF":
            return "/dev/net/tun"
        if typ == "EXT":
            return "ext:[%d]" % n
        return "socket:[%d]" % f.get("ino", n)

    def opened(self, typ, n):
        """Position and flags."""
        f = self.files[typ, n]
        if typ == "FIFO":
            return self.opened("REG", f["regf_id"])
        if typ == "TUNF":
            return self.opened("REG", n)
        return f.get("pos", 0), flags(f.get("flags", 0)) & ~CLOEXEC

    def vmas(self, pid):
        return self.one("mm", pid).get("vmas") or self.entries("vmas-%d.img" % pid)

    def sockets(self, typ, ns_id):
        return [f for (t, _), f in self.files.items()
                if t == typ and f.get("ns_id", ns_id) == ns_id]


def handle(fh):
    raw = b"".join(w.to_bytes(8, "little") for w in fh["handle"])[:fh["bytes"]]
    return "fhandle-bytes:%x fhandle-type:%x f_handle:%s" % (fh["bytes"], fh["type"], raw.hex())


def device(value):
    """A device that crit spells "major:minor", as the kernel's number."""
    if isinstance(value, int):
        return value
    major, minor = value.split(":")
    return int(major) << 20 | int(minor)


def unix_name(value):
    """Quoted-printable."""
    return quopri.decodestring(value.encode())
