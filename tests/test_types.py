"""Hand-made images: what no recorded dump holds is shown and kept too."""
import json
import os

import pytest

import criuimg
import dumps
import handmade
import mnt
from criuimg import Entry, Image, SCHEMA, TYPES
from handmade import wire_bytes, wire_fixed32, wire_fixed64, wire_varint

# header (None: the type's own), byte order, which fields are set
DUMPS = [(None, "<", "full"), (None, "<", "max"), (None, "<", "min"), (None, "<", "bare"),
         ("v1.0", "<", "full"), (None, ">", "full"), ("v1.0", ">", "full")]


def dump_id(param):
    header, order, variant = param
    return "%s-%s-%s" % (header or "own", {"<": "little", ">": "big"}[order], variant)


@pytest.fixture(scope="module", params=DUMPS, ids=dump_id)
def handmade_dump(request, module_mount):
    header, order, variant = request.param
    root = dumps.new_dir()
    images = handmade.make_dump(root, variant, header, order)
    return images, module_mount(root)


@pytest.mark.parametrize("typ", TYPES)
def test_type(handmade_dump, typ):
    """Text, extras, names and sizes of one image of each type."""
    images, m = handmade_dump
    name = TYPES[typ].example_name()
    image = images[name]
    assert os.listdir(m / name) == mnt.listing(image)
    for i, entry in enumerate(image.entries):
        path = m / name + "/%d.json" % i
        assert mnt.read_text(path) == entry.text()
        assert os.stat(path).st_size == len(entry.text().encode())
        for part, data in mnt.extra_files(entry, i).items():
            assert mnt.read(m / name + "/" + part) == data, part
            assert os.stat(m / name + "/" + part).st_size == len(data), part


def mounted(mount, work, image, name=None):
    """Mount a dump with one image. Returns (mount, image's path in it, its path in the dump)."""
    name = name or image.type.example_name()
    path = dumps.write(work, name, image)
    m = mount(work)
    return m, m / name, path


def shown(mount, work, typ, payload, order="<"):
    """The text of a payload, as the only entry of an image of its type."""
    header = {"none": "none"}.get(TYPES[typ].first, "common")
    entry = Entry(TYPES[typ].message(0), payload)
    m, path, stored = mounted(mount, work, Image(TYPES[typ], header, order, [entry]))
    assert mnt.read_text(path + "/0.json") == entry.text()
    before = mnt.read(stored)
    mnt.save(path + "/0.json", entry.text())  # its own text changes nothing
    assert mnt.read(stored) == before
    return entry.json()


# ------------------------------------------------------------------ extras

@pytest.mark.parametrize("order", "<>")
def test_chunked_ghost(mount, work, order):
    image = handmade.chunked_ghost(order)
    m, path, _ = mounted(mount, work, image)
    assert os.listdir(path) == ["0.json", "1.extra", "1.json", "2.extra", "2.json",
                                "3.extra", "3.json"]
    for i, entry in enumerate(image.entries):
        assert mnt.read_text(path + "/%d.json" % i) == entry.text()
        if i:
            assert mnt.read(path + "/%d.extra" % i) == entry.extra


@pytest.mark.parametrize("mode", [0o040755, 0o120777, 0o020600, 0o060600, 0o010600, 0o140755])
def test_ghost_that_is_no_regular_file(mount, work, mode):
    entry = handmade.entry(TYPES["GHOST_FILE"])
    msg = entry.decode()
    msg.mode = mode
    msg.ClearField("chunks")
    entry = Entry(entry.message, SCHEMA.encode(msg))
    m, path, _ = mounted(mount, work, Image(TYPES["GHOST_FILE"], "common", "<", [entry]))
    assert os.listdir(path) == ["0.json"]
    assert mnt.read_text(path + "/0.json") == entry.text()


def test_empty_ghost(mount, work):
    image = Image(TYPES["GHOST_FILE"], "common", "<", [handmade.entry(TYPES["GHOST_FILE"], size=0)])
    m, path, _ = mounted(mount, work, image)
    assert os.listdir(path) == ["0.extra", "0.json"]
    assert mnt.read(path + "/0.extra") == b""


def test_shm_in_the_page_maps_has_no_contents(mount, work):
    typ = TYPES["IPCNS_SHM"]
    inside, outside = handmade.entry(typ), handmade.entry(typ, size=6)
    msg = inside.decode()
    msg.in_pagemaps, msg.size = True, 1 << 40
    inside = Entry(inside.message, SCHEMA.encode(msg))
    image = Image(typ, "common", "<", [inside, outside, inside, outside])
    m, path, _ = mounted(mount, work, image)
    assert os.listdir(path) == ["0.json", "1.extra", "1.json", "2.json", "3.extra", "3.json"]
    assert mnt.read(path + "/3.extra") == outside.extra


@pytest.mark.parametrize("count", range(9))
@pytest.mark.parametrize("order", "<>")
def test_semaphores_and_their_padding(mount, work, count, order):
    typ = TYPES["IPCNS_SEM"]
    image = Image(typ, "common", order, [handmade.entry(typ, size=count), handmade.entry(typ, size=3)])
    m, path, _ = mounted(mount, work, image)
    assert mnt.read_text(path + "/0.sems.json") == criuimg.text(image.entries[0].extra)
    assert mnt.read_text(path + "/1.sems.json") == criuimg.text(image.entries[1].extra)


@pytest.mark.parametrize("order", "<>")
def test_messages_and_their_padding(mount, work, order):
    typ = TYPES["IPCNS_MSG"]
    entry = handmade.entry(typ)
    msg = entry.decode()
    extra = [handmade.ipc_msg(size, seed=size) for size in range(18)]
    msg.qnum = len(extra)
    image = Image(typ, "common", order, [Entry(entry.message, SCHEMA.encode(msg), extra),
                                         handmade.entry(typ, size=2)])
    m, path, _ = mounted(mount, work, image)
    for i, e in enumerate(image.entries):
        for name, data in mnt.extra_files(e, i).items():
            assert mnt.read(path + "/" + name) == data, name
    assert len(os.listdir(path + "/0.msgs")) == 36


def test_empty_message_queue(mount, work):
    typ = TYPES["IPCNS_MSG"]
    image = Image(typ, "common", "<", [handmade.entry(typ, size=4)])
    assert image.entries[0].extra == []
    m, path, _ = mounted(mount, work, image)
    assert os.listdir(path) == ["0.msgs", "0.json"]
    assert os.listdir(path + "/0.msgs") == []


# ----------------------------------------------------------------- headers

def test_headers_without_entries(mount, work):
    """A header alone is a whole image: an empty directory."""
    names = []
    for typ in TYPES.values():
        for header in ("none",) if typ.first == "none" else ("v1.0", typ.first):
            for order in "<>":
                names.append("%s-%s-%s.img" % (typ.name, header, "le" if order == "<" else "be"))
                dumps.write(work, names[-1], Image(typ, header, order))
    m = mount(work)
    for name in names:
        assert os.listdir(m / name) == [], name


@pytest.mark.parametrize("name", [p + "7.img" for p in criuimg.RAW_PREFIXES])
def test_raw_names_are_plain_whatever_is_in_them(mount, work, name):
    data = criuimg.write_image(handmade.image(TYPES["CORE"]))
    dumps.write(work, name, data)
    m = mount(work)
    assert mnt.read(m / name) == data


@pytest.mark.parametrize("data", [
    b"", b"\0", b"\x19\x43\x56", b"\x19\x43\x56\x54", b"\x19\x43\x56\x54\x47\x38\x05",
    b"\x19\x43\x56\x54" + bytes(4), b"\x19\x43\x56\x54" * 2, b"\x40\x59\x10\x55", b"text\n",
    b"\x7fELF" + bytes(60), b"\xff" * 16])
def test_unknown_magics_are_plain(mount, work, data):
    dumps.write(work, "core-1.img", data)
    dumps.write(work, "thing", data)
    m = mount(work)
    assert mnt.read(m / "core-1.img") == data
    assert mnt.read(m / "thing") == data


@pytest.mark.parametrize("first", ["common", "service"])
def test_either_first_word_is_kept(mount, work, first):
    """The first word is the file's, whatever its type usually has."""
    for typ in ("STATS", "FS"):
        image = handmade.image(TYPES[typ], "bare", header=first)
        path = dumps.write(work, TYPES[typ].example_name(), image)
        assert mnt.read(path)[:4] == {"common": b"\x19\x43\x56\x54", "service": b"\x40\x59\x10\x55"}[first]
    m = mount(work)
    value = criuimg.load(os.path.join(work, "fs-7.img")).entries[0].json()
    value["cwd_id"] = 4711
    mnt.save(m / "fs-7.img/0.json", criuimg.text(value))
    after = criuimg.load(os.path.join(work, "fs-7.img"))
    assert after.header == first
    assert after.entries[0].json() == value


# ------------------------------------------------------ unusual messages

PSTREE = {"pid": 1, "ppid": 0, "pgid": 1, "sid": 1}


def pstree(**more):
    return SCHEMA.encode(criuimg.from_json("pstree_entry", dict(PSTREE, **more)))


def reg_file(name=b"/etc/passwd", more=b""):
    msg = handmade.Fill("bare").message("reg_file_entry")
    msg.name = name
    return wire_varint(1, 1) + wire_varint(2, 5) + wire_bytes(3, SCHEMA.encode(msg) + more)


UNKNOWN = [wire_varint(2000, 5), wire_bytes(2000, b"abc"), wire_fixed32(2000, b"1234"),
           wire_fixed64(536870911, b"12345678"),
           wire_varint(2000, 1) + wire_bytes(2001, bytes(100)) + wire_varint(2000, 2)]


@pytest.mark.parametrize("more", UNKNOWN)
def test_unknown_fields(mount, work, more):
    value = shown(mount, work, "PSTREE", pstree() + more)
    assert list(value)[-1] == "$unknown"


@pytest.mark.parametrize("more", UNKNOWN)
def test_unknown_fields_of_an_inner_message(mount, work, more):
    value = shown(mount, work, "FILES", reg_file(more=more))
    assert list(value["reg"])[-1] == "$unknown" and "$unknown" not in value


def test_unknown_fields_between_known_ones(mount, work):
    shown(mount, work, "PSTREE", wire_varint(2000, 1) + pstree() + wire_varint(2001, 1))


@pytest.mark.parametrize("number", [77, 2 ** 31 - 1, -1, -2 ** 31])
def test_unknown_enum_numbers(mount, work, number):
    value = shown(mount, work, "FILES", wire_varint(1, number) + wire_varint(2, 5))
    assert value["type"] == number


@pytest.mark.parametrize("name", [
    b"/tmp/\xff", b"\x80", b"\xc3", b"/a\xc0\xafb", b"\xed\xa0\x80", b"\xf4\x90\x80\x80",
    b"\xf8\x88\x80\x80\x80", b"x" * 100 + b"\xfe"])
def test_strings_that_are_no_utf8(mount, work, name):
    value = shown(mount, work, "FILES", reg_file(name))
    assert list(value["reg"]["name"]) == ["$base64"]


@pytest.mark.parametrize("name", [
    b"a\0b", b"\0", b"", handmade.STRING.encode(), "\ud7ff\ue000\uffff\U0010ffff".encode(),
    bytes(range(1, 128)), b"$base64", "\ufeff".encode(), b"x" * 70000])
def test_strings(mount, work, name):
    value = shown(mount, work, "FILES", reg_file(name))
    assert value["reg"]["name"].encode() == name


@pytest.mark.parametrize("size", [0, 1, 2, 3, 56, 57, 58, 114, 115, 5000])
def test_base64_lines(mount, work, size):
    """A newline after each 76 characters and at the end; nothing at all for nothing."""
    shown(mount, work, "APPARMOR", wire_bytes(1, wire_bytes(1, b"n") + wire_bytes(
        2, wire_bytes(1, b"p") + wire_bytes(2, handmade.blob(size)))))


@pytest.mark.parametrize("name", [
    b"", b"/run/x.sock", b"\0abstract", b"a=b", b"tail ", b"tail\t", b"new\nline", b"a \nb",
    b"\xff\xfe", "\u00e4".encode(), b"x" * 75, b"x" * 76, b"x" * 77, b"x" * 300, b"\xff" * 60,
    b".", b".\n", b"a" * 74 + b" b",
    bytes(b for b in range(256) if b != 13)])
def test_unix_names(mount, work, name):
    """Names of unix sockets are quoted-printable, as python's quopri writes it."""
    msg = handmade.Fill("bare").message("unix_sk_entry")
    msg.name = name
    shown(mount, work, "UNIXSK", SCHEMA.encode(msg))


@pytest.mark.parametrize("name", [b"\r", b"\r\n", b"a\nb\r\nc\r", b"\r" * 100, bytes(range(256))])
def test_unix_names_with_carriage_returns(mount, work, name):
    """python's quopri loses some of them: whatever the spelling, they must survive an edit."""
    msg = handmade.Fill("bare").message("unix_sk_entry")
    msg.name = name
    image = Image(TYPES["UNIXSK"], "common", "<", [Entry("unix_sk_entry", SCHEMA.encode(msg))])
    m, path, stored = mounted(mount, work, image)
    value = json.loads(mnt.read(path + "/0.json"))
    value["peer"] = msg.peer = 4711
    mnt.save(path + "/0.json", criuimg.text(value))
    assert criuimg.load(stored).entries[0].payload == SCHEMA.encode(msg)


@pytest.mark.parametrize("words", [
    [0], [0x0100007F], [0xFFFFFFFF], [0, 0, 0, 0], [0, 0, 0, 0x01000000], [0, 0, 0xFFFF0000, 0x0100007F],
    [0, 0, 0, 0x04030201], [0xB80D0120, 0, 0, 0x01000000], [0x000080FE, 0, 0xFF010000, 0x01FE0203],
    [0x00000100, 0x00000100, 0x01000100, 0x01000100], [0x01000000, 0, 0x01000000, 0]])
def test_addresses(mount, work, words):
    msg = handmade.Fill("bare").message("inet_sk_entry")
    msg.src_addr.extend(words)
    value = shown(mount, work, "INETSK", SCHEMA.encode(msg))
    assert isinstance(value["src_addr"][0], str)


def test_address_of_a_big_endian_machine(mount, work):
    """Network order is the order of the words' bytes where they came from."""
    msg = handmade.Fill("bare").message("inet_sk_entry")
    msg.src_addr.extend([0x7F000001])
    msg.dst_addr.extend([0x20010DB8, 0, 0, 1])
    image = Image(TYPES["INETSK"], "common", ">", [Entry("inet_sk_entry", SCHEMA.encode(msg))])
    m, path, stored = mounted(mount, work, image)
    value = json.loads(mnt.read(path + "/0.json"))
    assert (value["src_addr"], value["dst_addr"]) == (["127.0.0.1"], ["2001:db8::1"])
    value["src_addr"] = ["127.0.0.2"]
    mnt.save(path + "/0.json", criuimg.text(value))
    after = criuimg.load(stored)
    assert after.order == ">"
    assert list(after.entries[0].decode().src_addr) == [0x7F000002]
    assert list(after.entries[0].decode().dst_addr) == [0x20010DB8, 0, 0, 1]


@pytest.mark.parametrize("count", [2, 3, 5, 8])
def test_words_that_are_no_address(mount, work, count):
    msg = handmade.Fill("bare").message("inet_sk_entry")
    msg.src_addr.extend(range(1, count + 1))
    value = shown(mount, work, "INETSK", SCHEMA.encode(msg))
    assert value["src_addr"] == list(range(1, count + 1))


@pytest.mark.parametrize("value", [0, 1, 0xFF, 0x100, 0xFFFFF, 0x100000, 0x12345678, 0xFFFFFFFF])
def test_devices(mount, work, value):
    """dev: minor is the low 20 bits; odev: what the C library's major() and minor() say."""
    msg = handmade.Fill("bare").message("ghost_file_entry")
    msg.mode, msg.dev, msg.rdev = 0o020600, value, value
    shown(mount, work, "GHOST_FILE", SCHEMA.encode(msg))


@pytest.mark.parametrize("bit", range(32))
def test_each_flag(mount, work, bit):
    msg = handmade.Fill("bare").message("vma_entry")
    msg.prot = msg.flags = msg.status = 1 << bit
    shown(mount, work, "VMAS", SCHEMA.encode(msg))


@pytest.mark.parametrize("value", [0, 0o2302003, 0xFFFFFFFF, 0x80000000])
def test_file_flags(mount, work, value):
    msg = handmade.Fill("bare").message("reg_file_entry")
    msg.flags = value
    shown(mount, work, "REG_FILES", SCHEMA.encode(msg))


@pytest.mark.parametrize("value", [0, 7, 8, 0xFFFFFFFF])
def test_page_and_seal_flags(mount, work, value):
    page = handmade.Fill("full").message("pagemap_entry")
    page.flags = value
    typ = TYPES["PAGEMAP"]
    image = Image(typ, "common", "<", [handmade.entry(typ), Entry("pagemap_entry", SCHEMA.encode(page))])
    dumps.write(work, "pagemap-1.img", image)
    seal = handmade.Fill("full").message("memfd_inode_entry")
    seal.seals = value
    memfd = Image(TYPES["MEMFD_INODE"], "common", "<", [Entry("memfd_inode_entry", SCHEMA.encode(seal))])
    dumps.write(work, "memfd.img", memfd)
    m = mount(work)
    assert mnt.read_text(m / "pagemap-1.img/1.json") == image.entries[1].text()
    assert mnt.read_text(m / "memfd.img/0.json") == memfd.entries[0].text()


@pytest.mark.parametrize("state", range(9))
def test_task_states(mount, work, state):
    """Only 1 has a name: crit's names for 3 and 6 are each other's."""
    core = handmade.Fill("bare").message("core_entry")
    core.tc.CopyFrom(handmade.Fill("bare").message("task_core_entry"))
    core.tc.task_state = state
    value = shown(mount, work, "CORE", SCHEMA.encode(core))
    assert value["tc"]["task_state"] == ("Alive" if state == 1 else state)


def test_socket_words(mount, work):
    """Names for the known families, types, states and protocols, numbers for the rest."""
    for i in range(20):
        msg = handmade.Fill("bare").message("inet_sk_entry")
        msg.family = msg.type = msg.state = msg.proto = i
        dumps.write(work, "inetsk-%d.img" % i, Image(
            TYPES["INETSK"], "common", "<", [Entry("inet_sk_entry", SCHEMA.encode(msg))]))
    m = mount(work)
    for i in range(20):
        want = criuimg.load(os.path.join(work, "inetsk-%d.img" % i)).entries[0].text()
        assert mnt.read_text(m / "inetsk-%d.img/0.json" % i) == want


# ------------------------------------------------------- unusual wire form

WIRE = {
    "out of order": wire_varint(4, 4) + wire_varint(3, 3) + wire_varint(2, 2) + wire_varint(1, 1),
    "doubled": wire_varint(1, 9) + pstree() + wire_varint(1, 8),
    "packed": pstree() + wire_bytes(5, b"\x01\x02\x83\x01"),
    "packed and not": pstree(threads=[7]) + wire_bytes(5, b"\x01\x02") + wire_varint(5, 9),
    "long varints": wire_varint(1, 1, 10) + wire_varint(2, 0, 5) + wire_varint(3, 300, 9) + wire_varint(4, 4),
    "more than 32 bits": wire_varint(1, 2 ** 40 + 5) + wire_varint(2, 2 ** 64 - 1) + wire_varint(3, 1)
    + wire_varint(4, 1),
}


@pytest.mark.parametrize("case", WIRE)
def test_wire(mount, work, case):
    shown(mount, work, "PSTREE", WIRE[case])


@pytest.mark.parametrize("whole_first", [True, False])
def test_doubled_messages_are_merged(mount, work, whole_first):
    """The half that lacks required fields is no fault, before or behind the whole."""
    whole = wire_bytes(3, SCHEMA.encode(handmade.Fill("bare").message("reg_file_entry")))
    half = wire_bytes(3, wire_varint(1, 99) + wire_varint(8, 5))
    payload = wire_varint(1, 1) + wire_varint(2, 5)
    value = shown(mount, work, "FILES", payload + (whole + half if whole_first else half + whole))
    assert (value["reg"]["id"] == 99) is whole_first
    assert value["reg"]["size"] == 5


@pytest.mark.parametrize("number", [0, 1, 2, 127, 128, 2 ** 63])
def test_bools(mount, work, number):
    value = shown(mount, work, "INVENTORY", wire_varint(1, 2) + wire_varint(2, number))
    assert value["fdinfo_per_id"] is (number != 0)


def test_set_but_empty_message(mount, work):
    msg = SCHEMA.encode(handmade.Fill("bare").message("inet_sk_entry"))
    assert shown(mount, work, "INETSK", msg + wire_bytes(20, b""))["tcp_opts"] == {}


def test_size_zero_entry(mount, work):
    assert shown(mount, work, "SECCOMP", b"") == {}


# ------------------------------------------------------------ architectures

ARCHES = {"X86_64": "thread_info", "ARM": "ti_arm", "AARCH64": "ti_aarch64", "PPC64": "ti_ppc64",
          "S390": "ti_s390", "MIPS": "ti_mips", "LOONGARCH64": "ti_loongarch64",
          "RISCV64": "ti_riscv64"}


@pytest.mark.parametrize("variant", ["full", "max", "min", "bare"])
@pytest.mark.parametrize("arch", ARCHES)
def test_core_of_each_architecture(mount, work, arch, variant):
    field = SCHEMA.field("core_entry", ARCHES[arch])
    fill = handmade.Fill(variant)
    core = fill.message("core_entry")
    for other in ARCHES.values():
        core.ClearField(other)
    core.mtype = SCHEMA.enums["core_entry.march"][arch]
    getattr(core, field["name"]).CopyFrom(fill.message(field["type"]))
    if variant == "bare":
        getattr(core, field["name"]).SetInParent()
    value = shown(mount, work, "CORE", SCHEMA.encode(core), ">" if arch == "S390" else "<")
    assert value["mtype"] == arch and ARCHES[arch] in value


def test_deep_recursion(mount, work):
    """Messages in messages, deeper than any dump has them."""
    node = wire_bytes(1, b"leaf")
    for i in range(40):
        node = wire_bytes(1, b"d%d" % i) + wire_bytes(2, node)
    shown(mount, work, "CGROUP", wire_bytes(2, wire_bytes(1, b"cpu") + wire_bytes(2, node)))
