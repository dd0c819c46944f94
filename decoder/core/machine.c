/*
 * Which machines there are.
 */
#include "decoder/core/machine.h"

#include <errno.h>
#include <stddef.h>

static const struct crit_core_machine *const machines[] = {&crit_core_x86, &crit_core_arm64};

static const char *name_of(uint32_t march)
{
	const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(
		&core_entry__march__descriptor, (int)march);

	return value ? value->name : "an unknown machine";
}

const struct crit_core_machine *crit_core_machine_of(const CoreEntry *thread,
						     struct crit_error *err)
{
	uint32_t march = (uint32_t)thread->mtype;
	size_t i;

	for (i = 0; i < sizeof(machines) / sizeof(*machines); i++)
		if (machines[i]->march == march)
			return machines[i]->check(thread, err) < 0 ? NULL : machines[i];
	crit_fail_errno(err, EOPNOTSUPP,
			"cores are made for x86-64 and aarch64, this process ran on %s",
			name_of(march));
	return NULL;
}
