/*
 * critic: CRIU images to JSON and back, on the command line. Takes what crit takes, so
 * that a link of that name serves its scripts.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/critic/critic.h"
#include "decoder/critic/tree.h"
#include "decoder/printable.h"

enum { FAILED = 1, USAGE = 2 };

static const char usage_text[] =
	"usage: critic decode [-i IMAGE] [-o DOCUMENT] [--pretty]   an image as JSON\n"
	"       critic encode [-i DOCUMENT] [-o IMAGE]              and back\n"
	"       critic decode DIR -o OUT [--pretty]                 a whole dump\n"
	"       critic encode OUT -o DIR                            and back\n"
	"       critic show IMAGE [--nopl] [--text]                 an image to read\n"
	"       critic info IMAGE                                   its type and entries\n"
	"       critic x DIR ps|fds|mems|rss|sk                     processes of a dump\n"
	"       critic core -p PID [-o FILE] DIR                    a process as an ELF core\n"
	"       critic check DIR                                    what is wrong with a dump\n"
	"       critic pack DUMP [UPPER] | MOUNT [-o ARCHIVE]       as an archive\n"
	"       critic --version | --help\n";

static const char more_text[] =
	"\n"
	"Without -i and -o, stdin and stdout. -i and --in, -o and --out are the same; a\n"
	"file may also stand without -i.\n"
	"\n"
	"  --pretty    on many lines, flags and addresses by their names\n"
	"  --nopl      only the size of each payload\n"
	"  --text      protobuf's text format, which can't be encoded again\n";

static const struct option long_options[] = {
	{"in", required_argument, NULL, 'i'},  {"input", required_argument, NULL, 'i'},
	{"out", required_argument, NULL, 'o'}, {"output", required_argument, NULL, 'o'},
	{"pretty", no_argument, NULL, 'P'},    {"nopl", no_argument, NULL, 'n'},
	{"text", no_argument, NULL, 't'},      {"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'V'},   {NULL, 0, NULL, 0},
};

static const struct command {
	const char *name;
	const char *options; /* that it takes, as getopt's values */
	unsigned operands;   /* at most so many files or words */
	unsigned needed;     /* at least so many */
	int (*run)(const struct critic_args *args);
	int (*run_tree)(const struct critic_args *args); /* where the file is a directory */
} commands[] = {
	{"decode", "ioP", 1, 0, critic_decode, critic_decode_tree},
	{"encode", "io", 1, 0, critic_encode, critic_encode_tree},
	{"show", "nt", 1, 1, critic_show, NULL},
	{"info", "", 1, 1, critic_info, NULL},
	{"x", "", 2, 2, critic_x, NULL},
	{"core", "po", 1, 1, critic_core, NULL},
	{"check", "", 1, 1, critic_check, NULL},
	{"pack", "o", 2, 1, critic_pack, NULL},
};

static int bad_usage(const char *what, const char *which)
{
	crit_say(stderr, "critic: %s%s", what, which);
	fputs(usage_text, stderr);
	return USAGE;
}

static const struct command *find_command(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

/* "-" is stdin, or stdout. */
static const char *file_name(const char *arg)
{
	return strcmp(arg, "-") ? arg : NULL;
}

static bool read_pid(const char *arg, uint32_t *pid)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(arg, &end, 10);
	*pid = (uint32_t)n;
	return *arg >= '0' && *arg <= '9' && !*end && !errno && n && n <= UINT32_MAX;
}

/* Options of a command; 0, or the exit status + 1 where there is nothing more to do. */
static int parse_options(const struct command *c, int argc, char **argv,
			 struct critic_args *args)
{
	int option;

	opterr = 0; /* it would repeat what it does not know as it is */
	while ((option = getopt_long(argc, argv, "i:o:p:h", long_options, NULL)) != -1) {
		if (option == 'h') {
			printf("%s%s", usage_text, more_text);
			return 1;
		}
		if (option == '?')
			return 1 + bad_usage("unknown, or something is missing behind it: ",
					     argv[optind - 1]);
		if (!strchr(c->options, option))
			return 1 + bad_usage("see below how to call critic ", c->name);
		if (option == 'i')
			args->in = file_name(optarg);
		else if (option == 'o')
			args->out = file_name(optarg);
		else if (option == 'p' && !read_pid(optarg, &args->pid))
			return 1 + bad_usage("no number of a process: ", optarg);
		args->pretty |= option == 'P';
		args->no_payload |= option == 'n';
		args->text |= option == 't';
	}
	return 0;
}

static int run_command(int argc, char **argv)
{
	const struct command *c = find_command(argv[0]);
	struct critic_args args = {0};
	int done;

	if (!c)
		return bad_usage("there is no command ", argv[0]);
	done = parse_options(c, argc, argv, &args);
	if (done)
		return done - 1;
	argc -= optind;
	argv += optind;
	if ((unsigned)argc > c->operands)
		return bad_usage("one too many: ", argv[c->operands]);
	if ((unsigned)argc < c->needed)
		return bad_usage("something is missing behind ", c->name);
	if (strchr(c->options, 'p') && !args.pid)
		return bad_usage("-p is missing behind ", c->name);
	if (argc && args.in)
		return bad_usage("two files to read, the second is ", argv[0]);
	if (argc)
		args.in = file_name(argv[0]);
	if (argc > 1)
		args.what = argv[1];
	if (c->run_tree && critic_is_tree(&args))
		return c->run_tree(&args);
	return c->run(&args);
}

/* Long options may be cut as long as they can be told apart. */
static bool is_option(const char *arg, const char *name, const char *letter)
{
	return !strcmp(arg, letter) || (strlen(arg) > 2 && !strncmp(arg, name, strlen(arg)));
}

static int run(int argc, char **argv)
{
	if (argc < 2) {
		fputs(usage_text, stderr);
		return FAILED;
	}
	if (is_option(argv[1], "--help", "-h")) {
		printf("%s%s", usage_text, more_text);
		return 0;
	}
	if (is_option(argv[1], "--version", "-V")) {
		puts("critic " CRITFS_VERSION);
		return 0;
	}
	return run_command(argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
	int status = run(argc, argv);

	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	perror("critic: <stdout>");
	return FAILED;
}
