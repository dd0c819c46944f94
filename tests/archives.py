"""Container checkpoints, made as the engines write them, of a recorded dump."""
import io
import json
import os
import shutil
import subprocess
import tarfile

import dumps

ROOTFS = {"etc/passwd": b"root:x:0:0::/root:/bin/sh\n", "tmp/secret": b"hunter2\n",
          "var/lib/big": os.urandom(1000) * 300}


def put(root, name, data):
    path = os.path.join(root, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(data)


def tar(path, root, *names, tool="tar", dotted=False, filters=()):
    """Pack names of a directory (all), with GNU tar or bsdtar."""
    names = names or (["."] if dotted else sorted(os.listdir(root)))
    subprocess.run([tool, *filters, "-cf", path, "-C", root, *names], check=True)
    return path


def rootfs_diff(path, filters=()):
    work = dumps.new_dir()
    for name, data in ROOTFS.items():
        put(work, name, data)
    os.symlink("/etc/shadow", work + "/etc/link")
    os.mkfifo(work + "/tmp/pipe")
    os.mknod(work + "/tmp/gone", 0o20000 | 0o600, 0)     # as overlayfs has what was removed
    os.link(work + "/etc/passwd", work + "/etc/passwd-")
    tar(path, work, filters=filters)


def common(root, dump):
    """What all engines have."""
    os.makedirs(root, exist_ok=True)
    shutil.copytree(dumps.pristine(dump), root + "/checkpoint", symlinks=True)
    put(root, "config.dump", json.dumps({"id": "c0ffee", "name": "web"}).encode())
    put(root, "dump.log", b"(00.000001) Dumping\n" * 100)
    rootfs_diff(root + "/rootfs-diff.tar")
    rootfs_diff(root + "/checkpoint/tmpfs-dev-73.tar.gz.img", ["-z"])
    if os.path.exists(root + "/checkpoint/stats-dump"):
        shutil.copy(root + "/checkpoint/stats-dump", root + "/stats-dump")


def podman(root, dump):
    common(root, dump)
    put(root, "spec.dump", b'{"annotations": {"io.container.manager": "libpod"}}')
    put(root, "network.status", b"{}")
    put(root, "deleted.files", b'["/tmp/x"]')
    rootfs_diff(root + "/devshm-checkpoint.tar")
    os.mkdir(root + "/volumes")
    rootfs_diff(root + "/volumes/data.tar")
    os.makedirs(root + "/artifacts")
    put(root, "ctr.log", b"hello\n")


def cri_o(root, dump):
    common(root, dump)
    put(root, "spec.dump", b'{"annotations": {"io.container.manager": "cri-o"}}')
    put(root, "bind.mounts", b"[]")
    put(root, "web.log", b"hello\n")


def containerd(root, dump):
    common(root, dump)
    put(root, "spec.dump", b'{}')
    put(root, "status", b"{}")
    put(root, "status.dump", b"{}")
    put(root, "container.log", b"hello\n")


def docker(root, dump):
    """Images in the top directory."""
    shutil.copytree(dumps.pristine(dump), root, symlinks=True)
    put(root, "descriptors.json", b'["/dev/null", "pipe:[1]", "pipe:[2]"]')
    put(root, "config.json", b"{}")


ENGINES = {"podman": podman, "cri-o": cri_o, "containerd": containerd, "docker": docker}

# GNU tar and bsdtar; how it is compressed, as the engines do
FILTERS = {"tar": [], "gzip": ["-z"], "zstd": ["--zstd"]}


def make(work, engine, dump="demo", tool="tar", filters=(), dotted=False):
    """An archive and the directory it was made of."""
    root = os.path.join(work, "made-of")
    ENGINES[engine](root, dump)
    return tar(os.path.join(work, engine + ".tar"), root, tool=tool, filters=filters,
               dotted=dotted), root


def crafted(path, *members):
    """A tar of members (name, data or None, attributes of tarfile.TarInfo)."""
    with tarfile.open(path, "w") as out:
        for name, data, more in members:
            info = tarfile.TarInfo(name)
            info.size = len(data) if data is not None else 0
            for key, value in more.items():
                setattr(info, key, value)
            out.addfile(info, io.BytesIO(data) if data is not None else None)
    return path
