/*
 * Whole dump directories, to documents and back.
 */
#ifndef CRITIC_TREE_H
#define CRITIC_TREE_H

#include "decoder/critic/critic.h"

/* Is the command about a directory? */
bool critic_is_tree(const struct critic_args *args);

/*
 * Write a document beside each image's name in args->out, which may be there already,
 * and all that is no image as it is; the same in sub-directories. Links are not
 * followed. What can't be read is told and left out. The exit status.
 */
int critic_decode_tree(const struct critic_args *args);

/* The way back. */
int critic_encode_tree(const struct critic_args *args);

#endif
