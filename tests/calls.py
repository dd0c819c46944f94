"""What programs call to give a file another text, each as how(path, text).

They raise what the calls raise; those that keep the text as JSON only say so.
"""
import json
import mmap
import os
import tempfile

import mnt


def open_w(path, text):
    with open(path, "w") as f:
        f.write(text)


def open_r_plus(path, text):
    with open(path, "r+") as f:
        f.read()
        f.seek(0)
        f.write(text)
        f.truncate()


def many_small_writes(path, text):
    fd = os.open(path, os.O_WRONLY | os.O_TRUNC)
    for byte in text.encode():
        assert os.write(fd, bytes([byte])) == 1
    os.close(fd)


def pieces_in_any_order(path, text):
    """A draft may have a hole in the meantime."""
    data, fd = text.encode(), os.open(path, os.O_WRONLY | os.O_TRUNC)
    half = len(data) // 2
    os.pwrite(fd, data[half:], half)
    os.pwrite(fd, data[:half], 0)
    os.close(fd)


def pwrite_at_an_offset(path, text):
    data = text.encode()
    fd, at = os.open(path, os.O_WRONLY), data.index(b'"pos"')
    os.pwrite(fd, data[at:], at)
    os.close(fd)


def ftruncate_then_write(path, text):
    fd = os.open(path, os.O_RDWR)
    os.ftruncate(fd, 0)
    mnt.write_fd(fd, text.encode())
    os.close(fd)


def narrow(text):
    return text.rstrip("\n").replace("    ", " ")


def ftruncate_after_write(path, text):
    fd, data = os.open(path, os.O_RDWR), narrow(text).encode()
    mnt.write_fd(fd, data)
    os.ftruncate(fd, len(data))
    os.close(fd)


def mapped(f, text):
    data = text.encode()
    f.truncate(len(data))
    m = mmap.mmap(f.fileno(), 0)
    m[:] = data
    return m


def mmap_and_msync(path, text):
    with open(path, "r+b") as f:
        with mapped(f, text) as m:
            m.flush()


def mmap_without_msync(path, text):
    with open(path, "r+b") as f:
        mapped(f, text).close()


def appended_in_two(path, text):
    fd, half = os.open(path, os.O_WRONLY | os.O_TRUNC | os.O_APPEND), text.rindex("}")
    mnt.write_fd(fd, text[:half].encode())
    mnt.write_fd(fd, text[half:].encode())
    os.close(fd)


def fsync_before_close(path, text):
    fd = os.open(path, os.O_WRONLY | os.O_TRUNC)
    mnt.write_fd(fd, text.encode())
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def rename_scratch(path, text):
    with open(path + ".tmpq8s7", "w") as f:
        f.write(text)
    os.rename(f.name, path)


def tempfile_and_replace(path, text):
    with tempfile.NamedTemporaryFile("w", dir=os.path.dirname(path), delete=False) as f:
        f.write(text)
        f.flush()
        os.fsync(f.fileno())
    try:
        os.replace(f.name, path)
    except OSError:
        os.unlink(f.name)
        raise


def rename_open_scratch(path, text):
    """Renamed while its writer still has it open, all of it written."""
    fd = os.open(path + ".tmpq8s7", os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        mnt.write_fd(fd, text.encode())
        os.rename(path + ".tmpq8s7", path)
    finally:
        os.close(fd)


def json_dump(path, text):
    with open(path, "w") as f:
        json.dump(json.loads(text), f)


def one_line(text):
    return json.dumps(json.loads(text))
