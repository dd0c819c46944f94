"""The statistics of a dump, beside numbers that are counted here from crit's own documents."""
import collections
import json
import os
import re
import subprocess

import pytest

import checking
import criuimg
import dumps
import mnt

PAGE = 4096
TEXT = os.path.join(mnt.BUILD, "tests", "dump-text")
FAMILIES = {"usk": "UNIX", "nlsk": "NETLINK", "psk": "PACKET"}
OLD = {"inetsk.img": "isk", "unixsk.img": "usk", "netlinksk.img": "nlsk", "packetsk.img": "psk"}


def text(what, root):
    done = subprocess.run([TEXT, what, root], capture_output=True, env=mnt.environment(), timeout=300)
    mnt.check_log(done.stderr.decode())
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()


def stats(root):
    out = text("stats", root)
    assert out.endswith("}\n")
    return json.loads(out)


# ----------------------------------------------------- counted from documents

class Documents:
    """crit's documents of the images in one directory of a dump."""

    def __init__(self, name, sub):
        self.name, self.sub = name, sub
        self.root = os.path.join(dumps.pristine(name), sub)
        self.files = sorted(n for n in os.listdir(self.root)
                            if os.path.isfile(os.path.join(self.root, n)))

    def entries(self, image):
        doc = dumps.document(self.name, os.path.join(self.sub, image))
        return doc["entries"] if doc else []

    def first(self, image):
        return next(iter(self.entries(image)), None)

    def matching(self, pattern):
        return [(n, re.fullmatch(pattern, n)) for n in self.files if re.fullmatch(pattern, n)]


def is_zombie(core):
    return core["tc"]["task_state"] in (2, 6, "Dead", "Stopped")  # crit's name for 6


def count_processes(d):
    tree = d.entries("pstree.img")
    if "pstree.img" not in d.files:
        return {}
    zombies = [p for p in tree if is_zombie(d.first("core-%d.img" % p["pid"]))]
    return {"processes": len(tree), "zombies": len(zombies),
            "threads": sum(len(p["threads"]) for p in tree if p not in zombies)}


def count_descriptors(d):
    fds = [(e["type"], e["id"]) for n, _ in d.matching(r"fdinfo-\d+\.img") for e in d.entries(n)]
    if not fds:
        return None
    return {t: {"descriptors": sum(k == t for k, _ in fds), "files": len({i for k, i in fds if k == t})}
            for t, _ in fds}


def count_sockets(d):
    found = [(k, e[k]) for e in d.entries("files.img") for k in ("isk", "usk", "nlsk", "psk") if k in e]
    found += [(kind, e) for image, kind in OLD.items() for e in d.entries(image)]
    out = collections.defaultdict(collections.Counter)
    for kind, sk in found:
        family = sk["family"] if kind == "isk" else FAMILIES[kind]
        out[family]["total"] += 1
        if kind in ("isk", "usk"):
            out[family][sk["state"]] += 1
    return {k: dict(v) for k, v in out.items()} or None


def number(value):
    return int(value, 0) if isinstance(value, str) else value


def pages_of(d, image):
    """{page number: "present", "parents" or "lazy"}."""
    out = {}
    for e in d.entries(image)[1:]:
        flags = e.get("flags", "PE_PARENT" if e.get("in_parent") else "PE_PRESENT")
        where = ("present" if "PE_PRESENT" in flags else "parents" if "PE_PARENT" in flags else "lazy")
        first = number(e["vaddr"]) // PAGE
        for page in range(first, first + (e.get("nr_pages") or e["compat_nr_pages"])):
            out[page] = where
    return out


def vmas_of(d, pid):
    mm = d.first("mm-%d.img" % pid)
    return mm and (mm.get("vmas") or d.entries("vmas-%d.img" % pid))


def segment_sizes(d, vmas):
    sizes = {}
    for v in vmas:
        if "VMA_ANON_SHARED" in v["status"] and "SYSVIPC" not in v["status"]:
            sizes[v["shmid"]] = v["pgoff"] + number(v["end"]) - number(v["start"])
    for n, _ in d.matching(r"ipcns-shm-\d+\.img"):  # crit shows the first entry only
        for e in criuimg.load(os.path.join(d.root, n)).entries:
            if e.decode().in_pagemaps:
                sizes[e.decode().desc.id] = e.decode().size
    for e in d.entries("memfd.img"):
        sizes[e["shmid"]] = e["size"]
    return sizes


def count_memory(d):
    """(memory, largest)."""
    sums, largest, every = collections.Counter(), [], []
    for p in d.entries("pstree.img"):
        vmas = vmas_of(d, p["pid"])
        if not vmas:
            continue
        every += vmas
        pages = pages_of(d, "pagemap-%d.img" % p["pid"])
        length = lambda v: number(v["end"]) - number(v["start"])
        sums["mapped"] += sum(map(length, vmas))
        sums["shared"] += sum(length(v) for v in vmas if "MAP_SHARED" in v["flags"])
        sums["zero"] += PAGE * sum(
            page not in pages for v in vmas
            if "VMA_ANON_PRIVATE" in v["status"] and "VVAR" not in v["status"]
            for page in range(number(v["start"]) // PAGE, number(v["end"]) // PAGE))
        largest.append({"pid": p["pid"], "comm": d.first("core-%d.img" % p["pid"])["tc"]["comm"],
                        "mapped": sum(map(length, vmas)),
                        "present": PAGE * sum(w == "present" for w in pages.values())})
    for n, _ in d.matching(r"pagemap-.*\.img"):
        for where in pages_of(d, n).values():
            sums[where] += PAGE
    sizes = segment_sizes(d, every)
    for n, m in d.matching(r"pagemap-shmem-(\d+)\.img"):
        if int(m[1]) in sizes:
            sums["zero"] += -(-sizes[int(m[1])] // PAGE) * PAGE - PAGE * len(pages_of(d, n))
    largest.sort(key=lambda p: (-p["present"], -p["mapped"]))
    return sums, largest[:10]


def sizes_of(d, names):
    names = list(names)
    return {"count": len(names), "bytes": sum(os.path.getsize(os.path.join(d.root, n)) for n in names)}


def count_images(d):
    kinds = collections.defaultdict(list)
    for n in d.files:
        with open(os.path.join(d.root, n), "rb") as f:
            found = None if n.startswith(criuimg.RAW_PREFIXES) else criuimg.detect(f.read(8))
        kinds["pages" if n.startswith("pages-") else found[0].name if found else "others"].append(n)
    return {k: sizes_of(d, v) for k, v in kinds.items()}


PLACES = [(name, os.path.relpath(where, dumps.pristine(name)).lstrip("."))
          for name in dumps.NAMES for where, _, names in sorted(os.walk(dumps.pristine(name)))
          if "inventory.img" in names or "cpuinfo.img" in names]


@pytest.mark.parametrize("name, sub", PLACES, ids=["/".join(filter(None, p)) for p in PLACES])
def test_counts(name, sub):
    d = Documents(name, sub)
    found = stats(d.root)
    wanted = count_processes(d)
    assert {k: found.get(k) for k in ("processes", "threads", "zombies") if k in found} == wanted
    assert found.get("descriptors") == count_descriptors(d)
    assert found.get("sockets") == count_sockets(d)
    images = count_images(d)
    assert found.get("pages") == images.pop("pages", None)
    assert found.get("others") == images.pop("others", None)
    assert found.get("images") == images
    inventory = d.first("inventory.img") or {}
    for key in ("img_version", "dump_uptime", "dump_criu_run_id"):
        assert found.get(key) == inventory.get(key)
    for key in ("dump", "restore"):
        counted = d.first("stats-" + key)
        assert found.get("stats-" + key) == (counted and counted[key])
    sums, largest = count_memory(d)
    if not d.matching(r"pagemap-.*\.img"):
        assert "memory" not in found
        return
    memory = {"present": sums["present"]}
    if wanted:
        memory.update(mapped=sums["mapped"], shared=sums["shared"], zero=sums["zero"])
    if os.path.islink(os.path.join(d.root, "parent")):
        memory["in_parents"] = sums["parents"]
    assert found["memory"] == memory
    assert found.get("largest", []) == largest


def test_order_is_stable(work):
    """The text is the same each time, whatever order the directory is in."""
    d = checking.Dump("container-ipc", work)
    before = text("stats", d.root)
    for name in sorted(os.listdir(d.root), reverse=True):
        d.rename(name, "x")
        d.copy("x", name)
        d.drop("x")
    assert text("stats", d.root) == before == text("stats", dumps.pristine("container-ipc"))


def test_what_is_damaged_is_left_out(work):
    """The rest is counted."""
    d = checking.Dump("demo", work)
    before = stats(d.root)
    d.spoil("pstree.img", 5)
    d.put("files.img", b"")
    d.put("pagemap-8176.img", b"\x19CVT")
    after = stats(d.root)
    assert (after["processes"], after["threads"]) == (5, 5)
    assert after["descriptors"] == before["descriptors"]
    gone = {8176: 110592, 8181: 114688}
    assert after["memory"]["present"] == before["memory"]["present"] - sum(gone.values())
    assert [p["pid"] for p in after["largest"] if p["pid"] in gone] == [8176]


def test_lazy_pages_and_those_of_large_pages(work):
    d = checking.Dump("incremental", work, "1")
    d.put("pagemap-8057.img", checking.page_map([(0, 2, 4), (0x40000, 3, 2), (0x80000, 1, 6)], 1))
    d.put("pages-1.img", b"\0" * 3 * 65536)
    assert stats(d.root)["memory"] == {"present": 3 * 65536, "lazy": 3 * 65536}


def test_names_are_made_harmless(work):
    d = checking.Dump("demo", work)
    d.set("core-8173.img", 0, "tc.comm", b"a\x1b\n\"b\xff")
    assert stats(d.root)["largest"][0]["comm"] == 'a\\x1b\\x0a"b\\xff'


def test_hostile_numbers(work):
    """Sums that are more than there are numbers stop there."""
    d = checking.Dump("demo", work)
    d.put("pagemap-8176.img", checking.page_map([(0, 1 << 51, 4), (1 << 63, 1 << 50, 4)] * 5, 9))
    d.set("mm-8177.img", 0, "vmas[0].end", 1 << 63)
    assert stats(d.root)["memory"]["present"] == 2 ** 64 - 1


def test_check_as_text(work):
    """What .critfs/check shows is what critic check prints, by the paths in the mount."""
    d = checking.Dump("demo", work)
    assert text("check", d.root) == ""
    d.drop("fs-8176.img")
    d.append("files.img", b"x")
    assert text("check", d.root).splitlines() == checking.findings(d.root)[1]
