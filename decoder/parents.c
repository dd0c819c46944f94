/*
 * Following `parent` from dump to dump.
 */
#include "decoder/parents.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "decoder/create.h"

#define SHOWN 128 /* bytes of a link in a message */

/* Fail with the link itself in the reason, and how far up it is. */
static int refuse(const struct crit_dir *dir, unsigned level, int errnum, const char *why,
		  struct crit_error *err)
{
	char target[PATH_MAX + 1];
	ssize_t len = crit_dir_readlink(dir, CRIT_PARENT, target, sizeof(target));

	if (len < 0)
		len = 0;
	return crit_fail_errno(err, errnum, "%s%.*s, %u up: %s",
			       len ? CRIT_PARENT " -> " : CRIT_PARENT,
			       (int)(len < SHOWN ? len : SHOWN), target, level + 1, why);
}

/* Is it the dump itself, or one of those that were met before? */
static bool is_known(const struct crit_dump *dump, const struct crit_parents *parents,
		     const struct stat *st)
{
	struct stat known;
	unsigned i;

	for (i = 0; i <= parents->n; i++) {
		const struct crit_dir *dir = i ? parents->dump[i - 1].dir : dump->dir;

		if (crit_dir_self(dir, &known) == 0 && known.st_dev == st->st_dev &&
		    known.st_ino == st->st_ino)
			return true;
	}
	return false;
}

/* The parent of the last one: 1 and *out, 0 if it has none, -errno. */
static int open_next(const struct crit_dump *dump, const struct crit_parents *parents,
		     struct crit_dir **out, struct crit_error *err)
{
	unsigned level = parents->n;
	const struct crit_dir *dir = level ? parents->dump[level - 1].dir : dump->dir;
	struct stat st;
	int ret = crit_dir_stat(dir, CRIT_PARENT, &st);

	if (ret == -ENOENT)
		return 0;
	if (ret < 0)
		return refuse(dir, level, -ret, "can't be looked at", err);
	if (level == CRIT_PARENTS_MAX)
		return refuse(dir, level, ELOOP, "too many parents", err);
	/* it may also have been copied, and be the parent itself */
	ret = S_ISDIR(st.st_mode) ? crit_dir_sub(dir, CRIT_PARENT, out)
				  : crit_dir_follow(dir, CRIT_PARENT, out);
	if (ret < 0)
		return refuse(dir, level, -ret, "can't open the parent dump", err);
	if (crit_dir_self(*out, &st) < 0 || is_known(dump, parents, &st)) {
		crit_dir_put(*out);
		return refuse(dir, level, ELOOP, "leads back to a dump that builds on it", err);
	}
	return 1;
}

int crit_parents_open(const struct crit_dump *dump, struct crit_parents *parents,
		      struct crit_error *err)
{
	struct crit_dir *dir;
	int ret;

	parents->n = 0;
	while ((ret = open_next(dump, parents, &dir, err)) > 0)
		parents->dump[parents->n++] = (struct crit_dump){dir, dump->listener};
	return ret;
}

bool crit_parents_need(const char *name)
{
	return !strcmp(name, CRIT_INVENTORY) ||
	       !strncmp(name, "pagemap-", strlen("pagemap-")) ||
	       !strncmp(name, "pages-", strlen("pages-"));
}

void crit_parents_close(struct crit_parents *parents)
{
	while (parents->n)
		crit_dump_close(&parents->dump[--parents->n]);
}
