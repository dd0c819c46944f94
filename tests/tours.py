"""What pages tell the reader to paste, and what they say that it prints."""
import os
import re
import shutil
import subprocess

import dumps
import mnt

REPO = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DEMO = "tests/data/dumps/demo.tar.xz"
LIMIT = 120


def section(page, title):
    text = mnt.read_text(page)
    found = re.search(r"^## %s\n(.*?)(?=^## |\Z)" % re.escape(title), text, re.M | re.S)
    assert found, "%s has no section %r" % (page, title)
    return found.group(1)


def steps(text):
    """[commands, the lines that they are said to print] of a tour."""
    out = []
    for kind, body in re.findall(r"^```(\w*)\n(.*?)^```$", text, re.M | re.S):
        if kind == "sh":
            out.append([body, []])
        else:
            assert kind == "text" and out and not out[-1][1], "output of which commands?\n" + body
            out[-1][1] = [l for l in body.splitlines() if l != "..."]
    return out


def tree(work, *more):
    """What the tours and the demo use of the sources, with the program under test."""
    root = os.path.join(work, "critfs")
    for rel in ("README.md", "contrib/demo", DEMO, *more):
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
