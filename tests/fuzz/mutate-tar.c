/*
 * How libFuzzer changes archives: a field of some header, or any bytes, and then the checksums
 * are put right. Without these no changed header is ever looked into.
 */
#include "fuzz.h"

#define BLOCK       ((size_t)512)
#define HEADERS_MAX 64

size_t LLVMFuzzerMutate(uint8_t *data, size_t len, size_t max);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t len, size_t max, unsigned seed);

/* Where fields are in a header (tar(5)), and how long. */
static const struct {
	size_t off, len;
} fields[] = {
	{0, 100},   /* name */
	{100, 8},   /* mode */
	{124, 12},  /* size */
	{136, 12},  /* mtime */
	{156, 1},   /* type */
	{157, 100}, /* link */
	{257, 8},   /* magic */
	{345, 155}, /* prefix; of GNU's sparse files the map */
};

enum { SIZE = 124, SUM = 148, SUM_LEN = 8 };

static uint64_t size_in(const uint8_t *header)
{
	uint64_t size = 0;
	size_t i;

	for (i = SIZE; i < SIZE + 12; i++)
		if (header[i] >= '0' && header[i] <= '7')
			size = size << 3 | (uint64_t)(header[i] - '0');
	return size;
}

static bool is_header(const uint8_t *block)
{
	return *block && !memcmp(block + 257, "ustar", 5);
}

/* The headers of a tar, by where it says that they are; else blocks that look like some. */
static size_t find_headers(const uint8_t *data, size_t len, size_t *headers)
{
	size_t at = 0, n = 0;

	while (len - at >= BLOCK && n < HEADERS_MAX) {
		uint64_t size = 0;

		if (is_header(data + at)) {
			headers[n++] = at;
			size = size_in(data + at);
		}
		at += BLOCK;
		if (size <= len - at)
			at += (size_t)size;
		at = (at + BLOCK - 1) / BLOCK * BLOCK;
		if (at > len)
			break;
	}
	return n;
}

static void put_sum(uint8_t *header)
{
	char text[SUM_LEN + 1];
	unsigned sum = 0;
	size_t i;

	memset(header + SUM, ' ', SUM_LEN);
	for (i = 0; i < BLOCK; i++)
		sum += header[i];
	snprintf(text, sizeof(text), "%06o", sum);
	memcpy(header + SUM, text, SUM_LEN - 1); /* with its NUL */
}

static void mutate_field(struct unit_random *r, uint8_t *header)
{
	size_t f = unit_below(r, COUNT(fields)), n;
	uint8_t *field = header + fields[f].off;

	if (f == 2 && unit_below(r, 2)) { /* a size that is one */
		char text[13];

		snprintf(text, sizeof(text), "%011llo",
			 (unsigned long long)(unit_random(r) >> unit_below(r, 64)) &
				 0777777777777ULL >> 3);
		memcpy(field, text, 12);
		return;
	}
	n = LLVMFuzzerMutate(field, strnlen((char *)field, fields[f].len), fields[f].len);
	memset(field + n, 0, fields[f].len - n);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t len, size_t max, unsigned seed)
{
	struct unit_random r = unit_seed(seed);
	size_t headers[HEADERS_MAX], n = find_headers(data, len, headers), i;

	if (n && unit_below(&r, 3))
		mutate_field(&r, data + headers[unit_below(&r, n)]);
	else
		len = LLVMFuzzerMutate(data, len, max);
	n = find_headers(data, len, headers);
	for (i = 0; i < n; i++)
		if (unit_below(&r, 50)) /* wrong ones are met, too */
			put_sum(data + headers[i]);
	return len;
}
