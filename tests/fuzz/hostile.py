"""Small inputs made to cost much: where something is done once for each of many and goes through
as many each time, or where a little makes a long text."""
import criuimg
import dumps
import handmade
from criuimg import Entry, Image, SCHEMA, TYPES
from handmade import wire_bytes, wire_varint

SIZE = 10 << 10   # bytes of an image, or text


def image(name, *payloads):
    typ = TYPES[name]
    return criuimg.write_image(Image(typ, typ.first, "<", [
        Entry(typ.message(i), payload) for i, payload in enumerate(payloads)]))


def message(name, **fields):
    out = SCHEMA.new(name)
    for field, value in fields.items():
        if isinstance(value, list):
            getattr(out, field).extend(value)
        else:
            setattr(out, field, value)
    return SCHEMA.encode(out)


def number(name, field):
    return next(f["number"] for f in SCHEMA.fields(name) if f["name"] == field)


def many(payload, *more):
    """A payload as often as it fits, with the others in between."""
    whole = payload + b"".join(more)
    return whole * (SIZE // len(whole))


def process(pid, ppid=0, threads=()):
    return message("pstree_entry", pid=pid, ppid=ppid, pgid=1, sid=1, threads=[pid, *threads])


def queue(n):
    outer = handmade.entry(TYPES["IPCNS_MSG"]).decode()
    outer.qnum = n
    return Entry("ipc_msg_entry", SCHEMA.encode(outer),
                 [(message("ipc_msg", mtype=1, msize=0), b"")] * n)


def deep_cgroups():
    """Directories within one another, each with its fields in the wrong order."""
    payload = b""
    for _ in range(90):
        payload = (wire_bytes(number("cgroup_dir_entry", "children"), payload)
                   + wire_bytes(number("cgroup_dir_entry", "dir_name"), b"x" * 100))
    payload = wire_bytes(number("cg_controller_entry", "dirs"), payload)
    return image("CGROUP", wire_bytes(number("cgroup_entry", "controllers"), payload))


def images():
    """(name, bytes)"""
    tc, ids = number("core_entry", "tc"), number("core_entry", "ids")
    half = wire_bytes(tc, wire_varint(number("task_core_entry", "personality"), 1))
    whole, thread = process(1), number("pstree_entry", "threads")
    queues = Image(TYPES["IPCNS_MSG"], "common", "<", [queue(25)] * 30)
    yield "half-messages", image("CORE", many(half))
    yield "half-messages-in-turn", image("CORE", many(wire_bytes(tc, b""), wire_bytes(ids, b"")))
    yield "empty-frames", image("CORE", *[b""] * (SIZE // 4))
    yield "items-in-turn", image("PSTREE", whole + many(wire_varint(thread, 1), wire_varint(1, 1)))
    yield "items", image("PSTREE", whole + wire_bytes(thread, bytes([1]) * SIZE))
    yield "unknown", image("PSTREE", whole + many(wire_varint(31, 1)))
    yield "queues", criuimg.write_image(queues)
    yield "deep", deep_cgroups()


def texts():
    """(name, name of a message and text)"""
    yield "lists", b"core_entry\n" + b"[" * SIZE
    yield "objects", b"core_entry\n" + many(b'{"tc":')
    yield "keys", b'pstree_entry\n{' + many(b'"pid":1,') + b'"x":1}'
    yield "items", b'pstree_entry\n{"pid":1,"ppid":1,"pgid":1,"sid":1,"threads":[' + many(b"1,") + b"1]}"
    yield "escapes", b'reg_file_entry\n{"name":"' + many(b"\\u0001") + b'"}'


# ------------------------------------------------------ dump directories

PID = 66            # of the dump that the files are of
START = 0x10000


def mappings(mm, n, shared):
    out = SCHEMA.decode("mm_entry", SCHEMA.encode(mm))
    del out.vmas[:]
    for i in range(n):
        out.vmas.add(start=START + i * 8192, end=START + i * 8192 + 4096, pgoff=0, shmid=5 * shared, prot=3,
                     flags=0x21 if shared else 0x22, status=1 << 8 | 1 if shared else 1 << 9 | 1, fd=-1)
    return image("MM", SCHEMA.encode(out))


def runs(n, start):
    return image("PAGEMAP", message("pagemap_head", pages_id=1), *(
        message("pagemap_entry", vaddr=start + i * 8192, compat_nr_pages=1, flags=4) for i in range(n)))


def tree(n, parent):
    return image("PSTREE", *(process(i + 1, parent(i)) for i in range(n)))


def sockets(n):
    out = []
    for i in range(n):
        entry = SCHEMA.new("file_entry")
        entry.type, entry.id = SCHEMA.enums["fd_types"]["UNIXSK"], i
        entry.usk.CopyFrom(handmade.Fill("bare").message("unix_sk_entry"))
        entry.usk.id = entry.usk.ino = i
        out.append(SCHEMA.encode(entry))
    return image("FILES", *out)


def mounts(n):
    """Each in the next one, and that round and round."""
    out = []
    for i in range(n):
        mount = handmade.Fill("bare").message("mnt_entry")
        mount.mnt_id, mount.parent_mnt_id = i + 1, (i + 1) % n + 1
        mount.root = mount.mountpoint = b"/m"
        out.append(SCHEMA.encode(mount))
    return image("MNTS", *out)


def directories():
    """(name, {name of a file: bytes})"""
    root = dumps.pristine("zdtm-proc-self")
    kept = {}
    for name in ("inventory.img", "core-66.img", "ids-66.img", "fs-66.img", "mm-66.img", "files.img"):
        with open("%s/%s" % (root, name), "rb") as f:
            kept[name] = f.read()
    mm = criuimg.read_image(kept["mm-66.img"]).entries[0].decode()
    kept["pstree.img"] = image("PSTREE", process(PID))
    yield "mappings", dict(kept, **{"mm-66.img": mappings(mm, 150, False), "pages-1.img": b"x" * 300,
                                    "pagemap-66.img": runs(300, START)})
    yield "shared-mappings", dict(kept, **{"mm-66.img": mappings(mm, 150, True), "pages-1.img": b"x" * 300,
                                           "pagemap-66.img": runs(3, START),
                                           "pagemap-shmem-5.img": runs(300, 0)})
    yield "threads", dict(kept, **{"pstree.img": image("PSTREE", process(PID, threads=range(100, 3000)))})
    yield "mounts", dict(kept, **{"mountpoints-12.img": mounts(200)})
    for name, parent in (("chain", lambda i: i), ("ring", lambda i: (i + 1) % 600 + 1)):
        yield name, {"inventory.img": kept["inventory.img"], "pstree.img": tree(600, parent)}
    shared = {"ids-%d.img" % (i + 1): kept["ids-66.img"] for i in range(95)}
    yield "sockets", dict(shared, **{"inventory.img": kept["inventory.img"], "files.img": sockets(120),
                                     "pstree.img": tree(95, lambda i: 1 if i else 0)})
