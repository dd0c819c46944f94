/*
 * libarchive reading a file of a dump, which may itself be a member of an archive.
 */
#ifndef CRIT_ARCHIVE_INPUT_H
#define CRIT_ARCHIVE_INPUT_H

#include "decoder/archive/libarchive.h"
#include "decoder/file.h"

#define CRIT_INPUT_SIZE ((size_t)256 << 10) /* bytes at once */

struct crit_input {
	const struct crit_libarchive *la;
	const struct crit_file *file; /* borrowed */
	struct archive *reader;       /* owned */
	uint64_t at;                  /* bytes of the file that were read */
	uint8_t *buf;                 /* owned */
	int failed;                   /* -errno of reading the file */
};

enum crit_input_as {
	CRIT_INPUT_TAR,       /* its members; decompressed, if it is compressed */
	CRIT_INPUT_PLAIN_TAR, /* its members, which are where they are */
	CRIT_INPUT_RAW,       /* one member, which is the file, decompressed */
};

/* Is it compressed, in a way that is known here? 1, 0; -errno and the reason. */
int crit_input_is_compressed(const struct crit_file *file, struct crit_error *err);

/* 0; -EBADMSG, -ENOMEM, -ENOSYS and the reason. To be closed in any case. */
int crit_input_open(struct crit_input *in, const struct crit_file *file, enum crit_input_as as,
		    struct crit_error *err);
void crit_input_close(struct crit_input *in);

/*
 * The next member's header: 1 and *entry, which is good until the next call; 0 at the end;
 * -EBADMSG, -errno and the reason.
 */
int crit_input_next(struct crit_input *in, struct archive_entry **entry,
		    struct crit_error *err);

/* Fail with what libarchive says is wrong. */
int crit_input_fail(const struct crit_input *in, struct crit_error *err);

#endif
