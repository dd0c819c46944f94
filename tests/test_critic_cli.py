"""critic's commands and options, which are crit's, and where it reads and writes."""
import json
import os
import stat
import subprocess
import threading

import pytest

import criuimg
import critic
import dumps
import handmade
import mnt
from criuimg import Entry, Image, TYPES


@pytest.fixture
def image(work):
    """A recorded image's name; the current directory is meant to be `work`."""
    data = mnt.read(os.path.join(dumps.pristine("demo"), "pipes-data.img"))
    dumps.write(work, "pipes-data.img", data)
    return "pipes-data.img"


@pytest.fixture
def texts(work, image):
    """Its documents, plain and pretty."""
    loaded = criuimg.load(os.path.join(work, image))
    return critic.plain(critic.document(loaded, False)), critic.pretty(critic.document(loaded))


# ------------------------------------------------------------ ways to call it

DECODE = [["decode", "-i", "IMAGE"], ["decode", "--in", "IMAGE"], ["decode", "IMAGE"], ["decode", "-iIMAGE"],
          ["decode", "--in=IMAGE"], ["decode", "--i", "IMAGE"]]
PRETTY = [["decode", "-i", "IMAGE", "--pretty"], ["decode", "--pretty", "-i", "IMAGE"],
          ["decode", "--pretty", "IMAGE"], ["decode", "IMAGE", "--pretty"], ["decode", "--pret", "IMAGE"],
          ["decode", "--p", "-iIMAGE"], ["show", "IMAGE"]]


@pytest.mark.parametrize("args", DECODE + PRETTY)
def test_decode(work, image, texts, args):
    args = [a.replace("IMAGE", image) for a in args]
    assert critic.run(*args, cwd=work).text() == texts[args[0] == "show" or "--p" in " ".join(args)] + "\n"


@pytest.mark.parametrize("args", [["-o", "OUT"], ["--out", "OUT"], ["--out=OUT"], ["-oOUT"], ["--o", "OUT"]])
def test_decode_to_a_file(work, image, texts, args):
    """Nothing on stdout, and no newline at the end."""
    for pretty in (False, True):
        done = critic.run("decode", image, *args, *["--pretty"] * pretty, cwd=work)
        assert done.bytes() == b""
        assert mnt.read(work + "/OUT").decode() == texts[pretty]


@pytest.mark.parametrize("args", [["-i", "D"], ["D"], ["--in", "D"], ["--in=D"], ["-iD"]])
def test_encode(work, image, texts, args):
    for text in texts + (texts[1] + "\n",):
        with open(work + "/D", "w", encoding="utf-8") as f:
            f.write(text)
        assert critic.run("encode", *args, cwd=work).bytes() == mnt.read(work + "/" + image)
        for out in (["-o", "OUT"], ["--out=OUT"]):
            assert critic.run("encode", *args, *out, cwd=work).bytes() == b""
            assert mnt.read(work + "/OUT") == mnt.read(work + "/" + image)


def test_stdin(work, image, texts):
    """As a file and as a pipe, for each command that reads."""
    data = mnt.read(work + "/" + image)
    for given in ({"data": data}, {"stdin": open(work + "/" + image, "rb")}):
        assert critic.run("decode", **given).text() == texts[0] + "\n"
    for given in ({"data": data}, {"stdin": open(work + "/" + image, "rb")}):
        assert critic.run("decode", "--pretty", "-o", "OUT", cwd=work, **given).bytes() == b""
        assert mnt.read(work + "/OUT").decode() == texts[1]
    for given in ({"data": texts[1]}, {"stdin": open(work + "/OUT", "rb")}):
        assert critic.run("encode", **given).bytes() == data


def test_stdout_that_is_a_file(work, image, texts):
    """It is appended to where the shell says so."""
    for mode, times in (("wb", 1), ("ab", 2)):
        with open(work + "/doc", mode) as f:
            assert critic.run("decode", image, cwd=work, stdout=f).status == 0
        assert mnt.read(work + "/doc").decode() == (texts[0] + "\n") * times
        with open(work + "/img", mode) as f:
            assert critic.run("encode", data=texts[0], cwd=work, stdout=f).status == 0
        assert mnt.read(work + "/img") == mnt.read(work + "/" + image) * times


def test_slow_pipes(work):
    """Bytes that come one by one, both ways."""
    made = handmade.image(TYPES["TCP_STREAM"])
    data = criuimg.write_image(made)
    for command, given, wanted in (("decode", data, critic.plain(critic.document(made, False)).encode() + b"\n"),
                                   ("encode", critic.pretty(critic.document(made)).encode(), data)):
        p = subprocess.Popen([critic.CRITIC, command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             env=mnt.environment())
        for at in range(len(given)):
            os.write(p.stdin.fileno(), given[at:at + 1])
        assert p.communicate(timeout=60)[0] == wanted
        assert p.returncode == 0


def test_called_crit(work, image, texts):
    os.symlink(critic.CRITIC, work + "/crit")
    assert critic.run("decode", image, program=work + "/crit", cwd=work).text() == texts[0] + "\n"
    assert critic.run("encode", data=texts[0], program=work + "/crit").bytes() == mnt.read(work + "/" + image)


# --------------------------------------------------------------- where it writes

def test_a_new_file_has_the_usual_mode(work, image, texts):
    for umask in (0o022, 0o077, 0o002):
        for command, given in (("decode", image), ("encode", "D")):
            with open(work + "/D", "w") as f:
                f.write(texts[0])
            done = subprocess.run(["sh", "-c", 'umask %o; "$0" "$@"' % umask, critic.CRITIC, command, given, "-o",
                                   "OUT"], cwd=work, capture_output=True, env=mnt.environment())
            assert (done.returncode, done.stderr) == (0, b"")
            assert stat.S_IMODE(os.stat(work + "/OUT").st_mode) == 0o666 & ~umask
            os.unlink(work + "/OUT")


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o666, 0o444])
def test_the_mode_of_an_existing_file_is_kept(work, image, texts, mode):
    path = dumps.write(work, "OUT", b"x" * 100000)
    os.chmod(path, mode)
    critic.run("encode", "-o", "OUT", data=texts[1], cwd=work).bytes()
    assert stat.S_IMODE(os.stat(path).st_mode) == mode
    assert mnt.read(path) == mnt.read(work + "/" + image)
    assert sorted(os.listdir(work)) == ["OUT", image]


def test_output_that_is_a_pipe(work, image, texts):
    """A named pipe is written to, not replaced."""
    os.mkfifo(work + "/fifo")
    for args, given, wanted in ((["decode", image], None, texts[0].encode()),
                                (["encode"], texts[1], mnt.read(work + "/" + image))):
        got = []
        reader = threading.Thread(target=lambda: got.append(mnt.read(work + "/fifo")), daemon=True)
        reader.start()
        critic.run(*args, "-o", "fifo", data=given, cwd=work).bytes()
        assert stat.S_ISFIFO(os.lstat(work + "/fifo").st_mode)
        reader.join(20)
        assert got == [wanted]


def test_output_that_is_a_link(work, image, texts):
    """The file that it leads to is written, as by crit; the link stays."""
    os.mkdir(work + "/d")
    dumps.write(work, "d/real", b"old")
    os.symlink("d/real", work + "/link")
    for args, given, wanted in ((["decode", image], None, texts[0].encode()),
                                (["encode"], texts[1], mnt.read(work + "/" + image))):
        critic.run(*args, "-o", "link", data=given, cwd=work).bytes()
        assert os.readlink(work + "/link") == "d/real"
        assert mnt.read(work + "/d/real") == wanted
        assert os.listdir(work + "/d") == ["real"]


def test_output_that_is_its_input(work, image, texts):
    """The input is read to its end first."""
    dumps.write(work, "D", texts[1].encode())
    critic.run("encode", "-i", "D", "-o", "D", cwd=work).bytes()
    assert mnt.read(work + "/D") == mnt.read(work + "/" + image)


@pytest.mark.parametrize("command", ["decode", "encode", "show", "info"])
def test_no_room(work, image, texts, command):
    """A full disk is told, with an exit status."""
    dumps.write(work, "D", texts[1].encode())
    with open("/dev/full", "wb") as full:
        done = critic.run(command, "D" if command == "encode" else image, cwd=work, stdout=full)
    assert done.status == 1
    assert done.err.startswith("critic: ") and "No space left on device" in done.err


@pytest.mark.parametrize("out", ["nodir/OUT", "image.d"])
def test_output_that_can_not_be_written(work, image, texts, out):
    os.mkdir(work + "/image.d")
    for args, given in ((["decode", image], None), (["encode"], texts[0])):
        assert out in critic.run(*args, "-o", out, data=given, cwd=work).error()
    assert sorted(os.listdir(work)) == ["image.d", image] and not os.listdir(work + "/image.d")


def test_a_bad_image_leaves_the_output(work, image):
    path = dumps.write(work, "OUT", b"old")
    before = os.stat(path)
    dumps.write(work, "text", b"no image\n")
    critic.run("decode", "text", "-o", "OUT", cwd=work).error()
    after = os.stat(path)
    assert mnt.read(path) == b"old"
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
    critic.run("decode", "text", "-o", "NEW", cwd=work).error()
    assert sorted(os.listdir(work)) == ["OUT", image, "text"]


# ------------------------------------------------------------------- errors

@pytest.mark.parametrize("command", ["decode", "encode", "show", "info"])
def test_input_that_is_not_there(work, command):
    message = critic.run(command, "nosuch", cwd=work).error()
    assert message.startswith("critic: nosuch: ") and message.endswith(": No such file or directory")
    assert os.listdir(work) == []


@pytest.mark.parametrize("command", ["show", "info"])
def test_input_that_is_a_directory(work, command):
    os.mkdir(work + "/d")
    assert critic.run(command, "d", cwd=work).error().startswith("critic: d: ")


@pytest.mark.parametrize("command", ["decode", "show", "info"])
@pytest.mark.parametrize("data, word", [
    (b"text and more", 0x74786574), (b"\x19\x43\x56\x54" * 2, 0x54564319), (b"\x7fELF" + bytes(60), 0x464C457F),
    (bytes(4096), 0), (b"\x19\x43\x56\x54text", 0x74786574)])
def test_unknown_magic(work, command, data, word):
    """In crit's words; of a file with two words, the second is the magic."""
    dumps.write(work, "core-1.img", data)
    message = critic.run(command, "core-1.img", cwd=work).error()
    assert message.startswith("critic: core-1.img: ")
    assert "Unknown magic %#x" % word in message


@pytest.mark.parametrize("command", ["decode", "show", "info"])
@pytest.mark.parametrize("data", [b"", b"\x19", b"\x19\x43\x56", b"\x19\x43\x56\x54", b"\x19\x43\x56\x54\x47"])
def test_files_too_short_for_a_magic(work, command, data):
    dumps.write(work, "core-1.img", data)
    assert critic.run(command, "core-1.img", cwd=work).error().startswith("critic: core-1.img: ")


@pytest.mark.parametrize("args", [
    ["nosuch"], ["decode", "--nosuch"], ["decode", "-x"], ["decode", "-i"], ["decode", "-o"], ["decode", "--out"],
    ["decode", "a", "b"], ["encode", "--pretty"], ["encode", "a", "b"], ["show"], ["info"], ["info", "a", "b"],
    ["show", "--nosuch", "a"], ["--nosuch"], ["-i", "a"], ["decode", "--pretty=1"], ["x"]])
def test_usage_errors(work, args):
    """Exit status 2, a hint on stderr, nothing on stdout."""
    done = critic.run(*args, cwd=work)
    assert (done.status, done.out) == (2, b"")
    assert "critic" in done.err
    assert os.listdir(work) == []


def test_no_arguments():
    done = critic.run()
    assert done.status == 1
    assert "decode" in done.err + done.out.decode()


OPTIONS = ["-i", "--in", "-o", "--out", "--pretty", "--nopl"]


@pytest.mark.parametrize("option", ["--help", "-h", "--he"])
def test_help(option):
    """Of the whole and of each command, on stdout, even if what else is said is wrong."""
    for args in ([], ["decode"], ["encode", "nosuch"], ["show"], ["info", "a"], ["decode", "-i", "nosuch"]):
        text = critic.run(*args, option).text()
        assert text.lower().startswith("usage: critic ")
        assert all(word in text for word in OPTIONS + ["decode", "encode", "show", "info"])
        assert max(map(len, text.splitlines())) <= 100


def test_version():
    text = critic.run("--version").text()
    assert text.startswith("critic ") and text.count("\n") == 1 and text.split()[1][0].isdigit()


# ------------------------------------------------------------- show and info

SIZES = {0: "0B", 1: "1B", 1023: "1023B", 1024: "1KB", 1025: "1.0KB", 1536: "1.5KB", 12288: "12KB",
         12345: "12.1KB", 1048575: "1024.0KB", 1 << 20: "1MB", 3 << 19: "1.5MB", 3 << 20: "3MB"}


@pytest.mark.parametrize("size", SIZES)
def test_sizes_of_payloads(work, size):
    dumps.write(work, "image", critic.pipe_data(bytes(size)))
    value = json.loads(critic.run("show", "image", "--nopl", cwd=work).text())
    assert value["entries"] == [{"pipe_id": 1, "bytes": size, "extra": "... <%s>" % SIZES[size]}]


def payload_size(entry):
    """Bytes of a payload without its padding."""
    extra = entry.extra
    if isinstance(extra, dict):
        return sum(map(len, extra.values()))
    if entry.message == "ipc_sem_entry":
        return 2 * len(extra)
    if entry.message == "ipc_msg_entry":
        return sum(len(message) + len(data) for message, data in extra)
    return len(extra)


def without_payloads(image):
    value = critic.document(image)
    for shown, entry in zip(value["entries"], image.entries):
        if "extra" in shown:
            assert payload_size(entry) < 1024
            shown["extra"] = "... <%dB>" % payload_size(entry)
    return value


@pytest.mark.parametrize("variant", ["full", "bare"])
def test_show_without_payloads(work, variant):
    images = dict(handmade.make_dump(work, variant), chunked=handmade.chunked_ghost("<", (0, 5, 100)))
    dumps.write(work, "chunked", images["chunked"])
    for name, image in images.items():
        for args in (["show", name, "--nopl"], ["show", "--nopl", name]):
            assert critic.run(*args, cwd=work).text() == critic.pretty(without_payloads(image)) + "\n", name


def test_show(work):
    for name, image in handmade.make_dump(work).items():
        assert critic.run("show", name, cwd=work).text() == critic.pretty(critic.document(image)) + "\n"


def info(name, work):
    return critic.run("info", name, cwd=work).text()


def wanted_info(image, count):
    return critic.pretty({"magic": image.type.name, "count": count}) + "\n"


@pytest.mark.parametrize("header, order", [(None, "<"), ("v1.0", "<"), (None, ">")])
def test_info(work, header, order):
    """The entries are counted, of a page map without its head."""
    for name, image in handmade.make_dump(work, "bare", header, order).items():
        count = len(image.entries) - (image.type.name == "PAGEMAP")
        assert info(name, work) == wanted_info(image, count), name


@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_info_of_ghosts(work, count):
    """Without chunks one, else the chunks."""
    image = handmade.chunked_ghost("<", [3] * count)
    dumps.write(work, "ghost", image)
    assert info("ghost", work) == wanted_info(image, count)
    image = Image(TYPES["GHOST_FILE"], "common", "<", [handmade.entry(TYPES["GHOST_FILE"], size=count)])
    dumps.write(work, "ghost", image)
    assert info("ghost", work) == wanted_info(image, 1)


def test_info_of_what_is_empty_or_damaged(work):
    """What can't be decoded counts, what is cut does not."""
    image = Image(TYPES["FDINFO"], "common", "<")
    dumps.write(work, "image", image)
    assert info("image", work) == wanted_info(image, 0)
    good = handmade.entry(TYPES["FDINFO"])
    image.entries = [good, Entry("fdinfo_entry", b"\xff"), good, good]
    dumps.write(work, "image", image)
    assert info("image", work) == wanted_info(image, 4)
    dumps.write(work, "image", criuimg.write_image(image)[:-1])
    assert info("image", work) == wanted_info(image, 3)


def test_info_of_an_empty_page_map(work):
    """Without a head there is nothing to take away."""
    image = Image(TYPES["PAGEMAP"], "common", "<")
    dumps.write(work, "image", image)
    assert info("image", work) == wanted_info(image, 0)
    image.entries = [handmade.entry(TYPES["PAGEMAP"])]
    dumps.write(work, "image", image)
    assert info("image", work) == wanted_info(image, 0)
