/*
 * The bar.
 */
#include "decoder/critic/progress.h"

#include <ctype.h>
#include <stdio.h>
#include <unistd.h>

#define WIDTH      30 /* characters of the bar */
#define NAME_WIDTH 32

void critic_progress_begin(struct critic_progress *p, uint64_t total)
{
	*p = (struct critic_progress){.total = total, .shown = isatty(STDERR_FILENO)};
}

void critic_progress_step(struct critic_progress *p, uint64_t bytes, const char *name)
{
	double part;
	char shown[NAME_WIDTH + 1];
	int full, i;

	p->done += bytes;
	if (!p->shown)
		return;
	part = p->total ? (double)p->done / (double)p->total : 1;
	full = (int)((part < 1 ? part : 1) * WIDTH);
	/* names come from a dump: they must not move the cursor */
	for (i = 0; i < NAME_WIDTH && name[i]; i++)
		shown[i] = isprint((unsigned char)name[i]) ? name[i] : '?';
	shown[i] = '\0';
	fprintf(stderr, "\r[%.*s%*s] %3d%% %-*s", full, "##############################",
		WIDTH - full, "", (int)((part < 1 ? part : 1) * 100), NAME_WIDTH, shown);
	fflush(stderr);
}

void critic_progress_clear(const struct critic_progress *p)
{
	if (p->shown)
		fprintf(stderr, "\r%*s\r", WIDTH + NAME_WIDTH + 8, "");
}
