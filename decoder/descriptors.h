/*
 * Open files: which descriptors a process has, and what is behind them (files.img; in
 * old dumps one image a type). Files are found by an index of their ids and decoded
 * only when asked for, so any number of them costs little memory.
 */
#ifndef CRIT_DESCRIPTORS_H
#define CRIT_DESCRIPTORS_H

#include <stdbool.h>
#include <stdint.h>

#include "decoder/dump.h"
#include "decoder/process.h"
#include "files.pb-c.h"

struct crit_files;

/* The files of a dump, which has to live longer. Reads nothing yet. NULL: no memory. */
struct crit_files *crit_files_new(struct crit_dump *dump);
void crit_files_free(struct crit_files *files); /* NULL is fine */

/* What is known of an open file. */
struct crit_open_file {
	const ProtobufCMessage *what; /* RegFileEntry, PipeEntry, … by the type; borrowed */
	ProtobufCMessage *owned;      /* that, or what it is a part of */
	struct crit_style style;      /* how its addresses are to be read */
};

/*
 * Find the file with this id (wide, as a mapping's shmid is), of a type (enum
 * fd_types). false if there is none, or one
 * of another type. The listener was told of what should be there but is not; *file
 * needs no freeing then.
 */
bool crit_files_find(struct crit_files *files, uint32_t type, uint64_t id,
		     struct crit_open_file *file);
void crit_open_file_fini(struct crit_open_file *file);

/* What stands in an entry of files.img for its type: borrowed, NULL if nothing does. */
const ProtobufCMessage *crit_file_of_entry(const FileEntry *entry);

/* The id of a file, of any of these messages. */
uint32_t crit_file_id(const ProtobufCMessage *file);

/* The fd_types of which an image of an old dump has the files; FD_TYPES__UND for others. */
uint32_t crit_file_type_of_image(const char *image);

/* The name of an fd_types, "REG"; NULL if there is none. */
const char *crit_file_type_name(uint32_t type);

/* A walk through all files of a type, whoever has them open. */
struct crit_files_walk {
	struct crit_dump *dump; /* borrowed */
	uint32_t type;
	unsigned image; /* which one is next */
	bool open;      /* the walk is */
	struct crit_walk walk;
	char name[CRIT_IMAGE_NAME_MAX];
};

/* Begin with the first one. */
void crit_files_walk_begin(struct crit_dump *dump, uint32_t type, struct crit_files_walk *w);
void crit_files_walk_end(struct crit_files_walk *w);

/* The next one, to be ended with crit_open_file_fini(). false at the end. */
bool crit_files_walk_next(struct crit_files_walk *w, struct crit_open_file *file);

/* A walk through the descriptors of a process. */
struct crit_descriptors {
	struct crit_dump *dump; /* borrowed */
	struct crit_walk walk;
	char image[CRIT_IMAGE_NAME_MAX];
};

/*
 * Begin with the first one. false if they can't be had, of which the listener was told
 * unless it is a zombie; *d needs no closing then.
 */
bool crit_descriptors_open(struct crit_dump *dump, const struct crit_process *p,
			   struct crit_descriptors *d);
void crit_descriptors_close(struct crit_descriptors *d);

/* The next one, to be freed with fdinfo_entry__free_unpacked(); NULL at the end. */
FdinfoEntry *crit_descriptors_next(struct crit_descriptors *d);

#endif
