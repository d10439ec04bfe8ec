/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The list of extensions that a guest may be told of, and how they are written into a device tree.
 * Owns only that list, which is constant.
 *
 * An extension is on the list when its instructions add no state, or state that is switched (F, D,
 * V, the VS CSRs), and when no control bit stands between it and VS-mode, or vcpu_load() sets that
 * bit. Left out on purpose:
 *
 * - h and all sh*: there is no nested virtualisation.
 * - zihpm, sscofpmf: hcounteren gives no hpmcounter, the overflow interrupt is not virtualised.
 * - zkr, and zk, which contains it: the seed CSR needs mseccfg.SSEED.
 * - zicfiss: henvcfg.SSE stays clear (Unprivileged ISA, "Control-flow Integrity").
 * - smnpm, which would be henvcfg.PMM: that stays clear (Privileged ISA, "Pointer Masking
 *   Extensions").
 * - ssdbltrp: henvcfg.DTE stays clear.
 * - zcmt, and zce, which contains it: the jvt CSR is behind hstateen0.JVT, or cleared when a vCPU
 *   is loaded.
 * - zfinx and relatives: likewise fcsr, behind hstateen0.FCSR or cleared.
 * - smaia, ssaia, sscsrind, ssccfg, ssctr, ssqosid, sdtrig: CSRs that are not switched.
 * - ssstateen: hstateen0.SE0 stays clear.
 * - all other sm*, all x*: machine mode; custom state.
 */
#include "hyp/config/isa.h"

#include <string.h>

struct isa_entry {
	const char *name;
	u32 features;	  /* all of these must have been probed */
	u32 not_features; /* none of these may have been */
	u32 promises;	  /* all of these must the host give: enum promise */
};

/* What the host must promise of VS-mode before a guest can be promised it of S-mode. */
enum promise {
	PROMISE_VSTVAL = 1 << 0, /* Shvstvala */
	PROMISE_VSTVEC = 1 << 1, /* Shvstvecd */
	PROMISE_SENVPM = 1 << 2, /* Ssnpm */
};

#define F   HW_FEATURE_F
#define D   (HW_FEATURE_F | HW_FEATURE_D)
#define V   HW_FEATURE_V
#define V_F (HW_FEATURE_V | HW_FEATURE_F)
#define V_D (HW_FEATURE_V | HW_FEATURE_F | HW_FEATURE_D)

/* In canonical order (Unprivileged ISA, "ISA Extension Naming Conventions"): single letters; Z by
 * the category that the second letter names, in the order IMAFDQLCBKJTVPH, then by alphabet; Ss;
 * Sv.
 */
static const struct isa_entry isa_entries[] = {
	{"i", 0, 0, 0},
	{"m", 0, 0, 0},
	{"a", 0, 0, 0},
	{"f", F, 0, 0},
	{"d", D, 0, 0},
	{"c", 0, 0, 0},
	{"b", 0, 0, 0},
	{"v", V_D, 0, 0},

	{"zic64b", 0, 0, 0},
	/* henvcfg.CBIE and CBCFE, CBZE ("Hypervisor Environment Configuration Register").
	 * Prefetches are hints and have no control bit. */
	{"zicbom", HW_FEATURE_ZICBOM, 0, 0},
	{"zicbop", 0, 0, 0},
	{"zicboz", HW_FEATURE_ZICBOZ, 0, 0},
	/* Promises about ordinary main memory, which guest RAM is. */
	{"ziccamoa", 0, 0, 0},
	{"ziccamoc", 0, 0, 0},
	{"ziccid", 0, 0, 0},
	{"ziccif", 0, 0, 0},
	{"zicclsm", 0, 0, 0},
	{"ziccrse", 0, 0, 0},
	/* VU-mode's landing pads are senvcfg.LPE's alone. Those of VS-mode are off, as where
	 * firmware leaves menvcfg.LPE clear: henvcfg.LPE is. */
	{"zicfilp", 0, 0, 0},
	/* hcounteren.CY, TM and IR are set; time runs htimedelta ahead. */
	{"zicntr", 0, 0, 0},
	{"zicond", 0, 0, 0},
	{"zicsr", 0, 0, 0},
	{"zifencei", 0, 0, 0},
	{"zihintntl", 0, 0, 0},
	{"zihintpause", 0, 0, 0},
	/* Without Zicfiss its instructions only write zero. */
	{"zimop", 0, 0, 0},

	{"zmmul", 0, 0, 0},

	{"za128rs", 0, 0, 0},
	{"za64rs", 0, 0, 0},
	{"zaamo", 0, 0, 0},
	{"zabha", 0, 0, 0},
	{"zacas", 0, 0, 0},
	{"zalasr", 0, 0, 0},
	{"zalrsc", 0, 0, 0},
	{"zama16b", 0, 0, 0},
	/* With hstatus.VTW, WRS.NTO may raise a virtual-instruction exception as WFI does
	 * ("Wait-on-Reservation-Set Instructions"); exit/ treats the two alike. */
	{"zawrs", 0, 0, 0},

	{"zfa", F, 0, 0},
	{"zfbfmin", F, 0, 0},
	{"zfh", F, 0, 0},
	{"zfhmin", F, 0, 0},

	{"zca", 0, 0, 0},
	{"zcb", 0, 0, 0},
	{"zcd", D, 0, 0},
	{"zcmop", 0, 0, 0},
	{"zcmp", 0, 0, 0},

	{"zba", 0, 0, 0},
	{"zbb", 0, 0, 0},
	{"zbc", 0, 0, 0},
	{"zbkb", 0, 0, 0},
	{"zbkc", 0, 0, 0},
	{"zbkx", 0, 0, 0},
	{"zbs", 0, 0, 0},

	{"zkn", 0, 0, 0},
	{"zknd", 0, 0, 0},
	{"zkne", 0, 0, 0},
	{"zknh", 0, 0, 0},
	{"zks", 0, 0, 0},
	{"zksed", 0, 0, 0},
	{"zksh", 0, 0, 0},
	{"zkt", 0, 0, 0},

	/* The memory model of the hart is the guest's too. */
	{"ztso", 0, 0, 0},

	{"zvbb", V, 0, 0},
	{"zvbc", V, 0, 0},
	{"zve32f", V_F, 0, 0},
	{"zve32x", V, 0, 0},
	{"zve64d", V_D, 0, 0},
	{"zve64f", V_F, 0, 0},
	{"zve64x", V, 0, 0},
	{"zvfbfmin", V_F, 0, 0},
	{"zvfbfwma", V_F, 0, 0},
	{"zvfh", V_F, 0, 0},
	{"zvfhmin", V_F, 0, 0},
	{"zvkb", V, 0, 0},
	{"zvkg", V, 0, 0},
	{"zvkn", V, 0, 0},
	{"zvknc", V, 0, 0},
	{"zvkned", V, 0, 0},
	{"zvkng", V, 0, 0},
	{"zvknha", V, 0, 0},
	{"zvknhb", V, 0, 0},
	{"zvks", V, 0, 0},
	{"zvksc", V, 0, 0},
	{"zvksed", V, 0, 0},
	{"zvksg", V, 0, 0},
	{"zvksh", V, 0, 0},
	{"zvkt", V, 0, 0},
	{"zvl1024b", V, 0, 0},
	{"zvl128b", V, 0, 0},
	{"zvl256b", V, 0, 0},
	{"zvl32b", V, 0, 0},
	{"zvl512b", V, 0, 0},
	{"zvl64b", V, 0, 0},

	{"ssccptr", 0, 0, 0},
	/* There is no vscounteren: the guest has the real scounteren. */
	{"sscounterenw", 0, 0, 0},
	/* A guest masks the pointers of its U-mode by senvcfg, which is switched; no control bit
	 * stands between. */
	{"ssnpm", 0, 0, 0},
	{"sstc", HW_FEATURE_SSTC, 0, 0},
	/* What a guest takes for stval and stvec are vstval and vstvec. The exceptions that exit/
	 * injects fill vstval likewise. */
	{"sstvala", 0, 0, PROMISE_VSTVAL},
	{"sstvecd", 0, 0, PROMISE_VSTVEC},
	{"ssu64xl", 0, 0, 0},
	/* The means to it that a kernel has in VS-mode is senvcfg.PMM, not menvcfg's. */
	{"supm", 0, 0, PROMISE_SENVPM},

	/* henvcfg.ADUE is set where it can be, and then the hart "behaves as though the Svade
	 * extension were not implemented" for VS-stage translation. */
	{"svade", 0, HW_FEATURE_SVADU, 0},
	{"svadu", HW_FEATURE_SVADU, 0, 0},
	{"svinval", HW_FEATURE_SVINVAL, 0, 0},
	{"svnapot", HW_FEATURE_SVNAPOT, 0, 0},
	{"svpbmt", HW_FEATURE_SVPBMT, 0, 0},
	{"svrsw60t59b", 0, 0, 0},
	{"svvptc", 0, 0, 0},
};

#undef F
#undef D
#undef V
#undef V_F
#undef V_D

_Static_assert(ARRAY_SIZE(isa_entries) <= ISA_WORDS * 64ULL, "struct isa_set is too small");

static bool contains(const struct isa_set *set, size_t index)
{
	return (set->words[index / 64] >> (index % 64) & 1) != 0;
}

static void include(struct isa_set *set, size_t index)
{
	set->words[index / 64] |= BIT(index % 64);
}

static size_t find_entry(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(isa_entries); i++) {
		const char *entry = isa_entries[i].name;

		/* Most differ here, and all of this counts into the time to the first guest. */
		if (entry[0] == name[0] && entry[1] == name[1] && strcmp(entry, name) == 0)
			break;
	}
	return i;
}

static u32 promises_of(const char *name)
{
	if (strcmp(name, "shvstvala") == 0)
		return PROMISE_VSTVAL;
	if (strcmp(name, "shvstvecd") == 0)
		return PROMISE_VSTVEC;
	/* Stands for all the Sh extensions of the RVA23 profile. */
	if (strcmp(name, "sha") == 0)
		return PROMISE_VSTVAL | PROMISE_VSTVEC;
	return 0;
}

/* The entries that the host names, whatever else they hang on. */
static void read_host(const char *names, struct isa_set *named, u32 *promises)
{
	*promises = 0;
	for (; *names; names += strlen(names) + 1) {
		size_t index = find_entry(names);

		if (index < ARRAY_SIZE(isa_entries))
			include(named, index);
		else
			*promises |= promises_of(names);
	}
	if (contains(named, find_entry("ssnpm")))
		*promises |= PROMISE_SENVPM;
	/* A hart with Svadu, where firmware keeps ADUE clear, does what Svade says ("Svadu
	 * Extension for Hardware Updating of A/D Bits"). */
	if (contains(named, find_entry("svadu")))
		include(named, find_entry("svade"));
}

void isa_select(const struct hw_machine *machine, struct isa_set *set)
{
	struct isa_set named = {0};
	u32 promises;
	size_t i;

	memset(set, 0, sizeof(*set));
	read_host(machine->isa_names, &named, &promises);
	for (i = 0; i < ARRAY_SIZE(isa_entries); i++) {
		const struct isa_entry *entry = &isa_entries[i];

		if (contains(&named, i) &&
		    (machine->features & entry->features) == entry->features &&
		    (machine->features & entry->not_features) == 0 &&
		    (promises & entry->promises) == entry->promises)
			include(set, i);
	}
}

bool isa_has(const struct isa_set *set, const char *name)
{
	size_t index = find_entry(name);

	return index < ARRAY_SIZE(isa_entries) && contains(set, index);
}

static const char isa_base[] = "rv64";

u64 isa_string_size(const struct isa_set *set)
{
	u64 size = sizeof(isa_base);
	size_t i;

	for (i = 0; i < ARRAY_SIZE(isa_entries); i++) {
		size_t length = strlen(isa_entries[i].name);

		if (contains(set, i))
			size += length == 1 ? 1 : 1 + length;
	}
	return size;
}

enum status isa_write_string(const struct isa_set *set, char *buffer, u64 size)
{
	char *to = buffer;
	size_t i;

	if (isa_string_size(set) > size)
		return STATUS_INVALID;
	memcpy(to, isa_base, sizeof(isa_base) - 1);
	to += sizeof(isa_base) - 1;
	for (i = 0; i < ARRAY_SIZE(isa_entries); i++) {
		const char *name = isa_entries[i].name;
		size_t length = strlen(name);

		if (!contains(set, i))
			continue;
		if (length > 1)
			*to++ = '_';
		memcpy(to, name, length);
		to += length;
	}
	*to = '\0';
	return STATUS_OK;
}

u64 isa_list_size(const struct isa_set *set)
{
	u64 size = 0;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(isa_entries); i++)
		if (contains(set, i))
			size += strlen(isa_entries[i].name) + 1;
	return size;
}

enum status isa_write_list(const struct isa_set *set, char *buffer, u64 size)
{
	size_t i;

	if (isa_list_size(set) > size)
		return STATUS_INVALID;
	for (i = 0; i < ARRAY_SIZE(isa_entries); i++) {
		size_t bytes = strlen(isa_entries[i].name) + 1;

		if (!contains(set, i))
			continue;
		memcpy(buffer, isa_entries[i].name, bytes);
		buffer += bytes;
	}
	return STATUS_OK;
}
