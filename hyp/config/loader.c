/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From bundle to guest RAM: makes or adopts the device tree, then copies the planned pieces. Owns
 * one struct loading a VM, which the hart doing guest_work() uses; nobody else does.
 */
#include "hyp/config/loader.h"

#include "hyp/config/guest_fdt.h"
#include "hyp/mem/page.h"

struct loading {
	const struct bundle_vm *vm;
	struct image_loader loader;
	void *fdt; /* GUEST_FDT_SIZE_MAX bytes while loading, NULL otherwise */
};

static struct loading loadings[BUNDLE_VM_MAX];
static unsigned loading_count;

static void drop_fdt(struct loading *loading)
{
	if (loading->fdt)
		page_free(hw_hpa_of(loading->fdt), GUEST_FDT_PAGE_ORDER);
	loading->fdt = NULL;
}

static enum status begin(void *context, struct guest_memory *memory)
{
	struct loading *loading = context;
	enum status status;
	hpa_t block;
	u64 length;

	drop_fdt(loading);
	status = page_alloc(GUEST_FDT_PAGE_ORDER, &block);
	if (status != STATUS_OK)
		return status;
	loading->fdt = hw_ram(block);
	status = bundle_make_fdt(loading->vm, NULL, NULL, loading->fdt, loading->vm->plan.fdt_size,
				 &length);
	if (status == STATUS_OK)
		status = image_load_init(&loading->loader, memory, &loading->vm->plan, loading->fdt,
					 length);
	if (status != STATUS_OK)
		drop_fdt(loading);
	return status;
}

static enum status step(void *context, bool *done, gpa_t *entry, gpa_t *fdt)
{
	struct loading *loading = context;
	enum status status = image_load_step(&loading->loader, done);

	if (status != STATUS_OK || *done)
		drop_fdt(loading);
	*entry = loading->vm->plan.entry;
	*fdt = loading->vm->plan.fdt;
	return status;
}

static void cancel(void *context)
{
	drop_fdt(context);
}

enum status loader_attach(const struct bundle_vm *vm, struct guest_loader *loader)
{
	if (loading_count == BUNDLE_VM_MAX)
		return STATUS_NO_MEMORY;
	struct loading *loading = &loadings[loading_count++];

	loading->vm = vm;
	*loader = (struct guest_loader){.begin = begin, .step = step, .cancel = cancel, .context = loading};
	return STATUS_OK;
}
