/*
 * Integers of the wire: what they mean by their type, and their digits.
 */
#ifndef CRIT_NUMBER_H
#define CRIT_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "proto/schema.h"

/* What the wire number means: sign-extended if the type is signed. */
static inline uint64_t crit_number_of_wire(struct crit_range r, uint64_t wire)
{
	if (r.zigzag) {
		if (r.bits == 32)
			wire = (uint32_t)wire;
		wire = wire >> 1 ^ (~(wire & 1) + 1);
	}
	if (r.bits == 32)
		return r.is_signed ? (uint64_t)(int64_t)(int32_t)wire : (uint32_t)wire;
	return wire;
}

/*
 * Writing numbers: at data + at, where there is room for CRIT_NUMBER_MAX bytes; the
 * offset behind the number is returned. Where data is NULL nothing is written.
 */
#define CRIT_NUMBER_MAX 32

/* Significant bits; 1 for zero. */
static inline unsigned crit_bits(uint64_t v)
{
	return 64 - (unsigned)__builtin_clzll(v | 1);
}

static inline unsigned crit_decimal_len(uint64_t v)
{
	static const uint64_t powers[] = {
		0, /* zero has a digit */
		UINT64_C(10),
		UINT64_C(100),
		UINT64_C(1000),
		UINT64_C(10000),
		UINT64_C(100000),
		UINT64_C(1000000),
		UINT64_C(10000000),
		UINT64_C(100000000),
		UINT64_C(1000000000),
		UINT64_C(10000000000),
		UINT64_C(100000000000),
		UINT64_C(1000000000000),
		UINT64_C(10000000000000),
		UINT64_C(100000000000000),
		UINT64_C(1000000000000000),
		UINT64_C(10000000000000000),
		UINT64_C(100000000000000000),
		UINT64_C(1000000000000000000),
		UINT64_C(10000000000000000000),
	};
	unsigned n = crit_bits(v) * 1233 >> 12; /* log10(2) is about 1233 / 4096 */

	return n + (v >= powers[n]);
}

static inline void crit_decimal_digits(uint8_t *end, uint64_t v)
{
	static const char pairs[] = "00010203040506070809101112131415161718192021222324"
				    "25262728293031323334353637383940414243444546474849"
				    "50515253545556575859606162636465666768697071727374"
				    "75767778798081828384858687888990919293949596979899";

	for (; v >= 100; v /= 100)
		memcpy(end -= 2, pairs + v % 100 * 2, 2);
	if (v >= 10)
		memcpy(end - 2, pairs + v * 2, 2);
	else
		end[-1] = (uint8_t)('0' + v);
}

static inline size_t crit_decimal_put(uint8_t *data, size_t at, uint64_t v)
{
	if (v < 10) { /* most are */
		if (data)
			data[at] = (uint8_t)('0' + v);
		return at + 1;
	}
	at += crit_decimal_len(v);
	if (data)
		crit_decimal_digits(data + at, v);
	return at;
}

static inline unsigned crit_hex_len(uint64_t v)
{
	return (crit_bits(v) + 3) / 4;
}

/* Write the last `n` digits before `end`. */
static inline void crit_hex_digits(uint8_t *end, uint64_t v, unsigned n)
{
#define ROW(d)                                                                                 \
	d "0" d "1" d "2" d "3" d "4" d "5" d "6" d "7" d "8" d "9" d "a" d "b" d "c" d "d" d  \
	  "e" d "f"
	static const char pairs[] = ROW("0") ROW("1") ROW("2") ROW("3") ROW("4") ROW("5")
		ROW("6") ROW("7") ROW("8") ROW("9") ROW("a") ROW("b") ROW("c") ROW("d") ROW("e")
			ROW("f");
#undef ROW
	for (; n >= 2; n -= 2, v >>= 8)
		memcpy(end -= 2, pairs + 2 * (v & 0xff), 2);
	if (n)
		end[-1] = (uint8_t)pairs[2 * (v & 0xf) + 1];
}

/* Without a prefix. */
static inline size_t crit_hex_put(uint8_t *data, size_t at, uint64_t v)
{
	unsigned n = crit_hex_len(v);

	at += n;
	if (data)
		crit_hex_digits(data + at, v, n);
	return at;
}

static inline bool crit_is_negative(struct crit_range r, uint64_t v)
{
	return r.is_signed && (int64_t)v < 0;
}

/* JSON's number. */
static inline size_t crit_number_put(uint8_t *data, size_t at, struct crit_range r, uint64_t v)
{
	if (crit_is_negative(r, v)) {
		if (data)
			data[at] = '-';
		at++;
		v = ~v + 1;
	}
	return crit_decimal_put(data, at, v);
}

/* A string, "0x1f"; a minus stands before the prefix. */
static inline size_t crit_hex_number_put(uint8_t *data, size_t at, bool minus, uint64_t v)
{
	if (data) {
		memcpy(data + at, "\"-", 2);
		memcpy(data + at + 1 + minus, "0x", 2);
	}
	at = crit_hex_put(data, at + 3 + minus, minus ? ~v + 1 : v);
	if (data)
		data[at] = '"';
	return at + 1;
}

#endif
