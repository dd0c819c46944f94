/*
 * The stretches of JSON text that are most, told from the rest at once: characters that
 * stand for themselves in a string, and numbers that are short. What is none of these is
 * the scanner's business.
 */
#ifndef CRIT_PLAIN_H
#define CRIT_PLAIN_H

#include <stdbool.h>
#include <stdint.h>

/* The first byte from `p` on that is not just itself in a string; *high: some are no ASCII. */
const char *crit_plain_run(const char *p, const char *end, bool *high);

/*
 * Where a number of up to 18 digits without a sign, or a string of up to 15 hexadecimal
 * digits behind "0x", that begins at `p` and is at most `max` ends; NULL: it is none, or
 * may go on behind `end`.
 */
const char *crit_plain_number(const char *p, const char *end, uint64_t max, uint64_t *number);

#endif
