/*
 * What the fuzz targets share. A target is one file with the function that libFuzzer and
 * AFL++ call (and replay.c, which needs neither) with each input. It uses what the unit tests
 * use, but that a failure ends the program so that the fuzzer sees a crash.
 */
#ifndef FUZZ_H
#define FUZZ_H

#define UNIT_END() abort()

#include "tests/unit/unit.h"

/* Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* An input as a row of decisions; when it is used up, each is 0. */
struct fuzz_input {
	const uint8_t *at;
	size_t left;
};

static inline uint8_t fuzz_byte(struct fuzz_input *in)
{
	if (!in->left)
		return 0;
	in->left--;
	return *in->at++;
}

static inline uint16_t fuzz_word(struct fuzz_input *in)
{
	uint16_t low = fuzz_byte(in);

	return (uint16_t)(low | fuzz_byte(in) << 8);
}

/* A number below `n`, 0 if that is 0. Of few, one byte decides. */
static inline size_t fuzz_below(struct fuzz_input *in, size_t n)
{
	size_t v = n <= 256 ? fuzz_byte(in) : fuzz_word(in);

	return n ? v % n : 0;
}

/* The next bytes, as many as there are of `*len`. */
static inline const uint8_t *fuzz_bytes(struct fuzz_input *in, size_t *len)
{
	const uint8_t *bytes = in->at;

	if (*len > in->left)
		*len = in->left;
	in->at += *len;
	in->left -= *len;
	return bytes;
}

/* Numbers that depend on nothing but the input. */
static inline struct unit_random fuzz_random(const uint8_t *data, size_t len)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325); /* FNV-1a */

	while (len--)
		h = (h ^ *data++) * UINT64_C(0x100000001b3);
	return unit_seed(h);
}

#endif
