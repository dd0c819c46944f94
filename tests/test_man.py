"""The man pages: well-formed, complete, and their examples run as they stand there."""
import os
import re
import shutil
import subprocess

import pytest

import archives
import dumps
import mnt
from conftest import need_fuse

REPO = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PAGES = [os.path.join(REPO, "contrib", name + ".1") for name in ("critfs", "critic")]

# What an example names that no dump here has, and what is here in its place.
INSTEAD = {" -p 42 ": " -p 8173 ", "/usr/bin/program": "/bin/bash", "PASSWORD": "API_TOKEN",
           "7.json": "5.json", "/var/log/old": "/tmp/clean/out2.log"}
# There is no process here that could be restored; what it would read is looked at instead.
RESTORE = "criu restore -D /mnt/.critfs/img -W /var/tmp"


def examples(page):
    text = mnt.read_text(page)
    section = re.search(r"^\.Sh EXAMPLES\n(.*?)(?=^\.Sh )", text, re.M | re.S)[1]
    return [block.replace("\\e", "\\").replace("\\&", "")
            for block in re.findall(r"^\.Bd -literal.*?\n(.*?)^\.Ed", section, re.M | re.S)]


EXAMPLES = [(os.path.basename(page)[:-2], n) for page in PAGES for n in range(len(examples(page)))]


@pytest.mark.parametrize("page", PAGES, ids=os.path.basename)
def test_lint(page):
    if not shutil.which("mandoc"):
        pytest.skip("no mandoc")
    done = subprocess.run(["mandoc", "-T", "lint", page], capture_output=True, text=True)
    said = [l for l in done.stdout.splitlines() if "referenced manual not found" not in l]
    assert said == []


def test_every_option_is_told():
    """By -h; what that tells has to be here and in README.md, see test_readme."""
    table = re.search(r"table\[\] = \{(.*?)\};",
                      mnt.read_text(os.path.join(REPO, "fs/options.c")), re.S)[1]
    ours = set(re.findall(r'OPTION\("([a-z]+)', table)) | \
        set(re.findall(r'FUSE_OPT_KEY\("([a-z]+)=?", KEY_(?!IGNORED|READ_WRITE)', table))
    assert {"upper", "nosandbox", "ro", "scratch", "plain"} <= ours
    usage = subprocess.run([mnt.CRITFS, "-h"], capture_output=True, text=True, check=True).stdout
    told = set(re.findall(r"-o ([a-z]+)", usage))
    assert ours - {"sandbox"} <= told       # that is what no option means


def test_every_command_is_told():
    usage = subprocess.run([mnt.BUILD + "/critic", "--help"], capture_output=True, text=True).stdout
    commands = re.findall(r"^(?:usage:)? *critic ([a-z]+)", usage, re.M)
    assert {"decode", "encode", "check", "core", "pack"} <= set(commands)
    page = mnt.read_text(PAGES[1])
    for command in commands:
        assert re.search(r"Cm %s\b" % command, page), command


@pytest.fixture
def place(work):
    """What the examples find: /srv, /var/lib/dump, a directory of two dumps, the programs."""
    dump = dumps.copy("demo", work + "/srv/dump")
    os.mkdir(work + "/srv/changes")
    for copy in ("/lib/dump", "/srv/two/a", "/srv/two/b"):
        dumps.copy("demo", work + copy)
    os.unlink(work + "/srv/two/b/fs-8178.img")
    root = archives.make(work, "podman")[1]
    os.makedirs(work + "/here")
    archives.tar(work + "/here/web.tar.zst", root, filters=["--zstd"])
    shutil.copy(dump + "/pipes-data.img", work + "/here")
    os.mkdir(work + "/bin")
    for name in ("critfs", "critic"):
        os.symlink(os.path.join(mnt.BUILD, name), os.path.join(work, "bin", name))
    os.mkdir(work + "/mnt")
    return work


def preparation(block):
    """What an example takes for granted: that something is mounted."""
    if "critfs" in block.split("/", 1)[0] or "/mnt" not in block:
        return ""
    return "critfs %s /mnt\n" % ("/srv/two" if "/mnt/a" in block else "/srv/dump")


def script(block):
    """An example, as it stands but for the names that no dump here has."""
    if re.match(r"/srv/dump +/mnt/dump ", block):   # a line of fstab
        return "mkdir /mnt/dump; cat > fstab <<'.'\n%s.\nmount -T fstab /mnt/dump\n" \
               "cat /mnt/dump/pstree.img/0.json\n" % block
    for old, new in INSTEAD.items():
        block = block.replace(old, new)
    # diff(1) says by its status that there is a difference
    block = re.sub("^(diff -r.*)$", r"\1 || [ $? = 1 ]", block, flags=re.M)
    return block.replace(RESTORE, "cmp /srv/changes/files.img /mnt/.critfs/img/files.img")


NAMESPACE = """set -e
mkdir -p /srv /mnt
for dir in srv mnt; do mount --bind "$1/$dir" /$dir; done
mount --bind "$1/lib" /var/lib
mount --bind "$1/bin" /usr/local/bin
PATH=/usr/local/bin:$PATH
cd "$1/here"
"""
END = """cd /
! mountpoint -q /mnt/dump || umount /mnt/dump
if [ -d /mnt/.critfs ]; then cat /mnt/.critfs/errors; fusermount3 -u /mnt; fi
"""


@pytest.mark.parametrize("page, n", EXAMPLES)
def test_examples(place, page, n):
    need_fuse()
    if os.geteuid() or not shutil.which("unshare"):
        pytest.skip("needs root and unshare, to have files where the examples have them")
    block = examples(os.path.join(REPO, "contrib", page + ".1"))[n]
    done = subprocess.run(["unshare", "-mpf", "--kill-child", "--mount-proc", "sh", "-c",
                           NAMESPACE + preparation(block) + script(block) + END, "sh", place],
                          capture_output=True, text=True, timeout=120,
                          env=mnt.environment(LC_ALL="C.UTF-8"))
    print(done.stdout, done.stderr)
    assert done.returncode == 0 and "error" not in done.stdout + done.stderr
