/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Stand-in: malloc(9), each type accounted for.
 */
#ifndef _SYS_MALLOC_H_
#define _SYS_MALLOC_H_

#include <sys/param.h>

struct malloc_type {
	const char *ks_shortdesc;
	const char *ks_longdesc;
	size_t ks_live; /* allocations; atomic */
	bool ks_ready;
};

#define M_NOWAIT 0x0001
#define M_WAITOK 0x0002
#define M_ZERO 0x0100

#define MALLOC_DECLARE(type) extern struct malloc_type type[1]
/* malloc_init() and malloc_uninit() run as the module comes and goes. */
#define MALLOC_DEFINE(type, shortdesc, longdesc)                       \
	struct malloc_type type[1] = { { .ks_shortdesc = (shortdesc),  \
	    .ks_longdesc = (longdesc) } };                             \
	__attribute__((constructor)) static void type##_register(void) \
	{                                                              \
		ukern_register_malloc_type(type);                      \
	}                                                              \
	struct hack

void ukern_register_malloc_type(struct malloc_type *type);
void *ukern_malloc(size_t size, struct malloc_type *type, int flags);
void *ukern_mallocarray(size_t count, size_t size, struct malloc_type *type,
    int flags);
void ukern_free(void *memory, struct malloc_type *type);

#define malloc(size, type, flags) ukern_malloc(size, type, flags)
#define mallocarray(count, size, type, flags) \
	ukern_mallocarray(count, size, type, flags)
#define free(memory, type) ukern_free(memory, type)

#endif /* !_SYS_MALLOC_H_ */
