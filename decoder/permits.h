/*
 * Who may see what is told of a dump as a whole: its owner, and who may read all its images.
 */
#ifndef CRIT_PERMITS_H
#define CRIT_PERMITS_H

#include <sys/stat.h>

struct crit_dir;

/*
 * Take from the permissions in *st those of the group and of all others that some image in
 * the directory, or in those of its parents, does not give them to read, or a directory on
 * the way to a parent; and those of its owner, unless he is who runs this. Looks at all names
 * of the directories. 0, -errno.
 */
int crit_permits_narrow(const struct crit_dir *dir, struct stat *st);

#endif
