/*
 * The plan, read with calls that are not those which fail. Its files are opened when the
 * program starts: later, in its sandbox, it can't.
 */
#define _GNU_SOURCE
#include "plan.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

struct plan {
	char call[32];
	int what;
	long number, times;
};

/* What is done for a plan may be among the calls that are planned. */
static __thread bool inside __attribute__((tls_model("initial-exec")));

static long files[PLAN_FILES] = {-1, -1, -1};

__attribute__((constructor)) static void open_files(void)
{
	static const char *const variables[PLAN_FILES] = {"CRITFS_TEST_FAIL", "CRITFS_TEST_LOG",
							  "CRITFS_TEST_FAILED"};
	size_t i;

	for (i = 0; i < PLAN_FILES; i++) {
		const char *path = getenv(variables[i]);

		if (path)
			files[i] = syscall(SYS_openat, AT_FDCWD, path,
					   O_RDWR | O_APPEND | O_CLOEXEC, 0);
	}
}

/* The plan that is in the file now. */
static bool read_plan(struct plan *plan)
{
	char text[128] = "";
	long n = syscall(SYS_pread64, files[PLAN], text, sizeof(text) - 1, 0);

	memset(plan, 0, sizeof(*plan));
	plan->times = -1;
	return n > 0 && sscanf(text, "%31s %d %ld %ld", plan->call, &plan->what, &plan->number,
			       &plan->times) >= 2;
}

void append_line(enum plan_file file, const char *line)
{
	syscall(SYS_write, files[file], line, strlen(line));
}

static bool is_meant(const struct plan *plan, const char *call, const char *group)
{
	return !strcmp(plan->call, call) ||
	       (group && !strncmp(plan->call, group, strlen(plan->call)));
}

static int count(const struct plan *plan, const char *call, const char *group)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static struct plan last;
	static long seen;
	char line[64];
	long n = -1;

	pthread_mutex_lock(&lock);
	if (memcmp(plan, &last, sizeof(last))) {
		last = *plan;
		seen = 0;
	}
	if (is_meant(plan, call, group))
		n = seen++;
	pthread_mutex_unlock(&lock);
	if (n < plan->number || (plan->times >= 0 && n >= plan->number + plan->times))
		return 0;
	if (plan->what > 0) {
		snprintf(line, sizeof(line), "%s\n", call);
		append_line(PLAN_FAILED, line);
	}
	return plan->what;
}

int turn(const char *call, const char *group)
{
	int saved = errno, what = 0;
	struct plan plan;

	/* only the daemon itself, no program that it starts */
	if (!inside && program_invocation_short_name &&
	    !strcmp(program_invocation_short_name, "critfs")) {
		inside = true;
		if (read_plan(&plan))
			what = count(&plan, call, group);
		inside = false;
	}
	if (what == KILL_BEFORE)
		syscall(SYS_kill, getpid(), SIGKILL);
	errno = saved;
	return what;
}
