"""Those who edit entries, extras and whole documents, by all sorts of ways."""
import errno
import json
import os
import re
import subprocess

import calls
import criuimg
import documents
import mnt
import slots
from criuimg import SCHEMA, Entry, Image, TYPES
from job import Job, Share

CALLS = [calls.open_w, calls.open_r_plus, calls.many_small_writes, calls.pieces_in_any_order,
         calls.ftruncate_then_write, calls.ftruncate_after_write, calls.mmap_and_msync,
         calls.mmap_without_msync, calls.appended_in_two, calls.fsync_before_close,
         calls.rename_scratch, calls.tempfile_and_replace, calls.rename_open_scratch, calls.json_dump]

# In the file's directory; $F is its name, $NEW a file outside that has the new text.
TOOLS = ['sed -i "$SED" $F', 'sed "$SED" $F > $F.t && mv $F.t $F', 'perl -i -pe "$SED" $F',
         'jq --indent 4 . "$NEW" > $F.t && mv $F.t $F', 'jq --indent 4 . "$NEW" > $F', 'cp "$NEW" $F',
         'cp -p "$NEW" $F', 'install -m 600 "$NEW" $F', 'rsync -I "$NEW" $F', 'rsync -I --inplace "$NEW" $F',
         'dd if="$NEW" of=$F bs=64 status=none', 'vim -es -u NONE -n -c "%$SED" -c wq $F',
         'mv $F $F~ && cp "$NEW" $F && rm $F~',           # what vim does without backupcopy
         'cp $F $F~ && cat "$NEW" > $F && rm $F~']

# Wrong in their syntax, or only once they are whole.
WRONG = ["{", '{"a": ', "[]\n", "{}\n", '{"no_such_field": 1}\n']


def run(script, where, **variables):
    done = subprocess.run(["sh", "-c", script], cwd=where, env=dict(os.environ, **variables),
                          capture_output=True, text=True, errors="replace")
    assert done.returncode == 0 and not done.stderr, (script, done.returncode, done.stderr)
    return done.stdout


def renumbered(entry, number):
    """(sed's command that puts another number for its first into the entry's text, the entry then)."""
    counts = "|".join(slots.COUNTS)
    line = re.search(r'^( *"(?!(?:%s)")[a-z_]+": )(\d+)' % counts, entry.text(), re.M)
    value = json.loads(entry.text()[:line.start(2)] + str(number) + entry.text()[line.end(2):])
    payload = SCHEMA.encode(criuimg.from_json(entry.message, value))
    new = Entry(entry.message, payload, entry.extra)
    key = line[1].lstrip()
    return "s/%s%s/%s%d/" % (key, line[2], key, number), new


class Editor(Job):
    """Has every n-th slot of some images, in which others have the rest."""

    def __init__(self, place, seed, shares, free):
        super().__init__(place, seed)
        self.shares, self.free = shares, free      # free: slots that it may fill, by share

    def images(self):
        return self.shares

    def some(self, fits=lambda share: True):
        share = self.rand.choice([s for s in self.shares if s.entry and fits(s)])
        return share, self.rand.choice(sorted(share.entry))

    def call(self):
        share, slot = self.some()
        _, new = renumbered(share.entry[slot], self.next())
        how = self.rand.choice(CALLS)
        how(share.json(slot), new.text())
        share.entry[slot] = new
        share.check_entry(slot, how.__name__)

    def tool(self):
        share, slot = self.some()
        sed, new = renumbered(share.entry[slot], self.next())
        script = self.rand.choice(TOOLS)
        run(script, share.dir, F="%d.json" % slot, SED=sed, NEW=self.outside("new", new.text()))
        share.entry[slot] = new
        share.check_entry(slot, script)

    def extra(self):
        share, slot = self.some(lambda s: s.kind.startswith("blob") or s.kind in ("tcp", "bpfmap"))
        name, _ = self.rand.choice(sorted(mnt.extra_files(share.entry[slot], slot).items()))
        suffix = name.split(".")[1]
        extra = share.entry[slot].extra
        old = extra[suffix] if isinstance(extra, dict) else extra
        data = self.change_bytes(share.path(name), old)
        share.entry[slot] = slots.with_extra(
            share.entry[slot], share.kind, dict(extra, **{suffix: data}) if isinstance(extra, dict) else data)
        share.check_entry(slot)

    def change_bytes(self, path, old):
        how, data = self.rand.randrange(4), self.rand.randbytes(self.rand.choice((0, 7, 500, 20000, 200000)))
        if how == 0 and len(old) < 100000:
            mnt.save(path, data, os.O_WRONLY | os.O_APPEND)
            return old + data
        if how == 1:
            size = self.rand.randrange(1, 50000)
            os.truncate(path, size)
            return old[:size] + bytes(max(0, size - len(old)))
        if how == 2:
            run('cp "$NEW" "$TO"', "/", NEW=self.outside("new", data), TO=path)
        else:
            mnt.save(path, data)
        return data

    def semaphores(self):
        share, slot = self.some(lambda s: s.kind == "sem")
        values = [self.rand.randrange(65536) for _ in range(self.rand.randrange(20))]
        mnt.save(share.path("%d.sems.json" % slot), json.dumps(values))
        share.entry[slot] = slots.with_extra(share.entry[slot], share.kind, values)
        share.check_entry(slot)

    def refused(self):
        share, slot = self.some()
        path = share.json(slot)
        try:
            self.rand.choice(CALLS[:2])(path, self.rand.choice(WRONG))
        except OSError as e:
            assert e.errno == errno.EBADMSG, e
        else:
            raise AssertionError("it was not refused")
        assert path[-len("%d.json" % slot):] in mnt.read_text(path + ".err")
        share.check_entry(slot)
        for name in (".rej", ".err"):
            os.unlink(path + name)

    def remove(self):
        """And later, in that slot or another one, create."""
        share, slot = self.some(lambda s: s.kind != "msg" and len(s.entry) > 5)
        share.remove(slot)
        self.free[share.name].append(slot)
        assert not os.path.exists(share.json(slot))

    def create(self):
        share = self.rand.choice([s for s in self.shares if s.kind != "msg"])
        if not self.free[share.name]:
            return
        slot = self.free[share.name].pop(self.rand.randrange(len(self.free[share.name])))
        e = slots.entry(share.typ, self.next(), self.rand.choice((0, 5, 3000)))
        mnt.save(share.json(slot), e.text(), os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        for name, data in mnt.extra_files(e, slot).items():
            mnt.save(share.path(name), data, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        share.entry[slot] = e
        share.check_entry(slot)

    def move(self):
        share, slot = self.some()
        if not self.free[share.name]:
            return
        to = self.free[share.name].pop(self.rand.randrange(len(self.free[share.name])))
        run('mv "$A" "$B"', share.dir, A="%d.json" % slot, B="%d.json" % to)
        share.entry[to] = share.entry.pop(slot)
        self.free[share.name].append(slot)
        share.check_entry(to)

    def look(self):
        share, slot = self.some()
        share.check_entry(slot)

    def steps(self):
        return [self.call, self.call, self.tool, self.extra, self.semaphores, self.refused, self.remove,
                self.create, self.create, self.move, self.look, self.look]


class Documents(Job):
    """Has an image of its own, and writes it whole and entry by entry."""

    def __init__(self, place, seed, typ, name):
        super().__init__(place, seed)
        self.share = Share(place, typ, name, {})
        self.path = place / ".critfs/json/%s.json" % name
        self.another(5)

    def another(self, count):
        """The entries of a whole new document; they are counted from 0 again."""
        self.share.entry = {i: slots.entry(self.share.typ, self.next(), self.rand.choice((0, 9, 700)))
                            for i in range(count)}

    def text(self):
        e = self.share.entry
        return documents.text(Image(TYPES[self.share.typ], "common", "<", [e[s] for s in sorted(e)]))

    def images(self):
        return [self.share]

    def whole(self):
        self.another(self.rand.choice((1, 5, 40)))
        self.rand.choice((calls.open_w, calls.rename_scratch, calls.fsync_before_close))(self.path, self.text())
        self.share.check_image()
        assert mnt.read_text(self.path) == self.text()

    def edited(self):
        """One entry in it, by sed; all others stay."""
        slot = self.rand.choice(sorted(self.share.entry))
        sed, new = renumbered(self.share.entry[slot], self.next())
        run('sed -i "$SED" "$F"', os.path.dirname(self.path), SED=sed, F=os.path.basename(self.path))
        entries = dict(self.share.entry)
        entries[slot] = new
        self.share.entry = dict(enumerate(entries[s] for s in sorted(entries)))
        self.share.check_image()

    def entry(self):
        slot = self.rand.choice(sorted(self.share.entry))
        _, new = renumbered(self.share.entry[slot], self.next())
        calls.open_w(self.share.json(slot), new.text())
        self.share.entry[slot] = new
        self.share.check_image()
        self.share.check_entry(slot)

    def refused(self):
        before = mnt.read(self.share.stored)
        try:
            calls.open_w(self.path, self.text().replace('"entries"', '"entires"'))
        except OSError as e:
            assert e.errno == errno.EBADMSG, e
        else:
            raise AssertionError("it was not refused")
        assert mnt.read(self.share.stored) == before
        for name in (".rej", ".err"):
            os.unlink(self.path + name)

    def steps(self):
        return [self.whole, self.edited, self.entry, self.entry, self.refused]
