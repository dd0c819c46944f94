"""The programs that people walk trees with, on small dumps and on 300,013 entries."""
import json
import os
import subprocess

import pytest

import criuimg
import dumps
import handmade
import mnt
from criuimg import Entry, Image, SCHEMA, TYPES

TOOLS = ["demo", "container-ipc", "incremental", "legacy-container"]


def run(*command, status=0, **kw):
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=600, **kw)
    assert done.returncode == status, (command, done.returncode, done.stdout[-1000:], done.stderr[-2000:])
    assert not done.stderr, (command, done.stderr[-2000:])
    return done.stdout


@pytest.fixture(scope="module", params=TOOLS)
def tree(request, module_mount):
    root = dumps.pristine(request.param)
    return root, module_mount(root)


def expected_files(root):
    """Every path that find must print, relative to the mount."""
    out = {"."}
    images = dumps.images(root)
    for where, dirs, names in os.walk(root):
        out |= {os.path.relpath(os.path.join(where, n), root) for n in dirs + names}
    for rel, image in images.items():
        for i, entry in enumerate(image.entries):
            out |= {rel + "/" + n for n in mnt.parts(entry, i)}
            out |= {rel + "/" + n for n in mnt.extra_files(entry, i)}
    return out


def test_find(tree):
    root, m = tree
    found = run("find", m.point, "-printf", "%P\\n").splitlines()
    assert sorted(p or "." for p in found) == sorted(expected_files(root))


def test_find_by_size_and_type(tree):
    root, m = tree
    files = run("find", m.point, "-type", "f", "-printf", "%s %p\\n").splitlines()
    for line in files:
        size, path = line.split(" ", 1)
        assert os.stat(path).st_size == int(size)


def test_grep(tree):
    root, m = tree
    hits = set(run("grep", "-rl", "--include=*.json", '"pid": ', m.point).splitlines())
    want = {m / rel + "/%d.json" % i for rel, image in dumps.images(root).items()
            for i, e in enumerate(image.entries) if '"pid": ' in e.text()}
    assert {h for h in hits if h.count(".msgs/") == 0} == want and want


def test_ls(tree):
    root, m = tree
    out = run("ls", "-lR", m.point)
    assert "?" not in out  # ls's word for what it could not stat
    assert out.count(".json\n") >= sum(len(i.entries) for i in dumps.images(root).values())


def test_wc(tree):
    root, m = tree
    for rel, image in dumps.images(root).items():
        if image.entries:
            text = image.entries[0].text()
            out = run("wc", "-lc", m / rel + "/0.json").split()
            assert out[:2] == [str(text.count("\n")), str(len(text.encode()))]


def test_tar(tree, work):
    root, m = tree
    archive = os.path.join(work, "t.tar")
    run("tar", "-cf", archive, "-C", m.point, ".")
    os.mkdir(os.path.join(work, "out"))
    run("tar", "-xf", archive, "-C", os.path.join(work, "out"))
    run("diff", "-r", "--no-dereference", m.point, os.path.join(work, "out"))
    run("tar", "-df", archive, "-C", m.point)


def test_cp(tree, work):
    root, m = tree
    out = os.path.join(work, "out")
    run("cp", "-r", m.point, out)
    run("diff", "-r", "--no-dereference", m.point, out)
    run("cp", "-a", m.point, out + "2")
    run("diff", "-r", "--no-dereference", out, out + "2")
    image = next(iter(dumps.images(root)))
    assert os.stat(out + "2/" + image).st_mtime_ns // 1000 == os.stat(os.path.join(root, image)).st_mtime_ns // 1000


def test_rsync_out(tree, work):
    root, m = tree
    run("rsync", "-a", m.point + "/", os.path.join(work, "out"))
    run("diff", "-r", "--no-dereference", m.point, os.path.join(work, "out"))
    assert run("rsync", "-a", "--itemize-changes", "--omit-dir-times", m.point + "/", os.path.join(work, "out")) == ""


def test_jq(tree):
    root, m = tree
    for rel, image in dumps.images(root).items():
        files = [m / rel + "/%d.json" % i for i in range(min(20, len(image.entries)))]
        if files:
            keys = run("jq", "-c", "keys_unsorted", *files).splitlines()
            assert keys == [json.dumps(list(e.json()), separators=(",", ":"), ensure_ascii=False)
                            for e in image.entries[:20]]


def test_json_load(tree):
    root, m = tree
    for rel, image in dumps.images(root).items():
        for i, entry in enumerate(image.entries):
            with open(m / rel + "/%d.json" % i) as f:
                assert json.load(f) == entry.json()


def test_md5sum_twice(tree):
    """Reading is deterministic."""
    root, m = tree
    first = run("sh", "-c", 'cd "$0" && find . -type f | sort | xargs -d "\\n" md5sum', m.point)
    assert first == run("sh", "-c", 'cd "$0" && find . -type f | sort | xargs -d "\\n" md5sum', m.point)


def test_du_and_stat(tree):
    root, m = tree
    run("du", "-sh", m.point)
    assert run("stat", "-f", "-c", "%n", m.point).strip() == m.point


# --------------------------------------------------- 300,013 entries

ENTRIES = 300013


def synthetic(root):
    """A page map of as many entries as the recorded one."""
    typ = TYPES["PAGEMAP"]
    page = SCHEMA.new("pagemap_entry")
    entries = [handmade.entry(typ)]
    for i in range(ENTRIES - 1):
        page.vaddr, page.compat_nr_pages, page.flags, page.nr_pages = i << 13, 1, 4 + i % 3, 1
        entries.append(Entry("pagemap_entry", SCHEMA.encode(page)))
    dumps.write(root, "pagemap-1.img", Image(typ, "common", "<", entries))


@pytest.fixture(scope="module")
def large():
    """(dump directory, name of its page map)"""
    root = dumps.new_dir()
    archive = dumps.large("frag300k")
    if archive:
        dumps.unpack(archive, root)
        root = os.path.join(root, "frag300k")
    else:
        synthetic(root)
    name = next(n for n in os.listdir(root) if n.startswith("pagemap-"))
    yield root, name
    dumps.remove(root)


def test_large_names(large, mount):
    root, name = large
    m = mount(root, "ro")
    assert os.listdir(m / name) == ["%d.json" % i for i in range(ENTRIES)]
    assert run("sh", "-c", 'ls -f "$0" | wc -l', m / name).strip() == str(ENTRIES + 2)
    assert run("sh", "-c", 'find "$0" -type f | wc -l', m / name).strip() == str(ENTRIES)


def test_large_texts(large, mount):
    """Sampled from both ends inwards; a slot far behind is there at once."""
    root, name = large
    image = criuimg.load(os.path.join(root, name))
    assert len(image.entries) == ENTRIES and not image.tail
    m = mount(root)
    for i in [ENTRIES - 1, 0, 1] + list(range(0, ENTRIES, 997)) + list(range(ENTRIES - 1, 0, -1499)):
        assert mnt.read_text(m / name + "/%d.json" % i) == image.entries[i].text()
    assert not os.path.exists(m / name + "/%d.json" % ENTRIES)


def test_large_ls(large, mount):
    root, name = large
    m = mount(root, "ro")
    out = run("sh", "-c", 'ls -lR "$0" | grep -c "\\.json$"', m / name)
    assert out.strip() == str(ENTRIES)


def test_large_grep_tar_and_memory(large, mount):
    """The daemon's memory after all of it was read stays under 64 MB."""
    root, name = large
    m = mount(root)
    files = run("sh", "-c", 'grep -rc vaddr "$0" | grep -c ":1$"', m / name)
    assert files.strip() == str(ENTRIES - 1)
    out = run("sh", "-c", 'tar -cf - -C "$0" . | tar -tf - | grep -c json', m / name)
    assert out.strip() == str(ENTRIES)
    run("sh", "-c", 'find "$0" -size +3 | wc -l', m / name)
    if mnt.sanitized():
        pytest.skip("memory under a sanitizer says nothing")
    assert m.memory() < 64 * 1024


def test_large_cp_and_diff(large, mount):
    root, name = large
    m = mount(root, "ro")
    out = os.path.join(dumps.new_dir(dumps.roomy()), "out")
    try:
        run("cp", "-r", m / name, out)
        assert len(os.listdir(out)) == ENTRIES
        for i, entry in enumerate(criuimg.load(os.path.join(root, name)).entries):
            if i % 7 == 0:
                assert mnt.read_text(os.path.join(out, "%d.json" % i)) == entry.text()
        run("diff", "-r", m / name, out)
    finally:
        dumps.remove(out)


def test_large_edit(large, mount, work):
    """The first, the last and one between; all other bytes stay."""
    root, name = large
    run("cp", "-a", root, os.path.join(work, "copy"))
    stored = os.path.join(work, "copy", name)
    image = criuimg.load(stored)
    m = mount(os.path.join(work, "copy"))
    for i in (1, ENTRIES // 2, ENTRIES - 1):
        value = dict(image.entries[i].json(), compat_nr_pages=4242)
        mnt.save(m / name + "/%d.json" % i, criuimg.text(value))
        image.entries[i].payload = SCHEMA.encode(criuimg.from_json("pagemap_entry", value))
        assert mnt.read(stored) == criuimg.write_image(image)
        assert mnt.read_text(m / name + "/%d.json" % i) == criuimg.text(value)
