"""Several programs on one dump: open files across commits, changes underneath, odd orders."""
import errno
import json
import os
import struct
import subprocess

import pytest

import criuimg
import dumps
import mnt
from editing import Target


@pytest.fixture
def target(mount, work):
    return Target(mount, work)


@pytest.fixture
def blob(mount, work):
    """demo's pipes-data.img with a payload of 2 MB, more than any read-ahead."""
    root = dumps.copy("demo", os.path.join(work, "dump"))
    point = mount(root)
    path = point / "pipes-data.img/0.extra"
    mnt.save(path, b"old." * 500000)
    return path


def test_a_reader_from_before_a_commit_does_not_spoil_those_after_it(blob):
    with open(blob, "rb", buffering=0) as before:
        assert before.read(10) == b"old.old.ol"
        mnt.save(blob, b"new!" * 500000)
        with open(blob, "rb", buffering=0) as after:
            # the old reader goes on, and fills what pages it can
            rest = b"".join(iter(lambda: before.read(65536), b""))
            assert after.read(2000000) == b"new!" * 500000
        assert rest == (b"old." * 500000)[10:]


def test_an_older_reader_sees_no_draft(target):
    with open(target.path, "rb", buffering=0) as reader:
        fd = os.open(target.path, os.O_RDWR)
        os.pwrite(fd, b"DRAFT1", 0)
        assert reader.read() == target.old.encode()
        os.pwrite(fd, target.old.encode()[:6], 0)
        os.close(fd)
    target.assert_unchanged()


def test_two_read_write_handles_have_drafts_of_their_own(target):
    one, two = (os.open(target.path, os.O_RDWR) for _ in range(2))
    os.pwrite(one, b"ONE", 0)
    assert os.pread(two, 10000, 0) == target.old.encode()
    os.pwrite(two, target.new.encode(), 0)
    os.ftruncate(two, len(target.new.encode()))
    os.close(two)
    target.assert_committed()
    assert os.pread(one, 3, 0) == b"ONE"
    os.pwrite(one, target.new.encode()[:3], 0)
    try:
        os.close(one)
    except OSError as e:  # it is the old text with no change, or the new: never a mixture
        assert e.errno == errno.EBADMSG


@pytest.mark.parametrize("layout", [dict(indent=16), dict(separators=(",", ":"))])
def test_a_handle_goes_on_in_what_it_wrote(target, layout):
    """After a sync the file says it its own way; the handle keeps to what it has."""
    text = json.dumps(json.loads(target.new), **layout).encode()
    fd = os.open(target.path, os.O_RDWR)
    os.ftruncate(fd, 0)
    mnt.write_fd(fd, text)
    os.fsync(fd)
    assert os.pread(fd, 100000, 0) == text
    assert os.lseek(fd, 0, os.SEEK_END) == len(text)
    os.write(fd, b"\n")
    os.close(fd)
    target.assert_committed()


def test_shrunk_by_its_handle_with_no_other_scratch(target):
    for _ in range(3):
        with open(target.path, "r+") as f:
            data = json.load(f)
            data["reg"]["pos"] = 7
            f.seek(0)
            f.truncate()
            json.dump(data, f)
    target.assert_committed()
    mnt.save(target.dir + "/notes", b"x" * (3 << 20), os.O_WRONLY | os.O_CREAT)


def test_an_open_file_follows_its_rename(target):
    """As everywhere: who has it open has the backup now, and does not touch what is new."""
    fd = os.open(target.path, os.O_RDWR)
    backup = target.path + "~"
    os.rename(target.path, backup)
    os.ftruncate(fd, 0)
    mnt.write_fd(fd, b"a note")
    mnt.save(target.path, target.new, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    os.close(fd)
    assert mnt.read(backup) == b"a note"
    target.assert_committed()


def test_a_file_that_was_renamed_into_place_is_not_committed_twice(target):
    fd = os.open(target.dir + "/t", os.O_RDWR | os.O_CREAT)
    mnt.write_fd(fd, target.new.replace('"pos": 7', '"pos": 8').encode())
    os.rename(target.dir + "/t", target.path)
    mnt.save(target.path, target.new)
    os.close(fd)
    target.assert_committed()


def test_a_file_that_was_renamed_into_place_goes_on(target):
    """What is written after the rename counts."""
    fd = os.open(target.dir + "/t", os.O_RDWR | os.O_CREAT)
    mnt.write_fd(fd, target.new.replace('"pos": 7', '"pos": 8').encode())
    os.rename(target.dir + "/t", target.path)
    os.ftruncate(fd, 0)
    os.pwrite(fd, target.new.encode(), 0)
    os.close(fd)
    target.assert_committed()


@pytest.mark.parametrize("part, new", [("0.extra", b"B" * 100), ("0.json", None)])
def test_a_reader_keeps_its_length(mount, work, part, new):
    root = dumps.copy("demo", os.path.join(work, "dump"))
    path = os.path.join(mount(root) / "pipes-data.img", part)
    mnt.save(os.path.dirname(path) + "/0.extra", b"A" * 50000)
    old = mnt.read(path)
    with open(path, "rb", buffering=0) as reader:
        if new is None:  # two digits fewer
            mnt.save(os.path.dirname(path) + "/0.extra", b"B" * 100)
        else:
            mnt.save(path, new)
        os.fstat(reader.fileno())  # which the kernel asks of the file, not of the open one
        assert b"".join(iter(lambda: reader.read(4096), b"")) == old
    assert os.stat(path).st_size == len(mnt.read(path)) != len(old)


def test_a_backup_has_none_of_an_older_readers_pages(target):
    reader = open(target.path, "rb", buffering=0)
    reader.read(1)
    mnt.save(target.path, target.new)
    os.rename(target.path, target.path + "~")
    with open(target.path + "~", "rb") as backup:
        assert reader.read() == target.old.encode()[1:]
        assert backup.read() == target.new.encode()
    reader.close()


@pytest.mark.parametrize("contents", [b"", b"some text\n"])
def test_an_image_that_is_none_any_more(target, contents):
    held = os.open(target.dir, os.O_RDONLY)
    os.listdir(held)
    with open(target.stored, "wb") as f:
        f.write(contents)

    def plain():
        try:
            os.listdir(held)  # a look at the open one comes before one at the name
        except OSError:
            pass
        return os.path.isfile(target.dir)

    assert mnt.wait_for(plain)
    assert mnt.read(target.dir) == contents
    os.close(held)


def test_renamed_away_twice(target):
    backup = target.path + "~"
    for _ in range(3):
        os.rename(target.path, backup)
        assert not os.path.exists(target.path)
        fd = os.open(target.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        mnt.write_fd(fd, target.new.encode())
        os.close(fd)
    os.rename(target.path, backup)
    assert not os.path.exists(target.path)
    os.rename(backup, target.path)
    target.assert_committed()


@pytest.mark.parametrize("touch", [
    lambda d: os.utime(d), lambda d: os.chmod(d, 0o750), lambda d: os.chown(d, 1, 1)])
def test_changed_underneath_and_touched(target, touch):
    """Setting attributes of the image must not hide that another program wrote it."""
    other = criuimg.load(os.path.join(dumps.pristine("container-ipc"), "files.img"))
    data = mnt.read(os.path.join(dumps.pristine("container-ipc"), "files.img"))
    assert os.path.exists(target.path)
    with open(target.stored, "r+b") as f:  # in place, as `crit encode -o` writes
        f.truncate()
        f.write(data)
    touch(target.dir)
    text = other.entries[3].text()
    assert mnt.read_text(target.path) == text
    assert mnt.read(target.stored) == data
    subprocess.run(["sed", "-i", "s/\"id\": [0-9]*,/\"id\": 777,/", target.path], check=True)
    after = criuimg.load(target.stored)
    assert [e.frame for e in after.entries[4:]] == [e.frame for e in other.entries[4:]]
    assert json.loads(after.entries[3].text())["id"] == 777


def test_attributes_set_while_open(target):
    """The mount's own chmod is no change from underneath."""
    fd = os.open(target.path, os.O_WRONLY | os.O_TRUNC)
    os.chmod(target.dir, 0o740)
    os.utime(target.dir, ns=(10**18, 10**18))
    mnt.write_fd(fd, target.new.encode())
    os.close(fd)
    assert target.text() == target.new
    assert os.stat(target.stored).st_mode & 0o777 == 0o640


def test_replaced_underneath(target):
    other = target.stored + ".new"
    with open(other, "wb") as f:
        f.write(target.old_bytes)
    fd = os.open(target.path, os.O_WRONLY | os.O_TRUNC)
    os.rename(other, target.stored)
    mnt.write_fd(fd, target.new.encode())
    with pytest.raises(OSError) as e:
        os.close(fd)
    assert e.value.errno == errno.EBUSY
    assert mnt.read(target.stored) == target.old_bytes
    line = mnt.read_text(target.path + ".err")
    assert line.startswith("files.img/3.json: error: ") and "changed underneath" in line
    assert mnt.read_text(target.path + ".rej") == target.new


def test_written_anew_in_place(target):
    """Between truncating and writing the file is no image; what is open loses nothing."""
    fd = os.open(target.path, os.O_WRONLY | os.O_TRUNC)
    with open(target.stored, "r+b") as f:
        f.truncate(0)
        assert mnt.wait_for(lambda: os.path.isfile(target.dir))
        f.write(target.old_bytes)
    assert mnt.wait_for(lambda: os.path.isdir(target.dir))
    assert target.text() == target.old
    mnt.write_fd(fd, target.new.encode())
    with pytest.raises(OSError) as e:
        os.close(fd)
    assert e.value.errno == errno.EBUSY
    assert mnt.read(target.stored) == target.old_bytes
    assert mnt.read_text(target.path + ".rej") == target.new


def test_a_log_is_appended_to(mount, work):
    """O_APPEND is the file's end, wherever another program has moved it."""
    root = dumps.copy("demo", os.path.join(work, "dump"))
    stored = os.path.join(root, "dump.log")
    with open(stored, "w") as f:
        f.write("log\n")
    point = mount(root)
    fd = os.open(point / "dump.log", os.O_WRONLY | os.O_APPEND)
    with open(stored, "a") as f:
        f.write("from elsewhere\n")
    os.write(fd, b"mine\n")
    os.close(fd)
    assert mnt.read_text(stored) == "log\nfrom elsewhere\nmine\n"


def test_a_removed_plain_file_stays_open(mount, work):
    root = dumps.copy("demo", os.path.join(work, "dump"))
    with open(os.path.join(root, "notes.txt"), "w") as f:
        f.write("text")
    point = mount(root)
    fd = os.open(point / "notes.txt", os.O_RDWR)
    os.unlink(point / "notes.txt")
    assert not os.path.exists(os.path.join(root, "notes.txt"))
    assert os.fstat(fd).st_size == 4
    os.ftruncate(fd, 2)
    assert os.pread(fd, 10, 0) == b"te"
    os.close(fd)


def test_a_plain_file_is_cut_while_it_is_read(mount, work):
    """By its path: whoever has it open for reading is no hindrance, and sees it."""
    root = dumps.copy("demo", os.path.join(work, "dump"))
    with open(os.path.join(root, "notes.txt"), "w") as f:
        f.write("some text")
    point = mount(root)
    with open(point / "notes.txt", "rb", buffering=0) as reader:
        for size in (4, 6, 0):
            os.truncate(point / "notes.txt", size)
            assert os.stat(point / "notes.txt").st_size == size
            assert os.pread(reader.fileno(), 100, 0) == b"some\0\0"[:size]
            assert mnt.read(os.path.join(root, "notes.txt")) == b"some\0\0"[:size]


def test_sparse_drafts_stay_sparse(mount, work):
    """Refusing a terabyte of zeros keeps it, and takes no room."""
    root = dumps.copy("demo", os.path.join(work, "dump"))
    point = mount(root)
    path = point / "pipes-data.img/0.extra"
    with pytest.raises(OSError) as e:
        os.truncate(path, 1 << 40)
    assert e.value.errno == errno.EFBIG
    assert os.stat(path + ".rej").st_size == 1 << 40
    mnt.save(path, b"short")
    assert mnt.read(os.path.join(root, "pipes-data.img")).endswith(b"short")
    assert not os.path.exists(path + ".rej")


def test_a_default_acl_lets_nobody_in(mount, work):
    root = dumps.copy("demo", os.path.join(work, "dump"))
    stored = os.path.join(root, "files.img")
    os.chmod(stored, 0o660)
    entries = [(0x01, 7, 0xffffffff), (0x02, 6, 12345), (0x04, 5, 0xffffffff),
               (0x10, 7, 0xffffffff), (0x20, 5, 0xffffffff)]
    acl = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *e) for e in entries)
    try:
        os.setxattr(root, "system.posix_acl_default", acl)
    except OSError as e:
        pytest.skip("no ACLs here: " + e.strerror)
    point = mount(root)
    subprocess.run(["sed", "-i", 's/"pos": 0/"pos": 7/', point / "files.img/3.json"], check=True)
    assert os.stat(stored).st_mode & 0o777 == 0o660
    assert "system.posix_acl_access" not in os.listxattr(stored)


def test_temporary_files_within_the_mount(mount, work, monkeypatch):
    """A draft that needs a file must not wait for the mount that it is made for."""
    root = dumps.copy("demo", os.path.join(work, "dump"))
    point = dumps.new_dir()
    monkeypatch.setenv("TMPDIR", point)
    m = mount(root, point=point)
    mnt.save(m / "files.img/notes", b"x" * (3 << 20), os.O_WRONLY | os.O_CREAT)
    assert os.stat(m / "files.img/notes").st_size == 3 << 20


def test_what_a_message_repeats_is_harmless(target):
    """A value can't forge a line of a log, nor reach a terminal's control codes."""
    bad = 'a\\nfiles.img/0.json:1:1: error: forged\\u001b[31m\\u009b' + "\u00e4" * 100
    with pytest.raises(OSError):
        mnt.save(target.path, target.old.replace('"pos": 0', '"pos": "%s"' % bad))
    line = mnt.read(target.path + ".err")
    assert line.count(b"\n") == 1 and line.decode("utf-8").isascii() is False
    assert not any(c < 32 or c == 127 for c in line[:-1]) and b"\xc2\x9b" not in line
    assert mnt.read_text(target.mount / ".critfs/errors").count("\n") == 1


def test_segments_in_page_maps_keep_their_size(mount, work):
    """Without in_pagemaps the segment would have to follow, and it is not there."""
    root = dumps.copy("container-ipc", os.path.join(work, "dump"))
    stored = os.path.join(root, "ipcns-shm-11.img")
    before = mnt.read(stored)
    path = mount(root) / "ipcns-shm-11.img/0.json"
    data = json.loads(mnt.read_text(path))
    assert data.pop("in_pagemaps") and data["size"]
    with pytest.raises(OSError) as e:
        mnt.save(path, json.dumps(data))
    assert e.value.errno == errno.EBADMSG
    assert mnt.read(stored) == before


def nested_cgroups(depth):
    """cgroup_dir_entry within each other, children before the name: out of order."""
    message = b"\x0a\x01n"
    for _ in range(depth):
        message = b"\x12" + varint(len(message)) + message + b"\x0a\x01n"
    controller = b"\x12" + varint(len(message)) + message
    return b"\x12" + varint(len(controller)) + controller


def varint(n):
    out = b""
    while n >= 0x80:
        out += bytes([n & 0x7f | 0x80])
        n >>= 7
    return out + bytes([n])


def test_deep_and_out_of_order(mount, work):
    """Putting each level in order must not take twice the time of the one below."""
    root = os.path.join(work, "dump")
    os.mkdir(root)
    message = nested_cgroups(60)
    with open(os.path.join(root, "cgroup.img"), "wb") as f:
        f.write(struct.pack("<III", 0x54564319, 0x59383330, len(message)) + message)
    text = mnt.read_text(mount(root) / "cgroup.img/0.json")
    assert text.count('"dir_name": "n"') == 61


def test_mount_point_within_the_dump(work):
    mnt_point = os.path.join(work, "dump", "inner")
    os.makedirs(mnt_point)
    run = subprocess.run([mnt.CRITFS, "-f", os.path.join(work, "dump"), mnt_point],
                         capture_output=True, text=True, env=mnt.environment(), timeout=60)
    assert run.returncode == 1 and "within the dump" in run.stderr
