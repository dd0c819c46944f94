/*
 * critic decode, show and info: images to documents.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "decoder/critic/critic.h"
#include "decoder/critic/files.h"
#include "decoder/critic/text.h"
#include "decoder/document.h"
#include "decoder/image.h"
#include "decoder/printable.h"
#include "decoder/wire.h"

const char *critic_name(const char *path)
{
	return path ? path : "<stdin>";
}

int critic_fail(const char *path, const struct crit_error *err)
{
	char line[5000];

	crit_error_format(err, path, line, sizeof(line));
	crit_say(stderr, "critic: %s", line);
	return 1;
}

/* Raw files keep their name's word for it, whatever they begin with. */
static const char *judged_by(const char *path)
{
	const char *name = path ? strrchr(path, '/') : NULL;

	name = name ? name + 1 : path;
	return name && crit_name_is_raw(name) ? name : NULL;
}

static int write_document(struct crit_document *d, struct critic_output *out, bool *at_output,
			  struct crit_error *err)
{
	const void *piece;
	ssize_t n;

	while ((n = crit_document_next(d, &piece, err)) > 0) {
		int ret = critic_output_write(out, piece, (size_t)n, err);

		if (ret < 0) {
			*at_output = true;
			return ret;
		}
	}
	return (int)n;
}

int critic_decode_file(struct crit_file *file, const char *name,
		       struct crit_document_style style, const char *out_path, bool *at_output,
		       struct crit_error *err)
{
	struct critic_output out;
	struct crit_document *d;
	int ret;

	*at_output = false;
	ret = crit_document_new(file, name, style, &d, err);
	if (ret < 0)
		return ret;
	ret = critic_output_open(&out, out_path, file, err);
	*at_output = ret < 0;
	if (ret == 0) {
		ret = write_document(d, &out, at_output, err);
		if (ret == 0) {
			ret = critic_output_close(&out, err);
			*at_output = ret < 0;
		} else {
			critic_output_abort(&out);
		}
	}
	crit_document_free(d);
	return ret;
}

int critic_decode(const struct critic_args *args)
{
	struct crit_document_style style = {
		.plain = !args->pretty,
		.one_line = !args->pretty,
		.no_payload = args->no_payload,
		.newline = !args->out,
	};
	struct crit_error err = {0};
	struct crit_file *file;
	bool at_output = false;
	int ret;

	ret = critic_open(args->in, &file, &err);
	if (ret < 0)
		return critic_fail(critic_name(args->in), &err);
	ret = critic_decode_file(file, judged_by(args->in), style, args->out, &at_output, &err);
	crit_file_put(file);
	if (ret == 0)
		return 0;
	if (at_output)
		return critic_fail(args->out ? args->out : "<stdout>", &err);
	return critic_fail(critic_name(args->in), &err);
}

static int show_text(const struct critic_args *args)
{
	struct crit_error err = {0};
	struct crit_file *file;
	int ret;

	ret = critic_open(args->in, &file, &err);
	if (ret < 0)
		return critic_fail(critic_name(args->in), &err);
	ret = critic_text(file, judged_by(args->in), stdout, &err);
	crit_file_put(file);
	if (ret == 0 || ferror(stdout)) /* which main() tells */
		return ret != 0;
	return critic_fail(critic_name(args->in), &err);
}

int critic_show(const struct critic_args *args)
{
	struct critic_args shown = *args;

	if (args->text)
		return show_text(args);
	shown.pretty = true;
	return critic_decode(&shown);
}

/* Does a ghost file come in chunks, be there any or not? */
static int in_chunks(struct crit_image *img, struct crit_error *err)
{
	struct crit_entry head;
	const uint8_t *message;
	uint64_t chunks;
	int ret;

	ret = crit_image_entry(img, 0, &head, err);
	if (ret < 0)
		return ret;
	message = crit_image_bytes(img, head.message, err);
	if (!message)
		return -EIO;
	return crit_wire_uint(head.type, message, head.message.len, "chunks", &chunks) > 0 &&
	       chunks;
}

/* What crit calls the number of entries: a head before others is not counted. */
static int count_entries(struct crit_image *img, uint64_t *count, struct crit_error *err)
{
	const struct crit_type *type = crit_image_header(img)->type;
	int ret = crit_image_count(img, count, err), head = type->head != type->rest;

	if (ret < 0 || !*count)
		return ret;
	if (type->extra == CRIT_EXTRA_GHOST)
		head = in_chunks(img, err);
	if (head > 0)
		--*count;
	return head < 0 ? head : 0;
}

int critic_info(const struct critic_args *args)
{
	struct crit_error err = {0};
	struct crit_file *file;
	struct crit_image *img = NULL;
	uint64_t count;
	int ret;

	ret = critic_open(args->in, &file, &err);
	if (ret < 0)
		return critic_fail(critic_name(args->in), &err);
	ret = crit_image_new(file, judged_by(args->in), &img, &err);
	if (ret == 0)
		ret = count_entries(img, &count, &err);
	if (ret == 0)
		printf("{\n    \"magic\": \"%s\",\n    \"count\": %" PRIu64 "\n}\n",
		       crit_image_header(img)->type->name, count);
	crit_image_free(img);
	crit_file_put(file);
	return ret < 0 ? critic_fail(critic_name(args->in), &err) : 0;
}
