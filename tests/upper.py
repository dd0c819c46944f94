"""Run other tests on mounts with an upper directory: CRITFS_UPPER=1 tests/run test_edit.py

They look at the dump's files to see what an edit made of them. So each dump that is mounted
gets an upper directory, and who opens, lists or stats a path in the dump is led to the file
that the two together have there, which is looked up here, by the rules of overlayfs, not by
critfs. What a test changes in the dump itself, as another program would, it changes where
the file is. Afterwards the dump must be what it was, byte for byte, if no test changed it.
"""
import builtins
import contextlib
import hashlib
import io
import os
import stat
import subprocess
import tempfile

ON = bool(os.environ.get("CRITFS_UPPER"))
ROOTS = {}                   # real path of a dump: its Over
real = {name: getattr(os, name) for name in dir(os) if callable(getattr(os, name))}
real_open, real_popen = builtins.open, subprocess.Popen.__init__
NOWHERE = "/nonexistent/removed"


def fingerprint(root, rel="."):
    """All that is below a directory, contents and attributes."""
    out = {}
    for name in real["listdir"](os.path.join(root, rel)):
        path, name = os.path.join(root, rel, name), os.path.normpath(os.path.join(rel, name))
        st = real["lstat"](path)
        what = None
        if stat.S_ISREG(st.st_mode):
            with real_open(path, "rb") as f:
                what = hashlib.sha1(f.read()).digest()
        elif stat.S_ISLNK(st.st_mode):
            what = real["readlink"](path)
        elif stat.S_ISDIR(st.st_mode):
            out.update(fingerprint(root, name))
        out[name] = (st.st_mode, st.st_uid, st.st_gid, st.st_size, st.st_ino, st.st_mtime_ns,
                     what)
    return out


def lstat(path):
    try:
        return real["lstat"](path)
    except OSError:
        return None


def is_whiteout(st):
    return st is not None and stat.S_ISCHR(st.st_mode) and st.st_rdev == 0


class Over:
    """A dump and its upper directory."""

    def __init__(self, root, upper):
        self.root, self.upper = root, upper
        self.before = fingerprint(root)
        self.touched = False         # by the test itself

    def above(self, rel):
        """The path in the upper directory; NOWHERE if it was removed; None if not there."""
        path = self.upper
        for part in rel.split("/"):
            st = lstat(os.path.join(path, part))
            if is_whiteout(st):
                return NOWHERE
            if st is None and lstat(os.path.join(path, ".wh." + part)):
                return NOWHERE
            if st is None:
                return NOWHERE if self.is_opaque(path) else None
            path = os.path.join(path, part)
        return path

    @staticmethod
    def is_opaque(path):
        try:
            return real["getxattr"](path, "trusted.overlay.opaque") == b"y"
        except OSError:
            return lstat(os.path.join(path, ".wh..wh..opq")) is not None

    def find(self, rel):
        if rel == ".":
            return self.root
        return self.above(rel) or os.path.join(self.root, rel)

    def names(self, rel):
        """What is in a directory, merged."""
        above = self.upper if rel == "." else self.above(rel)
        if above == NOWHERE:
            raise FileNotFoundError(rel)
        upper = real["listdir"](above) if above and os.path.isdir(above) else []
        below = os.path.join(self.root, rel)
        lower = real["listdir"](below) if not (above and self.is_opaque(above)) and \
            lstat(below) else []
        gone = {n[4:] for n in upper if n.startswith(".wh.")}
        gone |= {n for n in upper if is_whiteout(lstat(os.path.join(above, n)))}
        shown = [n for n in upper if not n.startswith(".wh.") and n not in gone]
        return shown + [n for n in lower if n not in upper and n not in gone]

    def copy(self):
        """Both in one directory."""
        dest = tempfile.mkdtemp(dir=os.path.dirname(self.upper))
        todo = ["."]
        while todo:
            rel = todo.pop()
            for name in self.names(rel):
                sub = os.path.normpath(os.path.join(rel, name))
                path, to = self.find(sub), os.path.join(dest, sub)
                if stat.S_ISDIR(real["lstat"](path).st_mode):
                    real["mkdir"](to)
                    todo.append(sub)
                else:
                    subprocess.run(["cp", "-a", path, to], check=True)
        return dest


def locate(path):
    """(Over, relative path) of what is in a mounted dump, or (None, None)."""
    if not isinstance(path, (str, bytes, os.PathLike)) or not ROOTS:
        return None, None
    text = os.path.abspath(os.fsdecode(path))
    for root, over in ROOTS.items():
        if text == root or text.startswith(root + "/"):
            return over, os.path.relpath(text, root)
    return None, None


def to_read(path):
    over, rel = locate(path)
    return over.find(rel) if over else path


def to_write(path):
    """Where a program changes it that knows nothing of critfs."""
    over, rel = locate(path)
    if not over:
        return path
    where = over.find(rel)
    if where == NOWHERE:             # under the whiteout's name
        where = os.path.join(over.upper, rel)
        if is_whiteout(lstat(where)):
            real["unlink"](where)
    if where.startswith(over.root + "/"):
        over.touched = True
    return where


def _open(path, *args, **kw):
    mode = args[0] if args else kw.get("mode", "r")
    return real_open((to_write if set(mode) & set("wax+") else to_read)(path), *args, **kw)


def _os_open(path, flags, *args, **kw):
    writes = flags & (os.O_ACCMODE | os.O_CREAT | os.O_TRUNC)
    return real["open"]((to_write if writes else to_read)(path), flags, *args, **kw)


def _reading(name):
    return lambda path, *args, **kw: real[name](to_read(path), *args, **kw)


def _writing(name):
    return lambda path, *args, **kw: real[name](to_write(path), *args, **kw)


def _both(name):
    def rename(old, new, **kw):
        return real[name](to_write(old), to_write(new), **kw)
    return rename


def _unlink(path, **kw):
    over, rel = locate(path)
    if not over:
        return real["unlink"](path, **kw)
    where = to_write(path)
    real["unlink"](where)
    if lstat(os.path.join(over.root, rel)):
        over.touched = True
        real["unlink"](os.path.join(over.root, rel))


def _listdir(path="."):
    over, rel = locate(path)
    return over.names(rel) if over else real["listdir"](path)


class Entry:
    """As much of an os.DirEntry as os.walk asks for."""

    def __init__(self, where, name):
        self.name, self.path = name, os.path.join(where, name)

    def __fspath__(self):
        return self.path

    def is_dir(self, follow_symlinks=True):
        st = (os.stat if follow_symlinks else os.lstat)(self.path)
        return stat.S_ISDIR(st.st_mode)

    def is_symlink(self):
        return stat.S_ISLNK(os.lstat(self.path).st_mode)

    def is_file(self, follow_symlinks=True):
        return stat.S_ISREG((os.stat if follow_symlinks else os.lstat)(self.path).st_mode)

    def stat(self, follow_symlinks=True):
        return (os.stat if follow_symlinks else os.lstat)(self.path)


def _scandir(path="."):
    over, rel = locate(path)
    if not over:
        return real["scandir"](path)
    entries = iter([Entry(os.fsdecode(path), n) for n in over.names(rel)])
    manager = contextlib.nullcontext(entries)
    manager.__class__ = type("scan", (contextlib.nullcontext,), {
        "__iter__": lambda self: entries, "__next__": lambda self: next(entries)})
    return manager


def _popen(self, args, *more, **kw):
    if isinstance(args, (list, tuple)) and os.path.basename(str(args[0])) != "critfs":
        args = [_argument(a) for a in args]
    if kw.get("cwd"):
        kw["cwd"] = _argument(kw["cwd"])
    return real_popen(self, args, *more, **kw)


def _argument(arg):
    if not isinstance(arg, (str, bytes, os.PathLike)):
        return arg
    text = os.fsdecode(arg)
    if not text.startswith("/"):
        return arg
    over, rel = locate(text)
    if over and rel == ".":
        return over.copy() + text[len(over.root):]
    return over.find(rel) if over else arg


def install():
    """Lead whatever Python opens from now on."""
    builtins.open = io.open = _open
    os.open, os.listdir, os.scandir = _os_open, _listdir, _scandir
    os.unlink = os.remove = _unlink
    for name in ("stat", "lstat", "readlink", "access", "getxattr", "listxattr"):
        setattr(os, name, _reading(name))
    for name in ("chmod", "chown", "utime", "setxattr", "removexattr", "truncate", "mkdir",
                 "rmdir", "mkfifo", "mknod"):
        setattr(os, name, _writing(name))
    os.rename, os.replace = _both("rename"), _both("replace")
    os.link = lambda old, new, **kw: real["link"](to_read(old), to_write(new), **kw)
    subprocess.Popen.__init__ = _popen


def options(dump, given):
    """The options of a mount of that dump, which has an upper directory from now on."""
    if not ON or not os.path.isdir(dump) or any(
            o.split("=")[0] in ("ro", "upper") for g in given for o in g.split(",")):
        return []
    root = os.path.realpath(dump)
    if root not in ROOTS:
        ROOTS[root] = Over(root, tempfile.mkdtemp(dir=os.path.dirname(root)))
    return ["upper=" + ROOTS[root].upper]


def check():
    """At the end of a test: the dumps are what they were."""
    changed = [(over, fingerprint(over.root)) for over in ROOTS.values()
               if not over.touched and os.path.isdir(over.root)]
    ROOTS.clear()
    for over, after in changed:
        assert after == over.before, "the dump itself was changed: %s" % sorted(
            map(str, set(after.items()) ^ set(over.before.items())))[:4]
