/*
 * Loading libarchive.
 */
#include "decoder/archive/libarchive.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>

#define NAME "libarchive.so.13"

/* Filled in once, and constant from then on. */
static struct crit_libarchive library;
static bool is_loaded;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void load(void)
{
	void *handle = dlopen(NAME, RTLD_NOW | RTLD_LOCAL);

	is_loaded = handle != NULL;
#define LOAD(name)                                                                             \
	is_loaded = is_loaded && (library.name = (__typeof__(name) *)dlsym(handle, #name));
	CRIT_LIBARCHIVE_FUNCTIONS(LOAD)
#undef LOAD
}

const struct crit_libarchive *crit_libarchive(struct crit_error *err)
{
	pthread_once(&once, load);
	if (is_loaded)
		return &library;
	crit_fail_errno(err, ENOSYS, "archives are read with " NAME ", which is not there");
	return NULL;
}
