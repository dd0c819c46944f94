"""contrib/recipes that edit images: just the fields that they are for change, and nothing else."""
import os
import quopri

import pytest

import criuimg
import mnt
import recipes
from recipes import Checkpoint, entries

IN_PLACE = pytest.mark.parametrize("upper", [False, True], ids=["in place", "upper"])


def isk(**fields):
    return lambda value: value.get("isk", value).update(fields)


def patch(root, rel, edits):
    """Change entries of an image in a dump directory, as {index: function of the message}."""
    path = os.path.join(root, rel)
    image = criuimg.load(path)
    for index, edit in edits.items():
        msg = image.entries[index].decode()
        edit(msg)
        image.entries[index].payload = criuimg.SCHEMA.encode(msg)
    with open(path, "wb") as f:
        f.write(criuimg.write_image(image))


def index_of(image, where):
    return next(i for i, e in enumerate(image.entries) if where(e.json()))


# -------------------------------------------------------------------- all of them

@pytest.mark.parametrize("name", recipes.NAMES)
def test_each_tells_what_it_is_for(name):
    out, _ = recipes.run(name, "--help")
    assert out.startswith("usage: %s DUMP" % name)
    assert "\nFor: " in out and "\nIt does not " in out and "#" not in out
    _, err = recipes.run(name, status=2)
    assert err == out


@pytest.mark.parametrize("name", recipes.NAMES)
def test_what_is_no_mount_is_told(name, work):
    usage = recipes.run(name, "--help")[0].split("\n")[0].split()[2:]
    args = [{"OLD": "/a:1", "NEW": "/b:1", "SECRETS": "-", "FILE": work, "PID": "1"}.get(a, "/")
            for a in usage[1:] if a[0] != "["]
    _, err = recipes.run(name, "/", *args, status=2)
    assert err == "%s: /: no dump that critfs has mounted\n" % name


# --------------------------------------------------------------------- set-listen

@IN_PLACE
def test_a_listening_socket_moves(mount, work, upper):
    """The connection that was accepted on it does not, and numbers of 64 bits stay exact."""
    def watch(msg):
        msg.epfd.tfd[0].data = 2 ** 64 - 1
        msg.epfd.tfd[1].data = 2 ** 53 + 1

    dump = Checkpoint(mount, work, "container-ipc", upper=upper,
                      prepare=lambda root: patch(root, "files.img", {26: watch}))
    edits = {"files.img": {6: isk(src_addr=["0.0.0.0"], src_port=9090)}}
    out, _ = dump.run("set-listen", "127.0.0.1:8080", "0.0.0.0:9090")
    assert out == entries(edits)
    dump.assert_changed(edits)


def test_listening_on_ipv6(mount, work):
    """UDP too; only the address, only the port, and IPv4 in IPv6's clothes."""
    dump = Checkpoint(mount, work, "container-ipc")
    assert dump.run("set-listen", "[::]:5353", ":53")[0] == "files.img/9.json\n"
    dump.assert_changed({"files.img": {9: isk(src_port=53)}})
    assert dump.run("set-listen", "[::]:", "10.1.2.255:")[0] == "files.img/9.json\n"
    dump.assert_changed({"files.img": {9: isk(src_port=53, src_addr=["::ffff:a01:2ff"])}})
    assert dump.run("set-listen", "10.1.2.255:53", "[fe80::1]:54")[0] == "files.img/9.json\n"
    dump.assert_changed({"files.img": {9: isk(src_port=54, src_addr=["fe80::1"])}})


def test_listening_in_a_dump_of_old(mount, work):
    dump = Checkpoint(mount, work, "legacy-container")
    edits = {"inetsk.img": {0: isk(src_addr=["10.0.0.1"])}}
    assert dump.run("set-listen", "127.0.0.1:", "10.0.0.1:")[0] == entries(edits)
    dump.assert_changed(edits)


@pytest.mark.parametrize("old,new,status,why", [
    ("127.0.0.2:8080", ":80", 1, "nothing matches"),
    (":35340", ":80", 1, "nothing matches"),     # of a connection
    (":0", ":80", 2, "ports are 1 to 65535"),
    (":8080", ":8080", 1, "nothing matches"),
    (":8080", ":65536", 2, "ports are 1 to 65535"),
    (":8080", ":http", 2, "no ADDRESS:PORT"),
    ("8080", ":80", 2, "no ADDRESS:PORT"),
    (":8080", "[::1]:8080", 2, "socket 7 is of IPv4, it can not listen on ::1"),
    (":8080", "::1:8080", 2, "IPv6 is written [ADDRESS]:PORT"),
    (":8080", "1.2.3.4.5:8080", 2, 'error: entries[6].isk.src_addr[0]: expected an integer, got "'),
])
def test_addresses_that_make_no_sense(mount, work, old, new, status, why):
    dump = Checkpoint(mount, work, "container-ipc")
    out, err = dump.run("set-listen", old, new, status=status)
    assert out == "" and why in err
    dump.assert_changed({})
    assert not os.path.exists(dump / ".critfs/json/files.img.json.rej")


def test_a_socket_of_ipv6_only_takes_no_ipv4(mount, work):
    def only(msg):
        msg.isk.v6only = True

    dump = Checkpoint(mount, work, "container-ipc",
                      prepare=lambda root: patch(root, "files.img", {9: only}))
    _, err = dump.run("set-listen", ":5353", "127.0.0.1:", status=2)
    assert "socket 10 takes IPv6 only, it can not listen on 127.0.0.1" in err
    dump.assert_changed({})


def test_a_mount_that_can_only_be_read(mount, work):
    dump = Checkpoint(mount, work, "container-ipc", "ro")
    assert "Read-only file system" in dump.run("set-listen", ":8080", ":80", status=2)[1]
    dump.assert_changed({})


# --------------------------------------------------------------------- move-paths

def moved(path, old, new):
    return new + path[len(old):] if path == old or path.startswith(old + "/") else path


def moving(image, old, new):
    """What has to become of an image's entries, as edits."""
    def quoted(text):
        return quopri.encodestring(text.encode()).decode().replace("=\n", "")

    def edit(value):
        value = next((value[k] for k in ("reg", "usk") if k in value), value)
        for key in ("name", "name_dir", "mountpoint", "path"):
            if key in value and "peer" in value and key == "name":
                bare = value[key].replace("=\n", "")
                path = bare[:-3] if bare.endswith("=00") else bare
                value[key] = moved(path, quoted(old), quoted(new)) + bare[len(path):]
                value[key] = quopri.encodestring(quopri.decodestring(value[key])).decode()
            elif key in value:
                value[key] = moved(value[key], old, new)
        for handle in watched(value):
            handle["path"] = moved(handle["path"], old, new)

    out = {}
    for index, entry in enumerate(image.entries):
        value = entry.json()
        edit(value)
        if value != entry.json():
            out[index] = edit
    return out


def watched(value):
    found = []
    for inner in value.values() if isinstance(value, dict) else value:
        if isinstance(inner, (dict, list)):
            found += watched(inner)
            found += [inner] if isinstance(inner, dict) and "path" in inner else []
    return found


@pytest.mark.parametrize("name,old,new,count", [
    ("container-ipc", "/tmp", "/var/it's \"a\" \\ tést = dir", {"files.img": 10,
                                                              "mountpoints-13.img": 1}),
    ("legacy-container", "/tmp", "/t m", {"reg-files.img": 7, "unixsk.img": 2, "inotify-wd.img": 1,
                                          "mountpoints-13.img": 1}),
    ("zdtm-sk-unix-rel-ns", "/zdtm", "/z", {"files.img": 7}),
    ("zdtm-fanotify00-ns", "/zdtm/static/", "/z/", {"files.img": 8}),
    ("split-fanotify00", "/tmp/criu-src", "/c", {"fanotify-mark.img": 1, "reg-files.img": 5}),
])
def test_paths_move(mount, work, name, old, new, count):
    dump = Checkpoint(mount, work, name)
    edits = {rel: moving(dump.image(rel), old.rstrip("/"), new.rstrip("/")) for rel in count}
    assert {rel: len(e) for rel, e in edits.items()} == count
    out, _ = dump.run("move-paths", old, new)
    assert sorted(out.splitlines()) == sorted(entries(edits).splitlines())
    dump.assert_changed(edits)


def test_paths_of_odd_bytes(mount, work):
    """A long name of a unix socket is in several lines; a file's that is no UTF-8 in base64."""
    deep = "/tmp/" + "\u00fc" * 20

    def prepare(root):
        patch(root, "files.img", {11: lambda m: setattr(m.usk, "name", deep.encode() + b"/s\0")})
        odd = b"/tmp/\xff" + b" =" * 40 + b"\0"
        patch(root, "files.img", {10: lambda m: setattr(m.usk, "name", odd),
                                  2: lambda m: setattr(m.reg, "name", b"/tmp/\xff\xfe x\n"),
                                  3: lambda m: setattr(m.reg, "name", b"/tmpx/\xff")})

    dump = Checkpoint(mount, work, "container-ipc", prepare=prepare)
    assert "=\n" in dump.image("files.img").entries[10].json()["usk"]["name"]
    out, _ = dump.run("move-paths", "/tmp", "/srv")
    assert "files.img/2.json\n" in out and "files.img/3.json\n" not in out
    names = {i: e.decode() for i, e in enumerate(criuimg.load(dump.now("files.img")).entries)}
    assert names[10].usk.name == b"/srv/\xff" + b" =" * 40 + b"\0"
    assert names[11].usk.name == deep.replace("tmp", "srv").encode() + b"/s\0"
    assert dump.run("move-paths", deep.replace("tmp", "srv"), "/run")[0] == "files.img/11.json\n"
    assert criuimg.load(dump.now("files.img")).entries[11].decode().usk.name == b"/run/s\0"
    assert names[2].reg.name == b"/srv/\xff\xfe x\n"
    assert names[3].reg.name == b"/tmpx/\xff"


@pytest.mark.parametrize("old,new,status,why", [
    ("/tm", "/x", 1, "nothing matches"),
    ("/tmp/out", "/x", 1, "nothing matches"),
    ("tmp", "/x", 2, "tmp: no absolute path, or the root"),
    ("/", "/x", 2, "/: no absolute path, or the root"),
    ("/tmp", "/", 2, "/: no absolute path, or the root"),
    ("/tmp", b"/\xff", 2, "no UTF-8"),
])
def test_paths_that_do_not_move(mount, work, old, new, status, why):
    dump = Checkpoint(mount, work, "container-ipc")
    assert why in dump.run("move-paths", old, new, status=status)[1]
    dump.assert_changed({})


# ------------------------------------------------------------------- refresh-file

@pytest.mark.parametrize("name,rel", [("container-ipc", "files.img"),
                                      ("legacy-container", "reg-files.img")])
def test_a_file_that_changed(mount, work, name, rel):
    """Its build id is forgotten; the file has a name that looks like an option."""
    path = os.path.join(work, "-busybox 'new'")
    with open(path, "wb") as f:
        f.truncate(5 << 32)
    os.chmod(path, 0o4711)
    dump = Checkpoint(mount, work, name)

    def edit(value):
        reg = value.get("reg", value)
        reg.update(size=5 << 32, mode=0o104711)
        assert reg.pop("build_id")

    index = index_of(dump.image(rel), lambda v: v.get("reg", v).get("name") == "/bin/busybox")
    out, _ = dump.run("refresh-file", "/bin/busybox", os.path.basename(path), cwd=work)
    assert out == entries({rel: [index]})
    dump.assert_changed({rel: {index: edit}})


def test_a_file_is_looked_up_by_its_own_name(mount, work):
    """All entries of the name are changed; a directory has no size there."""
    def prepare(root):
        patch(root, "files.img", {2: lambda m: setattr(m.reg, "name", os.fsencode(work)),
                                  5: lambda m: setattr(m.reg, "name", os.fsencode(work)),
                                  4: lambda m: setattr(m.reg, "name", os.fsencode(work))})

    dump = Checkpoint(mount, work, "container-ipc", prepare=prepare)
    _, err = dump.run("refresh-file", work, status=2)
    assert "%s was a file of another kind when it was dumped" % work in err
    dump.assert_changed({})
    os.chmod(work, 0o751)
    third = dump / "files.img/2.json"
    mnt.save(third, mnt.read_text(third).replace(work, "/x"))
    edit = lambda value: value["reg"].update(mode=0o40751)
    assert dump.run("refresh-file", work)[0] == entries({"files.img": [4, 5]})
    dump.assert_changed({"files.img": {2: lambda v: v["reg"].update(name="/x"), 4: edit, 5: edit}})


def test_a_file_that_is_not_there(mount, work):
    dump = Checkpoint(mount, work, "container-ipc")
    assert "No such file" in dump.run("refresh-file", "/bin/busybox", work + "/none", status=2)[1]
    assert "nothing matches" in dump.run("refresh-file", "/bin/busy", "/bin/sh", status=1)[1]
    dump.assert_changed({})


# ----------------------------------------------------------------- rename-process

NAME = "a'b\"\\ é\n$x"


@pytest.mark.parametrize("pid,parts", [(28347, ("tc", "thread_core")), (28349, ("thread_core",))])
def test_a_process_gets_another_name(mount, work, pid, parts):
    """Or a thread; the other threads keep theirs."""
    dump = Checkpoint(mount, work, "gdbcore")
    rel = "core-%d.img" % pid

    def edit(value):
        for part in parts:
            value[part]["comm"] = NAME

    assert dump.run("rename-process", str(pid), NAME)[0] == rel + "/0.json\n"
    dump.assert_changed({rel: {0: edit}})
    if pid == 28347:
        assert mnt.read_text(dump / ".critfs/proc/28347/comm") == NAME + "\n"


@pytest.mark.parametrize("pid,name,status,why", [
    ("28347", "", 2, "1 to 15 bytes, not 0"),
    ("28347", "é2345678901234e", 2, "1 to 15 bytes, not 16"),
    ("28347", b"\xff", 2, "no UTF-8"),
    ("28347", "cgdb", 1, "nothing is changed"),
    ("1", "a", 2, "there is no process 1"),
    ("../core-1", "a", 2, "no number of a process"),
])
def test_names_that_no_process_can_have(mount, work, pid, name, status, why):
    dump = Checkpoint(mount, work, "gdbcore")
    assert why in dump.run("rename-process", pid, name, status=status)[1]
    dump.assert_changed({})
