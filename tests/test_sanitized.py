"""What a sanitizer says of a mount's daemon fails the test that has mounted it."""
import os
import subprocess

import pytest

import dumps
import mnt

HERE = os.path.dirname(os.path.abspath(__file__))
FLAGS = {"thread": ["-fsanitize=thread"], "address": ["-fsanitize=address", "-fsanitize-recover=address"]}
SAYS = {"thread": "data race", "address": "heap-buffer-overflow"}


@pytest.mark.skipif(not mnt.sanitized(), reason="not built with a sanitizer")
def test_a_report_is_noticed(mount, work, monkeypatch):
    root, library = dumps.copy("cpuinfo", os.path.join(work, "dump")), os.path.join(work, "wrong.so")
    subprocess.run(["cc", *FLAGS[mnt.sanitizer()], "-g", "-O1", "-fPIC", "-shared", "-o", library,
                    os.path.join(HERE, "preload/wrong.c"), "-lpthread"], check=True)
    with monkeypatch.context() as m:
        m.setenv("LD_PRELOAD", library)
        m.setenv("ASAN_OPTIONS", mnt.environment()["ASAN_OPTIONS"] + ":halt_on_error=0:verify_asan_link_order=0")
        point = mount(root)
    assert os.listdir(point.point)
    with pytest.raises(AssertionError, match="Sanitizer: " + SAYS[mnt.sanitizer()]):
        point.close()
