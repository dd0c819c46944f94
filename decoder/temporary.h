/*
 * Files to put by what is too large for memory. They have no name, or one for a moment only,
 * are nobody else's to open, and are gone when they are closed.
 */
#ifndef CRIT_TEMPORARY_H
#define CRIT_TEMPORARY_H

/* The directory for them, $TMPDIR or /var/tmp; and a descriptor that the caller owns, -errno.
 */
const char *crit_temporary_path(void);
int crit_temporary_directory(void);

/* A new one in such a directory, mode 0600 whatever the umask: a descriptor, -errno. */
int crit_temporary_file(int dirfd);

#endif
