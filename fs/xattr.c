/*
 * Extended attributes: an entry file has one if it was refused, a plain file its own.
 */
#include "fs/xattr.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include "fs/attr.h"
#include "fs/refusal.h"

#define USER        "user."
#define XATTR_ERROR "user.critfs.error"
#define XATTR_DUMP  "user.critfs.dump"
#define XATTR_UPPER "user.critfs.upper"

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

/* What the mount is made of, for critic pack: the root has that, unlisted. */
static const char *origin(const struct cfs *fs, const char *name)
{
	if (!strcmp(name, XATTR_DUMP))
		return fs->source;
	return strcmp(name, XATTR_UPPER) ? NULL : fs->upper;
}

/* Of a file that is shown as it is; its own are the file's. -ENODATA of all else. */
static int open_passed(struct cfs *fs, fuse_ino_t ino, struct crit_file **file)
{
	struct cfs_object o;
	int ret;

	if (cfs_object_find(fs, ino, &o) < 0 || o.is_entry || o.node->kind != CFS_PASSED ||
	    !o.node->key)
		return -ENODATA;
	ret = crit_dir_file(o.node->parent->dir, cfs_node_name(o.node), file);
	if (ret < 0 || !(*file)->is_span)
		return ret < 0 ? -ENODATA : 0;
	crit_file_put(*file); /* members of archives have none here */
	return -ENODATA;
}

/* Only those that are anybody's: others are for the kernel to give out. */
static size_t keep_user_names(char *names, size_t len)
{
	size_t at, n, kept = 0;

	for (at = 0; at < len; at += n) {
		n = strlen(names + at) + 1;
		if (strncmp(names + at, USER, sizeof(USER) - 1))
			continue;
		memmove(names + kept, names + at, n);
		kept += n;
	}
	return kept;
}

/* The value of an attribute, or (name is NULL) the names of all. */
static void reply_own(fuse_req_t req, const struct crit_file *file, const char *name,
		      size_t size)
{
	char *buf = malloc(XATTR_SIZE_MAX + 1);
	ssize_t n = -1;

	if (buf)
		n = name ? fgetxattr(file->fd, name, buf, XATTR_SIZE_MAX)
			 : flistxattr(file->fd, buf, XATTR_SIZE_MAX);
	if (n < 0) {
		fuse_reply_err(req, buf ? errno : ENOMEM);
	} else {
		buf[n] = '\0';
		reply_xattr(req, buf, name ? (size_t)n : keep_user_names(buf, (size_t)n), size);
	}
	free(buf);
}

/* Answer for a file that is shown as it is. False: it is none. */
static bool reply_passed(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	struct cfs *fs = fuse_req_userdata(req);
	struct crit_file *file;
	int ret;

	cfs_lock(fs);
	ret = open_passed(fs, ino, &file);
	if (ret == 0) {
		reply_own(req, file, name, size);
		crit_file_put(file);
	}
	cfs_unlock(fs);
	return ret == 0;
}

void cfs_op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	const char *text = ino == FUSE_ROOT_ID ? origin(fuse_req_userdata(req), name) : NULL;

	/* ls -l asks for the ACL of each file, unless it hears that there are none */
	if (strncmp(name, USER, sizeof(USER) - 1))
		fuse_reply_err(req, EOPNOTSUPP);
	else if (text)
		reply_xattr(req, text, strlen(text), size);
	else if (!strcmp(name, XATTR_ERROR))
		reply_refusal(req, ino, false, size, ENODATA);
	else if (!reply_passed(req, ino, name, size))
		fuse_reply_err(req, ENODATA);
}

void cfs_op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	if (!reply_passed(req, ino, NULL, size))
		reply_refusal(req, ino, true, size, 0);
}
