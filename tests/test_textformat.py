"""critic show --text: what protobuf's own tools read of it are the same bytes.

The judges are protoc, python's text_format as a parser and, where it can hold the
message, as a printer: its text must be ours but for the indent.
"""
import os
import random
import re
import subprocess

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format

import criuimg
import dumps
import handmade
import mnt
from criuimg import Entry, Image, SCHEMA, TYPES
from handmade import wire_bytes, wire_fixed32, wire_fixed64, wire_varint

PROTO = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "proto")
SHOW = [os.path.join(mnt.BUILD, "critic"), "show", "--text"]

HEADING = re.compile(r"#(\d+)(?:\.(\d+))? (\w+)")
UNITS = {"sems": "value"}


# ------------------------------------------------------ protobuf's own tools

class Own:
    """The messages of proto/, as the tools see them: strings are text, enums are closed."""

    def __init__(self):
        done = subprocess.run(["protoc", "--include_imports", "--descriptor_set_out=/dev/stdout",
                               "-I" + PROTO, *proto_files()], capture_output=True, check=True)
        pool = descriptor_pool.DescriptorPool()
        for proto in descriptor_pb2.FileDescriptorSet.FromString(done.stdout).file:
            pool.AddSerializedFile(proto.SerializeToString())
        self.pool, self.factory = pool, message_factory.MessageFactory(pool)

    def new(self, message):
        return self.factory.GetPrototype(self.pool.FindMessageTypeByName(message))()

    def parse(self, message, text):
        return text_format.Parse(text, self.new(message)).SerializeToString(deterministic=True)

    def printed(self, message, payload):
        """What text_format prints, with the indent that an entry's fields have."""
        msg = self.new(message)
        msg.ParseFromString(payload)
        lines = text_format.MessageToString(msg).splitlines()
        return [" " * (4 + len(l) - len(l.lstrip(" "))) + l for l in lines]


def proto_files():
    return sorted(os.path.join(PROTO, n) for n in os.listdir(PROTO) if n.endswith(".proto"))


@pytest.fixture(scope="module")
def own():
    return Own()


def protoc(message, text):
    """The bytes that protoc makes of a text."""
    done = subprocess.run(["protoc", "--encode=" + message, "-I" + PROTO, *proto_files()],
                          input=text.encode(), capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


# ---------------------------------------------------------------- the text

def run(path):
    done = subprocess.run([*SHOW, path], capture_output=True, env=mnt.environment())
    mnt.check_log(done.stderr.decode())
    return done


def show(path):
    done = run(path)
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout.decode("ascii")


def split(text):
    """[(number, number within a queue or None, message, lines)], lines of the image itself."""
    lines = text.split("\n")
    assert lines.pop() == ""
    blocks, around = [], []
    for line in lines:
        heading = HEADING.fullmatch(line)
        if heading:
            n, m, message = heading.groups()
            blocks.append((int(n), m if m is None else int(m), message, []))
        elif line.startswith("#"):
            around.append(line)
        else:
            blocks[-1][3].append(line)
    return blocks, around


def numbered(unit, n):
    return "%d %s%s" % (n, unit, "" if n == 1 else "s")


def blob_comments(entry):
    """The comment lines that an entry's extra makes."""
    extra = entry.extra
    if extra is None or entry.message == "ipc_msg_entry":
        return []
    named = extra if isinstance(extra, dict) else {
        "sems" if entry.message == "ipc_sem_entry" else "extra": extra}
    return ["    # %s: %s" % (k, numbered(UNITS.get(k, "byte"), len(v))) for k, v in named.items()]


def expected_blocks(image):
    """[(number, number within a queue, message, payload, comments about extras)]"""
    out = []
    for n, entry in enumerate(image.entries):
        out.append((n, None, entry.message, entry.payload, blob_comments(entry)))
        if entry.message == "ipc_msg_entry":
            out += [(n, m, "ipc_msg", payload, ["    # extra: " + numbered("byte", len(data))])
                    for m, (payload, data) in enumerate(entry.extra)]
    return out


def check(own, image, text, unknown=False):
    """The whole text of an image. `unknown`: it has fields that its schema has not."""
    blocks, around = split(text)
    want = expected_blocks(image)
    tail = ["# tail: %s no entries" % ("1 byte is" if len(image.tail) == 1 else
                                       "%d bytes are" % len(image.tail))]
    assert around == ["#" + image.type.name] + (tail if image.tail else [])
    assert [b[:3] for b in blocks] == [w[:3] for w in want]
    for (_, _, message, lines), (_, _, _, payload, extras) in zip(blocks, want):
        if extras:
            assert lines[-len(extras):] == extras
            fields = lines[:-len(extras)]
        else:
            fields = lines
        if not unknown:
            assert fields == own.printed(message, payload)
        assert own.parse(message, "\n".join(lines)) == known(message, payload)


def known(message, payload):
    """The message in protobuf's order, without what the schema has not."""
    msg = SCHEMA.decode(message, payload)
    msg.DiscardUnknownFields()
    return SCHEMA.encode(msg)


# ------------------------------------------------------------ recorded dumps

@pytest.mark.parametrize("name", dumps.NAMES)
def test_recorded(own, name):
    root = dumps.pristine(name)
    for rel, image in dumps.images(root).items():
        check(own, image, show(os.path.join(root, rel)))
        for entry in image.entries:  # or known() would hide a loss
            assert known(entry.message, entry.payload) == entry.payload, rel


def test_recorded_with_protoc():
    """One-entry images as they are printed, headings and comments too."""
    seen = set()
    for name in ("demo", "container-ipc", "apparmor", "legacy-container"):
        root = dumps.pristine(name)
        for rel, image in dumps.images(root).items():
            if len(image.entries) != 1 or image.type.name in seen or image.type.extra == "msg":
                continue
            entry = image.entries[0]
            assert protoc(entry.message, show(os.path.join(root, rel))) == entry.payload, rel
            seen.add(image.type.name)
    assert len(seen) > 15


# ---------------------------------------------------------------- hand-made

@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("variant", handmade.VARIANTS)
def test_every_type(own, work, variant, order):
    for name, image in handmade.make_dump(work, variant, order=order).items():
        check(own, image, show(os.path.join(work, name)))


@pytest.mark.parametrize("typ", ["CORE", "FILES", "INVENTORY", "CGROUP"])
def test_full_messages_with_protoc(work, typ):
    image = handmade.image(TYPES[typ])
    image.entries = image.entries[:1]
    entry = image.entries[0]
    text = show(dumps.write(work, TYPES[typ].example_name(), image))
    assert protoc(entry.message, text) == entry.payload


@pytest.mark.parametrize("order", "<>")
def test_chunked_ghost(own, work, order):
    image = handmade.chunked_ghost(order)
    check(own, image, show(dumps.write(work, "ghost-file-7.img", image)))


def test_header_alone(own, work):
    image = Image(TYPES["CORE"], "common")
    assert show(dumps.write(work, "core-7.img", image)) == "#CORE\n"


def test_example(work):
    """Each sort of line once."""
    typ = TYPES["IPCNS_MSG"]
    message = SCHEMA.new("ipc_msg")
    message.mtype, message.msize = 7, 3
    queue = SCHEMA.new("ipc_msg_entry")
    queue.desc.CopyFrom(handmade.Fill("bare").message("ipc_desc_entry"))
    queue.qbytes, queue.qnum = 16384, 1
    entry = Entry(typ.message(0), SCHEMA.encode(queue) + wire_varint(77, 5),
                  [(SCHEMA.encode(message), b"abc")])
    text = show(dumps.write(work, "ipcns-msg-7.img", Image(typ, "common", "<", [entry], b"xyz")))
    desc = "".join("        %s: %d\n" % (f.name, v) for f, v in queue.desc.ListFields())
    assert text == ("#IPCNS_MSG\n"
                    "#0 ipc_msg_entry\n"
                    "    desc {\n" + desc +
                    "    }\n"
                    "    qbytes: 16384\n"
                    "    qnum: 1\n"
                    "    # 77: 5\n"
                    "#0.0 ipc_msg\n"
                    "    mtype: 7\n"
                    "    msize: 3\n"
                    "    # extra: 3 bytes\n"
                    "# tail: 3 bytes are no entries\n")


# -------------------------------------------------------- unusual messages

def one(work, typ, payload, order="<"):
    """(image, text) of an image with one entry."""
    image = Image(TYPES[typ], "common", order, [Entry(TYPES[typ].message(0), payload)])
    return image, show(dumps.write(work, TYPES[typ].example_name(), image))


def pstree(threads=()):
    return SCHEMA.encode(criuimg.from_json("pstree_entry", {
        "pid": 1, "ppid": 0, "pgid": 1, "sid": 1, "threads": list(threads)}))


def reg_file(name=b"/etc/passwd", more=b""):
    msg = handmade.Fill("bare").message("reg_file_entry")
    msg.name = name
    return wire_varint(1, 1) + wire_varint(2, 5) + wire_bytes(3, SCHEMA.encode(msg) + more)


UNKNOWN = [
    (wire_varint(2000, 5), ["# 2000: 5"]),
    (wire_varint(2000, -1), ["# 2000: 18446744073709551615"]),
    (wire_bytes(2000, b'a"\n\xff'), ['# 2000: "a\\"\\n\\377"']),
    (wire_fixed32(2000, b"1234"), ["# 2000: 0x34333231"]),
    (wire_fixed64(536870911, b"\1" + bytes(7)), ["# 536870911: 0x0000000000000001"]),
    (wire_varint(2002, 1) + wire_bytes(2001, b"") + wire_varint(2002, 2),
     ["# 2002: 1", '# 2001: ""', "# 2002: 2"]),
]


@pytest.mark.parametrize("more, lines", UNKNOWN)
def test_unknown_fields(own, work, more, lines):
    for payload in (pstree([3]) + more, more + pstree([3])):
        image, text = one(work, "PSTREE", payload)
        assert text.endswith("    threads: 3\n" + "".join("    %s\n" % l for l in lines))
        check(own, image, text, unknown=True)
        assert protoc("pstree_entry", text) == pstree([3])


@pytest.mark.parametrize("more, lines", UNKNOWN)
def test_unknown_fields_of_an_inner_message(own, work, more, lines):
    image, text = one(work, "FILES", reg_file(more=more))
    assert text.endswith("".join("        %s\n" % l for l in lines) + "    }\n")
    check(own, image, text, unknown=True)


def test_known_number_of_another_wire_type(own, work):
    """What protobuf takes for an unknown field is one."""
    image, text = one(work, "PSTREE", wire_bytes(1, b"pid") + pstree())
    assert text.endswith('    # 1: "pid"\n')
    check(own, image, text, unknown=True)


@pytest.mark.parametrize("number", [77, 2 ** 31 - 1, -1, -2 ** 31])
def test_unknown_enum_numbers(own, work, number):
    """Shown as they are. The tools refuse them, which is better than to lose one."""
    _, text = one(work, "FILES", wire_varint(1, number) + wire_varint(2, 5))
    assert "\n    type: %d\n" % number in text
    with pytest.raises(text_format.ParseError):
        own.parse("file_entry", text)


@pytest.mark.parametrize("name", [
    b"", b"a\0b", b"\0001", handmade.STRING.encode(), bytes(range(128)), b"\\", b"'\"", b"\\u00e4",
    b"\\\\\xe2\x82\xac", "\ud7ff\ue000\uffff\U0010ffff\u0085\u2028\ufeff".encode(), b"x" * 70000])
def test_strings(own, work, name):
    image, text = one(work, "FILES", reg_file(name))
    check(own, image, text)
    assert protoc("file_entry", text) == reg_file(name)


@pytest.mark.parametrize("name", [b"/tmp/\xff", b"\x80", b"\xc3", b"\xed\xa0\x80", b"x\xf8\x88"])
def test_strings_that_are_no_utf8(own, work, name):
    """protoc reads them back; python has no such strings and says so."""
    _, text = one(work, "FILES", reg_file(name))
    assert protoc("file_entry", text) == reg_file(name)
    with pytest.raises(text_format.ParseError):
        own.parse("file_entry", text)


def test_bytes(own, work):
    msg = handmade.Fill("bare").message("unix_sk_entry")
    msg.name = bytes(range(256)) + b"7"
    image, text = one(work, "UNIXSK", SCHEMA.encode(msg))
    check(own, image, text)
    assert protoc("unix_sk_entry", text) == SCHEMA.encode(msg)


def test_set_but_empty_message(own, work):
    msg = SCHEMA.encode(handmade.Fill("bare").message("inet_sk_entry")) + wire_bytes(20, b"")
    image, text = one(work, "INETSK", msg)
    assert text.endswith("    tcp_opts {\n    }\n")
    check(own, image, text)


def test_size_zero_entry(own, work):
    image, text = one(work, "SECCOMP", b"")
    assert text == "#SECCOMP\n#0 seccomp_entry\n"
    check(own, image, text)


@pytest.mark.parametrize("number", [0, 1, 2, 2 ** 63])
def test_bools(work, number):
    payload = wire_varint(1, 2) + wire_varint(2, number)
    image = Image(TYPES["INVENTORY"], "none", "<", [Entry("inventory_entry", payload)])
    text = show(dumps.write(work, "inventory.img", image))
    assert "    fdinfo_per_id: %s\n" % ("true" if number else "false") in text


WIRE = {
    "out of order": wire_varint(4, 4) + wire_varint(3, 3) + wire_varint(2, 2) + wire_varint(1, 1),
    "doubled": wire_varint(1, 9) + pstree() + wire_varint(1, 8),
    "packed": pstree() + wire_bytes(5, b"\x01\x02\x83\x01"),
    "packed and not": pstree([7]) + wire_bytes(5, b"\x01\x02") + wire_varint(5, 9),
    "packed nothing": pstree() + wire_bytes(5, b""),
    "apart": wire_varint(5, 1) + pstree([2]),
    "long varints": wire_varint(1, 1, 10) + wire_varint(2, 0, 5) + wire_varint(3, 300, 9)
    + wire_varint(4, 4),
    "more than 32 bits": wire_varint(1, 2 ** 40 + 5) + wire_varint(2, 2 ** 64 - 1)
    + wire_varint(3, 1) + wire_varint(4, 1),
}


@pytest.mark.parametrize("case", WIRE)
def test_wire(own, work, case):
    check(own, *one(work, "PSTREE", WIRE[case]))


@pytest.mark.parametrize("whole_first", [True, False])
def test_doubled_messages_are_merged(own, work, whole_first):
    whole = wire_bytes(3, SCHEMA.encode(handmade.Fill("bare").message("reg_file_entry")))
    half = wire_bytes(3, wire_varint(8, 5) + wire_varint(1, 99))
    payload = wire_varint(1, 1) + wire_varint(2, 5)
    check(own, *one(work, "FILES", payload + (whole + half if whole_first else half + whole)))


def cgroup(depth):
    """Messages nested so deep, the entry itself counted."""
    node = wire_bytes(1, b"leaf")
    for i in range(depth - 3):
        node = wire_bytes(1, b"d%d" % i) + wire_bytes(2, node)
    return wire_bytes(2, wire_bytes(1, b"cpu") + wire_bytes(2, node))


@pytest.mark.parametrize("depth", [3, 40, 100])
def test_deep_nesting(own, work, depth):
    image, text = one(work, "CGROUP", cgroup(depth))
    assert "\n" + "    " * depth + 'dir_name: "leaf"\n' in text
    check(own, image, text)
    assert protoc("cgroup_entry", text) == cgroup(depth)


def damaged(payload, chance):
    data = bytearray(payload)
    for _ in range(chance.randrange(1, 4)):
        at = chance.randrange(len(data))
        if chance.random() < 0.3:
            del data[at]
        else:
            data[at:at + chance.randrange(2)] = [chance.randrange(256)]
    return bytes(data)


@pytest.mark.parametrize("typ", ["PSTREE", "MM", "FS"])
def test_random_damage(own, work, typ):
    """What is shown at all is what protobuf makes of the bytes; types without strings."""
    chance = random.Random(typ)
    message = TYPES[typ].message(0)
    whole = handmade.entry(TYPES[typ]).payload
    entries = [Entry(message, damaged(whole, chance)) for _ in range(300)]
    text = show(dumps.write(work, TYPES[typ].example_name(),
                            Image(TYPES[typ], "common", "<", entries)))
    shown = 0
    for (_, _, _, lines), entry in zip(split(text)[0], entries):
        if lines and "can't be decoded" in lines[0]:
            continue
        shown += 1
        assert own.parse(message, "\n".join(lines)) == known(message, entry.payload)
    assert shown > 10


# --------------------------------------------------------- what is broken

UNDECODABLE = {
    "cut": ("FS", wire_varint(1, 1) + b"\x12"),
    "nothing": ("FS", b""),
    "required": ("PSTREE", wire_varint(1, 1) + wire_varint(5, 1)),
    "group": ("PSTREE", pstree() + b"\x33\x34"),
    "packed": ("PSTREE", pstree() + wire_bytes(5, b"\x81")),
    "inner": ("FILES", wire_varint(1, 1) + wire_varint(2, 5) + wire_bytes(3, wire_varint(1, 1))),
    "too deep": ("CGROUP", cgroup(150)),
}


@pytest.mark.parametrize("case", UNDECODABLE)
def test_what_can_not_be_decoded(work, case):
    """A comment in its place, and nothing of it is half shown; its neighbours are there."""
    typ, payload = UNDECODABLE[case]
    message = TYPES[typ].message(0)
    good = handmade.entry(TYPES[typ], variant="bare")
    image = Image(TYPES[typ], "common", "<", [Entry(message, payload), good])
    blocks, _ = split(show(dumps.write(work, TYPES[typ].example_name(), image)))
    assert blocks[0] == (0, None, message, ["    # can't be decoded: %d bytes" % len(payload)])
    assert len(blocks) == 2 and blocks[1][3] != blocks[0][3]


def test_large_text_of_a_message(work):
    """Beyond some 256 MB an entry is not shown, and its neighbours are."""
    large = pstree() + wire_bytes(5, b"\1" * (20 << 20))
    entries = [Entry("pstree_entry", p) for p in (pstree(), large, pstree([7]))]
    text = show(dumps.write(work, "pstree.img", Image(TYPES["PSTREE"], "common", "<", entries)))
    blocks, _ = split(text)
    assert blocks[1][3] == ["    # is too large to be shown: %d bytes" % len(large)]
    assert blocks[2][3] == blocks[0][3] + ["    threads: 7"]


@pytest.mark.parametrize("tail", [b"\1", b"\1\0\0\0", b"\xff" * 300])
def test_tail(own, work, tail):
    image = Image(TYPES["PSTREE"], "common", "<", [Entry("pstree_entry", pstree())], tail)
    check(own, image, show(dumps.write(work, "pstree.img", image)))


@pytest.mark.parametrize("typ", ["FDINFO", "PIPES_DATA", "IPCNS_SEM", "IPCNS_MSG", "GHOST_FILE"])
def test_cut_anywhere(work, typ):
    image = handmade.image(TYPES[typ], "bare")
    data = criuimg.write_image(image)
    for size in range(8, len(data), 7):
        text = show(dumps.write(work, TYPES[typ].example_name(), data[:size]))
        assert text.startswith("#%s\n" % typ) and len(split(text)[0]) <= 6


def test_no_image(work):
    path = dumps.write(work, "core-7.img", b"text\n")
    done = run(path)
    assert done.returncode == 1 and done.stdout == b""
    assert done.stderr.startswith(b"critic: %s: error: " % path.encode())


def test_full_disk(work):
    path = dumps.write(work, "core-7.img", handmade.image(TYPES["CORE"]))
    with open("/dev/full", "wb") as full:
        done = subprocess.run([*SHOW, path], stdout=full, stderr=subprocess.PIPE,
                              env=mnt.environment())
    assert (done.returncode, done.stderr) == (1, b"critic: <stdout>: No space left on device\n")


def test_stdin(own, work):
    image = handmade.image(TYPES["FDINFO"])
    done = subprocess.run([*SHOW, "-"], input=criuimg.write_image(image), capture_output=True,
                          env=mnt.environment())
    assert (done.returncode, done.stderr) == (0, b"")
    check(own, image, done.stdout.decode())


def test_memory_does_not_grow_with_the_image(work):
    """Some 20 MB become some 50, within two."""
    if mnt.sanitized():
        pytest.skip("a sanitizer has memory of its own")
    image = Image(TYPES["PSTREE"], "common", "<", [Entry("pstree_entry", pstree(range(100, 150)))])
    header, entry = criuimg.write_header(image), criuimg.write_entry(image, image.entries[0])
    path = dumps.write(work, "pstree.img", header + entry * 200000)
    done = subprocess.run(["sh", "-c", 'ulimit -d 2048 && exec "$@"', "sh", *SHOW, path],
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (0, b"")
