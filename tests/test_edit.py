"""What is written to an entry lands in the image, when, and nothing else does."""
import json
import os
import subprocess
import tempfile
import time

import pytest

import criuimg
import dumps
import handmade
import mnt
from criuimg import Entry, Image, SCHEMA, TYPES
from editing import Target, assert_only_changed

OTHER_LENGTH = '"pos": 123456789012,'


@pytest.fixture
def target(mount, work):
    return Target(mount, work)


def shell(script, cwd, **env):
    subprocess.run(["sh", "-ec", script], cwd=cwd, check=True, timeout=120,
                   env=dict(os.environ, **env))


def test_a_longer_text(target):
    text = target.old.replace(target.OLD, OTHER_LENGTH)
    mnt.save(target.path, text)
    target.assert_committed(text)


def test_a_shorter_text(target):
    value = target.entry.json()
    del value["reg"]["build_id"], value["reg"]["size"], value["reg"]["mode"]
    mnt.save(target.path, criuimg.text(value))
    target.assert_committed(criuimg.text(value))


def test_committed_text_is_crits_whatever_was_typed(target):
    """The entry reads back in crit's layout, not as it was typed."""
    mnt.save(target.path, json.dumps(json.loads(target.new), sort_keys=True))
    target.assert_committed()


def test_several_edits_in_one_image(target):
    want = {}
    for i in (0, 3, 26, 4, 3):
        old = want.get(i, target.before.entries[i].text())
        value = json.loads(old)
        value["id"] = value["id"] + 1000
        mnt.save(target.dir + "/%d.json" % i, criuimg.text(value))
        want[i] = criuimg.text(value)
        assert_only_changed(target.before, criuimg.load(target.stored), want)


def test_edits_of_several_images(target):
    for name in ("core-8173.img", "fs-8173.img", "mm-8173.img", "inventory.img", "pstree.img"):
        before = criuimg.load(os.path.join(target.root, name))
        value = before.entries[0].json()
        change_a_number(value)
        mnt.save(target.mount / name + "/0.json", criuimg.text(value))
        assert_only_changed(before, criuimg.load(os.path.join(target.root, name)),
                            {0: criuimg.text(value)})
    target.assert_unchanged()


def change_a_number(value):
    """Change the first plain number of a JSON value, wherever it is."""
    for key, val in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(val, int) and not isinstance(val, bool):
            value[key] = val ^ 1
            return True
        if isinstance(val, (dict, list)) and change_a_number(val):
            return True
    return False


def test_times_move_only_where_something_changed(target):
    others = [os.stat(target.dir + "/%d.json" % i).st_mtime_ns for i in (2, 4)]
    old = os.stat(target.path).st_mtime_ns
    now = time.time_ns()
    mnt.save(target.path, target.new)
    assert [os.stat(target.dir + "/%d.json" % i).st_mtime_ns for i in (2, 4)] == others
    assert old != os.stat(target.path).st_mtime_ns >= now - 2 * 10**9
    # the kernel may know the directory's old time for a moment
    assert mnt.wait_for(lambda: os.stat(target.dir).st_mtime_ns >= now - 2 * 10**9, 5)
    assert os.stat(target.stored).st_mtime_ns >= now - 2 * 10**9


def test_a_fresh_mount_shows_the_edit(target, mount):
    mnt.save(target.path, target.new)
    target.mount.close()
    m = mount(target.root)
    assert mnt.read_text(m / "files.img/3.json") == target.new
    assert os.listdir(m / "files.img") == mnt.listing(target.before)


def test_inode_numbers_stay(target):
    before = {e.name: e.inode() for e in os.scandir(target.dir)}
    mnt.save(target.path, target.new)
    assert {e.name: e.inode() for e in os.scandir(target.dir)} == before
    assert os.stat(target.path).st_ino == before["3.json"]


def test_attributes_can_be_set_and_change_nothing(target):
    """What cp -p, install and rsync do to the files that they write."""
    os.chmod(target.path, 0o600)
    os.utime(target.path, (1, 1))
    os.chown(target.path, 5, 6)
    target.assert_unchanged()
    assert target.text() == target.old


def test_plain_mount_is_edited_in_its_own_spelling(mount, work):
    t = Target(mount, work, "plain")
    value = t.entry.json(pretty=False)
    value["reg"]["pos"] = 7
    mnt.save(t.path, criuimg.text(value))
    assert_only_changed(t.before, criuimg.load(t.stored), {3: t.new})
    assert t.text() == criuimg.text(value)


# -------------------------------------------------------------- when

def test_fsync_commits(target):
    fd = os.open(target.path, os.O_WRONLY | os.O_TRUNC)
    mnt.write_fd(fd, target.new.encode())
    target.assert_unchanged()
    os.fsync(fd)
    target.assert_committed()
    inode = os.stat(target.stored).st_ino
    os.close(fd)
    assert os.stat(target.stored).st_ino == inode  # close had nothing left to do


def test_fdatasync_commits(target):
    fd = os.open(target.path, os.O_RDWR)
    mnt.write_fd(fd, target.new.encode())
    os.fdatasync(fd)
    target.assert_committed()
    os.close(fd)


def test_each_fsync_commits(target):
    fd = os.open(target.path, os.O_RDWR)
    for number in (7, 8, 9):
        text = target.old.replace(target.OLD, '"pos": %d,' % number)
        os.pwrite(fd, text.encode(), 0)
        os.fsync(fd)
        target.assert_committed(text)
    os.close(fd)


def test_drafts_belong_to_their_handle(target):
    """Others read the committed text until the commit, at any offset."""
    reader = os.open(target.path, os.O_RDONLY)
    fd = os.open(target.path, os.O_WRONLY | os.O_TRUNC)
    mnt.write_fd(fd, target.new.encode())
    assert os.pread(reader, 100000, 0) == target.old.encode()
    assert target.text() == target.old
    assert os.stat(target.path).st_size == len(target.old)
    target.assert_unchanged()
    os.close(fd)
    target.assert_committed()
    os.close(reader)


def test_readers_keep_the_text_of_their_open(target):
    reader = os.open(target.path, os.O_RDONLY)
    mnt.save(target.path, target.old.replace(target.OLD, OTHER_LENGTH))
    text = os.pread(reader, 100000, 0)
    os.close(reader)
    assert text == target.old.encode()


def test_a_handle_reads_what_it_wrote(target):
    fd = os.open(target.path, os.O_RDWR)
    os.pwrite(fd, b"\t", 1)
    data = bytearray(target.old.encode())
    data[1:2] = b"\t"
    assert os.pread(fd, 100000, 0) == bytes(data)
    os.ftruncate(fd, 10)
    assert os.lseek(fd, 0, os.SEEK_END) == 10
    assert os.pread(fd, 100, 0) == bytes(data[:10])
    os.pwrite(fd, bytes(data[10:]), 10)
    assert os.lseek(fd, 0, os.SEEK_END) == len(data)
    assert os.pread(fd, 100000, 0) == bytes(data)
    os.close(fd)
    target.assert_unchanged()


@pytest.mark.parametrize("last", [0, 1])
def test_last_commit_wins_whole(target, last):
    texts = [target.old.replace(target.OLD, '"pos": %d,' % n) for n in (11, 22222)]
    fds = [os.open(target.path, os.O_WRONLY | os.O_TRUNC) for _ in texts]
    for fd, text in zip(fds, texts):
        mnt.write_fd(fd, text[:40].encode())
    for fd, text in zip(fds, texts):
        mnt.write_fd(fd, text[40:].encode())
    os.close(fds[1 - last])
    target.assert_committed(texts[1 - last])
    os.close(fds[last])
    target.assert_committed(texts[last])


def test_empty_flush_is_neither_error_nor_commit(target):
    """A shell's child flushes the truncated file before anybody wrote to it."""
    fd = os.open(target.path, os.O_WRONLY | os.O_TRUNC)
    os.close(os.dup(fd))
    target.assert_unchanged()
    assert target.text() == target.old
    mnt.write_fd(fd, target.new.encode())
    os.close(fd)
    target.assert_committed()


def test_emptied_only(target):
    """: > 3.json and truncate -s 0 leave the entry as it was."""
    shell(": > 3.json; truncate -s 0 3.json; cp /dev/null 3.json", target.dir)
    os.truncate(target.path, 0)
    target.assert_unchanged()
    assert target.text() == target.old


def test_truncation_by_path(target):
    os.truncate(target.path, len(target.old.encode()) - 1)  # the newline alone
    target.assert_unchanged()
    assert target.text() == target.old


def test_appended_space_is_no_change(target):
    shell("echo >> 3.json; printf ' \\n\\n' >> 3.json", target.dir)
    target.assert_unchanged()
    assert target.text() == target.old


def test_unlinked_while_open_scratch(target):
    """A temporary file that is never renamed leaves nothing behind."""
    with tempfile.TemporaryFile("w", dir=target.dir) as f:
        f.write(target.new)
    target.assert_unchanged()
    assert os.listdir(target.dir) == mnt.listing(target.before)


# -------------------------------------------------------------- headers

@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("header", ["v1.0", "common", "service"])
def test_header_is_kept(mount, work, header, order):
    image = handmade.image(TYPES["FDINFO"], "full", header, order)
    path = dumps.write(work, "fdinfo-2.img", image)
    before = criuimg.load(path)
    m = mount(work)
    value = image.entries[1].json()
    value["fd"] = 4242
    mnt.save(m / "fdinfo-2.img/1.json", criuimg.text(value))
    assert_only_changed(before, criuimg.load(path), {1: criuimg.text(value)})
    assert mnt.read(path)[:8] == criuimg.write_image(image)[:8]


def test_v1_0_dump(mount, work):
    root = dumps.copy("legacy-v1-python3-r", os.path.join(work, "d"))
    m = mount(root)
    for rel, before in dumps.images(root).items():
        value = before.entries[0].json() if before.entries else {}
        if change_a_number(value):
            mnt.save(m / rel + "/0.json", criuimg.text(value))
            assert_only_changed(before, criuimg.load(os.path.join(root, rel)), {0: criuimg.text(value)})


# ------------------------------------------------------ every field once

# What the bytes of the extra decide, not the text.
BY_EXTRA = {"pipe_data_entry": {"bytes"}, "sk_packet_entry": {"length"},
            "tcp_stream_entry": {"inq_len", "outq_len"}, "ipc_sem_entry": {"nsems"},
            "bpfmap_data_entry": {"keys_bytes", "values_bytes"}, "ipc_msg_entry": {"qnum"},
            "ipc_shm_entry": {"size", "in_pagemaps"}, "ghost_file_entry": {"mode", "chunks"},
            "ghost_chunk_entry": {"len"}}


def leaves(message, msg, path=()):
    """(message, field, path) of each scalar; of a list, its first."""
    for desc, value in msg.ListFields():
        field = SCHEMA.field(message, desc.name)
        repeated = field["label"] == "repeated"
        here = path + ((desc.name, 0) if repeated else (desc.name,))
        if field.get("kind") == "message":
            yield from leaves(field["type"], value[0] if repeated else value, here)
        elif desc.name not in BY_EXTRA.get(message, ()):
            yield message, field, here


def walk(msg, path):
    for step in path:
        msg = msg[step] if isinstance(step, int) else getattr(msg, step)
    return msg


def change(msg, field, path):
    value = walk(msg, path)
    if field.get("kind") == "enum":
        numbers = list(SCHEMA.enums[field["type"]].values())
        new = numbers[(numbers.index(value) + 1) % len(numbers)]
        new = new if new != value else value + 1
    elif field["type"] == "bool":
        new = not value
    elif field["type"] in ("string", "bytes"):
        new = value + b"!"
    else:
        new = value ^ 1
    if isinstance(path[-1], int):
        walk(msg, path[:-1])[path[-1]] = new
    else:
        setattr(walk(msg, path[:-1]), path[-1], new)


def fields_of_types():
    """{type: [(entry, field, path)]}: every field of the schema in one type, no type without."""
    seen, out = set(), {}
    for typ in TYPES.values():
        image = handmade.image(typ)
        out[typ.name] = []
        for i in range(min(2, len(image.entries))):
            for message, field, path in leaves(image.entries[i].message, image.entries[i].decode()):
                if (message, field["name"]) not in seen or not out[typ.name]:
                    seen.add((message, field["name"]))
                    out[typ.name].append((i, field, path))
    return out


FIELDS = fields_of_types()


@pytest.mark.parametrize("typ", TYPES)
def test_each_field(mount, work, typ):
    """One field is edited at a time; the file must be exactly what that makes it."""
    image = handmade.image(TYPES[typ])
    name = TYPES[typ].example_name()
    stored = dumps.write(work, name, image)
    m = mount(work)
    for i, field, path in FIELDS[typ]:
        entry = image.entries[i]
        msg = entry.decode()
        change(msg, field, path)
        entry.payload = SCHEMA.encode(msg)
        mnt.save(m / name + "/%d.json" % i, entry.text())
        assert mnt.read(stored) == criuimg.write_image(image), path
        assert mnt.read_text(m / name + "/%d.json" % i) == entry.text(), path


def test_each_field_of_the_schema_is_edited():
    known = {(m, f["name"]) for m in SCHEMA.messages for f in SCHEMA.fields(m)
             if f.get("kind") != "message"}
    reachable = {x for t in TYPES.values() for m in t.messages for x in reach(m)}
    done = {(message_of(t, i, p), p_name(p)) for t, cases in FIELDS.items() for i, f, p in cases}
    left_out = {(m, f) for m, fields in BY_EXTRA.items() for f in fields}
    left_out.add(("ghost_chunk_entry", "off"))  # in test_extras.py
    assert (known & reachable) - done - left_out == set()
    assert len(done) > 700


def p_name(path):
    return [p for p in path if isinstance(p, str)][-1]


def message_of(typ, index, path):
    message = TYPES[typ].message(index)
    for name in [p for p in path if isinstance(p, str)][:-1]:
        message = SCHEMA.field(message, name)["type"]
    return message


def reach(message, seen=None):
    seen = set() if seen is None else seen
    if message not in seen:
        seen.add(message)
        for field in SCHEMA.fields(message):
            yield message, field["name"]
            if field.get("kind") == "message":
                yield from reach(field["type"], seen)


# ----------------------------------------------------- accepted spellings

SPELLINGS = [
    ("VMAS", "start", '"0x1f"', 31), ("VMAS", "start", "31", 31), ("VMAS", "start", '"31"', 31),
    ("VMAS", "start", '"0o17"', 15), ("VMAS", "start", '"0xFFFFFFFFFFFFFFFF"', 2 ** 64 - 1),
    ("VMAS", "start", "18446744073709551615", 2 ** 64 - 1), ("VMAS", "start", "0", 0),
    ("VMAS", "pgoff", '"0x10"', 16), ("VMAS", "fd", '"-1"', -1), ("VMAS", "fd", "-1", -1),
    ("VMAS", "fd", "-9223372036854775808", -2 ** 63), ("VMAS", "fd", "9223372036854775807", 2 ** 63 - 1),
    ("VMAS", "prot", '"PROT_READ | PROT_EXEC"', 5), ("VMAS", "prot", '"PROT_EXEC|PROT_READ"', 5),
    ("VMAS", "prot", '""', 0), ("VMAS", "prot", "7", 7), ("VMAS", "prot", '"0x7"', 7),
    ("VMAS", "prot", '"PROT_READ | 0x40 | 16"', 0x51), ("VMAS", "prot", '"  PROT_READ  "', 1),
    ("VMAS", "prot", '"PROT_READ | PROT_READ"', 1),  # or-ed, not added
    ("VMAS", "status", '"VMA_AREA_NONE"', 0), ("VMAS", "status", '"VMA_AREA_NONE | VMA_UNSUPP"', 2 ** 31),
    ("VMAS", "flags", '"MAP_PRIVATE | MAP_ANON | 0x40000"', 0x40022),
    ("VMAS", "flags", '"MAP_DROPPABLE"', 8),
    ("INETSK", "family", '"INET6"', 10), ("INETSK", "family", "10", 10), ("INETSK", "family", '"99"', 99),
    ("INETSK", "family", '"0x2"', 2), ("INETSK", "state", '"LISTEN"', 10), ("INETSK", "proto", '"IP"', 0),
    ("INETSK", "src_addr", '["127.0.0.1"]', [0x0100007F]), ("INETSK", "src_addr", "[]", []),
    ("INETSK", "src_addr", '["::1"]', [0, 0, 0, 0x01000000]), ("INETSK", "src_addr", "[1, 2]", [1, 2]),
    ("INETSK", "src_addr", "[1, 2, 3]", [1, 2, 3]), ("INETSK", "src_addr", "[1, 2, 3, 4]", [1, 2, 3, 4]),
    ("INETSK", "src_addr", "[16777343]", [0x0100007F]),
    ("INETSK", "src_addr", '["0001:0DB8::0A"]', [0xB80D0100, 0, 0, 0x0A000000]),
    ("INETSK", "v6only", "true", True), ("INETSK", "v6only", "false", False),
    ("INETSK", "shutdown", '"BOTH"', 3), ("INETSK", "shutdown", "3", 3), ("INETSK", "shutdown", "77", 77),
    ("INETSK", "ifname", '"\\u00e4\\ud83d\\ude00\\/\\""', "\u00e4\U0001f600/\"".encode()),
    ("INETSK", "ifname", '"\u00e4\U0001f600"', "\u00e4\U0001f600".encode()),
    ("INETSK", "ifname", '{"$base64": "/wA="}', b"\xff\0"), ("INETSK", "ifname", '"a\\u0000b"', b"a\0b"),
    ("INETSK", "ifname", '{"$base64": "YWJj"}', b"abc"), ("INETSK", "ifname", '{"$base64": "/wA=\\n"}', b"\xff\0"),
    ("GHOST_FILE", "dev", '"8:1"', 8 << 20 | 1), ("GHOST_FILE", "dev", "8388609", 8 << 20 | 1),
    ("GHOST_FILE", "dev", '"0x800001"', 8 << 20 | 1), ("GHOST_FILE", "rdev", '"8:1"', 0x801),
    ("GHOST_FILE", "rdev", '"1:300"', os.makedev(1, 300)),
    ("UNIXSK", "name", '"a=3Db=00c"', b"a=b\0c"), ("UNIXSK", "name", '""', b""),
    ("UNIXSK", "name", '"ab=\\ncd"', b"abcd"), ("UNIXSK", "mnt_id", "-1", -1),
    ("FILE_LOCKS", "start", '"-9223372036854775808"', -2 ** 63),
]


@pytest.mark.parametrize("typ, field, spelling, want", SPELLINGS)
def test_spellings(mount, work, typ, field, spelling, want):
    stored = dumps.write(work, TYPES[typ].example_name(), handmade.image(TYPES[typ], "bare"))
    before = criuimg.load(stored)
    m = mount(work)
    value = before.entries[0].json()
    value[field] = "@"
    mnt.save(m / TYPES[typ].example_name() + "/0.json", criuimg.text(value).replace('"@"', spelling))
    msg = before.entries[0].decode()
    if isinstance(want, list):
        del getattr(msg, field)[:]
        getattr(msg, field).extend(want)
    else:
        setattr(msg, field, want)
    after = criuimg.load(stored)
    assert after.entries[0].payload == SCHEMA.encode(msg)
    assert mnt.read_text(m / TYPES[typ].example_name() + "/0.json") == after.entries[0].text()


@pytest.mark.parametrize("spelling, want", [
    ('"Alive"', 1), ('"Zombie"', 3), ('"Stopped"', 6), ("1", 1), ("2", 2), ("3", 3), ("6", 6), ('"0x3"', 3)])
def test_spellings_of_task_state(mount, work, spelling, want):
    """crit's names with crit's values, so that its documents encode to the same bytes."""
    t = CoreTarget(mount, work)
    value = t.entry.json()
    value["tc"]["task_state"] = "@"
    mnt.save(t.path, criuimg.text(value).replace('"@"', spelling))
    assert criuimg.load(t.stored).entries[0].decode().tc.task_state == want


class CoreTarget:
    def __init__(self, mount, work):
        root = dumps.copy("demo", os.path.join(work, "d"))
        self.stored = os.path.join(root, "core-8173.img")
        self.entry = criuimg.load(self.stored).entries[0]
        self.path = mount(root) / "core-8173.img/0.json"


def test_every_document_of_crit_encodes_to_the_same_bytes(mount, work):
    """Fields cleared by one edit come back from the entry that crit showed."""
    root = dumps.copy("demo", os.path.join(work, "d"))
    before = {rel: mnt.read(os.path.join(root, rel)) for rel in dumps.images(root)}
    m = mount(root)
    for rel, image in dumps.images(root).items():
        doc = dumps.document("demo", rel)
        entry = dict(doc["entries"][0])
        entry.pop("extra", None)
        value = image.entries[0].json()
        if not change_a_number(value):
            continue
        mnt.save(m / rel + "/0.json", criuimg.text(value))
        assert mnt.read(os.path.join(root, rel)) != before[rel]
        mnt.save(m / rel + "/0.json", json.dumps(entry))
        assert mnt.read(os.path.join(root, rel)) == before[rel], rel


# -------------------------------------------------------- unknown fields

def unknown_target(mount, work):
    payload = (handmade.wire_varint(1, 1) + handmade.wire_varint(2, 0) + handmade.wire_varint(3, 1) +
               handmade.wire_varint(4, 1) + handmade.wire_bytes(2000, b"later"))
    image = Image(TYPES["PSTREE"], "common", "<", [Entry("pstree_entry", payload)] * 2)
    stored = dumps.write(work, "pstree.img", image)
    return stored, criuimg.load(stored), mount(work) / "pstree.img/0.json"


def test_unknown_fields_survive_an_edit(mount, work):
    stored, before, path = unknown_target(mount, work)
    value = before.entries[0].json()
    value["sid"] = 9
    mnt.save(path, criuimg.text(value))
    assert_only_changed(before, criuimg.load(stored), {0: criuimg.text(value)})
    assert criuimg.load(stored).entries[0].json()["$unknown"] == value["$unknown"]


def test_unknown_fields_can_be_removed_and_added(mount, work):
    stored, before, path = unknown_target(mount, work)
    value = before.entries[0].json()
    del value["$unknown"]
    mnt.save(path, criuimg.text(value))
    assert "$unknown" not in criuimg.load(stored).entries[0].json()
    value["$unknown"] = criuimg.b64(handmade.wire_varint(1999, 3))
    mnt.save(path, criuimg.text(value))
    assert_only_changed(before, criuimg.load(stored), {0: criuimg.text(value)})


def test_strings_that_are_no_utf8_survive_an_edit(mount, work):
    msg = handmade.Fill("bare").message("reg_file_entry")
    msg.name = b"/tmp/\xff\0x"
    image = Image(TYPES["REG_FILES"], "common", "<", [Entry("reg_file_entry", SCHEMA.encode(msg))])
    stored = dumps.write(work, "reg-files.img", image)
    value = image.entries[0].json()
    value["pos"] = 5
    mnt.save(mount(work) / "reg-files.img/0.json", criuimg.text(value))
    msg.pos = 5
    assert criuimg.load(stored).entries[0].payload == SCHEMA.encode(msg)


# ----------------------------------------------------------- interruption

@pytest.mark.not_on_upper("what is left in the dump stays there")
def test_left_overs_are_hidden_and_removed(mount, work):
    root = dumps.copy("cpuinfo", os.path.join(work, "d"))
    left = os.path.join(root, ".critfs.aB3xYz.tmp")
    with open(left, "w") as f:
        f.write("half an image")
    m = mount(root, "ro")
    assert ".critfs.aB3xYz.tmp" not in os.listdir(m.point)
    assert os.path.exists(left)
    m.close()
    m = mount(root)
    assert ".critfs.aB3xYz.tmp" not in os.listdir(m.point)
    assert not os.path.exists(left)
