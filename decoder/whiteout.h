/*
 * Whiteouts, which say in an upper directory that what is below is hidden: as overlayfs
 * makes them, where that is permitted, else as files `.wh.NAME`. `fd` is the upper
 * directory. Each call takes effect whole or not at all.
 */
#ifndef CRIT_WHITEOUT_H
#define CRIT_WHITEOUT_H

#include <stdbool.h>

/*
 * Hide what is below a name: a whiteout takes the place of the file or (but for whiteouts)
 * empty directory that has the name in the upper directory, if there is one. 0, -errno.
 */
int crit_whiteout_put(int fd, const char *name);

/*
 * A file or (`dir`) directory gets the name that a whiteout has. A directory is opaque then:
 * nothing of what is below is seen in it. 0, -errno.
 */
int crit_whiteout_replace(int fd, const char *temporary, const char *name, bool dir);

/* Rename within or between upper directories, and leave a whiteout behind. 0, -errno. */
int crit_whiteout_leave(int fd, const char *name, int to, const char *new_name);

/* Mark a directory so that nothing of what is below is seen in it. 0, -errno. */
int crit_whiteout_make_opaque(int fd, const char *name);

/* Something has the name: a file that says that it was removed goes, if there is one. */
void crit_whiteout_drop(int fd, const char *name);

/* Remove a directory that has nothing but whiteouts and temporary files in it. 0, -errno. */
int crit_whiteout_rmdir(int fd, const char *name);

#endif
