/*
 * The layout of node ids and inode numbers. What an image holds has an id that
 * is computed from image, slot and part, so that a million entries need no
 * memory a piece; all else has an id from a counter and a struct cfs_node.
 *
 *   63      62 ........ 41  40 ............ 5  4 .... 0
 *   1       image (22)      slot (36)          part (5)    computed
 *   01      memory (17)     page (45)                      a run in .critfs/proc/N/map_files
 *   00      counter                                        in the table
 *
 * Parts are numbered as enum crit_part has them, so a slot's extras have lower
 * inode numbers than its N.json: rm -r removes in that order.
 */
#ifndef CFS_IDS_H
#define CFS_IDS_H

#include <stdbool.h>
#include <stdint.h>

#include "decoder/image.h"

/* Parts that only the mount has. */
enum {
	CFS_PART_TAIL = CRIT_PART_RAW + 1, /* what is left where the frames break */
	CFS_PART_DOCUMENT,                 /* the whole image, in .critfs/json */
	CFS_N_PARTS,
	CFS_PART_DIR = 31, /* the image itself, as a directory */
};

#define CFS_ID_COMPUTED (UINT64_C(1) << 63)
#define CFS_PART_BITS   5
#define CFS_SLOT_BITS   36
#define CFS_IMAGE_BITS  22
#define CFS_SLOT_MAX    ((UINT64_C(1) << CFS_SLOT_BITS) - 1)
#define CFS_IMAGES_MAX  (UINT64_C(1) << CFS_IMAGE_BITS)

static inline uint64_t cfs_id_of(uint64_t image, uint64_t slot, unsigned part)
{
	return CFS_ID_COMPUTED | image << (CFS_SLOT_BITS + CFS_PART_BITS) |
	       slot << CFS_PART_BITS | part;
}

static inline bool cfs_id_is_computed(uint64_t id)
{
	return id & CFS_ID_COMPUTED;
}

static inline uint64_t cfs_id_image(uint64_t id)
{
	return (id & ~CFS_ID_COMPUTED) >> (CFS_SLOT_BITS + CFS_PART_BITS);
}

static inline uint64_t cfs_id_slot(uint64_t id)
{
	return id >> CFS_PART_BITS & CFS_SLOT_MAX;
}

static inline unsigned cfs_id_part(uint64_t id)
{
	return id & ((1u << CFS_PART_BITS) - 1);
}

#define CFS_ID_RUN        (UINT64_C(1) << 62)
#define CFS_RUN_PAGE_BITS 45
#define CFS_RUN_PAGE      UINT64_C(4096) /* the smallest there is */
#define CFS_MEMORIES_MAX  (UINT64_C(1) << (62 - CFS_RUN_PAGE_BITS))

/* Has a run of pages that begins there such an id? */
static inline bool cfs_id_can_be_run(uint64_t address)
{
	return address % CFS_RUN_PAGE == 0 &&
	       address / CFS_RUN_PAGE < UINT64_C(1) << CFS_RUN_PAGE_BITS;
}

static inline uint64_t cfs_id_of_run(uint64_t memory, uint64_t address)
{
	return CFS_ID_RUN | memory << CFS_RUN_PAGE_BITS | address / CFS_RUN_PAGE;
}

static inline bool cfs_id_is_run(uint64_t id)
{
	return id >> 62 == 1;
}

static inline uint64_t cfs_id_memory(uint64_t id)
{
	return (id & ~CFS_ID_RUN) >> CFS_RUN_PAGE_BITS;
}

static inline uint64_t cfs_id_address(uint64_t id)
{
	return (id & ((UINT64_C(1) << CFS_RUN_PAGE_BITS) - 1)) * CFS_RUN_PAGE;
}

/* Inode number of a file in .critfs/proc, of which `hash` is all there is to know. */
static inline uint64_t cfs_ino_of_proc(uint64_t hash)
{
	return UINT64_C(3) << 61 | hash >> 3;
}

/*
 * Inode number of a file that is shown as it is: its own, marked; and marked otherwise if it
 * is on another file system than the dump, which an upper directory may be.
 */
static inline uint64_t cfs_ino_passed(uint64_t ino, bool elsewhere)
{
	return (ino & ~(UINT64_C(15) << 60)) | UINT64_C(1) << 62 | (uint64_t)elsewhere << 60;
}

/* Inode number of message m of a slot; images and slots beyond the bits collide. */
static inline uint64_t cfs_ino_of_msg(uint64_t image, uint64_t slot, uint64_t m, unsigned part)
{
	return UINT64_C(1) << 61 | (image & 0xffff) << 45 | (slot & 0xfffff) << 25 |
	       (m & 0xfffff) << CFS_PART_BITS | part;
}

#endif
