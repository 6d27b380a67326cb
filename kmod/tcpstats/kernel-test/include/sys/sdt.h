/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Stand-in: DTrace probes: counted, and a test may hook one.
 */
#ifndef _SYS_SDT_H_
#define _SYS_SDT_H_

#include <sys/types.h>

struct sdt_probe {
	const char *name;  /* "mod:func:name" without the provider */
	u_int fired;	   /* atomic */
	uintptr_t args[3]; /* of the last firing; atomic */
};

extern bool sdt_probes_enabled;
#define SDT_PROBES_ENABLED() sdt_probes_enabled

void ukern_register_probe(struct sdt_probe *probe);
void ukern_probe_fire(struct sdt_probe *probe, uintptr_t arg0, uintptr_t arg1,
    uintptr_t arg2);

#define SDT_PROVIDER_DECLARE(prov) struct hack
#define SDT_PROVIDER_DEFINE(prov) struct hack
#define SDT_PROBE_DECLARE(prov, mod, func, name) \
	extern struct sdt_probe sdt_##prov##_##func##_##name
#define SDT_PROBE_DEFINE(prov, mod, func, name_)                            \
	struct sdt_probe sdt_##prov##_##func##_##name_ = { .name = #func    \
		":" #name_ };                                               \
	__attribute__((constructor)) static void func##_##name_##_register( \
	    void)                                                           \
	{                                                                   \
		ukern_register_probe(&sdt_##prov##_##func##_##name_);       \
	}                                                                   \
	struct hack
#define SDT_PROBE_DEFINE1(prov, mod, func, name, type0) \
	SDT_PROBE_DEFINE(prov, mod, func, name)
#define SDT_PROBE_DEFINE2(prov, mod, func, name, type0, type1) \
	SDT_PROBE_DEFINE(prov, mod, func, name)
#define SDT_PROBE_DEFINE3(prov, mod, func, name, type0, type1, type2) \
	SDT_PROBE_DEFINE(prov, mod, func, name)

#define SDT_PROBE3(prov, mod, func, name, arg0, arg1, arg2)             \
	do {                                                            \
		if (SDT_PROBES_ENABLED())                               \
			ukern_probe_fire(&sdt_##prov##_##func##_##name, \
			    (uintptr_t)(arg0), (uintptr_t)(arg1),       \
			    (uintptr_t)(arg2));                         \
	} while (0)
#define SDT_PROBE2(prov, mod, func, name, arg0, arg1) \
	SDT_PROBE3(prov, mod, func, name, arg0, arg1, 0)
#define SDT_PROBE1(prov, mod, func, name, arg0) \
	SDT_PROBE3(prov, mod, func, name, arg0, 0, 0)

#endif /* !_SYS_SDT_H_ */
