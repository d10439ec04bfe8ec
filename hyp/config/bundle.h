/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The VM bundle: a flattened device tree with the images (laid out as in a U-Boot FIT) and the
 * description of every VM. It is read once, at boot, in full, before any VM starts. Afterwards
 * struct bundle is constant; its strings and data lie in the blob, which must stay where it is.
 *
 * The blob may be truncated or hostile. A VM that cannot be is left out with an error for each of
 * its mistakes, and the others are served.
 */
#pragma once

#include "hyp/config/image.h"
#include "hyp/status.h"
#include "hyp/types.h"

#define BUNDLE_VM_MAX	   32
#define BUNDLE_IMAGE_MAX   64
#define BUNDLE_CPU_MAX	   32
#define BUNDLE_NAME_MAX	   31  /* characters in the name of a VM or image */
#define BUNDLE_MESSAGE_MAX 64  /* lines that a bundle can make us report */
#define BUNDLE_LINE_SIZE   256 /* bytes in such a line, with its NUL */

enum bundle_image_type {
	BUNDLE_KERNEL,
	BUNDLE_RAMDISK,
	BUNDLE_FLAT_DT,
};

struct bundle_image {
	const char *name;
	enum bundle_image_type type;
	bool usable; /* passed all checks */
	struct image_file file;
};

struct bundle_vm {
	const char *name;
	u32 cpus;
	u64 memory; /* bytes, a multiple of 4 KiB */
	const struct bundle_image *kernel;
	const struct bundle_image *ramdisk; /* NULL: none */
	const struct bundle_image *fdt;	    /* NULL: make one */
	const char *bootargs;		    /* NULL: none */
	bool memory_pinned;		    /* all RAM is given before the VM starts */

	struct image_plan plan; /* where its images go */
};

struct bundle {
	struct bundle_vm vms[BUNDLE_VM_MAX];
	unsigned vm_count;
	struct bundle_image images[BUNDLE_IMAGE_MAX];
	unsigned image_count;
};

enum bundle_severity {
	BUNDLE_WARNING,
	BUNDLE_ERROR,
};

struct bundle_options {
	/* Gets each message as a line without a newline, printable characters only.
	 * NULL: log_error() and log_info(). */
	void (*report)(void *context, enum bundle_severity severity, const char *line);
	void *context;

	u64 memory_max; /* bytes that a VM can have at most; 0: do not check */
};

/* Reads and checks all of the bundle. Boot hart, after page_add_region(). options may be NULL.
 * STATUS_NOT_FOUND: there is no usable VM in it; STATUS_INVALID: it is no bundle at all. Both have
 * been reported, and bundle->vm_count is 0. */
enum status bundle_parse(const void *blob, u64 size, const struct bundle_options *options,
			 struct bundle *bundle) MUST_CHECK;

/* The device tree for that VM, the bundle's own or a new one, in a buffer of vm->plan.fdt_size
 * bytes at least, aligned to 8. add_devices may be NULL, and is not called for a tree of the
 * bundle's own (hyp/config/guest_fdt.h). *length is what image_load_init() takes. STATUS_INVALID:
 * the devices did not fit. */
enum status bundle_make_fdt(const struct bundle_vm *vm,
			    int (*add_devices)(void *fdt, void *context), void *context,
			    void *buffer, u64 size, u64 *length) MUST_CHECK;

/* ------------------------------------------------------------------------------------------------
 * What a VM's node may contain, for the parser and for the manual.
 */

enum bundle_type {
	BUNDLE_TYPE_U32,    /* one cell */
	BUNDLE_TYPE_U64,    /* one cell, or two with the high half first */
	BUNDLE_TYPE_STRING, /* one string */
	BUNDLE_TYPE_BOOL,   /* there or not, no value */
	BUNDLE_TYPE_IMAGE,  /* the name of a node in /images */
};

struct bundle_parser;

struct bundle_property {
	const char *name;
	enum bundle_type type;
	size_t offset; /* of the member of struct bundle_vm that takes it */
	u64 initial;   /* the default of a number */

	/* Reports and returns false if the value is not acceptable; may be NULL. */
	bool (*check)(struct bundle_parser *parser, const struct bundle_property *property,
		      struct bundle_vm *vm);

	const char *fallback; /* the default, in words; NULL: there is none, the property must be
				 given */
	const char *meaning;
};

const struct bundle_property *bundle_vm_properties(size_t *count);
const char *bundle_type_name(enum bundle_type type);
