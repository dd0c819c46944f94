"""Messages of a queue that are made, removed and moved: qnum, msize and padding follow."""
import errno
import os
import shutil
import subprocess

import pytest

import criuimg
import mnt
import slots
from criuimg import SCHEMA, TYPES, Image
from slots import Slots, ipc_msg, msg_text

DATA = [b"first", b"", b"8 bytes.", b"the fourth message", b"x" * 300]


def refused(error, call, *args):
    with pytest.raises(OSError) as e:
        call(*args)
    assert e.value.errno == error, e.value


def make(path, data=b""):
    mnt.save(path, data, os.O_WRONLY | os.O_CREAT | os.O_EXCL)


class Queue(Slots):
    """Three queues; the one in slot 1 has messages, {number: (payload, bytes)}."""

    SLOT = 1

    def __init__(self, mount, work, count=4, order="<", header="common"):
        entries = [slots.entry("IPCNS_MSG", i + 1, i) for i in range(3)]
        msgs = [ipc_msg(i + 1, DATA[i]) for i in range(count)]
        entries[1] = slots.with_extra(entries[1], "msg", msgs)
        super().__init__(mount, work, "IPCNS_MSG", image=Image(TYPES["IPCNS_MSG"], header, order, entries))
        self.msg = dict(enumerate(msgs))
        self.absent = set()

    def of(self, name):
        return self.path("%d.msgs/%s" % (self.SLOT, name))

    def check_queue(self):
        """Numbers stay in the mount; in the image they are one behind the other."""
        self.entry[self.SLOT] = slots.with_extra(self.entry[self.SLOT], "msg",
                                                 [self.msg[m] for m in sorted(self.msg)])
        self.check(texts=False)
        assert mnt.read_text(self.json(self.SLOT)) == self.entry[self.SLOT].text()
        names = [n for m in sorted(self.msg) for n in ("%d.extra" % m, "%d.json" % m)]
        assert os.listdir(self.of("")) == [n for n in names if n not in self.absent]
        for m, (payload, data) in self.msg.items():
            assert mnt.read_text(self.of("%d.json" % m)) == msg_text(payload)
            if "%d.extra" % m not in self.absent:
                assert mnt.read(self.of("%d.extra" % m)) == data

    def finish(self):
        self.check_queue()
        self.SLOT = sorted(self.entry).index(self.SLOT)
        self.remount()
        self.msg = {i: self.msg[m] for i, m in enumerate(sorted(self.msg))}
        self.absent = set()
        self.check_queue()


@pytest.mark.parametrize("m", [0, 1, 3])
@pytest.mark.parametrize("order", "<>")
def test_removed(mount, work, m, order):
    q = Queue(mount, work, order=order)
    os.unlink(q.of("%d.json" % m))
    del q.msg[m]
    q.finish()


def test_all_removed(mount, work):
    q = Queue(mount, work)
    for m in (2, 0, 3, 1):
        os.unlink(q.of("%d.json" % m))
        del q.msg[m]
        q.check_queue()
    os.rmdir(q.of(""))
    q.hidden.add("1.msgs")
    q.check()
    os.mkdir(q.of(""))
    q.hidden.clear()
    make(q.of("5.json"), msg_text(ipc_msg(9, b"")[0]))
    q.msg[5] = ipc_msg(9, b"")
    q.absent.add("5.extra")
    q.finish()


def test_a_directory_with_messages_stays(mount, work):
    q = Queue(mount, work)
    refused(errno.ENOTEMPTY, os.rmdir, q.of(""))
    refused(errno.EISDIR, os.unlink, q.path("1.msgs"))
    for m in list(q.msg):
        os.unlink(q.of("%d.json" % m))
    make(q.of("notes"), b"x")
    refused(errno.ENOTEMPTY, os.rmdir, q.of(""))
    os.unlink(q.of("notes"))
    os.rmdir(q.of(""))
    refused(errno.ENOENT, os.rmdir, q.of(""))


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("m", [1, 4, 1000])
def test_new(mount, work, m, order, first):
    """In a gap, at the end, far behind; its bytes before it or behind it."""
    q = Queue(mount, work, order=order)
    if m == 1:
        os.unlink(q.of("1.json"))
    msg = ipc_msg(77, b"eleven more")
    text = msg_text(ipc_msg(77, b"what the text says does not count" * 9)[0])
    if first:
        make(q.of("%d.extra" % m), msg[1])
        q.check_image() if m != 1 else None
        make(q.of("%d.json" % m), text)
    else:
        make(q.of("%d.json" % m), text)
        q.msg[m] = ipc_msg(77, DATA[1])
        if m != 1:
            q.absent.add("%d.extra" % m)
            q.check_queue()
        mnt.save(q.of("%d.extra" % m), msg[1], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    q.msg[m] = msg
    q.absent.clear()
    q.finish()


def test_bytes_come_back(mount, work):
    q = Queue(mount, work)
    os.unlink(q.of("3.json"))
    make(q.of("3.json"), msg_text(ipc_msg(5, b"")[0]))
    q.msg[3] = ipc_msg(5, DATA[3])
    q.finish()


def test_bytes_stay_away(mount, work):
    q = Queue(mount, work)
    os.unlink(q.of("3.json"))
    make(q.of("3.extra"), b"x")
    os.unlink(q.of("3.extra"))
    make(q.of("3.json"), msg_text(ipc_msg(5, b"")[0]))
    q.msg[3] = ipc_msg(5, b"")
    q.absent.add("3.extra")
    q.finish()


@pytest.mark.parametrize("m", [0, 2, 3])
def test_bytes_removed_and_made_again(mount, work, m):
    q = Queue(mount, work)
    os.unlink(q.of("%d.extra" % m))
    q.msg[m] = ipc_msg(m + 1, b"")
    q.absent.add("%d.extra" % m)
    q.check_queue()
    make(q.of("%d.extra" % m), b"other")
    q.msg[m] = ipc_msg(m + 1, b"other")
    q.absent.clear()
    q.finish()


@pytest.mark.parametrize("a, b", [(0, 1), (3, 0), (0, 9), (1, 4), (2, 3), (3, 3), (0, 3)])
@pytest.mark.parametrize("order", "<>")
def test_moved(mount, work, a, b, order):
    q = Queue(mount, work, order=order)
    os.rename(q.of("%d.json" % a), q.of("%d.json" % b))
    q.msg[b] = q.msg.pop(a)
    q.finish()


@pytest.mark.parametrize("a, b", [(0, 1), (3, 0), (1, 2)])
def test_bytes_moved(mount, work, a, b):
    q = Queue(mount, work)
    os.rename(q.of("%d.extra" % a), q.of("%d.extra" % b))
    q.msg[b] = ipc_msg(b + 1, DATA[a])
    q.msg[a] = ipc_msg(a + 1, b"")
    q.absent.add("%d.extra" % a)
    q.finish()


@pytest.mark.parametrize("a, b", [(1, 2), (1, 0), (1, 7), (2, 1), (0, 1)])
def test_queues_moved_after_their_messages_changed(mount, work, a, b):
    """Numbers of messages are kept where their queue goes."""
    q = Queue(mount, work)
    os.unlink(q.of("1.json"))
    make(q.of("8.json"), msg_text(ipc_msg(8, b"")[0]))
    make(q.of("8.extra"), b"eight")
    del q.msg[1]
    q.msg[8] = ipc_msg(8, b"eight")
    q.check_queue()
    q.move(a, b)
    if a == 1:
        q.SLOT = b
    elif b == 1:
        q.msg = dict(enumerate(q.entry[1].extra))
    q.finish()


def test_a_refused_message_vanishes(mount, work):
    q = Queue(mount, work)
    refused(errno.EBADMSG, make, q.of("7.json"), b'{"mtype": "x"}')
    refused(errno.ENOENT, os.stat, q.of("7.json"))
    assert mnt.read_text(q.of("7.json.err")).startswith(q.name + "/1.msgs/7.json:1:")
    make(q.of("7.json"), msg_text(ipc_msg(5, b"")[0]))
    q.msg[7] = ipc_msg(5, b"")
    q.absent.add("7.extra")
    q.finish()


@pytest.mark.parametrize("name", ["0.inq", "0.raw", "9.sems.json", "9.raw", "9.msgs"])
def test_what_no_message_has(mount, work, name):
    """No part of a message: such a name is a scratch file's, or refused."""
    q = Queue(mount, work)
    try:
        make(q.of(name), b"x")
        os.unlink(q.of(name))
    except PermissionError:
        pass
    q.finish()


def test_a_whole_queue_goes_and_comes(mount, work):
    q = Queue(mount, work)
    q.remove(1)
    q.check()
    refused(errno.ENOENT, os.listdir, q.path("1.msgs"))
    make(q.json(1), slots.entry("IPCNS_MSG", 55, 0).text())
    q.entry[1] = slots.with_extra(slots.entry("IPCNS_MSG", 55, 0), "msg", [q.msg[m] for m in sorted(q.msg)])
    q.finish()


@pytest.mark.parametrize("order", ["directory first", "text first", "backwards"])
def test_copied_queue(mount, work, order):
    q = Queue(mount, work)
    names = sorted(os.listdir(q.of("")), reverse=order == "backwards")
    src, dst = q.path("1"), q.path("9")
    if order != "directory first":
        shutil.copyfile(src + ".json", dst + ".json")
    os.mkdir(dst + ".msgs")
    for name in names:
        shutil.copyfile(src + ".msgs/" + name, dst + ".msgs/" + name)
    if order == "directory first":
        shutil.copyfile(src + ".json", dst + ".json")
    q.entry[9] = q.entry[1]
    q.finish()


def test_removed_by_rm(mount, work):
    q = Queue(mount, work)
    done = subprocess.run(["rm", "-r", q.path("1.msgs"), q.json(1)], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    del q.entry[1]
    q.check()


def test_between_queues_messages_are_copied(mount, work):
    """Another directory: rename says so, and mv copies."""
    q = Queue(mount, work)
    os.mkdir(q.path("2.msgs")) if not os.path.isdir(q.path("2.msgs")) else None
    refused(errno.EXDEV, os.rename, q.of("3.json"), q.path("2.msgs/7.json"))
    subprocess.run(["mv", "3.extra", "3.json", q.path("2.msgs")], cwd=q.of(""), check=True)
    other = q.entry[2].extra
    q.entry[2] = slots.with_extra(q.entry[2], "msg", other[:3] + [q.msg.pop(3)] + other[4:])
    q.check_queue()
    assert SCHEMA.decode("ipc_msg", criuimg.load(q.stored).entries[2].extra[-1][0]).mtype == 4


def test_queues_change_places(mount, work):
    """A name leads to the queue that has it now, and not to the one that had it."""
    q = Queue(mount, work)
    for a, b in ((1, 9), (9, 1), (1, 9), (0, 1)):
        os.listdir(q.path("%d.msgs" % a))
        q.move(a, b)
    make(q.path("1.msgs/7.json"), msg_text(ipc_msg(70, b"")[0]))
    make(q.path("1.msgs/7.extra"), b"seven")
    make(q.path("9.msgs/8.json"), msg_text(ipc_msg(80, b"")[0]))
    q.entry[1] = slots.with_extra(q.entry[1], "msg", q.entry[1].extra + [ipc_msg(70, b"seven")])
    q.entry[9] = slots.with_extra(q.entry[9], "msg", q.entry[9].extra + [ipc_msg(80, b"")])
    q.check_image()


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("name", ["0.json", "0.extra"])
def test_an_open_message_goes_with_its_queue(mount, work, name, known):
    """What is written to it is that message's, wherever its queue is."""
    q = Queue(mount, work)
    if known:  # the numbers of its messages are kept already
        os.unlink(q.of("1.json"))
        del q.msg[1]
    fd = os.open(q.of(name), os.O_RDWR)
    q.move(1, 9)
    q.move(0, 1)
    q.SLOT = 9
    q.msg[0] = ipc_msg(77, DATA[0]) if name == "0.json" else ipc_msg(1, b"other")
    os.ftruncate(fd, 0)
    os.pwrite(fd, msg_text(q.msg[0][0]).encode() if name == "0.json" else b"other", 0)
    os.close(fd)
    q.finish()


def test_an_open_message_of_a_removed_queue(mount, work):
    q = Queue(mount, work)
    old = mnt.read(q.of("0.json"))
    fds = [os.open(q.of(n), os.O_RDWR) for n in ("0.json", "0.extra")]
    q.remove(1)
    q.move(0, 1)
    assert os.pread(fds[0], 1000, 0) == old and os.pread(fds[1], 1000, 0) == DATA[0]
    for fd in fds:
        os.pwrite(fd, b"nobody's", 0)
        os.close(fd)
    q.check()


def test_scratch_and_waiting_messages_go_with_their_queue(mount, work):
    q = Queue(mount, work)
    make(q.of("notes"), b"notes")
    make(q.of("7.extra"), b"seven")
    q.move(1, 9)
    q.move(0, 1)
    assert "notes" not in os.listdir(q.path("1.msgs"))
    assert mnt.read(q.path("9.msgs/notes")) == b"notes"
    make(q.path("9.msgs/7.json"), msg_text(ipc_msg(70, b"")[0]))
    q.entry[9] = slots.with_extra(q.entry[9], "msg", q.entry[9].extra + [ipc_msg(70, b"seven")])
    q.check_image()


def test_scratch_of_a_removed_queue(mount, work):
    """Not the next one's that takes its slot."""
    q = Queue(mount, work)
    make(q.of("notes"), b"notes")
    make(q.of("7.extra"), b"seven")
    q.remove(1)
    q.move(0, 1)
    names = os.listdir(q.path("1.msgs"))
    assert "notes" not in names and "7.extra" not in names
    q.check_image()


@pytest.mark.parametrize("moved_before", [False, True])
@pytest.mark.parametrize("how", ["moved", "removed"])
def test_a_queue_that_somebody_stands_in(mount, work, how, moved_before):
    """The directory is that queue's, and not the next one's that takes its slot."""
    q = Queue(mount, work)
    if moved_before:
        q.move(1, 9)
        q.move(9, 1)
    here = os.open(q.path("1.msgs"), os.O_RDONLY | os.O_DIRECTORY)
    q.move(1, 9) if how == "moved" else q.remove(1)
    q.move(0, 1)
    try:
        fd = os.open("7.json", os.O_WRONLY | os.O_CREAT, dir_fd=here)
        os.write(fd, msg_text(ipc_msg(70, b"")[0]).encode())
        os.close(fd)
        assert how == "moved"
        q.entry[9] = slots.with_extra(q.entry[9], "msg", q.entry[9].extra + [ipc_msg(70, b"")])
    except OSError as e:
        assert e.errno in (errno.ENOENT, errno.ESTALE)
    os.close(here)
    q.check_image()
