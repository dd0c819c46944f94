"""Synthetic images, large ones of few sorts of entries, in seconds.

Only fields that all tools know, older ones too, and values as real dumps have them:
what is measured is how they decode, not what they leave out.
"""
import os
import random
import struct

COMMON = 0x54564319
MAGIC = {"pagemap": 0x56084025, "files": 0x56303138, "core": 0x55053847,
         "inventory": 0x58313116, "pstree": 0x50273030, "pipes-data": 0x56453709,
         "mm": 0x57492820}
BARE = "inventory"  # has its magic alone

FULL = {"pagemap": 1000000, "files": 100000, "core": 2000}
QUICK = {"pagemap": 20000, "files": 2000, "core": 50}

PE_PRESENT, O_RDWR, REG, X86_64 = 4, 2, 1, 1
PROT_READ_WRITE, MAP_PRIVATE_ANON, VMA_ANON_PRIVATE_REGULAR = 3, 0x22, 0x201
ADDRESS = 0x7F0000000000
RLIM_INFINITY = 2 ** 64 - 1
S_REGULAR = 0o100644


# --------------------------------------------------------- protobuf's wire

BYTES = [bytes([i]) for i in range(256)]


def varint(value):
    out = b""
    while value > 0x7F:
        out += BYTES[value & 0x7F | 0x80]
        value >>= 7
    return out + BYTES[value]


def number(field, value):
    return varint(field << 3) + varint(value)


def numbers(values):
    """Fields 1, 2, … of a message, one value each."""
    return b"".join(number(i, v) for i, v in enumerate(values, 1))


def repeated(field, values):
    return b"".join(number(field, v) for v in values)


def nested(field, data):
    return varint(field << 3 | 2) + varint(len(data)) + data


# ---------------------------------------------------------------- entries

def pagemap(count):
    """A head, then runs of pages in rising order of their addresses."""
    yield number(1, 1)
    chance, page = random.Random(1), ADDRESS >> 12
    runs = [(n, number(2, n) + number(4, PE_PRESENT)) for n in (chance.randrange(1, 200)
                                                                for _ in range(1024))]
    for i in range(count - 1):
        pages, rest = runs[i & 1023]
        yield b"\x08" + varint(page << 12) + rest
        page += pages + 1


def runs(count, pages, gap):
    """A page map of equal runs, with a gap behind each."""
    yield number(1, 1)
    for i in range(count):
        yield (number(1, ADDRESS + (i * (pages + gap) << 12)) + number(2, pages)
               + number(4, PE_PRESENT))


def mm(length):
    """One private anonymous mapping of so many bytes."""
    mapping = (numbers([ADDRESS, ADDRESS + length, 0, 0, PROT_READ_WRITE, MAP_PRIVATE_ANON,
                        VMA_ANON_PRIVATE_REGULAR]) + number(8, 0))
    yield numbers([0] * 12) + nested(14, mapping)


def files(count):
    """Regular files, each at its own path."""
    kind, flags, mode = number(1, REG), number(2, O_RDWR), number(10, S_REGULAR)
    owner, mount = nested(5, numbers([0, 0, 0, 0, 0])), number(7, 62)
    for i in range(1, count + 1):
        path = b"/srv/data/%03d/part-%06d/records-%d.db" % (i % 1000, i, i)
        regular = (number(1, i) + flags + number(3, 4096 * i) + owner + nested(6, path) + mount
                   + number(8, 65536 + i) + mode)
        yield kind + number(2, i) + nested(3, regular)


def registers(chance):
    return numbers(chance.choice((0, chance.randrange(1 << 16), ADDRESS + chance.randrange(1 << 36)))
                   for _ in range(27)) + number(28, 1)


def fpu(chance):
    words = lambda n: [chance.choice((0, chance.randrange(1 << 32))) for _ in range(n)]
    return (numbers([0x37F, 0, 0, 0, 0, 0, 0x1F80, 0xFFFF]) + repeated(9, words(32))
            + repeated(10, words(64)) + nested(13, number(1, 7) + repeated(2, words(64))))


def core(count):
    """Leaders of processes, in one image: as many starts would hide the rest."""
    chance = random.Random(2)
    limits = nested(8, b"".join(nested(1, numbers([1 << 20, RLIM_INFINITY])) for _ in range(16)))
    actions = nested(15, numbers([0, 0, 0, 0])) * 62
    creds = nested(10, numbers([0] * 8) + repeated(10, [0xFFFFFFFF, 0x1FF])
                   + repeated(11, [0xFFFFFFFF, 0x1FF]) + number(13, 0))
    for i in range(count):
        info = (number(1, ADDRESS + 4096 * i) + nested(2, registers(chance))
                + nested(3, fpu(chance)))
        task = numbers([1, 0, 0, 0x400040, 0]) + nested(6, b"worker-%d" % i) + limits + actions
        thread = numbers([ADDRESS + 4096 * i, 24]) + number(3, 0) + creds
        yield number(1, X86_64) + nested(2, info) + nested(3, task) + nested(5, thread)


def inventory(count):
    """The one entry that says: version 1.1 or later."""
    yield numbers([2, 1])


def pstree(count):
    """An init and its children."""
    for pid in range(1, count + 1):
        yield numbers([pid, int(pid > 1), 1, 1, pid])


def pipes(count):
    """Full pipes; PIPE is what follows each entry."""
    for i in range(1, count + 1):
        yield numbers([1000000 + i, len(PIPE), len(PIPE)])


PIPE = bytes(range(256)) * 256

MAKERS = {"pagemap": pagemap, "files": files, "core": core, "inventory": inventory,
          "pstree": pstree, "pipes-data": pipes}
EXTRAS = {"pipes-data": PIPE}


def write(path, kind, messages):
    """An image file of these entries."""
    extra = EXTRAS.get(kind, b"")
    with open(path, "wb") as f:
        f.write(struct.pack("<I", MAGIC[kind]) if kind == BARE
                else struct.pack("<II", COMMON, MAGIC[kind]))
        for message in messages:
            f.write(struct.pack("<I", len(message)) + message + extra)


class Image:
    """An image file of one kind; `what` names it in tables."""

    def __init__(self, kind, count, directory):
        self.kind, self.count = kind, count
        self.path = os.path.join(directory, "%s-%d.img" % (kind, count))
        self.what = "%s, %s entr%s" % (kind, format(count, ","), "y" if count == 1 else "ies")
        write(self.path, kind, MAKERS[kind](count))
        self.size = os.path.getsize(self.path)


def make(directory, quick=False):
    """The images of the largest counts, and one of a single entry: what a start costs."""
    counts = QUICK if quick else FULL
    return [Image("core", 1, directory)] + [Image(k, n, directory) for k, n in counts.items()]
