/*
 * Opening images of a dump by name and walking through their entries.
 */
#include "decoder/dump.h"

#include <errno.h>

#include "decoder/wire.h"

int crit_dump_open(const char *path, struct crit_listener *listener, struct crit_dump *dump)
{
	struct crit_dir *dir;
	int ret = crit_dir_open(path, &dir);

	*dump = (struct crit_dump){ret < 0 ? NULL : dir, listener};
	return ret;
}

void crit_dump_close(struct crit_dump *dump)
{
	crit_dir_put(dump->dir);
}

void crit_dump_tell(struct crit_dump *dump, const char *image, const struct crit_error *err)
{
	dump->listener->tell(dump->listener, image, err);
}

static int open_failed(int ret, struct crit_error *err)
{
	if (ret == -ELOOP)
		return crit_fail(err, CRIT_BROKEN, "a symlink, which is not followed");
	if (ret == -EINVAL)
		return crit_fail(err, CRIT_BROKEN, "no regular file");
	return crit_fail_errno(err, -ret, "can't open it");
}

int crit_walk_open(struct crit_dump *dump, const char *name, struct crit_walk *walk,
		   struct crit_error *err)
{
	struct crit_file *file;
	int ret;

	ret = crit_dir_file(dump->dir, name, &file);
	if (ret < 0)
		return open_failed(ret, err);
	ret = crit_image_new(file, name, &walk->img, err);
	crit_file_put(file);
	if (ret < 0)
		return ret;
	walk->n = 0;
	/* callers know by the name what they get */
	if (crit_image_header(walk->img)->type != crit_type_by_name(name)) {
		ret = crit_fail(err, CRIT_BROKEN, "it is an image of type %s",
				crit_image_header(walk->img)->type->name);
		crit_walk_close(walk);
	}
	return ret;
}

void crit_walk_close(struct crit_walk *walk)
{
	crit_image_free(walk->img);
}

/* Nothing must stand behind the last entry: it would be one that is damaged. */
static int check_tail(struct crit_walk *walk, struct crit_error *err)
{
	struct crit_span tail;
	int ret = crit_image_tail(walk->img, &tail, err);

	if (ret < 0 || !tail.len)
		return ret;
	return crit_fail(err, CRIT_BROKEN, "damaged from offset %llu on",
			 (unsigned long long)tail.off);
}

int crit_walk_bytes(struct crit_walk *walk, struct crit_entry *e, const uint8_t **bytes,
		    struct crit_error *err)
{
	int ret = crit_image_entry(walk->img, walk->n, e, err);

	if (ret == -ENOENT)
		return check_tail(walk, err);
	if (ret < 0)
		return ret;
	*bytes = crit_image_bytes(walk->img, e->message, err);
	if (!*bytes)
		return -EIO;
	walk->n++;
	return 1;
}

int crit_walk_refuse(struct crit_walk *walk, const struct crit_entry *e, struct crit_error *err)
{
	return crit_fail(err, CRIT_REJECTED, "entry %llu is no %s",
			 (unsigned long long)walk->n - 1, e->type->pb->name);
}

int crit_walk_next(struct crit_walk *walk, ProtobufCMessage **msg, struct crit_error *err)
{
	struct crit_buf merged = {0};
	const uint8_t *bytes;
	struct crit_entry e;
	int ret;

	ret = crit_walk_bytes(walk, &e, &bytes, err);
	if (ret <= 0)
		return ret;
	*msg = NULL;
	/* protobuf-c has no limit of depth */
	ret = crit_wire_whole(e.type, bytes, e.message.len, &merged);
	if (ret > 0)
		*msg = protobuf_c_message_unpack(e.type->pb, NULL, merged.len, merged.data);
	else if (ret == 0)
		*msg = protobuf_c_message_unpack(e.type->pb, NULL, e.message.len, bytes);
	crit_buf_fini(&merged);
	if (ret == -ENOMEM)
		return crit_fail(err, CRIT_NO_MEMORY, "no memory for an entry");
	return *msg ? 1 : crit_walk_refuse(walk, &e, err);
}

void *crit_walk_rest(struct crit_dump *dump, const char *name, struct crit_walk *walk)
{
	struct crit_error err = {0};
	ProtobufCMessage *msg;
	int ret;

	do {
		ret = crit_walk_next(walk, &msg, &err);
		if (ret > 0)
			return msg;
		if (ret < 0)
			crit_dump_tell(dump, name, &err);
	} while (ret == -EBADMSG);
	return NULL;
}

void *crit_dump_first(struct crit_dump *dump, const char *name, struct crit_error *err)
{
	ProtobufCMessage *msg = NULL;
	struct crit_walk walk;
	int ret;

	if (crit_walk_open(dump, name, &walk, err) < 0)
		return NULL;
	ret = crit_walk_next(&walk, &msg, err);
	if (ret == 0)
		crit_fail(err, CRIT_BROKEN, "it has no entries");
	crit_walk_close(&walk);
	return ret > 0 ? msg : NULL;
}
