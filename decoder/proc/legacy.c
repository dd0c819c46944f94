/*
 * Reading the images of old dumps into the core image, as newer dumps have it.
 */
#include "decoder/proc/legacy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* Far more than a process has of any of these. */
#define LEGACY_MAX 65536

/* All entries of an image: an array for the message that it belongs to. */
static size_t read_all(struct crit_dump *dump, const char *kind, uint32_t tid, void ***all)
{
	char name[CRIT_IMAGE_NAME_MAX];
	struct crit_error err = {0};
	size_t n = 0, room = 0;
	struct crit_walk walk;
	void *entry, **more;

	snprintf(name, sizeof(name), "%s-%u.img", kind, tid);
	if (crit_walk_open(dump, name, &walk, &err) < 0) {
		if (err.errnum != ENOENT)
			crit_dump_tell(dump, name, &err);
		return 0;
	}
	while (n < LEGACY_MAX && (entry = crit_walk_rest(dump, name, &walk))) {
		if (n == room) {
			room = room ? room * 2 : 64;
			more = realloc(*all, room * sizeof(**all));
			if (!more) {
				protobuf_c_message_free_unpacked(entry, NULL);
				break;
			}
			*all = more;
		}
		(*all)[n++] = entry;
	}
	crit_walk_close(&walk);
	return n;
}

/* A message without fields, to be filled in; NULL: no memory. */
static void *empty(const ProtobufCMessageDescriptor *type)
{
	ProtobufCMessage *msg = malloc(type->sizeof_message);

	if (msg)
		protobuf_c_message_init(type, msg);
	return msg;
}

static void add_credentials(struct crit_dump *dump, ThreadCoreEntry *thread, uint32_t tid)
{
	char name[CRIT_IMAGE_NAME_MAX];
	struct crit_error err = {0};

	if (thread->creds)
		return;
	snprintf(name, sizeof(name), "creds-%u.img", tid);
	thread->creds = crit_dump_first(dump, name, &err);
}

static void add_limits(struct crit_dump *dump, TaskCoreEntry *tc, uint32_t pid)
{
	TaskRlimitsEntry *limits;

	if (tc->rlimits)
		return;
	limits = empty(&task_rlimits_entry__descriptor);
	if (limits)
		limits->n_rlimits = read_all(dump, "rlimit", pid, (void ***)&limits->rlimits);
	if (limits && limits->n_rlimits)
		tc->rlimits = limits;
	else
		task_rlimits_entry__free_unpacked(limits, NULL);
}

/* There are three interval timers, in this order. */
static void add_intervals(struct crit_dump *dump, TaskTimersEntry *timers, uint32_t pid)
{
	ItimerEntry **all = NULL;
	size_t i, n = read_all(dump, "itimers", pid, (void ***)&all);

	timers->real = n > 0 ? all[0] : empty(&itimer_entry__descriptor);
	timers->virt = n > 1 ? all[1] : empty(&itimer_entry__descriptor);
	timers->prof = n > 2 ? all[2] : empty(&itimer_entry__descriptor);
	for (i = 3; i < n; i++)
		itimer_entry__free_unpacked(all[i], NULL);
	free(all);
}

static void add_timers(struct crit_dump *dump, TaskCoreEntry *tc, uint32_t pid)
{
	TaskTimersEntry *timers;

	if (tc->timers || crit_task_state_is_dead(tc->task_state))
		return;
	timers = empty(&task_timers_entry__descriptor);
	if (!timers)
		return;
	add_intervals(dump, timers, pid);
	timers->n_posix = read_all(dump, "posix-timers", pid, (void ***)&timers->posix);
	tc->timers = timers;
	if (timers->real && timers->virt && timers->prof)
		return;
	task_timers_entry__free_unpacked(timers, NULL);
	tc->timers = NULL;
}

/* The signals that wait for a process or thread. */
static SignalQueueEntry *read_signals(struct crit_dump *dump, const char *kind, uint32_t tid)
{
	SignalQueueEntry *queue = empty(&signal_queue_entry__descriptor);

	if (queue)
		queue->n_signals = read_all(dump, kind, tid, (void ***)&queue->signals);
	return queue;
}

static void add_signals(struct crit_dump *dump, CoreEntry *core, uint32_t tid)
{
	if (core->thread_core && !core->thread_core->signals_p)
		core->thread_core->signals_p = read_signals(dump, "signal-p", tid);
	if (core->tc && !core->tc->signals_s)
		core->tc->signals_s = read_signals(dump, "signal-s", tid);
	if (core->tc && !core->tc->n_sigactions)
		core->tc->n_sigactions = read_all(dump, "sigacts", tid,
						  (void ***)&core->tc->sigactions);
}

void crit_core_add_legacy(struct crit_dump *dump, CoreEntry *core, uint32_t tid)
{
	if (!core->thread_core)
		core->thread_core = empty(&thread_core_entry__descriptor);
	if (core->thread_core)
		add_credentials(dump, core->thread_core, tid);
	if (core->tc) {
		add_limits(dump, core->tc, tid);
		add_timers(dump, core->tc, tid);
	}
	add_signals(dump, core, tid);
}
