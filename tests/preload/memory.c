/*
 * Preloaded into critfs: asking for memory fails when the plan says so. Not under
 * AddressSanitizer, which has these functions for itself.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "plan.h"

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *old, size_t size);

/* `caller`: where it was called from. */
static bool fails(const char *call, const void *caller)
{
	Dl_info from;
	bool libfuse = dladdr(caller, &from) && strstr(from.dli_fname, "libfuse");
	int what = turn(call, libfuse ? "memory:libfuse" : "memory:own");

	if (what > 0)
		errno = what;
	return what > 0;
}

#define FAILS(call) fails(call, __builtin_return_address(0))

void *malloc(size_t size)
{
	return FAILS("malloc") ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	return FAILS("calloc") ? NULL : __libc_calloc(n, size);
}

void *realloc(void *old, size_t size)
{
	return FAILS("realloc") ? NULL : __libc_realloc(old, size);
}
