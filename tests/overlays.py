"""What a dump and an upper directory are together, as the kernel's overlayfs sees it."""
import os
import subprocess

import pytest

import dumps


def merged(lower, upper):
    """A copy of what overlayfs shows of the two."""
    work, point, out = dumps.new_dir(), dumps.new_dir(), dumps.new_dir()
    try:
        subprocess.run(["mount", "-t", "overlay", "overlay", point, "-o",
                        "lowerdir=%s,upperdir=%s,workdir=%s" % (lower, upper, work)],
                       check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as e:
        pytest.skip("no overlayfs: " + str(getattr(e, "stderr", None) or e))
    try:
        subprocess.run(["cp", "-a", point + "/.", out], check=True)
    finally:
        subprocess.run(["umount", point], check=True)
    return out


def whiteouts(upper):
    """The names that an upper directory says are gone, as paths."""
    found = []
    for where, _, names in os.walk(upper):
        for name in names:
            st = os.lstat(os.path.join(where, name))
            if st.st_rdev == 0 and os.path.stat.S_ISCHR(st.st_mode):
                found.append(os.path.relpath(os.path.join(where, name), upper))
            elif name.startswith(".wh.") and name != ".wh..wh..opq":
                found.append(os.path.relpath(os.path.join(where, name[4:]), upper))
    return sorted(found)


def assert_same(a, b, *exclude):
    """Two directories are alike: names, contents, modes, links, holes left aside."""
    result = subprocess.run(["diff", "-r", "--no-dereference", *["--exclude=" + e for e in exclude],
                             a, b], capture_output=True, text=True)
    assert result.returncode == 0, result.stdout[:2000] + result.stderr[:2000]
    assert tree(a, exclude) == tree(b, exclude)


def tree(root, exclude=()):
    out = {}
    for where, dirs, names in os.walk(root):
        for name in dirs + names:
            st = os.lstat(os.path.join(where, name))
            if name not in exclude:
                out[os.path.relpath(os.path.join(where, name), root)] = (
                    oct(st.st_mode), st.st_uid, st.st_gid)
    return out


def flat(root):
    """A copy of a directory's files."""
    out = dumps.new_dir()
    for name in os.listdir(root):
        path = os.path.join(root, name)
        if os.path.islink(path) or not os.path.isdir(path):
            subprocess.run(["cp", "-a", path, out], check=True)
    return out
