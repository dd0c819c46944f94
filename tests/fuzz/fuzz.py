#!/usr/bin/python3
"""Run the fuzz targets, and say what their inputs reach: see README.md.

fuzz.py run|afl|coverage --build DIR [--seconds N] TARGET…
"""
import argparse
import concurrent.futures
import glob
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
REPO = os.path.dirname(os.path.dirname(HERE))
CRASHES = os.path.join(HERE, "crashes")
MEMORY = "/dev/shm"

import seeds

AT_ONCE = 2
FOUND_MAX = 10     # after so many finds, a target is given up: they are likely one
MINIMISE = 30      # seconds for each find

# An input of that size must not take so long, nor so much memory at once.
BYTES_MAX = 10 << 10
LIMITS = {"max_len": BYTES_MAX, "timeout": 25, "rss_limit_mb": 512, "malloc_limit_mb": 32}

# Decompressors take windows as large as an archive says, but use only what they need.
MORE = {"archive": {"malloc_limit_mb": 4200}, "dump": {"max_len": 16 << 10}}


def environment(work):
    return dict(os.environ, TMPDIR=work,
                ASAN_OPTIONS="detect_leaks=1:quarantine_size_mb=16:malloc_context_size=20",
                UBSAN_OPTIONS="print_stacktrace=1")


def work_dir():
    """A directory for the files that targets make, in memory if there is such a place."""
    return tempfile.TemporaryDirectory(prefix="critfs-fuzz-",
                                       dir=MEMORY if os.path.isdir(MEMORY) else None)


def number(pattern, text):
    found = re.findall(pattern, text)
    return int(found[-1]) if found else 0


def keep(target, path):
    """Put an input that fails beside the others; the name says of which target it is."""
    os.makedirs(CRASHES, exist_ok=True)
    with open(path, "rb") as f:
        digest = hashlib.sha1(f.read()).hexdigest()[:8]
    kept = os.path.join(CRASHES, "%s-%s" % (target, digest))
    shutil.copy(path, kept)
    return os.path.relpath(kept, REPO)


class Run:
    """One target under libFuzzer, started again after each find until its time is over."""

    def __init__(self, target, build, seconds, work):
        self.target, self.seconds, self.work = target, seconds, work
        self.program = os.path.join(build, "tests", "fuzz-" + target)
        self.seeds = os.path.join(build, "seeds", target)
        self.corpus = os.path.join(build, "corpus", target)
        self.finds = os.path.join(build, "found", target)
        self.executions = self.edges = 0
        self.found = []
        for path in (self.corpus, self.finds):
            os.makedirs(path, exist_ok=True)

    def libfuzzer(self, *args, **options):
        limits = dict(LIMITS, **MORE.get(self.target, {}), **options)
        return subprocess.run([self.program, *("-%s=%s" % o for o in limits.items()), *args],
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                              errors="replace", env=environment(self.work))

    def minimised(self, path):
        """The path of a smaller input that fails, too, or the same one."""
        smaller = path + ".small"
        self.libfuzzer(path, minimize_crash=1, max_total_time=MINIMISE,
                       exact_artifact_path=smaller)
        return smaller if os.path.exists(smaller) else path

    def take_finds(self, log):
        """Keep what the last run has found, if it fails again; how many inputs it left."""
        found = [p for p in glob.glob(self.finds + "/*-*") if not p.endswith(".log")]
        for path in found:
            # an input may take long because the machine is busy
            if self.libfuzzer(path).returncode:
                kept = keep(self.target, self.minimised(path))
                self.found.append(kept)
                with open(os.path.join(self.finds, os.path.basename(kept) + ".log"), "w") as f:
                    f.write(log)
            for left in glob.glob(path + "*"):
                os.unlink(left)
        return len(found)

    def run(self):
        end = time.monotonic() + self.seconds
        while time.monotonic() < end and len(self.found) < FOUND_MAX:
            done = self.libfuzzer(self.corpus, self.seeds, print_final_stats=1,
                                  artifact_prefix=self.finds + "/",
                                  max_total_time=max(1, int(end - time.monotonic())))
            self.executions += number(r"stat::number_of_executed_units: (\d+)", done.stderr)
            self.edges = number(r"cov: (\d+)", done.stderr)
            if not self.take_finds(done.stderr) and done.returncode:
                raise RuntimeError("%s: %s" % (self.program, done.stderr[-2000:]))
        return self

    def line(self):
        return "%-10s %7d %12d %8d %7d %7d  %s" % (
            self.target, self.seconds, self.executions, self.executions // self.seconds,
            self.edges, len(os.listdir(self.corpus)), " ".join(self.found) or "nothing")


def run(args):
    seeds.make(os.path.join(args.build, "seeds"), args.targets)
    with work_dir() as work, concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        runs = [Run(t, args.build, args.seconds, work) for t in args.targets]
        print("%-10s %7s %12s %8s %7s %7s  found"
              % ("target", "seconds", "executions", "a second", "edges", "corpus"), flush=True)
        for done in pool.map(Run.run, runs):
            print(done.line(), flush=True)
    return 1 if any(r.found for r in runs) else 0


def afl(args):
    """AFL++ on one target, in the persistent mode of the compiler's own main()."""
    target, = args.targets
    seeds.make(os.path.join(args.build, "seeds"), args.targets)
    out = os.path.join(args.build, "out")
    with work_dir() as work:
        env = dict(environment(work), AFL_NO_UI="1", AFL_SKIP_CPUFREQ="1", AFL_NO_AFFINITY="1",
                   AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES="1", AFL_AUTORESUME="1")
        env.pop("ASAN_OPTIONS")
        done = subprocess.run(["afl-fuzz", "-i", os.path.join(args.build, "seeds", target), "-o", out,
                               "-G", str(BYTES_MAX), "-t", "1000+", "-V", str(args.seconds), "--",
                               os.path.join(args.build, "tests", "fuzz-" + target)],
                              env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        print(done.stdout[-4000:])
        return 1
    with open(out + "/default/fuzzer_stats") as f:
        stats = dict(re.split(r"\s*:\s*", line.strip(), maxsplit=1) for line in f)
    for key in ("run_time", "execs_done", "execs_per_sec", "corpus_count", "bitmap_cvg",
                "saved_crashes", "saved_hangs"):
        print("%-14s %s" % (key, stats[key]))
    found = [p for kind in ("crashes", "hangs") for p in glob.glob(out + "/default/%s/id*" % kind)]
    for path in found:
        print("found", keep(target, path))
    return 1 if found else 0


# -------------------------------------------------------------- coverage

def measured(build, targets):
    """llvm-cov's numbers of each file of decoder/, of all that was found so far."""
    fuzzed = os.path.join(os.path.dirname(build), "fuzz")
    raw = []
    with work_dir() as work:
        for target in targets:
            inputs = [os.path.join(build, "seeds", target), os.path.join(fuzzed, "corpus", target)]
            inputs = [p for p in inputs if os.path.isdir(p)] + glob.glob(CRASHES + "/%s-*" % target)
            raw.append(os.path.join(build, target + ".profraw"))
            subprocess.run([os.path.join(build, "tests", "replay-" + target), *inputs], check=True,
                           stdout=subprocess.DEVNULL,
                           env=dict(environment(work), LLVM_PROFILE_FILE=raw[-1]))
    merged = os.path.join(build, "merged.profdata")
    subprocess.run(["llvm-profdata", "merge", "-sparse", "-o", merged, *raw], check=True)
    objects = [os.path.join(build, "tests", "replay-" + t) for t in targets]
    done = subprocess.run(["llvm-cov", "export", "-summary-only", "-instr-profile", merged,
                           objects[0], *("-object=" + o for o in objects[1:])],
                          check=True, capture_output=True, text=True)
    files = json.loads(done.stdout)["data"][0]["files"]
    return {f["filename"].split("/decoder/", 1)[1]: f["summary"] for f in files
            if "/decoder/" in f["filename"]}


def share(numbers):
    covered, count = (sum(n[key] for n in numbers) for key in ("covered", "count"))
    return "%6d of %6d %5.1f %%" % (covered, count, 100 * covered / count if count else 100)


def coverage(args):
    seeds.make(os.path.join(args.build, "seeds"), args.targets)
    files = measured(args.build, args.targets)
    print("%-28s %-24s %s" % ("decoder/", "lines", "branches"))
    for name in sorted(files):
        print("%-28s %s  %s" % (name, share([files[name]["lines"]]), share([files[name]["branches"]])))
    print("%-28s %s  %s" % ("all", share([f["lines"] for f in files.values()]),
                            share([f["branches"] for f in files.values()])))
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("run", "afl", "coverage"))
    parser.add_argument("--build", required=True)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("targets", nargs="+", choices=sorted(seeds.ALL), metavar="TARGET")
    args = parser.parse_args()
    args.build = os.path.abspath(args.build)
    try:
        return {"run": run, "afl": afl, "coverage": coverage}[args.what](args)
    finally:
        seeds.dumps.remove_all()


if __name__ == "__main__":
    sys.exit(main())
