/*
 * Extended attributes: an entry file has one if it was refused.
 */
#include "fs/xattr.h"

#include <errno.h>
#include <string.h>

#include "fs/attr.h"
#include "fs/refusal.h"

#define XATTR_ERROR "user.critfs.error"

static void reply_xattr(fuse_req_t req, const void *data, size_t len, size_t size)
{
	if (!size)
		fuse_reply_xattr(req, len);
	else if (len > size)
		fuse_reply_err(req, ERANGE);
	else
		fuse_reply_buf(req, data, len);
}

/* Answer with the refusal, or with `none` if the entry has none. */
static void reply_refusal(fuse_req_t req, fuse_ino_t ino, bool names_only, size_t size,
			  int none)
{
	struct cfs *fs = fuse_req_userdata(req);
	struct crit_buf line = {0};
	struct cfs_object o;
	int ret;

	cfs_lock(fs);
	ret = cfs_object_find(fs, ino, &o);
	if (ret == 0)
		ret = o.is_entry ? cfs_refusal_line(fs, &o.ref, &line) : -ENODATA;
	cfs_unlock(fs);
	if (ret == -ENODATA && !none)
		reply_xattr(req, "", 0, size);
	else if (ret < 0)
		fuse_reply_err(req, -ret);
	else if (names_only)
		reply_xattr(req, XATTR_ERROR, sizeof(XATTR_ERROR), size);
	else
		reply_xattr(req, line.data, line.len, size);
	crit_buf_fini(&line);
}

void cfs_op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	/* ls -l asks for the ACL of each file, unless it hears that there are none */
	if (strncmp(name, "user.", 5))
		fuse_reply_err(req, EOPNOTSUPP);
	else if (strcmp(name, XATTR_ERROR))
		fuse_reply_err(req, ENODATA);
	else
		reply_refusal(req, ino, false, size, ENODATA);
}

void cfs_op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	reply_refusal(req, ino, true, size, 0);
}
