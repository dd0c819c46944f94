/*
 * Requests that make or remove, and what renaming shares with them.
 */
#ifndef CFS_CHANGE_H
#define CFS_CHANGE_H

#include "fs/cfs.h"
#include "fs/tree.h"

void cfs_op_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		   struct fuse_file_info *fi);
void cfs_op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev);
void cfs_op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode);
void cfs_op_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name);
void cfs_op_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char *name);
void cfs_op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name);
void cfs_op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name);

/* The node of a scratch file, or NULL. */
struct cfs_node *cfs_change_scratch_at(struct cfs *fs, const struct cfs_place *place,
				       const char *name);

/*
 * Take a scratch file's name away; whoever has it open reads on. If it was an
 * entry's file and nothing took the entry's place, the entry goes with it. On the
 * worker in that case. 0, -errno.
 */
int cfs_change_remove_scratch(struct cfs *fs, struct cfs_node *node);

/* Names that nothing can have through the mount: -EPERM. */
int cfs_change_check_name(const char *name);

/* The image that a name in the dump leads to, NULL if it is none. */
struct cfs_image *cfs_change_image_at(struct cfs *fs, struct cfs_node *dir, const char *name);

/* What a privileged daemon makes belongs to who asked for it. */
void cfs_change_give_to_caller(fuse_req_t req, struct cfs_node *dir, const char *name);

#endif
