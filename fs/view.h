/*
 * Directories below .critfs that show files as they are, to be read only: `img`, the
 * current files of a dump, flat, as CRIU itself wants to have them; and `tar`, the archives
 * in a dump, each as a directory with what is in it.
 */
#ifndef CFS_VIEW_H
#define CFS_VIEW_H

#include "fs/handle.h"
#include "fs/snapshot.h"

/* The node of .critfs/img or tar (an enum cfs_special) in `dir`, a .critfs. 0, -ENOMEM. */
int cfs_view_new_top(struct cfs *fs, struct cfs_node *dir, unsigned special,
		     struct cfs_node **out);

/* As cfs_tree_lookup(). Drops the lock while an archive is opened, which takes long. */
int cfs_view_lookup(struct cfs *fs, struct cfs_node *dir, const char *name,
		    struct fuse_entry_param *e);

/* Is it a directory that takes long to look into, with this node id? */
bool cfs_view_is_slow(struct cfs *fs, fuse_ino_t ino);

/* Attributes of such a directory. 0, -errno. */
int cfs_view_attr(const struct cfs *fs, const struct cfs_node *node, struct stat *st);

/* Make the attributes of a file in it, *st, those of what is shown. 0, -errno. */
int cfs_view_adjust(struct cfs *fs, const struct cfs_node *node, struct stat *st);

/* The names in it; may drop the lock, likewise. 0 and *out, owned by the caller; -errno. */
int cfs_view_names(struct cfs *fs, struct cfs_node *dir, struct cfs_names **out);

/* What a symlink in it says. 0, -errno. */
int cfs_view_readlink(struct cfs *fs, const struct cfs_node *node, char *out, size_t size);

/* A file in it was opened, as *fi says: see to what is shown of it. 0, -errno. */
int cfs_view_opened(struct cfs *fs, const struct cfs_node *node, struct fuse_file_info *fi);

/* Answer READ of a file that is shown otherwise than it is (h->upgraded). */
void cfs_view_reply(struct cfs *fs, fuse_req_t req, struct cfs_handle *h, size_t size,
		    off_t off, int flags);

#endif
