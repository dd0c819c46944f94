"""Documents in other words than critic's own: what crit takes, what go-criu and jq write.

However a document is spelled, the image is that of the document that critic
itself prints of it.
"""
import base64
import json
import random

import pytest

import criuimg
import critic
import dumps
import handmade
import mnt
from criuimg import Entry, Image, SCHEMA, TYPES, b64
from handmade import wire_bytes

STEP = 7 if mnt.sanitized() else 1
RECORDED = ["demo", "container-ipc", "legacy-v1-python3-r", "zdtm-msgque-ns", "zdtm-sockets01",
            "zdtm-socket-tcp-syn-sent", "zdtm-ghost_holes00", "incremental", "apparmor"]


def images():
    """(name, image) of some dumps and of every type by hand."""
    for name in RECORDED:
        for rel, image in dumps.images(dumps.pristine(name)).items():
            yield name + "/" + rel, image
    for variant in ("full", "bare"):
        for typ in TYPES.values():
            yield variant + "/" + typ.name, handmade.image(typ, variant)
    yield "chunked ghost", handmade.chunked_ghost()


def in_every_image(spell):
    """spell(image) gives other texts of its document: they all lead to its bytes."""
    for name, image in list(images())[::STEP]:
        data = criuimg.write_image(image)
        for text in spell(image):
            assert critic.encode(text) == data, name + "\n" + text[:2000]


def values(value, change):
    """The same structure with change() of each value that is no list or object."""
    if isinstance(value, dict):
        return {key: values(v, change) for key, v in value.items()}
    return [values(v, change) for v in value] if isinstance(value, list) else change(value)


def in_entries(doc, change):
    """The document with change() of its entries' values, but of none in an extra."""
    def entry(value):
        return {k: v if k == "extra" else values(v, change) for k, v in value.items()}
    return dict(doc, entries=[entry(e) for e in doc["entries"]])


# -------------------------------------------------------------------- layout

def test_escaped():
    """json.dump escapes all that is not ASCII, as crit does; pairs of surrogates too."""
    in_every_image(lambda image: [json.dumps(critic.document(image), indent=4, ensure_ascii=True),
                                  json.dumps(critic.document(image, False), ensure_ascii=True)])


@pytest.mark.parametrize("layout", ["compact", "one space", "tabs", "CRLF", "spread", "around"])
def test_white_space(layout):
    def spell(image):
        doc = critic.document(image)
        yield {"compact": lambda: json.dumps(doc, separators=(",", ":")),
               "one space": lambda: json.dumps(doc, indent=1),
               "tabs": lambda: json.dumps(doc, indent="\t"),
               "CRLF": lambda: critic.pretty(doc).replace("\n", "\r\n"),
               "spread": lambda: json.dumps(doc, separators=(" \n,\t", " \r\n:\n ")),
               "around": lambda: "\n\r\t " + critic.plain(doc) + "\n\n \t\r\n"}[layout]()
    in_every_image(spell)


def test_escapes_of_ascii(work):
    """Any character may be escaped, in keys too."""
    text = critic.plain(critic.document(handmade.image(TYPES["PSTREE"])))
    escaped = "".join("\\u%04x" % ord(c) if c.isalpha() else c for c in text)
    assert critic.encode(escaped) == critic.encode(text)
    assert critic.encode(text.replace("PSTREE", "PSTR\\u0045E")) == critic.encode(text)


# ----------------------------------------------------------------- key order

def backwards(value):
    if isinstance(value, dict):
        return {k: backwards(v) for k, v in reversed(list(value.items()))}
    return [backwards(v) for v in value] if isinstance(value, list) else value


def shuffled(value, rand):
    if isinstance(value, dict):
        keys = list(value)
        rand.shuffle(keys)
        return {k: shuffled(value[k], rand) for k in keys}
    return [shuffled(v, rand) for v in value] if isinstance(value, list) else value


def test_sorted_keys():
    """jq -S: "entries" comes before "magic"."""
    in_every_image(lambda image: [json.dumps(critic.document(image), sort_keys=True, indent=2,
                                             ensure_ascii=False)])


def test_keys_in_any_order():
    """"extra" first, "entries" before all that says how to write them."""
    in_every_image(lambda image: [critic.plain(backwards(critic.document(image))),
                                  critic.pretty(shuffled(critic.document(image), random.Random(4)))])


@pytest.mark.parametrize("header, order", [("v1.0", "<"), ("common", ">"), ("v1.0", ">")])
def test_headers_behind_the_entries(header, order):
    for typ in list(TYPES.values())[::STEP]:
        image = handmade.image(typ, "bare", header, order)
        image.tail = b"\xff" * 5 if typ.extra != "ghost" else b""
        for text in (critic.plain(backwards(critic.document(image))),
                     json.dumps(critic.document(image), sort_keys=True)):
            assert critic.encode(text) == criuimg.write_image(image), typ.name


def test_entries_first_from_files_and_pipes(work):
    """A pipe can be read once only; large documents do not fit into memory for long."""
    image = critic.pipe_data(bytes(range(256)) * 40000)
    text = json.dumps(critic.document(image), sort_keys=True)
    assert text.startswith('{"entries"')
    data = criuimg.write_image(image)
    assert critic.encode(text) == data
    dumps.write(work, "doc", text.encode())
    assert critic.run("encode", work + "/doc").bytes() == data
    with open(work + "/doc", "rb") as f:
        assert critic.run("encode", stdin=f).bytes() == data


def test_many_entries_first(work):
    entry = handmade.entry(TYPES["PSTREE"], 0, "bare")
    image = Image(TYPES["PSTREE"], "common", "<", [entry] * (20000 // STEP))
    for text in (json.dumps(critic.document(image), sort_keys=True), critic.plain(critic.document(image))):
        assert critic.encode(text) == criuimg.write_image(image)


# ------------------------------------------------------------------- numbers

def strings(how):
    return lambda v: how(v) if isinstance(v, int) and not isinstance(v, bool) else v


@pytest.mark.parametrize("base", ["decimal", "hexadecimal", "octal", "capitals"])
def test_numbers_as_strings(base):
    """crit reads a string as Python's int(x, 0) does, whatever the field is shown as."""
    how = {"decimal": str, "hexadecimal": hex, "octal": oct, "capitals": "{:#X}".format}[base]
    in_every_image(lambda image: [critic.plain(in_entries(critic.document(image, False), strings(how)))])


def test_numbers_as_they_are():
    """Flags, devices, addresses and names as plain numbers."""
    in_every_image(lambda image: [critic.pretty(critic.document(image, False))])


@pytest.mark.parametrize("spelling, number", [
    (3, 3), ('"3"', 3), ('"Zombie"', 3), ('"Stopped"', 6), ('"Alive"', 1), ('"0x6"', 6), (6, 6), (7, 7)])
def test_task_states(spelling, number):
    """crit's names with crit's values, though they are each other's."""
    core = handmade.Fill("bare").message("core_entry")
    core.tc.CopyFrom(handmade.Fill("bare").message("task_core_entry"))
    core.tc.task_state = number
    image = Image(TYPES["CORE"], "common", "<", [Entry("core_entry", SCHEMA.encode(core))])
    doc = critic.document(image)
    doc["entries"][0]["tc"]["task_state"] = "@"
    assert critic.encode(critic.plain(doc).replace('"@"', str(spelling))) == criuimg.write_image(image)


def test_enums_as_numbers():
    """crit can't read them."""
    def spell(image):
        for e in image.entries:
            if e.message == "file_entry":
                doc = critic.document(image)
                for value in doc["entries"]:
                    value["type"] = SCHEMA.enums["fd_types"][value["type"]]
                yield critic.plain(doc)
                return
    in_every_image(spell)


def test_empty_lists():
    """crit dies of them."""
    image = handmade.image(TYPES["PSTREE"], "bare")
    doc = critic.document(image)
    for value in doc["entries"]:
        value["threads"] = []
    assert critic.encode(doc) == criuimg.write_image(image)


# -------------------------------------------------------------- crit's extras

def without_contents(name):
    """An entry that has none, though others of its type have."""
    msg = handmade.entry(TYPES[name]).decode()
    if name == "IPCNS_SHM":
        msg.in_pagemaps = True
    else:
        msg.mode = 0o040755
    return Image(TYPES[name], "common", "<", [Entry(TYPES[name].message(0), SCHEMA.encode(msg))])


@pytest.mark.parametrize("name", ["IPCNS_SHM", "GHOST_FILE"])
def test_an_empty_extra_where_there_are_no_contents(name):
    """crit shows one."""
    image = without_contents(name)
    doc = critic.document(image)
    assert "extra" not in doc["entries"][0]
    for at_end in (True, False):
        entry = dict(doc["entries"][0], extra="") if at_end else {"extra": "", **doc["entries"][0]}
        assert critic.encode(dict(doc, entries=[entry])) == criuimg.write_image(image)


def unbroken(value):
    """Base64 without newlines, as others than Python write it."""
    return value.replace("\n", "") if isinstance(value, str) else value


@pytest.mark.parametrize("spelling", ["unbroken", "broken oftener", "spaces"])
def test_base64(spelling):
    how = {"unbroken": unbroken,
           "broken oftener": lambda v: "\n".join(v.replace("\n", "")),
           "spaces": lambda v: "\r\n ".join(v.split("\n"))}[spelling]
    data = handmade.blob(300)
    image = critic.pipe_data(data)
    doc = critic.document(image)
    doc["entries"][0]["extra"] = how(doc["entries"][0]["extra"])
    assert critic.encode(doc) == criuimg.write_image(image)
    image = Image(TYPES["APPARMOR"], "common", "<", [Entry("apparmor_entry", wire_bytes(
        1, wire_bytes(1, b"n") + wire_bytes(2, wire_bytes(1, b"p") + wire_bytes(2, data))))])
    doc = critic.document(image)
    policy = doc["entries"][0]["namespaces"][0]["policies"][0]
    policy["blob"] = how(policy["blob"])
    assert critic.encode(doc) == criuimg.write_image(image)


# type, {what else the fields say}, the extra's text, the extra's bytes or numbers
LENGTHS = [
    ("PIPES_DATA", {"bytes": 7}, b64(b"hello"), b"hello"),
    ("PIPES_DATA", {"bytes": 0}, b64(b"x" * 500), b"x" * 500),
    ("PIPES_DATA", {"bytes": 4294967295}, "", b""),
    ("SK_QUEUES", {"length": 1}, b64(b"hello"), b"hello"),
    ("TCP_STREAM", {"inq_len": 0, "outq_len": 99}, {"inq": b64(b"in"), "outq": b64(b"out")},
     {"inq": b"in", "outq": b"out"}),
    ("IPCNS_SEM", {"nsems": 9}, [5, 4, 3], [5, 4, 3]),
    ("IPCNS_SEM", {"nsems": 1}, [], []),
    ("IPCNS_SHM", {"size": 1}, b64(b"hello"), b"hello"),
]
COUNTS = {"PIPES_DATA": ["bytes"], "SK_QUEUES": ["length"], "TCP_STREAM": ["inq_len", "outq_len"],
          "IPCNS_SEM": ["nsems"], "IPCNS_SHM": ["size"]}


@pytest.mark.parametrize("typ, fields, text, extra", LENGTHS)
def test_lengths_follow_the_bytes(typ, fields, text, extra):
    made = handmade.entry(TYPES[typ], 0, "bare")
    value = dict(made.json(), **fields)
    got = critic.encode({"magic": typ, "entries": [dict(value, extra=text), dict(value, extra=text)]})
    sizes = [len(v) for v in extra.values()] if isinstance(extra, dict) else [len(extra)]
    msg = made.decode()
    for name, size in zip(COUNTS[typ], sizes):
        setattr(msg, name, size)
    entry = Entry(made.message, SCHEMA.encode(msg), extra)
    assert got == criuimg.write_image(Image(TYPES[typ], "common", "<", [entry, entry]))


def test_lengths_of_messages():
    """The number of messages and the size of each."""
    made = handmade.entry(TYPES["IPCNS_MSG"], 0, "bare")
    value = dict(made.json(), qnum=77)
    inner = {"mtype": 5, "msize": 1}
    got = critic.encode({"magic": "IPCNS_MSG", "entries": [dict(value, extra=[inner, b64(b"hello"), inner, ""])]})
    msg, messages = made.decode(), []
    msg.qnum = 2
    for data in (b"hello", b""):
        m = SCHEMA.new("ipc_msg")
        m.mtype, m.msize = 5, len(data)
        messages.append((SCHEMA.encode(m), data))
    assert got == criuimg.write_image(Image(TYPES["IPCNS_MSG"], "common", "<", [
        Entry(made.message, SCHEMA.encode(msg), messages)]))


def test_lengths_of_bpf_maps():
    """Where the extra has as many bytes as the two fields say, they tell where it is cut."""
    in_every_image(lambda image: [critic.plain(critic.document(image))] if image.type.extra == "bpfmap" else [])


# ------------------------------------------------------------------- go-criu

def go_value(field, value):
    """A field's plain value as protojson has it."""
    if field["label"] == "repeated" and isinstance(value, list):
        return [go_value(dict(field, label="optional"), v) for v in value]
    if field.get("kind") == "message":
        return go_message(field["type"], value)
    if field["type"] in ("int64", "sint64", "uint64", "fixed64"):
        return str(value)
    if field["type"] == "bytes" and not field.get("conv"):
        return unbroken(value)
    return value


def go_message(message, value):
    return {key: go_value(SCHEMA.field(message, key), v) for key, v in value.items()}


def go_extra(entry):
    """What go-criu makes of an extra: always a string, with JSON in it where crit has a structure."""
    extra = entry.extra
    if isinstance(extra, bytes):
        return base64.b64encode(extra).decode()
    if isinstance(extra, dict) and "inq" in extra:
        return json.dumps({"in_q": base64.b64encode(extra["inq"]).decode(),
                           "out_q": base64.b64encode(extra["outq"]).decode()}, separators=(",", ":"))
    if isinstance(extra, dict):
        return base64.b64encode(extra["keys"] + extra["values"]).decode()
    if entry.message == "ipc_sem_entry":
        return json.dumps(extra, separators=(",", ":"))
    out = []
    for payload, data in extra:
        value = criuimg.to_json("ipc_msg", SCHEMA.decode("ipc_msg", payload), False)
        out += [json.dumps(go_message("ipc_msg", value), separators=(",", ":")), base64.b64encode(data).decode()]
    return json.dumps(out, separators=(",", ":"))


def go_document(image):
    entries = []
    for entry in image.entries:
        value = go_message(entry.message, entry.json(False))
        if entry.extra is not None and go_extra(entry):  # it leaves out an empty one
            value["extra"] = go_extra(entry)
        entries.append(value)
    out = critic.document(image)
    return dict(out, entries=entries or None)


def go_text(value, indent=None):
    """Go escapes what could be taken for HTML, and two line separators."""
    text = json.dumps(value, ensure_ascii=False, indent=indent, separators=None if indent else (",", ":"))
    for c in "<>&\u2028\u2029":
        text = text.replace(c, "\\u%04x" % ord(c))
    return text


def test_go_criu():
    in_every_image(lambda image: [go_text(go_document(image)), go_text(go_document(image), 4) + "\n"])


def test_go_criu_of_an_image_without_entries():
    """A nil slice is null."""
    for typ in TYPES.values():
        image = Image(typ, critic.USUAL[typ.first])
        text = go_text(go_document(image))
        assert text.endswith('"entries":null}')
        assert critic.encode(text) == criuimg.write_image(image)


@pytest.mark.parametrize("size", [0, 1, 5, 3000, 200000])
@pytest.mark.parametrize("typ", sorted(t.name for t in TYPES.values() if t.extra != "-"))
def test_go_criu_extras(typ, size):
    if typ == "IPCNS_SEM" and size > 65535:
        pytest.skip("more than the largest set of semaphores")
    image = Image(TYPES[typ], "common", "<", [handmade.entry(TYPES[typ], 0, "bare", size)])
    assert critic.encode(go_text(go_document(image))) == criuimg.write_image(image)


@pytest.mark.parametrize("names", [("in_q", "out_q"), ("inq", "outq")])
@pytest.mark.parametrize("as_string", [True, False])
@pytest.mark.parametrize("swapped", [True, False])
def test_queues_of_tcp(names, as_string, swapped):
    """Either pair of names, as an object or as a string with the object in it, in either order."""
    image = handmade.image(TYPES["TCP_STREAM"])
    doc = critic.document(image)
    extra = [(new, doc["entries"][0]["extra"][old]) for new, old in zip(names, ("inq", "outq"))]
    extra = dict(reversed(extra) if swapped else extra)
    doc["entries"][0]["extra"] = json.dumps(extra) if as_string else extra
    assert critic.encode(doc) == criuimg.write_image(image)
    assert critic.encode(backwards(doc)) == criuimg.write_image(image)


def test_messages_half_in_strings():
    """Messages as objects in a string that holds the list, or as strings in a list."""
    image = handmade.image(TYPES["IPCNS_MSG"])
    data = criuimg.write_image(image)
    doc = critic.document(image)
    for how in (json.dumps, lambda extra: [json.dumps(v) if isinstance(v, dict) else v for v in extra]):
        spelled = dict(doc, entries=[dict(e, extra=how(e["extra"])) for e in doc["entries"]])
        assert critic.encode(spelled) == data
