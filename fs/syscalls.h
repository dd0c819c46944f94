/*
 * The system calls of a running mount.
 */
#ifndef CFS_SYSCALLS_H
#define CFS_SYSCALLS_H

/* What the sanitizers do at the end of a program is allowed to programs that have them. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CFS_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define CFS_SANITIZED 1
#endif
#endif

#include <stdbool.h>

/* Can this kernel limit them? */
bool cfs_syscalls_can_be_limited(void);

/*
 * Leave the calling thread, and those that it starts, only those that serving needs: no
 * program is run, no process made, no socket, no mount, no device. All others return EPERM.
 * 0, -errno.
 */
int cfs_syscalls_limit(void);

#endif
