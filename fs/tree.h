/*
 * Names to objects, and what the kernel asks about them.
 */
#ifndef CFS_TREE_H
#define CFS_TREE_H

#include "fs/attr.h"
#include "fs/cfs.h"

/* Where names are looked up or made: a node id as a directory. */
struct cfs_place {
	enum {
		CFS_IN_DUMP,    /* a directory of the dump */
		CFS_IN_IMAGE,   /* an image, the messages of a queue in it, or .critfs/json */
		CFS_IN_SPECIAL, /* .critfs and what is in it but json, where nothing is made */
	} kind;
	struct cfs_object object;
	uint64_t id;    /* what names in it are kept under, see node.h */
	bool msgs;      /* with CFS_IN_IMAGE */
	bool documents; /* likewise: in .critfs/json, and of no image */
};

/* 0, -ENOTDIR, -ESTALE. */
int cfs_place_find(struct cfs *fs, fuse_ino_t ino, struct cfs_place *place);

/*
 * The entry file of this name in an image, whether there is one or not; or the document of
 * an image that there is. False: no such name.
 */
bool cfs_place_ref(struct cfs *fs, const struct cfs_place *place, const char *name,
		   struct cfs_ref *ref);

/* Node id and attributes of a name: 0, -ENOENT, -errno. Takes no reference. */
int cfs_tree_lookup(struct cfs *fs, const struct cfs_place *place, const char *name,
		    struct fuse_entry_param *e);

/* Fill in *e for a node that the kernel shall know. 0, -errno. */
int cfs_tree_entry(struct cfs *fs, struct cfs_node *node, struct fuse_entry_param *e);

/* Count the reference that the kernel has when it is told of *e. */
void cfs_tree_keep(struct cfs *fs, const struct fuse_entry_param *e);

/* Reply with *e, and count the reference that the kernel has then. */
void cfs_tree_reply(struct cfs *fs, fuse_req_t req, const struct fuse_entry_param *e);
void cfs_tree_reply_create(struct cfs *fs, fuse_req_t req, const struct fuse_entry_param *e,
			   const struct fuse_file_info *fi);

void cfs_op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name);
void cfs_op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t n);
void cfs_op_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets);
void cfs_op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void cfs_op_readlink(fuse_req_t req, fuse_ino_t ino);
void cfs_op_statfs(fuse_req_t req, fuse_ino_t ino);

#endif
