/*
 * Filling in struct crit_error, and the one table that turns reasons into
 * errnos.
 */
#include "decoder/error.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "decoder/printable.h"

static int reason_errno(enum crit_reason reason)
{
	switch (reason) {
	case CRIT_REJECTED:
		/* EINVAL makes mv print nonsense, EIO looks like a dying disk */
		return EBADMSG;
	case CRIT_CHANGED:
		/* not ESTALE: the kernel would ask once more, and then it may succeed */
		return EBUSY;
	case CRIT_BROKEN:
		return EIO;
	case CRIT_TOO_BIG:
		return EFBIG;
	case CRIT_NO_MEMORY:
		return ENOMEM;
	}
	return EIO;
}

/*
 * Messages repeat what stood in files and texts: nothing of that may start a line
 * of its own in a log, or move a terminal's cursor. What is formatted is longer than
 * what is kept of it, so that a cut through a character is never seen.
 */
__attribute__((format(printf, 3, 0))) static void fill(struct crit_error *err, int errnum,
						       const char *fmt, va_list ap)
{
	char raw[2 * sizeof(err->text)];

	err->errnum = errnum;
	vsnprintf(raw, sizeof(raw), fmt, ap);
	crit_printable_text(err->text, sizeof(err->text), raw);
}

int crit_fail(struct crit_error *err, enum crit_reason reason, const char *fmt, ...)
{
	int errnum = reason_errno(reason);
	va_list ap;

	if (err) {
		va_start(ap, fmt);
		fill(err, errnum, fmt, ap);
		va_end(ap);
	}
	return -errnum;
}

int crit_fail_errno(struct crit_error *err, int errnum, const char *fmt, ...)
{
	va_list ap;
	size_t len;

	if (err) {
		va_start(ap, fmt);
		fill(err, errnum, fmt, ap);
		va_end(ap);
		len = strlen(err->text);
		snprintf(err->text + len, sizeof(err->text) - len, ": %s", strerror(errnum));
	}
	return -errnum;
}

void crit_error_prefix(struct crit_error *err, const char *path)
{
	char text[3 * sizeof(err->text)];

	if (!err)
		return;
	snprintf(text, sizeof(text), "%s: %s", path, err->text);
	crit_printable_text(err->text, sizeof(err->text), text);
}

void crit_error_at(struct crit_error *err, unsigned line, unsigned col)
{
	if (!err)
		return;
	err->line = line;
	err->col = col;
}

int crit_error_format(const struct crit_error *err, const char *path, char *out, size_t size)
{
	char shown[PATH_MAX + sizeof(err->text)];

	crit_printable_text(shown, sizeof(shown), path);
	if (err->line)
		return snprintf(out, size, "%s:%u:%u: error: %s", shown, err->line, err->col,
				err->text);
	return snprintf(out, size, "%s: error: %s", shown, err->text);
}
