"""Small images that ask for much: what they say is bounded, and nothing takes time by the square of it."""
import os
import resource
import struct
import subprocess

import pytest

import checking
import criuimg
import dumps
import handmade
import mnt
from criuimg import SCHEMA, TYPES, Entry, Image
from critic import CRITIC
from procfs import CALLER, PROC_DUMP
from test_broken import SIZES, visit

FEW = 8 << 10                # KiB that 10 KB of images may make the daemon need
SECONDS = 10                 # of the processor: a second is needed, by the square it is minutes
MANY = 100000
TEXT = os.path.join(mnt.BUILD, "tests", "dump-text")


# ---------------------------------------------------------- lengths of all sorts

def boast(typ):
    """Its first entry says the most of everything, with nothing behind it."""
    image = handmade.image(typ, "bare")
    message = image.entries[0].message
    payload = SCHEMA.encode(handmade.Fill("max").message(message))
    return criuimg.write_header(image) + struct.pack("<I", len(payload)) + payload


def lists(typ):
    """10 KB of the first entry's lists, each item as short as can be."""
    image = handmade.image(typ, "bare")
    message = image.entries[0].message
    payload = SCHEMA.encode(handmade.Fill("bare").message(message))
    for field in SCHEMA.fields(message):
        if field["label"] == "repeated" and field.get("kind") != "message":
            one = field["type"] in ("string", "bytes")
            item = handmade.wire_bytes(field["number"], b"") if one else \
                handmade.wire_varint(field["number"], 0)
            payload += item * (10000 // len(item))
            break
    return criuimg.write_header(image) + struct.pack("<I", len(payload)) + payload


def test_10_kb_of_every_type(mount, work):
    """Whatever lengths, counts and numbers they claim: a few megabytes do to show it."""
    m = mount(work)
    mnt.read(m / ".critfs/check")
    before = m.memory()
    for typ in TYPES.values():
        good = criuimg.write_image(handmade.image(typ, "bare"))
        at = len(criuimg.write_header(handmade.image(typ, "bare")))
        for i, size in enumerate(SIZES[2:]):
            dumps.write(work, "size-%d-%s.img" % (i, typ.name.lower()),
                        good[:at] + struct.pack("<I", size) + good[at + 4:])
        dumps.write(work, "boast-%s.img" % typ.name.lower(), boast(typ))
        dumps.write(work, "lists-%s.img" % typ.name.lower(), lists(typ))
    visit(m.point)
    for name in ("check", "stats"):
        mnt.read(m / ".critfs/" + name)
    for name in os.listdir(m / ".critfs/json"):
        mnt.read(m / ".critfs/json/" + name)
    # a sanitizer keeps what was freed
    assert m.memory() - before < FEW or mnt.sanitized()


# --------------------------------------------------------------- many of a kind

def falling_mappings(d):
    def change(mm):
        for i in range(MANY, 0, -1):
            vma = mm.vmas.add()
            vma.CopyFrom(mm.vmas[3])
            vma.start = 0x100000000 + i * 8192
            vma.end = vma.start + 4096
    d.edit("mm-8173.img", 0, change)


def falling_pages(d):
    d.put("pagemap-8173.img", checking.page_map(((i * 8192, 1, 4) for i in range(2 * MANY, 0, -1)), 1))


def one_pid(d):
    image = d.image("pstree.img")
    image.entries += [image.entries[-1]] * (MANY // 5)
    d.save("pstree.img", image)


def one_descriptor(d):
    for name in os.listdir(d.root):
        if name.startswith("fdinfo-"):
            image = d.image(name)
            image.entries += [image.entries[-1]] * MANY
            d.save(name, image)


def locks(d):
    typ = TYPES["FILE_LOCKS"]
    d.save("filelocks.img", Image(typ, "common", "<", [handmade.entry(typ)] * MANY))


def nested(d):
    """65,535 messages, each in the one before it."""
    parts, size = [], 0
    for _ in range(65535):
        parts.append(b"\x12" + handmade.varint(size))
        size += len(parts[-1])
    payload = b"".join(reversed(parts))
    for _ in range(2):
        payload = handmade.wire_bytes(2, payload)
    d.save("cgroup.img", Image(TYPES["CGROUP"], "common", "<", [Entry("cgroup_entry", payload)]))


def in_pieces(d):
    """A message that holds a list, in as many pieces as the list has items."""
    limit = handmade.wire_varint(1, 1) + handmade.wire_varint(2, 1)
    piece = handmade.wire_bytes(8, handmade.wire_bytes(1, limit))
    image = d.image("core-8173.img")
    tc = SCHEMA.encode(image.entries[0].decode().tc) + piece * (3 * MANY)
    image.entries[0].payload += handmade.wire_bytes(3, tc)
    d.save("core-8173.img", image)


def doubled(d):
    """Groups in groups, of each something that may be there once is there twice."""
    perms = SCHEMA.encode(handmade.Fill("bare").message("cgroup_perms"))
    group = handmade.wire_bytes(1, b"x" * (24 << 20))
    for _ in range(90):
        group = handmade.wire_bytes(1, b"x") + handmade.wire_bytes(2, group) + \
            handmade.wire_bytes(4, perms) * 2
    payload = handmade.wire_bytes(2, handmade.wire_bytes(1, b"cpu") + handmade.wire_bytes(2, group))
    d.save("cgroup.img", Image(TYPES["CGROUP"], "common", "<", [Entry("cgroup_entry", payload)]))


def mounts(parent):
    def put(d):
        name = next(n for n in os.listdir(d.root) if n.startswith("mountpoints-"))
        image = d.image(name)
        msg = image.entries[-1].decode()
        for i in range(MANY):
            msg.mnt_id = 1000000 + i
            msg.parent_mnt_id = parent(i)
            image.entries.append(Entry(image.entries[0].message, SCHEMA.encode(msg)))
        d.save(name, image)
    return put


HOSTILE = {
    "mappings that fall": ("demo", falling_mappings),
    "pages that fall": ("demo", falling_pages),
    "processes of one pid": ("demo", one_pid),
    "descriptors of one number": ("demo", one_descriptor),
    "locks of one file": ("demo", locks),
    "messages in messages": ("demo", nested),
    "messages in pieces": ("demo", in_pieces),
    "messages that are there twice": ("demo", doubled),
    "mounts in mounts": ("container-ipc", mounts(lambda i: 1000000 + i + 1)),
    "mounts in a ring": ("container-ipc", mounts(lambda i: 1000000 + (i + 1) % MANY)),
    "mounts on one": ("container-ipc", mounts(lambda i: 1000000)),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_large_and_quick(work, what):
    name, spoil = HOSTILE[what]
    d = checking.Dump(name, work)
    spoil(d)
    pid = min(int(n[5:-4]) for n in os.listdir(d.root) if n.startswith("core-"))
    for command in ([CRITIC, "check", d.root], [TEXT, "stats", d.root],
                    [PROC_DUMP, d.root, work + "/proc", str(CALLER)],
                    [CRITIC, "x", d.root, "mems"], [CRITIC, "x", d.root, "fds"],
                    [CRITIC, "core", "-p", str(pid), "-o", work + "/core", d.root]):
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                              env=mnt.environment(), preexec_fn=limit)
        mnt.check_log(done.stderr.decode("utf-8", "replace"))
        assert done.returncode in (0, 1), (command, done.returncode, done.stderr[-500:])


def limit():
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_DATA, (256 << 20, 256 << 20))
