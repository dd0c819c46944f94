"""critic x: open files and sockets."""
import os
import re

import pytest

import dumps
from exploring import FILES, Made, critic, harmless, reg, required, shows, usk


@pytest.fixture
def made(work):
    return Made(work)


# ------------------------------------------------------------------ fds

def test_descriptors(made):
    made.process(1)
    made.zombie(2, 1)
    made.process(3, 1)
    made.files(*FILES)
    made.fds(1, (0, "REG", 2), (10, "PIPE", 3), (4, "UNIXSK", 4), (5, "UNIXSK", 5),
             (6, "EVENTFD", 6), (7, "UND", 7), files_id=8)
    made.fds(3, files_id=9)
    shows(made, "fds",
          "1\n\t      0: /bin/x\n\t     10: pipe[77]\n\t      4: unix[40 (41) =00abs]\n"
          "\t      5: unix[41 (40)]\n\t      6: EVENTFD.6\n\t      7: UND.7\n"
          "\t    cwd: /\n\t   root: /\n"
          "2\n"
          "3\n\t    cwd: /\n\t   root: /\n")


def test_unknown_types(made):
    """A number that has no name yet is shown as a number."""
    made.process(1)
    made.files(*FILES)
    made.fds(1)
    made.image("FDINFO", "fdinfo-1.img", dict(fd=3, type=99, id=12))
    shows(made, "fds", "1\n\t      3: 99.12\n\t    cwd: /\n\t   root: /\n")


def test_files_that_are_missing(made):
    """Those of another type are no complaint: crit has words for them, too."""
    made.process(1)
    made.files(*FILES, reg(11, ""))
    made.fds(1, (0, "REG", 3), (1, "PIPE", 1), (2, "UNIXSK", 1), (3, "REG", 11), (4, "REG", 90))
    shows(made, "fds",
          "1\n\t      0: unknown path\n\t      1: pipe[?]\n\t      2: unix[?]\n"
          "\t      3: unknown path\n\t      4: unknown path\n"
          "\t    cwd: /\n\t   root: /\n", 1,
          ["files.img: no file in it has the id 90"])


def test_no_files_at_all(made):
    """One complaint for all files of a type."""
    made.process(1)
    made.fds(1, (0, "REG", 2), (1, "REG", 2), (2, "PIPE", 3))
    shows(made, "fds",
          "1\n\t      0: unknown path\n\t      1: unknown path\n\t      2: pipe[?]\n"
          "\t    cwd: unknown path\n\t   root: unknown path\n", 1,
          ["files.img: there is no such image, nor reg-files.img",
           "files.img: there is no such image, nor pipes.img"])


def test_a_damaged_files_image(made):
    made.process(1)
    made.files(FILES[0], b"\xff\xff", dict(type="REG", id=12), b"\x10\x0d", FILES[2],
               tail=b"\xff\xff\xff\xff")
    made.fds(1, (0, "REG", 12), (1, "REG", 13), (2, "PIPE", 3), (3, "REG", 90))
    status, out, err = critic(made.root, "fds")
    assert (status, out) == (1, "1\n\t      0: unknown path\n\t      1: unknown path\n"
                             "\t      2: pipe[77]\n\t      3: unknown path\n"
                             "\t    cwd: /\n\t   root: /\n")
    reasons = [line.split("files.img: error: ")[1] for line in err.splitlines()]
    assert reasons[:1] == ["entry 1 is no file_entry"]
    assert re.match(r"damaged from offset \d+ on", reasons[1])
    assert reasons[2:] == ["entry 3 is no file_entry"]


def test_the_first_of_files_with_one_id(made):
    made.process(1)
    made.files(reg(1, "/first"), reg(1, "/second"))
    made.fds(1)
    shows(made, "fds", "1\n\t    cwd: /first\n\t   root: /first\n")


def test_old_images_of_files(made):
    """One image a type."""
    made.process(1)
    made.fds(1, (0, "REG", 2), (1, "PIPE", 3), (2, "UNIXSK", 4), (3, "REG", 3))
    made.image("REG_FILES", "reg-files.img", dict(id=1, name="/"), dict(id=2, name="/f"))
    made.image("PIPES", "pipes.img", dict(id=3, pipe_id=5))
    made.image("UNIXSK", "unixsk.img", dict(id=4, ino=6, name="/s"))
    shows(made, "fds",
          "1\n\t      0: /f\n\t      1: pipe[5]\n\t      2: unix[6 (0) /s]\n"
          "\t      3: unknown path\n\t    cwd: /\n\t   root: /\n", 1,
          ["reg-files.img: no file in it has the id 3"])


def test_ids_in_an_old_core(made):
    made.process(1)
    made.files(*FILES)
    made.fds(1, (0, "REG", 2), files_id=5)
    os.unlink(os.path.join(made.root, "ids-1.img"))
    made.core(1, "old", ids=dict(required("task_kobj_ids_entry"), files_id=5))
    shows(made, "fds", "1\n\t      0: /bin/x\n\t    cwd: /\n\t   root: /\n")


def test_images_of_a_process_are_missing(made):
    for pid in (1, 2, 3, 4):
        made.process(pid, pid - 1)
        made.fds(pid, (0, "REG", 2))
    made.files(*FILES)
    os.unlink(os.path.join(made.root, "ids-1.img"))
    os.unlink(os.path.join(made.root, "fdinfo-2.img"))
    os.unlink(os.path.join(made.root, "fs-3.img"))
    shows(made, "fds",
          "1\n\t    cwd: /\n\t   root: /\n"
          "2\n\t    cwd: /\n\t   root: /\n"
          "3\n\t      0: /bin/x\n"
          "4\n\t      0: /bin/x\n\t    cwd: /\n\t   root: /\n", 1,
          ["ids-1.img: can't open it: No such file or directory",
           "fdinfo-2.img: can't open it: No such file or directory",
           "fs-3.img: can't open it: No such file or directory"])


def test_a_damaged_fdinfo(made):
    made.process(1)
    made.files(*FILES)
    made.fds(1)
    made.image("FDINFO", "fdinfo-1.img", dict(fd=0, type="REG", id=2), b"\x0a",
               dict(fd=2, type="REG", id=2), tail=b"x")
    shows(made, "fds", "1\n\t      0: /bin/x\n\t      2: /bin/x\n\t    cwd: /\n\t   root: /\n", 1,
          ["fdinfo-1.img: entry 1 is no fdinfo_entry", "fdinfo-1.img: damaged from offset 37 on"])


# ------------------------------------------------------------------- sk

RECORDED = {
    "container-ipc": """\
PID  FD  FDTYPE     FAMILY   TYPE    PROTO  STATE        SOURCE            SPORT  DEST         DPORT  SNDBUF  RCVBUF
 32   3  INETSK     INET     STREAM  TCP    LISTEN       127.0.0.1          8080  0.0.0.0          0    16KB   128KB
 32   4  INETSK     INET     STREAM  TCP    ESTABLISHED  127.0.0.1         35340  127.0.0.1     8080   3.8MB   128KB
 32   5  INETSK     INET     STREAM  TCP    ESTABLISHED  127.0.0.1          8080  127.0.0.1    35340   3.8MB   128KB
 32   6  INETSK     INET6    DGRAM   UDP    CLOSE        ::                 5353  ::               0   208KB   208KB
 32   7  UNIXSK     UNIX     STREAM  -      LISTEN       /tmp/app.sock   2372944  -                -   208KB   208KB
 32   8  UNIXSK     UNIX     STREAM  -      ESTABLISHED  -               2372945  -          2372946   208KB   208KB
 32   9  UNIXSK     UNIX     STREAM  -      ESTABLISHED  /tmp/app.sock   2372946  -          2372945   208KB   208KB
 32  10  UNIXSK     UNIX     STREAM  -      ESTABLISHED  -               2372947  -          2372944   208KB   208KB
 32  11  UNIXSK     UNIX     DGRAM   -      CLOSE        @abstract-name  2372948  -                -   208KB   208KB
 32  12  UNIXSK     UNIX     DGRAM   -      CLOSE        -               2372949  -                -   208KB   208KB
 32  13  NETLINKSK  NETLINK  -       ROUTE  UNCONNECTED  -                     0  -                -   208KB   208KB
 32  14  PACKETSK   PACKET   DGRAM   IP     -            -                     -  -                -   208KB   208KB
""",
    "zdtm-packet_sock": """\
PID  FD  FDTYPE    FAMILY  TYPE   PROTO  STATE  SOURCE  SPORT  DEST  DPORT  SNDBUF  RCVBUF
 66   4  PACKETSK  PACKET  RAW    -      -      -           -  -         -   208KB   208KB
 66   5  PACKETSK  PACKET  DGRAM  IP     -      if1         -  -         -   208KB   208KB
""",
    "zdtm-sk-netlink": """\
PID  FD  FDTYPE     FAMILY   TYPE  PROTO           STATE        SOURCE           SPORT  DEST  DPORT  SNDBUF  RCVBUF
 66   4  NETLINKSK  NETLINK  -     KOBJECT_UEVENT  CLOSE        -                   66  -         -   208KB   208KB
 66   5  NETLINKSK  NETLINK  -     KOBJECT_UEVENT  CLOSE        0x80000000  3293126134  -         -   208KB   208KB
 66   6  NETLINKSK  NETLINK  -     KOBJECT_UEVENT  CONNECTED    -           4110050805  32       66   208KB   208KB
 66   7  NETLINKSK  NETLINK  -     KOBJECT_UEVENT  UNCONNECTED  -                    0  -         -   208KB   208KB
""",
    "zdtm-socket-tcp6-fin-wait2": """\
PID  FD  FDTYPE  FAMILY  TYPE    PROTO  STATE        SOURCE  SPORT  DEST  DPORT  SNDBUF  RCVBUF
 67   3  INETSK  INET6   STREAM  TCP    FIN_WAIT2    ::1      8880  ::1   49948   3.8MB   128KB
 67   4  INETSK  INET6   STREAM  TCP    ESTABLISHED  ::1      8880  ::1   49952   3.8MB   128KB
 67   6  INETSK  INET6   STREAM  TCP    LISTEN       ::       8880  ::        0    16KB   128KB
""",
    "demo": "PID  FD  FDTYPE  FAMILY  TYPE  PROTO  STATE  SOURCE  SPORT  DEST  DPORT  SNDBUF  "
            "RCVBUF\n",
}
RECORDED["split-packet_sock"] = RECORDED["zdtm-packet_sock"]


@pytest.mark.parametrize("name", RECORDED)
def test_recorded_sockets(name):
    assert critic(dumps.pristine(name), "sk") == (0, RECORDED[name], "")


@pytest.mark.parametrize("name", dumps.NAMES)
def test_sockets_of_each_dump(name):
    """As many as crit shows descriptors of sockets."""
    root = dumps.pristine(name)
    if not os.path.exists(os.path.join(root, "pstree.img")):
        return
    status, out, err = critic(root, "sk")
    assert (status, err) == (0, "")
    fds = critic(root, "fds")[1]
    sockets = re.findall(r"^\t +\d+: (?:INETSK\.|PACKETSK\.|NETLINKSK\.|unix\[)", fds, re.M)
    assert len(out.splitlines()) == 1 + len(sockets)
    assert len({len(line) for line in out.splitlines()}) == 1


def isk(n, **more):
    opts = dict(required("sk_opts_entry"), so_sndbuf=2560, so_rcvbuf=2 ** 32 - 1)
    return dict(type="INETSK", id=n, isk=dict(required("inet_sk_entry"), id=n, opts=opts, **more))


def rows(text):
    return [line.split() for line in text.splitlines()]


def test_sockets_of_all_sorts(made):
    made.process(1)
    made.zombie(2, 1)
    made.process(300, 1)
    opts = dict(required("sk_opts_entry"))
    made.files(*FILES,
               isk(10, family=2, type=2, proto=17, state=7, src_port=53, src_addr=["10.0.0.1"]),
               isk(11, family=10, type=99, proto=98, state=97, src_addr=[1, 2]),
               isk(12, family=96, src_addr=[1, 2, 3]),
               dict(type="PACKETSK", id=13, psk=dict(required("packet_sock_entry"), type=3,
                                                     protocol=0x300, ifindex=7, opts=opts)),
               dict(type="PACKETSK", id=14, psk=dict(required("packet_sock_entry"), type=10,
                                                     protocol=0xb588, opts=opts)),
               dict(type="NETLINKSK", id=15,
                    nlsk=dict(required("netlink_sk_entry"), protocol=40, state=1, groups=[1, 2, 0],
                              portid=3, dst_portid=4, dst_group=5, opts=opts)))
    made.fds(1, *((i, "INETSK", i) for i in (10, 11, 12)), (3, "PACKETSK", 13),
             (4, "PACKETSK", 14), (5, "NETLINKSK", 15), (6, "UNIXSK", 4), (7, "REG", 1),
             (8, "INETSK", 90))
    made.fds(300, (1, "UNIXSK", 5), (2, "UNIXSK", 2))
    shows(made, "sk", """\
PID  FD  FDTYPE     FAMILY   TYPE    PROTO   STATE      SOURCE       SPORT  DEST  DPORT  SNDBUF  RCVBUF
  1  10  INETSK     INET     DGRAM   UDP     CLOSE      10.0.0.1        53  -         0   2.5KB   4.0GB
  1  11  INETSK     INET6    99      98      97         -                0  -         0   2.5KB   4.0GB
  1  12  INETSK     96       0       IP      0          -                0  -         0   2.5KB   4.0GB
  1   3  PACKETSK   PACKET   RAW     ALL     -          if7              -  -         -      0B      0B
  1   4  PACKETSK   PACKET   PACKET  0x88b5  -          -                -  -         -      0B      0B
  1   5  NETLINKSK  NETLINK  -       40      CONNECTED  0x200000001      3  5         4      0B      0B
  1   6  UNIXSK     UNIX     0       -       0          @abs            40  -        41     1KB   1000B
  1   8  INETSK     -        -       -       -          -                -  -         -       -       -
300   1  UNIXSK     UNIX     0       -       0          -               41  -        40     1KB   1000B
300   2  UNIXSK     -        -       -       -          -                -  -         -       -       -
""", 1, ["files.img: no file in it has the id 90"])


def test_old_images_of_sockets(made):
    made.process(1)
    made.fds(1, (3, "INETSK", 1), (4, "NETLINKSK", 2))
    made.image("INETSK", "inetsk.img", isk(1, family=2, type=1, proto=6, state=10, src_port=80,
                                           src_addr=["127.0.0.1"], dst_addr=["0.0.0.0"])["isk"])
    made.image("NETLINK_SK", "netlinksk.img", dict(id=2))
    assert rows(critic(made.root, "sk")[1])[1:] == [
        "1 3 INETSK INET STREAM TCP LISTEN 127.0.0.1 80 0.0.0.0 0 2.5KB 4.0GB".split(),
        "1 4 NETLINKSK NETLINK - ROUTE UNCONNECTED - 0 - - 0B 0B".split()]


def quoted(name):
    return "".join("=%02X" % b for b in name)


@pytest.mark.parametrize("name,crits,shown", [
    (b"/a\n\tb\x1b[0m", "/a=0A=09b=1B[0m", "/a\\x0a\\x09b\\x1b[0m"),
    (b"\0" + b"n" * 100, "=00" + "n" * 100, "@" + "n" * 100),
    (b"\0a\0b c", "=00a=00b c", "@a\\x00b\\x20c"),
    (b"/p\0", "/p=00", "/p"),
    (b"\0", "=00", "@"),
    ("/é\\".encode(), "/=C3=A9\\", "/é\\x5c"),
    (b"/\xe9", "/=E9", "/\\xe9"),
])
def test_hostile_socket_names(made, name, crits, shown):
    made.process(1)
    made.files(reg(1, "/"), usk(2, ino=3, name=quoted(name)))
    made.fds(1, (0, "UNIXSK", 2))
    assert critic(made.root, "fds")[1].splitlines()[1] == "\t      0: unix[3 (0) %s]" % crits
    out = critic(made.root, "sk")[1]
    assert rows(out)[1][7] == shown
    harmless(out)
