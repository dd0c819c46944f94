/*
 * Texts in memory that are handed out as those of files and pipes are.
 */
#ifndef UNIT_SOURCES_H
#define UNIT_SOURCES_H

#include <errno.h>

#include "decoder/source.h"
#include "unit.h"

struct text_source {
	struct crit_source source; /* must be the first */
	const char *text;          /* borrowed */
	size_t len;
	uint64_t given;  /* all before was handed out */
	uint64_t breaks; /* what comes from here on can't be read */
};

static inline ssize_t text_read(struct crit_source *s, void *buf, size_t len, uint64_t off)
{
	struct text_source *t = (struct text_source *)s;

	if (s->sequential && off != t->given)
		fail("expected a pipe to be read at %llu, found a read at %llu",
		     (unsigned long long)t->given, (unsigned long long)off);
	if (off > t->len)
		fail("expected no read behind the end, found one at %llu",
		     (unsigned long long)off);
	if (len > t->len - off)
		len = (size_t)(t->len - off);
	if (off + len > t->breaks)
		return -EIO;
	if (len)
		memcpy(buf, t->text + off, len);
	t->given = off + len;
	return (ssize_t)len;
}

static inline struct text_source text_source(const void *text, size_t len)
{
	return (struct text_source){
		.source = {.read = text_read}, .text = text, .len = len, .breaks = UINT64_MAX};
}

/* Each byte can be had once. */
static inline struct text_source text_pipe(const void *text, size_t len)
{
	struct text_source t = text_source(text, len);

	t.source.sequential = true;
	return t;
}

#endif
