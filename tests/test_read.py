"""Every recorded dump, as it is read through a mount."""
import base64
import io
import os
import stat
import subprocess

import pytest

import criuimg
import deviations
import dumps
import mnt


class Mounted:
    """One dump, mounted for all tests of this file that look at it."""

    def __init__(self, name, mount):
        self.name = name
        self.root = dumps.pristine(name)
        self.images = dumps.images(self.root)
        self.mount = mount(self.root)

    def path(self, *parts):
        return os.path.join(self.mount.point, *parts)


@pytest.fixture(scope="module", params=dumps.NAMES)
def dump(request, module_mount_of_dump):
    return Mounted(request.param, module_mount_of_dump)


@pytest.fixture(scope="module")
def module_mount_of_dump(module_mount):
    """A mount of the dump before is ended when the next dump is mounted."""
    last = []

    def mount(root, *options):
        while last:
            last.pop().close()
        last.append(module_mount(root, *options))
        return last[-1]

    return mount


def all_files(root):
    for where, dirs, names in os.walk(root):
        for name in names:
            yield os.path.join(where, name)


def test_entries_are_crits_text(dump):
    """Byte for byte what crit shows, but for the list in deviations.py."""
    for rel, image in dump.images.items():
        doc, _ = deviations.correct(dump.name, rel, dumps.document(dump.name, rel))
        entries = criuimg.document(image)["entries"] if doc is None else doc["entries"]
        for i, entry in enumerate(entries):
            entry.pop("extra", None)
            got = mnt.read_text(dump.path(rel, "%d.json" % i))
            assert got == criuimg.text(entry), "%s/%d.json" % (rel, i)


def extra_of_document(extra):
    """A document's extra as {suffix: bytes} of the files that show it."""
    raw = base64.b64decode
    if isinstance(extra, str):
        return {"extra": raw(extra)}
    if isinstance(extra, dict):
        return {key: raw(value) for key, value in extra.items()}
    if extra and isinstance(extra[0], dict):
        out = {}
        for m in range(len(extra) // 2):
            out["msgs/%d.json" % m] = criuimg.text(extra[2 * m]).encode()
            out["msgs/%d.extra" % m] = raw(extra[2 * m + 1])
        return out
    return {"sems.json": criuimg.text(extra).encode()}


def test_extras_are_the_documents(dump):
    for rel, image in dump.images.items():
        doc, _ = deviations.correct(dump.name, rel, dumps.document(dump.name, rel))
        for i, entry in enumerate(doc["entries"] if doc else []):
            want = extra_of_document(entry["extra"]) if "extra" in entry else {}
            if image.type.extra == "bpfmap":  # crit shows keys and values as one
                keys, values = (mnt.read(dump.path(rel, "%d.%s" % (i, x))) for x in ("keys", "values"))
                assert len(keys) == entry["keys_bytes"], rel
                assert keys + values == want["extra"], rel
                continue
            for suffix, data in want.items():
                assert mnt.read(dump.path(rel, "%d.%s" % (i, suffix))) == data, (rel, i, suffix)


def test_extras_are_the_images(dump):
    for rel, image in dump.images.items():
        for i, entry in enumerate(image.entries):
            for name, data in mnt.extra_files(entry, i).items():
                assert mnt.read(dump.path(rel, name)) == data, (rel, name)


def test_everything_else_passes_through(dump):
    """Pages, raw images, logs: the same bytes, the same kind of name."""
    for rel in dumps.files(dump.root):
        if rel in dump.images:
            assert stat.S_ISDIR(os.lstat(dump.path(rel)).st_mode), rel
        else:
            assert stat.S_ISREG(os.lstat(dump.path(rel)).st_mode), rel
            subprocess.run(["cmp", os.path.join(dump.root, rel), dump.path(rel)], check=True)


def test_names(dump):
    """Nothing is missing, nothing is added, but for the unlisted .critfs."""
    for where, dirs, names in os.walk(dump.root):
        rel = os.path.relpath(where, dump.root)
        assert sorted(os.listdir(dump.path(rel))) == sorted(dirs + names), rel
    for rel, image in dump.images.items():
        assert set(os.listdir(dump.path(rel))) == set(mnt.listing(image)), rel
        assert len(os.listdir(dump.path(rel))) == len(mnt.listing(image)), rel


def test_order(dump):
    """By number, a slot's extras before its N.json; rm -r sorts by st_ino."""
    for rel, image in dump.images.items():
        with os.scandir(dump.path(rel)) as it:
            found = [(e.name, e.inode()) for e in it]
        slots = [(int(name.split(".")[0]), name.endswith(".json") and name.count(".") == 1)
                 for name, _ in found]
        assert slots == sorted(slots), rel
        inodes = [ino for _, ino in found]
        assert inodes == sorted(inodes), rel


def test_order_of_messages(dump):
    for rel, image in dump.images.items():
        for i, entry in enumerate(image.entries):
            if entry.message == "ipc_msg_entry":
                names = os.listdir(dump.path(rel, "%d.msgs" % i))
                want = [x for m in range(len(entry.extra)) for x in ("%d.extra" % m, "%d.json" % m)]
                assert names == want


def test_sizes_are_exact(dump):
    for where, dirs, names in os.walk(dump.mount.point):
        with os.scandir(where) as it:
            entries = [e for e in it if e.is_file(follow_symlinks=False)]
        for entry in entries:
            size = entry.stat().st_size
            if size > 1 << 20:  # pages, compared elsewhere
                assert size == os.path.getsize(os.path.join(
                    dump.root, os.path.relpath(entry.path, dump.mount.point)))
                continue
            assert len(mnt.read(entry.path)) == size, entry.path
            assert os.stat(entry.path).st_size == size, entry.path


def test_size_before_reading(dump, mount):
    """The first thing asked of a fresh mount is the size, by stat alone."""
    m = mount(dump.root, "ro")
    for rel, image in list(dump.images.items())[:40]:
        for i, entry in list(enumerate(image.entries))[:3]:
            assert os.stat(m / rel + "/%d.json" % i).st_size == len(entry.text().encode()), rel


def test_inodes_are_unique(dump):
    seen = {}
    for where, dirs, names in os.walk(dump.mount.point):
        with os.scandir(where) as it:
            for entry in it:
                ino = entry.stat(follow_symlinks=False).st_ino
                assert ino == entry.inode(), entry.path
                assert ino not in seen, (entry.path, seen.get(ino))
                seen[ino] = entry.path


def test_time_and_owner(dump):
    for rel in list(dump.images)[:60]:
        image = os.stat(os.path.join(dump.root, rel))
        shown = [os.stat(dump.path(rel))]
        shown += [e.stat() for e in os.scandir(dump.path(rel))]
        for st in shown:
            assert (st.st_uid, st.st_gid) == (image.st_uid, image.st_gid), rel
            assert st.st_mtime_ns == image.st_mtime_ns, rel


def test_two_mounts_do_not_differ(dump, mount, work):
    other = dumps.copy(dump.name, os.path.join(work, "copy"))
    m = mount(other)
    done = subprocess.run(["diff", "-r", "--no-dereference", dump.mount.point, m.point],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[:2000] + done.stderr[:2000]


def test_plain_spelling(dump, mount):
    m = mount(dump.root, "plain")
    for rel, image in dump.images.items():
        for i, entry in enumerate(image.entries):
            got = mnt.read_text(m / rel + "/%d.json" % i)
            assert got == entry.text(pretty=False), "%s/%d.json" % (rel, i)


def debian_crit(data):
    """crit's plain document where it knows every field of the image, else None."""
    pycriu = pytest.importorskip("pycriu")
    try:
        doc = pycriu.images.load(io.BytesIO(data), False)
        out = io.BytesIO()
        pycriu.images.dump(pycriu.images.load(io.BytesIO(data), False), out)
    except Exception:  # crit's own faults, see deviations.py
        return None
    return doc if out.getvalue() == data else None


def test_plain_spelling_is_debian_crits(mount):
    root = dumps.pristine("container-ipc")
    m, compared = mount(root, "plain"), set()
    for rel, image in dumps.images(root).items():
        doc = debian_crit(mnt.read(os.path.join(root, rel)))
        for i, entry in enumerate(doc["entries"] if doc else []):
            entry.pop("extra", None)
            assert mnt.read_text(m / rel + "/%d.json" % i) == criuimg.text(entry), rel
            compared.add(image.type.name)
    assert len(compared) > 20


# ------------------------------------------------------------- attributes

@pytest.mark.parametrize("mode, entry, directory", [
    (0o644, 0o644, 0o755), (0o600, 0o600, 0o700), (0o640, 0o640, 0o750),
    (0o444, 0o444, 0o555), (0o755, 0o644, 0o755), (0o660, 0o660, 0o770)])
def test_modes(mount, work, mode, entry, directory):
    """Entries have the image's mode without x; the directory x where the image has r."""
    dump = dumps.copy("demo", os.path.join(work, "d"))
    image = os.path.join(dump, "pipes-data.img")
    os.chmod(image, mode)
    os.chown(image, 1234, 2345)
    os.utime(image, ns=(10**18, 10**18 + 123456789))
    m = mount(dump)
    top = os.stat(m / "pipes-data.img")
    assert stat.S_IMODE(top.st_mode) == directory
    for st in [top] + [os.stat(m / "pipes-data.img/0." + x) for x in ("json", "extra")]:
        assert (st.st_uid, st.st_gid, st.st_mtime_ns) == (1234, 2345, 10**18 + 123456789)
    assert stat.S_IMODE(os.stat(m / "pipes-data.img/0.json").st_mode) == entry
    assert stat.S_IMODE(os.stat(m / "pipes-data.img/0.extra").st_mode) == entry


def test_plain_files_keep_their_attributes(mount, work):
    dump = dumps.copy("demo", os.path.join(work, "d"))
    pages = os.path.join(dump, "pages-1.img")
    os.chmod(pages, 0o640)
    os.chown(pages, 12, 34)
    os.utime(pages, ns=(10**18, 10**18 + 5))
    m = mount(dump)
    st = os.stat(m / "pages-1.img")
    assert (stat.S_IMODE(st.st_mode), st.st_uid, st.st_gid) == (0o640, 12, 34)
    assert st.st_mtime_ns == 10**18 + 5


def test_sparse_files_stay_readable_in_the_middle(mount):
    root = dumps.pristine("python3")
    m = mount(root)
    name = max((n for n in os.listdir(root) if n.startswith("pages-")),
               key=lambda n: os.path.getsize(os.path.join(root, n)))
    size = os.path.getsize(os.path.join(root, name))
    for at in (0, 4095, size // 2 + 7, size - 1, size, size + 10):
        with open(os.path.join(root, name), "rb") as a, open(m / name, "rb") as b:
            assert os.pread(a.fileno(), 5000, at) == os.pread(b.fileno(), 5000, at)


# -------------------------------------------------------------- the tree

def test_critfs_is_there_but_not_listed(mount):
    m = mount(dumps.pristine("demo"))
    assert ".critfs" not in os.listdir(m.point)
    assert os.path.isdir(m / ".critfs")
    assert {"version", "errors", "scratch"} <= set(os.listdir(m / ".critfs"))
    assert mnt.read_text(m / ".critfs/version").strip()
    for name in ("version", "errors", "scratch"):
        path = m / ".critfs/" + name
        assert len(mnt.read(path)) == os.stat(path).st_size


def test_nobody_falls_into_critfs(mount):
    m = mount(dumps.pristine("demo"))
    found = subprocess.run(["find", m.point], capture_output=True, text=True, check=True).stdout
    assert "/.critfs" not in found


def test_critfs_in_each_dump_of_a_directory_of_dumps(mount):
    m = mount(dumps.pristine("incremental"))
    for sub in ("1", "2", "3"):
        assert os.path.isdir(m / sub + "/.critfs")
        assert ".critfs" not in os.listdir(m / sub)


def test_links_are_shown_as_links(mount, work):
    dump = dumps.copy("incremental", os.path.join(work, "d"))
    os.symlink("files.img", os.path.join(dump, "3", "alias.img"))
    os.symlink("/nowhere/at/all", os.path.join(dump, "3", "dangling"))
    m = mount(dump)
    for name, target in (("3/parent", "../2"), ("3/alias.img", "files.img"),
                         ("3/dangling", "/nowhere/at/all")):
        assert os.readlink(m / name) == target
        assert stat.S_ISLNK(os.lstat(m / name).st_mode)
    # followed by the kernel, inside of the mount
    assert mnt.read(m / "3/alias.img/0.json") == mnt.read(m / "3/files.img/0.json")
    assert os.path.isdir(m / "3/parent/pagemap-8057.img")


def test_subdirectories_are_walked_like_the_root(mount, work):
    top = os.path.join(work, "many")
    dumps.copy("demo", os.path.join(top, "a", "b"))
    dumps.copy("cpuinfo", os.path.join(top, "c"))
    os.mkdir(os.path.join(top, "empty"))
    m = mount(top)
    assert sorted(os.listdir(m.point)) == ["a", "c", "empty"]
    assert os.listdir(m / "a") == ["b"]
    assert os.listdir(m / "empty") == []
    for rel, image in dumps.images(top).items():
        assert os.listdir(m / rel) == mnt.listing(image), rel
        assert mnt.read_text(m / rel + "/0.json") == image.entries[0].text(), rel


def test_sockets_and_fifos_do_not_hang(mount, work):
    dump = dumps.copy("cpuinfo", os.path.join(work, "d"))
    os.mkfifo(os.path.join(dump, "fifo-7"))
    os.mknod(os.path.join(dump, "streamer-dump.sock"), stat.S_IFSOCK | 0o600)
    m = mount(dump)
    subprocess.run(["ls", "-lR", m.point], check=True, capture_output=True, timeout=60)
    assert mnt.read_text(m / "cpuinfo.img/0.json").startswith("{")
    assert not os.path.isfile(m / "fifo-7") and not os.path.isfile(m / "streamer-dump.sock")


def test_listing_opens_no_fifo(mount, work):
    """Who waits for somebody to read from it goes on waiting."""
    dump = dumps.copy("cpuinfo", os.path.join(work, "d"))
    fifo = os.path.join(dump, "fifo-7")
    os.mkfifo(fifo)
    m = mount(dump)
    writer = subprocess.Popen(["sh", "-c", "exec printf text >'%s'" % fifo])
    waiting = lambda: open("/proc/%d/wchan" % writer.pid).read() == "wait_for_partner"
    assert mnt.wait_for(waiting)
    assert "fifo-7" in os.listdir(m.point)
    with open(os.open(fifo, os.O_RDONLY | os.O_NONBLOCK), "rb") as f:
        assert writer.wait(60) == 0
        assert f.read() == b"text"


def test_missing_names(mount):
    m = mount(dumps.pristine("demo"))
    for name in ("nothing", "files.img/99999.json", "files.img/00.json", "files.img/+1.json",
                 "files.img/-1.json", "files.img/0.extra", "files.img/0.raw", "files.img/tail.raw",
                 "files.img/4294967296.json", "files.img/18446744073709551616.json",
                 "files.img/0.json/x", "pipes-data.img/1.extra", ".critfs/nothing"):
        assert not os.path.lexists(m / name), name


def test_reading_in_pieces(mount):
    """Any offset and length gives the same bytes as the whole."""
    m = mount(dumps.pristine("demo"))
    path = m / "core-8173.img/0.json"
    whole = mnt.read(path)
    fd = os.open(path, os.O_RDONLY)
    try:
        for at in range(0, len(whole) + 200, 997):
            for size in (1, 13, 4096, 5000):
                assert os.pread(fd, size, at) == whole[at:at + size]
    finally:
        os.close(fd)


def test_directory_can_be_read_in_pieces(mount):
    """rewinddir and a seek to any place that readdir gave, in a directory of thousands."""
    m = mount(dumps.pristine("files5k"))
    path = m / "files.img"
    whole = os.listdir(path)
    assert len(whole) == len(dumps.images(dumps.pristine("files5k"))["files.img"].entries)
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        assert os.listdir(fd) == whole
        assert os.listdir(fd) == whole  # rewound
    finally:
        os.close(fd)
