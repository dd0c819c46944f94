"""Processes and threads of a dump as files of proc: what they say, and to real readers."""
import json
import os
import re
import shutil
import signal
import subprocess

import pytest

import dumps
import procfs
from exploring import critic, required
from procfs import PAGE, Images, num

ROOT = os.geteuid() == 0


def roots():
    """(dump, directory below it) of all that have processes."""
    return [(n, d) for n in dumps.NAMES for d in below(n)]


def below(name):
    listing = subprocess.run(["tar", "-tJf", os.path.join(dumps.criuimg.DATA, "dumps",
                                                          name + dumps.SUFFIX)],
                             capture_output=True, text=True, check=True).stdout.split("\n")
    return [os.path.dirname(p)[len(name):].strip("/") for p in listing
            if p.endswith("/pstree.img")]


@pytest.fixture(scope="module", params=roots(), ids=lambda p: "-".join(filter(None, p)))
def dump(request, room):
    name, where = request.param
    root = os.path.join(dumps.pristine(name), where)
    out = procfs.tree(root, os.path.join(room, "-".join(request.param)))
    yield Images(name, root), out
    dumps.remove(out)


def out_of(made):
    return procfs.tree(made.root, os.path.join(made.root, "..", "proc"))


def written(name, work):
    root = dumps.pristine(name)
    return Images(name, root), procfs.tree(root, os.path.join(work, "proc"))


# -------------------------------------------------- as the images say it

def same_stat(images, out, pid, tid):
    s = procfs.stat(procfs.text(out, pid, "task", tid, "stat"))
    e, tc, thread, mm = (images.processes()[pid], images.tc(pid), images.thread(tid),
                         images.mm(pid))
    policy = thread.get("sched_policy", 0) & ~0x40000000
    assert s["pid"] == tid and s["state"] == images.state(pid)
    assert s["comm"] == thread.get("comm", tc["comm"])
    assert (s["ppid"], s["pgrp"], s["session"]) == (e["ppid"], e["pgid"], e["sid"])
    assert s["flags"] == (tc["flags"] if tid == pid else 0)
    assert s["exit_code"] == (tc["exit_code"] if tid == pid else 0)
    assert s["nice"] == thread.get("sched_nice", 0)
    assert (s["policy"], s["rt_priority"]) == (policy, thread.get("sched_prio", 0))
    assert s["priority"] == (-1 - s["rt_priority"] if policy in (1, 2) else 20 + s["nice"])
    assert s["num_threads"] == len(images.threads(pid))
    assert s["exit_signal"] == (signal.SIGCHLD if tid == pid else -1)
    for field in ("start_code", "end_code", "start_data", "end_data", "start_brk", "arg_start",
                  "arg_end", "env_start", "env_end", "start_stack"):
        assert s[field] == num(mm.get("mm_" + field, 0)), field
    for zero in ("utime", "stime", "minflt", "majflt", "starttime"):
        assert s[zero] == 0
    return s


def sets_of(actions):
    """(ignored, caught) signals."""
    numbers = [n for n in range(1, 65) if n not in (signal.SIGKILL, signal.SIGSTOP)]
    sets = [0, 0]
    for n, action in zip(numbers, actions):
        handler = num(action["sigaction"])
        if handler:
            sets[handler != 1] |= 1 << n - 1
    return sets


def same_status(images, out, pid, tid):
    st = procfs.status(procfs.text(out, pid, "task", tid, "status"))
    e, tc, thread = images.processes()[pid], images.tc(pid), images.thread(tid)
    creds = images.creds(tid, pid)
    fs = images.first("fs-%d.img" % pid)
    assert st["Name"] == thread.get("comm", tc["comm"])
    assert st["State"][0] == images.state(pid)
    assert (st["Tgid"], st["Pid"], st["PPid"]) == (str(pid), str(tid), str(e["ppid"]))
    assert (st["NSpgid"], st["NSsid"]) == (str(e["pgid"]), str(e["sid"]))
    assert st.get("Umask") == ("%04o" % fs["umask"] if "umask" in fs else None)
    ids = lambda *names: "\t".join(str(creds.get(n, 0)) for n in names)
    assert st["Uid"] == ids("uid", "euid", "suid", "fsuid")
    assert st["Gid"] == ids("gid", "egid", "sgid", "fsgid")
    assert st["Groups"] == " ".join(map(str, creds.get("groups", []))) + " "
    assert st["Threads"] == str(len(images.threads(pid)))
    blocked = thread.get("blk_sigset", tc.get("blk_sigset", 0) if tid == pid else 0)
    assert int(st["SigBlk"], 16) == num(blocked)
    assert [int(st["SigIgn"], 16), int(st["SigCgt"], 16)] == sets_of(images.actions(pid))
    for line, field in (("CapInh", "cap_inh"), ("CapPrm", "cap_prm"), ("CapEff", "cap_eff"),
                        ("CapBnd", "cap_bnd"), ("CapAmb", "cap_amb")):
        low, high = (creds.get(field, []) + [0, 0])[:2]
        assert int(st[line], 16) == low | high << 32, line
    assert st["NoNewPrivs"] == str(creds.get("no_new_privs", 0))
    mode = thread.get("seccomp_mode", tc.get("old_seccomp_mode", "disabled"))
    assert st["Seccomp"] == str(["disabled", "strict", "filter"].index(mode))
    assert ("VmSize" in st) == bool(images.mm(pid))
    return st


def kilobytes(value):
    m = re.fullmatch(r" *(\d+) kB", value)
    assert m and len(value) >= 11, value
    return int(m[1]) << 10


def same_sizes(images, out, pid, s, st):
    vmas = [v for v in images.vmas(pid) if "VMA_AREA_VSYSCALL" not in v[4]]
    size = sum(v[1] - v[0] for v in vmas)
    stack = sum(v[1] - v[0] for v in vmas if "MAP_GROWSDOWN" in v[3])
    data = sum(v[1] - v[0] for v in vmas
               if "PROT_WRITE" in v[2] and not v[3] & {"MAP_SHARED", "MAP_GROWSDOWN"})
    statm = list(map(int, procfs.text(out, pid, "statm").split()))
    assert len(statm) == 7
    assert s["vsize"] == size == statm[0] * PAGE
    assert s["rss"] == statm[1]
    assert statm[5] * PAGE == data + stack
    if not images.mm(pid):
        assert statm == [0] * 7
        return
    assert kilobytes(st["VmSize"]) == kilobytes(st["VmPeak"]) == size
    assert (kilobytes(st["VmData"]), kilobytes(st["VmStk"])) == (data, stack)
    resident = [kilobytes(st[n]) for n in ("RssAnon", "RssFile", "RssShmem")]
    assert sum(resident) == kilobytes(st["VmRSS"]) == s["rss"] * PAGE
    assert kilobytes(st["VmExe"]) == statm[3] * PAGE
    if not os.path.exists(os.path.join(images.root, "parent")):
        shared = [v for v in vmas if "MAP_SHARED" in v[3] or "VMA_AREA_MEMFD" in v[4]]
        own = sum(n * PAGE for addr, n, off in images.runs(pid) if off is not None
                  and not any(v[0] <= addr < v[1] for v in shared))
        assert resident[0] + resident[1] == own


def same_signals(images, pid, tid, st):
    def pending(queue, image):
        if queue is None:
            queue = images.entries(image)
        infos = [dumps.criuimg.base64.b64decode(q["siginfo"]) for q in queue]
        return [procfs.words(i[:4], 4)[0] for i in infos]

    inside = lambda v: v.get("signals", []) if v is not None else None
    own = pending(inside(images.thread(tid).get("signals_p")), "signal-p-%d.img" % tid)
    shared = pending(inside(images.tc(pid).get("signals_s")), "signal-s-%d.img" % pid)
    mask = lambda numbers: sum({1 << n - 1 for n in numbers})
    assert int(st["SigPnd"], 16) == mask(own)
    assert int(st["ShdPnd"], 16) == mask(shared)
    assert int(st["SigQ"].split("/")[0]) == len(own) + len(shared)


def same_command(images, out, pid):
    mm = images.mm(pid)
    if not mm:
        assert procfs.read(out, pid, "cmdline") == procfs.read(out, pid, "environ") == b""
        assert procfs.read(out, pid, "auxv") == b""
        return
    args = images.memory(pid, num(mm["mm_arg_start"]), num(mm["mm_arg_end"]))
    environ = images.memory(pid, num(mm["mm_env_start"]), num(mm["mm_env_end"]))
    if args is not None and args[-1:] == b"\0":
        assert procfs.read(out, pid, "cmdline") == args
    if environ is not None:
        assert procfs.read(out, pid, "environ") == environ
    auxv = procfs.words(procfs.read(out, pid, "auxv"))
    saved = mm["mm_saved_auxv"]
    assert auxv == saved[:len(auxv) - 2] + [0, 0] and 0 not in auxv[:-2:2]


def same_rest(images, out, pid):
    tc, limits = images.tc(pid), images.limits(pid)
    assert os.path.exists(os.path.join(out, str(pid), "limits")) == bool(limits)
    if limits:
        value = lambda v: None if num(v) == 2 ** 64 - 1 else num(v)
        said = procfs.limits(procfs.text(out, pid, "limits"))
        assert list(said) == list(procfs.LIMITS)
        assert list(said.values()) == [(value(l["cur"]), value(l["max"])) for l in limits]
    for name, field, form in (("oom_score_adj", "oom_score_adj", "%d\n"),
                              ("loginuid", "loginuid", "%d"),
                              ("personality", "personality", "%08x\n")):
        path = os.path.join(out, str(pid), name)
        assert os.path.exists(path) == (field in tc)
        if field in tc:
            assert procfs.text(path) == form % tc[field]
    timers = images.posix_timers(pid)
    if timers:
        said = procfs.text(out, pid, "timers")
        assert re.findall(r"^ID: (\d+)$", said, re.M) == [str(t["it_id"]) for t in timers]
        assert re.findall(r"^signal: (\d+)/([0-9a-f]{16})$", said, re.M) == \
            [(str(t["si_signo"]), "%016x" % t["sival_ptr"]) for t in timers]
        assert re.findall(r"^ClockID: (\d+)$", said, re.M) == [str(t["clock_id"]) for t in timers]


def test_as_the_images(dump):
    """All files of all processes and threads."""
    images, out = dump
    assert procfs.numbers(out) == sorted(images.processes())
    for pid, entry in images.processes().items():
        assert procfs.numbers(os.path.join(out, str(pid), "task")) == images.threads(pid)
        for tid in images.threads(pid):
            s = same_stat(images, out, pid, tid)
            st = same_status(images, out, pid, tid)
            same_sizes(images, out, pid, s, st)
            same_signals(images, pid, tid, st)
            assert procfs.text(out, pid, "task", tid, "comm") == s["comm"] + "\n"
        for name in ("stat", "status", "comm", "cmdline", "statm"):
            assert procfs.read(out, pid, name) == procfs.read(out, pid, "task", pid, name)
        same_command(images, out, pid)
        same_rest(images, out, pid)
        children = [p for p, e in images.processes().items() if e["ppid"] == pid]
        assert sorted(map(int, procfs.text(out, pid, "task", pid, "children").split())) == \
            sorted(children)


def test_terminals(dump):
    """A session's terminal is that of its processes; pseudo terminals have major 136."""
    images, out = dump
    tty = {}
    for t in images.entries("tty-info.img"):
        rdev = num(t["rdev"]) if not isinstance(t["rdev"], str) else 0
        if rdev == os.makedev(5, 2) and "pty" in t:
            rdev = os.makedev(136, t["pty"]["index"])
        if t["sid"] and rdev and rdev not in (os.makedev(5, 0), os.makedev(5, 2)):
            tty.setdefault(t["sid"], (rdev, t["pgrp"]))
    for pid, entry in images.processes().items():
        s = procfs.stat(procfs.text(out, pid, "stat"))
        assert (s["tty_nr"], s["tpgid"]) == tty.get(entry["sid"], (0, -1))


def test_user_namespace(work):
    images, out = written("zdtm-sockets02-seqpacket-uns", work)
    ns = images.first("userns-%d.img" % images.first("ids-1.img")["user_ns_id"])
    for name in ("uid_map", "gid_map"):
        want = "".join("%10d %10d %10d\n" % (e["first"], e["lower_first"], e["count"])
                       for e in ns[name])
        assert want and procfs.text(out, 1, name) == want


def test_label(work):
    root = dumps.copy("demo", os.path.join(work, "demo"))
    core = dumps.criuimg.load(os.path.join(root, "core-8173.img"))
    msg = core.entries[0].decode()
    msg.thread_core.creds.lsm_profile = b"my-profile"
    core.entries[0].payload = dumps.criuimg.SCHEMA.encode(msg)
    dumps.write(root, "core-8173.img", core)
    out = procfs.tree(root, os.path.join(work, "proc"))
    assert procfs.text(out, 8173, "attr", "current") == "my-profile\n"
    assert not os.path.exists(os.path.join(out, "8176", "attr"))


def test_filters(work):
    images, out = written("zdtm-seccomp_filter_inheritance", work)
    said = [procfs.status(procfs.text(out, p, "status"))["Seccomp_filters"]
            for p in sorted(images.processes())]
    assert said == ["0", "2", "2"]


# --------------------------------------------------- as this kernel's own

@pytest.fixture
def living():
    proc = subprocess.Popen(["sleep", "1000"])
    yield proc.pid
    proc.kill()
    proc.wait()


def shape(text):
    """Only what is between the numbers."""
    return re.sub(r" *(0x)?[0-9a-f]*\d[0-9a-f]*", "#", text)


def test_formats_are_the_kernels(living, work):
    _, out = written("demo", work)
    mine = procfs.text(out, 8176, "status")
    theirs = procfs.text("/proc", living, "status")
    lines = {l.split(":")[0]: l for l in theirs.splitlines()}
    known = [l for l in mine.splitlines() if l.split(":")[0] in lines]
    assert len(known) > 45
    order = list(lines)
    places = [order.index(l.split(":")[0]) for l in known]
    assert places == sorted(places)
    for line in known:
        if line.split(":")[0] not in ("State", "Groups"):
            assert shape(line) == shape(lines[line.split(":")[0]])
    assert len(procfs.text("/proc", living, "stat").split()) == len(procfs.STAT)
    assert len(procfs.text("/proc", living, "statm").split()) == 7
    layout = lambda t: [(l[:26], len(l), l[68:]) for l in t.splitlines()]
    assert layout(procfs.text(out, 8176, "limits")) == \
        layout(procfs.text("/proc", living, "limits"))
    for name in ("comm", "oom_score_adj", "loginuid", "personality"):
        theirs = procfs.text("/proc", living, name)
        assert procfs.text(out, 8176, name).endswith("\n") == theirs.endswith("\n")


# ------------------------------------------------------------ hand-made

def test_zombie(made):
    made.process(1, comm="init")
    made.zombie(7, 1)
    made.zombie(8, 1, state=2)
    out = out_of(made)
    for pid in (7, 8):
        st = procfs.status(procfs.text(out, pid, "status"))
        assert st["State"] == "Z (zombie)" and st["Threads"] == "1" and st["FDSize"] == "0"
        assert not [n for n in st if n.startswith(("Vm", "Rss", "Umask"))]
        assert procfs.numbers(os.path.join(out, str(pid), "task")) == [pid]
        assert procfs.read(out, pid, "cmdline") == procfs.read(out, pid, "environ") == b""
        assert procfs.stat(procfs.text(out, pid, "stat"))["state"] == "Z"
        assert "limits" not in os.listdir(os.path.join(out, str(pid)))


def test_names(made):
    """The kernel escapes line ends in status only, and no name is longer than 64 bytes."""
    made.process(1, comm="a) R\nb\\c (")
    made.process(2, 1, "x" * 100)
    out = out_of(made)
    assert procfs.text(out, 1, "comm") == "a) R\nb\\c (\n"
    assert procfs.status(procfs.text(out, 1, "status"))["Name"] == "a) R\\nb\\\\c ("
    assert procfs.stat(procfs.text(out, 1, "stat"))["comm"] == "a) R\nb\\c ("
    assert procfs.text(out, 2, "comm") == "x" * 64 + "\n"


def test_hostile_trees(made):
    """Pids and thread ids that are none, that are twice there, or each other's parents."""
    made.process(0, comm="none")
    made.process(5, 6, threads=[0, 9, 5, 9, 2 ** 32 - 1, 0])
    made.process(6, 5)
    made.process(6, 1, "second")
    made.process(2 ** 32 - 1, 2 ** 32 - 1)
    made.pstree(dict(pid=30, ppid=77, pgid=2 ** 32 - 1, sid=2 ** 32 - 1))
    out = out_of(made)
    assert procfs.numbers(out) == [5, 6, 30, 2 ** 32 - 1]
    assert procfs.numbers(os.path.join(out, "5", "task")) == [5, 9, 2 ** 32 - 1]
    assert procfs.stat(procfs.text(out, 30, "stat"))["comm"] == "?"
    assert procfs.stat(procfs.text(out, 5, "task", 9, "stat"))["comm"] == "comm"
    assert procfs.text(out, "sys/kernel/pid_max") == "%d\n" % 2 ** 32


@pytest.mark.parametrize("bounds", [(0, 2 ** 64 - 1), (2 ** 64 - 1, 0), (4096, 2 ** 63),
                                    (2 ** 64 - 4097, 2 ** 64 - 1), (8192, 8192),
                                    (4096, 4096 + (1 << 40))])
def test_hostile_bounds(made, bounds):
    """Arguments that are everywhere cost no more than any can be long."""
    made.process(1)
    start, end = bounds
    vma = dict(required("vma_entry"), start=4096, end=1 << 46, status=1, prot=3, flags=0x22)
    made.image("MM", "mm-1.img", dict(mm_arg_start=start, mm_arg_end=end, mm_env_start=start,
                                      mm_env_end=end, mm_start_code=end, mm_end_code=start,
                                      mm_saved_auxv=[3], vmas=[vma]))
    made.pagemap(1)
    out = out_of(made)
    for name in ("cmdline", "environ"):
        data = procfs.read(out, 1, name)
        assert len(data) <= 6 << 20 and not data.strip(b"\0")
    assert procfs.read(out, 1, "auxv") == bytes(16)
    assert procfs.stat(procfs.text(out, 1, "stat"))["arg_end"] == end


def test_title(made):
    """What overwrote the arguments is a title; it ends at its NUL, in the environment maybe."""
    made.process(1)
    start = 0x10000
    vma = dict(required("vma_entry"), start=start, end=start + PAGE, status=1, prot=3, flags=0x22)
    made.image("MM", "mm-1.img", dict(mm_arg_start=start, mm_arg_end=start + 4,
                                      mm_env_start=start + 4, mm_env_end=start + 20,
                                      vmas=[vma]))
    made.pagemap(1, dict(vaddr=start, nr_pages=1, flags=4))
    dumps.write(made.root, "pages-1.img", b"new title\0b=1\0".ljust(PAGE, b"\0"))
    out = out_of(made)
    assert procfs.read(out, 1, "cmdline") == b"new title\0"
    assert procfs.read(out, 1, "environ") == b"title\0b=1\0".ljust(16, b"\0")


def test_without_processes(work):
    """A pre-dump has a machine, but no processes."""
    out = procfs.tree(work, os.path.join(work, "proc"))
    assert procfs.numbers(out) == []
    assert procfs.text(out, "loadavg") == "0.00 0.00 0.00 0/0 0\n"


def test_many_threads(made, room):
    count = 10000
    made.process(1, threads=list(range(1, count + 1)))
    out = procfs.tree(made.root, os.path.join(room, "many"))
    assert len(os.listdir(os.path.join(out, "1", "task"))) == count
    assert procfs.status(procfs.text(out, 1, "status"))["Threads"] == str(count)


def test_uptime(made):
    made.process(1)
    made.image("INVENTORY", "inventory.img", dict(img_version=2, dump_uptime=12345678))
    assert procfs.text(out_of(made), "uptime") == "12.34 0.00\n"


def test_caller(work):
    """Who asks finds itself, and nothing that the dump does not have."""
    _, out = written("demo", work)
    assert os.readlink(os.path.join(out, "self")) == str(procfs.CALLER)
    assert os.readlink(os.path.join(out, "thread-self")) == "%d/task/%d" % (
        procfs.CALLER, procfs.CALLER)
    mine = os.path.join(out, ".caller")
    s = procfs.stat(procfs.text(mine, "stat"))
    assert (s.pop("pid"), s.pop("comm"), s.pop("state")) == (procfs.CALLER, "critfs", "R")
    known = dict(num_threads=1, priority=20, tpgid=-1, exit_signal=signal.SIGCHLD)
    assert {k: v for k, v in s.items() if v} == known
    assert procfs.status(procfs.text(mine, "status"))["PPid"] == "0"
    assert procfs.numbers(os.path.join(mine, "task")) == [procfs.CALLER]


# --------------------------------------------------------------- psutil

SAYS = """
def told(p):
    with p.oneshot():
        return dict(
            ppid=p.ppid(), name=p.name(), cmdline=p.cmdline(), status=p.status(),
            environ=p.environ() if p.status() != psutil.STATUS_ZOMBIE else {},
            uids=list(p.uids()), gids=list(p.gids()), threads=sorted(t.id for t in p.threads()),
            num_threads=p.num_threads(), rss=p.memory_info().rss, vms=p.memory_info().vms,
            created=p.create_time(), times=sum(p.cpu_times()), terminal=p.terminal(),
            children=sorted(c.pid for c in p.children()), percent=p.memory_percent())
json.dump({p.pid: told(p) for p in psutil.process_iter()}, sys.stdout)
assert psutil.boot_time() == 0
assert psutil.virtual_memory().total > 0
"""

READ = ("demo", "python3", "threads200", "container-ipc", "zdtm-unhashed_proc", "zdtm-tr-fork",
        "zdtm-stopped02", "legacy-container", "split-sigpending")


@pytest.mark.parametrize("name", READ)
def test_psutil(name, work):
    images, out = written(name, work)
    said = {int(k): v for k, v in json.loads(procfs.psutil_says(out, SAYS)).items()}
    names = {"S": "sleeping", "T": "stopped", "Z": "zombie"}
    assert sorted(said) == sorted(images.processes())
    for pid, p in said.items():
        creds = images.creds(pid, pid)
        assert p["ppid"] == images.processes()[pid]["ppid"]
        assert p["status"] == names[images.state(pid)]
        # psutil takes the end of a long name from the arguments
        assert p["name"].startswith(images.tc(pid)["comm"])
        assert p["uids"] == [creds.get(n, 0) for n in ("uid", "euid", "suid")]
        assert p["gids"] == [creds.get(n, 0) for n in ("gid", "egid", "sgid")]
        assert p["threads"] == images.threads(pid) and p["num_threads"] == len(p["threads"])
        assert p["children"] == sorted(q for q, e in images.processes().items()
                                       if e["ppid"] == pid)
        assert p["created"] == p["times"] == 0
        assert p["rss"] <= p["vms"] and bool(p["vms"]) == bool(images.mm(pid))
        assert 0 <= p["percent"] <= 100.1


def test_psutil_reads_the_memory(work):
    said = procfs.psutil_says(written("python3", work)[1],
                              "p = psutil.Process(26593); json.dump([p.cmdline(), p.environ()],"
                              "sys.stdout)")
    cmdline, environ = json.loads(said)
    assert cmdline == ["/usr/bin/python3", "../inf.py", "--flag", "arg with space", "new\nline", ""]
    assert environ["CRITFS_VAR"] == "hello world"


# ---------------------------------------------------- ps, top and the others

needs_root = pytest.mark.skipif(not ROOT, reason="only root can mount")


def as_critic(root):
    """{pid: comm} as critic x ps tells it."""
    lines = critic(root, "ps")[1].splitlines()[1:]
    return {int(l.split()[0]): l[24:].lstrip() for l in lines}


@pytest.fixture(params=("written", "mounted"))
def reader(request, work):
    """reader(dump) gives run(*command), which gives the lines but for that of the reader."""
    def of(name):
        root = dumps.pristine(name)
        if request.param == "mounted":
            out = os.path.join(request.getfixturevalue("mount")(root).point, ".critfs", "proc")
        else:
            out = procfs.tree(root, os.path.join(work, "proc"))

        def run(*command):
            text, pid = procfs.run_within(out, *command, mounted=request.param == "mounted")
            own = str(procfs.CALLER), str(pid)
            return [l for l in text.splitlines()
                    if not (request.param == "written" and set(l.split()) & set(own))]
        return run
    return of


@needs_root
@pytest.mark.parametrize("name", READ)
def test_ps(name, reader):
    images, run = Images(name, dumps.pristine(name)), reader(name)
    want = {p: (e["ppid"], images.state(p), images.tc(p)["comm"])
            for p, e in images.processes().items()}
    assert {p: v[2] for p, v in want.items()} == as_critic(images.root)
    said = {}
    for line in run("ps", "-e", "-o", "pid=,ppid=,state=,comm:80="):
        pid, ppid, state, comm = line.split(None, 3)
        said[int(pid)] = (int(ppid), state, comm.replace(" <defunct>", ""))
    assert said == want
    threads = {(int(l.split()[0]), int(l.split()[1])) for l in run("ps", "-eLo", "pid=,tid=")}
    assert threads == {(p, t) for p in want for t in images.threads(p)}
    for command in ("aux", "axf", "-ef", "axu -L", "-eLf", "-ejH"):
        lines = run("ps", *command.split())
        assert len(lines) - 1 == len(threads if "L" in command else want), command
    top = run("top", "-b", "-n1", "-w", "500")
    at = next(i for i, l in enumerate(top) if l.split()[:1] == ["PID"])
    assert sorted(int(l.split()[0]) for l in top[at + 1:] if l.strip()) == sorted(want)
    assert sorted(map(int, run("pgrep", "."))) == sorted(want)


@needs_root
def test_ps_of_demo(reader):
    run = reader("demo")
    args = lambda lines: [l.lstrip().partition(" ")[2] for l in lines]
    assert sorted(args(run("ps", "axo", "pid=,args="))) == [
        "/bin/bash /srv/critfs-demo/service.sh", "sleep 1", "sleep 100000", "sleep 100000",
        "worker-1 100000", "worker-2 100000"]
    forest = args(run("ps", "axfo", "pid=,args="))
    assert forest[0] == "/bin/bash /srv/critfs-demo/service.sh" and len(forest) == 6
    assert all(line.startswith(" \\_ ") for line in forest[1:])
    assert "8176 worker-1 100000" in run("pgrep", "-a", "sleep")
    assert sorted(run("pidof", "sleep")[0].split()) == ["8178", "8179", "8181"]
    tree = "".join(run("pstree", "-p", "8173"))
    assert set(re.findall(r"sleep\((\d+)\)", tree)) == {"8176", "8177", "8178", "8179", "8181"}
    for command in ("uptime", "free", "w"):
        assert run(command)


@needs_root
def test_caller_in_a_mount(mount):
    """The caller finds itself in the tree, who lists it does not, and no one else does."""
    m = mount(dumps.pristine("demo"))
    out = os.path.join(m.point, ".critfs", "proc")
    me = str(os.getpid())
    assert os.readlink(os.path.join(out, "self")) == me
    assert procfs.stat(procfs.text(out, "self", "stat"))["pid"] == os.getpid()
    assert me not in os.listdir(out)
    other = subprocess.run(["cat", os.path.join(out, me, "stat")], capture_output=True)
    assert other.returncode == 1 and b"No such file" in other.stderr


def test_readers_are_there():
    """What contrib/deps lists for these tests."""
    for program in ("ps", "top", "pgrep", "pidof", "pstree", "free", "w", "uptime"):
        assert shutil.which(program), program
