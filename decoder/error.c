/*
 * Filling in struct crit_error, and the one table that turns reasons into
 * errnos.
 */
#include "decoder/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

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

static void fill(struct crit_error *err, int errnum, const char *fmt, va_list ap)
{
	err->errnum = errnum;
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
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

void crit_error_at(struct crit_error *err, unsigned line, unsigned col)
{
	if (!err)
		return;
	err->line = line;
	err->col = col;
}

int crit_error_format(const struct crit_error *err, const char *path, char *out, size_t size)
{
	if (err->line)
		return snprintf(out, size, "%s:%u:%u: error: %s", path, err->line, err->col,
				err->text);
	return snprintf(out, size, "%s: error: %s", path, err->text);
}
