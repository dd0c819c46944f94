/*
 * Preloaded into a critfs that was built with a sanitizer, and built with it as well: does
 * what that sanitizer looks for, before main() begins.
 */
#include <pthread.h>
#include <stdlib.h>

static volatile int counted;

#if defined(__SANITIZE_THREAD__)
static void *count(void *arg)
{
	counted++;
	return arg;
}

__attribute__((constructor)) static void race(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, count, NULL))
		abort();
	counted++;
	pthread_join(thread, NULL);
}
#else
__attribute__((constructor)) static void overflow(void)
{
	volatile int *array = malloc(4 * sizeof(*array));

	counted = array[4];
	free((void *)array);
}
#endif
