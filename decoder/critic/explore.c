/*
 * Opening a dump to explore it, and spelling what it holds.
 */
#include "decoder/critic/explore.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "decoder/critic/critic.h"
#include "decoder/critic/explorer.h"
#include "decoder/printable.h"
#include "decoder/text.h"

const char critic_explorers[] = "ps, fds, mems, rss, sk";

static const struct {
	const char *what;
	void (*explore)(struct explorer *x);
} explorers[] = {
	{"ps", explore_ps},   {"fds", explore_fds},    {"mems", explore_mems},
	{"rss", explore_rss}, {"sk", explore_sockets},
};

enum { N_EXPLORERS = sizeof(explorers) / sizeof(*explorers) };

static const char *finish(struct explorer *x)
{
	crit_buf_byte(&x->text, 0);
	return x->text.error ? "" : (const char *)x->text.data;
}

const char *explorer_text(struct explorer *x, const char *s)
{
	crit_buf_reset(&x->text);
	crit_printable(&x->text, s, strlen(s), "");
	return finish(x);
}

const char *explorer_bytes(struct explorer *x, ProtobufCBinaryData data)
{
	crit_buf_reset(&x->text);
	/* a blank would end the column, a backslash begin an escape that is none */
	crit_printable(&x->text, data.data, data.len, " \\");
	return finish(x);
}

/*
 * A socket's name in quoted-printable, without the line breaks that it allows: a line of
 * the output is one descriptor.
 */
static void put_name(struct crit_buf *out, ProtobufCBinaryData name)
{
	struct crit_buf quoted = {0};
	const uint8_t *p, *end;

	crit_qp_write(&quoted, name.data, name.len);
	end = quoted.data + quoted.len;
	for (p = quoted.data; p < end; p++) {
		if (*p == '=' && p + 1 < end && p[1] == '\n')
			p++;
		else if (*p == '\n')
			crit_buf_str(out, "=0A");
		else if (*p == '\t')
			crit_buf_str(out, "=09");
		else
			crit_buf_byte(out, *p);
	}
	if (quoted.error)
		out->error = quoted.error;
	crit_buf_fini(&quoted);
}

static void put_number(struct crit_buf *out, uint64_t n)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, n);
	crit_buf_str(out, text);
}

static void put_reg(struct crit_buf *out, const RegFileEntry *reg)
{
	if (reg && reg->name[0])
		crit_printable(out, reg->name, strlen(reg->name), "");
	else
		crit_buf_str(out, "unknown path");
}

static void put_pipe(struct crit_buf *out, const PipeEntry *pipe)
{
	crit_buf_str(out, "pipe[");
	if (pipe)
		put_number(out, pipe->pipe_id);
	else
		crit_buf_byte(out, '?');
	crit_buf_byte(out, ']');
}

static void put_unix(struct crit_buf *out, const UnixSkEntry *sk)
{
	if (!sk) {
		crit_buf_str(out, "unix[?]");
		return;
	}
	crit_buf_str(out, "unix[");
	put_number(out, sk->ino);
	crit_buf_str(out, " (");
	put_number(out, sk->peer);
	crit_buf_byte(out, ')');
	if (sk->name.len) {
		crit_buf_byte(out, ' ');
		put_name(out, sk->name);
	}
	crit_buf_byte(out, ']');
}

static void put_other(struct crit_buf *out, uint32_t type, uint64_t id)
{
	if (crit_file_type_name(type))
		crit_buf_str(out, crit_file_type_name(type));
	else
		put_number(out, type);
	crit_buf_byte(out, '.');
	put_number(out, id);
}

const char *explorer_file(struct explorer *x, uint32_t type, uint64_t id)
{
	struct crit_open_file file = {0};

	crit_buf_reset(&x->text);
	if (type != FD_TYPES__REG && type != FD_TYPES__PIPE && type != FD_TYPES__UNIXSK) {
		put_other(&x->text, type, id);
		return finish(x);
	}
	crit_files_find(x->files, type, id, &file);
	if (type == FD_TYPES__REG)
		put_reg(&x->text, (const RegFileEntry *)file.what);
	else if (type == FD_TYPES__PIPE)
		put_pipe(&x->text, (const PipeEntry *)file.what);
	else
		put_unix(&x->text, (const UnixSkEntry *)file.what);
	if (file.what)
		crit_open_file_fini(&file);
	return finish(x);
}

static void explore_dump(struct explorer *x, void (*explore)(struct explorer *x))
{
	if (!critic_read_processes(&x->complaints, &x->dump, &x->processes))
		return;
	x->files = crit_files_new(&x->dump);
	if (x->files)
		explore(x);
	else
		critic_complain(&x->complaints, NULL, strerror(ENOMEM), "");
	crit_files_free(x->files);
	crit_processes_fini(&x->processes);
	crit_buf_fini(&x->text);
}

static int explore_with(void (*explore)(struct explorer *x), const char *dir, FILE *out,
			FILE *err)
{
	struct explorer x = {.out = out};
	int ret;

	critic_complaints_init(&x.complaints, dir, err);
	ret = crit_dump_open(dir, &x.complaints.listener, &x.dump);
	if (ret < 0) {
		critic_complain(&x.complaints, NULL, strerror(-ret), "");
		return 1;
	}
	explore_dump(&x, explore);
	crit_dump_close(&x.dump);
	return x.complaints.any ? 1 : 0;
}

int critic_explore(const char *dir, const char *what, FILE *out, FILE *err)
{
	size_t i;

	for (i = 0; i < N_EXPLORERS; i++)
		if (!strcmp(what, explorers[i].what))
			return explore_with(explorers[i].explore, dir, out, err);
	crit_say(err, "critic: can't explore %s, only %s", what, critic_explorers);
	return 2;
}

int critic_x(const struct critic_args *args)
{
	return critic_explore(args->in ? args->in : "-", args->what, stdout, stderr);
}
