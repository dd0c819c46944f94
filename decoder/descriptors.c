/*
 * Finding files by id, in one image or in many.
 */
#include "decoder/descriptors.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/index.h"
#include "decoder/wire.h"

/* Where the files of a type are. */
static const struct kind {
	FdTypes type;
	size_t member;     /* offset of its message in a FileEntry */
	const char *image; /* of old dumps */
} kinds[] = {
	{FD_TYPES__REG, offsetof(FileEntry, reg), "reg-files.img"},
	{FD_TYPES__PIPE, offsetof(FileEntry, pipe), "pipes.img"},
	{FD_TYPES__FIFO, offsetof(FileEntry, fifo), "fifo.img"},
	{FD_TYPES__INETSK, offsetof(FileEntry, isk), "inetsk.img"},
	{FD_TYPES__UNIXSK, offsetof(FileEntry, usk), "unixsk.img"},
	{FD_TYPES__EVENTFD, offsetof(FileEntry, efd), "eventfd.img"},
	{FD_TYPES__EVENTPOLL, offsetof(FileEntry, epfd), "eventpoll.img"},
	{FD_TYPES__INOTIFY, offsetof(FileEntry, ify), "inotify.img"},
	{FD_TYPES__SIGNALFD, offsetof(FileEntry, sgfd), "signalfd.img"},
	{FD_TYPES__PACKETSK, offsetof(FileEntry, psk), "packetsk.img"},
	{FD_TYPES__TTY, offsetof(FileEntry, tty), "tty.img"},
	{FD_TYPES__FANOTIFY, offsetof(FileEntry, ffy), "fanotify.img"},
	{FD_TYPES__NETLINKSK, offsetof(FileEntry, nlsk), "netlinksk.img"},
	{FD_TYPES__NS, offsetof(FileEntry, nsf), "ns-files.img"},
	{FD_TYPES__TUNF, offsetof(FileEntry, tunf), "tunfile.img"},
	{FD_TYPES__EXT, offsetof(FileEntry, ext), "ext-files.img"},
	{FD_TYPES__TIMERFD, offsetof(FileEntry, tfd), "timerfd.img"},
	{FD_TYPES__MEMFD, offsetof(FileEntry, memfd), NULL},
	{FD_TYPES__BPFMAP, offsetof(FileEntry, bpf), "bpfmap-file.img"},
	{FD_TYPES__PIDFD, offsetof(FileEntry, pidfd), "pidfd.img"},
};

enum { N_KINDS = sizeof(kinds) / sizeof(*kinds) };

/* An image with files in it. */
struct source {
	const char *name; /* NULL: not looked for yet */
	bool there;       /* it can be read, walk is open */
	bool told;        /* the listener knows that something is missing */
	struct crit_walk walk;
	struct crit_index by_id; /* entry numbers */
};

struct crit_files {
	struct crit_dump *dump; /* borrowed */
	struct source all;      /* files.img */
	struct source old[N_KINDS];
};

struct crit_files *crit_files_new(struct crit_dump *dump)
{
	struct crit_files *files = calloc(1, sizeof(*files));

	if (files)
		files->dump = dump;
	return files;
}

static void source_fini(struct source *s)
{
	if (s->there)
		crit_walk_close(&s->walk);
	crit_index_fini(&s->by_id);
}

void crit_files_free(struct crit_files *files)
{
	size_t i;

	if (!files)
		return;
	source_fini(&files->all);
	for (i = 0; i < N_KINDS; i++)
		source_fini(&files->old[i]);
	free(files);
}

static void source_tell(struct crit_files *files, struct source *s,
			const struct crit_error *err)
{
	s->told = true;
	crit_dump_tell(files->dump, s->name, err);
}

/* Index all its entries. */
static void source_read(struct crit_files *files, struct source *s)
{
	struct crit_error err = {0};
	const uint8_t *bytes;
	struct crit_entry e;
	uint64_t id;
	int ret;

	while ((ret = crit_walk_bytes(&s->walk, &e, &bytes, &err)) > 0) {
		if (crit_wire_uint(e.type, bytes, e.message.len, "id", &id) <= 0) {
			crit_walk_refuse(&s->walk, &e, &err);
			source_tell(files, s, &err);
			continue;
		}
		ret = crit_index_put(&s->by_id, id, s->walk.n - 1, NULL);
		if (ret < 0) {
			crit_fail(&err, CRIT_NO_MEMORY, "no memory for an index");
			break;
		}
	}
	if (ret < 0)
		source_tell(files, s, &err);
}

/* Is it there? An image that was never there is no news: which ones are differs. */
static bool source_open(struct crit_files *files, struct source *s, const char *name)
{
	struct crit_error err = {0};
	int ret;

	if (s->name)
		return s->there;
	s->name = name;
	ret = crit_walk_open(files->dump, name, &s->walk, &err);
	s->there = ret == 0;
	if (s->there)
		source_read(files, s);
	else if (ret != -ENOENT)
		source_tell(files, s, &err);
	return s->there;
}

static void *source_find(struct crit_files *files, struct source *s, uint64_t id)
{
	struct crit_error err = {0};
	ProtobufCMessage *msg;

	if (!crit_index_find(&s->by_id, id, &s->walk.n))
		return NULL;
	if (crit_walk_next(&s->walk, &msg, &err) > 0)
		return msg;
	source_tell(files, s, &err);
	return NULL;
}

static const struct kind *kind_of(uint32_t type)
{
	size_t i;

	for (i = 0; i < N_KINDS; i++)
		if (kinds[i].type == type)
			return &kinds[i];
	return NULL;
}

static const ProtobufCMessage *member(const FileEntry *entry, const struct kind *kind)
{
	return *(ProtobufCMessage *const *)((const char *)entry + kind->member);
}

const ProtobufCMessage *crit_file_of_entry(const FileEntry *entry)
{
	const struct kind *kind = kind_of((uint32_t)entry->type);

	return kind ? member(entry, kind) : NULL;
}

uint32_t crit_file_id(const ProtobufCMessage *file)
{
	/* the first field of each of them, and required */
	return *(const uint32_t *)((const char *)file + file->descriptor->fields[0].offset);
}

uint32_t crit_file_type_of_image(const char *image)
{
	size_t i;

	for (i = 0; i < N_KINDS; i++)
		if (kinds[i].image && !strcmp(kinds[i].image, image))
			return kinds[i].type;
	return FD_TYPES__UND;
}

/* A file that is nowhere: say where it should have been. */
static void tell_missing(struct crit_files *files, const struct kind *kind, uint64_t id)
{
	struct source *all = &files->all, *old = &files->old[kind - kinds];
	struct crit_error err = {0};

	if (all->told || old->told)
		return; /* no wonder that files are missing */
	if (!all->there && !old->there) {
		/* for all files of this kind at once */
		old->told = true;
		crit_fail(&err, CRIT_BROKEN, "there is no such image%s%s",
			  kind->image ? ", nor " : "", kind->image ? kind->image : "");
		crit_dump_tell(files->dump, all->name, &err);
		return;
	}
	crit_fail(&err, CRIT_BROKEN, "no file in it has the id %llu", (unsigned long long)id);
	crit_dump_tell(files->dump, all->there ? all->name : old->name, &err);
}

bool crit_files_find(struct crit_files *files, uint32_t type, uint64_t id,
		     struct crit_open_file *file)
{
	const struct kind *kind = kind_of(type);
	FileEntry *entry = NULL;
	struct source *old;

	if (!kind)
		return false;
	if (source_open(files, &files->all, "files.img"))
		entry = source_find(files, &files->all, id);
	if (entry) {
		file->style = crit_image_style(files->all.walk.img, false);
		file->owned = &entry->base;
		file->what = member(entry, kind);
		if (!file->what)
			crit_open_file_fini(file);
		return file->what != NULL;
	}
	old = &files->old[kind - kinds];
	if (kind->image && source_open(files, old, kind->image))
		file->what = file->owned = source_find(files, old, id);
	else
		file->what = NULL;
	if (file->what)
		file->style = crit_image_style(old->walk.img, false);
	else
		tell_missing(files, kind, id);
	return file->what != NULL;
}

void crit_open_file_fini(struct crit_open_file *file)
{
	protobuf_c_message_free_unpacked(file->owned, NULL);
}

const char *crit_file_type_name(uint32_t type)
{
	const ProtobufCEnumValue *value =
		protobuf_c_enum_descriptor_get_value(&fd_types__descriptor, (int)type);

	return value ? value->name : NULL;
}

bool crit_descriptors_open(struct crit_dump *dump, const struct crit_process *p,
			   struct crit_descriptors *d)
{
	TaskKobjIdsEntry *ids = crit_process_ids(dump, p);
	struct crit_error err = {0};

	if (!ids)
		return false;
	d->dump = dump;
	snprintf(d->image, sizeof(d->image), "fdinfo-%u.img", ids->files_id);
	task_kobj_ids_entry__free_unpacked(ids, NULL);
	if (crit_walk_open(dump, d->image, &d->walk, &err) == 0)
		return true;
	if (err.errnum != ENOENT || !crit_process_is_zombie(dump, p))
		crit_dump_tell(dump, d->image, &err);
	return false;
}

void crit_descriptors_close(struct crit_descriptors *d)
{
	crit_walk_close(&d->walk);
}

FdinfoEntry *crit_descriptors_next(struct crit_descriptors *d)
{
	return crit_walk_rest(d->dump, d->image, &d->walk);
}
