"""Malformed dumps: one bad thing never hides its neighbours, and nothing crashes."""
import os
import random
import struct
import subprocess

import pytest

import criuimg
import dumps
import handmade
import mnt
from criuimg import Entry, Image, SCHEMA, TYPES


def visit(root):
    """Read all there is; what can't be read may say so, but the daemon lives."""
    for where, dirs, names in os.walk(root):
        for name in names:
            path = os.path.join(where, name)
            assert os.stat(path, follow_symlinks=False).st_size == len(mnt.read(path)), path


def small(typ):
    """A small image with more than one entry where the type has more."""
    image = handmade.image(TYPES[typ], "bare")
    if typ == "FDINFO":
        return image
    for i, size in enumerate((9, 0, 3)[:len(image.entries)]):
        image.entries[i] = handmade.entry(TYPES[typ], i, "bare", size)
    return image


def frames(image):
    """Where each entry of an image ends, from the header on."""
    ends = [len(criuimg.write_header(image))]
    for entry in image.entries:
        ends.append(ends[-1] + len(criuimg.write_entry(image, entry)))
    return ends


def padding(entry):
    """Zeros behind an entry. At a file's end they may be missing: either reading will do."""
    if entry.message == "ipc_sem_entry":
        return criuimg.pad(2 * len(entry.extra), 8)
    if entry.message == "ipc_msg_entry":
        return criuimg.pad(len(entry.extra[-1][1]), 8) if entry.extra else 0
    return criuimg.pad(len(entry.extra), 4) if entry.message == "ipc_shm_entry" else 0


TRUNCATED = ["FDINFO", "PIPES_DATA", "SK_QUEUES", "TCP_STREAM", "BPFMAP_DATA", "IPCNS_SEM", "IPCNS_MSG",
             "IPCNS_SHM", "PAGEMAP", "INVENTORY", "CORE"]


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("typ", TRUNCATED)
def test_truncated_at_every_byte(mount, work, typ, order):
    """The entries before the break are there; the rest is one tail.raw."""
    image = small(typ)
    image.order = order
    data = criuimg.write_image(image)
    ends = frames(image)
    for size in range(len(data) + 1):
        dumps.write(work, "cut-%05d.img" % size, data[:size])
    m = mount(work)
    for size in range(len(data) + 1):
        path = m / "cut-%05d.img" % size
        if size < ends[0]:
            assert mnt.read(path) == data[:size]  # no header: a plain file
            continue
        whole = max(i for i, end in enumerate(ends) if end <= size)
        rest = data[ends[whole]:size]
        names = os.listdir(path)
        if rest and ends[whole + 1] - size <= padding(image.entries[whole]):
            continue
        want = [n for i in range(whole) for n in mnt.parts(image.entries[i], i)]
        assert names == want + (["tail.raw"] if rest else []), size
        if rest:
            assert mnt.read(path + "/tail.raw") == rest
            assert os.stat(path + "/tail.raw").st_size == len(rest)
        for i in range(whole):
            assert mnt.read_text(path + "/%d.json" % i) == image.entries[i].text()
    visit(m.point)


@pytest.mark.parametrize("typ", ["FDINFO", "PIPES_DATA", "IPCNS_SEM", "IPCNS_MSG", "PAGEMAP"])
def test_what_is_whole_is_editable_and_the_tail_is_copied(mount, work, typ):
    image = small(typ)
    data = criuimg.write_image(image)
    cut = frames(image)[2] + 2
    stored = dumps.write(work, "cut.img", data[:cut])
    m = mount(work)
    value = image.entries[1].json()
    field = {"FDINFO": "fd", "PIPES_DATA": "pipe_id", "PAGEMAP": "compat_nr_pages", "IPCNS_MSG": "qbytes"}.get(typ)
    if field:
        value[field] = 77777
    else:
        value["desc"]["uid"] = 77777
    mnt.save(m / "cut.img/1.json", criuimg.text(value))
    after = criuimg.load(stored)
    assert len(after.entries) == 2
    assert after.entries[1].json() == value
    assert after.entries[0].frame == data[frames(image)[0]:frames(image)[1]]
    assert after.tail == data[frames(image)[2]:cut]
    assert mnt.read(m / "cut.img/tail.raw") == after.tail


SIZES = [0, 1, 2 ** 31 - 1, 2 ** 31, 2 ** 31 + 1, 2 ** 32 - 1, 2 ** 32 - 4, 2 ** 32 - 8]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("typ", ["FDINFO", "PIPES_DATA", "INVENTORY", "PAGEMAP", "GHOST_FILE", "SECCOMP"])
def test_size_fields(mount, work, typ, order, size):
    image = small(typ)
    image.order = order
    image.entries = image.entries[:1]
    data = criuimg.write_image(image)
    good = handmade.image(TYPES["FS"])
    dumps.write(work, "fs-1.img", good)
    dumps.write(work, "bad.img", data + struct.pack(order + "I", size))
    at = len(criuimg.write_header(image))
    dumps.write(work, "worse.img", data[:at] + struct.pack(order + "I", size) + data[at + 4:])
    m = mount(work)
    visit(m.point)
    assert mnt.read_text(m / "fs-1.img/0.json") == good.entries[0].text()
    if typ not in ("GHOST_FILE", "INVENTORY"):
        assert mnt.read_text(m / "bad.img/0.json") == image.entries[0].text()
        if size > 1:
            assert mnt.read(m / "bad.img/tail.raw") == struct.pack(order + "I", size)
    if size > 2 ** 31 - 2:
        assert mnt.read(m / "worse.img/tail.raw") == struct.pack(order + "I", size) + data[at + 4:]
        assert os.listdir(m / "worse.img") == ["tail.raw"]


def test_size_zero(mount, work):
    """Normal where nothing is required; else the message can't be decoded."""
    zero = struct.pack("<I", 0)
    header = criuimg.write_header(Image(TYPES["SECCOMP"], "common"))
    dumps.write(work, "seccomp.img", header + zero * 3)
    header = criuimg.write_header(Image(TYPES["FDINFO"], "common"))
    dumps.write(work, "fdinfo-1.img", header + zero)
    m = mount(work)
    assert os.listdir(m / "seccomp.img") == ["0.json", "1.json", "2.json"]
    assert [mnt.read_text(m / "seccomp.img/%d.json" % i) for i in range(3)] == ["{}\n"] * 3
    assert os.listdir(m / "fdinfo-1.img") == ["0.raw"]
    assert mnt.read(m / "fdinfo-1.img/0.raw") == b""


# Payloads that are no fdinfo_entry.
UNDECODABLE = {
    "required field missing": handmade.wire_varint(1, 1) + handmade.wire_varint(2, 2),
    "cut varint": b"\x08\x80",
    "cut length": b"\x2a\x10ab",
    "endless varint": b"\x08" + b"\xff" * 20,
    "huge length": b"\x2a\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
    "field number 0": b"\x00\x01",
    "wire type 7": b"\x0f",
    "cut fixed64": handmade.varint(2000 << 3 | 1) + b"123",
    "text": b"{\"json\": true}",
    "zeros": bytes(40),
    "ones": b"\xff" * 40,
}


@pytest.mark.parametrize("case", UNDECODABLE)
def test_undecodable_entry(mount, work, case):
    """It is N.raw, its payload to the byte; its neighbours are entries as ever."""
    image = handmade.image(TYPES["FDINFO"])
    image.entries[1] = Entry("fdinfo_entry", UNDECODABLE[case])
    stored = dumps.write(work, "fdinfo-1.img", image)
    before = mnt.read(stored)
    m = mount(work)
    path = m / "fdinfo-1.img"
    assert os.listdir(path) == ["0.json", "1.raw", "2.json"]
    assert mnt.read(path + "/1.raw") == UNDECODABLE[case]
    assert os.stat(path + "/1.raw").st_size == len(UNDECODABLE[case])
    assert not os.path.exists(path + "/1.json")
    for flags in (os.O_WRONLY, os.O_RDWR, os.O_WRONLY | os.O_TRUNC):
        with pytest.raises(OSError):
            os.close(os.open(path + "/1.raw", flags))
    with pytest.raises(OSError):
        os.truncate(path + "/1.raw", 0)
    assert mnt.read(stored) == before
    value = image.entries[2].json()
    value["fd"] = 4711
    mnt.save(path + "/2.json", criuimg.text(value))
    after = criuimg.load(stored)
    assert after.entries[1].payload == UNDECODABLE[case]
    assert after.entries[0].payload == image.entries[0].payload
    assert after.entries[2].json() == value


def test_required_field_missing_in_an_inner_message(mount, work):
    payload = handmade.wire_varint(1, 1) + handmade.wire_varint(2, 1) + handmade.wire_bytes(3, b"")
    good = handmade.entry(TYPES["FILES"])
    dumps.write(work, "files.img", Image(TYPES["FILES"], "common", "<",
                                         [good, Entry("file_entry", payload), good]))
    m = mount(work)
    assert os.listdir(m / "files.img") == ["0.json", "1.raw", "2.json"]
    assert mnt.read(m / "files.img/1.raw") == payload


def test_nested_too_deep(mount, work):
    """Deeper than any stack: shown as it is, or as raw, but without a crash."""
    node = handmade.wire_bytes(1, b"leaf")
    for _ in range(20000):
        node = handmade.wire_bytes(1, b"d") + handmade.wire_bytes(2, node)
    payload = handmade.wire_bytes(2, handmade.wire_bytes(2, node))
    image = Image(TYPES["CGROUP"], "common", "<", [Entry("cgroup_entry", payload)])
    stored = dumps.write(work, "cgroup.img", image)
    before = mnt.read(stored)
    m = mount(work)
    names = os.listdir(m / "cgroup.img")
    assert names in (["0.json"], ["0.raw"])
    if names == ["0.raw"]:
        assert mnt.read(m / "cgroup.img/0.raw") == payload
    assert mnt.read(stored) == before


@pytest.mark.parametrize("length", [14, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1])
@pytest.mark.parametrize("typ, field", [
    ("PIPES_DATA", "bytes"), ("SK_QUEUES", "length"), ("TCP_STREAM", "inq_len"), ("TCP_STREAM", "outq_len"),
    ("BPFMAP_DATA", "keys_bytes"), ("BPFMAP_DATA", "values_bytes"), ("IPCNS_SEM", "nsems"),
    ("IPCNS_MSG", "qnum"), ("IPCNS_SHM", "size")])
def test_extra_beyond_the_end(mount, work, typ, field, length):
    """The whole entry is tail.raw, what stands before it is as ever."""
    image = handmade.image(TYPES[typ], "bare")
    bad = handmade.entry(TYPES[typ], 0, "bare", 13)
    msg = bad.decode()
    setattr(msg, field, getattr(msg, field) + length if length < 100 else length)
    bad.payload = SCHEMA.encode(msg)
    image.entries = image.entries[:1] + [bad]
    data = criuimg.write_image(image)
    dumps.write(work, "bad.img", data)
    m = mount(work)
    assert os.listdir(m / "bad.img") == mnt.parts(image.entries[0], 0) + ["tail.raw"]
    assert mnt.read(m / "bad.img/tail.raw") == data[frames(image)[1]:]
    assert mnt.read_text(m / "bad.img/0.json") == image.entries[0].text()


@pytest.mark.parametrize("size", [2 ** 40, 2 ** 63, 2 ** 64 - 1])
def test_64_bit_lengths(mount, work, size):
    typ = TYPES["IPCNS_SHM"]
    entry = handmade.entry(typ)
    msg = entry.decode()
    msg.size = size
    dumps.write(work, "shm.img", Image(typ, "common", "<", [Entry(entry.message, SCHEMA.encode(msg), b"abc")]))
    ghost = handmade.chunked_ghost()
    chunk = ghost.entries[1].decode()
    chunk.len = size
    ghost.entries[1].payload = SCHEMA.encode(chunk)
    dumps.write(work, "ghost.img", ghost)
    m = mount(work)
    assert os.listdir(m / "shm.img") == ["tail.raw"]
    assert os.listdir(m / "ghost.img") == ["0.json", "tail.raw"]
    visit(m.point)


@pytest.mark.parametrize("size", [2 ** 31, 2 ** 32 - 1, 100])
def test_messages_of_a_queue_beyond_the_end(mount, work, size):
    typ = TYPES["IPCNS_MSG"]
    entry = handmade.entry(typ, size=13)
    inner = SCHEMA.decode("ipc_msg", entry.extra[0][0])
    inner.msize = size
    entry.extra[0] = (SCHEMA.encode(inner), entry.extra[0][1])
    image = Image(typ, "common", "<", [handmade.entry(typ, size=13), entry])
    data = criuimg.write_image(image)
    dumps.write(work, "msg.img", data)
    m = mount(work)
    assert os.listdir(m / "msg.img") == ["0.msgs", "0.json", "tail.raw"]
    assert mnt.read(m / "msg.img/tail.raw") == data[frames(image)[1]:]


def test_random_damage(mount, work):
    """Bytes flipped, cut out, doubled, in images of every type."""
    rand = random.Random(4)
    originals = [criuimg.write_image(handmade.image(t, v)) for t in TYPES.values() for v in ("full", "bare")]
    for i in range(1500):
        data = bytearray(rand.choice(originals))
        for _ in range(rand.choice((1, 1, 2, 5))):
            at = rand.randrange(4, len(data))
            how = rand.randrange(4)
            if how == 0:
                data[at] ^= 1 << rand.randrange(8)
            elif how == 1:
                data[at] = rand.choice((0, 1, 0x7F, 0x80, 0xFF))
            elif how == 2:
                del data[at:at + rand.randrange(1, 9)]
            else:
                data[at:at] = data[at:at + rand.randrange(1, 9)]
            if len(data) < 8:
                break
        dumps.write(work, "damaged-%d.img" % i, bytes(data))
    m = mount(work)
    visit(m.point)


def test_damaged_images_lose_nothing_by_an_edit(mount, work):
    """Where an entry of a damaged image is edited, all other bytes stay."""
    rand = random.Random(5)
    original = criuimg.write_image(Image(TYPES["FDINFO"], "common", "<",
                                         [handmade.entry(TYPES["FDINFO"]) for _ in range(6)]))
    for i in range(150):
        data = bytearray(original)
        data[rand.randrange(8, len(data))] ^= 1 << rand.randrange(8)
        dumps.write(work, "fdinfo-%d.img" % i, bytes(data))
    m = mount(work)
    for i in range(150):
        stored = os.path.join(work, "fdinfo-%d.img" % i)
        data = mnt.read(stored)
        before = criuimg.read_image(data)
        try:
            value = before.entries[0].json()
        except (IndexError, criuimg.Undecodable):
            continue
        if not os.path.exists(m / "fdinfo-%d.img/0.json" % i):
            continue
        value["fd"] = 99999
        mnt.save(m / "fdinfo-%d.img/0.json" % i, criuimg.text(value))
        after = mnt.read(stored)
        assert criuimg.read_image(after).entries[0].json() == value
        rest = len(before.entries[0].frame) + 8
        assert after.endswith(data[rest:])
        assert len(after) - len(criuimg.read_image(after).entries[0].frame) == len(data) - rest + 8


def test_the_good_neighbours_of_a_bad_image(mount, work):
    root = dumps.copy("demo", os.path.join(work, "d"))
    good = dumps.images(root)
    for name in ("files.img", "pstree.img"):
        path = os.path.join(root, name)
        with open(path, "r+b") as f:
            f.truncate(os.path.getsize(path) // 2)
    m = mount(root)
    for rel, image in good.items():
        if rel not in ("files.img", "pstree.img"):
            assert mnt.read_text(m / rel + "/0.json") == image.entries[0].text()
    assert os.listdir(m / "files.img")[-1] == "tail.raw"


def test_rubbish_everywhere(mount, work):
    rand = random.Random(6)
    for i, name in enumerate(["pstree.img", "inventory.img", "files.img", "core-1.img", "stats-dump", "a", "b.img"]):
        dumps.write(work, name, rand.randbytes(100 * i))
    m = mount(work)
    for name in os.listdir(work):
        assert mnt.read(m / name) == mnt.read(os.path.join(work, name))


def test_tools_on_a_broken_dump(mount, work):
    for typ in TRUNCATED:
        data = criuimg.write_image(handmade.image(TYPES[typ]))
        dumps.write(work, typ + ".img", data[:-1])
    m = mount(work)
    for command in (["ls", "-lR", m.point], ["grep", "-r", "xyzzy", m.point], ["cp", "-r", m.point, work + "-copy"],
                    ["tar", "-cf", "-", "-C", m.point, "."], ["find", m.point, "-size", "+1"]):
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        assert done.returncode == (1 if command[0] == "grep" else 0), (command, done.stderr)
    assert subprocess.run(["diff", "-r", m.point, work + "-copy"]).returncode == 0
    dumps.remove(work + "-copy")
