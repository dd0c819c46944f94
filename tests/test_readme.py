"""README.md's tour, SECURITY.md's and the demo: what is pasted from them works, and shows what they say."""
import os
import re
import shlex
import shutil
import subprocess

import pytest

import dumps
import mnt
from conftest import need_fuse

REPO = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
README = os.path.join(REPO, "README.md")
SECURITY = os.path.join(REPO, "SECURITY.md")
DEMO = "tests/data/dumps/demo.tar.xz"

TOURS = [(README, "Two minutes"), (README, "Processes and memory"), (README, "Keep the original"),
         (README, "Container checkpoints"), (README, "critic: without a mount"),
         (SECURITY, "Opening a suspicious checkpoint")]
LIMIT = 120
MARK = "-- end of block --"


def section(page, title):
    text = mnt.read_text(page)
    found = re.search(r"^## %s\n(.*?)(?=^## |\Z)" % re.escape(title), text, re.M | re.S)
    assert found, "%s has no section %r" % (page, title)
    return found.group(1)


def steps(page, title):
    """[commands, the lines that they are said to print] of a tour."""
    out = []
    for kind, body in re.findall(r"^```(\w*)\n(.*?)^```$", section(page, title), re.M | re.S):
        if kind == "sh":
            out.append([body, []])
        else:
            assert kind == "text" and out and not out[-1][1], "output of which commands?\n" + body
            out[-1][1] = [l for l in body.splitlines() if l != "..."]
    return out


def tree(work):
    """What the tour and the demo use of the sources, with the program under test."""
    root = os.path.join(work, "critfs")
    for rel in ("README.md", "contrib/demo", DEMO):
        os.makedirs(os.path.dirname(os.path.join(root, rel)), exist_ok=True)
        shutil.copy2(os.path.join(REPO, rel), os.path.join(root, rel))
    os.mkdir(root + "/build")
    for program in ("critfs", "critic"):
        os.symlink(os.path.join(mnt.BUILD, program), root + "/build/" + program)
    return root


def run(command, root, *args):
    """Its status and output; afterwards nothing of it is left."""
    place = dumps.new_dir()
    done = subprocess.run([*command, *args], cwd=root, stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=LIMIT,
                          env=mnt.environment(LC_ALL="C.UTF-8", TMPDIR=place))
    print(done.stdout)
    mnt.check_log(done.stdout)
    assert mnt.wait_for(lambda: not os.listdir(place) and not dumps.mounts_below(place)), \
        "something is left behind"
    return done.returncode, done.stdout


def assert_printed(wanted, text):
    """The wanted lines are in the text, in this order."""
    lines = iter(text.splitlines())
    for want in wanted:
        assert want in lines, "not printed, or too early: %r\n%s" % (want, text)


@pytest.mark.parametrize("page, title", TOURS, ids=[t for _, t in TOURS])
def test_the_tours(work, page, title):
    need_fuse()
    tour = [(c, w) for c, w in steps(page, title) if shutil.which("crit") or not c.startswith("crit ")]
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
