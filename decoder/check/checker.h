/*
 * What the parts of the validation share: the images of the dump, what others in it may
 * point to, and how findings are told.
 *
 * Each image is read twice: first it is looked at by itself, and what it has is collected
 * into sets of numbers; then what it points to is looked for in these sets.
 */
#ifndef CRIT_CHECKER_H
#define CRIT_CHECKER_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decoder/check/check.h"
#include "decoder/dump.h"
#include "decoder/index.h"
#include "decoder/listing.h"
#include "decoder/types.h"
#include "processes.pb-c.h"

struct check_image {
	const char *name;             /* borrowed */
	const struct crit_type *type; /* NULL: it can't be read, or is no image */
	uint64_t number;              /* in its name, of a process or whatever it is of */
	bool whole;                   /* nothing in it is damaged */
};

/* Numbers of one kind that something in the dump may refer to, with a value each. */
enum check_set {
	CHECK_PROCESSES,    /* pids: place in pstree.img */
	CHECK_THREADS,      /* thread ids: pid */
	CHECK_CORES,        /* thread ids: enum check_core */
	CHECK_TABLES,       /* pids: files_id */
	CHECK_TABLE_IDS,    /* files_ids */
	CHECK_FDS,          /* check_pair(files_id, descriptor) */
	CHECK_FILES,        /* check_pair(fd_types, id): place in the image */
	CHECK_FILE_IDS,     /* the same without the type: fd_types */
	CHECK_POLLS,        /* ids of epoll files: files_id of the first table with it */
	CHECK_SHARED_POLLS, /* those that several tables have */
	CHECK_PIPES,        /* pipe_ids of pipes */
	CHECK_FIFOS,        /* and of FIFOs */
	CHECK_BPFMAPS,      /* map_ids */
	CHECK_MEMFDS,       /* inode_ids in memfd.img */
	CHECK_TERMINALS,    /* ids in tty-info.img */
	CHECK_UNIX,         /* inos of unix sockets */
	CHECK_INET,         /* inos of Internet sockets */
	CHECK_MOUNTS,       /* mnt_ids */
	CHECK_GROUPS,       /* shared_ids of mounts */
	CHECK_CGROUPS,      /* cg_sets */
	CHECK_NAMESPACES,   /* ids of namespaces */
	CHECK_SEGMENTS,     /* ids of System V shared memory */
	CHECK_GHOSTS,       /* remap_ids of ghost files */
	CHECK_PAGES,        /* pages_ids */
	CHECK_N_SETS,
};

#define CHECK_REMAP_GHOST (UINT32_C(1) << 31) /* of remap_id in old dumps: a ghost file */

static inline uint64_t check_pair(uint32_t high, uint32_t low)
{
	return (uint64_t)high << 32 | low;
}

/* What a core image has. */
enum check_core {
	CHECK_CORE_TC = 1 << 0,
	CHECK_CORE_ZOMBIE = 1 << 1,
	CHECK_CORE_IDS = 1 << 2,
	CHECK_CORE_CREDS = 1 << 3,
	CHECK_CORE_SIGACTIONS = 1 << 4,
	CHECK_CORE_TIMERS = 1 << 5,
	CHECK_CORE_RLIMITS = 1 << 6,
	CHECK_CORE_THREAD = 1 << 7,
};

struct checker {
	struct crit_findings *findings; /* borrowed */
	struct crit_listener silent;    /* of the dump: all is told here */
	struct crit_dump dump;          /* its directory is borrowed */

	struct crit_listing files;
	struct check_image *images; /* owned: one for each of them */
	size_t n_images;

	struct crit_index set[CHECK_N_SETS];
	bool unsure[CHECK_N_SETS]; /* the image that has them is damaged: some may be lost */

	uint32_t version; /* img_version */
	bool has_inventory;
	bool fdinfo_per_id, ns_per_id;
	TaskKobjIdsEntry *root_ids; /* owned; NULL: the inventory has none */
	size_t n_filters;           /* of seccomp.img */
	uint64_t old_kinds;         /* bit n: there is an image of the fd_types n only */

	void *told;               /* owned: how many findings each image has, see tsearch(3) */
	struct crit_index needed; /* hashes of the names of missing images that were told */
	int error;                /* 0, -ENOMEM */
};

/* What a finding is about. */
struct check_at {
	const char *image; /* or the path to it from the dump */
	uint64_t number;   /* as in struct check_image */
	uint64_t entry;    /* CHECK_WHOLE: all of it */
	bool raw;          /* the entry does not decode */
	bool in_entry;     /* it is a message within the entry: */
	uint64_t msg;
};

#define CHECK_WHOLE UINT64_MAX

static inline struct check_at check_at(const char *image, uint64_t entry)
{
	return (struct check_at){.image = image, .entry = entry};
}

/* What would make a restore fail, or is surely damage. */
void check_error(struct checker *c, struct check_at at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* What looks odd. */
void check_warning(struct checker *c, struct check_at at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* An image is missing, and who needs it. Told once for each. */
void check_missing(struct checker *c, const char *name, struct check_at who);

/* How many findings were left out, of each image that had too many. */
void check_left_out(struct checker *c);
void check_told_fini(struct checker *c);

/* Is there a file of this name in the dump? The second takes a format with one number. */
bool check_exists(struct checker *c, const char *name);
void check_need(struct checker *c, struct check_at who, const char *format, uint64_t number);

/* Put a number into a set. Is it there already? Then *there is its value. */
bool check_put(struct checker *c, enum check_set set, uint64_t key, uint64_t value,
	       uint64_t *there);

/* Is it there, or could it be among what is damaged? */
bool check_has(struct checker *c, enum check_set set, uint64_t key);

/* What its core image says, enum check_core; 0 if it has none. */
uint64_t check_core_of(const struct checker *c, uint64_t tid);

static inline bool check_is_zombie(const struct checker *c, uint64_t pid)
{
	return check_core_of(c, pid) & CHECK_CORE_ZOMBIE;
}

/* A file of this type has to have the id: `what` says whose. */
void check_file(struct checker *c, struct check_at at, uint32_t type, uint64_t id,
		const char *what, ...) __attribute__((format(printf, 5, 6)));

typedef void check_visit(struct checker *c, struct check_at at, const void *msg);

/* Visit each entry that decodes of an image. */
void check_each(struct checker *c, const struct check_image *image, check_visit *visit);

/* images.c: each image by itself. Lists them; 0, -errno. */
int check_images(struct checker *c);
const struct check_image *check_find(const struct checker *c, const char *name);
bool check_is(const struct check_image *image, const char *type);

#define CHECK_NONE SIZE_MAX

/* Things that have parents among them: processes, mounts. Fill with zeros to begin with. */
struct check_tree {
	struct checker *checker; /* borrowed */
	struct check_node {
		uint64_t entry; /* in the image */
		uint32_t id, parent_id;
		size_t parent; /* its place here, CHECK_NONE if it is not there */
		bool in_ring;  /* it is an ancestor of itself; said of one in each ring */
	} * node;              /* owned */
	size_t n, room;
	size_t n_rings;
};

void check_tree_add(struct check_tree *tree, uint64_t entry, uint32_t id, uint32_t parent_id);
void check_tree_link(struct check_tree *tree); /* find the parents, and rings */
void check_tree_fini(struct check_tree *tree);

/* What there is, by type of image: collect.c. */
void check_collect(struct checker *c);

/* Where an entry leads, by type of image. */
check_visit check_core, check_ids, check_fs; /* processes.c */
check_visit check_mm;                        /* mappings.c */
check_visit check_fdinfo, check_file_entry;  /* files.c */
check_visit check_old_tfd, check_old_wd, check_old_mark;
check_visit check_pipe_data, check_fifo_data, check_packet, check_remap, check_tty_data;
check_visit check_lock, check_bpfmap_data, check_memfd, check_segment; /* beside.c */
check_visit check_netns, check_seccomp;

/* Where all of an image leads. */
void check_vmas(struct checker *c, const struct check_image *image);
void check_mounts(struct checker *c, const struct check_image *image);
void check_old_files(struct checker *c, const struct check_image *image);

/* The processes as a whole, and the memory of all. */
void check_processes(struct checker *c);
void check_page_maps(struct checker *c);

#endif
