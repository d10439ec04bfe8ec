/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For tests of the bundle: makes blobs with libfdt, parses them, and keeps what is reported. Each
 * test program has one machine, one bundle and one list of messages.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <libfdt.h>

#include "hyp/config/bundle.h"
#include "hyp/config/guest_fdt.h"
#include "tests/fake/fake_hw.h"

#define BASE GUEST_RAM_BASE

/* ------------------------------------------------------------------------------------------------
 * What is reported.
 */

static struct {
	unsigned count;
	enum bundle_severity severity[128];
	char line[128][BUNDLE_LINE_SIZE];
} messages;

static inline void keep_message(void *context, enum bundle_severity severity, const char *line)
{
	assert_ptr_equal(context, &messages);
	assert_true(strlen(line) < BUNDLE_LINE_SIZE);
	for (const char *c = line; *c; c++)
		assert_in_range(*c, ' ', '~');
	assert_true(messages.count < ARRAY_SIZE(messages.line));
	messages.severity[messages.count] = severity;
	strcpy(messages.line[messages.count++], line);
}

static const struct bundle_options options = {
	.report = keep_message,
	.context = &messages,
	.memory_max = GIB(4),
};

static struct bundle bundle;

/* That line was reported, and no other. */
static inline void assert_reported_only(enum bundle_severity severity, const char *line)
{
	for (unsigned i = 1; i < messages.count; i++)
		print_message("also: %s\n", messages.line[i]);
	assert_int_equal(messages.count, 1);
	assert_string_equal(messages.line[0], line);
	assert_int_equal(messages.severity[0], severity);
}

static inline bool was_reported(const char *line)
{
	for (unsigned i = 0; i < messages.count; i++)
		if (strcmp(messages.line[i], line) == 0)
			return true;
	return false;
}

/* ------------------------------------------------------------------------------------------------
 * Making bundles. The blob grows at the end of `work` and is copied to a block of its size.
 */

static u8 work[16 << 20] __attribute__((aligned(8)));

static inline void ok(int error)
{
	assert_int_equal(error, 0);
}

static inline void node(const char *name)
{
	ok(fdt_begin_node(work, name));
}

static inline void end(void)
{
	ok(fdt_end_node(work));
}

static inline void string(const char *name, const char *value)
{
	ok(fdt_property_string(work, name, value));
}

static inline void bytes(const char *name, const void *value, int length)
{
	ok(fdt_property(work, name, value, length));
}

static inline void u32_is(const char *name, u32 value)
{
	ok(fdt_property_u32(work, name, value));
}

static inline void u64_is(const char *name, u64 value)
{
	ok(fdt_property_u64(work, name, value));
}

static inline void flag(const char *name)
{
	ok(fdt_property(work, name, NULL, 0));
}

static inline void begin_root(void)
{
	memset(&messages, 0, sizeof(messages));
	bundle_free(&bundle);
	fake_start_with_pages(NULL);
	ok(fdt_create(work, sizeof(work)));
	ok(fdt_finish_reservemap(work));
	node("");
	string("description", "test");
}

static inline void image(const char *name, const char *type, const void *data, int length)
{
	node(name);
	string("description", "an image");
	string("type", type);
	string("arch", "riscv");
	string("os", "linux");
	string("compression", "none");
	bytes("data", data, length);
}

static const u8 code[64] = {0x6f, 0, 0, 0};
static const u8 ramdisk[5000] = "070701";

/* Leaves /images open, for more of them. */
static inline void begin_images(void)
{
	node("images");
	image("code", "kernel", code, sizeof(code));
	end();
	image("initrd", "ramdisk", ramdisk, sizeof(ramdisk));
	end();
}

/* Closes /images and opens /vms/linux, without properties. */
static inline void begin_vm(void)
{
	end();
	node("vms");
	node("linux");
}

static inline void start(void)
{
	begin_root();
	begin_images();
	begin_vm();
}

/* The usual properties, less one that the test gives itself. */
static inline void usual_but(const char *missing)
{
	if (strcmp(missing, "cpus") != 0)
		u32_is("cpus", 2);
	if (strcmp(missing, "memory") != 0)
		u64_is("memory", MIB(16));
	if (strcmp(missing, "kernel") != 0)
		string("kernel", "code");
	if (strcmp(missing, "ramdisk") != 0)
		string("ramdisk", "initrd");
	if (strcmp(missing, "bootargs") != 0)
		string("bootargs", "console=ttyS0");
}

static inline void usual(void)
{
	usual_but("");
}

static inline void other_vm(const char *name)
{
	node(name);
	u64_is("memory", MIB(8));
	string("kernel", "code");
	end();
}

/* Closes the VM and opens another one. */
static inline void next_vm(const char *name)
{
	end();
	node(name);
}

/* A copy of the blob in a block of exactly its size. */
static inline u8 *finish_root(u64 *size)
{
	u8 *blob;

	end();
	ok(fdt_finish(work));
	*size = fdt_totalsize(work);
	blob = malloc(*size);
	assert_non_null(blob);
	memcpy(blob, work, *size);
	return blob;
}

static u8 *blob_in_use;

static inline enum status parse_blob(u8 *blob, u64 size)
{
	free(blob_in_use);
	blob_in_use = blob;
	bundle_free(&bundle);
	return bundle_parse(blob, size, &options, &bundle);
}

/* Closes /vms/linux, adds a good VM behind it, and reads it all. */
static inline enum status parse(void)
{
	u64 size;
	u8 *blob;

	end();
	other_vm("other");
	end();
	blob = finish_root(&size);
	return parse_blob(blob, size);
}

/* The first VM was refused for that one reason, the other one can start. */
static inline void assert_refused(const char *line)
{
	assert_int_equal(parse(), STATUS_OK);
	assert_reported_only(BUNDLE_ERROR, line);
	assert_int_equal(bundle.vm_count, 1);
	assert_string_equal(bundle.vms[0].name, "other");
}

static inline void assert_accepted(void)
{
	assert_int_equal(parse(), STATUS_OK);
	assert_int_equal(bundle.vm_count, 2);
	assert_string_equal(bundle.vms[0].name, "linux");
}

static inline int stop_machine(void **state)
{
	(void)state;
	free(blob_in_use);
	blob_in_use = NULL;
	bundle_free(&bundle);
	fake_stop();
	return 0;
}

static inline int make_own_tree(u64 *tree, u64 size)
{
	ok(fdt_create(tree, (int)size));
	ok(fdt_finish_reservemap(tree));
	ok(fdt_begin_node(tree, ""));
	ok(fdt_property_string(tree, "model", "my own"));
	ok(fdt_end_node(tree));
	ok(fdt_finish(tree));
	return (int)fdt_totalsize(tree);
}
