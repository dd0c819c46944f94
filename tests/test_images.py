"""Whole images: made, copied, moved, removed."""
import errno
import os
import random
import shutil
import signal
import stat
import subprocess

import pytest

import criuimg
import dumps
import handmade
import mnt
import slots
from criuimg import SCHEMA, TYPES, Entry, Image

SEED = 20


def refused(error, call, *args):
    with pytest.raises(OSError) as e:
        call(*args)
    assert e.value.errno == error, e.value


def run(*command, ok=True, **more):
    """A tool must not complain of anything."""
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", **more)
    if ok:
        assert (done.returncode, done.stderr) == (0, ""), (command, done.stderr[:2000])
    return done


def inventory(version, order="<"):
    e = handmade.entry(TYPES["INVENTORY"])
    msg = e.decode()
    msg.img_version = version
    return Image(TYPES["INVENTORY"], "none", order, [Entry(e.message, SCHEMA.encode(msg))])


def make(path, data=b""):
    mnt.save(path, data, os.O_WRONLY | os.O_CREAT | os.O_EXCL)


# ------------------------------------------------------------------ mkdir

HEADERS = [(1, "<", "v1.0"), (2, "<", "common"), (3, "<", "common"), (2, ">", "common"), (1, ">", "v1.0"),
           (None, "<", "common")]


@pytest.mark.parametrize("typ", [t for t in TYPES if t != "INVENTORY"])
def test_made_of_every_type(mount, work, typ):
    """The name gives the type, the inventory's version the header."""
    for i, (version, order, header) in enumerate(HEADERS):
        sub = os.path.join(work, str(i))
        os.mkdir(sub)
        if version:
            dumps.write(sub, "inventory.img", inventory(version, order))
    m = mount(work)
    name = TYPES[typ].example_name()
    for i, (version, order, header) in enumerate(HEADERS):
        os.mkdir(m / ("%d/%s" % (i, name)))
        if TYPES[typ].first == "service" and header == "common":
            header = "service"
        wanted = Image(TYPES[typ], header, order)
        assert mnt.read(os.path.join(work, str(i), name)) == criuimg.write_image(wanted), (version, order)
        assert os.listdir(m / ("%d/%s" % (i, name))) == []
        refused(errno.EEXIST, os.mkdir, m / ("%d/%s" % (i, name)))


def test_an_inventory_is_made(mount, work):
    m = mount(work)
    e = inventory(2).entries[0]
    os.mkdir(m / "inventory.img")
    make(m / "inventory.img/0.json", e.text().encode())
    assert mnt.read(os.path.join(work, "inventory.img")) == criuimg.write_image(inventory(2))


def test_made_with_mode_and_owner(mount, work):
    m = mount(work)
    old = os.umask(0o027)
    try:
        os.mkdir(m / "core-99.img")
    finally:
        os.umask(old)
    st = os.stat(os.path.join(work, "core-99.img"))
    assert stat.S_IMODE(st.st_mode) == 0o640 and (st.st_uid, st.st_gid) == (os.geteuid(), os.getegid())
    assert stat.S_IMODE(os.stat(m / "core-99.img").st_mode) == 0o750


@pytest.mark.parametrize("name", ["x.img", "core.img", "core-.img", "core-x.img", "core-1.img.img",
                                  "files-1.img", "pages-1.img", "FILES.img", "core-1x.img"])
def test_refused_names(mount, work, name):
    """With the reason where all reasons are."""
    m = mount(work)
    refused(errno.EPERM, os.mkdir, m / name)
    assert name in mnt.read_text(m / ".critfs/errors")
    assert os.listdir(work) == [] and not os.path.exists(m / name)


@pytest.mark.parametrize("name", ["sub", "x.imgs", "img", "core-1", "stats", ".img"])
def test_plain_subdirectories(mount, work, name):
    m = mount(work)
    os.mkdir(m / name, 0o750)
    assert os.path.isdir(os.path.join(work, name))
    assert stat.S_IMODE(os.stat(os.path.join(work, name)).st_mode) == 0o750
    os.mkdir(m / (name + "/fdinfo-3.img"))
    make(m / (name + "/fdinfo-3.img/0.json"), slots.entry("FDINFO", 1).text().encode())
    wanted = criuimg.write_image(Image(TYPES["FDINFO"], "common", "<", [slots.entry("FDINFO", 1)]))
    assert mnt.read(os.path.join(work, name, "fdinfo-3.img")) == wanted
    refused(errno.ENOTEMPTY, os.rmdir, m / name)
    run("rm", "-r", m / name)
    assert os.listdir(work) == []


def test_entries_of_an_image_that_was_made(mount, work):
    x = slots.Slots(mount, work, "FDINFO")
    os.mkdir(x.m / "fdinfo-8.img")
    for i in (5, 0, 3):
        make(x.m / ("fdinfo-8.img/%d.json" % i), x.entry[i % 4].text().encode())
    wanted = Image(x.made.type, "common", "<", [x.entry[0], x.entry[3], x.entry[1]])
    assert mnt.read(os.path.join(work, "fdinfo-8.img")) == criuimg.write_image(wanted)
    refused(errno.ENOTEMPTY, os.rmdir, x.m / "fdinfo-8.img")


# ------------------------------------------------------------------ copied

def other_name(typ):
    """Another name of the same type, or the same in a subdirectory."""
    name = typ.example_name(8)
    return name if name != typ.example_name() else "sub/" + name


def sources():
    """Images with all there is: {name: image}."""
    out = {}
    for variant in handmade.VARIANTS:
        for typ in TYPES.values():
            # the inventory's version is that of the others
            out["%s-%s" % (typ.name, variant)] = (handmade.image(typ, variant) if typ.name != "INVENTORY"
                                                  else inventory(2))
    for kind in slots.KINDS + ["PAGEMAP"]:
        out[kind + "-many"] = slots.image(kind, 12)
    out["GHOST_FILE-chunks"] = handmade.chunked_ghost()
    out["GHOST_FILE-big"] = handmade.image(TYPES["GHOST_FILE"], order=">")
    return out


SOURCES = sources()
GROUPS = sorted({name.split("-", 1)[1] for name in SOURCES})


class Copies:
    """Images of a group, each to be copied within the mount."""

    def __init__(self, mount, work, group):
        self.work = work
        os.mkdir(os.path.join(work, "sub"))
        self.images = {n: i for n, i in SOURCES.items() if n.endswith("-" + group)}
        self.pairs = []
        for image in self.images.values():
            dumps.write(work, image.type.example_name(), image)
            self.pairs.append((image.type.example_name(), other_name(image.type), image))
        if group == "big":
            dumps.write(work, "inventory.img", inventory(2, ">"))
        self.m = mount(work)

    def check(self):
        for a, b, image in self.pairs:
            found, wanted = (mnt.read(os.path.join(self.work, n)) for n in (b, a))
            assert wanted == criuimg.write_image(image), a
            assert found == wanted, a + ": " + slots.describe(found, wanted)
            assert os.listdir(self.m / b) == os.listdir(self.m / a), a


@pytest.mark.parametrize("how", [["cp", "-r"], ["cp", "-a"], ["rsync", "-a", "--inplace"], ["rsync", "-a"]])
@pytest.mark.parametrize("group", GROUPS)
def test_copied(mount, work, group, how):
    if not shutil.which(how[0]):
        pytest.skip("no " + how[0])
    c = Copies(mount, work, group)
    for a, b, _ in c.pairs:
        slash = "/" if how[0] == "rsync" else ""
        run(*how, (c.m / a) + slash, (c.m / b) + slash)
    c.check()


def files_below(top):
    return [os.path.relpath(os.path.join(w, n), top) for w, _, names in os.walk(top) for n in names]


def copy_in_order(a, b, names):
    """As cp does it, but in an order of ours."""
    os.mkdir(b)
    for name in names:
        where = os.path.join(b, os.path.dirname(name))
        if not os.path.isdir(where):
            os.mkdir(where)
        make(os.path.join(b, name), mnt.read(os.path.join(a, name)))
    for where, dirs, _ in os.walk(a):  # queues without messages
        for d in dirs:
            d = os.path.join(b, os.path.relpath(os.path.join(where, d), a))
            if not os.path.isdir(d):
                os.mkdir(d)


@pytest.mark.parametrize("order", ["reversed", "by name", "texts last", "texts first", 1, 2, 3])
@pytest.mark.parametrize("group", GROUPS)
def test_copied_in_any_order(mount, work, group, order):
    """Directories give no order to rely on."""
    c = Copies(mount, work, group)
    for a, b, _ in c.pairs:
        names = sorted(files_below(c.m / a))
        if order == "reversed":
            names.reverse()
        elif order in ("texts last", "texts first"):
            names.sort(key=lambda n: n.endswith(".json"), reverse=order == "texts first")
        elif order != "by name":
            random.Random(SEED + order).shuffle(names)
        copy_in_order(c.m / a, c.m / b, names)
    c.check()


@pytest.mark.parametrize("seed", range(4))
def test_300_entries_come_and_go(mount, work, seed):
    """Copied in a shuffled order, a part removed, another part copied once more."""
    made = slots.image("PIPES_DATA", 300)
    dumps.write(work, "pipes-data.img", made)
    os.mkdir(os.path.join(work, "sub"))
    m = mount(work)
    a, b, r = m / "pipes-data.img", m / "sub/pipes-data.img", random.Random(SEED + seed)
    stored = os.path.join(work, "sub/pipes-data.img")
    names = os.listdir(a)
    if seed:
        r.shuffle(names)
        copy_in_order(a, b, names)
    else:
        run("cp", "-r", a, b)
    assert mnt.read(stored) == criuimg.write_image(made)
    kept = set(r.sample(range(300), 100))
    run("rm", *[n for i in range(300) if i not in kept for n in ("%d.extra" % i, "%d.json" % i)], cwd=b)
    wanted = Image(made.type, "common", "<", [made.entries[i] for i in sorted(kept)])
    assert mnt.read(stored) == criuimg.write_image(wanted)
    gone = [i for i in range(300) if i not in kept][:50]
    for i in gone:
        for part in r.sample(["json", "extra"], 2):
            shutil.copyfile("%s/%d.%s" % (a, i, part), "%s/%d.%s" % (b, i, part))
    wanted.entries = [made.entries[i] for i in sorted(kept | set(gone))]
    assert mnt.read(stored) == criuimg.write_image(wanted)
    run("rm", "-r", b)
    assert not os.path.exists(stored)


def test_copied_from_elsewhere(mount, work):
    """Decoded files that were copied out make the same image again."""
    made = handmade.make_dump(work)
    made["inventory.img"] = inventory(2)
    dumps.write(work, "inventory.img", inventory(2))
    m = mount(work)
    out = dumps.new_dir()
    run("cp", "-a", m.point + "/.", out)
    assert sorted(os.listdir(out)) == sorted(made)
    for name in os.listdir(m.point):
        run("rm", "-r", m / name)
    assert os.listdir(work) == []
    run("cp", "-a", os.path.join(out, "inventory.img"), m.point)
    run("cp", "-a", out + "/.", m.point)
    for name, image in made.items():
        if name == "inventory.img":
            continue
        wanted = Image(image.type, image.header, image.order, image.entries)
        assert mnt.read(os.path.join(work, name)) == criuimg.write_image(wanted), name


# ------------------------------------------------------------------ moved

def two(mount, work):
    os.mkdir(os.path.join(work, "sub"))
    for name, n in (("fdinfo-1.img", 3), ("fdinfo-2.img", 2), ("sub/fdinfo-1.img", 1)):
        dumps.write(work, name, slots.image("FDINFO", n))
    dumps.write(work, "fdinfo-9.img", slots.image("FDINFO", 0))
    return mount(work)


@pytest.mark.not_on_upper("what is moved is a copy")
@pytest.mark.parametrize("to", ["fdinfo-5.img", "sub/fdinfo-5.img", "fdinfo-9.img"])
def test_moved(mount, work, to):
    """To another name, another directory, over one without entries."""
    m = two(mount, work)
    data = mnt.read(os.path.join(work, "fdinfo-1.img"))
    number = os.stat(os.path.join(work, "fdinfo-1.img")).st_ino
    names = os.listdir(m / "fdinfo-1.img")
    run("mv", "-T", m / "fdinfo-1.img", m / to)
    assert mnt.read(os.path.join(work, to)) == data
    assert not os.path.lexists(os.path.join(work, "fdinfo-1.img"))
    assert os.stat(os.path.join(work, to)).st_ino == number
    assert os.listdir(m / to) == names and not os.path.exists(m / "fdinfo-1.img")
    e = slots.entry("FDINFO", 77)
    mnt.save(m / (to + "/1.json"), e.text())
    assert criuimg.load(os.path.join(work, to)).entries[1].text() == e.text()
    os.mkdir(m / "fdinfo-1.img")
    assert os.listdir(m / "fdinfo-1.img") == []


def test_slots_and_scratch_go_with_the_image(mount, work):
    m = two(mount, work)
    os.unlink(m / "fdinfo-1.img/0.json")
    make(m / "fdinfo-1.img/notes", b"x")
    with open(m / "fdinfo-1.img/2.json") as f:
        os.rename(m / "fdinfo-1.img", m / "sub/fdinfo-7.img")
        assert sorted(os.listdir(m / "sub/fdinfo-7.img")) == ["1.json", "2.json", "notes"]
        assert f.read() == slots.image("FDINFO", 3).entries[2].text()
    assert mnt.read(m / "sub/fdinfo-7.img/notes") == b"x"


def test_not_over_one_with_entries(mount, work):
    m = two(mount, work)
    before = {n: mnt.read(os.path.join(work, n)) for n in dumps.files(work)}
    refused(errno.ENOTEMPTY, os.rename, m / "fdinfo-1.img", m / "fdinfo-2.img")
    refused(errno.ENOTEMPTY, os.rename, m / "fdinfo-1.img", m / "sub/fdinfo-1.img")
    assert run("mv", "-T", m / "fdinfo-1.img", m / "fdinfo-2.img", ok=False).returncode
    make(m / "fdinfo-9.img/notes", b"x")
    refused(errno.ENOTEMPTY, os.rename, m / "fdinfo-1.img", m / "fdinfo-9.img")
    assert {n: mnt.read(os.path.join(work, n)) for n in dumps.files(work)} == before


@pytest.mark.parametrize("to", ["core-1.img", "pages-1.img", "files.img", "inventory.img"])
def test_not_to_another_type(mount, work, to):
    m = two(mount, work)
    refused(errno.EPERM, os.rename, m / "fdinfo-1.img", m / to)
    assert to in mnt.read_text(m / ".critfs/errors")
    assert not os.path.lexists(os.path.join(work, to)) and os.path.isdir(m / "fdinfo-1.img")


def test_not_into_itself(mount, work):
    m = two(mount, work)
    with pytest.raises(OSError):
        os.rename(m / "fdinfo-1.img", m / "fdinfo-2.img/fdinfo-1.img")
    with pytest.raises(OSError):
        os.mkdir(m / "fdinfo-2.img/fdinfo-3.img")
    os.rename(m / "fdinfo-1.img", m / "fdinfo-1.img")
    assert len(os.listdir(m / "fdinfo-1.img")) == 3


# ------------------------------------------------------------------ removed

@pytest.mark.parametrize("group", GROUPS)
def test_removed(mount, work, group):
    c = Copies(mount, work, group)
    for a, _, _ in c.pairs:
        run("rm", "-r", c.m / a)
        assert not os.path.lexists(os.path.join(work, a)), a
    assert [n for n in os.listdir(work) if n not in ("sub", "inventory.img")] == []


@pytest.mark.parametrize("typ", ["FDINFO", "PIPES_DATA", "IPCNS_MSG", "PAGEMAP", "GHOST_FILE"])
def test_removed_with_all_that_can_be_in_it(mount, work, typ):
    """Scratch files, what was refused, entries that can't be decoded, a tail."""
    made = slots.image(typ, 6)
    made.entries[2] = Entry(made.entries[2].message, b"\xff\xff\xff\xff") if typ in ("FDINFO", "PAGEMAP") \
        else made.entries[2]
    made.tail = b"\xff\xff\xff\x7f"
    x = slots.Slots(mount, work, typ, image=made)
    for slot in (1, 3, 9):
        refused(errno.EBADMSG, mnt.save, x.json(slot), "{bad", os.O_WRONLY | os.O_CREAT)
    make(x.path("notes"), b"x")
    make(x.path(".0.json.swp"), b"x")
    os.symlink("me@host", x.path(".#0.json"))
    make(x.path("0.json~"), b"x")
    os.rename(x.json(4), x.path("backup"))
    subprocess.run(["touch", x.json(20)], check=True)
    if typ == "PIPES_DATA":
        make(x.path("30.extra"), b"waits")
        os.unlink(x.path("5.extra"))
    if typ == "IPCNS_MSG":
        os.mkdir(x.path("30.msgs"))
        make(x.path("30.msgs/0.extra"), b"waits")
        make(x.path("3.msgs/notes"), b"x")
    refused(errno.ENOTEMPTY, os.rmdir, x.dir)
    run("rm", "-r", x.dir)
    assert os.listdir(work) == [] and os.listdir(x.m.point) == []


def test_removed_while_open(mount, work):
    """What is open reads on; what it writes is nobody's."""
    x = slots.Slots(mount, work, "PIPES_DATA")
    with open(x.json(1)) as a, open(x.path("2.extra"), "r+b") as b:
        run("rm", "-r", x.dir)
        assert a.read() == x.entry[1].text()
        assert b.read() == x.entry[2].extra
        b.seek(0)
        b.write(b"nobody's")
        b.flush()
    assert os.listdir(work) == []
    os.mkdir(x.dir)
    assert mnt.read(x.stored) == criuimg.write_image(Image(x.made.type, "common", "<"))


def test_one_that_shows_something_stays(mount, work):
    x = slots.Slots(mount, work, "FDINFO", count=1)
    refused(errno.ENOTEMPTY, os.rmdir, x.dir)
    refused(errno.EISDIR, os.unlink, x.dir)
    x.remove(0)
    make(x.path("notes"), b"x")
    refused(errno.ENOTEMPTY, os.rmdir, x.dir)
    os.unlink(x.path("notes"))
    os.rmdir(x.dir)
    refused(errno.ENOENT, os.rmdir, x.dir)
    assert os.listdir(work) == []


def test_made_anew_after_it_was_removed(mount, work):
    """Nothing of the old one is in the new one."""
    x = slots.Slots(mount, work, "PIPES_DATA")
    run("rm", "-r", x.dir)
    os.mkdir(x.dir)
    make(x.json(2), x.entry[2].text().encode())
    x.entry = {2: slots.emptied(x.entry[2], x.kind)}
    x.hide_extras(2)
    x.finish()


# ------------------------------------------------------------------ rsync

def image_files(root):
    return {r: mnt.read(os.path.join(root, r)) for r in dumps.files(root)}


@pytest.mark.parametrize("a, b", [("demo", "container-ipc"), ("container-ipc", "demo"),
                                  ("legacy-container", "container-ipc"), ("demo", "legacy-v1-python3-r")])
def test_one_dump_becomes_another(mount, work, a, b):
    if not shutil.which("rsync"):
        pytest.skip("no rsync")
    if a not in dumps.NAMES or b not in dumps.NAMES:
        pytest.skip("no such dumps here")
    A, B = (dumps.copy(n, os.path.join(work, n)) for n in (a, b))
    ma, mb = mount(A), mount(B)
    wanted = image_files(A)
    headers = {i.header for i in dumps.images(B).values()}
    # the same second and size do not make the same text
    run("rsync", "-aI", "--delete", ma.point + "/", mb.point + "/")
    found = image_files(B)
    assert sorted(found) == sorted(wanted)
    for rel in sorted(wanted):
        if "v1.0" in headers and criuimg.load(os.path.join(A, rel)):
            # made while the inventory was the old one, or kept
            old, new = (criuimg.read_image(files[rel]) for files in (wanted, found))
            assert [e.frame for e in old.entries] == [e.frame for e in new.entries], rel
        else:
            assert found[rel] == wanted[rel], rel
    assert image_files(A) == wanted
    done = run("rsync", "-ain", "--delete", "--checksum", ma.point + "/", mb.point + "/")
    assert not [l for l in done.stdout.splitlines() if l.startswith((">", "*", "cL"))], done.stdout


# ------------------------------------------------- files from elsewhere

@pytest.fixture
def new(mount):
    """Images in another file system."""
    where = dumps.new_dir(dumps.MEMORY) if os.path.isdir(dumps.MEMORY) else dumps.new_dir()
    handmade.make_dump(where)
    dumps.write(where, "fdinfo-3.img", slots.image("FDINFO", 6))
    return where


@pytest.mark.parametrize("how", [["cp"], ["cp", "-a"], ["mv"], ["install", "-m", "644"], ["rsync", "-a"],
                                 ["rsync", "-a", "--inplace"]])
def test_binary_images_come_in(mount, work, new, how):
    """A plain file until its writers are done, then an image."""
    if not shutil.which(how[0]):
        pytest.skip("no " + how[0])
    m = mount(work)
    for name in sorted(os.listdir(new)):
        data = mnt.read(os.path.join(new, name))
        run(*how, os.path.join(new, name), m.point + "/")
        assert mnt.read(os.path.join(work, name)) == data, name
        assert mnt.wait_for(lambda: os.path.isdir(m / name)), name
        wanted = [n for i, e in enumerate(criuimg.read_image(data).entries) for n in mnt.parts(e, i)]
        assert os.listdir(m / name) == wanted, name
    assert sorted(os.listdir(m.point)) == sorted(os.listdir(work))


def test_cp_into_an_existing_image_is_refused(mount, work, new):
    """It would be a scratch file in the directory."""
    x = slots.Slots(mount, work, "FDINFO")
    shutil.copyfile(os.path.join(new, "fdinfo-3.img"), os.path.join(new, x.name))
    done = run("cp", os.path.join(new, x.name), x.m.point + "/", ok=False)
    assert done.returncode and done.stderr
    done = run("cp", "-T", os.path.join(new, x.name), x.dir, ok=False)
    assert done.returncode and done.stderr
    x.check()


def test_plain_while_it_is_written(mount, work):
    data = criuimg.write_image(slots.image("FDINFO", 5))
    m = mount(work)
    path = m / "fdinfo-3.img"
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    os.write(fd, data[:20])
    assert stat.S_ISREG(os.stat(path).st_mode)
    os.write(fd, data[20:])
    assert stat.S_ISREG(os.stat(path).st_mode) and os.fstat(fd).st_size == len(data)
    os.close(fd)
    assert mnt.wait_for(lambda: os.path.isdir(path))
    assert len(os.listdir(path)) == 5
    assert mnt.read(os.path.join(work, "fdinfo-3.img")) == data


@pytest.mark.parametrize("name, data", [("fdinfo-3.img", b"no image"), ("fdinfo-3.img", b""),
                                        ("x.img", b"any"), ("dump.log", b"(00.1) x\n"),
                                        ("pages-1.img", bytes(8192)), ("x.img", b"")])
def test_what_is_no_image_is_a_plain_file(mount, work, name, data):
    m = mount(work)
    with open(m / name, "xb") as f:
        f.write(data)
    assert mnt.read(os.path.join(work, name)) == data == mnt.read(m / name)
    with open(m / name, "ab") as f:
        f.write(b"more")
    with open(m / name, "r+b") as f:
        f.write(b"N")
    wanted = b"N" + (data + b"more")[1:]
    assert mnt.read(os.path.join(work, name)) == wanted
    os.rename(m / name, m / "other")
    assert mnt.read(os.path.join(work, "other")) == wanted and os.listdir(m.point) == ["other"]
    os.truncate(m / "other", 2)
    assert mnt.read(os.path.join(work, "other")) == wanted[:2]
    os.unlink(m / "other")
    assert os.listdir(work) == []


def test_a_plain_file_is_renamed_to_an_image(mount, work):
    m = mount(work)
    data = criuimg.write_image(slots.image("FDINFO", 5))
    # a header of two words makes an image under any name, one of one word only under an image's
    v10 = criuimg.write_image(slots.image("FDINFO", 5, header="v1.0"))
    for name, bytes_ in (("a", v10), ("b", data)):
        make(m / name, bytes_)
        os.rename(m / name, m / ("fdinfo-%s.img" % ord(name)))
        assert mnt.wait_for(lambda: os.path.isdir(m / ("fdinfo-%s.img" % ord(name))))
        assert len(os.listdir(m / ("fdinfo-%s.img" % ord(name)))) == 5
        assert mnt.read(os.path.join(work, "fdinfo-%s.img" % ord(name))) == bytes_


# ------------------------------------------------------------------ killed

def names_in(work):
    return sorted(n for n in os.listdir(work) if not n.endswith(".tmp"))


def killed(m):
    m.proc.send_signal(signal.SIGKILL)
    m.proc.wait()
    m.abandon()


@pytest.mark.parametrize("typ", ["PIPES_DATA", "IPCNS_MSG", "FDINFO"])
def test_killed_after_a_copy(mount, work, typ):
    x = slots.Slots(mount, work, typ, count=40)
    os.mkdir(os.path.join(work, "sub"))
    run("cp", "-r", x.dir, x.m / "sub/")
    killed(x.m)
    assert mnt.read(os.path.join(work, "sub", x.name)) == x.wanted() == mnt.read(x.stored)
    x.m = mount(work)
    x.check()
    assert names_in(work) == sorted([x.name, "sub"])


@pytest.mark.parametrize("number", [1, 17, 39])
def test_killed_amid_removals(mount, work, number):
    """Each removal is in the file when unlink returns."""
    x = slots.Slots(mount, work, "PIPES_DATA", count=40)
    for slot in range(number):
        os.unlink(x.path("%d.extra" % slot))
        x.remove(slot)
        x.check_image()
    killed(x.m)
    x.check_image()


def known_entries(x, found):
    """All that is there is an original's entry, or one whose extra had not come yet or was gone already."""
    frames = set()
    for e in x.made.entries:
        frames |= {e.payload, slots.emptied(e, x.kind).payload}
    payloads = [e.payload for e in found.entries]
    assert set(payloads) <= frames and len(set(payloads)) == len(payloads)
    for e in found.entries:
        assert len(e.extra) in (0, e.decode().bytes)
    return len(payloads)


@pytest.mark.parametrize("part", [1, 3, 8])
def test_killed_amid_a_copy(mount, work, part):
    """What was copied by then is there; the source is what it was."""
    x = slots.Slots(mount, work, "PIPES_DATA", count=200)
    os.mkdir(os.path.join(work, "sub"))
    stored = os.path.join(work, "sub", x.name)
    copy = subprocess.Popen(["cp", "-r", x.dir, x.m / "sub/"], stderr=subprocess.DEVNULL)
    size = os.path.getsize(x.stored) * part // 10
    assert mnt.wait_for(lambda: os.path.exists(stored) and os.path.getsize(stored) > size)
    killed(x.m)
    copy.wait()
    assert known_entries(x, criuimg.load(stored)) >= 1
    x.check_image()
    x.m = mount(work)
    x.check(texts=False)
    os.listdir(x.m / "sub")
    assert os.listdir(os.path.join(work, "sub")) == [x.name]


@pytest.mark.parametrize("part", [1, 5, 9])
def test_killed_amid_a_removal(mount, work, part):
    x = slots.Slots(mount, work, "PIPES_DATA", count=200)
    size = os.path.getsize(x.stored) * part // 10
    rm = subprocess.Popen(["rm", "-r", x.dir], stderr=subprocess.DEVNULL)
    assert mnt.wait_for(lambda: os.path.getsize(x.stored) < size)
    killed(x.m)
    rm.wait()
    found = criuimg.load(x.stored)
    known_entries(x, found)
    assert not found.tail
    m = mount(work)
    os.listdir(m.point)
    assert os.listdir(work) == [x.name]


@pytest.mark.parametrize("how", ["to a backup", "covered", "written", "another slot"])
def test_killed_after_a_rename(mount, work, how):
    """What a rename vacated is in the image until something is committed in its place."""
    x = slots.Slots(mount, work, "PIPES_DATA")
    e = slots.entry("PIPES_DATA", 55, 30)
    if how == "another slot":
        x.move(2, 7)
    else:
        os.rename(x.json(2), x.path("2.json~"))
    if how == "covered":
        os.close(os.open(x.json(2), os.O_WRONLY | os.O_CREAT))
    if how == "written":
        mnt.save(x.json(2), e.text(), os.O_WRONLY | os.O_CREAT)
        x.entry[2] = slots.with_extra(e, x.kind, x.entry[2].extra)
    killed(x.m)
    x.check_image()
