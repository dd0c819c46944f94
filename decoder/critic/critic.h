/*
 * critic's commands. Each returns the exit status, having said on stderr what went
 * wrong: "critic: FILE:LINE:COL: error: …".
 */
#ifndef CRITIC_H
#define CRITIC_H

#include <stdbool.h>
#include <stdint.h>

#include "decoder/document.h"
#include "decoder/error.h"

struct critic_args {
	const char *in;   /* NULL: stdin */
	const char *out;  /* NULL: stdout */
	const char *what; /* of x: ps, fds, …; of pack: the upper directory, NULL: none */
	uint32_t pid;     /* of core; 0: none was given */
	bool pretty;
	bool no_payload;
	bool text; /* show: in protobuf's text format */
};

int critic_decode(const struct critic_args *args);
int critic_encode(const struct critic_args *args);
int critic_show(const struct critic_args *args);
int critic_info(const struct critic_args *args);
int critic_x(const struct critic_args *args); /* see explore.h */
int critic_core(const struct critic_args *args);
int critic_check(const struct critic_args *args);
int critic_pack(const struct critic_args *args);

/*
 * Decode one image, see crit_document_new(), to a file or stdout (NULL). *at_output: it
 * is writing that failed. 0, -errno.
 */
int critic_decode_file(struct crit_file *file, const char *name,
		       struct crit_document_style style, const char *out_path, bool *at_output,
		       struct crit_error *err);

/* Encode one document, from a file or stdin to a file or stdout (NULL); likewise. */
int critic_encode_file(const char *in, const char *out, bool *at_output,
		       struct crit_error *err);

/* What a file is called in messages. */
const char *critic_name(const char *path);

/* Say why something failed; returns the exit status 1. */
int critic_fail(const char *path, const struct crit_error *err);

#endif
