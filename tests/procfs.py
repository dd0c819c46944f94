"""The processes of a dump as /proc has them: written by proc-dump or mounted, and parsed."""
import os
import re
import subprocess
import sys

import criuimg
import dumps
import mnt

PROC_DUMP = os.path.join(mnt.BUILD, "tests", "proc-dump")
CALLER = 4194305        # beyond all pids
PAGE = 4096


# ------------------------------------------------------------------ the tree

def tree(root, out):
    """The tree of the dump in `root`, as the new directory `out`."""
    done = subprocess.run([PROC_DUMP, root, out, str(CALLER)], capture_output=True, timeout=300,
                          text=True, errors="replace", env=mnt.environment())
    mnt.check_log(done.stderr)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), done.stderr
    return out


def read(*path):
    return mnt.read(os.path.join(*map(str, path)))


def text(*path):
    return read(*path).decode("utf-8", "surrogateescape")


def numbers(where):
    return sorted(int(n) for n in os.listdir(where) if n.isdigit())


# --------------------------------------------------------------- the formats

STAT = ("pid comm state ppid pgrp session tty_nr tpgid flags minflt cminflt majflt cmajflt utime "
        "stime cutime cstime priority nice num_threads itrealvalue starttime vsize rss rsslim "
        "start_code end_code start_stack esp eip signal blocked sigignore sigcatch wchan nswap "
        "cnswap exit_signal processor rt_priority policy delayacct guest cguest start_data "
        "end_data start_brk arg_start arg_end env_start env_end exit_code").split()


def stat(line):
    """Fields by their names in proc(5)."""
    assert line.endswith("\n")
    pid, rest = line[:-1].split(" (", 1)
    comm, rest = rest.rsplit(") ", 1)
    fields = [pid, comm] + rest.split(" ")
    assert len(fields) == len(STAT), line
    return {k: v if k in ("comm", "state") else int(v) for k, v in zip(STAT, fields)}


def status(content):
    """Values by the names of their lines, in order."""
    out = {}
    for line in content.splitlines(True):
        m = re.fullmatch(r"([A-Za-z_]+):\t(.*)\n", line)
        assert m and m[1] not in out, line
        out[m[1]] = m[2]
    return out


LIMITS = ("cpu time", "file size", "data size", "stack size", "core file size", "resident set",
          "processes", "open files", "locked memory", "address space", "file locks",
          "pending signals", "msgqueue size", "nice priority", "realtime priority",
          "realtime timeout")


def limits(content):
    """(soft, hard) by name; None: no limit."""
    lines = content.splitlines()
    assert lines[0] == "%-25s %-20s %-20s %-10s" % ("Limit", "Soft Limit", "Hard Limit", "Units")
    out = {}
    for line in lines[1:]:
        name, soft, hard = line[:26].rstrip(), line[26:47].rstrip(), line[47:68].rstrip()
        out[name[len("Max "):]] = tuple(None if v == "unlimited" else int(v)
                                        for v in (soft, hard))
    return out


def words(data, size=8):
    return [int.from_bytes(data[i:i + size], "little") for i in range(0, len(data), size)]


# ------------------------------------------------------------ what is right

def num(value):
    """A number of a document, however it is spelled."""
    return int(value, 0) if isinstance(value, str) else int(value)


class Images:
    """The documents of a dump: crit's where there are, else those of the tests' own codec."""

    def __init__(self, name, root):
        self.name, self.root = name, root
        self.below = os.path.relpath(root, dumps.pristine(name)) if name else "."

    def entries(self, image):
        path = os.path.join(self.root, image)
        if not os.path.exists(path):
            return []
        rel = os.path.normpath(os.path.join(self.below, image))
        found = dumps.document(self.name, rel) if self.name else None
        if found is None:
            found = criuimg.document(criuimg.load(path))
        return found["entries"]

    def first(self, image):
        return next(iter(self.entries(image)), {})

    def processes(self):
        return {e["pid"]: e for e in self.entries("pstree.img") if e["pid"]}

    def core(self, tid):
        return self.first("core-%d.img" % tid)

    def tc(self, pid):
        return self.core(pid).get("tc", {})

    def thread(self, tid):
        return self.core(tid).get("thread_core", {})

    def state(self, pid):
        """crit names the values 3 and 6, and has the names swapped."""
        value = self.tc(pid).get("task_state", 1)
        return {"Alive": "S", 1: "S", "Zombie": "T", 3: "T"}.get(value, "Z")

    def threads(self, pid):
        listed = [] if self.state(pid) == "Z" else self.processes()[pid].get("threads", [])
        return sorted({t for t in listed if t} | {pid})

    def mm(self, pid):
        return self.first("mm-%d.img" % pid)

    def vmas(self, pid):
        """(start, end, prot, flags, status) as sets of names."""
        split = lambda v: set(v.split(" | "))
        for v in self.mm(pid).get("vmas") or self.entries("vmas-%d.img" % pid):
            yield (num(v["start"]), num(v["end"]), split(v["prot"]), split(v["flags"]),
                   split(v["status"]))

    def creds(self, tid, pid):
        return (self.thread(tid).get("creds") or self.thread(pid).get("creds") or
                self.first("creds-%d.img" % pid))

    def limits(self, pid):
        inside = self.tc(pid).get("rlimits", {}).get("rlimits")
        return inside or self.entries("rlimit-%d.img" % pid)

    def actions(self, pid):
        return self.tc(pid).get("sigactions") or self.entries("sigacts-%d.img" % pid)

    def posix_timers(self, pid):
        return (self.tc(pid).get("timers", {}).get("posix", []) or
                self.entries("posix-timers-%d.img" % pid))

    def runs(self, pid):
        """(address, pages, offset in the pages file or None) of a page map."""
        entries = self.entries("pagemap-%d.img" % pid)
        off = 0
        for e in entries[1:]:
            n = e.get("nr_pages") or e.get("compat_nr_pages", 0)
            flags = e.get("flags", "PE_PARENT" if e.get("in_parent") else "PE_PRESENT")
            present = "PE_PRESENT" in flags
            yield num(e["vaddr"]), n, off if present else None
            off += n * PAGE if present else 0

    def memory(self, pid, start, end):
        """Bytes at these addresses, None if not all are in the dump's own pages."""
        pages = self.first("pagemap-%d.img" % pid).get("pages_id")
        out = b""
        for addr, n, off in self.runs(pid):
            if off is not None and addr <= start < end and start < addr + n * PAGE:
                part = min(end, addr + n * PAGE) - start
                with open(os.path.join(self.root, "pages-%d.img" % pages), "rb") as f:
                    f.seek(off + start - addr)
                    out += f.read(part)
                start += part
        return out if start == end else None


# -------------------------------------------------------------- real readers

WITHIN = """
set -e
out=$1; shift
%s
mount --bind "$out" /proc
exec "$@"
"""
# A written tree has no files that depend on who asks: they are made for this one.
FIND_SELF = 'ln -sfn .caller "$out/self"; [ -e "$out/$$" ] || ln -sfn .caller "$out/$$"'


def run_within(out, *command, mounted=False):
    """(stdout, pid) of a command that has the tree as its /proc, and no complaints."""
    script = WITHIN % ("" if mounted else FIND_SELF)
    proc = subprocess.Popen(["unshare", "-m", "sh", "-c", script, "sh", out, *command],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            errors="surrogateescape", stdin=subprocess.DEVNULL,
                            env=mnt.environment(LANG="C", COLUMNS="500"))
    stdout, stderr = proc.communicate(timeout=120)
    if not mounted and os.path.islink(os.path.join(out, str(proc.pid))):
        os.unlink(os.path.join(out, str(proc.pid)))
    assert (proc.returncode, stderr) == (0, ""), (command, stdout)
    return stdout, proc.pid


def psutil_says(out, script, *args):
    """What a script prints that has psutil, with the tree as its /proc."""
    head = "import psutil, sys, json\npsutil.PROCFS_PATH = sys.argv[1]\n"
    done = subprocess.run([sys.executable, "-c", head + script, out, *map(str, args)],
                          capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    return done.stdout
