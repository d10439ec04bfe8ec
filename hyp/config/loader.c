/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From bundle to guest RAM: makes or adopts the device tree, then copies the planned pieces. Owns
 * one struct loading a VM, which belongs to the hart that does the VM's present step; the life
 * cycle sees to it that this is one hart, and that it sees what the one before has written.
 */
#include "hyp/config/loader.h"

#include "hyp/config/guest_fdt.h"
#include "hyp/mem/page.h"

struct loading {
	const struct bundle_vm *vm;
	struct image_loader loader;
	void *fdt; /* GUEST_FDT_SIZE_MAX bytes while loading, NULL otherwise */
};

#define LOADINGS_PER_PAGE (PAGE_SIZE / sizeof(struct loading))

/* The page from which loader_attach() gives, and how many it has left. */
static struct loading *next_loading;
static unsigned loadings_left;

static void cancel(void *context)
{
	struct loading *loading = context;

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

	cancel(loading);
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
		cancel(loading);
	return status;
}

static enum status step(void *context, bool *done, gpa_t *entry, gpa_t *fdt)
{
	struct loading *loading = context;
	enum status status = image_load_step(&loading->loader, done);

	if (status != STATUS_OK || *done)
		cancel(loading);
	*entry = loading->vm->plan.entry;
	*fdt = loading->vm->plan.fdt;
	return status;
}

enum status loader_attach(const struct bundle_vm *vm, struct guest_loader *loader)
{
	if (loadings_left == 0) {
		hpa_t page;
		enum status status = page_alloc_zeroed(PAGE_ORDER_4K, &page);

		if (status != STATUS_OK)
			return status;
		next_loading = hw_ram(page);
		loadings_left = LOADINGS_PER_PAGE;
	}
	loadings_left--;
	next_loading->vm = vm;
	*loader = (struct guest_loader){
		.begin = begin, .step = step, .cancel = cancel, .context = next_loading++};
	return STATUS_OK;
}

#ifdef HW_TEST
void loader_forget_all(void)
{
	loadings_left = 0;
}
#endif
