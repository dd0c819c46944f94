"""Those who only read: listings, searches, documents, processes and their memory."""
import json
import os
import re
import subprocess

import mnt
from job import Job

# What a tool may say where others remove and rename what it has seen the name of.
MEANWHILE = re.compile(r"No such file or directory|File removed before we read it|"
                       r"file changed as we read it|File shrank by|Not a directory|Is a directory|"
                       r"failing status|failure status|directory causes a cycle|Stale file handle|"
                       r"Device or resource busy")

TOOLS = ["grep -rc pipe_id .", "find . -ls", "ls -lR", "tar cf - . | wc -c", "du -s --apparent-size .",
         "cat *.img/*.json", "wc -c hand/*.img/*", "ls -lR .critfs/proc/*/fd", "ls .critfs/img hand/.critfs/json",
         "cat .critfs/img/files.img", "cat hand/.critfs/json/*", "cat .critfs/errors .critfs/scratch",
         "cat .critfs/proc/*/maps .critfs/proc/*/status", "cat .critfs/proc/*/smaps | wc -l",
         "grep -c API_TOKEN -ra .critfs/proc/*/map_files", "cat .critfs/stats hand/.critfs/stats",
         "cat .critfs/check", "head -c 3000000 .critfs/proc/*/core | wc -c", "cat .critfs/proc/*/core | wc -c",
         "diff -rq hand/.critfs/img hand/.critfs/img"]


class Reader(Job):
    """Sees all that the others do: what it reads of an entry is whole, and tools complain of nothing else."""

    def tool(self):
        script = self.rand.choice(TOOLS)
        done = subprocess.run(["sh", "-c", script], cwd=self.place.point, stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True, errors="replace")
        wrong = [l for l in done.stderr.splitlines() if not MEANWHILE.search(l)
                 # what is written anew in place takes the bytes from whoever reads them
                 and not ("outside/" in l and "Input/output error" in l)]
        assert not wrong and done.returncode >= 0, (script, done.returncode, wrong[:5])

    def entries(self):
        """All of one image."""
        where = self.place / self.rand.choice(["", "hand"])
        images = [n for n in os.listdir(where) if n.endswith(".img")]
        self.read_all(os.path.join(where, self.rand.choice(images)))

    def read_all(self, image):
        try:
            names = [n for n in os.listdir(image) if n.endswith(".json") and n[0].isdigit()]
        except (FileNotFoundError, NotADirectoryError):
            return
        assert len(names) == len(set(names)), image
        for name in names:
            try:
                with open(os.path.join(image, name), "rb") as f:
                    text = f.read()
            except OSError as e:
                assert MEANWHILE.search(str(e)), e
                continue
            # the kernel itself shows for a moment what was opened to be written anew as empty
            assert not text or isinstance(json.loads(text), (dict, list)), (image, name)

    def memory(self):
        """Some pages, by their address."""
        pids = [n for n in os.listdir(self.place / ".critfs/proc") if n.isdigit()]
        where = self.place / ".critfs/proc/" + self.rand.choice(pids)
        ranges = re.findall(r"^([0-9a-f]+)-([0-9a-f]+) r", mnt.read_text(where + "/maps"), re.M)
        fd = os.open(where + "/mem", os.O_RDONLY)
        try:
            for start, _ in self.rand.sample(ranges, min(5, len(ranges))):
                try:
                    os.pread(fd, 4096, int(start, 16))
                except OSError:
                    pass                             # what the dump has no bytes of
        finally:
            os.close(fd)

    def one(self):
        for _ in range(20):
            self.entries()

    def steps(self):
        return [self.tool, self.one, self.memory, self.entries]
