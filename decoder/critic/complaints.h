/*
 * Telling what is wrong with a dump, or had to be left out of what is shown of it.
 */
#ifndef CRITIC_COMPLAINTS_H
#define CRITIC_COMPLAINTS_H

#include <stdbool.h>
#include <stdio.h>

#include "decoder/process.h"

struct critic_complaints {
	struct crit_listener listener; /* tells `to`; must be the first */
	const char *dir;               /* of the dump, borrowed */
	FILE *to;
	bool any;   /* there was one */
	bool quiet; /* note only that it is so */
};

void critic_complaints_init(struct critic_complaints *c, const char *dir, FILE *to);

/* Something of the dump, or of an image of it (else NULL): "text" and "more" behind it. */
void critic_complain(struct critic_complaints *c, const char *image, const char *text,
		     const char *more);

/*
 * Read the processes of a dump. false if there are none to be had, of which was complained.
 */
bool critic_read_processes(struct critic_complaints *c, struct crit_dump *dump,
			   struct crit_processes *ps);

#endif
