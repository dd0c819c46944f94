"""
The C unit tests: each test of each unit-* program is an item here.

CRITFS_VALGRIND=short runs them under valgrind, whose errors and leaks are failures; but for
those that take it more than some seconds, which CRITFS_VALGRIND=all has, too.
"""
import glob
import os
import subprocess

import pytest

import mnt

PROGRAMS = sorted(p for p in glob.glob(os.path.join(mnt.BUILD, "tests", "unit-*"))
                  if os.access(p, os.X_OK) and not os.path.isdir(p) and "." not in os.path.basename(p))
SKIP = 77
HEARD = 99
UNDER = os.environ.get("CRITFS_VALGRIND")
VALGRIND = ["valgrind", "-q", "--leak-check=full", "--show-leak-kinds=definite,indirect,possible",
            "--errors-for-leak-kinds=definite,indirect,possible", "--error-exitcode=%d" % HEARD]
LONG = {
    "broken": "rewritten_while_open truncated_while_open",
    "codec": """broken_texts doubled_messages_merge keys_in_any_order round_trip round_trip_with_bad_utf8
        round_trip_with_unknown_fields""",
    "compose": "both_ways keys_in_another_order read_errors",
    "document": "files_that_are_cut reads_are_the_pieces single_bytes styles_are_what_they_say",
    "draft": "shared_drafts_part steps_from_a_span steps_from_nothing",
    "edit": "the_index_follows",
    "edit-document": "own_documents_change_nothing",
    "image": "a_million_entries_take_little_memory entries_in_any_order",
    "json": "agrees_with_json_c_on_mutations",
    "patch": "files_that_take_turns",
    "slots": "every_neighbourhood",
    "space": "a_million_entries a_million_falling_entries hostile_mappings",
    "space-parents": "chains_that_are_too_long",
    "space-shared": "many_segments many_segments_of_many_parents",
    "spool": "random_sizes spools_into_spools",
    "stencil": "odd_sequences",
    "structure": "entries_behind_a_head entries_with_blobs from_nothing_to_nothing messages_of_queues",
    "text": "utf8_as_iconv",
    "window": """cut_texts errors_at_the_edge goes_back keys_are_taken pieces_of_strings skips_at_the_edge
        tokens_at_the_edge tokens_longer_than_the_window""",
    "wire": "depth_has_a_limit mutated_messages truncated_messages"}


def names(program):
    done = subprocess.run([program, "--list"], capture_output=True, text=True, env=mnt.environment())
    # A program that can't list its tests becomes one test, which fails.
    return done.stdout.split() if done.returncode == 0 else ["--list"]


def is_long(program, name):
    return name in LONG.get(os.path.basename(program)[len("unit-"):], "").split()


CASES = [pytest.param(p, n, id="%s:%s" % (os.path.basename(p), n))
         for p in PROGRAMS for n in names(p) if UNDER != "short" or not is_long(p, n)]


@pytest.mark.parametrize("program, name", CASES)
def test_unit(program, name, work):
    done = subprocess.run([*(VALGRIND if UNDER else []), program, name], capture_output=True, cwd=work, timeout=800,
                          text=True, errors="replace", env=mnt.environment())
    output = done.stdout + done.stderr
    if done.returncode == SKIP:
        pytest.skip(output.strip() or "skipped")
    mnt.check_log(output)
    assert done.returncode == 0, output[-4000:]


@pytest.mark.skipif(mnt.sanitized(), reason="valgrind and a sanitizer do not go together")
def test_valgrind_is_heard(work):
    """A library that reads behind what it has allocated, within a program that does not."""
    library, program = os.path.join(work, "wrong.so"), PROGRAMS[0]
    subprocess.run(["cc", "-O1", "-fPIC", "-shared", "-o", library,
                    os.path.join(os.path.dirname(__file__), "preload/wrong.c"), "-lpthread"], check=True)
    for env, wanted in (({}, 0), ({"LD_PRELOAD": library}, HEARD)):
        assert subprocess.run([*VALGRIND, program, names(program)[0]], capture_output=True,
                              env=dict(mnt.environment(), **env)).returncode == wanted
