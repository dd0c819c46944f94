"""critic on random damage: images always have a document that leads back, texts are read or refused."""
import json
import random
import re

import pytest

import criuimg
import critic
import dumps
import handmade
import mnt
from criuimg import TYPES

ROUNDS = 40 if mnt.sanitized() else 200
SEEDS = range(4)


def damage(rand, data, first):
    """Bytes flipped, set, cut out or doubled, from `first` on."""
    data = bytearray(data)
    for _ in range(rand.choice((1, 1, 2, 5))):
        at = rand.randrange(first, len(data)) if len(data) > first else first
        how = rand.randrange(5)
        if how == 0 and at < len(data):
            data[at] ^= 1 << rand.randrange(8)
        elif how == 1 and at < len(data):
            data[at] = rand.choice((0, 1, 0x7F, 0x80, 0xFF, 0x22, 0x2C, 0x5B))
        elif how == 2:
            del data[at:at + rand.randrange(1, 9)]
        elif how == 3:
            data[at:at] = data[at:at + rand.randrange(1, 30)]
        else:
            del data[at:]
    return bytes(data)


def small_images():
    out = [handmade.image(typ, variant, order=order) for typ in TYPES.values()
           for variant in ("full", "bare") for order in "<>"]
    return out + [handmade.chunked_ghost("<", (0, 5, 40)), handmade.chunked_ghost(">", (0, 5, 40))]


def read_strictly(text):
    """The document, which has each key once in each object."""
    def pairs(items):
        assert len({key for key, _ in items}) == len(items), text
        return dict(items)
    return json.loads(text, object_pairs_hook=pairs)


@pytest.mark.parametrize("seed", SEEDS)
def test_damaged_images(work, seed):
    """Shown, read back, and shown the same again; where nothing was lost, the same bytes."""
    rand = random.Random(seed)
    originals = [criuimg.write_image(image) for image in small_images()]
    for _ in range(ROUNDS):
        data = damage(rand, rand.choice(originals), 8)
        path = dumps.write(work, "damaged", data)
        shown = critic.decode(path, "--pretty")
        read_strictly(shown)
        back = critic.encode(shown)
        again = critic.decode(dumps.write(work, "again", back), "--pretty")
        assert again == shown, data.hex()
        assert critic.encode(critic.decode(path)) == back, data.hex()


@pytest.mark.parametrize("seed", SEEDS)
def test_damaged_documents(work, seed):
    """An image, or one message with a place and nothing else; never a crash."""
    rand = random.Random(seed)
    images = small_images()
    refused = 0
    for _ in range(ROUNDS):
        image = rand.choice(images)
        text = critic.spell(critic.document(image), rand.random() < 0.5).encode("utf-8")
        text = damage(rand, text, 0)
        done = critic.run("encode", data=text)
        if done.status == 0:
            assert done.err == "" and criuimg.detect(done.out), text
            continue
        refused += 1
        assert re.match(r"critic: <stdin>:\d+:\d+: error: ..", done.error()), text
        line, column = map(int, done.err.split(":")[2:4])
        lines = text.split(b"\n")
        assert line <= len(lines) and column <= len(lines[line - 1]) + 1, (text, done.err)
    assert refused > ROUNDS // 2


@pytest.mark.parametrize("seed", SEEDS)
def test_no_images_at_all(work, seed):
    """Random bytes behind a header; random bytes."""
    rand = random.Random(seed)
    for _ in range(ROUNDS // 4):
        header = criuimg.write_header(handmade.image(rand.choice(list(TYPES.values()))))
        data = header + rand.randbytes(rand.randrange(200))
        path = dumps.write(work, "random", data)
        critic.encode(critic.decode(path))
        dumps.write(work, "random", rand.randbytes(rand.randrange(100)))
        done = critic.run("decode", path)
        assert done.status in (0, 1)
