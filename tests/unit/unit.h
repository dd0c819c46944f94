/*
 * What the unit tests share: a program is a list of tests, run all of them, one
 * by its name, or list the names (--list). A test that finds something wrong
 * says where and what on stderr and ends the process: 1 for failed, 77 for
 * skipped. Nothing here measures time.
 */
#ifndef UNIT_H
#define UNIT_H

#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define UNIT_FAILED  1
#define UNIT_SKIPPED 77

/* How a program ends whose test failed; a fuzzer wants a crash. */
#ifndef UNIT_END
#define UNIT_END() _exit(UNIT_FAILED)
#endif

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define UNIT_SANITIZED true
#else
#define UNIT_SANITIZED (getenv("CRITFS_VALGRIND") != NULL)
#endif

struct unit_test {
	const char *name;
	void (*run)(void);
};

#define TEST(function)                                                                         \
	{                                                                                      \
#function, function                                                            \
	}

/* What the process is about: one test runs in it, so one of each is enough. */
struct unit_state {
	char about[300]; /* the row of a table or the step that is being tested */
	char dir[100];   /* its directory; "" while there is none */
	pid_t owner;     /* the process that removes it */
};

static struct unit_state unit;

static inline int unit_remove_one(const char *path, const struct stat *st, int type,
				  struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline void unit_cleanup(void)
{
	if (*unit.dir && unit.owner == getpid())
		nftw(unit.dir, unit_remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
	*unit.dir = '\0';
}

/* Say in messages which row or step a failure belongs to. */
__attribute__((format(printf, 1, 2))) static inline void unit_about(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(unit.about, sizeof(unit.about), fmt, ap);
	va_end(ap);
}

__attribute__((format(printf, 3, 4), noreturn)) static inline void
unit_fail(const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "%s:%d: ", file, line);
	if (*unit.about)
		fprintf(stderr, "%s: ", unit.about);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	unit_cleanup();
	UNIT_END();
}

__attribute__((format(printf, 1, 2), noreturn)) static inline void unit_skip(const char *fmt,
									     ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	unit_cleanup();
	_exit(UNIT_SKIPPED);
}

#define fail(...) unit_fail(__FILE__, __LINE__, __VA_ARGS__)

#define expect(condition)                                                                      \
	do {                                                                                   \
		if (!(condition))                                                              \
			fail("expected %s", #condition);                                       \
	} while (0)

#define expect_int(found, wanted)                                                              \
	do {                                                                                   \
		long long found_ = (long long)(found), wanted_ = (long long)(wanted);          \
		if (found_ != wanted_)                                                         \
			fail("%s: expected %lld, found %lld", #found, wanted_, found_);        \
	} while (0)

#define expect_u64(found, wanted)                                                              \
	do {                                                                                   \
		unsigned long long found_ = (found), wanted_ = (wanted);                       \
		if (found_ != wanted_)                                                         \
			fail("%s: expected %llu, found %llu", #found, wanted_, found_);        \
	} while (0)

#define expect_str(found, wanted)                                                              \
	do {                                                                                   \
		const char *found_ = (found), *wanted_ = (wanted);                             \
		if (strcmp(found_, wanted_))                                                   \
			fail("%s: expected \"%s\", found \"%s\"", #found, wanted_, found_);    \
	} while (0)

/* The first bytes that differ are shown. */
#define expect_bytes(found, found_len, wanted, wanted_len)                                     \
	unit_bytes(__FILE__, __LINE__, #found, found, found_len, wanted, wanted_len)

static inline void unit_hex(char *out, const uint8_t *bytes, size_t n)
{
	for (*out = '\0'; n--; bytes++)
		out += sprintf(out, "%02x", *bytes);
}

static inline void unit_bytes(const char *file, int line, const char *what, const void *found,
			      size_t found_len, const void *wanted, size_t wanted_len)
{
	const uint8_t *f = found, *w = wanted;
	size_t n = found_len < wanted_len ? found_len : wanted_len, at = 0;
	char f_hex[33], w_hex[33];

	while (at < n && f[at] == w[at])
		at++;
	if (at == n && found_len == wanted_len)
		return;
	unit_hex(f_hex, f + at, found_len - at < 16 ? found_len - at : 16);
	unit_hex(w_hex, w + at, wanted_len - at < 16 ? wanted_len - at : 16);
	unit_fail(file, line,
		  "%s: expected %zu bytes, found %zu; from byte %zu on expected %s, found %s",
		  what, wanted_len, found_len, at, w_hex, f_hex);
}

/* A directory of the test's own, removed with all in it when the test ends. */
static inline const char *unit_dir(void)
{
	const char *tmp = getenv("TMPDIR");

	if (*unit.dir)
		return unit.dir;
	if (!tmp || *tmp != '/' || strlen(tmp) > 70)
		tmp = "/var/tmp"; /* on a disk: has holes and attributes */
	snprintf(unit.dir, sizeof(unit.dir), "%s/critfs-unit-XXXXXX", tmp);
	if (!mkdtemp(unit.dir))
		fail("no directory %s: %m", unit.dir);
	unit.owner = getpid();
	return unit.dir;
}

static inline int unit_dir_open(void)
{
	int fd = open(unit_dir(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		fail("can't open %s: %m", unit.dir);
	return fd;
}

/* Random numbers that are the same in each run. */
struct unit_random {
	uint64_t state;
};

static inline struct unit_random unit_seed(uint64_t seed)
{
	return (struct unit_random){seed * UINT64_C(0x9e3779b97f4a7c15) + 1};
}

static inline uint64_t unit_random(struct unit_random *r)
{
	uint64_t z = r->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static inline size_t unit_below(struct unit_random *r, size_t n)
{
	return (size_t)(unit_random(r) % n);
}

static inline int unit_run(const struct unit_test *test)
{
	test->run();
	unit_cleanup();
	return 0;
}

/* Each in a process of its own, so that a crash is one test's. */
static inline int unit_run_all(const struct unit_test *tests, size_t n)
{
	int ret = 0, status;
	size_t i;
	pid_t pid;

	for (i = 0; i < n; i++) {
		const char *how;

		pid = fork();
		if (pid == 0)
			exit(unit_run(&tests[i]));
		if (pid < 0 || waitpid(pid, &status, 0) != pid)
			return UNIT_FAILED;
		how = status == 0                                                ? "ok"
		      : WIFEXITED(status) && WEXITSTATUS(status) == UNIT_SKIPPED ? "skipped"
										 : "FAILED";
		printf("%-8s %s\n", how, tests[i].name);
		fflush(stdout);
		if (*how == 'F')
			ret = UNIT_FAILED;
	}
	return ret;
}

static inline int unit_main(const struct unit_test *tests, size_t n, int argc, char **argv)
{
	size_t i;

	if (argc < 2)
		return unit_run_all(tests, n);
	for (i = 0; i < n; i++) {
		if (!strcmp(argv[1], "--list"))
			puts(tests[i].name);
		else if (!strcmp(argv[1], tests[i].name))
			return unit_run(&tests[i]);
	}
	if (!strcmp(argv[1], "--list"))
		return 0;
	fprintf(stderr, "%s: no test \"%s\"\n", argv[0], argv[1]);
	return UNIT_FAILED;
}

#define UNIT_MAIN(tests)                                                                       \
	int main(int argc, char **argv)                                                        \
	{                                                                                      \
		return unit_main(tests, COUNT(tests), argc, argv);                             \
	}

#endif
