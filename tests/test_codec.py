"""The tests' own codec against recorded documents: it must be right before it judges."""
import copy
import io

import pytest

import criuimg
import deviations
import dumps


@pytest.mark.parametrize("name", dumps.NAMES)
def test_decodes_as_crit(name):
    for rel, image in dumps.images(dumps.pristine(name)).items():
        assert not image.tail, rel
        doc, _ = deviations.correct(name, rel, dumps.document(name, rel))
        if doc is not None:
            assert criuimg.text(doc) == criuimg.text(criuimg.document(image)), rel


@pytest.mark.parametrize("name", dumps.NAMES)
def test_encodes_to_the_same_bytes(name):
    root = dumps.pristine(name)
    for rel, image in dumps.images(root).items():
        with open("%s/%s" % (root, rel), "rb") as f:
            assert criuimg.write_image(image) == f.read(), rel
        for entry in image.entries:
            for pretty in (True, False):
                back = criuimg.from_json(entry.message, entry.json(pretty))
                assert criuimg.SCHEMA.encode(back) == entry.payload, rel


@pytest.mark.parametrize("key", deviations.ALL)
def test_each_deviation_is_met(key):
    """A deviation that no recorded document shows would be an excuse for nothing."""
    for name in dumps.NAMES:
        for rel in dumps.images(dumps.pristine(name)):
            used = deviations.correct(name, rel, dumps.document(name, rel))[1]
            if used.get(key):
                return
    pytest.fail("never met")


def test_wrong_documents_are_wrong():
    for name, rel in deviations.WRONG:
        image = criuimg.load("%s/%s" % (dumps.pristine(name), rel))
        assert len(image.entries) == 5
        assert len(dumps.document(name, rel)["entries"]) == 1


def test_plain_form_is_crits():
    """Debian's crit is older than the schema: only images whose fields it all knows."""
    pycriu = pytest.importorskip("pycriu")
    compared = 0
    for rel, image in dumps.images(dumps.pristine("demo")).items():
        data = criuimg.write_image(image)
        doc = pycriu.images.load(io.BytesIO(data), False)
        out = io.BytesIO()
        pycriu.images.dump(copy.deepcopy(doc), out)
        if out.getvalue() == data:
            assert doc == criuimg.document(image, False), rel
            compared += 1
    assert compared > 20


def test_every_type_has_its_messages():
    for typ in criuimg.TYPES.values():
        for message in typ.messages:
            assert criuimg.SCHEMA.fields(message), typ.name
