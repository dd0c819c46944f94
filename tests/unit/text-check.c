/*
 * text-check: every entry of the images that are named, in each style: the text is the same
 * whatever was printed before, its length is the one that is counted, and what can be
 * printed is what is said to decode. Likewise whole documents. Other files are passed over.
 * tests/test_sizes.py has it look at the recorded dumps. Says how much it saw.
 */
#include <fcntl.h>

#include "decoder/document.h"
#include "texts.h"

static unsigned long images, texts, raws;

static void check_text(struct crit_image *img, const struct crit_entry *e, bool plain)
{
	struct crit_buf text = {0};

	*(expect_text(img, e, plain, &text) ? &texts : &raws) += 1;
	crit_buf_fini(&text);
}

static void check_entries(struct crit_image *img, const char *path)
{
	struct crit_entry e, msg;
	uint64_t n, m;
	int plain;

	for (plain = 0; plain < 2; plain++) {
		for (n = 0; crit_image_entry(img, n, &e, NULL) == 0; n++) {
			unit_about("%s, entry %llu", path, (unsigned long long)n);
			check_text(img, &e, plain);
			for (m = 0; crit_image_msg(img, &e, m, &msg, NULL) == 0; m++)
				check_text(img, &msg, plain);
		}
	}
}

static uint64_t length_of_pieces(struct crit_document *d)
{
	uint64_t len = 0;
	const void *piece;
	ssize_t n;

	while ((n = crit_document_next(d, &piece, NULL)) > 0)
		len += (uint64_t)n;
	expect_int(n, 0);
	return len;
}

static void check_document(struct crit_file *file, struct crit_document_style style)
{
	struct crit_document *d;
	uint64_t size;

	expect_int(crit_document_new(file, NULL, style, &d, NULL), 0);
	expect_int(crit_document_size(d, &size, NULL), 0);
	crit_document_free(d);
	expect_int(crit_document_new(file, NULL, style, &d, NULL), 0);
	expect_u64(size, length_of_pieces(d));
	crit_document_free(d);
}

static void check_file(const char *path)
{
	const char *slash = strrchr(path, '/');
	struct crit_image *img;
	struct crit_file *file;
	unsigned i;

	unit_about("%s", path);
	expect_int(crit_file_open(AT_FDCWD, path, &file), 0);
	if (crit_image_new(file, slash ? slash + 1 : path, &img, NULL) == 0) {
		images++;
		check_entries(img, path);
		crit_image_free(img);
		unit_about("%s", path);
		for (i = 0; i < 8; i++)
			check_document(file, (struct crit_document_style){.plain = i & 1,
									  .one_line = i & 2,
									  .no_payload = i & 4});
	}
	crit_file_put(file);
}

int main(int argc, char **argv)
{
	for (argv++; argc > 1; argc--)
		check_file(*argv++);
	printf("%lu images, %lu texts, %lu raw\n", images, texts, raws);
	return 0;
}
