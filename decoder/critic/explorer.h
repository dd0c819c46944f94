/*
 * What the explorers have in common: the dump, where the text goes, and how things of
 * the dump are spelled.
 */
#ifndef CRITIC_EXPLORER_H
#define CRITIC_EXPLORER_H

#include <stdbool.h>
#include <stdio.h>

#include "decoder/buf.h"
#include "decoder/critic/complaints.h"
#include "decoder/dump.h"
#include "decoder/descriptors.h"
#include "decoder/process.h"

struct explorer {
	struct critic_complaints complaints;
	FILE *out;

	struct crit_dump dump;
	struct crit_processes processes;
	struct crit_files *files; /* owned */
	struct crit_buf text;     /* spelled last */
};

/*
 * Text that is safe to print, good until the next of these calls; an empty one if there
 * is no memory.
 */
const char *explorer_text(struct explorer *x, const char *s);
const char *explorer_bytes(struct explorer *x, ProtobufCBinaryData data);

/* A file, as crit spells it: a path, pipe[12], unix[3 (4) name], TYPE.id. */
const char *explorer_file(struct explorer *x, uint32_t type, uint64_t id);

/* One for each word of the command; what can't be read is told as it is met. */
void explore_ps(struct explorer *x);
void explore_fds(struct explorer *x);
void explore_mems(struct explorer *x);
void explore_rss(struct explorer *x);
void explore_sockets(struct explorer *x);

#endif
