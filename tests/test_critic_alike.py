"""Entries that look like the one before are read another way, and come out the same.

`critic encode` holds each entry of a document against the last one and scans only what
differs. Here the entries of an image, changed at random, are encoded together and each
in a document of its own: the frames must be the same, and so must the errors be.
"""
import json
import random
import struct

import pytest

import criuimg
import critic
import dumps
import mnt
from criuimg import TYPES

ROUNDS = 4 if mnt.sanitized() else 12
MOST = 40

# Without extras, which are never read by the look of another entry.
IMAGES = [("demo", "files.img"), ("demo", "pstree.img"), ("demo", "core-8173.img"),
          ("demo", "mm-8173.img"), ("files5k", "files.img"), ("demo", "pagemap-8173.img"),
          ("container-ipc", "files.img"), ("container-ipc", "mountpoints-13.img")]


def entries_of(name, rel, pretty):
    root = dumps.pristine(name)
    image = dumps.images(root).get(rel)
    if image is None:
        pytest.skip("this dump has no " + rel)
    return image.type, [e.json(pretty) for e in image.entries][:MOST]


def scalars(value, path=()):
    """Where numbers and strings stand in an entry."""
    if isinstance(value, dict):
        for key in value:
            yield from scalars(value[key], path + (key,))
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from scalars(item, path + (i,))
    elif not isinstance(value, bool):
        yield path


def replace(value, path, new):
    for step in path[:-1]:
        value = value[step]
    value[path[-1]] = new(value[path[-1]])


def other_spelling(rng, value):
    if isinstance(value, int):
        small = rng.choice([0, 1, 7, 127, 128, 255, 70000])
        return rng.choice([value, str(value), hex(value) if value >= 0 else value, small,
                           hex(small)])
    if value.startswith("0x"):
        return rng.choice([value, int(value, 16), hex(rng.randrange(2 ** 31))])
    return value


def change(rng, entry):
    """Another spelling, order or value here and there."""
    entry = json.loads(json.dumps(entry))
    paths = list(scalars(entry))
    for path in rng.sample(paths, min(len(paths), rng.randrange(4))):
        if path[-1] in ("name", "comm", "mountpoint", "root", "source", "fsname"):
            replace(entry, path, lambda v: rng.choice(
                [v, "", "x" * rng.randrange(300), "\u00e4\u20ac", 'a"b\\c\n'])
                if isinstance(v, str) else v)
        else:
            replace(entry, path, lambda v: other_spelling(rng, v))
    if rng.random() < 0.2:
        keys = list(entry)
        rng.shuffle(keys)
        entry = {k: entry[k] for k in keys}
    return entry


def spell(rng, magic, entries):
    """The entries' texts mostly laid out alike, and the document of all of them."""
    indent = rng.choice([None, 4, 4, 1])
    texts = [json.dumps(e, indent=indent if rng.random() < 0.9 else 2,
                        ensure_ascii=rng.random() < 0.5) for e in entries]
    between = ",\n" if indent else ", "
    return texts, document(magic, between.join(texts))


def document(magic, text):
    return '{"magic": "%s", "entries": [%s]}' % (magic, text)


def frames(data):
    """What follows the header, as frames."""
    out, at = [], 8 if struct.unpack_from("<I", data)[0] in (0x54564319, 0x55105940) else 4
    while at < len(data):
        size, = struct.unpack_from("<I", data, at)
        out.append(data[at:at + 4 + size])
        at += 4 + size
    return out


@pytest.mark.parametrize("pretty", [True, False], ids=["pretty", "plain"])
@pytest.mark.parametrize("name, rel", IMAGES, ids=["%s-%s" % i for i in IMAGES])
def test_together_and_alone(name, rel, pretty):
    typ, originals = entries_of(name, rel, pretty)
    head = originals[:1] if typ.message(0) != typ.message(1) else []
    originals = originals[len(head):] or originals
    for seed in range(ROUNDS):
        rng = random.Random(seed)
        entries = [change(rng, rng.choice(originals)) for _ in range(MOST)]
        heads = [json.dumps(e) for e in head]
        texts, _ = spell(rng, typ.name, entries)
        alone = []
        good = []
        for text in texts:
            done = critic.run("encode", data=document(typ.name, ", ".join(heads + [text])))
            if done.status == 0:
                alone.append(frames(done.out)[len(heads)])
                good.append(text)
        whole = critic.encode(document(typ.name, ",\n ".join(heads + good)))
        assert frames(whole)[len(heads):] == alone, (name, rel, seed)
        assert len(good) > len(texts) / 3


@pytest.mark.parametrize("where", [3, 20, 39])
@pytest.mark.parametrize("wrong, says", [
    ('"id": "x"', "reg.id: expected an integer"), ('"idd": 1', 'unknown key "idd"'),
    ('"id": 1, "id": 1', 'key "id" stands here twice'), ('"id": 4294967296', "out of range"),
    ('"id": 01', "reg.id"), ('"id": 1.5', "expected an integer")])
def test_errors_behind_entries_alike(where, wrong, says):
    """They have their line and column, however the entries before were read."""
    one = ('\n        {\n            "type": "REG",\n            "id": 1,\n            "reg": {\n'
           '                %s,\n                "flags": 0, "pos": 0,\n'
           '                "fown": {"uid": 0, "euid": 0, "signum": 0, "pid_type": 0, "pid": 0},\n'
           '                "name": "/f%d"\n            }\n        }')
    texts = [one % ('"id": 1', 10 ** (i % 7)) for i in range(MOST)]
    assert critic.encode(document("FILES", ",".join(texts)))
    texts[where] = one % (wrong, 1)
    error = critic.run("encode", data=document("FILES", ",".join(texts))).error()
    line = 1 + where * 10 + 5  # ten lines an entry
    assert error.startswith("critic: <stdin>:%d:" % line), error
    assert "entries[%d].reg" % where in error and says in error, error
