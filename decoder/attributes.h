/*
 * What a file has besides its bytes: owner, mode, extended attributes, ACLs.
 */
#ifndef CRIT_ATTRIBUTES_H
#define CRIT_ATTRIBUTES_H

#include "decoder/error.h"
#include "decoder/file.h"

/*
 * Give the file `fd` those of `old`, and no others, but for set-uid and set-gid bits of what
 * is in an archive; what it has already is not written again. 0, -EPERM if the owner can't be
 * kept, -errno; and the reason.
 */
int crit_attributes_keep(int fd, const struct crit_file *old, struct crit_error *err);

#endif
