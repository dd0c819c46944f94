/*
 * A bar that says how far a long command is, where stderr is a terminal.
 */
#ifndef CRITIC_PROGRESS_H
#define CRITIC_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct critic_progress {
	uint64_t total, done; /* bytes */
	bool shown;           /* stderr is a terminal */
};

void critic_progress_begin(struct critic_progress *p, uint64_t total);

/* `bytes` more are done, and `name` is next. */
void critic_progress_step(struct critic_progress *p, uint64_t bytes, const char *name);

/* Take the bar away, before a message or at the end. */
void critic_progress_clear(const struct critic_progress *p);

#endif
