"""README.md's tour, SECURITY.md's and the demo: what is pasted from them works, and shows what they say."""
import os
import re
import shlex
import shutil
import subprocess

import pytest

import mnt
from conftest import need_fuse
from tours import DEMO, REPO, assert_printed, run, section, steps, tree

README = os.path.join(REPO, "README.md")
SECURITY = os.path.join(REPO, "SECURITY.md")

TOURS = [(README, "Two minutes"), (README, "Processes and memory"), (README, "Keep the original"),
         (README, "Container checkpoints"), (README, "critic: without a mount"),
         (SECURITY, "Opening a suspicious checkpoint")]
MARK = "-- end of block --"


@pytest.mark.parametrize("page, title", TOURS, ids=[t for _, t in TOURS])
def test_the_tours(work, page, title):
    need_fuse()
    tour = [(c, w) for c, w in steps(section(page, title))
            if shutil.which("crit") or not c.startswith("crit ")]
    assert len(tour) >= 2
    script = "".join("%secho; echo %s\n" % (c, shlex.quote(MARK)) for c, _ in tour)
    status, text = run(["sh", "-ec"], tree(work), script)
    assert status == 0, text
    outputs = text.split("\n%s\n" % MARK)
    assert len(outputs) == len(tour) + 1, text
    for (commands, wanted), output in zip(tour, outputs):
        assert_printed(wanted, output)


def test_the_demo(work):
    need_fuse()
    status, text = run(["contrib/demo", "build/critfs"], tree(work))
    assert status == 0, text
    assert_printed(["$ critfs demo mnt",
                    "queued request 1",
                    "      5 API_TOKEN=demo-0123456789",
                    "/bin/bash /srv/critfs-demo/service.sh ",
                    "mnt/.critfs/proc/8178/map_files/7fff8fd4b000-7fff8fd4e000:12176:"
                    "API_TOKEN=demo-0123456789",
                    "        \"name\": \"/tmp/other.log\",",
                    "    \"bytes\": 51,",
                    "files.img/5.json:7:16: error: reg.pos: expected an integer, got \"six\"",
                    "        \"pos\": 12,",
                    "$ fusermount3 -u mnt",
                    "Files demo/core-8173.img and mnt/.critfs/img/core-8173.img differ",
                    "$ fusermount3 -u mnt"], text)


def test_the_demo_cleans_up_when_it_fails(work):
    """Here for want of one of the files that it shows."""
    need_fuse()
    root = tree(work)
    unpacked = os.path.join(work, "unpacked")
    os.mkdir(unpacked)
    archive = os.path.join(root, DEMO)
    subprocess.run(["tar", "-xJf", archive, "-C", unpacked], check=True)
    os.unlink(unpacked + "/demo/pipes-data.img")
    subprocess.run(["tar", "-cJf", archive, "-C", unpacked, "demo"], check=True)
    status, text = run(["contrib/demo", "build/critfs"], root)
    assert status != 0 and "pipes-data" in text, text


def test_the_demo_without_fuse(work):
    """It says so, and does nothing."""
    script = 'mount -t tmpfs none /dev && exec contrib/demo build/critfs'
    if subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode:
        pytest.skip("no mount namespaces here")
    status, text = run(["unshare", "-m", "sh", "-ec"], tree(work), script)
    assert status == 1 and "/dev/fuse" in text, text


def test_what_the_readme_names_is_there():
    """Every path of the sources and every target of make that it speaks of."""
    text = mnt.read_text(README) + mnt.read_text(SECURITY)
    rules = mnt.read_text(os.path.join(REPO, "Makefile"))
    for path in re.findall(r"^include (.+)", rules, re.M):
        rules += mnt.read_text(os.path.join(REPO, path))
    targets = set(re.findall(r"^([\w-]+):", rules, re.M))
    for target in re.findall(r"(?:`|^)make ([a-z]+)", text, re.M):
        assert target in targets, "make " + target
    for path in re.findall(r"`((?:proto|decoder|fs|tests|contrib)/[\w./-]*)`", text):
        assert os.path.exists(os.path.join(REPO, path)), path


def test_options_are_told_everywhere():
    """In the man page, in -h and in README.md."""
    man = mnt.read_text(os.path.join(REPO, "contrib/critfs.1"))
    usage = subprocess.run([mnt.CRITFS, "-h"], capture_output=True, text=True, check=True,
                           env=mnt.environment()).stdout
    words = [w.split("=")[0] for w in re.findall(r"-o (\w+(?:=\w+)?)", usage)]
    assert words
    for word in words:
        assert word in man, "contrib/critfs.1: " + word
        assert word in mnt.read_text(README) or word == "debug", "README.md: " + word


def test_critics_options_are_told_in_its_man_page():
    man = mnt.read_text(os.path.join(REPO, "contrib/critic.1"))
    usage = subprocess.run([os.path.join(mnt.BUILD, "critic"), "--help"], capture_output=True,
                           text=True, check=True, env=mnt.environment()).stdout
    options = set(re.findall(r"--(\w+)", usage))
    assert {"pretty", "nopl", "text"} <= options
    for option in options:
        assert "Fl " + option in man or "--" + option in man, "contrib/critic.1: " + option
