/*
 * Opening archives, and their members.
 */
#include "decoder/archive/archive.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "decoder/archive/inside.h"

/* The archive as a plain one: 0 and *plain, a reference. */
static int decompress(const struct crit_file *file, uint64_t max,
		      struct crit_archive_listener *listener, struct crit_file **plain,
		      struct crit_error *err)
{
	struct crit_unpacked to = {.fd = -1, .max = max};
	struct archive_entry *entry;
	struct crit_input in;
	int ret = crit_input_open(&in, file, CRIT_INPUT_RAW, err);

	if (ret == 0)
		ret = crit_input_next(&in, &entry, err);
	if (ret > 0)
		ret = crit_unpack_member(&in, &to, listener, err);
	crit_input_close(&in);
	if (ret == 0 && to.fd < 0)
		ret = crit_fail(err, CRIT_REJECTED, "it is empty");
	if (ret == 0) {
		ret = crit_file_adopt(to.fd, plain);
		if (ret == 0)
			return 0;
		crit_fail_errno(err, -ret, "can't unpack it");
	}
	if (to.fd >= 0)
		close(to.fd);
	return ret;
}

/* Another one on the same file, for as long as the archive lasts. */
static int keep_file(const struct crit_file *file, struct crit_file **out)
{
	struct crit_file *copy = malloc(sizeof(*copy));

	if (!copy)
		return -ENOMEM;
	*copy = *file;
	copy->refs = 1;
	copy->fd = fcntl(file->fd, F_DUPFD_CLOEXEC, 0);
	if (copy->fd < 0) {
		int ret = -errno;

		free(copy);
		return ret;
	}
	*out = copy;
	return 0;
}

static int open_all(struct crit_archive *a, const struct crit_file *file, uint64_t max,
		    struct crit_archive_listener *listener, struct crit_error *err)
{
	int ret = keep_file(file, &a->of);

	a->unpacked.max = max;
	if (ret < 0)
		return crit_fail_errno(err, -ret, "can't open it");
	ret = crit_input_is_compressed(file, err);
	if (ret > 0) {
		ret = decompress(file, max, listener, &a->file, err);
		if (ret == 0)
			a->unpacked.max -= (uint64_t)a->file->st.st_size;
	} else if (ret == 0) {
		a->file = crit_file_get(a->of);
	}
	if (ret < 0)
		return ret;
	a->top = crit_member_new(a, NULL);
	if (!a->top)
		return crit_fail(err, CRIT_NO_MEMORY, "no memory for its members");
	return crit_archive_index(a, listener, err);
}

int crit_archive_open(const struct crit_file *file, uint64_t unpacked_max,
		      struct crit_archive_listener *listener, struct crit_archive **out,
		      struct crit_error *err)
{
	struct crit_archive *a = calloc(1, sizeof(*a));
	int ret;

	if (!a)
		return crit_fail(err, CRIT_NO_MEMORY, "no memory for an archive");
	atomic_init(&a->refs, 1);
	a->unpacked.fd = -1;
	ret = open_all(a, file, unpacked_max, listener, err);
	if (ret < 0)
		crit_archive_put(a);
	else
		*out = a;
	return ret;
}

struct crit_archive *crit_archive_get(struct crit_archive *archive)
{
	atomic_fetch_add(&archive->refs, 1);
	return archive;
}

void crit_archive_put(struct crit_archive *archive)
{
	if (!archive || atomic_fetch_sub(&archive->refs, 1) != 1)
		return;
	if (archive->top)
		crit_member_free(archive->top);
	if (archive->unpacked.fd >= 0)
		close(archive->unpacked.fd);
	crit_file_put(archive->file);
	crit_file_put(archive->of);
	free(archive);
}

const struct crit_member *crit_archive_top(const struct crit_archive *archive)
{
	return archive->top;
}

int crit_archive_fd(const struct crit_archive *archive)
{
	return archive->of->fd;
}

int crit_archive_file(const struct crit_archive *archive, const struct crit_member *m,
		      struct crit_file **out)
{
	if (S_ISLNK(m->st.st_mode))
		return -ELOOP;
	if (!S_ISREG(m->st.st_mode))
		return -EINVAL;
	if (m->fd < 0)
		return -ENODATA;
	/* what was unpacked is nobody else's */
	return crit_file_of_span(m->fd, m->fd == archive->of->fd ? archive->of : NULL, m->off,
				 &m->st, out);
}

bool crit_archive_is_intact(const struct crit_archive *archive)
{
	return archive->file != archive->of || crit_file_is_intact(archive->of);
}

bool crit_archive_is_name(const char *name)
{
	static const char *const suffixes[] = {".tar",    ".tgz",     ".tar.gz", ".tar.zst",
					       ".tar.xz", ".tar.bz2", ".tar.lz4"};
	size_t len = strlen(name), i;

	/* CRIU's own, of tmpfs mounts */
	if (len > 4 && !strcmp(name + len - 4, ".img"))
		len -= 4;
	for (i = 0; i < sizeof(suffixes) / sizeof(*suffixes); i++) {
		size_t n = strlen(suffixes[i]);

		if (len > n && !memcmp(name + len - n, suffixes[i], n))
			return true;
	}
	return false;
}
