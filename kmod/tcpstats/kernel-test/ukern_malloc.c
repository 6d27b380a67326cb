/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * malloc(9).  The type stands before the memory, which has its exact size, so
 * that AddressSanitizer sees a byte too many.
 */
#include <stdlib.h>

#include <sys/systm.h>

#include "ukern.h"
#include "ukern_impl.h"

static void *
host_calloc(size_t size)
{
	void *memory = calloc(1, size);

	if (memory == NULL)
		ukern_panic("no memory for %zu bytes", size);
	return (memory);
}

static void
host_free(void *memory)
{
	free(memory);
}

/* From here on malloc() and free() are the kernel's. */
#include <sys/malloc.h>

#define MAX_TYPES 8
#define JUNK 0xa5

struct header {
	struct malloc_type *type;
	size_t size;
};

static struct malloc_type *types[MAX_TYPES];
static unsigned int type_count;

void *
ukern_calloc(size_t size)
{
	return (host_calloc(size));
}

void
ukern_release(void *memory)
{
	host_free(memory);
}

void
ukern_register_malloc_type(struct malloc_type *type)
{

	if (type_count == MAX_TYPES)
		ukern_panic("more than %d types of memory", MAX_TYPES);
	types[type_count++] = type;
}

void
ukern_malloc_types_ready(bool ready)
{

	for (unsigned int i = 0; i < type_count; i++) {
		if (!ready && types[i]->ks_live != 0)
			ukern_panic("%zu allocations of type %s are left",
			    types[i]->ks_live, types[i]->ks_shortdesc);
		types[i]->ks_ready = ready;
	}
}

size_t
ukern_allocations(void)
{
	size_t live = 0;

	for (unsigned int i = 0; i < type_count; i++)
		live += __atomic_load_n(&types[i]->ks_live, __ATOMIC_RELAXED);
	return (live);
}

void *
ukern_malloc(size_t size, struct malloc_type *type, int flags)
{
	struct header *header;

	if ((flags & M_WAITOK) != 0)
		ukern_may_sleep("malloc(M_WAITOK)");
	else if (ukern_fault("malloc"))
		return (NULL);
	if (!type->ks_ready)
		ukern_panic("malloc of type %s, which is gone",
		    type->ks_shortdesc);
	header = host_calloc(sizeof(*header) + size);
	header->type = type;
	header->size = size;
	if ((flags & M_ZERO) == 0)
		memset(header + 1, JUNK, size);
	__atomic_add_fetch(&type->ks_live, 1, __ATOMIC_RELAXED);
	return (header + 1);
}

void *
ukern_mallocarray(size_t count, size_t size, struct malloc_type *type,
    int flags)
{

	if (size != 0 && count > SIZE_MAX / size)
		ukern_panic("mallocarray: %zu times %zu", count, size);
	return (ukern_malloc(count * size, type, flags));
}

void
ukern_free(void *memory, struct malloc_type *type)
{
	struct header *header = memory;

	if (memory == NULL)
		return;
	header--;
	if (header->type != type)
		ukern_panic("free of type %s, not %s", type->ks_shortdesc,
		    header->type->ks_shortdesc);
	__atomic_sub_fetch(&type->ks_live, 1, __ATOMIC_RELAXED);
	host_free(header);
}
