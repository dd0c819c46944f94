/*
 * critic x: what a dump says of its processes, as text for people. The first four are
 * as upstream's crit prints them.
 */
#ifndef CRITIC_EXPLORE_H
#define CRITIC_EXPLORE_H

#include <stdio.h>

/*
 * Explore the dump in the directory `dir`. `what`: ps, the tree of processes; fds, their
 * open files; mems, their mappings; rss, their pages in the dump; sk, their sockets.
 * Returns the exit status: 0; 1 if something could not be read, of which `err` was told;
 * 2 if there is no such `what`. Whether `out` took all of it is for the caller to see.
 */
int critic_explore(const char *dir, const char *what, FILE *out, FILE *err);

/* "ps, fds, …", for a usage message. */
extern const char critic_explorers[];

#endif
