/* SPDX-License-Identifier: BSD-2-Clause */
/* The flat model of G-stage tables. One at a time; only the test's main thread changes it. */
#include "tests/fake/gstage_model.h"

#include <string.h>

#include "hyp/mem/page.h"
#include "tests/fake/fake_walk.h"

/* Without cmocka, so that programs that are no unit tests can use this too. */
#define REQUIRE(condition)                                                              \
	do {                                                                            \
		if (!(condition))                                                       \
			fake_fail("%s:%d: not so: %s", __FILE__, __LINE__, #condition); \
	} while (0)

struct gstage_model model;

u64 model_hgatp(void)
{
	return gstage_hgatp(&model.gs, 0);
}

void model_create(enum hw_gstage_mode mode, u64 window)
{
	fake_start_with_pages(NULL);
	model.free_count_at_start = page_free_count();
	REQUIRE(gstage_create(&model.gs, mode) == STATUS_OK);
	model.window = window;
	model.mapped_count = 0;
	model.freed = GSTAGE_NO_TABLES;
	memset(model.pages, 0, sizeof(model.pages));
}

void model_free_tables(void)
{
	gstage_free_tables(&model.gs, model.freed);
	model.freed = GSTAGE_NO_TABLES;
}

void model_destroy(void)
{
	model_free_tables();
	gstage_destroy(&model.gs);
	REQUIRE(page_free_count() == model.free_count_at_start);
}

void model_check_page(u64 index)
{
	const struct model_page *page = &model.pages[index];
	u64 address = model.window + index * PAGE_SIZE + 0x123;
	struct fake_translation seen;
	struct gstage_leaf leaf;
	enum fake_walk walk = fake_walk_gstage(model_hgatp(), address, &seen);
	enum status status = gstage_walk(&model.gs, gpa(address), &leaf);

	if (page->prot == 0) {
		REQUIRE(walk == FAKE_WALK_NOT_MAPPED);
		REQUIRE(status == STATUS_NOT_FOUND);
		return;
	}
	REQUIRE(walk == FAKE_WALK_OK);
	REQUIRE(status == STATUS_OK);
	REQUIRE(seen.address.value == page->target + 0x123);
	REQUIRE(leaf.address.value == page->target + 0x123);
	REQUIRE(seen.size == leaf.size);
	REQUIRE(seen.accessed && seen.dirty);
	REQUIRE(leaf.prot == page->prot);
	REQUIRE((seen.readable ? PROT_READ : 0) + (seen.writable ? PROT_WRITE : 0) +
			(seen.executable ? PROT_EXEC : 0) ==
		page->prot);
}

struct visit_state {
	u64 next; /* no leaf may begin below */
	u64 page_count;
};

static void visit_leaf(void *context, gpa_t address, const struct gstage_leaf *leaf)
{
	struct visit_state *state = context;
	u64 first = (address.value - model.window) / PAGE_SIZE;
	u64 count = leaf->size / PAGE_SIZE;

	REQUIRE(address.value >= state->next);
	REQUIRE(range_contains(model.window, WINDOW_SIZE, address.value, leaf->size));
	for (u64 i = 0; i < count; i++) {
		REQUIRE(model.pages[first + i].target == leaf->address.value + i * PAGE_SIZE);
		REQUIRE(model.pages[first + i].prot == leaf->prot);
	}
	model_check_page(first);
	model_check_page(first + count - 1);
	if (first > 0)
		model_check_page(first - 1);
	if (first + count < WINDOW_PAGES)
		model_check_page(first + count);
	state->next = address.value + leaf->size;
	state->page_count += count;
}

/* Of the pages of large leaves and holes the walkers look at some. */
#define PROBE_STRIDE 61

void model_check_everything(void)
{
	struct visit_state visit = {0, 0};
	u64 empty_count, table_count = fake_count_tables(model_hgatp(), &empty_count);
	u64 pending_count = 0;

	for (u64 i = 0; i < WINDOW_PAGES; i += PROBE_STRIDE)
		model_check_page(i);
	gstage_visit(&model.gs, visit_leaf, &visit);
	REQUIRE(visit.page_count == model.mapped_count);

	for (hpa_t t = model.freed; t.value != GSTAGE_NO_TABLES.value; t = hpa(*(u64 *)hw_ram(t)))
		pending_count++;
	REQUIRE(empty_count == 0);
	REQUIRE(model.gs.table_count == table_count + pending_count);
	REQUIRE(model.free_count_at_start - page_free_count() == model.gs.table_count);
}

bool model_is_free(u64 first, u64 count)
{
	for (u64 i = first; i < first + count; i++) {
		if (model.pages[i].prot != 0)
			return false;
	}
	return true;
}

static void note_mapped(u64 first, u64 count, u64 target, enum prot prot)
{
	for (u64 i = 0; i < count; i++)
		model.pages[first + i] = (struct model_page){target + i * PAGE_SIZE, (u8)prot};
	model.mapped_count += count;
}

static void note_unmapped(u64 first, u64 count)
{
	for (u64 i = first; i < first + count; i++) {
		model.mapped_count -= model.pages[i].prot != 0;
		model.pages[i] = (struct model_page){0, 0};
	}
}

enum status model_map(u64 first, u64 count, u64 target, enum prot prot, u64 max_leaf)
{
	enum status status = gstage_map(&model.gs, gpa(model.window + first * PAGE_SIZE),
					hpa(target), count * PAGE_SIZE, prot, max_leaf);

	if (status == STATUS_OK)
		note_mapped(first, count, target, prot);
	return status;
}

enum status model_unmap(u64 first, u64 count)
{
	enum status status = gstage_unmap(&model.gs, gpa(model.window + first * PAGE_SIZE),
					  count * PAGE_SIZE, &model.freed);

	if (status == STATUS_OK)
		note_unmapped(first, count);
	return status;
}
