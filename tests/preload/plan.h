/*
 * Which call of the daemon is to fail, or to be its last.
 *
 * The file that CRITFS_TEST_FAIL names says it, a line "CALL WHAT [NUMBER [TIMES]]": WHAT
 * is an errno's number, or -1 to be killed before the call, -2 after it, or -3 for somebody
 * else who makes the file first, which is empty and for nobody else; NUMBER is how
 * many such calls go well before, TIMES how many then do not, all of them if it is not
 * there. CALL may be "any", for every one but those for memory and what can't (to stat
 * what is open, to give back a lease), and "memory", or "memory:own" for what is not libfuse's.
 * Nothing in it: all goes well. Calls are counted anew whenever the file's contents change.
 * The file that CRITFS_TEST_FAILED names gets the name of each call that was made to fail.
 *
 * The files have to be there when the program starts, and to stay the same ones.
 */
#ifndef PRELOAD_PLAN_H
#define PRELOAD_PLAN_H

#include <stdbool.h>

#define KILL_BEFORE (-1)
#define KILL_AFTER  (-2)
#define MADE_BEFORE (-3)

/*
 * Is it this call's turn? What shall happen, or 0. errno stays. `group`: "any", "memory:own",
 * "memory:libfuse", or NULL.
 */
int turn(const char *call, const char *group);

enum plan_file { PLAN, PLAN_LOG, PLAN_FAILED, PLAN_FILES };

/* A line for one of the files, if that is there. */
void append_line(enum plan_file file, const char *line);

#endif
