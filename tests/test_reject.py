"""What is not accepted, how that is told, and that nothing typed is lost."""
import errno
import os
import subprocess

import pytest

import criuimg
import dumps
import handmade
import mnt
from criuimg import TYPES
from editing import Report, Target, assert_clean, assert_rejected

BAD = '{"type": "REG", "id": "x"}'
BAD_ERROR = "files.img/3.json:1:23: error: id: "


@pytest.fixture
def target(mount, work):
    return Target(mount, work)


def rejected(call, *args, **kw):
    with pytest.raises(OSError) as e:
        call(*args, **kw)
    assert e.value.errno == errno.EBADMSG, e.value
    return e.value


# ----------------------------------------------------- when it is refused

def test_at_close(target):
    fd = os.open(target.path, os.O_WRONLY | os.O_TRUNC)
    mnt.write_fd(fd, BAD.encode())
    rejected(os.close, fd)
    assert_rejected(target, BAD, BAD_ERROR)


def test_at_close_of_a_handle_that_did_not_truncate(target):
    fd = os.open(target.path, os.O_RDWR)
    os.pwrite(fd, b"{bad", 0)
    rejected(os.close, fd)
    assert_rejected(target, "{bad" + target.old[4:], "files.img/3.json:1:2: error: ")


@pytest.mark.parametrize("sync", [os.fsync, os.fdatasync])
def test_at_fsync(target, sync):
    fd = os.open(target.path, os.O_WRONLY | os.O_TRUNC)
    mnt.write_fd(fd, BAD.encode())
    rejected(sync, fd)
    assert_rejected(target, BAD, BAD_ERROR)
    os.ftruncate(fd, 0)
    os.pwrite(fd, target.new.encode(), 0)
    os.close(fd)
    target.assert_committed()
    assert_clean(target)


def test_at_rename(target):
    scratch = target.dir + "/tmpx"
    with open(scratch, "w") as f:
        f.write(BAD)
    rejected(os.rename, scratch, target.path)
    target.assert_unchanged()
    assert target.text() == target.old
    assert Report(target.path).kept == BAD
    assert Report(target.path).error.startswith(BAD_ERROR)


def test_at_truncation_by_path(target):
    rejected(os.truncate, target.path, 10)
    assert_rejected(target, target.old[:10], "files.img/3.json:2:")


def test_at_growing_by_path(target):
    rejected(os.truncate, target.path, len(target.old) + 3)
    assert_rejected(target, target.old + "\0\0\0", "files.img/3.json:%d:1: error: " %
                    (target.old.count("\n") + 1))


def test_appended_rubbish(target):
    with open(target.path, "a") as f:
        f.write("x")
        fd = os.dup(f.fileno())
        f.flush()
        rejected(os.close, fd)
        os.ftruncate(f.fileno(), len(target.old))
    target.assert_unchanged()


@pytest.mark.parametrize("text", ["{bad\n", "[1, 2]]", '{"type": REG}', "'x'", "{,", "}"])
def test_shells_hear_of_wrong_json_at_once(target, text):
    """A shell ignores close(2): the write itself fails."""
    done = subprocess.run(["sh", "-c", 'printf %s "$0" > 3.json', text], cwd=target.dir,
                          capture_output=True, text=True)
    assert done.returncode != 0
    assert "rror" in done.stderr  # "write error: Bad message" in most shells' words
    target.assert_unchanged()
    assert Report(target.path).kept.startswith(text[:4])
    assert os.getxattr(target.path, "user.critfs.error")


def test_echo_in_bash(target):
    done = subprocess.run(["bash", "-c", "echo '{bad' > 3.json"], cwd=target.dir,
                          capture_output=True, text=True)
    assert done.returncode != 0 and "write error" in done.stderr
    assert_rejected(target, "{bad\n", "files.img/3.json:1:2: error: ")


@pytest.mark.parametrize("text", ['{"type": "REG"', '{"type": "NOSUCH"}', '{"nosuch": 1}', BAD, '{"id"',
                                  '"', "tru", "[1,"])
def test_write_refuses_only_wrong_json(target, text):
    """Not what is merely unfinished, and never a matter of meaning: those wait for close."""
    fd = os.open(target.path, os.O_WRONLY | os.O_TRUNC)
    assert os.write(fd, text.encode()) == len(text)
    rejected(os.close, fd)
    target.assert_unchanged()
    assert Report(target.path).kept == text


def test_write_refuses_only_the_first_of_a_truncating_handle(target):
    fd = os.open(target.path, os.O_RDWR)
    assert os.write(fd, b"{bad") == 4
    rejected(os.close, fd)
    fd = os.open(target.path, os.O_WRONLY | os.O_TRUNC)
    mnt.write_fd(fd, b"{")
    assert os.write(fd, b"bad") == 3
    rejected(os.close, fd)
    target.assert_unchanged()


# -------------------------------------------------------------- what then

def test_corrected_and_saved_again(target):
    rejected(mnt.save, target.path, BAD)
    mnt.save(target.path, target.new)
    target.assert_committed()
    assert_clean(target)


def test_the_committed_text_saved_again_is_no_correction(target):
    """Editors put back what was there when a save fails: the report has to outlive that."""
    rejected(mnt.save, target.path, BAD)
    mnt.save(target.path, target.old)
    target.assert_unchanged()
    assert Report(target.path).kept == BAD


def test_corrected_in_the_rejected_file(target):
    """Correct 3.json.rej and move it onto the entry."""
    rejected(mnt.save, target.path, target.new.replace('"pos": 7', '"pos": "seven"'))
    subprocess.run(["sed", "-i", 's/"seven"/7/', target.path + ".rej"], check=True)
    subprocess.run(["mv", "3.json.rej", "3.json"], cwd=target.dir, check=True)
    target.assert_committed()
    assert_clean(target)


def test_moved_back_uncorrected(target):
    rejected(mnt.save, target.path, BAD)
    done = subprocess.run(["mv", "3.json.rej", "3.json"], cwd=target.dir, capture_output=True, text=True)
    assert done.returncode != 0 and "Bad message" in done.stderr
    target.assert_unchanged()
    assert Report(target.path).kept == BAD


def test_the_next_rejection_replaces_the_last(target):
    rejected(mnt.save, target.path, BAD)
    rejected(mnt.save, target.path, "{\n}")
    assert_rejected(target, "{\n}", "files.img/3.json:2:1: error: ")


def test_thrown_away(target):
    rejected(mnt.save, target.path, BAD)
    os.unlink(target.path + ".rej")
    os.unlink(target.path + ".err")
    assert os.listdir(target.dir) == mnt.listing(target.before)
    target.assert_unchanged()


def test_a_handle_goes_on_after_a_rejected_flush(target):
    fd = os.open(target.path, os.O_WRONLY | os.O_TRUNC)
    half = len(target.new) // 2
    mnt.write_fd(fd, target.new[:half].encode())
    rejected(os.close, os.dup(fd))
    assert Report(target.path).kept == target.new[:half]
    target.assert_unchanged()
    mnt.write_fd(fd, target.new[half:].encode())
    os.close(fd)
    target.assert_committed()
    assert_clean(target)


def test_a_users_own_file_is_not_overwritten(target):
    for suffix in (".rej", ".err"):
        with open(target.path + suffix, "w") as f:
            f.write("mine " + suffix)
    rejected(mnt.save, target.path, BAD)
    assert mnt.read_text(target.path + ".rej") == "mine .rej"
    assert mnt.read_text(target.path + ".err") == "mine .err"
    assert mnt.read_text(target.path + ".critfs.rej") == BAD
    assert mnt.read_text(target.path + ".critfs.err").startswith(BAD_ERROR)
    mnt.save(target.path, target.new)
    target.assert_committed()
    assert not os.path.exists(target.path + ".critfs.rej")
    assert mnt.read_text(target.path + ".rej") == "mine .rej"


def test_other_entries_are_not_concerned(target):
    rejected(mnt.save, target.path, BAD)
    value = target.before.entries[4].json()
    value["id"] = 4711
    mnt.save(target.dir + "/4.json", criuimg.text(value))
    assert criuimg.load(target.stored).entries[4].json() == value
    assert Report(target.path).kept == BAD


def test_each_entry_has_its_own(target):
    rejected(mnt.save, target.dir + "/0.json", '{"type": 1.5}')
    rejected(mnt.save, target.path, BAD)
    assert Report(target.dir + "/0.json").file == "files.img/0.json"
    assert Report(target.path).file == "files.img/3.json"
    errors = mnt.read_text(target.mount / ".critfs/errors")
    assert "files.img/0.json:1:10: error: type" in errors and BAD_ERROR in errors


def test_in_a_subdirectory(mount, work):
    """The path is the one below the mount point."""
    dumps.copy("demo", os.path.join(work, "top", "sub"))
    m = mount(os.path.join(work, "top"))
    rejected(mnt.save, m / "sub/files.img/0.json", BAD)
    assert Report(m / "sub/files.img/0.json").file == "sub/files.img/0.json"


def test_a_rejected_text_of_megabytes_is_kept(target):
    text = '{"type": "REG", "id": 1, "reg": "' + "x" * (3 << 20) + '"}'
    rejected(mnt.save, target.path, text)
    assert mnt.read_text(target.path + ".rej") == text
    target.assert_unchanged()


def test_deep_nesting(target):
    for text in ("[" * 200000, '{"reg": ' * 100000, '{"id": ' + "[" * 100000 + "]" * 100000 + "}"):
        rejected(mnt.save, target.path, text)
    target.assert_unchanged()


@pytest.mark.not_on_upper("the upper directory has space")
def test_no_space(mount, work):
    """Another reason than the text: its own errno, the text kept the same way."""
    small = os.path.join(work, "small")
    os.mkdir(small)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", small], capture_output=True)
    if done.returncode:
        pytest.skip("no tmpfs can be mounted: " + done.stderr.decode().strip())
    try:
        entry = handmade.entry(TYPES["PIPES_DATA"], size=30000)
        image = criuimg.Image(TYPES["PIPES_DATA"], "common", "<", [entry])
        stored = dumps.write(small, "pipes-data.img", image)
        with open(os.path.join(small, "filler"), "wb") as f:
            f.write(bytes(30000))
        before = mnt.read(stored)
        m = mount(small)
        value = entry.json()
        value["pipe_id"] = 99
        with pytest.raises(OSError) as e:
            mnt.save(m / "pipes-data.img/0.json", criuimg.text(value))
        assert e.value.errno == errno.ENOSPC
        assert mnt.read(stored) == before
        assert mnt.read_text(m / "pipes-data.img/0.json.rej") == criuimg.text(value)
        assert sorted(os.listdir(small)) == ["filler", "pipes-data.img"]
        os.unlink(os.path.join(small, "filler"))
        mnt.save(m / "pipes-data.img/0.json", criuimg.text(value))
        assert criuimg.load(stored).entries[0].json() == value
        m.close()
    finally:
        subprocess.run(["umount", "-l", small], check=True)


# ------------------------------------------------ what is wrong, and where

FULL = """{
    "type": "REG",
    "id": 4,
    "reg": {
        "id": 4,
        "flags": "",
        "pos": 0,
        "fown": {
            "uid": 0,
            "euid": 0,
            "signum": 0,
            "pid_type": 0,
            "pid": 0
        },
        "name": "/etc/passwd",
        "mnt_id": -1,
        "ext": true,
        "build_id": [
            1,
            2
        ]
    }
}
"""

# (what is replaced, by what, line, column, fragments of the message)
PLACES = [
    # syntax
    ('"type": "REG",', '"type": "REG"', 3, 5, []),
    ('"id": 4,\n    "reg"', '"id" 4,\n    "reg"', 3, 10, []),
    ('"id": 4,\n    "reg"', '"id": 4,,\n    "reg"', 3, 13, []),
    ("            2\n", "            2,\n", 21, 9, []),
    ("            2\n", "            2 3\n", 20, 15, []),
    ('"mnt_id": -1,', '"mnt_id": @1,', 16, 19, []),
    ('"mnt_id": -1,', "\"mnt_id\": '1',", 16, 19, []),
    ('"mnt_id": -1,', "\"mnt_id\": // -1,", 16, 19, []),
    ("{\n    \"type\"", "{\n    type", 2, 5, []),
    ("{\n    \"type\"", "{\n    'type'", 2, 5, []),
    ('"/etc/passwd"', '"/etc/\tpasswd"', 15, 23, []),
    ("    }\n}\n", "    }\n}\n}\n", 24, 1, []),
    ("    }\n}\n", "    }\n}\nx", 24, 1, []),
    # keys
    ('"pos": 0', '"position": 0', 7, 9, ["position", "reg"]),
    ('"uid": 0', '"UID": 0', 9, 13, ["UID", "fown"]),
    ('"type": "REG",', '"type": "REG",\n    "nosuch": {},', 3, 5, ["nosuch"]),
    ('"pos": 0,', '"pos": 0,\n        "id": 5,', 8, 9, ["id", "reg"]),
    ('"id": 4,\n    "reg"', '"id": 4,\n    "id": 4,\n    "reg"', 4, 5, ["id"]),
    # ranges
    ('"id": 4,\n    "reg"', '"id": 4294967296,\n    "reg"', 3, 11, ["id", "4294967296"]),
    ('"id": 4,\n    "reg"', '"id": -1,\n    "reg"', 3, 11, ["id", "-1"]),
    ('"id": 4,\n    "reg"', '"id": "0x100000000",\n    "reg"', 3, 11, ["id", "0x100000000"]),
    ('"pos": 0', '"pos": 18446744073709551616', 7, 16, ["reg.pos", "18446744073709551616"]),
    ('"pos": 0', '"pos": 99999999999999999999999999', 7, 16, ["reg.pos"]),
    ('"mnt_id": -1', '"mnt_id": 2147483648', 16, 19, ["reg.mnt_id"]),
    ('"mnt_id": -1', '"mnt_id": -2147483649', 16, 19, ["reg.mnt_id"]),
    ("            1,", "            4294967296,", 19, 13, ["reg.build_id"]),
    ('"uid": 0', '"uid": 4294967296', 9, 20, ["reg.fown.uid"]),
    # types
    ('"pos": 0', '"pos": "abc"', 7, 16, ["reg.pos", "integer", "abc"]),
    ('"pos": 0', '"pos": ""', 7, 16, ["reg.pos"]),
    ('"pos": 0', '"pos": " 1"', 7, 16, ["reg.pos"]),
    ('"pos": 0', '"pos": "0x"', 7, 16, ["reg.pos"]),
    ('"pos": 0', '"pos": "0xfg"', 7, 16, ["reg.pos"]),
    ('"pos": 0', '"pos": 1.5', 7, 16, ["reg.pos"]),
    ('"pos": 0', '"pos": 1e400', 7, 16, ["reg.pos"]),
    ('"pos": 0', '"pos": true', 7, 16, ["reg.pos"]),
    ('"pos": 0', '"pos": null', 7, 16, ["reg.pos"]),
    ('"pos": 0', '"pos": [0]', 7, 16, ["reg.pos"]),
    ('"pos": 0', '"pos": {}', 7, 16, ["reg.pos"]),
    ('"ext": true', '"ext": 1', 17, 16, ["reg.ext"]),
    ('"ext": true', '"ext": "true"', 17, 16, ["reg.ext"]),
    ('"name": "/etc/passwd"', '"name": 5', 15, 17, ["reg.name"]),
    ('"name": "/etc/passwd"', '"name": null', 15, 17, ["reg.name"]),
    ('"type": "REG"', '"type": "NOSUCH"', 2, 13, ["type", "NOSUCH"]),
    ('"type": "REG"', '"type": 1.5', 2, 13, ["type"]),
    ('"flags": ""', '"flags": "O_NOSUCH"', 6, 18, ["reg.flags", "O_NOSUCH"]),
    ('"flags": ""', '"flags": "O_RDWR | O_NOSUCH"', 6, 18, ["reg.flags", "O_NOSUCH"]),
    ('"flags": ""', '"flags": "O_RDWR | | O_TRUNC"', 6, 18, ["reg.flags"]),
    ('"flags": ""', '"flags": -1', 6, 18, ["reg.flags"]),
    ("            1,", '            "x",', 19, 13, ["reg.build_id"]),
    ("            1,", "            [1],", 19, 13, ["reg.build_id"]),
]


@pytest.fixture(scope="module")
def places(module_mount):
    """One mounted dump for all cases of the table: nothing of it may change."""
    work = dumps.new_dir()
    root = dumps.copy("demo", os.path.join(work, "dump"))
    return root, module_mount(root)


def check_place(places, text, allowed, fragments, path="files.img/3.json"):
    root, m = places
    before = mnt.read(os.path.join(root, path.split("/")[0]))
    rejected(mnt.save, m / path, text, os.O_WRONLY | os.O_TRUNC)
    report = Report(m / path)
    assert report.file == path
    assert report.place in allowed, report.error
    for fragment in fragments:
        assert fragment in report.message
    assert mnt.read(os.path.join(root, path.split("/")[0])) == before


@pytest.mark.parametrize("old, new, line, column, fragments", PLACES)
def test_place(places, old, new, line, column, fragments):
    assert FULL.count(old) == 1
    check_place(places, FULL.replace(old, new), [(line, column)], fragments)


def test_the_table_starts_from_a_good_text(target):
    mnt.save(target.path, FULL)
    target.assert_committed(FULL)


# Where more than one place would be right.
TEXTS = [
    ("{", [(1, 2)], []),
    ('{"type": "REG"', [(1, 15)], []),
    ('{"type": "REG', [(1, 14), (1, 10)], []),
    ('{"type": "a\\q"}', [(1, 10), (1, 12), (1, 13)], []),
    ('{"type": "\\ud800"}', [(1, 10), (1, 11), (1, 12)], []),
    ('{"type": tru}', [(1, 10), (1, 13)], []),
    ('{"id": 01}', [(1, 8), (1, 9)], []),
    ('{"id": 1.}', [(1, 8), (1, 10)], []),
    ('{"id": NaN}', [(1, 8)], []),
    ("[]", [(1, 1)], []),
    ("3", [(1, 1)], []),
    ('"x"', [(1, 1)], []),
    ("null", [(1, 1)], []),
    ('{"type": "REG"}', [(1, 1), (1, 15)], ["id"]),
    ("{}", [(1, 1), (1, 2)], []),
    ('{"type": "REG", "id": 4, "reg": {}}', [(1, 33), (1, 34)], ["reg"]),
    ('{"type": "REG", "id": 4, "reg": {"id": 1, "flags": 0, "pos": 0, "fown": {}, "name": ""}}',
     [(1, 73), (1, 74)], ["reg.fown"]),
    ("\ufeff{}", [(1, 1)], []),
]


@pytest.mark.parametrize("text, allowed, fragments", TEXTS)
def test_short_texts(places, text, allowed, fragments):
    check_place(places, text, allowed, fragments)


@pytest.mark.parametrize("data", [b'{"type": "\xff"}', b'{"type": "\xed\xa0\x80"}', b'{"\xc3": 1}', b"\0",
                                  b"\xef\xbb\xbf{}", bytes(5000), b"\x7fELF"])
def test_bytes_that_are_no_text(target, data):
    rejected(mnt.save, target.path, data)
    assert mnt.read(target.path + ".rej") == data
    target.assert_unchanged()


# type, field, text in place of its value
VALUES = [
    ("APPARMOR", "namespaces", '[{"name": "n", "policies": [{"name": "p", "blob": "a"}]}]'),
    ("APPARMOR", "namespaces", '[{"name": "n", "policies": [{"name": "p", "blob": "a=b="}]}]'),
    ("APPARMOR", "namespaces", '[{"name": "n", "policies": [{"name": "p", "blob": "\u00e4"}]}]'),
    ("GHOST_FILE", "dev", '"8:"'),
    ("GHOST_FILE", "dev", '"a:b"'), ("GHOST_FILE", "dev", '"4096:0"'), ("GHOST_FILE", "dev", '"0:1048576"'),
    ("GHOST_FILE", "dev", '"-1:1"'), ("GHOST_FILE", "rdev", '"1:2:3"'),
    ("INETSK", "src_addr", '["1.2.3"]'), ("INETSK", "src_addr", '["1.2.3.256"]'),
    ("INETSK", "src_addr", '["::1::"]'), ("INETSK", "src_addr", '[true]'), ("INETSK", "src_addr", '"1.2.3.4"'),
    ("INETSK", "src_addr", "[4294967296]"), ("INETSK", "family", '"NOSUCH"'), ("INETSK", "shutdown", '"BOTHER"'),
    ("INETSK", "shutdown", "2147483648"), ("INETSK", "ifname", '{"$base64": "?"}'),
    ("INETSK", "ifname", '{"$base64": 5}'), ("INETSK", "ifname", "{}"),
    ("INETSK", "ifname", '{"$base64": "YQ==", "x": 1}'), ("INETSK", "ifname", '["a"]'),
    ("UNIXSK", "name", "5"), ("PSTREE", "threads", "5"), ("PSTREE", "threads", "{}"),
    ("PSTREE", "$unknown", '"?"'), ("PSTREE", "$unknown", '"/w=="'), ("PSTREE", "$unknown", "5"),
]


@pytest.mark.parametrize("typ, field, spelling", VALUES)
def test_values(mount, work, typ, field, spelling):
    name = TYPES[typ].example_name()
    stored = dumps.write(work, name, handmade.image(TYPES[typ], "bare"))
    before = mnt.read(stored)
    value = criuimg.load(stored).entries[0].json()
    value[field] = "@"
    text = criuimg.text(value).replace('"@"', spelling)
    m = mount(work)
    rejected(mnt.save, m / name + "/0.json", text, os.O_RDWR)
    assert mnt.read(stored) == before
    report = Report(m / name + "/0.json")
    line = text[:text.index('"%s"' % field)].count("\n") + 1
    assert report.place[0] == line
