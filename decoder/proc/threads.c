/*
 * The threads of a process, in order.
 */
#include <stdlib.h>

#include "decoder/proc/snapshot.h"

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* The leader comes first, should there be no memory for more. */
static void read_threads(struct crit_proc_task *t, const PstreeEntry *entry, bool zombie)
{
	size_t i, from = zombie ? 0 : entry->n_threads, n = 0;

	t->threads = calloc(from + 1, sizeof(*t->threads));
	if (!t->threads)
		return;
	t->threads[n++] = entry->pid;
	for (i = 0; i < from; i++)
		if (entry->threads[i])
			t->threads[n++] = entry->threads[i];
	qsort(t->threads, n, sizeof(*t->threads), by_number);
	for (i = 0; i < n; i++)
		if (!t->n_threads || t->threads[t->n_threads - 1] != t->threads[i])
			t->threads[t->n_threads++] = t->threads[i];
}

/* What is kept of the process has them then; NULL if there is no such process. */
static const struct crit_proc_task *threads_of(struct crit_proc *proc, uint32_t pid)
{
	const struct crit_process *p = crit_proc_process(proc, pid);
	bool zombie = crit_proc_is_zombie(proc, pid); /* and turns to this process */

	if (!p)
		return NULL;
	if (!proc->process.threads_read)
		read_threads(&proc->process, p->entry, zombie);
	proc->process.threads_read = true;
	return &proc->process;
}

uint32_t crit_proc_thread_from(struct crit_proc *proc, uint32_t pid, uint32_t tid)
{
	const struct crit_proc_task *t = threads_of(proc, pid);
	size_t low = 0, high = t ? t->n_threads : 0, end = high, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (t->threads[middle] < tid)
			low = middle + 1;
		else
			high = middle;
	}
	return low < end ? t->threads[low] : 0;
}

size_t crit_proc_n_threads(struct crit_proc *proc, uint32_t pid)
{
	const struct crit_proc_task *t = threads_of(proc, pid);

	return t ? t->n_threads : 0;
}
