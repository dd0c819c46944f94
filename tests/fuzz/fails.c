/*
 * No target, but what tests/test_fuzz.py sees that failures are noticed by: inputs that say
 * what is wrong with them.
 */
#include "fuzz.h"

static bool says(const uint8_t *data, size_t len, const char *what)
{
	return len == strlen(what) && !memcmp(data, what, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	volatile uint8_t behind;

	expect(!says(data, len, "wrong"));
	if (says(data, len, "beyond")) {
		behind = data[len];
		(void)behind;
	}
	return 0;
}
