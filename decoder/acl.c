/*
 * Reading ACLs, as the kernel has them in an extended attribute (linux/posix_acl_xattr.h).
 */
#include "decoder/acl.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#define ATTRIBUTE "system.posix_acl_access"

/* Enough for a thousand users. What has more grants nothing to anybody but the owner. */
#define SIZE_MAX_READ ((size_t)8192)

enum {
	TAG_USER = 0x02,
	TAG_GROUP_OBJ = 0x04,
	TAG_GROUP = 0x08,
	TAG_MASK = 0x10,
	TAG_OTHER = 0x20,
};

struct entry {
	uint16_t tag, perm;
	uint32_t id;
};

/* What all users, and all groups, that are named in it get; and the rest of it. */
struct acl {
	mode_t users, groups, group_obj, mask, other;
};

static void read_acl(const uint8_t *data, size_t len, struct acl *acl)
{
	struct entry e;
	size_t at;

	*acl = (struct acl){7, 7, 7, 7, 7};
	for (at = sizeof(uint32_t); at + sizeof(e) <= len; at += sizeof(e)) {
		mode_t perm;

		memcpy(&e, data + at, sizeof(e));
		perm = le16toh(e.perm) & 7;
		switch (le16toh(e.tag)) {
		case TAG_USER:
			acl->users &= perm;
			break;
		case TAG_GROUP:
			acl->groups &= perm;
			break;
		case TAG_GROUP_OBJ:
			acl->group_obj = perm;
			break;
		case TAG_MASK:
			acl->mask = perm;
			break;
		case TAG_OTHER:
			acl->other = perm;
			break;
		default:
			break;
		}
	}
}

void crit_acl_narrow(int fd, struct stat *st)
{
	uint8_t data[SIZE_MAX_READ];
	ssize_t len = st->st_mode & 077 ? fgetxattr(fd, ATTRIBUTE, data, sizeof(data)) : 0;
	mode_t named, group, other;
	struct acl acl;

	if (len < 0 && errno == ERANGE)
		st->st_mode &= ~(mode_t)077;
	if (len <= 0)
		return;
	read_acl(data, (size_t)len, &acl);
	/* a member of the group may be named as well, and then that counts */
	group = acl.users & acl.group_obj & acl.mask;
	named = acl.users & acl.groups & acl.mask;
	other = acl.other & named;
	st->st_mode &= ~(mode_t)077 | group << 3 | other;
}

void crit_acl_narrow_at(int dirfd, const char *name, struct stat *st)
{
	int fd;

	if (!(st->st_mode & 077) || (!S_ISREG(st->st_mode) && !S_ISDIR(st->st_mode)))
		return;
	fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return;
	crit_acl_narrow(fd, st);
	close(fd);
}
