/*
 * Names for numbers: the tables behind the marks `flags` and `dict` of the
 * .proto files. A mark finds its table by identifier, so a table that is missing
 * here does not compile: flags "mmap.prot" is crit_flags_mmap_prot, dict "sk" on
 * the field family is crit_dict_sk_family.
 */
#ifndef CRITFS_PROTO_NAMES_H
#define CRITFS_PROTO_NAMES_H

#include "proto/schema.h"

extern const struct crit_names crit_flags_mmap_prot;
extern const struct crit_names crit_flags_mmap_flags;
extern const struct crit_names crit_flags_mmap_status;
extern const struct crit_names crit_flags_rfile_flags;
extern const struct crit_names crit_flags_pmap_flags;
extern const struct crit_names crit_flags_seals_flags;

extern const struct crit_names crit_dict_gen_task_state;
extern const struct crit_names crit_dict_sk_family;
extern const struct crit_names crit_dict_sk_type;
extern const struct crit_names crit_dict_sk_state;
extern const struct crit_names crit_dict_sk_proto;

#endif
