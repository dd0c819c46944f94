/*
 * Finding files by id, in one image or in many.
 */
#include "decoder/descriptors.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/lookup.h"
#include "decoder/wire.h"

#define ALL "files.img"

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

struct crit_files {
	struct crit_dump *dump; /* borrowed */
	struct crit_lookup all; /* files.img */
	struct crit_lookup old[N_KINDS];
};

struct crit_files *crit_files_new(struct crit_dump *dump)
{
	struct crit_files *files = calloc(1, sizeof(*files));

	if (files)
		files->dump = dump;
	return files;
}

void crit_files_free(struct crit_files *files)
{
	size_t i;

	if (!files)
		return;
	crit_lookup_fini(&files->all);
	for (i = 0; i < N_KINDS; i++)
		crit_lookup_fini(&files->old[i]);
	free(files);
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
	struct crit_lookup *all = &files->all, *old = &files->old[kind - kinds];
	struct crit_error err = {0};

	if (all->told || old->told)
		return; /* no wonder that files are missing */
	if (!all->there && !old->there) {
		/* for all files of this kind at once */
		old->told = true;
		crit_fail(&err, CRIT_BROKEN, "there is no such image%s%s",
			  kind->image ? ", nor " : "", kind->image ? kind->image : "");
		crit_dump_tell(files->dump, all->image, &err);
		return;
	}
	crit_fail(&err, CRIT_BROKEN, "no file in it has the id %llu", (unsigned long long)id);
	crit_dump_tell(files->dump, all->there ? all->image : old->image, &err);
}

/* An open tun device is there as two files with one id. */
static FileEntry *find_in_all(struct crit_files *files, uint32_t type, uint64_t id)
{
	struct crit_lookup *all = &files->all;
	FileEntry *entry, *other;

	if (!crit_lookup_open(files->dump, all, ALL, "id", "type"))
		return NULL;
	entry = crit_lookup_find(files->dump, all, id);
	if (!entry || (uint32_t)entry->type == type)
		return entry;
	other = crit_lookup_find(files->dump, all, (uint64_t)type << 32 | id);
	if (!other)
		return entry;
	file_entry__free_unpacked(entry, NULL);
	return other;
}

/* The message of a type in an entry of files.img, which is freed if it has none. */
static bool take_member(const struct kind *kind, FileEntry *entry, struct crit_open_file *file)
{
	file->owned = &entry->base;
	file->what = member(entry, kind);
	if (!file->what)
		crit_open_file_fini(file);
	return file->what != NULL;
}

bool crit_files_find(struct crit_files *files, uint32_t type, uint64_t id,
		     struct crit_open_file *file)
{
	const struct kind *kind = kind_of(type);
	struct crit_lookup *old;
	FileEntry *entry;

	if (!kind)
		return false;
	entry = find_in_all(files, type, id);
	if (entry) {
		file->style = crit_image_style(files->all.walk.img, false);
		return take_member(kind, entry, file);
	}
	old = &files->old[kind - kinds];
	file->what = NULL;
	if (kind->image && crit_lookup_open(files->dump, old, kind->image, "id", NULL))
		file->what = file->owned = crit_lookup_find(files->dump, old, id);
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

void crit_files_walk_begin(struct crit_dump *dump, uint32_t type, struct crit_files_walk *w)
{
	*w = (struct crit_files_walk){.dump = dump, .type = type};
}

void crit_files_walk_end(struct crit_files_walk *w)
{
	if (w->open)
		crit_walk_close(&w->walk);
	w->open = false;
}

/* files.img, then what old dumps have. */
static bool open_next_image(struct crit_files_walk *w, const struct kind *kind)
{
	const char *images[] = {ALL, kind->image};
	struct crit_error err = {0};
	int ret;

	while (!w->open && w->image < 2) {
		const char *name = images[w->image++];

		if (!name)
			continue;
		snprintf(w->name, sizeof(w->name), "%s", name);
		ret = crit_walk_open(w->dump, name, &w->walk, &err);
		w->open = ret == 0;
		if (ret < 0 && ret != -ENOENT)
			crit_dump_tell(w->dump, name, &err);
	}
	return w->open;
}

/* Of another type? Then there is no need to decode it. */
static bool is_other(const struct crit_files_walk *w, const struct crit_entry *e,
		     const uint8_t *bytes)
{
	uint64_t type;

	return w->image == 1 &&
	       crit_wire_uint(e->type, bytes, e->message.len, "type", &type) > 0 &&
	       type != w->type;
}

/* The next file of the image. */
static bool next_in_image(struct crit_files_walk *w, const struct kind *kind,
			  struct crit_open_file *file)
{
	struct crit_error err = {0};
	const uint8_t *bytes;
	struct crit_entry e;
	int ret;

	while ((ret = crit_walk_bytes(&w->walk, &e, &bytes, &err)) > 0) {
		if (is_other(w, &e, bytes))
			continue;
		w->walk.n--;
		ret = crit_walk_next(&w->walk, &file->owned, &err);
		if (ret == -EBADMSG)
			crit_dump_tell(w->dump, w->name, &err);
		if (ret <= 0)
			continue;
		file->style = crit_image_style(w->walk.img, false);
		file->what = file->owned;
		if (w->image > 1 || take_member(kind, (FileEntry *)file->owned, file))
			return true;
	}
	if (ret < 0)
		crit_dump_tell(w->dump, w->name, &err);
	return false;
}

bool crit_files_walk_next(struct crit_files_walk *w, struct crit_open_file *file)
{
	const struct kind *kind = kind_of(w->type);

	while (kind && open_next_image(w, kind)) {
		if (next_in_image(w, kind, file))
			return true;
		crit_files_walk_end(w);
	}
	return false;
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
