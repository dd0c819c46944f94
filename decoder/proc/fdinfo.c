/*
 * What proc(5) tells of each descriptor.
 */
#include "decoder/proc/render.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>

#include "decoder/proc/locks.h"

enum { FD_IS_CLOEXEC = 1 }; /* fdinfo_entry.flags */

static void put_eventfd(const EventfdFileEntry *efd, struct crit_buf *out)
{
	crit_buf_printf(out, "eventfd-count: %16" PRIx64 "\n", efd->counter);
}

static void put_eventpoll(const EventpollFileEntry *epfd, struct crit_buf *out)
{
	size_t i;

	for (i = 0; i < epfd->n_tfd; i++) {
		const EventpollTfdEntry *tfd = epfd->tfd[i];

		crit_buf_printf(out, "tfd: %8" PRIu32 " events: %8" PRIx32 " data: %16" PRIx64,
				tfd->tfd, tfd->events, tfd->data);
		/* since CRIU 3.12 */
		if (tfd->has_inode)
			crit_buf_printf(out, "  pos:%" PRIi64 " ino:%" PRIx64 " sdev:%" PRIx32,
					(int64_t)tfd->pos, tfd->inode, tfd->dev);
		crit_buf_byte(out, '\n');
	}
}

/* Words in the order of the machine that made the dump, of which the bytes are those. */
static void put_handle(const FhEntry *fh, bool big_endian, struct crit_buf *out)
{
	unsigned shift;
	uint32_t i;

	crit_buf_printf(out, " fhandle-bytes:%" PRIx32 " fhandle-type:%" PRIx32 " f_handle:",
			fh->bytes, fh->type);
	for (i = 0; i < fh->bytes && i / 8 < fh->n_handle; i++) {
		shift = 8 * (big_endian ? 7 - i % 8 : i % 8);
		crit_buf_printf(out, "%02x", (unsigned)(fh->handle[i / 8] >> shift & 0xff));
	}
	crit_buf_byte(out, '\n');
}

static void put_inotify(const InotifyFileEntry *ify, bool big_endian, struct crit_buf *out)
{
	size_t i;

	for (i = 0; i < ify->n_wd; i++) {
		const InotifyWdEntry *wd = ify->wd[i];

		crit_buf_printf(out,
				"inotify wd:%" PRIx32 " ino:%" PRIx64 " sdev:%" PRIx32
				" mask:%" PRIx32 " ignored_mask:%" PRIx32,
				wd->wd, wd->i_ino, wd->s_dev, wd->mask, wd->ignored_mask);
		put_handle(wd->f_handle, big_endian, out);
	}
}

static void put_mark(const FanotifyMarkEntry *mark, bool big_endian, struct crit_buf *out)
{
	bool inode = mark->ie != NULL;

	if (!inode && !mark->me)
		return;
	if (inode)
		crit_buf_printf(out, "fanotify ino:%" PRIx64 " sdev:%" PRIx32, mark->ie->i_ino,
				mark->s_dev);
	else
		crit_buf_printf(out, "fanotify mnt_id:%" PRIx32, mark->me->mnt_id);
	crit_buf_printf(out, " mflags:%" PRIx32 " mask:%" PRIx32 " ignored_mask:%" PRIx32,
			mark->mflags, mark->mask, mark->ignored_mask);
	if (inode)
		put_handle(mark->ie->f_handle, big_endian, out);
	else
		crit_buf_byte(out, '\n');
}

static void put_fanotify(const FanotifyFileEntry *ffy, bool big_endian, struct crit_buf *out)
{
	size_t i;

	crit_buf_printf(out, "fanotify flags:%" PRIx32 " event-flags:%" PRIx32 "\n",
			ffy->faflags, ffy->evflags);
	for (i = 0; i < ffy->n_mark; i++)
		put_mark(ffy->mark[i], big_endian, out);
}

static void put_timerfd(const TimerfdEntry *tfd, struct crit_buf *out)
{
	crit_buf_printf(
		out, "clockid: %" PRIu32 "\nticks: %" PRIu64 "\nsettime flags: 0%" PRIo32 "\n",
		tfd->clockid, tfd->ticks, tfd->settime_flags);
	crit_buf_printf(out,
			"it_value: (%" PRIu64 ", %" PRIu64 ")\nit_interval: (%" PRIu64
			", %" PRIu64 ")\n",
			tfd->vsec, tfd->vnsec, tfd->isec, tfd->insec);
}

static void put_bpfmap(const BpfmapFileEntry *map, struct crit_buf *out)
{
	crit_buf_printf(out,
			"map_type:\t%" PRIu32 "\nkey_size:\t%" PRIu32 "\nvalue_size:\t%" PRIu32
			"\nmax_entries:\t%" PRIu32 "\nmap_flags:\t%#" PRIx32 "\n",
			map->map_type, map->key_size, map->value_size, map->max_entries,
			map->map_flags);
	if (map->has_map_extra)
		crit_buf_printf(out, "map_extra:\t%#" PRIx64 "\n", map->map_extra);
	crit_buf_printf(out, "memlock:\t%" PRIu64 "\nmap_id:\t%" PRIu32 "\nfrozen:\t%d\n",
			map->memlock, map->map_id, map->frozen);
}

/* What only files of its type have. */
static void put_special(uint32_t type, const struct crit_open_file *file, struct crit_buf *out)
{
	const void *what = file->what;

	switch (type) {
	case FD_TYPES__EVENTFD:
		put_eventfd(what, out);
		break;
	case FD_TYPES__EVENTPOLL:
		put_eventpoll(what, out);
		break;
	case FD_TYPES__INOTIFY:
		put_inotify(what, file->style.big_endian, out);
		break;
	case FD_TYPES__FANOTIFY:
		put_fanotify(what, file->style.big_endian, out);
		break;
	case FD_TYPES__SIGNALFD:
		crit_buf_printf(out, "sigmask:\t%016" PRIx64 "\n",
				((const SignalfdEntry *)what)->sigmask);
		break;
	case FD_TYPES__TIMERFD:
		put_timerfd(what, out);
		break;
	case FD_TYPES__PIDFD:
		crit_buf_printf(out, "Pid:\t%" PRId32 "\nNSpid:\t%" PRId32 "\n",
				((const PidfdEntry *)what)->nspid,
				((const PidfdEntry *)what)->nspid);
		break;
	case FD_TYPES__TUNF:
		crit_buf_str(out, "iff:\t");
		if (((const TunfileEntry *)what)->netdev)
			crit_buf_str(out, ((const TunfileEntry *)what)->netdev);
		crit_buf_byte(out, '\n');
		break;
	case FD_TYPES__BPFMAP:
		put_bpfmap(what, out);
		break;
	default:
		break;
	}
}

/* The lines that all have; of numbers that the dump has not there is none. */
static void put_common(const struct crit_proc_opened *opened, bool cloexec,
		       struct crit_buf *out)
{
	crit_buf_printf(out, "pos:\t%" PRIi64 "\nflags:\t0%" PRIo32 "\n", (int64_t)opened->pos,
			opened->flags | (cloexec ? (uint32_t)O_CLOEXEC : 0));
	if (opened->has_mnt_id)
		crit_buf_printf(out, "mnt_id:\t%" PRId32 "\n", opened->mnt_id);
	if (opened->has_ino)
		crit_buf_printf(out, "ino:\t%" PRIu64 "\n", opened->ino);
}

int crit_proc_fdinfo(struct crit_proc *proc, const struct crit_proc_file *f,
		     struct crit_buf *out, struct crit_error *err)
{
	const struct crit_proc_fds *fds = crit_proc_fds(proc, f->pid);
	const struct crit_proc_fd *fd = fds ? crit_proc_fd_find(fds, f->number) : NULL;
	struct crit_files *files = crit_proc_files(proc);
	struct crit_proc_opened opened;
	struct crit_open_file file;

	(void)err;
	if (!fd)
		return -ENOENT;
	crit_proc_open_file(proc, fd->type, fd->id, &opened);
	put_common(&opened, fd->flags & FD_IS_CLOEXEC, out);
	crit_proc_locks_read(&proc->dump, &proc->locks);
	crit_proc_put_locks(&proc->locks, f->pid, fd->fd, out);
	if (!files || !crit_files_find(files, fd->type, fd->id, &file))
		return 0;
	put_special(fd->type, &file, out);
	crit_open_file_fini(&file);
	return 0;
}
