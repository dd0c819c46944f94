/*
 * Filling in struct crit_error, and the one table that turns reasons into
 * errnos.
 */
#include "decoder/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "decoder/text.h"

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
 * of its own in a log, or move a terminal's cursor.
 */
static void make_harmless(char *text)
{
	size_t len = strlen(text), i, good;

	for (i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i], next = (unsigned char)text[i + 1];

		if (c < 0x20 || c == 0x7f)
			text[i] = '?';
		else if (c == 0xc2 && next >= 0x80 && next < 0xa0) /* U+0080 to U+009F */
			text[i] = text[i + 1] = '?';
	}
	while ((good = crit_utf8_valid(text, len)) < len)
		text[good] = '?';
}

static void fill(struct crit_error *err, int errnum, const char *fmt, va_list ap)
{
	err->errnum = errnum;
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	make_harmless(err->text);
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
	char text[3 * sizeof(err->text)] = "";

	if (!err)
		return;
	snprintf(text, sizeof(text), "%s: %s", path, err->text);
	memcpy(err->text, text, sizeof(err->text) - 1);
	err->text[sizeof(err->text) - 1] = '\0';
	make_harmless(err->text);
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
