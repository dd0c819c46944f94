"""What a daemon takes, sampled, and whether that is flat."""
import os
import statistics

SLACK_KIB = 3072             # what an allocator gives and takes, and .critfs/errors, which has up to a MiB
FACTOR = 1.1
FILES = 64 + 16              # images that a mount keeps open; page maps and pages of processes


class Sample:
    """Of one moment: resident memory in KiB, threads, descriptors of the dump's files and others."""

    def __init__(self, pid, roots):
        with open("/proc/%d/status" % pid) as f:
            fields = dict(line.split(":", 1) for line in f if ":" in line)
        self.memory, self.threads = int(fields["VmRSS"].split()[0]), int(fields["Threads"])
        self.others, self.files = [], 0
        for fd in os.listdir("/proc/%d/fd" % pid):
            try:
                target = os.readlink("/proc/%d/fd/%s" % (pid, fd))
            except FileNotFoundError:
                continue                             # closed since it was listed
            if target.startswith(tuple(r + "/" for r in roots)) and not os.path.isdir(target):
                self.files += 1
            else:
                self.others.append(target)

    @property
    def descriptors(self):
        return len(self.others) + self.files

    def __str__(self):
        return "%d KiB, %d descriptors, %d threads" % (self.memory, self.descriptors, self.threads)


def quarter(values, number):
    """The median of the first, second, … quarter; of the nearest value where there are few."""
    n = len(values)
    return statistics.median(values[number * n // 4:max((number + 1) * n // 4, number * n // 4 + 1)])


def wrong(samples, memory=True):
    """
    What is not flat in samples that were taken at rest, as texts. The first round opens and
    allocates what is kept; memory is compared from the second quarter on, by medians, where
    there are quarters, and it is the daemon's own (a sanitizer's grows with what was touched).
    """
    out, first, last = [], samples[0], samples[-1]
    if any(s.threads != first.threads for s in samples):
        out.append("threads: %s" % [s.threads for s in samples])
    if len(last.others) > len(first.others):
        out.append("descriptors: %d more than after the first round: %s" %
                   (len(last.others) - len(first.others), sorted(set(last.others) - set(first.others))))
    if any(s.files > FILES for s in samples):
        out.append("descriptors of the dump's files: %s" % [s.files for s in samples])
    early, late = (quarter([s.memory for s in samples], n) for n in (1, 3))
    if memory and len(samples) >= 4 and late > early * FACTOR + SLACK_KIB:
        out.append("memory: %d KiB after a quarter of the time, %d at the end" % (early, late))
    return out
