/*
 * Callbacks and errors of libarchive's readers.
 */
#include "decoder/archive/input.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static la_ssize_t read_some(struct archive *reader, void *data, const void **buf)
{
	struct crit_input *in = data;
	uint64_t left = (uint64_t)in->file->st.st_size - in->at;
	size_t n = left < CRIT_INPUT_SIZE ? (size_t)left : CRIT_INPUT_SIZE;

	(void)reader;
	in->failed = crit_file_read(in->file, in->buf, n, in->at);
	if (in->failed < 0)
		return -1;
	in->at += n;
	*buf = in->buf;
	return (la_ssize_t)n;
}

static la_int64_t skip_some(struct archive *reader, void *data, la_int64_t n)
{
	struct crit_input *in = data;
	uint64_t left = (uint64_t)in->file->st.st_size - in->at;

	(void)reader;
	if (n < 0 || (uint64_t)n > left)
		return 0; /* it reads on then, and finds the end */
	in->at += (uint64_t)n;
	return n;
}

int crit_input_fail(const struct crit_input *in, struct crit_error *err)
{
	const char *why = in->la->archive_error_string(in->reader);

	if (in->failed < 0)
		return crit_fail_errno(err, -in->failed, "can't read it");
	return crit_fail(err, CRIT_REJECTED, "%s", why ? why : "it can't be read");
}

/* How formats begin, and libarchive's numbers of them. Bits that are not in `mask` vary. */
static const struct {
	unsigned n; /* bytes */
	uint8_t magic[6], first_mask;
	int filter;
} formats[] = {
	{2, {0x1f, 0x8b}, 0xff, ARCHIVE_FILTER_GZIP},
	{4, {0x28, 0xb5, 0x2f, 0xfd}, 0xff, ARCHIVE_FILTER_ZSTD},
	{4, {0x50, 0x2a, 0x4d, 0x18}, 0xf0, ARCHIVE_FILTER_ZSTD}, /* a frame that is skipped */
	{6, {0xfd, '7', 'z', 'X', 'Z', 0}, 0xff, ARCHIVE_FILTER_XZ},
	{3, {'B', 'Z', 'h'}, 0xff, ARCHIVE_FILTER_BZIP2},
	{4, {0x04, 0x22, 0x4d, 0x18}, 0xff, ARCHIVE_FILTER_LZ4},
};

static int filter_of(const struct crit_file *file, int *filter)
{
	uint8_t start[6] = {0};
	size_t n = file->st.st_size < (off_t)sizeof(start) ? (size_t)file->st.st_size
							   : sizeof(start);
	int ret = crit_file_read(file, start, n, 0);
	size_t i;

	*filter = ARCHIVE_FILTER_NONE;
	if (ret < 0)
		return ret;
	for (i = 0; i < sizeof(formats) / sizeof(*formats); i++)
		if (n >= formats[i].n &&
		    (start[0] & formats[i].first_mask) == formats[i].magic[0] &&
		    !memcmp(start + 1, formats[i].magic + 1, formats[i].n - 1)) {
			*filter = formats[i].filter;
			break;
		}
	return 0;
}

int crit_input_is_compressed(const struct crit_file *file, struct crit_error *err)
{
	int filter, ret = filter_of(file, &filter);

	return ret < 0 ? crit_fail_errno(err, -ret, "can't read it")
		       : filter != ARCHIVE_FILTER_NONE;
}

int crit_input_open(struct crit_input *in, const struct crit_file *file, enum crit_input_as as,
		    struct crit_error *err)
{
	const struct crit_libarchive *la = crit_libarchive(err);
	int filter = ARCHIVE_FILTER_NONE;
	struct archive *r;

	*in = (struct crit_input){.la = la, .file = file};
	if (!la)
		return -ENOSYS;
	in->buf = malloc(CRIT_INPUT_SIZE);
	in->reader = r = la->archive_read_new();
	if (!in->buf || !r)
		return crit_fail(err, CRIT_NO_MEMORY, "no memory to read an archive");
	if (as != CRIT_INPUT_PLAIN_TAR)
		in->failed = filter_of(file, &filter);
	if (in->failed < 0)
		return crit_input_fail(in, err);
	/*
	 * Not all filters there are, some of them start programs; and one only: of layer upon
	 * layer a small file would keep it busy for ever without a byte coming out.
	 */
	if ((filter != ARCHIVE_FILTER_NONE &&
	     la->archive_read_append_filter(r, filter) != ARCHIVE_OK) ||
	    (as == CRIT_INPUT_RAW ? la->archive_read_support_format_raw(r)
				  : la->archive_read_support_format_tar(r)) != ARCHIVE_OK ||
	    la->archive_read_set_read_callback(r, read_some) != ARCHIVE_OK ||
	    la->archive_read_set_skip_callback(r, skip_some) != ARCHIVE_OK ||
	    la->archive_read_set_callback_data(r, in) != ARCHIVE_OK ||
	    la->archive_read_open1(r) != ARCHIVE_OK)
		return crit_input_fail(in, err);
	return 0;
}

void crit_input_close(struct crit_input *in)
{
	if (in->reader)
		in->la->archive_read_free(in->reader);
	free(in->buf);
	in->reader = NULL;
	in->buf = NULL;
}

int crit_input_next(struct crit_input *in, struct archive_entry **entry, struct crit_error *err)
{
	switch (in->la->archive_read_next_header(in->reader, entry)) {
	case ARCHIVE_OK:
	case ARCHIVE_WARN: /* of names that are no text in this locale: they are bytes here */
		return 1;
	case ARCHIVE_EOF:
		return 0;
	default:
		return crit_input_fail(in, err);
	}
}
