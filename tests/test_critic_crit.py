"""critic against crit itself, where it is installed: each reads what the other wrote.

Debian's crit is older than the schema, and loses what it does not know. An image
counts as known to it if crit's own way there and back leads to the same bytes.
"""
import copy
import io
import json
import os
import shutil
import subprocess

import pytest

import criuimg
import critic
import deviations
import dumps
import handmade
import mnt
from criuimg import TYPES

pycriu = pytest.importorskip("pycriu")

STEP = 7 if mnt.sanitized() else 1
CRIT = shutil.which("crit")


def crit_decode(data, pretty):
    """crit's document as its JSON text."""
    return json.dumps(pycriu.images.load(io.BytesIO(data), pretty), indent=4 if pretty else None)


def crit_encode(text):
    out = io.BytesIO()
    pycriu.images.dump(json.loads(text), out)
    return out.getvalue()


def as_crit_writes_it(image):
    """Its bytes with the header that crit gives to every image of the type."""
    usual = copy.copy(image)
    usual.header = critic.USUAL[image.type.first]
    return criuimg.write_image(usual)


def crit_documents(image):
    """crit's documents, plain and pretty, or None where crit loses something."""
    data = criuimg.write_image(image)
    try:
        texts = [crit_decode(data, pretty) for pretty in (False, True)]
        if all(crit_encode(text) == as_crit_writes_it(image) for text in texts):
            return texts
    except Exception:  # whatever crit stumbles over
        pass
    return None


def names_of_flags():
    """Those that crit has not: it can't read them."""
    old = {name for names in pycriu.images.pb2dict.flags_maps.values() for name, _ in names}
    return [name for names in criuimg.FLAGS.values() for name, _ in names if name not in old]


NEW_NAMES = names_of_flags()


def crit_can_read(text):
    """Does crit know all names, and is there an extra where it insists on one?"""
    value = json.loads(text)
    if value["magic"] == "PAGEMAP" and "compat_nr_pages" not in pycriu.images.pb.pagemap_entry.DESCRIPTOR.fields_by_name:
        return False
    return not any(name in text for name in NEW_NAMES) and (
        value["magic"] != "GHOST_FILE" or any("extra" in entry for entry in value["entries"]))


def compare(path, image):
    """Each other's documents. False where crit does not know the image."""
    texts = crit_documents(image)
    if texts is None:
        return False
    wanted = as_crit_writes_it(image)
    for text in texts:
        assert critic.encode(text) == wanted, path
    for form in ([], ["--pretty"]):
        text = critic.decode(path, *form)
        if crit_can_read(text):
            assert crit_encode(text) == wanted, path
    return True


@pytest.mark.parametrize("name", dumps.NAMES)
def test_recorded(name):
    root = dumps.pristine(name)
    images = list(dumps.images(root).items())[::STEP]
    known = [compare(os.path.join(root, rel), image) for rel, image in images]
    assert any(known) or len(known) < 5


@pytest.mark.parametrize("variant", handmade.VARIANTS)
def test_every_type(work, variant):
    """Types and fields that crit knows are most of them."""
    images = handmade.make_dump(work, variant)
    known = [compare(os.path.join(work, name), image) for name, image in list(images.items())[::STEP]]
    assert sum(known) > len(known) * {"full": 0.1, "max": 0.1}.get(variant, 0.4)


@pytest.mark.parametrize("name", dumps.NAMES)
def test_documents_are_the_same(name):
    """Of what crit knows: the same values, but for the deviations.

    Not the names of flags of memory areas: there are more of them than it has.
    """
    root = dumps.pristine(name)
    for rel, image in list(dumps.images(root).items())[::STEP]:
        texts = crit_documents(image)
        forms = [[]] if image.type.name in ("MM", "VMAS") else [[], ["--pretty"]]
        for form, text in zip(forms, texts or []):
            doc, _ = deviations.correct(name, rel, json.loads(text))
            if doc is not None:
                shown = json.loads(critic.decode(os.path.join(root, rel), *form))
                shown.pop("$header", None)
                assert shown == doc, rel


PAYLOADS = {t.name for t in TYPES.values() if t.extra.startswith("blob") or t.extra in ("tcp", "sem", "msg")}


@pytest.mark.parametrize("name", dumps.NAMES)
def test_without_payloads(name):
    """show --nopl, of the payloads that crit can leave out."""
    root = dumps.pristine(name)
    for rel, image in dumps.images(root).items():
        if image.type.name in PAYLOADS and crit_documents(image):
            doc = pycriu.images.load(io.BytesIO(criuimg.write_image(image)), True, True)
            shown = json.loads(critic.run("show", "--nopl", os.path.join(root, rel)).text())
            shown.pop("$header", None)
            assert shown == doc, rel


@pytest.mark.parametrize("typ", sorted(PAYLOADS))
@pytest.mark.parametrize("size", [0, 1, 1000, 1024, 1536, 100000, 3 << 20])
def test_sizes_of_payloads(work, typ, size):
    image = criuimg.Image(TYPES[typ], "common", "<", [handmade.entry(TYPES[typ], 0, "bare", size)])
    if typ == "IPCNS_SEM" and size > 65535:
        pytest.skip("more than the largest set of semaphores")
    path = dumps.write(work, "image", image)
    doc = pycriu.images.load(io.BytesIO(criuimg.write_image(image)), True, True)
    assert json.loads(critic.run("show", "--nopl", path).text()) == doc


# ---------------------------------------------------------- the program itself

def shell(command, **names):
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, env=mnt.environment(**names))
    mnt.check_log(done.stderr.decode())
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout


@pytest.mark.skipif(not CRIT, reason="no crit")
@pytest.mark.parametrize("rel", ["pstree.img", "files.img", "pipes-data.img", "inventory.img", "fs-8173.img"])
def test_piped_into_each_other(rel):
    path = os.path.join(dumps.pristine("demo"), rel)
    if not os.path.exists(path):
        pytest.fail("no %s in the dump" % rel)
    if not crit_documents(criuimg.load(path)):
        pytest.skip("this crit does not know all of its fields")
    names = {"CRITIC": critic.CRITIC, "IMAGE": path}
    data = mnt.read(path)
    for pretty in ("", "--pretty"):
        names["PRETTY"] = pretty
        assert shell('crit decode -i "$IMAGE" $PRETTY | "$CRITIC" encode', **names) == data
        assert shell('"$CRITIC" decode -i "$IMAGE" $PRETTY | crit encode', **names) == data
        ours, theirs = (shell('%s decode -i "$IMAGE" $PRETTY' % program, **names)
                        for program in ('"$CRITIC"', "crit"))
        if b"\\u" not in theirs and "Zombie" not in theirs.decode() and "Stopped" not in theirs.decode():
            assert ours == theirs
