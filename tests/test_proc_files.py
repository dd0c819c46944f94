"""Descriptors, maps, mounts, groups and sockets in the tree of proc."""
import os
import re
import select
import socket
import stat
import subprocess
import sys

import pytest

import dumps
import proctree
from exploring import critic, pipe, reg, vma
from proctree import Document, device, handle, number, text

MAP_LINE = re.compile(r"([0-9a-f]{8,})-([0-9a-f]{8,}) ([r-][w-][x-][sp]) ([0-9a-f]{8,}) "
                      r"([0-9a-f]{2,}):([0-9a-f]{2,}) (\d+) ( *(\S.*))?\n")
MOUNT_LINE = re.compile(r"(\d+) (\d+) (\d+):(\d+) (\S+) (\S+) (\S+)((?: \S+:\d+| unbindable)*)"
                        r" - (\S+) (\S+) (\S+)\n")
TCP_LINE = re.compile(r" *\d+: ([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4}) ([0-9A-F]+):"
                      r"([0-9A-F]{4}) ([0-9A-F]{2}) ([0-9A-F]{8}):([0-9A-F]{8}) "
                      r"[0-9A-F]{2}:[0-9A-F]{8} [0-9A-F]{8} +\d+ +\d+ (\d+) \d+ [0-9a-f]{16}"
                      r"[ \d-]*\n")
STATES = {"ESTABLISHED": 1, "SYN_SENT": 2, "SYN_RECV": 3, "FIN_WAIT1": 4, "FIN_WAIT2": 5,
          "TIME_WAIT": 6, "CLOSE": 7, "CLOSE_WAIT": 8, "LAST_ACK": 9, "LISTEN": 10}
TYPES = {"STREAM": 1, "DGRAM": 2, "RAW": 3, "SEQPACKET": 5}
KERNEL = [n for n in dumps.NAMES if dumps.document(n, "pstree.img")]


@pytest.fixture(scope="module", params=KERNEL)
def both(request, room):
    """(what the documents say, the tree) of a dump."""
    out = os.path.join(room, request.param)
    proctree.write(dumps.pristine(request.param), out)
    yield Document(request.param), out
    dumps.remove(out)


def tree(made):
    return proctree.write(made.root, made.root + "/../proc")


def lines(*path):
    return text(*path).splitlines(True)


# ------------------------------------------------------------ recorded dumps

def test_links(both):
    doc, out = both
    for pid in doc.alive:
        fds = doc.descriptors(pid)
        where = os.path.join(out, str(pid))
        assert sorted(map(int, os.listdir(where + "/fd"))) == sorted(fds)
        assert sorted(map(int, os.listdir(where + "/fdinfo"))) == sorted(fds)
        for fd, e in fds.items():
            want = doc.link(e["type"], e["id"])
            assert want in (None, os.readlink("%s/fd/%d" % (where, fd)))
        fs, mm = doc.one("fs", pid), doc.one("mm", pid)
        assert os.readlink(where + "/cwd") == doc.path(fs["cwd_id"])
        assert os.readlink(where + "/root") == doc.path(fs["root_id"])
        assert os.readlink(where + "/exe") == doc.path(mm["exe_file_id"])


def test_namespaces(both):
    doc, out = both
    for pid in doc.alive:
        want = {}
        for kind in ("pid", "net", "ipc", "uts", "mnt", "user", "cgroup", "time"):
            if kind + "_ns_id" in doc.ids(pid):
                want[kind] = "%s:[%d]" % (kind, doc.ids(pid)[kind + "_ns_id"])
        for kind in ("pid", "time"):
            if kind in want:
                want[kind + "_for_children"] = want[kind]
        where = "%s/%d/ns/" % (out, pid)
        assert {n: os.readlink(where + n) for n in os.listdir(where)} == want


def special(typ, f):
    """The lines of fdinfo that only this type has."""
    if typ == "EVENTFD":
        return ["eventfd-count: %16x" % f["counter"]]
    if typ == "EVENTPOLL":
        return ["tfd: %8d events: %8x data: %16x  pos:%d ino:%x sdev:%x" % (
            t["tfd"], t["events"], t["data"], t["pos"], t["inode"], t["dev"])
            for t in f.get("tfd", [])]
    if typ == "INOTIFY":
        return ["inotify wd:%x ino:%x sdev:%x mask:%x ignored_mask:%x %s" % (
            w["wd"], w["i_ino"], device(w["s_dev"]), number(w["mask"]),
            number(w["ignored_mask"]), handle(w["f_handle"])) for w in f.get("wd", [])]
    if typ == "SIGNALFD":
        return ["sigmask:\t%016x" % number(f["sigmask"])]
    if typ == "TIMERFD":
        return ["clockid: %d" % f["clockid"], "ticks: %d" % f["ticks"],
                "settime flags: 0%o" % number(f["settime_flags"]),
                "it_value: (%d, %d)" % (f["vsec"], f["vnsec"]),
                "it_interval: (%d, %d)" % (f["isec"], f["insec"])]
    if typ == "PIDFD":
        return ["Pid:\t%d" % f["nspid"], "NSpid:\t%d" % f["nspid"]]
    if typ == "TUNF":
        return ["iff:\t" + f.get("netdev", "")]
    return None


def test_fdinfo(both):
    doc, out = both
    for pid in doc.alive:
        for fd, e in doc.descriptors(pid).items():
            if (e["type"], e["id"]) not in doc.files:
                continue
            got = text(out, pid, "fdinfo", fd).splitlines()
            pos, bits = doc.opened(e["type"], e["id"])
            bits |= proctree.CLOEXEC if e["flags"] & 1 else 0
            assert got[:2] == ["pos:\t%d" % pos, "flags:\t0%o" % bits]
            mnt_id = doc.files[e["type"], e["id"]].get("mnt_id", -1)
            if e["type"] == "REG":
                assert ("mnt_id:\t%d" % mnt_id in got) == (mnt_id >= 0)
            rest = [l for l in got[2:] if not l.startswith(("mnt_id:", "ino:", "lock:"))]
            want = special(e["type"], doc.files[e["type"], e["id"]])
            if want is not None:
                assert rest == want
            elif e["type"] not in ("FANOTIFY", "BPFMAP"):
                assert not rest


def mapped(doc, v, status):
    """The name of a mapping; None where a region's rule decides."""
    if "VMA_AREA_SYSVIPC" in status:
        return "/SYSV"
    if "VMA_AREA_SOCKET" in status:
        return "socket:["
    if status & {"VMA_FILE_PRIVATE", "VMA_FILE_SHARED"}:
        return (doc.memory if "VMA_AREA_MEMFD" in status else doc.path)(v["shmid"])
    for bit, name in (("VMA_AREA_AIORING", "/[aio] (deleted)"),
                      ("VMA_ANON_SHARED", "/dev/zero (deleted)"),
                      ("VMA_AREA_VSYSCALL", "[vsyscall]"), ("VMA_AREA_VDSO", "[vdso]"),
                      ("VMA_AREA_VVAR", "[vvar]"), ("VMA_AREA_HEAP", "[heap]"),
                      ("VMA_AREA_STACK", "[stack]")):
        if bit in status:
            return name
    return "[stack]" if "MAP_GROWSDOWN" in v["flags"] else ""


def test_maps(both):
    doc, out = both
    for pid in doc.alive:
        got = lines(out, pid, "maps")
        assert len(got) == len(doc.vmas(pid))
        for line, v in zip(got, doc.vmas(pid)):
            start, end, perms, offset, major, minor, ino, _, name = MAP_LINE.fullmatch(
                line).groups()
            assert (int(start, 16), int(end, 16)) == (number(v["start"]), number(v["end"]))
            assert perms == "".join(
                c if bit in v["prot"] else "-" for c, bit in
                (("r", "PROT_READ"), ("w", "PROT_WRITE"), ("x", "PROT_EXEC"))) + (
                "s" if "MAP_SHARED" in v["flags"] else "p")
            assert int(offset, 16) == v["pgoff"]
            want = mapped(doc, v, set(v["status"].split(" | ")))
            assert (name or "").startswith(want) and bool(name) == bool(want)
            if name:
                assert line.index(name) >= 73


def test_smaps(both):
    """The same lines as in maps, sizes that fit, and their sum in smaps_rollup."""
    doc, out = both
    for pid in doc.alive:
        smaps = text(out, pid, "smaps")
        headers = [l for l in smaps.splitlines(True) if MAP_LINE.fullmatch(l)]
        assert headers == lines(out, pid, "maps")
        for line, size in zip(headers, re.findall(r"^Size: +(\d+) kB$", smaps, re.M)):
            start, end = MAP_LINE.fullmatch(line).groups()[:2]
            assert int(size) << 10 == int(end, 16) - int(start, 16)
        rss = sum(map(int, re.findall(r"^Rss: +(\d+) kB$", smaps, re.M)))
        assert re.search(r"^Rss: +%d kB$" % rss, text(out, pid, "smaps_rollup"), re.M)


def unescaped(field):
    return re.sub(r"\\(\d{3})", lambda m: chr(int(m[1], 8)), field)


def test_mounts(both):
    doc, out = both
    for pid in doc.alive:
        want = doc.entries("mountpoints-%d.img" % doc.ids(pid).get("mnt_ns_id", 0))[::-1]
        where = "%s/%d/" % (out, pid)
        there = {"mountinfo", "mounts", "mountstats"} & set(os.listdir(where))
        assert len(there) == (3 if want else 0)
        for line, m in zip(lines(where, "mountinfo"), want) if want else ():
            f = MOUNT_LINE.fullmatch(line).groups()
            assert (int(f[0]), int(f[1])) == (m["mnt_id"], m["parent_mnt_id"])
            assert int(f[2]) << 20 | int(f[3]) == device(m["root_dev"])
            assert [unescaped(x) for x in f[4:6]] == [m["root"], m["mountpoint"]]
            bits = number(m["flags"])
            assert f[6].split(",")[0] == ("ro" if bits & 1 else "rw")
            assert ("nosuid" in f[6].split(",")) == bool(bits & 2)
            assert ("relatime" in f[6].split(",")) == bool(bits & 1 << 21)
            assert ("shared:%d" % m["shared_id"] in f[7].split()) == bool(m["shared_id"])
            assert ("master:%d" % m["master_id"] in f[7].split()) == bool(m["master_id"])
            assert f[8] == m.get("fsname", f[8]) and unescaped(f[9]) == m["source"]
            assert f[10].endswith(m["options"])
        if want:
            assert len(lines(where, "mountinfo")) == len(lines(where, "mounts")) == len(want)


def address(hexed):
    """As the kernel prints it: 32-bit words in the machine's own order."""
    raw = b"".join(int(hexed[i:i + 8], 16).to_bytes(4, sys.byteorder)
                   for i in range(0, len(hexed), 8))
    return socket.inet_ntop(socket.AF_INET if len(raw) == 4 else socket.AF_INET6, raw)


def inet(doc, ns_id, name):
    """What the file has to list: (address, port) twice, the state, the inode."""
    typ = {"tcp": "STREAM", "udp": "DGRAM", "udplite": "DGRAM", "raw": "RAW"}[name.rstrip("6")]
    out = []
    for s in doc.sockets("INETSK", ns_id):
        if s["type"] != typ or (s["family"] == "INET6") != name.endswith("6"):
            continue
        if typ == "DGRAM" and ((s["proto"] == "UDPLITE") != ("lite" in name) or
                               not s["src_port"]):
            continue
        if typ == "STREAM" and s["state"] == "CLOSE":
            continue
        full = lambda a: socket.inet_ntop(*[(f, socket.inet_pton(f, a)) for f in [
            socket.AF_INET6 if ":" in a else socket.AF_INET]][0])
        out.append((full(s["src_addr"][0]), s["src_port"], full(s["dst_addr"][0]),
                    s["dst_port"], STATES[s["state"]], s["ino"]))
    return sorted(out)


def test_inet_sockets(both):
    doc, out = both
    for pid in doc.alive:
        for name in ("tcp", "tcp6", "udp", "udp6", "udplite", "udplite6", "raw", "raw6"):
            got = []
            for line in lines(out, pid, "net", name)[1:]:
                f = TCP_LINE.fullmatch(line).groups()
                got.append((address(f[0]), int(f[1], 16), address(f[2]), int(f[3], 16),
                            int(f[4], 16), int(f[7])))
                if name.startswith("tcp"):
                    stream = next(iter(doc.entries("tcp-stream-%x.img" % int(f[7]))), {})
                    assert (int(f[5], 16), int(f[6], 16)) == (
                        stream.get("outq_len", 0), stream.get("inq_len", 0))
            assert sorted(got) == inet(doc, doc.ids(pid).get("net_ns_id"), name)


def test_other_sockets(both):
    doc, out = both
    for pid in doc.alive:
        ns_id = doc.ids(pid).get("net_ns_id")
        got = [l.rstrip("\n").split(" ", 7) for l in (
            re.sub(" +", " ", l) for l in lines(out, pid, "net/unix")[1:])]
        want = []
        for s in doc.sockets("UNIXSK", ns_id):
            name = proctree.unix_name(s["name"])
            name = name[:-1] if name[:1] != b"\0" and name[-1:] == b"\0" else name
            want.append((TYPES[s["type"]], 3 if s["state"] == "ESTABLISHED" else 1, s["ino"],
                         name.replace(b"\0", b"@").decode()))
        assert sorted((int(f[4], 16), int(f[5]), int(f[6]), "".join(f[7:]))
                      for f in got) == sorted(want)
        got = [l.split() for l in lines(out, pid, "net/netlink")[1:]]
        assert sorted((int(f[1]), int(f[2]), int(f[9])) for f in got) == sorted(
            (s["protocol"], s["portid"], s["ino"]) for s in doc.sockets("NETLINKSK", ns_id))
        got = [l.split() for l in lines(out, pid, "net/packet")[1:]]
        assert sorted((int(f[2]), int(f[4]), int(f[8])) for f in got) == sorted(
            (s["type"], s["ifindex"], s["id"]) for s in doc.sockets("PACKETSK", ns_id))


def test_groups(both):
    doc, out = both
    sets = {s["id"]: s["ctls"] for e in doc.entries("cgroup.img") for s in e.get("sets", [])}
    for pid in doc.alive:
        core = doc.one("core", pid)
        n = core.get("thread_core", {}).get("cg_set", core.get("tc", {}).get("cg_set"))
        if n not in sets:
            assert "cgroup" not in os.listdir("%s/%d" % (out, pid))
            continue
        got = [l[:-1].split(":", 2) for l in lines(out, pid, "cgroup")]
        assert sorted(f[1:] for f in got) == sorted(
            [c["name"], c["path"][c.get("cgns_prefix", 0):] or "/"] for c in sets[n])
        assert [int(f[0]) for f in got] == sorted((int(f[0]) for f in got), reverse=True)


def test_threads_have_the_same(both):
    doc, out = both
    for pid in doc.alive:
        for tid in os.listdir("%s/%d/task" % (out, pid)):
            where = "%s/%d/task/%s/" % (out, pid, tid)
            for name in ("maps", "smaps", "net/unix"):
                assert text(where, name) == text(out, pid, name)
            for name in ("exe", "cwd", "root"):
                assert os.readlink(where + name) == os.readlink("%s/%d/%s" % (out, pid, name))
            assert os.listdir(where + "fd") == os.listdir("%s/%d/fd" % (out, pid))


# ------------------------------------------------------------ the kernel's own

def test_the_kernel_prints_so():
    """What is asked of lines above holds for those of this kernel."""
    assert all(map(MAP_LINE.fullmatch, lines("/proc/self/maps")))
    assert all(map(MOUNT_LINE.fullmatch, lines("/proc/self/mountinfo")))
    with socket.create_server(("127.0.0.1", 0)):
        assert all(map(TCP_LINE.fullmatch, lines("/proc/self/net/tcp")[1:]))


def test_headers_are_the_kernels(both):
    doc, out = both
    for pid in doc.alive[:1]:
        for name in os.listdir("%s/%d/net" % (out, pid)):
            if os.path.exists("/proc/self/net/" + name):
                assert lines(out, pid, "net", name)[0] == lines("/proc/self/net", name)[0]


def test_an_epoll_of_the_kernel():
    r, w = os.pipe()
    ep = select.epoll()
    ep.register(r, select.EPOLLIN)
    line = text("/proc/self/fdinfo", ep.fileno()).splitlines()[-1]
    f = dict(tfd=r, events=0x19, data=int(line.split()[5], 16), pos=0)
    st = os.fstat(r)
    f.update(inode=st.st_ino, dev=int(line.split(":")[-1], 16))
    ours = special("EVENTPOLL", dict(tfd=[f]))
    ep.close(), os.close(r), os.close(w)
    assert [line] == ours


# ------------------------------------------------------------ hand-made dumps

def test_descriptors_in_any_order_and_twice(made):
    made.process(1)
    made.files(reg(1, "/"), reg(2, "/a\nb"), pipe(3, 7))
    made.fds(1, (70000, "REG", 2), (3, "PIPE", 3), (3, "REG", 2), (0, "REG", 9), (5, "EXT", 8))
    fd = tree(made) + "/1/fd/"
    assert {n: os.readlink(fd + n) for n in os.listdir(fd)} == {
        "70000": "/a\nb", "3": "pipe:[7]", "0": "reg:[9]", "5": "ext:[8]"}


def test_names_that_would_break_lines(made):
    made.process(1)
    made.files(reg(1, "/"), reg(2, "/a\nb c\\"))
    made.fds(1)
    made.mm(1, vma(0x1000, 0x2000, 0x41, flags=2, shmid=2))
    made.image("CORE", "core-1.img", dict(mtype="ARM"))  # of which there is no ELF core
    made.image("IDS", "ids-1.img", dict(files_id=1, mnt_ns_id=5))
    made.image("MNTS", "mountpoints-5.img",
               dict(mnt_id=2, parent_mnt_id=1, fstype=16, fsname="x y", root="/r t",
                    mountpoint="/m\np\\", source="#s", options="a=b c", shared_id=3),
               dict(mnt_id=1, parent_mnt_id=0, fstype=17, root="/", mountpoint="/", flags=1,
                    source="", options="", master_id=9, sb_flags=16))
    out = tree(made)
    assert text(out, 1, "maps") == ("00001000-00002000 r-xp 00000000 00:00 0 " + " " * 33 +
                                    "/a\\012b c\\\n")
    assert text(out, 1, "mountinfo") == (
        "1 0 0:0 / / ro master:9 - overlay none rw,sync\n"
        "2 1 0:0 /r\\040t /m\\012p\\134 rw shared:3 - x\\040y \\043s rw,a=b\\040c\n")
    assert text(out, 1, "mounts").splitlines()[0] == "none / overlay ro,sync 0 0"


def test_a_zombie_has_nothing(made):
    made.process(1)
    made.files(reg(1, "/"))
    made.fds(1)
    made.zombie(2, 1)
    out = tree(made)
    there = set(os.listdir(out + "/2"))
    assert not there & {"exe", "cwd", "root", "smaps_rollup", "mountinfo"}
    assert all(os.listdir("%s/2/%s" % (out, d)) == [] for d in ("fd", "fdinfo", "ns", "net"))
    assert text(out, 2, "maps") == text(out, 2, "smaps") == ""


def test_locks(made):
    made.process(7)
    made.files(reg(1, "/"), reg(2, "/f"))
    made.fds(7, (3, "REG", 2), (4, "REG", 2))
    made.image("FILE_LOCKS", "filelocks.img",
               dict(flag=1, type=1, pid=7, fd=4, start=10, len=20),
               dict(flag=2, type=0, pid=7, fd=3, start=0, len=0),
               dict(flag=4, type=1, pid=7, fd=4, start=5, len=0),
               dict(flag=8, type=5, pid=8, fd=4, start=0, len=0))
    out = tree(made)
    assert text(out, 7, "fdinfo/4").splitlines()[2:] == [
        "lock:\t1: POSIX  ADVISORY  WRITE 7 00:00:0 10 29",
        "lock:\t2: OFDLCK ADVISORY  WRITE -1 00:00:0 5 EOF"]
    assert len(lines(out, "locks")) == 4
    assert "LEASE  BREAKING  WRITE 8 00:00:0 0 EOF\n" in text(out, "locks")


# ------------------------------------------------------------ programs

TOOLS = ["container-ipc", "demo", "legacy-container", "zdtm-socket-tcp6-fin-wait2"]


@pytest.fixture(scope="module", params=TOOLS)
def mounted(request, module_mount):
    m = module_mount(dumps.pristine(request.param), "ro")
    return Document(request.param), os.path.join(m.point, ".critfs/proc")


def over_proc(path, *command):
    """The output of a program that finds the tree at /proc."""
    script = 'mount --bind "$1" /proc && shift && exec "$@"'
    done = subprocess.run(["unshare", "-m", "--propagation", "private", "sh", "-c", script,
                           "sh", path, *command], capture_output=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, b""), done.stderr.decode()
    return done.stdout.decode()


def test_permissions_of_links(mounted):
    doc, proc = mounted
    for pid in doc.alive:
        for fd, e in doc.descriptors(pid).items():
            if (e["type"], e["id"]) not in doc.files:
                continue
            access = doc.opened(e["type"], e["id"])[1] & 3
            st = os.lstat("%s/%d/fd/%d" % (proc, pid, fd))
            assert stat.S_IMODE(st.st_mode) == {0: 0o500, 1: 0o300, 2: 0o700}[access]


def test_psutil(mounted):
    psutil = pytest.importorskip("psutil")
    doc, proc = mounted
    before, psutil.PROCFS_PATH = psutil.PROCFS_PATH, proc
    try:
        for pid in doc.alive:
            p = psutil.Process(pid)
            assert p.num_fds() == len(doc.descriptors(pid))
            assert p.cwd() == doc.path(doc.one("fs", pid)["cwd_id"])
            assert p.exe() == doc.path(doc.one("mm", pid)["exe_file_id"])
            rss = sum(m.rss for m in p.memory_maps(grouped=False))
            assert rss == p.memory_full_info().uss + sum(
                m.shared_dirty for m in p.memory_maps(grouped=False))
            for f in p.open_files():
                e = doc.descriptors(pid)[f.fd]
                assert (f.path, f.position) == (doc.path(e["id"]),
                                                doc.opened("REG", e["id"])[0])
        found = {c.laddr.port for c in psutil.net_connections("inet") if c.laddr}
        assert found == {s["src_port"] for (t, _), s in doc.files.items()
                         if t == "INETSK" and s["src_port"] and
                         (s["type"] == "DGRAM" or s["state"] != "CLOSE")}
    finally:
        psutil.PROCFS_PATH = before


def as_critic(name):
    """{pid: {fd: what it is}} as critic x fds tells it."""
    found, fds = {}, None
    for line in critic(dumps.pristine(name), "fds")[1].splitlines():
        fd, _, what = line.strip().partition(": ")
        if not line[0].isspace():
            fds = found.setdefault(int(line), {})
        elif fd.isdigit():
            fds[int(fd)] = what
    return found


def test_lsof_and_lsfd(mounted):
    """lsof names each open file; what it can't find on this machine it says behind the name."""
    doc, proc = mounted
    out = over_proc(proc, "lsof", "-n", "-P", "-w", "-F", "pfn")
    got, pid = {}, None
    for line in out.splitlines():
        if line[0] == "p":
            pid = int(line[1:])
        elif line[0] == "f":
            fd = line[1:]
        elif line[0] == "n" and fd.isdigit():
            got.setdefault(pid, {})[int(fd)] = line[1:]
    assert {pid: sorted(fds) for pid, fds in got.items()} == {
        pid: sorted(fds) for pid, fds in as_critic(doc.name).items() if fds}
    for pid in doc.alive:
        fds = doc.descriptors(pid)
        assert sorted(got.get(pid, {})) == sorted(fds)
        for fd, e in fds.items():
            if e["type"] == "REG" and doc.path(e["id"]).isprintable():
                assert got[pid][fd].startswith(doc.path(e["id"]))
    over_proc(proc, "lsfd", "-p", str(doc.alive[0]))


def test_pmap_and_pwdx(mounted):
    doc, proc = mounted
    for pid in doc.alive:
        n = len(doc.vmas(pid))
        assert len(over_proc(proc, "pmap", str(pid)).splitlines()) == n + 2
        assert len(over_proc(proc, "pmap", "-x", str(pid)).splitlines()) == n + 4
        assert over_proc(proc, "pwdx", str(pid)) == "%d: %s\n" % (
            pid, doc.path(doc.one("fs", pid)["cwd_id"]))


def test_findmnt(mounted):
    doc, proc = mounted
    for pid in doc.alive:
        want = doc.entries("mountpoints-%d.img" % doc.ids(pid)["mnt_ns_id"])
        if want:
            out = over_proc(proc, "findmnt", "-rn", "-o", "TARGET", "--tab-file",
                            "/proc/%d/mountinfo" % pid)
            assert sorted(out.split()) == sorted(m["mountpoint"] for m in want)


def test_netstat(mounted):
    doc, proc = mounted
    out = over_proc(proc, "netstat", "-tuanx")
    for (typ, _), s in doc.files.items():
        if typ == "INETSK" and s["state"] == "LISTEN":
            assert re.search(r"^tcp.*:%d .*LISTEN" % s["src_port"], out, re.M)
        if typ == "UNIXSK":
            assert re.search(r"^unix .* %d\b" % s["ino"], out, re.M)
