/*
 * Telling what was found: not more than a hundred findings an image, nothing twice, and no
 * byte of the dump that a terminal would obey.
 */
#include <errno.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "decoder/check/checker.h"
#include "decoder/printable.h"

enum { FINDINGS_MAX = 100, TEXT_MAX = 512, PATH_BYTES_MAX = 1024 };

/* How many findings an image has. */
struct count {
	char *image; /* owned */
	uint64_t n, errors;
};

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct count *)a)->image, ((const struct count *)b)->image);
}

static void count_free(void *count)
{
	free(((struct count *)count)->image);
	free(count);
}

void check_told_fini(struct checker *c)
{
	tdestroy(c->told, count_free);
}

/* The count of an image, NULL if there is no memory. */
static struct count *count_of(struct checker *c, const char *image)
{
	struct count wanted = {.image = (char *)image}, **found, *new;

	found = tfind(&wanted, &c->told, compare);
	if (found)
		return *found;
	new = calloc(1, sizeof(*new));
	if (new)
		new->image = strdup(image);
	if (new &&new->image && tsearch(new, &c->told, compare))
		return new;
	if (new)
		count_free(new);
	c->error = -ENOMEM;
	return NULL;
}

static void spell_path(struct check_at at, char *path)
{
	if (at.entry == CHECK_WHOLE)
		snprintf(path, PATH_BYTES_MAX, "%s", at.image);
	else if (at.in_entry)
		snprintf(path, PATH_BYTES_MAX, "%s/%llu.msgs/%llu.%s", at.image,
			 (unsigned long long)at.entry, (unsigned long long)at.msg,
			 at.raw ? "raw" : "json");
	else
		snprintf(path, PATH_BYTES_MAX, "%s/%llu.%s", at.image,
			 (unsigned long long)at.entry, at.raw ? "raw" : "json");
}

static void put(struct checker *c, const char *path, bool is_error, const char *text)
{
	struct crit_buf out = {0};
	size_t at;

	crit_printable(&out, path, strlen(path), "");
	crit_buf_byte(&out, 0);
	at = out.len;
	crit_printable(&out, text, strlen(text), "");
	crit_buf_byte(&out, 0);
	if (out.error)
		c->error = out.error;
	else
		c->findings->tell(c->findings, (char *)out.data, is_error,
				  (char *)out.data + at);
	crit_buf_fini(&out);
}

/* `path`: what is told of; it counts as one of the image's. */
static void tell(struct checker *c, const char *image, const char *path, bool is_error,
		 const char *text)
{
	struct count *count = count_of(c, image);

	if (!count || count->n++ < FINDINGS_MAX)
		put(c, path, is_error, text);
	else
		count->errors += is_error;
}

__attribute__((format(printf, 4, 0))) static void
tell_at(struct checker *c, struct check_at at, bool is_error, const char *fmt, va_list args)
{
	char path[PATH_BYTES_MAX], text[TEXT_MAX];

	spell_path(at, path);
	vsnprintf(text, sizeof(text), fmt, args);
	tell(c, at.image, path, is_error, text);
}

void check_error(struct checker *c, struct check_at at, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	tell_at(c, at, true, fmt, args);
	va_end(args);
}

void check_warning(struct checker *c, struct check_at at, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	tell_at(c, at, false, fmt, args);
	va_end(args);
}

/* FNV-1a: two names of one hash would only hide one of two findings. */
static uint64_t hash(const char *name)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (; *name; name++)
		h = (h ^ (uint8_t)*name) * UINT64_C(0x100000001b3);
	return h;
}

void check_missing(struct checker *c, const char *name, struct check_at who)
{
	char path[PATH_BYTES_MAX], text[PATH_BYTES_MAX + TEXT_MAX];
	uint64_t before = c->needed.n;

	if (crit_index_put(&c->needed, hash(name), 0, NULL) < 0)
		c->error = -ENOMEM;
	if (c->needed.n == before)
		return;
	spell_path(who, path);
	snprintf(text, sizeof(text), "there is no such file, which %s needs", path);
	/* who names a million of them has a million findings */
	tell(c, who.image, name, true, text);
}

bool check_exists(struct checker *c, const char *name)
{
	/* all names are known; a million may be asked for */
	return check_find(c, name);
}

void check_need(struct checker *c, struct check_at who, const char *format, uint64_t number)
{
	char name[CRIT_IMAGE_NAME_MAX];
	size_t before = strcspn(format, "%");

	/* the one conversion is %llu */
	snprintf(name, sizeof(name), "%.*s%llu%s", (int)before, format,
		 (unsigned long long)number, format + before + 4);
	if (!check_exists(c, name))
		check_missing(c, name, who);
}

static void left_out(const void *node, VISIT visit, void *arg)
{
	const struct count *count = *(const struct count *const *)node;
	struct checker *c = arg;
	char text[64];

	if ((visit != postorder && visit != leaf) || count->n <= FINDINGS_MAX)
		return;
	snprintf(text, sizeof(text), "… and %llu more",
		 (unsigned long long)count->n - FINDINGS_MAX);
	put(c, count->image, count->errors != 0, text);
}

void check_left_out(struct checker *c)
{
	twalk_r(c->told, left_out, c);
}

/* Findings as text. */
struct to_text {
	struct crit_findings findings; /* must be the first */
	struct crit_buf *out;
};

static void tell_text(struct crit_findings *f, const char *path, bool is_error,
		      const char *text)
{
	struct crit_buf *out = ((struct to_text *)f)->out;

	crit_buf_str(out, path);
	crit_buf_str(out, is_error ? ": error: " : ": warning: ");
	crit_buf_str(out, text);
	crit_buf_byte(out, '\n');
}

int crit_check_text(const struct crit_dir *dir, struct crit_buf *out)
{
	struct to_text to = {{tell_text}, out};
	int ret = crit_check(dir, &to.findings);

	return ret < 0 ? ret : out->error;
}
