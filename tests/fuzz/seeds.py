"""The inputs that fuzzing begins with, made of tests/data and by hand.

A seed is small, since a fuzzer is slow on large ones: what is larger is left out.
"""
import bz2
import functools
import glob
import gzip
import hashlib
import io
import lzma
import os
import random
import struct
import subprocess
import sys
import tarfile

HERE = os.path.dirname(os.path.abspath(__file__))
TESTS = os.path.dirname(HERE)
sys.path.insert(0, TESTS)

import criuimg
import dumps
import handmade
import hostile
from criuimg import Entry, Image, SCHEMA, TYPES

SMALL = 8 << 10     # bytes of a file
SMALL_DUMP = 16 << 10
EACH = 3            # recorded images of a type, messages of a kind
PAGES = 256         # a pages file in a container is so many times as long, see dump.c


class Seeds:
    """Inputs of one target, each once."""

    def __init__(self, root):
        self.root = root
        os.makedirs(root, exist_ok=True)

    def add(self, name, data):
        digest = hashlib.sha1(data).hexdigest()[:8]
        known = glob.glob(os.path.join(self.root, "*-" + digest))
        if not known and len(data) <= SMALL_DUMP:
            with open(os.path.join(self.root, "%s-%s" % (name, digest)), "wb") as f:
                f.write(data)


def recorded():
    """(name of the dump, path in it, decoded image, bytes) of all recorded images."""
    for name in dumps.NAMES:
        root = dumps.pristine(name)
        for rel, image in dumps.images(root).items():
            with open(os.path.join(root, rel), "rb") as f:
                yield name, rel, image, f.read()


def spread(items, n):
    """At most n of the items, from the first to the last."""
    return items if len(items) <= n else [items[i * (len(items) - 1) // (n - 1)] for i in range(n)]


@functools.lru_cache(maxsize=None)
def some_recorded():
    """A few images of each type, from the smallest to the largest small one."""
    of, out = {}, []
    for item in recorded():
        if len(item[3]) <= SMALL:
            of.setdefault(item[2].type.name, {})[item[3]] = item
    for images in of.values():
        out += spread(sorted(images.values(), key=lambda i: (len(i[3]), i[3])), EACH)
    return out


def made_images():
    """(name, bytes) of every type, and of unusual ones."""
    for typ in TYPES.values():
        for variant in ("full", "bare"):
            yield "%s-%s" % (typ.name, variant), handmade.image(typ, variant)
    for name in ("IPCNS_MSG", "CORE", "TCP_STREAM", "IPCNS_SEM"):
        yield name + "-big", handmade.image(TYPES[name], "max", order=">")
    yield "GHOST_FILE-chunks", handmade.chunked_ghost(sizes=(0, 5, 40))


def images():
    for name, rel, image, data in some_recorded():
        yield image.type.name, data
    for name, image in made_images():
        data = criuimg.write_image(image)
        yield name, data
        if image.type.extra != "-":
            yield name + "-cut", data[:-1]


def seed_image(seeds):
    for name, data in images():
        seeds.add(name, data)
    for name, data in hostile.images():
        seeds.add("hostile-" + name, data)


def seed_document(seeds):
    seed_image(seeds)
    for name, rel, image, data in some_recorded():
        doc = dumps.document(name, rel)
        if doc is not None:
            seeds.add(image.type.name + "-crit", criuimg.text(doc).encode())
    for name, image in made_images():
        if name.endswith("full") and len(criuimg.write_image(image)) < 1000:
            seeds.add(name + "-plain", criuimg.text(criuimg.document(image, False)).encode())
    for path in sorted(glob.glob(os.path.join(TESTS, "bad", "*.json"))):
        with open(path, "rb") as f:
            seeds.add("bad", f.read())


def seed_json(seeds):
    texts = {}
    for image in [i[2] for i in some_recorded()] + [i[1] for i in made_images()]:
        for entry in image.entries:
            texts.setdefault(entry.message, set()).add(entry.text())
    for message, known in texts.items():
        for text in spread(sorted(known, key=lambda t: (len(t), t)), EACH):
            seeds.add(message, (message + "\n" + text).encode("utf-8", "surrogateescape"))
    for name, data in hostile.texts():
        seeds.add("hostile-" + name, data)


def seed_edit(seeds):
    """Rows of decisions, see edit.c: what they come to is for the fuzzer to find."""
    rnd = random.Random(1)
    for kind in range(12):
        for n in range(4):
            seeds.add("kind%d" % kind, bytes([kind, n << 2, 3 * n]) + rnd.randbytes(40 + 40 * n))


# ----------------------------------------------------------- archives

MEMBERS = (("checkpoint/inventory.img", b"\x43" * 30), ("config.dump", b'{"id": "1"}'),
           ("./a//b/../c", b"x"), ("n" * 120 + "/" + "m" * 90, b"long"), ("/abs", b""),
           ("checkpoint", b"a file where a directory is"))


def tar(fmt):
    """A tar of all kinds of members."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=fmt) as t:
        for name, data in MEMBERS:
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(data), 1.5 if fmt == tarfile.PAX_FORMAT else 1
            t.addfile(info, io.BytesIO(data))
        for typ, name, link in ((tarfile.SYMTYPE, "link", "../../etc/passwd"),
                                (tarfile.LNKTYPE, "hard", "config.dump"),
                                (tarfile.DIRTYPE, "dir/sub", ""), (tarfile.CHRTYPE, "gone", ""),
                                (tarfile.FIFOTYPE, "fifo", "")):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = typ, link
            t.addfile(info)
    return out.getvalue()


def sparse(work, fmt):
    """A tar with a file with holes. POSIX's format names a process in it."""
    path = os.path.join(work, "holes")
    with open(path, "wb") as f:
        f.write(b"begin")
        f.seek(40000)
        f.write(b"end")
    return subprocess.run(["tar", "-b1", "-S", "--format=" + fmt, "--mtime=@0", "--owner=0",
                           "--group=0", "-C", work, "-cf", "-", "holes"],
                          check=True, capture_output=True).stdout


def seed_archive(seeds):
    for name, fmt in (("ustar", tarfile.USTAR_FORMAT), ("gnu", tarfile.GNU_FORMAT),
                      ("pax", tarfile.PAX_FORMAT)):
        whole = tar(fmt)
        seeds.add(name, whole.rstrip(b"\0") + bytes(1536))
        seeds.add(name + "-cut", whole[:1300])
    whole = tar(tarfile.GNU_FORMAT)
    seeds.add("gzip", gzip.compress(whole, mtime=0))
    seeds.add("bzip2", bz2.compress(whole))
    seeds.add("xz", lzma.compress(whole))
    seeds.add("zstd", subprocess.run(["zstd", "-q", "-c"], input=whole, check=True,
                                     capture_output=True).stdout)
    work = dumps.new_dir()
    for fmt in ("gnu", "posix"):
        seeds.add("sparse-" + fmt, sparse(work, fmt))


# -------------------------------------------------- dump directories

def container(files):
    """{name: bytes} as dump.c reads it: name, line feed, size, bytes."""
    return b"".join(name.encode() + b"\n" + struct.pack("<H", len(data)) + data
                    for name, data in files.items())


def dump_files(root):
    """What a container has of a dump: of its pages the beginning, and no files that are large."""
    out = {}
    for rel in dumps.files(root):
        with open(os.path.join(root, rel), "rb") as f:
            data = f.read()
        if os.path.basename(rel).startswith("pages-"):
            data = data[:len(data) // PAGES]
        out[rel] = data
    while sum(len(rel) + 3 + len(data) for rel, data in out.items()) > SMALL_DUMP:
        del out[max(out, key=lambda rel: len(out[rel]))]
    return out


def of_aarch64(files):
    """The same dump with threads of the other machine that cores are made for."""
    out = dict(files)
    for name in files:
        if name.startswith("core-"):
            image = criuimg.read_image(files[name])
            core = image.entries[0].decode()
            core.mtype = SCHEMA.enums["core_entry.march"]["AARCH64"]
            core.ClearField("thread_info")
            core.ti_aarch64.CopyFrom(handmade.Fill("full").message("thread_info_aarch64"))
            core.ti_aarch64.gpregs.regs.extend(range(31 - len(core.ti_aarch64.gpregs.regs)))
            image.entries[0].payload = SCHEMA.encode(core)
            out[name] = criuimg.write_image(image)
    return out


def seed_dump(seeds):
    for name in dumps.NAMES:
        seeds.add(name, container(dump_files(dumps.pristine(name))))
    seeds.add("aarch64", container(of_aarch64(dump_files(dumps.pristine("zdtm-proc-self")))))
    process = SCHEMA.new("pstree_entry")
    process.pid = process.pgid = process.sid = 1
    process.ppid = 0
    process.threads.append(1)
    tree = Image(TYPES["PSTREE"], "common", "<", [Entry("pstree_entry", SCHEMA.encode(process))])
    made = {"pstree.img": criuimg.write_image(tree)}
    for typ in TYPES.values():
        data = criuimg.write_image(handmade.image(typ, "full"))
        if len(data) < 400:
            made.setdefault(typ.example_name(1), data)
    seeds.add("handmade", container(made))
    for name, files in hostile.directories():
        seeds.add("hostile-" + name, container(files))


ALL = {name[len("seed_"):]: make for name, make in list(globals().items())
       if name.startswith("seed_")}


def make(root, targets=()):
    """Write the seeds of the targets (all) into directories below root."""
    for name in targets or ALL:
        ALL[name](Seeds(os.path.join(root, name)))


if __name__ == "__main__":
    try:
        make(sys.argv[1], sys.argv[2:])
    finally:
        dumps.remove_all()
