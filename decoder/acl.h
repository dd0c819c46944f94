/*
 * Modes of files that have an ACL. The group's bits of such a mode are the most that anybody
 * in the ACL gets, not what the group gets; who goes by the mode alone lets too many in.
 */
#ifndef CRIT_ACL_H
#define CRIT_ACL_H

#include <sys/stat.h>

/*
 * Take from the mode in *st, of the open file or directory, what its ACL does not grant to
 * everybody whom these bits speak of. Nothing where there is none.
 */
void crit_acl_narrow(int fd, struct stat *st);

/* The same of a name in a directory, if it can be opened to be read. */
void crit_acl_narrow_at(int dirfd, const char *name, struct stat *st);

#endif
