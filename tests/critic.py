"""The critic under test, and the documents that it has to write.

The documents are made by the tests' own codec: crit's, with the keys that only
critfs has.
"""
import json
import os
import subprocess

import criuimg
import mnt
from criuimg import SCHEMA, TYPES, Undecodable, b64

CRITIC = os.path.join(mnt.BUILD, "critic")
HEADER = 8  # bytes, of any image that has two words

USUAL = {"none": "none", "common": "common", "service": "service"}


# -------------------------------------------------------------- the program

class Done:
    """What a critic that has ended left: bytes on stdout, text on stderr."""

    def __init__(self, done):
        self.status, self.out = done.returncode, done.stdout
        self.err = done.stderr.decode("utf-8", "surrogateescape")
        mnt.check_log(self.err)

    def text(self):
        """What it printed, if all went well."""
        assert (self.status, self.err) == (0, ""), "exit status %s: %s" % (self.status, self.err)
        return self.out.decode("utf-8")

    def bytes(self):
        assert (self.status, self.err) == (0, ""), "exit status %s: %s" % (self.status, self.err)
        return self.out

    def error(self, status=1):
        """Its only line on stderr, if it failed and printed nothing else."""
        assert self.status == status, (self.status, self.err)
        assert self.out == b""
        assert self.err.startswith("critic: ") and self.err.endswith("\n"), self.err
        return self.err[:-1]


def run(*args, data=None, program=CRITIC, **more):
    """critic with these arguments; `data` comes from a pipe."""
    assert os.path.exists(CRITIC), "no %s: build it first (make)" % CRITIC
    if data is None:
        more.setdefault("stdin", subprocess.DEVNULL)
    else:
        more["input"] = data.encode("utf-8") if isinstance(data, str) else data
    done = subprocess.run([program, *args], stdout=more.pop("stdout", subprocess.PIPE),
                          stderr=subprocess.PIPE, env=mnt.environment(), timeout=600, **more)
    return Done(done)


def decode(path, *options):
    return run("decode", "-i", path, *options).text()


def encode(document, *options):
    """The image of a document: of a text, or of a value that is spelled in one line."""
    if not isinstance(document, (str, bytes)):
        document = plain(document)
    return run("encode", *options, data=document).bytes()


# ------------------------------------------------------------ the documents

def header_key(image):
    """{"$header": …} if the image does not begin as those of its type do."""
    return {} if image.header == USUAL[image.type.first] else {"$header": image.header}


def entry(value, pretty=True):
    """An entry as a document has it; what can't be decoded as its bytes."""
    try:
        out = value.json(pretty)
    except Undecodable:
        out = {"$raw": b64(value.payload)}
    if value.extra is not None:
        out["extra"] = criuimg.extra_json(value)
    return out


def document(image, pretty=True):
    """The document of an image, whatever is in it."""
    out = {"magic": image.type.name, **header_key(image)}
    if image.order == ">":
        out["$byteorder"] = "big"
    out["entries"] = [entry(e, pretty) for e in image.entries]
    if image.tail:
        out["$tail"] = b64(image.tail)
    return out


def plain(value):
    """In one line, as `crit decode` prints it."""
    return json.dumps(value, ensure_ascii=False)


def pretty(value):
    """As `crit decode --pretty` prints it."""
    return json.dumps(value, ensure_ascii=False, indent=4)


def spell(value, is_pretty):
    return pretty(value) if is_pretty else plain(value)


# ------------------------------------------------------------------- checks

def check_document(path, image):
    """Both forms of an image's document are what they have to be."""
    assert decode(path, "--pretty") == pretty(document(image)) + "\n", path
    assert decode(path) == plain(document(image, False)) + "\n", path


def check_way_back(path, data):
    """Both forms of an image's document give its own bytes."""
    for form in (["--pretty"], []):
        text = run("decode", *form, path).bytes()
        assert run("encode", data=text).bytes() == data, path


def check(path, image, data=None):
    check_document(path, image)
    check_way_back(path, mnt.read(path) if data is None else data)


def pipe_data(text_of_length):
    """An image of one pipe with these contents."""
    msg = SCHEMA.new("pipe_data_entry")
    msg.pipe_id, msg.bytes = 1, len(text_of_length)
    return criuimg.Image(TYPES["PIPES_DATA"], "common", "<", [
        criuimg.Entry("pipe_data_entry", SCHEMA.encode(msg), text_of_length)])
