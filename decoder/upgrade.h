/*
 * Images of version 1.0 as of version 1.1, whose headers have one more word in front. The
 * inventory, which never has that, says so.
 */
#ifndef CRIT_UPGRADE_H
#define CRIT_UPGRADE_H

#include "decoder/buf.h"
#include "decoder/image.h"

/*
 * What the file `name` is then: the bytes of *head, which are appended to, and behind them
 * `rest` of the file. 1; 0 if it stays as it is, as of what is no image; -errno.
 */
int crit_upgrade(struct crit_file *file, const char *name, struct crit_buf *head,
		 struct crit_span *rest);

#endif
