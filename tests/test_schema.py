"""The compiled schema against tests/data/schema.json, field by field.

schema.json lists what is on disk: every message, field and enum of the images.
build/tests/schema-dump writes the program's own tables in the same form. A
difference in either direction fails, with the name of the message and the field.
"""

import json
import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / os.environ.get("CRITFS_BUILD", "build")

FACTS = json.loads((ROOT / "tests/data/schema.json").read_text())
FACTS_OF = {m["name"]: m for m in FACTS["messages"]}

# The names behind the marks, in the order in which they are printed. A name that
# is only understood, never shown, has a third item.
FLAGS = {
    "mmap.prot": [("PROT_READ", 1), ("PROT_WRITE", 2), ("PROT_EXEC", 4)],
    "mmap.flags": [("MAP_SHARED", 1), ("MAP_PRIVATE", 2), ("MAP_DROPPABLE", 8),
                   ("MAP_ANON", 0x20), ("MAP_GROWSDOWN", 0x100)],
    "mmap.status": [("VMA_AREA_NONE", 0, "input only")] + [
        (name, 1 << bit) for name, bit in [
            ("VMA_AREA_REGULAR", 0), ("VMA_AREA_STACK", 1), ("VMA_AREA_VSYSCALL", 2),
            ("VMA_AREA_VDSO", 3), ("VMA_AREA_HEAP", 5), ("VMA_FILE_PRIVATE", 6),
            ("VMA_FILE_SHARED", 7), ("VMA_ANON_SHARED", 8), ("VMA_ANON_PRIVATE", 9),
            ("VMA_AREA_SYSVIPC", 10), ("VMA_AREA_SOCKET", 11), ("VMA_AREA_VVAR", 12),
            ("VMA_AREA_AIORING", 13), ("VMA_AREA_MEMFD", 14), ("VMA_AREA_SHSTK", 15),
            ("VMA_AREA_UPROBES", 17), ("VMA_UNSUPP", 31)]],
    "rfile.flags": [("O_WRONLY", 1), ("O_RDWR", 2), ("O_CREAT", 0o100), ("O_EXCL", 0o200),
                    ("O_NOCTTY", 0o400), ("O_TRUNC", 0o1000), ("O_APPEND", 0o2000),
                    ("O_NONBLOCK", 0o4000), ("O_DSYNC", 0o10000), ("FASYNC", 0o20000),
                    ("O_DIRECT", 0o40000), ("O_LARGEFILE", 0o100000),
                    ("O_DIRECTORY", 0o200000), ("O_NOFOLLOW", 0o400000),
                    ("O_NOATIME", 0o1000000), ("O_CLOEXEC", 0o2000000)],
    "pmap.flags": [("PE_PARENT", 1), ("PE_LAZY", 2), ("PE_PRESENT", 4)],
    "seals.flags": [("F_SEAL_SEAL", 1), ("F_SEAL_SHRINK", 2), ("F_SEAL_GROW", 4),
                    ("F_SEAL_WRITE", 8), ("F_SEAL_FUTURE_WRITE", 16)],
}
DICT = {
    "gen.task_state": [("Alive", 1), ("Zombie", 3, "input only"), ("Stopped", 6, "input only")],
    "sk.family": [("UNIX", 1), ("INET", 2), ("INET6", 10), ("NETLINK", 16), ("PACKET", 17)],
    "sk.type": [("STREAM", 1), ("DGRAM", 2), ("RAW", 3), ("SEQPACKET", 5), ("PACKET", 10)],
    "sk.state": [("ESTABLISHED", 1), ("SYN_SENT", 2), ("SYN_RECV", 3), ("FIN_WAIT1", 4),
                 ("FIN_WAIT2", 5), ("TIME_WAIT", 6), ("CLOSE", 7), ("CLOSE_WAIT", 8),
                 ("LAST_ACK", 9), ("LISTEN", 10)],
    "sk.proto": [("IP", 0), ("TCP", 6), ("UDP", 17), ("UDPLITE", 136)],
}


def table(title, tables):
    names = [[row[0], row[1], len(row) > 2] for row in tables[title]]
    return {"title": title, "names": names}


def expected(field):
    """What schema-dump must say of a field of schema.json."""
    want = dict(field)
    want["in_place"] = True
    want["required_bit"] = field["label"] == "required"
    if field.get("kind") == "message":
        want["message"] = field["type"]
    if "flags" in field:
        want["flags"] = table(field["flags"], FLAGS)
    if "dict" in field:
        want["dict"] = table(f"{field['dict']}.{field['name']}", DICT)
    return want


@pytest.fixture(scope="module")
def compiled():
    out = subprocess.run([BUILD / "tests/schema-dump"], check=True, stdout=subprocess.PIPE)
    return json.loads(out.stdout)


@pytest.fixture(scope="module")
def compiled_of(compiled):
    return {m["name"]: m for m in compiled["messages"]}


def test_messages(compiled):
    names = [m["name"] for m in compiled["messages"]]
    assert names == sorted(FACTS_OF)


@pytest.mark.parametrize("name", FACTS_OF)
def test_fields(compiled_of, name):
    got = compiled_of[name]
    want = sorted(FACTS_OF[name]["fields"], key=lambda f: f["number"])
    assert got["found"]
    assert [f["name"] for f in got["fields"]] == [f["name"] for f in want]
    for g, w in zip(got["fields"], want):
        assert g == expected(w), f"{name}.{w['name']}"


def test_enums(compiled):
    got = [(e["name"], e["values"]) for e in compiled["enums"]]
    want = sorted((e["name"], e["values"]) for e in FACTS["enums"])
    assert got == want


def test_facts_are_complete():
    """A schema.json cut short would let a missing field pass."""
    assert len(FACTS["messages"]) == 155
    assert sum(len(m["fields"]) for m in FACTS["messages"]) == 1036
    assert len(FACTS["enums"]) == 15
