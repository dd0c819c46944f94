/*
 * critic check: what is wrong with a dump, a line each on stdout, as compilers say it.
 */
#include "decoder/check/check.h"

#include <stdio.h>
#include <string.h>

#include "decoder/critic/critic.h"
#include "decoder/dir.h"
#include "decoder/printable.h"

struct printer {
	struct crit_findings findings; /* must be the first */
	const char *dir;
	int len; /* of dir, without slashes at its end */
	bool failed;
};

static void print(struct crit_findings *f, const char *path, bool is_error, const char *text)
{
	struct printer *p = (struct printer *)f;

	p->failed |= is_error;
	crit_say(stdout, "%.*s/%s: %s: %s", p->len, p->dir, path,
		 is_error ? "error" : "warning", text);
}

int critic_check(const struct critic_args *args)
{
	const char *dir = args->in ? args->in : "-";
	struct printer p = {{print}, dir, (int)strlen(dir), false};
	struct crit_error err = {0};
	struct crit_dir *dump = NULL;
	int ret = crit_dir_open(dir, &dump);

	while (p.len > 1 && dir[p.len - 1] == '/')
		p.len--;
	if (ret == 0)
		ret = crit_check(dump, &p.findings);
	crit_dir_put(dump);
	if (ret == 0)
		return p.failed;
	crit_fail_errno(&err, -ret, "can't check it");
	return critic_fail(dir, &err);
}
