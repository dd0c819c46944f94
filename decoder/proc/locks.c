/*
 * Locks as the kernel prints them.
 */
#include "decoder/proc/locks.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>

#include "decoder/grow.h"
#include "decoder/proc/render.h"

#define IMAGE "filelocks.img"

/* file_lock_entry.flag */
enum { KIND_POSIX = 1, KIND_FLOCK = 2, KIND_OFD = 4, KIND_LEASE = 8 };

/* In the type of a lease: somebody waits for its end. */
enum { LEASE_BREAKING = 4 };

static int by_holder(const void *a, const void *b)
{
	const struct crit_proc_lock *x = a, *y = b;

	if (x->entry.pid != y->entry.pid)
		return x->entry.pid < y->entry.pid ? -1 : 1;
	if (x->entry.fd != y->entry.fd)
		return x->entry.fd < y->entry.fd ? -1 : 1;
	return x->n < y->n ? -1 : x->n > y->n;
}

static bool add(struct crit_proc_locks *locks, size_t *room, const FileLockEntry *entry)
{
	struct crit_proc_lock *all = crit_grow(locks->all, locks->n, room, sizeof(*all));

	if (!all)
		return false;
	locks->all = all;
	locks->all[locks->n] = (struct crit_proc_lock){*entry, locks->n + 1};
	locks->n++;
	return true;
}

void crit_proc_locks_read(struct crit_dump *dump, struct crit_proc_locks *locks)
{
	struct crit_error err = {0};
	FileLockEntry *entry;
	struct crit_walk walk;
	bool more = true;
	size_t room = 0;

	if (locks->read)
		return;
	locks->read = true;
	if (crit_walk_open(dump, IMAGE, &walk, &err) < 0)
		return;
	while (more && (entry = crit_walk_rest(dump, IMAGE, &walk))) {
		more = add(locks, &room, entry);
		file_lock_entry__free_unpacked(entry, NULL);
	}
	crit_walk_close(&walk);
	if (locks->n)
		qsort(locks->all, locks->n, sizeof(*locks->all), by_holder);
}

void crit_proc_locks_fini(struct crit_proc_locks *locks)
{
	free(locks->all);
	*locks = (struct crit_proc_locks){0};
}

static const char *kind_of(const FileLockEntry *lock)
{
	if (lock->flag & KIND_POSIX)
		return "POSIX  ADVISORY ";
	if (lock->flag & KIND_OFD)
		return "OFDLCK ADVISORY ";
	if (lock->flag & KIND_LEASE)
		return lock->type & LEASE_BREAKING ? "LEASE  BREAKING " : "LEASE  ACTIVE   ";
	return "FLOCK  ADVISORY ";
}

static const char *type_of(const FileLockEntry *lock)
{
	uint32_t type = lock->flag & KIND_LEASE ? lock->type & ~(uint32_t)LEASE_BREAKING
						: lock->type;

	return type == F_WRLCK ? "WRITE" : type == F_RDLCK ? "READ" : "UNLCK";
}

/* The inode is not in the dump; as in maps there are zeros. */
static void put_lock(const FileLockEntry *lock, size_t number, struct crit_buf *out)
{
	bool ranged = lock->flag & (KIND_POSIX | KIND_OFD);

	crit_buf_printf(out, "%zu: %s %s %" PRId32 " 00:00:0 %" PRId64 " ", number,
			kind_of(lock), type_of(lock), lock->flag & KIND_OFD ? -1 : lock->pid,
			ranged ? lock->start : 0);
	if (ranged && lock->len)
		crit_buf_printf(out, "%" PRIu64 "\n",
				(uint64_t)lock->start + (uint64_t)lock->len - 1);
	else
		crit_buf_str(out, "EOF\n");
}

void crit_proc_put_locks(const struct crit_proc_locks *locks, uint32_t pid, uint32_t fd,
			 struct crit_buf *out)
{
	struct crit_proc_lock first = {.entry = {.pid = (int32_t)pid, .fd = (int32_t)fd}};
	size_t low = 0, high = locks->n, middle, number = 1;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (by_holder(&locks->all[middle], &first) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < locks->n; low++) {
		const FileLockEntry *lock = &locks->all[low].entry;

		if (lock->pid != (int32_t)pid || lock->fd != (int32_t)fd)
			return;
		crit_buf_str(out, "lock:\t");
		put_lock(lock, number++, out);
	}
}

int crit_proc_locks_text(struct crit_proc *proc, const struct crit_proc_file *f,
			 struct crit_buf *out, struct crit_error *err)
{
	size_t i;

	(void)f;
	(void)err;
	crit_proc_locks_read(&proc->dump, &proc->locks);
	for (i = 0; i < proc->locks.n; i++)
		put_lock(&proc->locks.all[i].entry, i + 1, out);
	return 0;
}
