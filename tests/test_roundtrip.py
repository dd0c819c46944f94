"""Writing back what was read changes nothing: no byte, no time, no inode.

Every entry of every recorded dump; in images of thousands a sample that
holds the first and the last.
"""
import json
import os

import pytest

import criuimg
import dumps
import handmade
import mnt

SAMPLE = 150


def sample(count):
    step = max(1, count // SAMPLE)
    return sorted(set(range(0, count, step)) | set(range(max(0, count - 5), count)))


def fingerprint(root):
    """What must not change of the images of a dump."""
    out = {}
    for rel in dumps.images(root):
        path = os.path.join(root, rel)
        st = os.stat(path)
        out[rel] = (mnt.read(path), st.st_mtime_ns, st.st_ino, st.st_size, st.st_mode)
    return out


def compare(root, before):
    after = fingerprint(root)
    assert set(after) == set(before)
    for rel in before:
        assert after[rel][0] == before[rel][0], rel + ": bytes changed"
        assert after[rel][1:] == before[rel][1:], rel + ": written, though nothing changed"


@pytest.mark.parametrize("name", dumps.NAMES)
def test_own_text(mount, work, name):
    root = dumps.copy(name, os.path.join(work, "d"))
    before = fingerprint(root)
    m = mount(root)
    for rel, image in dumps.images(root).items():
        for i in sample(len(image.entries)):
            path = m / rel + "/%d.json" % i
            mnt.save(path, mnt.read(path))
    compare(root, before)


@pytest.mark.parametrize("name", dumps.NAMES)
def test_own_extras(mount, work, name):
    root = dumps.copy(name, os.path.join(work, "d"))
    before = fingerprint(root)
    m = mount(root)
    for rel, image in dumps.images(root).items():
        for i in sample(len(image.entries)):
            for part in mnt.extra_files(image.entries[i], i):
                path = m / rel + "/" + part
                mnt.save(path, mnt.read(path))             # truncated first, as cp does
                mnt.save(path, mnt.read(path), os.O_RDWR)  # in place
    compare(root, before)


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("variant", handmade.VARIANTS)
def test_hand_made(mount, work, variant, order):
    handmade.make_dump(work, variant, None, order)
    before = fingerprint(work)
    m = mount(work)
    for rel, image in dumps.images(work).items():
        for i, entry in enumerate(image.entries):
            mnt.save(m / rel + "/%d.json" % i, entry.text())
            for part, data in mnt.extra_files(entry, i).items():
                mnt.save(m / rel + "/" + part, data)
    compare(work, before)


@pytest.mark.parametrize("name", ["demo", "container-ipc", "legacy-v1-python3-r"])
@pytest.mark.parametrize("spelling", ["plain", "one line", "escaped", "reversed keys", "no newline",
                                      "spaces"])
def test_other_spellings_of_the_same(mount, work, name, spelling):
    """What encodes to the same bytes is no change, however it is spelled."""
    root = dumps.copy(name, os.path.join(work, "d"))
    before = fingerprint(root)
    m = mount(root)
    for rel, image in dumps.images(root).items():
        for i in sample(len(image.entries))[:20]:
            mnt.save(m / rel + "/%d.json" % i, spell(image.entries[i], spelling))
    compare(root, before)


def reversed_keys(value):
    if isinstance(value, dict):
        return {k: reversed_keys(v) for k, v in reversed(list(value.items()))}
    return [reversed_keys(v) for v in value] if isinstance(value, list) else value


def spell(entry, spelling):
    if spelling == "plain":
        return entry.text(pretty=False)
    if spelling == "one line":
        return json.dumps(entry.json())
    if spelling == "escaped":
        return json.dumps(entry.json(), indent=1, ensure_ascii=True)
    if spelling == "reversed keys":
        return criuimg.text(reversed_keys(entry.json()))
    if spelling == "no newline":
        return entry.text().rstrip("\n")
    return "\r\n \t" + json.dumps(entry.json(), separators=(" ,\t", " :\r\n")) + "\n\n "


def test_dump_is_untouched_by_reading(mount, work):
    root = dumps.copy("container-ipc", os.path.join(work, "d"))
    before, names = fingerprint(root), sorted(os.listdir(root))
    m = mount(root)
    for where, dirs, files in os.walk(m.point):
        for name in files:
            mnt.read(os.path.join(where, name))
    m.close()
    compare(root, before)
    assert sorted(os.listdir(root)) == names


def test_opening_for_writing_changes_nothing(mount, work):
    root = dumps.copy("demo", os.path.join(work, "d"))
    before = fingerprint(root)
    m = mount(root)
    for rel, image in dumps.images(root).items():
        for flags in (os.O_RDWR, os.O_WRONLY, os.O_RDWR | os.O_APPEND, os.O_WRONLY | os.O_CREAT,
                      os.O_WRONLY | os.O_TRUNC):
            os.close(os.open(m / rel + "/0.json", flags))
    compare(root, before)
