"""Edits of one entry in a process of their own: no editor, nothing but the writing."""
import json
import os
import re
import time

import measure

# How the path of a file ends: of the same length as it did, and of another.
OLD, SAME, OTHER = ".db", ".dc", ".database"


def write(path, data, flags):
    fd = os.open(path, flags, 0o600)
    try:
        while data:
            data = data[os.write(fd, data):]
    finally:
        os.close(fd)


def replace(path, data, sync=False):
    """What a program does that holds a whole file: write it anew, rename it over."""
    begin = time.perf_counter()
    new = path + ".new"
    write(new, data, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    if sync:
        fd = os.open(new, os.O_RDONLY)
        os.fsync(fd)
        os.close(fd)
    os.rename(new, path)
    return time.perf_counter() - begin


class Entry:
    """An entry of files.img in a mount, and the two texts that it has in turn."""

    def __init__(self, point, number, ending):
        self.path = "%s/files.img/%d.json" % (point, number)
        with open(self.path) as f:
            text = f.read()
        self.texts = [re.sub(r'\.d[a-z]+"', end + '"', text).encode() for end in (OLD, ending)]
        if self.texts[0] == self.texts[1]:
            raise measure.Failed("%s: not an entry as it was made" % self.path)
        if self.texts[1] == text.encode():
            self.texts.reverse()

    def edit(self):
        """Save the other text. Returns the seconds from open(2) to close(2)."""
        self.texts.reverse()
        begin = time.perf_counter()
        write(self.path, self.texts[0], os.O_WRONLY | os.O_TRUNC)
        return time.perf_counter() - begin

    def check(self, image):
        """An edit that did not get into the image was no edit."""
        with open(image, "rb") as f:
            if json.loads(self.texts[0])["reg"]["name"].encode() not in f.read():
                raise measure.Failed("%s: the edit is not in the image" % self.path)
