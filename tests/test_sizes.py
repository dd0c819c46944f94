"""Lengths that are counted are those of the texts, in every entry of the recorded dumps.

build/tests/text-check compares, entry by entry and document by document; here it is given
the dumps, and has to have seen what is in them.
"""
import os
import re
import subprocess

import pytest

import dumps
import mnt

PROGRAM = os.path.join(mnt.BUILD, "tests", "text-check")
MORE = os.path.join(dumps.MORE, "dumps")
LARGE = sorted(set(n[:-len(dumps.SUFFIX)] for n in os.listdir(MORE) if n.endswith(dumps.SUFFIX))
               - set(dumps.NAMES)) if os.path.isdir(MORE) else []


def check(root):
    paths = [os.path.join(root, rel) for rel in dumps.files(root)]
    done = subprocess.run([PROGRAM, *paths], capture_output=True, text=True, errors="replace",
                          env=mnt.environment())
    mnt.check_log(done.stdout + done.stderr)
    assert done.returncode == 0, done.stderr[-4000:]
    return [int(n) for n in re.findall(r"\d+", done.stdout)]


@pytest.mark.parametrize("name", dumps.NAMES)
def test_sizes(name):
    root = dumps.pristine(name)
    seen, texts, raw = check(root)
    images = dumps.images(root)
    assert seen >= len(images)
    assert texts + raw >= 2 * sum(len(image.entries) for image in images.values())


@pytest.mark.parametrize("name", LARGE)
def test_sizes_of_large_dumps(name, work):
    dumps.unpack(dumps.large(name), work)
    seen, texts, _ = check(work)
    assert seen and texts
