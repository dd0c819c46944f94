/*
 * The order of the validation: each image by itself, what there is, where it leads.
 */
#include "decoder/check/check.h"

#include <stdlib.h>

#include "decoder/check/checker.h"

static const struct {
	const char *type;
	check_visit *visit;
} visits[] = {
	{"CORE", check_core},
	{"IDS", check_ids},
	{"FS", check_fs},
	{"MM", check_mm},
	{"FDINFO", check_fdinfo},
	{"FILES", check_file_entry},
	{"PIPES_DATA", check_pipe_data},
	{"FIFO_DATA", check_fifo_data},
	{"SK_QUEUES", check_packet},
	{"REMAP_FPATH", check_remap},
	{"TTY_DATA", check_tty_data},
	{"FILE_LOCKS", check_lock},
	{"BPFMAP_DATA", check_bpfmap_data},
	{"MEMFD_INODE", check_memfd},
	{"IPCNS_SHM", check_segment},
	{"NETNS", check_netns},
	{"SECCOMP", check_seccomp},
	{"EVENTPOLL_TFD", check_old_tfd},
	{"INOTIFY_WD", check_old_wd},
	{"FANOTIFY_MARK", check_old_mark},
};

/* Whole images, not entry by entry. */
static const struct {
	const char *type;
	void (*check)(struct checker *c, const struct check_image *image);
} whole[] = {
	{"VMAS", check_vmas},
	{"MNTS", check_mounts},
};

static void follow(struct checker *c, const struct check_image *image)
{
	size_t i;

	for (i = 0; i < sizeof(visits) / sizeof(*visits); i++)
		if (check_is(image, visits[i].type))
			check_each(c, image, visits[i].visit);
	for (i = 0; i < sizeof(whole) / sizeof(*whole); i++)
		if (check_is(image, whole[i].type))
			whole[i].check(c, image);
	if (image->type)
		check_old_files(c, image);
}

/* A dump has an inventory, but not each single image is one. */
static void inventory(struct checker *c)
{
	size_t i;

	if (check_exists(c, "inventory.img"))
		return;
	for (i = 0; i < c->n_images; i++) {
		if (check_is(&c->images[i], "PSTREE") || check_is(&c->images[i], "PAGEMAP")) {
			check_missing(c, "inventory.img",
				      check_at(c->images[i].name, CHECK_WHOLE));
			return;
		}
	}
}

static void silence(struct crit_listener *l, const char *image, const struct crit_error *err)
{
	/* damage is told of once, by who looks at each image */
	(void)l;
	(void)image;
	(void)err;
}

static void fini(struct checker *c)
{
	size_t i;

	free(c->images);
	crit_listing_fini(&c->files);
	for (i = 0; i < CHECK_N_SETS; i++)
		crit_index_fini(&c->set[i]);
	crit_index_fini(&c->needed);
	check_told_fini(c);
	task_kobj_ids_entry__free_unpacked(c->root_ids, NULL);
}

int crit_check(const struct crit_dir *dir, struct crit_findings *findings)
{
	struct checker c = {.findings = findings, .silent.tell = silence};
	size_t i;
	int ret;

	c.dump = (struct crit_dump){dir, &c.silent};
	ret = check_images(&c);
	if (ret == 0) {
		inventory(&c);
		check_collect(&c);
		for (i = 0; i < c.n_images; i++)
			follow(&c, &c.images[i]);
		check_processes(&c);
		check_page_maps(&c);
		check_left_out(&c);
		ret = c.error;
	}
	fini(&c);
	return ret;
}
