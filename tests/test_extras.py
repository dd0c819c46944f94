"""Editing what follows an entry: its length in the message follows the bytes."""
import json
import os
import subprocess

import pytest

import criuimg
import dumps
import handmade
import mnt
from criuimg import TYPES

SIZES = [0, 1, 2, 7, 8, 9, 100, 5000, 200000]

# type, suffix, message field with its length, key in the decoded extra
BLOBS = [("PIPES_DATA", "extra", "bytes", None), ("FIFO_DATA", "extra", "bytes", None),
         ("SK_QUEUES", "extra", "length", None), ("TCP_STREAM", "inq", "inq_len", "inq"),
         ("TCP_STREAM", "outq", "outq_len", "outq"), ("BPFMAP_DATA", "keys", "keys_bytes", "keys"),
         ("BPFMAP_DATA", "values", "values_bytes", "values"), ("IPCNS_SHM", "extra", "size", None)]


class Extra:
    """A hand-made image of a type with extras, mounted."""

    def __init__(self, mount, work, typ, image=None):
        self.image = image or handmade.image(TYPES[typ])
        self.name = TYPES[typ].example_name()
        self.stored = dumps.write(work, self.name, self.image)
        self.before = criuimg.load(self.stored)
        self.dir = mount(work) / self.name

    def path(self, name):
        return self.dir + "/" + name

    def after(self, index):
        """The image as it is stored now; all other entries must be untouched."""
        image = criuimg.load(self.stored)
        assert not image.tail and len(image.entries) == len(self.before.entries)
        for i, (old, new) in enumerate(zip(self.before.entries, image.entries)):
            assert i == index or old.frame == new.frame, i
        entry = image.entries[index]
        assert mnt.read_text(self.path("%d.json" % index)) == entry.text()
        return entry


def without(entry, *fields):
    value = entry.json()
    for field in fields:
        del value[field]
    return value


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("typ, suffix, field, key", BLOBS)
def test_length_follows_the_bytes(mount, work, typ, suffix, field, key, size):
    """Grown, shrunk, emptied: the field says so, the other fields and entries stay."""
    x = Extra(mount, work, typ)
    index = len(x.image.entries) // 2
    data = handmade.blob(size, 99)
    mnt.save(x.path("%d.%s" % (index, suffix)), data)
    after, old = x.after(index), x.before.entries[index]
    assert (after.extra[key] if key else after.extra) == data
    assert getattr(after.decode(), field) == size
    assert without(after, field) == without(old, field)
    if key:  # the other half is what it was
        other = next(k for k in after.extra if k != key)
        assert after.extra[other] == old.extra[other]
    assert mnt.read(x.path("%d.%s" % (index, suffix))) == data
    assert os.stat(x.path("%d.%s" % (index, suffix))).st_size == size


def writes(path, old):
    """The ways to change a blob; each returns what it must be afterwards."""
    def append():
        subprocess.run(["sh", "-c", "printf XYZ >> \"$0\"", path], check=True)
        return old + b"XYZ"

    def middle():
        with open(path, "r+b") as f:
            f.seek(4)
            f.write(b"mid")
        return old[:4] + b"mid" + old[7:]

    def beyond():
        with open(path, "r+b") as f:
            f.seek(len(old) + 10)
            f.write(b"end")
        return old + bytes(10) + b"end"

    def shrink():
        os.truncate(path, 5)
        return old[:5]

    def grow():
        os.truncate(path, len(old) + 100)
        return old + bytes(100)

    def empty():
        os.truncate(path, 0)
        return b""

    def redirect_nothing():
        subprocess.run(["sh", "-c", ": > \"$0\"", path], check=True)
        return b""

    def dd():
        subprocess.run(["dd", "of=" + path, "bs=1", "seek=3", "conv=notrunc", "status=none"],
                       input=b"dd", check=True)
        return old[:3] + b"dd" + old[5:]

    def rename():
        scratch = os.path.dirname(path) + "/scratch"
        with open(scratch, "wb") as f:
            f.write(b"renamed\0bytes")
        os.rename(scratch, path)
        return b"renamed\0bytes"

    def sed():
        subprocess.run(["sed", "-i", "1s/^/Q/", path], check=True)
        return b"Q" + old

    return {f.__name__: f for f in (append, middle, beyond, shrink, grow, empty, redirect_nothing,
                                    dd, rename, sed)}


@pytest.mark.parametrize("how", writes("", b""))
@pytest.mark.parametrize("typ", ["PIPES_DATA", "IPCNS_SHM", "GHOST_FILE"])
def test_ways_to_write(mount, work, typ, how):
    x = Extra(mount, work, typ)
    want = writes(x.path("0.extra"), x.before.entries[0].extra)[how]()
    assert x.after(0).extra == want
    assert mnt.read(x.path("0.extra")) == want


class Blob:
    """One extra of a hand-made image: its file, and where the decoded image has it."""

    def __init__(self, typ, index, file, key=None, field=None, image=None):
        self.typ, self.index, self.file = typ, index, file
        self.key, self.field, self.image = key, field, image

    def make(self, order):
        if self.image:
            return self.image(order)
        image = handmade.image(TYPES[self.typ], order=order)
        if self.typ == "IPCNS_MSG":
            image.entries[1] = handmade.entry(TYPES[self.typ], size=15)  # three messages
        return image

    def get(self, image):
        extra = image.entries[self.index].extra
        if self.typ == "IPCNS_MSG":
            return extra[self.key][1]
        return extra[self.key] if self.key else extra

    def set(self, image, data):
        """The image as it has to be with these bytes."""
        entry = image.entries[self.index]
        if self.typ == "IPCNS_MSG":
            msg = criuimg.SCHEMA.decode("ipc_msg", entry.extra[self.key][0])
            msg.msize = len(data)
            entry.extra[self.key] = (criuimg.SCHEMA.encode(msg), data)
            return
        if self.key:
            entry.extra[self.key] = data
        else:
            entry.extra = data
        if self.field:
            msg = entry.decode()
            setattr(msg, self.field, len(data))
            entry.payload = criuimg.SCHEMA.encode(msg)


EVERY_KIND = {
    "pipes": Blob("PIPES_DATA", 1, "1.extra", None, "bytes"),
    "fifo": Blob("FIFO_DATA", 2, "2.extra", None, "bytes"),
    "queues": Blob("SK_QUEUES", 1, "1.extra", None, "length"),
    "inq": Blob("TCP_STREAM", 0, "0.inq", "inq", "inq_len"),
    "outq": Blob("TCP_STREAM", 0, "0.outq", "outq", "outq_len"),
    "keys": Blob("BPFMAP_DATA", 1, "1.keys", "keys", "keys_bytes"),
    "values": Blob("BPFMAP_DATA", 1, "1.values", "values", "values_bytes"),
    "shm": Blob("IPCNS_SHM", 1, "1.extra", None, "size"),
    "ghost": Blob("GHOST_FILE", 0, "0.extra"),
    "chunk": Blob("GHOST_FILE", 2, "2.extra", None, "len", handmade.chunked_ghost),
    "message": Blob("IPCNS_MSG", 1, "1.msgs/1.extra", 1),
    "last message": Blob("IPCNS_MSG", 1, "1.msgs/2.extra", 2),
}


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("kind", EVERY_KIND)
def test_one_way_after_the_other(mount, work, kind, order):
    """Each leaves the very file that it has to: neighbours, length fields and padding too."""
    blob = EVERY_KIND[kind]
    x = Extra(mount, work, blob.typ, blob.make(order))
    path, image = x.path(blob.file), x.image
    mnt.save(path, handmade.blob(300, 50))
    blob.set(image, handmade.blob(300, 50))
    # grown first: then there is something to patch and to cut; last from nothing to much
    for how in ("grow", "append", "middle", "beyond", "dd", "sed", "shrink", "append", "rename",
                "empty", "append", "redirect_nothing", "grow", "beyond", "shrink"):
        blob.set(image, writes(path, blob.get(image))[how]())
        assert mnt.read(x.stored) == criuimg.write_image(image), how
        assert mnt.read(path) == blob.get(image), how
        assert os.stat(path).st_size == len(blob.get(image)), how
        assert mnt.read_text(x.path("%d.json" % blob.index)) == image.entries[blob.index].text(), how
    for i, entry in enumerate(image.entries):
        for name, data in mnt.extra_files(entry, i).items():
            assert mnt.read(x.path(name)) == data, name


@pytest.mark.parametrize("order", "<>")
def test_semaphores_one_way_after_the_other(mount, work, order):
    x = Extra(mount, work, "IPCNS_SEM", handmade.image(TYPES["IPCNS_SEM"], order=order))
    path, entry = x.path("1.sems.json"), x.image.entries[1]
    for expression in (". + [1, 2, 3]", ".[1] = 65535", ". + .", "del(.[0])", ".[:1]", "[]", ". + [7]"):
        done = subprocess.run(["jq", expression, path], check=True, capture_output=True)
        with open(path, "wb") as f:
            f.write(done.stdout)
        entry.extra = json.loads(done.stdout)
        msg = entry.decode()
        msg.nsems = len(entry.extra)
        entry.payload = criuimg.SCHEMA.encode(msg)
        assert mnt.read(x.stored) == criuimg.write_image(x.image), expression
        assert mnt.read_text(path) == criuimg.text(entry.extra), expression


@pytest.mark.parametrize("size", SIZES)
def test_ghost_contents(mount, work, size):
    """The rest of the file is the contents: no field has their length."""
    x = Extra(mount, work, "GHOST_FILE")
    mnt.save(x.path("0.extra"), handmade.blob(size, 5))
    after = x.after(0)
    assert after.extra == handmade.blob(size, 5)
    assert after.payload == x.before.entries[0].payload


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("order", "<>")
def test_ghost_chunks(mount, work, order, size):
    x = Extra(mount, work, "GHOST_FILE", handmade.chunked_ghost(order))
    mnt.save(x.path("2.extra"), handmade.blob(size, 5))
    after = x.after(2)
    assert after.extra == handmade.blob(size, 5)
    assert after.decode().len == size
    assert without(after, "len") == without(x.before.entries[2], "len")


def test_text_of_a_chunk(mount, work):
    x = Extra(mount, work, "GHOST_FILE", handmade.chunked_ghost())
    value = dict(x.before.entries[2].json(), off=1 << 40, len=1)
    mnt.save(x.path("2.json"), criuimg.text(value))
    after = x.after(2)
    assert (after.decode().off, after.decode().len) == (1 << 40, len(after.extra))
    assert after.extra == x.before.entries[2].extra


@pytest.mark.parametrize("values", [[], [0], [65535], [1, 2], list(range(4)), list(range(5)),
                                    list(range(1000))])
@pytest.mark.parametrize("order", "<>")
def test_semaphores(mount, work, order, values):
    x = Extra(mount, work, "IPCNS_SEM", handmade.image(TYPES["IPCNS_SEM"], order=order))
    mnt.save(x.path("1.sems.json"), json.dumps(values))
    after = x.after(1)
    assert after.extra == values
    assert after.decode().nsems == len(values)
    assert mnt.read_text(x.path("1.sems.json")) == criuimg.text(values)
    assert without(after, "nsems") == without(x.before.entries[1], "nsems")


@pytest.mark.parametrize("text", ["[1, 65536]", "[-1]", "[1.5]", '["x"]', "{}", "[1", "[1,]", "7", "[[1]]",
                                  "[null]"])
def test_rejected_semaphores(mount, work, text):
    x = Extra(mount, work, "IPCNS_SEM")
    before = mnt.read(x.stored)
    with pytest.raises(OSError) as e:
        mnt.save(x.path("0.sems.json"), text)
    assert e.value.errno == 74  # EBADMSG
    assert mnt.read(x.stored) == before
    assert mnt.read_text(x.path("0.sems.json.rej")) == text
    assert mnt.read_text(x.path("0.sems.json.err")).startswith(x.name + "/0.sems.json:1:")
    assert mnt.read_text(x.path("0.sems.json")) == criuimg.text(x.before.entries[0].extra)


@pytest.mark.parametrize("order", "<>")
def test_messages(mount, work, order):
    """A message of a queue has a text and bytes of its own."""
    image = handmade.image(TYPES["IPCNS_MSG"], order=order)
    image.entries[0] = handmade.entry(TYPES["IPCNS_MSG"], size=15)  # three messages
    x = Extra(mount, work, "IPCNS_MSG", image)
    assert os.listdir(x.path("0.msgs")) == ["0.extra", "0.json", "1.extra", "1.json", "2.extra", "2.json"]
    for size in (0, 1, 8, 9, 3000):
        mnt.save(x.path("0.msgs/1.extra"), handmade.blob(size, 7))
        extra = x.after(0).extra
        assert extra[1][1] == handmade.blob(size, 7)
        assert criuimg.SCHEMA.decode("ipc_msg", extra[1][0]).msize == size
        assert [extra[i] for i in (0, 2)] == [x.before.entries[0].extra[i] for i in (0, 2)]
        text = mnt.read_text(x.path("0.msgs/1.json"))
        assert json.loads(text)["msize"] == size
        assert mnt.read(x.path("0.msgs/1.extra")) == handmade.blob(size, 7)


def test_text_of_a_message(mount, work):
    x = Extra(mount, work, "IPCNS_MSG")
    assert len(x.before.entries[0].extra) == 1
    value = json.loads(mnt.read(x.path("0.msgs/0.json")))
    value["mtype"] = 2 ** 63 + 5
    mnt.save(x.path("0.msgs/0.json"), criuimg.text(value))
    extra = x.after(0).extra
    assert criuimg.SCHEMA.decode("ipc_msg", extra[0][0]).mtype == 2 ** 63 + 5
    assert extra[0][1] == x.before.entries[0].extra[0][1]
    assert mnt.read_text(x.path("0.msgs/0.json")) == criuimg.text(value)


def test_rejected_message(mount, work):
    x = Extra(mount, work, "IPCNS_MSG")
    before = mnt.read(x.stored)
    with pytest.raises(OSError) as e:
        mnt.save(x.path("0.msgs/0.json"), '{"mtype": "x", "msize": 0}')
    assert e.value.errno == 74  # EBADMSG
    assert mnt.read(x.stored) == before
    assert mnt.read_text(x.path("0.msgs/0.json.err")).startswith(x.name + "/0.msgs/0.json:1:11: error: mtype")
    assert mnt.read_text(x.path("0.msgs/0.json.rej")) == '{"mtype": "x", "msize": 0}'


# A text may say any length: the bytes decide.
@pytest.mark.parametrize("number", [0, 1, 2 ** 32 - 1])
@pytest.mark.parametrize("typ, field", [(b[0], b[2]) for b in BLOBS] +
                         [("IPCNS_SEM", "nsems"), ("IPCNS_MSG", "qnum")])
def test_length_in_the_text_is_not_believed(mount, work, typ, field, number):
    x = Extra(mount, work, typ)
    before = mnt.read(x.stored)
    value = x.before.entries[0].json()
    value[field] = number
    mnt.save(x.path("0.json"), criuimg.text(value))
    assert mnt.read(x.stored) == before


@pytest.mark.parametrize("typ", ["PIPES_DATA", "SK_QUEUES", "TCP_STREAM", "BPFMAP_DATA", "IPCNS_SHM",
                                 "IPCNS_SEM", "IPCNS_MSG", "GHOST_FILE"])
def test_text_edit_keeps_the_extra(mount, work, typ):
    x = Extra(mount, work, typ)
    value = x.before.entries[0].json()
    field = {"PIPES_DATA": "pipe_id", "SK_QUEUES": "id_for", "TCP_STREAM": "mss_clamp",
             "BPFMAP_DATA": "count", "IPCNS_SHM": "hugetlb_flag", "IPCNS_MSG": "qbytes",
             "GHOST_FILE": "uid"}.get(typ)
    if field:
        value[field] = 300000
    else:
        value["desc"]["uid"] = 300000
    mnt.save(x.path("0.json"), criuimg.text(value))
    after = x.after(0)
    assert after.json() == value
    assert after.extra == x.before.entries[0].extra


def test_large_extra(mount, work):
    """An extra of some size goes through without being held in memory."""
    x = Extra(mount, work, "PIPES_DATA")
    size, block = 64 << 20, handmade.blob(1 << 20, 1)
    with open(x.path("0.extra"), "wb") as f:
        for _ in range(size // len(block)):
            f.write(block)
    after = x.after(0)
    assert after.decode().bytes == size and after.extra == block * (size // len(block))
    assert os.stat(x.path("0.extra")).st_size == size


def test_in_a_recorded_dump(mount, work):
    """Entries behind the edited one keep their bytes at their new place."""
    root = dumps.copy("container-ipc", os.path.join(work, "d"))
    before = criuimg.load(os.path.join(root, "sk-queues.img"))
    m = mount(root)
    for data in (b"", b"x" * 5000, b"y"):
        mnt.save(m / "sk-queues.img/1.extra", data)
        after = criuimg.load(os.path.join(root, "sk-queues.img"))
        assert after.entries[1].extra == data
        assert [after.entries[i].frame for i in (0, 2)] == [before.entries[i].frame for i in (0, 2)]
        assert mnt.read(m / "sk-queues.img/2.extra") == before.entries[2].extra
        assert mnt.read_text(m / "sk-queues.img/2.json") == before.entries[2].text()
