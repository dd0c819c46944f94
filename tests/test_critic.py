"""critic decode and encode: the documents of all images are right, and lead back.

Every recorded image and one of every type, variant, header and byte order:
`decode`, pretty and plain, prints what crit prints but for the deviations that
deviations.py lists, and `encode` makes the image's own bytes of it.
"""
import json
import os
import subprocess

import pytest

import criuimg
import critic
import deviations
import dumps
import handmade
import mnt
from criuimg import Entry, Image, SCHEMA, TYPES
from handmade import wire_bytes, wire_fixed32, wire_varint

# Each image costs six processes: under the sanitizers a part of them must do. (All of
# them are converted there by test_critic_dirs.py, with one process a dump.)
STEP = 10 if mnt.sanitized() else 1


def sample(items):
    return list(items)[::STEP]


# ------------------------------------------------------------ recorded dumps

@pytest.mark.parametrize("name", dumps.NAMES)
def test_recorded(name):
    root = dumps.pristine(name)
    for rel, image in sample(dumps.images(root).items()):
        critic.check(os.path.join(root, rel), image)


def crit_says(name, rel):
    """(text, deviations) of crit's own document, both None where it is no use."""
    doc, used = deviations.correct(name, rel, dumps.document(name, rel))
    if doc is None:
        return None, None
    with open(os.path.join(dumps._tree("crit", name), rel + ".json"), encoding="utf-8") as f:
        return f.read(), used


@pytest.mark.parametrize("name", dumps.NAMES)
def test_as_crit_recorded_it(name):
    """Byte for byte where nothing is escaped and crit is right, else as the same value."""
    root = dumps.pristine(name)
    for rel, image in sample(dumps.images(root).items()):
        recorded, used = crit_says(name, rel)
        if recorded is None:
            continue
        shown = critic.decode(os.path.join(root, rel), "--pretty")
        if image.header == "v1.0":
            shown = shown.replace('    "$header": "v1.0",\n', "", 1)
        if "\\u" not in recorded and not any(used.values()):
            assert shown == recorded + "\n", rel
        doc, _ = deviations.correct(name, rel, json.loads(recorded))
        assert shown == critic.pretty(doc) + "\n", rel


@pytest.mark.parametrize("name", dumps.NAMES)
def test_what_is_no_image_is_refused(name):
    """Pages, logs, empty files: no output, and a message that names the file."""
    root = dumps.pristine(name)
    images = dumps.images(root)
    for rel in sample(r for r in dumps.files(root) if r not in images):
        path = os.path.join(root, rel)
        assert path in critic.run("decode", path).error(), rel
        assert path in critic.run("info", path).error(), rel


def test_large_page_map(work):
    """300,013 entries: the form of all of them, the contents of a sample, and back."""
    archive = dumps.large("frag300k")
    if not archive:
        pytest.skip("no larger collection of dumps")
    dumps.unpack(archive, work)
    root = os.path.join(work, "frag300k")
    path = max((os.path.join(root, n) for n in os.listdir(root) if n.startswith("pagemap-")), key=os.path.getsize)
    image = criuimg.load(path)
    for form in (["--pretty"], []):
        shown = critic.decode(path, *form)
        value = json.loads(shown)
        assert critic.spell(value, form) + "\n" == shown
        assert len(value["entries"]) == len(image.entries) == 300013
        for i in [*range(0, 300013, 997), 300012]:
            assert value["entries"][i] == image.entries[i].json(bool(form))
        assert critic.encode(shown) == mnt.read(path)


@pytest.mark.skipif(mnt.sanitized(), reason="sanitizers take address space")
@pytest.mark.parametrize("way", ["a pipe", "a file", "entries first"])
def test_large_payload_in_little_memory(work, way):
    """A payload of 200 MB, with 64 MB of address space: nothing is held as a whole."""
    msg = handmade.entry(TYPES["GHOST_FILE"], 0, "bare")
    path = dumps.write(work, "ghost.img", Image(TYPES["GHOST_FILE"], "common", "<", [Entry(msg.message, msg.payload)]))
    with open(path, "r+b") as f:
        f.truncate(200 << 20)
    encode = {"a pipe": '"$0" decode ghost.img | "$0" encode > back',
              "a file": '"$0" decode ghost.img -o doc --pretty && "$0" encode doc -o back',
              "entries first": """"$0" decode ghost.img | sed 's/"magic": "GHOST_FILE", //; s/}$/, "magic": "GHOST_FILE"}/'"""
                               """ > doc && (ulimit -v 65536; "$0" encode < doc > back)"""}[way]
    limit = "" if way == "entries first" else "ulimit -v 65536; "
    done = subprocess.run(["bash", "-o", "pipefail", "-c", limit + encode, critic.CRITIC], cwd=work,
                          capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
    assert subprocess.run(["cmp", path, work + "/back"]).returncode == 0


# ------------------------------------------------------------ hand-made dumps

# header (None: the type's own), byte order, which fields are set
MADE = [(None, "<", "full"), (None, "<", "max"), (None, "<", "min"), (None, "<", "bare"),
        ("v1.0", "<", "full"), (None, ">", "full"), ("v1.0", ">", "full"), ("common", "<", "bare"),
        ("service", "<", "bare")]


def made_id(param):
    header, order, variant = param
    return "%s-%s-%s" % (header or "own", {"<": "little", ">": "big"}[order], variant)


@pytest.mark.parametrize("made", MADE, ids=made_id)
def test_every_type(work, made):
    header, order, variant = made
    images = handmade.make_dump(work, variant, header, order)
    assert len(images) == len(TYPES)
    for name, image in sample(images.items()):
        critic.check(os.path.join(work, name), image)


@pytest.mark.parametrize("order", "<>")
def test_headers_without_entries(work, order):
    """"entries" is there, and empty."""
    for typ in sample(TYPES.values()):
        for header in ["none"] if typ.first == "none" else ["v1.0", "common", "service"]:
            image = Image(typ, header, order)
            path = dumps.write(work, "any", image)
            assert critic.document(image)["entries"] == []
            critic.check(path, image)


def test_the_inventory_has_no_header_key(work):
    """Its header is one word in every version; two are told apart from that."""
    image = handmade.image(TYPES["INVENTORY"])
    path = dumps.write(work, "inventory.img", image)
    assert "$header" not in critic.decode(path)
    image.header = "common"
    dumps.write(work, "inventory.img", image)
    assert json.loads(critic.decode(path))["$header"] == "common"
    critic.check(path, image)


# ----------------------------------------------------- extras and odd contents

def image_of(name, *entries, order="<"):
    return Image(TYPES[name], "none" if TYPES[name].first == "none" else "common", order, entries)


def ghost(mode):
    msg = handmade.entry(TYPES["GHOST_FILE"]).decode()
    msg.mode = mode
    msg.ClearField("chunks")
    return image_of("GHOST_FILE", Entry("ghost_file_entry", SCHEMA.encode(msg)))


def shm(inside, outside):
    """Segments whose contents are in the page maps, and such as have them here."""
    typ = TYPES["IPCNS_SHM"]
    msg = handmade.entry(typ).decode()
    msg.in_pagemaps, msg.size = True, 1 << 40
    within = Entry("ipc_shm_entry", SCHEMA.encode(msg))
    return image_of("IPCNS_SHM", *[within] * inside, handmade.entry(typ, size=outside), within)


def queue(sizes, order="<"):
    msg = handmade.entry(TYPES["IPCNS_MSG"]).decode()
    msg.qnum = len(sizes)
    extra = [handmade.ipc_msg(size, seed=size) for size in sizes]
    return image_of("IPCNS_MSG", Entry("ipc_msg_entry", SCHEMA.encode(msg), extra),
                    handmade.entry(TYPES["IPCNS_MSG"], size=2), order=order)


def sized(name, sizes, order="<"):
    return image_of(name, *[handmade.entry(TYPES[name], 0, "bare", size) for size in sizes], order=order)


EXTRAS = {
    "chunked ghost": handmade.chunked_ghost,
    "chunked ghost, big endian": lambda: handmade.chunked_ghost(">"),
    "ghost without chunks in it": lambda: handmade.chunked_ghost("<", ()),
    "empty ghost": lambda: sized("GHOST_FILE", [0]),
    "directory ghost": lambda: ghost(0o040755),
    "device ghost": lambda: ghost(0o060644),
    "shm in page maps": lambda: shm(3, 6),
    "shm of 0 bytes": lambda: shm(0, 0),
    "semaphores": lambda: sized("IPCNS_SEM", range(9)),
    "semaphores, big endian": lambda: sized("IPCNS_SEM", range(9), ">"),
    "messages": lambda: queue(range(18)),
    "messages, big endian": lambda: queue(range(18), ">"),
    "queue without messages": lambda: queue([]),
    "base64 lines": lambda: sized("PIPES_DATA", [0, 1, 2, 3, 56, 57, 58, 114, 115, 5000]),
    "bpf maps": lambda: sized("BPFMAP_DATA", [0, 1, 2, 3, 100]),
    "tcp queues": lambda: sized("TCP_STREAM", [0, 1, 2, 3, 100]),
    "large extras": lambda: sized("SK_QUEUES", [3 << 20, 0, 65536, 65535, 65537, 49152, (1 << 20) + 1]),
    "a large queue": lambda: queue([70000, 1, 3 << 20]),
}


@pytest.mark.parametrize("case", EXTRAS)
def test_extras(work, case):
    image = EXTRAS[case]()
    critic.check(dumps.write(work, "image", image), image)


PSTREE = wire_varint(1, 5) + wire_varint(2, 1) + wire_varint(3, 5) + wire_varint(4, 5)
NAMELESS = wire_varint(1, 1) + wire_varint(2, 5)
REG = handmade.Fill("bare").message("reg_file_entry")


def reg_file(name=b"/etc/passwd", more=b""):
    REG.name = name
    return NAMELESS + wire_bytes(3, SCHEMA.encode(REG) + more)


# {case: (type, payloads)}
PAYLOADS = {
    "unknown fields": ("PSTREE", [PSTREE + wire_varint(2000, 5) + wire_bytes(2001, bytes(100)),
                                  PSTREE, PSTREE + wire_fixed32(2000, b"1234")]),
    "unknown fields within": ("FILES", [reg_file(more=wire_bytes(2000, b"abc")), reg_file()]),
    "unknown enum numbers": ("FILES", [wire_varint(1, n) + wire_varint(2, 5) for n in (77, -1)]),
    "strings that are no UTF-8": ("FILES", [reg_file(b"/tmp/\xff"), reg_file(b"\xed\xa0\x80" * 50)]),
    "strings": ("FILES", [reg_file(handmade.STRING.encode()), reg_file(b""), reg_file(b"a\0b"),
                          reg_file("\u00e4\u20ac\U0001f600\u2028".encode()), reg_file(b"x" * 200000)]),
    "undecodable": ("PSTREE", [PSTREE, b"", b"\x08\x80", PSTREE, bytes(60), b"\xff" * 57]),
    "required field missing within": ("FILES", [NAMELESS + wire_bytes(3, b""), reg_file()]),
    "nothing set": ("SECCOMP", [b"", b"", b""]),
}


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("case", PAYLOADS)
def test_payloads(work, case, order):
    typ, payloads = PAYLOADS[case]
    image = image_of(typ, *[Entry(TYPES[typ].message(0), p) for p in payloads], order=order)
    critic.check(dumps.write(work, "image", image), image)


def test_undecodable_entry_with_an_extra(work):
    """Its length can be read though another required field is missing."""
    good = handmade.entry(TYPES["PIPES_DATA"])
    bad = Entry("pipe_data_entry", wire_varint(2, 5), b"hello")
    data = criuimg.write_image(image_of("PIPES_DATA", good, bad, good))
    path = dumps.write(work, "pipes-data.img", data)
    value = json.loads(critic.decode(path, "--pretty"))
    assert value["entries"][1:] == [{"$raw": criuimg.b64(bad.payload), "extra": criuimg.b64(b"hello")},
                                    critic.entry(good)]
    assert list(value["entries"][1]) == ["$raw", "extra"]
    critic.check_way_back(path, data)


def damaged(typ):
    """A small image with more than one entry where its type has more."""
    image = handmade.image(TYPES[typ], "bare")
    if typ != "FDINFO":
        for i, size in enumerate((9, 0, 3)[:len(image.entries)]):
            image.entries[i] = handmade.entry(TYPES[typ], i, "bare", size)
    return image


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("typ", ["FDINFO", "PIPES_DATA", "TCP_STREAM", "BPFMAP_DATA", "IPCNS_MSG", "IPCNS_SEM",
                                 "IPCNS_SHM", "PAGEMAP", "CORE"])
def test_damaged_tails(work, typ, order):
    """Whatever an image is cut to, what is left of it leads back to itself."""
    image = damaged(typ)
    image.order = order
    data = criuimg.write_image(image)
    tails = 0
    for size in sorted(set(range(critic.HEADER, len(data), max(1, len(data) * STEP // 60)))):
        cut = criuimg.read_image(data[:size])
        path = dumps.write(work, "cut.img", data[:size])
        if typ.startswith("IPCNS"):  # at the end of a file, padding may be missing: either reading will do
            critic.check_way_back(path, data[:size])
        else:
            critic.check(path, cut)
        tails += "$tail" in critic.decode(path)
    assert tails > 1


@pytest.mark.parametrize("tail", [b"\0", b"\xff" * 4, b"\1\0\0\0", bytes(3), b"\xff" * 1000])
def test_tail_without_entries(work, tail):
    image = image_of("FDINFO")
    image.tail = tail
    critic.check(dumps.write(work, "image", image), image)
