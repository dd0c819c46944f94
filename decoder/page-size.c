/*
 * One pass over a page map, and one look at its pages file.
 */
#include "decoder/page-size.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "decoder/memory.h"

int crit_pages_id(struct crit_dump *dump, const char *name, uint32_t *pages_id)
{
	struct crit_error err = {0};
	PagemapHead *head = crit_dump_first(dump, name, &err);

	if (!head)
		return err.errnum ? -err.errnum : -EIO;
	*pages_id = head->pages_id;
	pagemap_head__free_unpacked(head, NULL);
	return 0;
}

uint32_t crit_page_size_by(uint64_t n_pages, uint64_t bytes)
{
	uint32_t size;

	for (size = CRIT_PAGE_SIZE_MIN; n_pages && size <= CRIT_PAGE_SIZE_MAX; size *= 4)
		if (bytes / size == n_pages && bytes % size == 0)
			return size;
	return 0;
}

/* The pages that take room in the pages file; 0 where something is wrong with them. */
static uint64_t count_pages(struct crit_dump *dump, const char *name)
{
	struct crit_page_run run;
	struct crit_walk walk;
	uint64_t n = 0;
	int ret;

	if (crit_walk_open(dump, name, &walk, NULL) < 0)
		return 0;
	while ((ret = crit_page_run_read(&walk, &run, NULL)) > 0)
		if (run.flags & CRIT_PE_PRESENT && __builtin_add_overflow(n, run.n, &n))
			break;
	crit_walk_close(&walk);
	return ret == 0 ? n : 0;
}

uint32_t crit_page_size_of(struct crit_dump *dump, const char *name)
{
	uint64_t n = count_pages(dump, name);
	char pages[CRIT_IMAGE_NAME_MAX];
	uint32_t pages_id;
	struct stat st;

	if (!n || crit_pages_id(dump, name, &pages_id) < 0)
		return 0;
	snprintf(pages, sizeof(pages), "pages-%u.img", pages_id);
	if (crit_dir_stat(dump->dir, pages, &st) < 0 || !S_ISREG(st.st_mode))
		return 0;
	return crit_page_size_by(n, (uint64_t)st.st_size);
}
