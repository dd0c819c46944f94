"""Images made by hand: every type, every field, every extra, every header.

The recorded dumps are of one machine and one age; what they lack is built
here, from the schema alone.
"""
import itertools
import os

import criuimg
from criuimg import Entry, Image, SCHEMA, TYPES

VARIANTS = ("full", "max", "min", "bare")

# Not UTF-8's easy part, and every sort of escape.
STRING = 'v\u00e4l "q" \\ / \b\f\n\r\t \x01\x1f\x7f \u2028 \u20ac \U0001f600'

# Recursive messages end at this depth.
DEPTH = 3


class Fill:
    """Sets the fields of a message: all of them, or only the required ones."""

    def __init__(self, variant):
        self.variant = variant
        self.numbers = itertools.count(1)

    def message(self, name, depth=0, outer=()):
        msg = SCHEMA.new(name)
        for field in SCHEMA.fields(name):
            if field["label"] != "required" and (
                    self.variant == "bare" or outer.count(field["type"]) >= DEPTH):
                continue
            self.set(msg, field, depth, outer + (name,))
        return msg

    def set(self, msg, field, depth, outer):
        target, repeated = getattr(msg, field["name"]), field["label"] == "repeated"
        if field.get("kind") == "message":
            for _ in range(2 if repeated else 1):
                value = self.message(field["type"], depth + 1, outer)
                if repeated:
                    target.add().CopyFrom(value)
                else:
                    target.SetInParent()
                    target.CopyFrom(value)
        elif repeated:
            target.extend(self.scalar(field) for _ in range(self.length(field)))
        else:
            setattr(msg, field["name"], self.scalar(field))

    def length(self, field):
        if not field.get("ipadd"):
            return 2
        return {"full": 4, "max": 1, "min": 4}[self.variant]

    def scalar(self, field):
        number, typ = next(self.numbers), field["type"]
        if field.get("kind") == "enum":
            values = list(SCHEMA.enums[typ].values())
            return {"max": max(values), "min": min(values)}.get(self.variant,
                                                                values[number % len(values)])
        if typ == "bool":
            return self.variant != "min"
        if typ == "string":
            return {"min": b"", "bare": b"s"}.get(self.variant, (STRING + str(number)).encode())
        if typ == "bytes":
            # python's quoted-printable loses a carriage return, test_types.py has them
            every = bytes(b for b in range(256) if b != 13 or not field.get("conv"))
            return {"min": b"", "bare": b"b"}.get(self.variant, every + b"%d" % number)
        return self.integer(field, number)

    def integer(self, field, number):
        bits, signed = criuimg.INT_BITS[field["type"]]
        if field.get("ipadd"):  # the same address in either byte order
            return {"max": 2 ** 32 - 1, "min": 0}.get(self.variant, 0x01010101 * (number % 256))
        if self.variant == "max":
            return 2 ** (bits - signed) - 1
        if self.variant == "min":
            return -2 ** (bits - 1) if signed else 0
        return number if not signed or number % 2 else -number


def blob(size, seed=0):
    return bytes((i * 7 + seed) % 256 for i in range(size))


def ipc_msg(size, variant="full", seed=0):
    msg = Fill(variant).message("ipc_msg")
    msg.msize = size
    return SCHEMA.encode(msg), blob(size, seed)


def extra_for(kind, message, msg, size, variant):
    """An extra of about that size; the message is made to fit it."""
    if kind.startswith("blob:"):
        setattr(msg, kind[5:], size)
        return blob(size)
    if kind == "tcp":
        msg.inq_len, msg.outq_len = size, size // 2
        return {"inq": blob(size), "outq": blob(size // 2, 3)}
    if kind == "bpfmap":
        msg.keys_bytes, msg.values_bytes = size, size * 2
        return {"keys": blob(size), "values": blob(size * 2, 3)}
    if kind == "sem":
        msg.nsems = size
        return [(i * 911) % 65536 for i in range(size)]
    if kind == "msg":
        msg.qnum = size % 4
        return [ipc_msg(size + i, variant, i) for i in range(msg.qnum)]
    if kind == "shm":
        msg.size = size
        msg.in_pagemaps = False
        return blob(size)
    if kind == "ghost" and message == "ghost_chunk_entry":
        msg.len = size
        return blob(size)
    if kind == "ghost":
        msg.mode, msg.chunks = 0o100644, False
        return blob(size)
    return None


def entry(typ, index=0, variant="full", size=13):
    message = typ.message(index)
    msg = Fill(variant).message(message)
    extra = extra_for(typ.extra, message, msg, size, variant)
    if variant == "bare" and message == "ghost_file_entry":
        msg.ClearField("chunks")
    if variant == "bare" and message == "ipc_shm_entry":
        msg.ClearField("in_pagemaps")
    return Entry(message, SCHEMA.encode(msg), extra)


def image(typ, variant="full", header=None, order="<"):
    """An image of a type with as many entries as the type allows, up to three."""
    header = header or {"common": "common", "service": "service", "none": "none"}[typ.first]
    if typ.first == "none":
        header = "none"
    single = typ.entries == "1" or typ.extra == "ghost"
    sizes = (13, 0, 300)
    return Image(typ, header, order,
                 [entry(typ, i, variant, sizes[i]) for i in range(1 if single else 3)])


def chunked_ghost(order="<", sizes=(0, 5, 4096)):
    typ = TYPES["GHOST_FILE"]
    head = entry(typ, 0)
    msg = head.decode()
    msg.chunks = True
    head = Entry(head.message, SCHEMA.encode(msg))
    return Image(typ, "common", order, [head] + [entry(typ, 1, size=s) for s in sizes])


def make_dump(root, variant="full", header=None, order="<"):
    """A directory with one image of every type. Returns {file name: image}."""
    os.makedirs(root, exist_ok=True)
    out = {}
    for typ in TYPES.values():
        name = typ.example_name()
        out[name] = image(typ, variant, header, order)
        with open(os.path.join(root, name), "wb") as f:
            f.write(criuimg.write_image(out[name]))
    return out


# --------------------------------------------------------- wire by hand

def varint(value, width=None):
    """A varint; padded with needless continuation bytes to a width."""
    value &= 2 ** 64 - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    while width and len(out) < width:
        out[-1] |= 0x80
        out.append(0)
    return bytes(out)


def wire_varint(number, value, width=None):
    return varint(number << 3) + varint(value, width)


def wire_bytes(number, data):
    return varint(number << 3 | 2) + varint(len(data)) + data


def wire_fixed32(number, data):
    return varint(number << 3 | 5) + data


def wire_fixed64(number, data):
    return varint(number << 3 | 1) + data
