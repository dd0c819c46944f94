/*
 * Moments, of the monotonic clock but for times of files.
 */
#ifndef CFS_SOON_H
#define CFS_SOON_H

#include <stdbool.h>
#include <time.h>

static inline struct timespec cfs_in_ms(long ms)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += ms / 1000;
	t.tv_nsec += ms % 1000 * 1000000;
	if (t.tv_nsec >= 1000000000) {
		t.tv_sec++;
		t.tv_nsec -= 1000000000;
	}
	return t;
}

/* `then` is of the coarse clock (CLOCK_MONOTONIC_COARSE). */
static inline double cfs_seconds_since(const struct timespec *then)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (double)(now.tv_sec - then->tv_sec) +
	       (double)(now.tv_nsec - then->tv_nsec) / 1e9;
}

/*
 * Would a change that came now have another time of day? Some file systems count in two
 * seconds.
 */
static inline bool cfs_is_past(const struct timespec *t)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME_COARSE, &now);
	return now.tv_sec - t->tv_sec > 2;
}

static inline bool cfs_earlier(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec < b->tv_sec || (a->tv_sec == b->tv_sec && a->tv_nsec < b->tv_nsec);
}

#endif
