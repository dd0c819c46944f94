"""Who may do what on a mount that others are let in to: what the modes of the dump's files say,
and whose is what they make there."""
import errno
import os
import shutil
import stat
import struct
import tarfile

import pytest

import archives
import dumps
import mnt
from editing import assert_no_temporaries
from faults import MADE_BEFORE, library, preload  # noqa: F401
from users import MEMBER, OTHER, OWNER, open_work  # noqa: F401

USERS = {"owner": OWNER, "member": MEMBER, "other": OTHER}
MODES = (0o600, 0o640, 0o644, 0o660, 0o664, 0o666, 0o604, 0o060, 0o400, 0o000)
REFUSED = '{"magic": "nothing"}'


@pytest.fixture
def dump(open_work):  # noqa: F811
    """A dump of OWNER's."""
    root = dumps.copy("demo", open_work + "/dump")
    for path in [root] + [os.path.join(root, name) for name in os.listdir(root)]:
        os.chown(path, OWNER.uid, OWNER.gid)
    os.chmod(root, 0o755)
    return root


@pytest.fixture
def share(mount, dump):
    return lambda *options, **more: mount(dump, "allow_other", *options, **more)


def may(path, flags):
    """Open, and read or write nothing."""
    fd = os.open(path, flags)
    if flags == os.O_RDONLY:
        os.read(fd, 1)
    os.close(fd)


def facts(path):
    st = os.lstat(path)
    return st.st_uid, st.st_gid, stat.S_IMODE(st.st_mode)


# ------------------------------------------------------------------- what there is

@pytest.mark.parametrize("options", [(), ("ro",)], ids=["rw", "ro"])
def test_modes_are_enforced(share, dump, options):
    """All that comes from a file of the dump can be opened by whom the file can."""
    images = sorted(n for n in os.listdir(dump) if n.startswith(("core", "fs", "ids", "mm", "fdinfo")))[:len(MODES)]
    files = dict(zip(images, MODES))
    for name, mode in files.items():
        os.chmod(os.path.join(dump, name), mode)
    archives.put(dump, "plain", b"x")
    os.chown(dump + "/plain", OWNER.uid, OWNER.gid)
    os.chmod(dump + "/plain", 0o640)
    m = share(*options)
    assert len(files) == len(MODES)
    for name, mode in files.items():
        for who, user in USERS.items():
            on_disk = os.path.join(dump, name)
            reads, writes = (user.errno(may, on_disk, flags) for flags in (os.O_RDONLY, os.O_RDWR))
            for shown in (name + "/0.json", ".critfs/json/%s.json" % name, ".critfs/img/" + name):
                assert user.errno(may, m / shown, os.O_RDONLY) == reads, (oct(mode), who, shown)
                if options or "/img/" in shown:
                    assert user.errno(may, m / shown, os.O_RDWR) in (errno.EROFS, errno.EACCES)
                else:
                    assert user.errno(may, m / shown, os.O_RDWR) == writes, (oct(mode), who, shown)
            assert user.errno(os.listdir, m / name) == reads, (oct(mode), who)
    for user in USERS.values():
        for shown in ("plain", ".critfs/img/plain"):
            assert user.errno(may, m / shown, os.O_RDONLY) == user.errno(may, dump + "/plain", os.O_RDONLY)


def test_directories_are_enforced(share, dump):
    """Nobody comes into, nor makes or removes anything in, what he can't on disk."""
    os.mkdir(dump + "/private")
    shutil.copy(dump + "/inventory.img", dump + "/private/inventory.img")
    os.chmod(dump + "/private", 0o700)
    m = share()
    for user in (MEMBER, OTHER):
        for what in ("private", "private/.critfs", "private/.critfs/img", "private/.critfs/proc"):
            assert user.errno(os.listdir, m / what) == errno.EACCES
        assert user.errno(os.mkdir, m / "core-1.img") == errno.EACCES
        assert user.errno(os.unlink, m / "pages-1.img") == errno.EACCES
        assert user.errno(os.rmdir, m / "fs-8178.img") == errno.EACCES
        assert user.errno(os.rename, m / "fs-8178.img", m / "fs-1.img") == errno.EACCES
        assert user.errno(os.symlink, "x", m / "link") == errno.EACCES
        assert user.errno(os.unlink, m / "files.img/0.json") == errno.EACCES
        assert user.errno(os.chmod, m / "files.img", 0o666) == errno.EPERM
        assert user.errno(os.chown, m / "files.img", user.uid, user.gid) == errno.EPERM


def test_what_archives_hold(share, dump):
    """Who can't read an archive in the dump can't look into it, and members have their modes."""
    where = os.path.dirname(dump)
    archives.crafted(where + "/a.tar", ("private", b"x", {"mode": 0o600, "uid": OWNER.uid, "gid": OWNER.gid}),
                     ("d", None, {"type": tarfile.DIRTYPE, "mode": 0o700, "uid": OWNER.uid}), ("d/x", b"x", {}),
                     ("public", b"x", {"mode": 0o644}))
    for name, mode in (("hidden.tar", 0o600), ("seen.tar", 0o644)):
        shutil.copy(where + "/a.tar", os.path.join(dump, name))
        os.chown(os.path.join(dump, name), OWNER.uid, OWNER.gid)
        os.chmod(os.path.join(dump, name), mode)
    m = share()
    tar = m / ".critfs/tar"
    for member in ("private", "public", "d/x"):
        assert OWNER.errno(may, tar + "/seen.tar/" + member, os.O_RDONLY) is None
        assert OTHER.errno(may, tar + "/hidden.tar/" + member, os.O_RDONLY) == errno.EACCES
    assert OTHER.errno(os.listdir, tar + "/hidden.tar") == errno.EACCES
    assert OTHER.errno(may, tar + "/seen.tar/public", os.O_RDONLY) is None
    for member in ("private", "d/x"):
        assert OTHER.errno(may, tar + "/seen.tar/" + member, os.O_RDONLY) == errno.EACCES


@pytest.mark.parametrize("mode", [0o600, 0o644])
def test_an_archive_as_dump(mount, open_work, mode):  # noqa: F811
    """Its own mode says who comes in; then those of its members count."""
    root = dumps.copy("demo", open_work + "/checkpoint")
    os.chmod(root, 0o755)
    os.chmod(root + "/core-8173.img", 0o600)
    path = archives.tar(open_work + "/a.tar", open_work, "checkpoint")
    os.chmod(path, mode)
    m = mount(path, "allow_other")
    assert OTHER.errno(os.listdir, m.point) == (errno.EACCES if mode == 0o600 else None)
    assert OTHER.errno(may, m / "checkpoint/files.img/0.json", os.O_RDONLY) == (
        errno.EACCES if mode == 0o600 else None)
    assert OTHER.errno(may, m / "checkpoint/core-8173.img/0.json", os.O_RDONLY) == errno.EACCES
    assert OTHER.errno(os.listdir, m / "checkpoint/.critfs/proc") == errno.EACCES


def acl(path, *entries, default=False):
    """Set an ACL of (tag, permissions[, id])."""
    tags = {"user_obj": 1, "user": 2, "group_obj": 4, "group": 8, "mask": 16, "other": 32}
    value = struct.pack("<I", 2) + b"".join(
        struct.pack("<HHI", tags[e[0]], e[1], e[2] if len(e) > 2 else 0xffffffff) for e in entries)
    try:
        os.setxattr(path, "system.posix_acl_%s" % ("default" if default else "access"), value)
    except OSError as e:
        pytest.skip("no ACLs here: " + e.strerror)


ME, REST = ("user_obj", 6), (("mask", 6), ("other", 0))
ACLS = {
    "another user": [ME, ("user", 6, OTHER.uid), ("group_obj", 0), *REST],
    "not this member": [ME, ("user", 0, MEMBER.uid), ("group_obj", 6), *REST],
    "not this user": [ME, ("user", 0, OTHER.uid), ("group_obj", 4), ("mask", 6), ("other", 6)],
    "another group": [ME, ("group_obj", 0), ("group", 6, OTHER.gid), *REST],
    "not this group": [ME, ("group_obj", 4), ("group", 0, OTHER.gid), ("mask", 6), ("other", 4)],
    "the mask": [ME, ("user", 6, OTHER.uid), ("group_obj", 6), ("mask", 4), ("other", 0)],
    "nobody is named": [ME, ("group_obj", 4), ("mask", 4), ("other", 4)],
}


@pytest.mark.parametrize("what", ACLS)
def test_acls_let_nobody_in(share, dump, what):
    """A mode says less than an ACL: it is shown so that it never says more."""
    for name in ("files.img", "pstree.img"):
        acl(os.path.join(dump, name), *ACLS[what])
    archives.put(dump, "plain", b"x")
    os.chown(dump + "/plain", OWNER.uid, OWNER.gid)
    acl(dump + "/plain", *ACLS[what])
    shutil.copytree(dump, dump + "/sub")
    os.chown(dump + "/sub", OWNER.uid, OWNER.gid)
    acl(dump + "/sub", *[(e[0], e[1] | (e[1] & 4) >> 2, *e[2:]) for e in ACLS[what]])
    m = share()

    def compare():
        for shown, path in (("files.img/0.json", "files.img"), ("plain", "plain"), (".critfs/img/files.img", "files.img"),
                            ("sub/inventory.img/0.json", "sub/inventory.img")):
            for who, user in USERS.items():
                for flags in (os.O_RDONLY, os.O_RDWR):
                    if user.errno(may, m / shown, flags) is None:
                        assert user.errno(may, os.path.join(dump, path), flags) is None, (shown, who)
        for who, user in USERS.items():
            if user.errno(os.listdir, m / ".critfs/proc") is None:
                assert user.errno(may, dump + "/pstree.img", os.O_RDONLY) is None, who
        assert OWNER.errno(may, m / "files.img/0.json", os.O_RDWR) is None
        if what == "nobody is named":
            assert OTHER.errno(may, m / "files.img/0.json", os.O_RDONLY) is None

    compare()
    before = os.getxattr(dump + "/files.img", "system.posix_acl_access")
    text = OWNER(mnt.read_text, m / "files.img/5.json")
    OWNER(mnt.save, m / "files.img/5.json", text.replace('"pos": 6', '"pos": 7'))
    compare()
    assert os.getxattr(dump + "/files.img", "system.posix_acl_access") == before, "it is kept as it is"
    OWNER(os.utime, m / "files.img", (1, 1))
    OWNER(mnt.save, m / ".critfs/json/files.img.json", OWNER(mnt.read_text, m / ".critfs/json/files.img.json")
          .replace('"pos": 7', '"pos": 8'))
    compare()


def test_a_change_of_mode_counts_at_once(share, dump):
    """By way of the mount; and soon where it is done underneath."""
    m = share()
    read = lambda: OTHER.errno(may, m / "files.img/0.json", os.O_RDONLY)
    assert read() is None
    OWNER(os.chmod, m / "files.img", 0o700)
    assert read() == errno.EACCES and stat.S_IMODE(os.stat(dump + "/files.img").st_mode) == 0o600
    os.chmod(dump + "/files.img", 0o644)
    assert mnt.wait_for(lambda: read() is None)
    os.chmod(dump + "/files.img", 0o640)
    assert mnt.wait_for(lambda: read() == errno.EACCES)


# -------------------------------------------------------- what others did is not shown

def test_errors_and_scratch_are_who_mounts_own(share, dump):
    """They repeat what stands in files that not all may read."""
    os.chmod(dump + "/files.img", 0o600)
    m = share()
    text = OWNER(mnt.read_text, m / "files.img/5.json").replace('"pos": 6', '"pos": "hunter2"')
    with pytest.raises(OSError):
        OWNER(mnt.save, m / "files.img/5.json", text)
    assert "hunter2" in mnt.read_text(m / ".critfs/errors")
    assert "files.img/5.json.rej" in mnt.read_text(m / ".critfs/scratch")
    for user in USERS.values():
        for name in ("errors", "scratch"):
            assert user.errno(mnt.read, m / (".critfs/" + name)) == errno.EACCES
    for suffix in (".rej", ".err"):
        assert b"hunter2" in OWNER(mnt.read, m / "files.img/5.json" + suffix)
        assert OTHER.errno(mnt.read, m / "files.img/5.json" + suffix) == errno.EACCES
    assert b"hunter2" in OWNER(os.getxattr, m / "files.img/5.json", "user.critfs.error")
    assert OTHER.errno(os.getxattr, m / "files.img/5.json", "user.critfs.error") == errno.EACCES


def test_scratch_files_are_their_makers(share, dump):
    """Among users who may all write to an image, and among its documents."""
    os.chmod(dump + "/files.img", 0o666)
    os.chmod(dump, 0o777)
    m = share()
    for place in ("files.img/", ".critfs/json/"):
        for umask, mode in ((0o077, 0o600), (0o022, 0o644), (0, 0o666)):
            path = m / place + "notes%o" % umask
            OTHER(archives.put, "", path, b"secret", umask=umask)
            assert facts(path) == (OTHER.uid, OTHER.gid, mode)
            assert OTHER(mnt.read, path) == b"secret"
            assert MEMBER.errno(mnt.read, path) == (errno.EACCES if mode == 0o600 else None)
            assert MEMBER.errno(may, path, os.O_WRONLY) == (errno.EACCES if mode != 0o666 else None)
            assert MEMBER.errno(os.chmod, path, 0o777) == errno.EPERM


# ---------------------------------------------------------------- what others make

def test_what_is_made_is_its_makers(share, dump):
    """With the mode that his umask leaves, whatever the daemon's is."""
    os.chmod(dump, 0o777)
    for own in ("0000", "0077"):
        m = share(under=["sh", "-c", "umask %s; exec \"$@\"" % own, "sh"])
        for umask, file, directory in ((0o022, 0o644, 0o755), (0o077, 0o600, 0o700), (0, 0o666, 0o777)):
            make = lambda how, name, *args: OTHER(how, m / name, *args, umask=umask)
            make(lambda p: archives.put("", p, b"x"), "plain")
            make(os.mkdir, "sub")
            make(lambda p: os.symlink("to", p), "link")
            make(os.mknod, "node", 0o666)
            make(os.mkdir, "core-1.img")
            make(lambda p: shutil.copyfile(dump + "/files.img", p), "fdinfo-99.img")
            for name, mode in (("plain", file), ("sub", directory), ("link", 0o777), ("node", file),
                               ("core-1.img", file), ("fdinfo-99.img", file)):
                path = os.path.join(dump, name)
                assert facts(path) == (OTHER.uid, OTHER.gid, mode), name
                (os.rmdir if name == "sub" else os.unlink)(path)
        m.close()


@pytest.mark.parametrize("upper", [False, True], ids=["dump", "upper"])
def test_an_edit_changes_no_owner(share, dump, open_work, upper):  # noqa: F811
    """Whoever is allowed to: owner and mode stay, and nothing is left lying about."""
    os.chmod(dump + "/files.img", 0o666)
    os.chmod(dump + "/pipes-data.img", 0o660)
    archives.put(dump, "plain", b"x")
    os.chmod(dump + "/plain", 0o666)
    os.mkdir(open_work + "/up")
    m = share(*(["upper=" + open_work + "/up"] if upper else []))
    text = mnt.read_text(m / "files.img/5.json")
    OTHER(mnt.save, m / "files.img/5.json", text.replace('"pos": 6', '"pos": 7'))
    MEMBER(mnt.save, m / "pipes-data.img/0.extra", b"member")
    OTHER(mnt.save, m / "plain", b"other")
    where = open_work + "/up" if upper else dump
    assert facts(where + "/files.img") == (OWNER.uid, OWNER.gid, 0o666)
    assert facts(where + "/pipes-data.img") == (OWNER.uid, OWNER.gid, 0o660)
    assert facts(where + "/plain") == (0, 0, 0o666)
    assert mnt.read(where + "/pipes-data.img").endswith(b"member")
    m.close()
    assert_no_temporaries(where)


def test_a_file_that_somebody_made_first(mount, preload, dump):  # noqa: F811
    """Where one appears while it is made, the kernel is to see who may open it."""
    os.chmod(dump, 0o777)
    m = preload.mount(mount, dump, "allow_other")
    preload.fail("openat64", MADE_BEFORE)
    assert OTHER.errno(archives.put, "", m / "new", b"x") == errno.EACCES
    preload.clear()
    assert facts(dump + "/new") == (0, 0, 0o600) and mnt.read(dump + "/new") == b""
    preload.fail("openat64", MADE_BEFORE)
    assert OTHER.errno(os.open, m / "other", os.O_CREAT | os.O_EXCL | os.O_WRONLY) == errno.EEXIST
    preload.clear()
    archives.put("", m / "new", b"root's")
    assert mnt.read(dump + "/new") == b"root's"
