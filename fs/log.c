/*
 * Messages.
 */
#include "fs/log.h"

#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "decoder/printable.h"
#include "fs/cfs.h"

#define LINE_SIZE 8192

void cfs_log(struct cfs *fs, const char *fmt, ...)
{
	char raw[LINE_SIZE], line[2 * LINE_SIZE];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(raw, sizeof(raw), fmt, ap);
	va_end(ap);
	if (fs->to_stderr) {
		cfs_say("%s", raw);
		return;
	}
	crit_printable_text(line, sizeof(line), raw);
	syslog(LOG_WARNING, "%s", line);
}

void cfs_say(const char *fmt, ...)
{
	char raw[LINE_SIZE];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(raw, sizeof(raw), fmt, ap);
	va_end(ap);
	crit_say(stderr, "critfs: %s", raw);
}

/* It repeats what stood on the command line. */
void cfs_log_of_fuse(enum fuse_log_level level, const char *fmt, va_list ap)
{
	char raw[LINE_SIZE];
	size_t len;

	(void)level;
	vsnprintf(raw, sizeof(raw), fmt, ap);
	len = strlen(raw);
	if (len && raw[len - 1] == '\n')
		raw[len - 1] = '\0';
	crit_say(stderr, "%s", raw);
}
