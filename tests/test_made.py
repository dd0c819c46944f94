"""Texts that are made of the whole dump: who reads something else does not wait for them."""
import os
import threading

import pytest

import dumps
import mnt


@pytest.fixture
def large(mount, work):
    """So many images that it takes a moment to go through them."""
    dump = dumps.copy("demo", work + "/dump")
    for pid in range(20000, 24000):
        for kind in ("core", "mm", "pagemap"):
            os.link("%s/%s-8173.img" % (dump, kind), "%s/%s-%d.img" % (dump, kind, pid))
    return mount(dump)


@pytest.mark.parametrize("name", ["stats", "check"])
def test_others_are_answered_while_it_is_made(large, name):
    texts, answered = [], 0
    thread = threading.Thread(target=lambda: texts.append(mnt.read(large / (".critfs/" + name))))
    mnt.read(large / ".critfs/proc/8173/comm")
    thread.start()
    while thread.is_alive():
        assert not os.path.exists(large / (".critfs/no%d" % answered))
        assert mnt.read(large / ".critfs/proc/8173/comm") == b"service.sh\n"
        answered += 1
    thread.join()
    assert texts and texts[0]
    assert answered > 5


def test_its_size_is_that_of_the_text(large):
    for name in ("stats", "check"):
        path = large / (".critfs/" + name)
        size = os.stat(path).st_size
        assert size and size == len(mnt.read(path)) == os.stat(path).st_size
