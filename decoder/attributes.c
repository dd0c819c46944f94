/*
 * Owner, mode, extended attributes.
 */
#include "decoder/attributes.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

/* Attributes of the system that only some may set are left to it. */
static bool xattr_is_optional(const char *name)
{
	return !strncmp(name, "security.", 9) || !strncmp(name, "trusted.", 8);
}

/* The value of an extended attribute. */
struct value {
	char stack[1024];
	char *bytes; /* `stack`, or owned */
	ssize_t len; /* -1: there is none, or errno */
};

static void get_value(int fd, const char *name, struct value *v)
{
	v->bytes = v->stack;
	v->len = fgetxattr(fd, name, v->stack, sizeof(v->stack));
	if (v->len >= 0 || errno != ERANGE)
		return;
	v->bytes = malloc(XATTR_SIZE_MAX);
	if (v->bytes)
		v->len = fgetxattr(fd, name, v->bytes, XATTR_SIZE_MAX);
}

static void free_value(struct value *v)
{
	if (v->bytes != v->stack)
		free(v->bytes);
}

static int copy_xattr(int from, int to, const char *name)
{
	struct value is, wanted;
	int ret = 0;

	get_value(to, name, &is);
	get_value(from, name, &wanted);
	if (wanted.len < 0 ||
	    ((is.len != wanted.len || memcmp(is.bytes, wanted.bytes, (size_t)is.len)) &&
	     fsetxattr(to, name, wanted.bytes, (size_t)wanted.len, 0) < 0))
		ret = xattr_is_optional(name) ? 0 : -errno;
	free_value(&is);
	free_value(&wanted);
	return ret;
}

/* The names of a file's extended attributes, *out to be freed; their length. */
static ssize_t list_xattrs(int fd, char **out)
{
	ssize_t len = flistxattr(fd, NULL, 0);

	*out = NULL;
	if (len <= 0)
		return 0; /* none, or none on this file system */
	*out = malloc((size_t)len);
	return *out ? flistxattr(fd, *out, (size_t)len) : -1;
}

/* Call `fn` for each name until it fails; it gets both descriptors as they are here. */
static int for_each_xattr(int fd, int other, int (*fn)(int fd, int other, const char *name))
{
	ssize_t len, at;
	char *names;
	int ret = 0;

	len = list_xattrs(fd, &names);
	if (len < 0)
		ret = -errno;
	for (at = 0; at < len && ret == 0; at += (ssize_t)strlen(names + at) + 1)
		ret = fn(fd, other, names + at);
	free(names);
	return ret;
}

/* A new file inherits its directory's default ACL; the old one may have none. */
static int drop_inherited(int fd, int old, const char *name)
{
	return fgetxattr(old, name, NULL, 0) < 0 && fremovexattr(fd, name) < 0 &&
			       !xattr_is_optional(name)
		       ? -errno
		       : 0;
}

int crit_attributes_keep(int fd, const struct crit_file *old, struct crit_error *err)
{
	/* nobody gets a set-uid file of this machine out of an archive */
	mode_t mode = old->st.st_mode & (old->is_span ? 01777 : 07777);
	struct stat st;
	int ret;

	if (fstat(fd, &st) < 0)
		return crit_fail_errno(err, errno, "can't stat the new file");
	if ((st.st_uid != old->st.st_uid || st.st_gid != old->st.st_gid) &&
	    fchown(fd, old->st.st_uid, old->st.st_gid) < 0)
		return crit_fail_errno(err, EPERM, "can't keep the image's owner (%u:%u)",
				       old->st.st_uid, old->st.st_gid);
	/* a member of an archive has none here */
	ret = for_each_xattr(fd, old->is_span ? -1 : old->fd, drop_inherited);
	if (ret == 0 && fchmod(fd, mode) < 0)
		return crit_fail_errno(err, errno, "can't keep the image's mode");
	if (ret == 0 && !old->is_span)
		ret = for_each_xattr(old->fd, fd, copy_xattr);
	return ret < 0 ? crit_fail_errno(err, -ret, "can't keep the image's attributes") : 0;
}
