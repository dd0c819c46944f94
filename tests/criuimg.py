"""A second, independent codec for CRIU images, for the tests only.

It shares nothing with critfs but the facts in data/schema.json and
data/images.tsv: messages are built at run time for python-protobuf, the
container (headers, frames, extras) is read and written by the code below.
test_codec.py holds it against recorded documents of upstream's crit.
"""
import base64
import csv
import ipaddress
import json
import os
import quopri
import struct

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data")

COMMON, SERVICE = 0x54564319, 0x55105940

RAW_PREFIXES = ("pages-", "iptables-", "ip6tables-", "nftables-", "route-",
                "route6-", "ifaddr-", "rule-", "tmpfs-", "netns-ct-",
                "netns-exp-", "amdgpu-")

FLAGS = {
    "mmap.prot": [("PROT_READ", 1), ("PROT_WRITE", 2), ("PROT_EXEC", 4)],
    "mmap.flags": [("MAP_SHARED", 1), ("MAP_PRIVATE", 2), ("MAP_DROPPABLE", 8),
                   ("MAP_ANON", 0x20), ("MAP_GROWSDOWN", 0x100)],
    "mmap.status": [("VMA_AREA_REGULAR", 1 << 0), ("VMA_AREA_STACK", 1 << 1),
                    ("VMA_AREA_VSYSCALL", 1 << 2), ("VMA_AREA_VDSO", 1 << 3),
                    ("VMA_AREA_HEAP", 1 << 5), ("VMA_FILE_PRIVATE", 1 << 6),
                    ("VMA_FILE_SHARED", 1 << 7), ("VMA_ANON_SHARED", 1 << 8),
                    ("VMA_ANON_PRIVATE", 1 << 9), ("VMA_AREA_SYSVIPC", 1 << 10),
                    ("VMA_AREA_SOCKET", 1 << 11), ("VMA_AREA_VVAR", 1 << 12),
                    ("VMA_AREA_AIORING", 1 << 13), ("VMA_AREA_MEMFD", 1 << 14),
                    ("VMA_AREA_SHSTK", 1 << 15), ("VMA_AREA_UPROBES", 1 << 17),
                    ("VMA_UNSUPP", 1 << 31)],
    "rfile.flags": [("O_WRONLY", 0o1), ("O_RDWR", 0o2), ("O_CREAT", 0o100),
                    ("O_EXCL", 0o200), ("O_NOCTTY", 0o400), ("O_TRUNC", 0o1000),
                    ("O_APPEND", 0o2000), ("O_NONBLOCK", 0o4000),
                    ("O_DSYNC", 0o10000), ("FASYNC", 0o20000),
                    ("O_DIRECT", 0o40000), ("O_LARGEFILE", 0o100000),
                    ("O_DIRECTORY", 0o200000), ("O_NOFOLLOW", 0o400000),
                    ("O_NOATIME", 0o1000000), ("O_CLOEXEC", 0o2000000)],
    "pmap.flags": [("PE_PARENT", 1), ("PE_LAZY", 2), ("PE_PRESENT", 4)],
    "seals.flags": [("F_SEAL_SEAL", 1), ("F_SEAL_SHRINK", 2), ("F_SEAL_GROW", 4),
                    ("F_SEAL_WRITE", 8), ("F_SEAL_FUTURE_WRITE", 0x10)],
}

# What names are shown for. crit shows Zombie and Stopped too, for the wrong values.
DICTS = {
    "task_state": {1: "Alive"},
    "family": {1: "UNIX", 2: "INET", 10: "INET6", 16: "NETLINK", 17: "PACKET"},
    "type": {1: "STREAM", 2: "DGRAM", 3: "RAW", 5: "SEQPACKET", 10: "PACKET"},
    "state": {1: "ESTABLISHED", 2: "SYN_SENT", 3: "SYN_RECV", 4: "FIN_WAIT1",
              5: "FIN_WAIT2", 6: "TIME_WAIT", 7: "CLOSE", 8: "CLOSE_WAIT",
              9: "LAST_ACK", 10: "LISTEN"},
    "proto": {0: "IP", 6: "TCP", 17: "UDP", 136: "UDPLITE"},
}
# What names are accepted for, beyond those shown.
DICT_ALIASES = {"task_state": {"Zombie": 3, "Stopped": 6}}

INT_BITS = {"int32": (32, True), "sint32": (32, True), "uint32": (32, False),
            "int64": (64, True), "sint64": (64, True), "uint64": (64, False),
            "fixed64": (64, False)}


class Broken(Exception):
    """The frames of an image can't be followed any further."""


class Undecodable(Exception):
    """The payload of one entry is not what its message should be."""


# ---------------------------------------------------------------- messages

class Schema:
    """The messages of schema.json as python-protobuf classes.

    Enums are int32 and strings are bytes there: unknown enum numbers and
    strings that are no UTF-8 come through, and the rendering is ours.
    """

    def __init__(self, path=os.path.join(DATA, "schema.json")):
        with open(path) as f:
            raw = json.load(f)
        self.messages = {m["name"]: sorted(m["fields"], key=lambda f: f["number"])
                         for m in raw["messages"]}
        self.enums = {e["name"]: e["values"] for e in raw["enums"]}
        self._classes = self._build()

    def _build(self):
        proto = descriptor_pb2.FileDescriptorProto(name="critimg.proto", package="critimg",
                                                   syntax="proto2")
        for name, fields in self.messages.items():
            desc = proto.message_type.add(name=name)
            for field in fields:
                self._add_field(desc, field)
        pool = descriptor_pool.DescriptorPool()
        pool.Add(proto)
        factory = message_factory.MessageFactory(pool)
        return {name: factory.GetPrototype(pool.FindMessageTypeByName("critimg." + name))
                for name in self.messages}

    @staticmethod
    def _add_field(desc, field):
        D = descriptor_pb2.FieldDescriptorProto
        out = desc.field.add(name=field["name"], number=field["number"],
                             label=getattr(D, "LABEL_" + field["label"].upper()))
        kind = field.get("kind")
        if kind == "message":
            out.type, out.type_name = D.TYPE_MESSAGE, ".critimg." + field["type"]
        elif kind == "enum":
            out.type = D.TYPE_INT32
        elif field["type"] == "string":
            out.type = D.TYPE_BYTES
        else:
            out.type = getattr(D, "TYPE_" + field["type"].upper())

    def fields(self, message):
        return self.messages[message]

    def field(self, message, name):
        return next(f for f in self.messages[message] if f["name"] == name)

    def new(self, message):
        return self._classes[message]()

    def decode(self, message, payload):
        msg = self.new(message)
        try:
            used = msg.MergeFromString(payload)
        except Exception as e:
            raise Undecodable(str(e))
        if used is not None and used != len(payload):  # a stray end of a group
            raise Undecodable("ends at byte %d" % used)
        if not msg.IsInitialized():
            raise Undecodable("missing: " + ", ".join(msg.FindInitializationErrors()))
        return msg

    def encode(self, msg):
        return msg.SerializeToString(deterministic=True)

    @staticmethod
    def unknown(msg):
        """The wire bytes of the fields of msg that the schema has not."""
        bare = type(msg)()
        bare.CopyFrom(msg)
        for field, _ in msg.ListFields():
            bare.ClearField(field.name)
        return bare.SerializePartialToString()


SCHEMA = Schema()


# -------------------------------------------------------- message -> JSON

def b64(data):
    """Bytes as crit spells them: a newline after each 76 characters and at the end."""
    return base64.encodebytes(data).decode()


def show_string(data):
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return {"$base64": b64(data)}


def show_flags(value, table):
    names = [name for name, bit in table if value & bit]
    for _, bit in table:
        value &= ~bit
    if value:
        names.append("0x%x" % value)
    return " | ".join(names)


def show_dev(value, odev):
    if odev:
        return "%d:%d" % (os.major(value), os.minor(value))
    return "%d:%d" % (value >> 20, value & 0xFFFFF)


def show_int(field, value, hexed):
    if hexed:
        return "0x%x" % value
    if field.get("dev"):
        return show_dev(value, field.get("odev"))
    if field.get("flags"):
        return show_flags(value, FLAGS[field["flags"]])
    if field.get("dict"):
        return DICTS[field["name"]].get(value, value)
    return value


def show_ip(words):
    """The address of 1 or 4 words; None for what is no address."""
    data = b"".join(struct.pack("<I", w) for w in words)
    if len(words) == 1:
        return ipaddress.IPv4Address(data).compressed
    if len(words) == 4:
        return ipaddress.IPv6Address(data).compressed
    return None


def enum_name(field, value):
    for name, number in SCHEMA.enums[field["type"]].items():
        if number == value:
            return name
    return value


def show_value(field, value, pretty, hexed):
    kind, typ = field.get("kind"), field["type"]
    hexed = hexed or field.get("hex", False)
    if kind == "message":
        return to_json(typ, value, pretty, hexed)
    if kind == "enum":
        return enum_name(field, value)
    if typ == "string":
        return show_string(value)
    if typ == "bytes":
        return quopri.encodestring(value).decode() if field.get("conv") else b64(value)
    if typ == "bool":
        return bool(value)
    return show_int(field, value, hexed) if pretty else value


def to_json(message, msg, pretty=True, hexed=False):
    """An entry's message as the value that its JSON text spells."""
    out = {}
    for desc, value in msg.ListFields():
        field = SCHEMA.field(message, desc.name)
        if field["label"] != "repeated":
            out[desc.name] = show_value(field, value, pretty, hexed)
            continue
        address = show_ip(value) if pretty and field.get("ipadd") else None
        out[desc.name] = ([address] if address is not None
                          else [show_value(field, v, pretty, hexed) for v in value])
    unknown = Schema.unknown(msg)
    if unknown:
        out["$unknown"] = b64(unknown)
    return out


def text(value):
    """The text of a JSON file in the mount."""
    return json.dumps(value, indent=4, ensure_ascii=False) + "\n"


# -------------------------------------------------------- JSON -> message

def read_flags(value, table):
    names, result = dict(table, VMA_AREA_NONE=0), 0
    for word in filter(None, (w.strip() for w in value.split("|"))):
        result |= names[word] if word in names else int(word, 0)
    return result


def read_int(field, value):
    if not isinstance(value, str):
        return value
    if field.get("dev") and ":" in value:
        major, minor = (int(x) for x in value.split(":"))
        return os.makedev(major, minor) if field.get("odev") else major << 20 | minor
    if field.get("flags"):
        return read_flags(value, FLAGS[field["flags"]])
    if field.get("dict"):
        names = {name: number for number, name in DICTS[field["name"]].items()}
        names.update(DICT_ALIASES.get(field["name"], {}))
        if value in names:
            return names[value]
    return int(value, 0)


def read_value(field, value):
    kind, typ = field.get("kind"), field["type"]
    if kind == "message":
        return from_json(typ, value)
    if kind == "enum":
        return SCHEMA.enums[field["type"]][value] if isinstance(value, str) else value
    if typ == "string":
        return base64.b64decode(value["$base64"]) if isinstance(value, dict) else value.encode()
    if typ == "bytes":
        return quopri.decodestring(value) if field.get("conv") else base64.b64decode(value)
    if typ == "bool":
        return value
    return read_int(field, value)


def read_ip(values):
    data = ipaddress.ip_address(values[0]).packed
    return [w for w, in struct.iter_unpack("<I", data)]


def from_json(message, value):
    msg = SCHEMA.new(message)
    value = dict(value)
    unknown = base64.b64decode(value.pop("$unknown", ""))
    value.pop("extra", None)
    for name, val in value.items():
        field = SCHEMA.field(message, name)
        if field["label"] == "repeated":
            is_ip = field.get("ipadd") and val and isinstance(val[0], str)
            vals = read_ip(val) if is_ip else [read_value(field, v) for v in val]
            getattr(msg, name).extend(vals)
        elif field.get("kind") == "message":
            getattr(msg, name).SetInParent()
            getattr(msg, name).CopyFrom(read_value(field, val))
        else:
            setattr(msg, name, read_value(field, val))
    msg.MergeFromString(unknown)
    return msg


# -------------------------------------------------------------- containers

class ImageType:
    def __init__(self, row):
        self.name = row["name"]
        self.magic = int(row["magic"], 16)
        self.first = row["first"]
        self.file_names = row["file_names"].split()
        self.messages = row["messages"].split()
        self.entries = row["entries"]
        self.extra = row["extra"]
        self.written = row["written"]

    def example_name(self, number=7):
        name = self.file_names[0]
        for pattern, value in (("%lu", str(number)), ("%u", str(number)),
                               ("%x", "%x" % number), ("%s", "dump")):
            name = name.replace(pattern, value)
        return name

    def message(self, index):
        return self.messages[min(index, len(self.messages) - 1)]


def load_types(path=os.path.join(DATA, "images.tsv")):
    with open(path) as f:
        rows = csv.DictReader((l for l in f if not l.startswith("#")), delimiter="\t")
        return {row["name"]: ImageType(row) for row in rows}


TYPES = load_types()
BY_MAGIC = {t.magic: t for t in TYPES.values()}


class Entry:
    """One entry: its message's bytes and what follows them.

    extra is None, bytes, {"inq","outq"}, {"keys","values"} (of bytes), a list
    of numbers (sem), or a list of (payload, bytes) (msg). frame is all of the
    entry as it was read, size word and padding too.
    """

    def __init__(self, message, payload, extra=None, frame=None):
        self.message, self.payload = message, payload
        self.extra, self.frame = extra, frame

    def decode(self):
        return SCHEMA.decode(self.message, self.payload)

    def json(self, pretty=True):
        return to_json(self.message, self.decode(), pretty)

    def text(self, pretty=True):
        return text(self.json(pretty))


class Image:
    """header is none (inventory), v1.0, common or service; order is < or >."""

    def __init__(self, typ, header, order="<", entries=(), tail=b""):
        self.type, self.header, self.order = typ, header, order
        self.entries, self.tail = list(entries), tail


def pad(size, to):
    return -size % to


def detect(data):
    """(type, header, byte order, length of the header) or None for a plain file."""
    for order in "<>":
        words = [struct.unpack_from(order + "I", data, at)[0]
                 for at in (0, 4) if len(data) >= at + 4]
        if len(words) == 2 and words[0] in (COMMON, SERVICE) and words[1] in BY_MAGIC:
            return BY_MAGIC[words[1]], "common" if words[0] == COMMON else "service", order, 8
        if words and words[0] in BY_MAGIC:
            typ = BY_MAGIC[words[0]]
            return typ, "none" if typ.first == "none" else "v1.0", order, 4
    return None


def is_image(name, data):
    return not name.startswith(RAW_PREFIXES) and detect(data) is not None


class Reader:
    def __init__(self, data, order, pos):
        self.data, self.order, self.pos = data, order, pos

    def take(self, size):
        if size > len(self.data) - self.pos:
            raise Broken("%d bytes beyond the end" % size)
        self.pos += size
        return self.data[self.pos - size:self.pos]

    def u32(self):
        return struct.unpack(self.order + "I", self.take(4))[0]

    def message(self):
        return self.take(self.u32())


def read_msgs(r, count):
    out = []
    for _ in range(count):
        payload = r.message()
        size = SCHEMA.decode("ipc_msg", payload).msize
        out.append((payload, r.take(size)))
        r.take(pad(size, 8))
    return out


def read_sems(r, count):
    sems = list(struct.unpack(r.order + "%dH" % count, r.take(2 * count)))
    r.take(pad(2 * count, 8))
    return sems


def read_shm(r, msg):
    if msg.in_pagemaps:
        return None
    data = r.take(msg.size)
    r.take(pad(msg.size, 4))
    return data


def is_regular(mode):
    return mode & 0o170000 == 0o100000


def read_ghost(r, message, msg):
    if message == "ghost_chunk_entry":
        return r.take(msg.len)
    if msg.chunks or not is_regular(msg.mode):
        return None
    return r.take(len(r.data) - r.pos)


def read_extra(kind, r, message, payload):
    if kind == "-":
        return None
    msg = SCHEMA.decode(message, payload)
    if kind.startswith("blob:"):
        return r.take(getattr(msg, kind[5:]))
    if kind == "tcp":
        return {"inq": r.take(msg.inq_len), "outq": r.take(msg.outq_len)}
    if kind == "bpfmap":
        return {"keys": r.take(msg.keys_bytes), "values": r.take(msg.values_bytes)}
    if kind == "sem":
        return read_sems(r, msg.nsems)
    if kind == "msg":
        return read_msgs(r, msg.qnum)
    if kind == "shm":
        return read_shm(r, msg)
    return read_ghost(r, message, msg)




def read_image(data):
    """The image in data; None for a plain file. What can't be followed is image.tail."""
    found = detect(data)
    if found is None:
        return None
    typ, header, order, pos = found
    image = Image(typ, header, order)
    while pos < len(data):
        r = Reader(data, order, pos)
        message = typ.message(len(image.entries))
        try:
            payload = r.message()
            extra = read_extra(typ.extra, r, message, payload)
        except (Broken, Undecodable):
            image.tail = data[pos:]
            break
        image.entries.append(Entry(message, payload, extra, data[pos:r.pos]))
        pos = r.pos
    return image


def write_extra(kind, order, extra):
    if extra is None:
        return b""
    if kind == "tcp":
        return extra["inq"] + extra["outq"]
    if kind == "bpfmap":
        return extra["keys"] + extra["values"]
    if kind == "sem":
        data = struct.pack(order + "%dH" % len(extra), *extra)
        return data + bytes(pad(len(data), 8))
    if kind == "msg":
        return b"".join(struct.pack(order + "I", len(p)) + p + d + bytes(pad(len(d), 8))
                        for p, d in extra)
    if kind == "shm":
        return extra + bytes(pad(len(extra), 4))
    return extra


def write_entry(image, entry):
    return (struct.pack(image.order + "I", len(entry.payload)) + entry.payload +
            write_extra(image.type.extra, image.order, entry.extra))


def write_header(image):
    first = {"none": [], "v1.0": [], "common": [COMMON], "service": [SERVICE]}[image.header]
    return b"".join(struct.pack(image.order + "I", w) for w in first + [image.type.magic])


def write_image(image):
    return write_header(image) + b"".join(write_entry(image, e) for e in image.entries) + image.tail


def extra_json(entry):
    """An entry's extra as a whole document spells it."""
    extra = entry.extra
    if isinstance(extra, bytes):
        return b64(extra)
    if isinstance(extra, dict) and "inq" in extra:
        return {k: b64(v) for k, v in extra.items()}
    if isinstance(extra, dict):
        return b64(extra["keys"] + extra["values"])
    if isinstance(extra, list) and entry.message == "ipc_msg_entry":
        return [x for p, d in extra
                for x in (to_json("ipc_msg", SCHEMA.decode("ipc_msg", p), False), b64(d))]
    return extra


def document(image, pretty=True):
    """The whole image as crit's document."""
    entries = []
    for entry in image.entries:
        value = entry.json(pretty)
        if entry.extra is not None:
            value["extra"] = extra_json(entry)
        entries.append(value)
    return {"magic": image.type.name, "entries": entries}


def load(path):
    with open(path, "rb") as f:
        return read_image(f.read())
