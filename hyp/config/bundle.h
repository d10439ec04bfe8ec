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
#include "hyp/config/store.h"
#include "hyp/status.h"
#include "hyp/types.h"
#include "hyp/vcpu.h"
#include "hyp/vm/guest.h"

/* The number of VMs is limited by memory; these only bound what a hostile bundle can ask for. The
 * tables are as long as the bundle needs. */
#define BUNDLE_VM_MAX	 4096
#define BUNDLE_IMAGE_MAX 4096

#define BUNDLE_CPU_MAX	   VCPU_MAX
#define BUNDLE_NAME_MAX	   31  /* characters in the name of a VM or image */
#define BUNDLE_MESSAGE_MAX 64  /* lines that a bundle can make us report */
#define BUNDLE_LINE_SIZE   256 /* bytes in such a line, with its NUL */

#define BUNDLE_ESCAPE_KEY 0x1d /* Ctrl-] */

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

	/* Of a device tree, while the bundle is read: how it has been tried, and whether it was
	 * good; a bit for each way. */
	u8 tree_tried, tree_good;
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

	struct sched_limits limits; /* harts are indexes, times are timebase ticks */
	bool autostart;
	enum guest_restart restart;
	unsigned depends[GUEST_DEPENDS_MAX]; /* indexes in bundle->vms, none of them twice, itself
					      * not among them, nor is there any circle */
	unsigned depends_count;

	struct image_plan plan; /* where its images go */
};

struct bundle {
	struct bundle_vm *vms; /* in the order of the file */
	unsigned vm_count;
	struct bundle_image *images; /* one for each node of /images, usable or not */
	unsigned image_count;

	u32 escape_key; /* a control character, 0: none */
	bool show_all;	/* the console shows all VMs at first */
	u64 slice;	/* the scheduler's, in timebase ticks; 0: its default */

	struct store vm_store, image_store; /* behind vms and images */
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
 * STATUS_NOT_FOUND: there is no usable VM in it; STATUS_INVALID: it is no bundle at all;
 * STATUS_NO_MEMORY: not even for its tables. All have been reported, nothing is kept, and
 * bundle->vm_count is 0; escape_key and slice have sensible values all the same. */
enum status bundle_parse(const void *blob, u64 size, const struct bundle_options *options,
			 struct bundle *bundle) MUST_CHECK;

/* Gives the tables back; again is no harm. Nobody may use the bundle's VMs any more. */
void bundle_free(struct bundle *bundle);

/* The device tree for that VM, the bundle's own or a new one, in a buffer of vm->plan.fdt_size
 * bytes at least, aligned to 8. add_devices may be NULL, and is not called for a tree of the
 * bundle's own (hyp/config/guest_fdt.h). *length is what image_load_init() takes. STATUS_INVALID:
 * the devices did not fit. */
enum status bundle_make_fdt(const struct bundle_vm *vm,
			    int (*add_devices)(void *fdt, void *context), void *context,
			    void *buffer, u64 size, u64 *length) MUST_CHECK;

/* ------------------------------------------------------------------------------------------------
 * What the bundle's nodes may contain, for the parser and for the manual.
 */

enum bundle_type {
	BUNDLE_TYPE_U32,     /* one cell, a u32 */
	BUNDLE_TYPE_U64,     /* one cell, or two with the high half first, a u64 */
	BUNDLE_TYPE_STRING,  /* one string, a const char * */
	BUNDLE_TYPE_BOOL,    /* there or not, no value, a bool */
	BUNDLE_TYPE_IMAGE,   /* the name of a node in /images, a const struct bundle_image * */
	BUNDLE_TYPE_CHOICE,  /* one of some words, its number as a u32 */
	BUNDLE_TYPE_CELLS,   /* a list of cells, a struct bundle_cells */
	BUNDLE_TYPE_STRINGS, /* a list of strings, a struct bundle_strings */
};

/* Lists as they lie in the blob. */
struct bundle_cells {
	const u8 *data; /* big-endian */
	u32 count;
};

struct bundle_strings {
	const char *data; /* each with its NUL */
	u32 size;	  /* bytes, 0: there is no list */
};

struct bundle_parser;

struct bundle_property {
	const char *name;
	enum bundle_type type;
	size_t offset; /* of the member that takes it, in the structure that the schema is for */
	u64 initial;   /* the default of a number or choice */
	const char *const *words; /* of a choice, with NULL behind the last */

	/* Reports and returns false if the value is not acceptable; may be NULL. object is that
	 * structure. */
	bool (*check)(struct bundle_parser *parser, const struct bundle_property *property,
		      const void *object);

	const char *fallback; /* the default, in words; NULL: there is none, the property must be
				 given */
	const char *meaning;
};

/* All that a kind of node may have, besides what every node may. */
struct bundle_schema {
	const char *node; /* its path, for people */
	const struct bundle_property *properties;
	size_t count;
};

extern const struct bundle_schema bundle_vm_schema, bundle_console_schema, bundle_scheduler_schema;

const char *bundle_type_name(enum bundle_type type);
