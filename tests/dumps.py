"""The recorded dumps: unpacked once a process, handed out as pristine trees or copies.

data/dumps/NAME.tar.xz is a dump directory, data/crit/NAME.tar.xz what
upstream's crit showed of its images (IMAGE.json). A collection in the same
layout, named by CRITFS_DUMPS, adds the dumps that are too large to carry.
"""
import json
import os
import re
import subprocess
import tempfile

import criuimg

MORE = os.environ.get("CRITFS_DUMPS",
                      os.path.join(criuimg.DATA, "..", "..", "..", "shared", "dumps"))
SUFFIX = ".tar.xz"
ROOT = "/var/tmp"            # not /tmp: editors make no backups there
MEMORY = "/dev/shm"          # for hundreds of thousands of files, where it has room
ROOM = 4 << 30
PREFIX = "critfs-test-"


def _names(kind, where):
    path = os.path.join(where, kind)
    found = os.listdir(path) if os.path.isdir(path) else []
    return sorted(n[:-len(SUFFIX)] for n in found if n.endswith(SUFFIX))


NAMES = _names("dumps", criuimg.DATA)


def large(name):
    """The archive of a dump of the larger collection, or None."""
    path = os.path.join(MORE, "dumps", name + SUFFIX)
    return path if os.path.exists(path) else None


# ----------------------------------------------------------------- places

def mounts_below(path):
    with open("/proc/self/mountinfo", errors="surrogateescape") as f:  # whoever else has mounted
        points = [re.sub(r"\\(\d{3})", lambda m: chr(int(m[1], 8)), line.split()[4]) for line in f]
    return [p for p in points if p == path or p.startswith(path + "/")]


def remove(path):
    """Remove a tree, but never through a mount that was left in it."""
    for point in sorted(mounts_below(path), reverse=True):
        subprocess.run(["umount", "-l", point], check=False)
    if not mounts_below(path):
        subprocess.run(["rm", "-rf", path], check=False)  # rmtree takes minutes for the largest


def base(root=ROOT):
    """This process's own directory."""
    path = os.path.join(root, PREFIX + str(os.getpid()))
    os.makedirs(path, exist_ok=True)
    return path


def new_dir(root=ROOT):
    return tempfile.mkdtemp(dir=base(root))


def roomy():
    """Where many small files are best written: memory, if there is enough of it."""
    with open("/proc/meminfo") as f:
        free = next(int(l.split()[1]) << 10 for l in f if l.startswith("MemAvailable:"))
    if not os.path.isdir(MEMORY):
        return ROOT
    st = os.statvfs(MEMORY)
    return MEMORY if min(free, st.f_bavail * st.f_frsize) > ROOM else ROOT


def remove_all():
    """Remove all that this process has made."""
    for root in (ROOT, MEMORY):
        remove(os.path.join(root, PREFIX + str(os.getpid())))


def sweep():
    """Remove what killed runs have left."""
    for root in filter(os.path.isdir, (ROOT, MEMORY)):
        for name in os.listdir(root):
            pid = name[len(PREFIX):]
            if name.startswith(PREFIX) and pid.isdigit() and not os.path.exists("/proc/" + pid):
                remove(os.path.join(root, name))


# ------------------------------------------------------------------ dumps

def unpack(archive, parent):
    os.makedirs(parent, exist_ok=True)
    subprocess.run(["tar", "-xJSf", archive, "-C", parent], check=True)


def _tree(kind, name):
    parent = os.path.join(base(), kind)
    path = os.path.join(parent, name)
    if not os.path.isdir(path):
        unpack(os.path.join(criuimg.DATA, kind, name + SUFFIX), parent)
    return path


def pristine(name):
    """The dump's directory, shared by all tests of this process: only to be read."""
    return _tree("dumps", name)


def copy(name, dest=None):
    """A copy of the dump that the caller may change."""
    dest = dest or os.path.join(new_dir(), name)
    os.makedirs(dest, exist_ok=True)
    subprocess.run(["cp", "-a", pristine(name) + "/.", dest], check=True)
    return dest


def files(root):
    """Relative paths of the regular files below root, symlinks not followed."""
    out = []
    for where, dirs, names in os.walk(root):
        dirs.sort()
        out += [os.path.relpath(os.path.join(where, n), root) for n in sorted(names)
                if not os.path.islink(os.path.join(where, n))
                and os.path.isfile(os.path.join(where, n))]
    return out


def images(root):
    """{relative path: decoded image} of a dump directory, its subdirectories too."""
    out = {}
    for rel in files(root):
        name = os.path.basename(rel)
        if name.startswith(criuimg.RAW_PREFIXES):
            continue
        image = criuimg.load(os.path.join(root, rel))
        if image is not None:
            out[rel] = image
    return out


def document(name, rel):
    """What crit showed of an image, or None where it could not read it."""
    if not os.path.exists(os.path.join(criuimg.DATA, "crit", name + SUFFIX)):
        return None
    path = os.path.join(_tree("crit", name), rel + ".json")
    if not os.path.exists(path):
        return None
    with open(path) as f:
        return json.load(f)


# ------------------------------------------------------- hand-made dumps

def write(root, name, image):
    """Put a hand-made image, or bytes, into a dump directory."""
    path = os.path.join(root, name)
    data = image if isinstance(image, bytes) else criuimg.write_image(image)
    with open(path, "wb") as f:
        f.write(data)
    return path
