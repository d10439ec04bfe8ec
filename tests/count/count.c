/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A plugin for QEMU's TCG that counts each instruction exactly once, by who executed it: the guest,
 * the hypervisor, or the firmware.
 *
 *	qemu-system-riscv64 ... -plugin build/host/count.so,out=FILE[,text=BYTES][,vcpu=BYTES]
 *
 *	text	size of the hypervisor's code; without it all of S and U-mode is the guest
 *	vcpu	size of what sscratch points to: its words are counted by themselves (data.c)
 *
 * An instruction is the firmware's if it runs in M-mode, the hypervisor's if it lies in the first
 * `text` bytes from where the first S-mode instruction of all lay, the guest's otherwise. Both are
 * exact: QEMU translates code anew for each privilege level and each place in RAM, and here it is
 * asked for them at translation. A page whose code was executed by two of the three is counted as a
 * conflict; there must be none.
 *
 * What counts is that an instruction was begun: one that traps is its owner's. QEMU's own count
 * (-icount) has it or not, depending on how the trap comes about.
 *
 * `slti x0, rs1, N` with N from 1 to 2047, a hint for custom use (Unprivileged ISA, "HINT
 * Instructions"), is a mark: it makes a line of FILE, a JSON object of all counts before it and of
 * the value of rs1: the sums over all harts, and where there is more than one, each hart's. From
 *1024 on it is a short mark, whose line has no more than each hart's instructions by who executed
 *them, for who wants thousands. There is a line at the hypervisor's and the guest's first
 *instruction and at QEMU's end too. counts.py reads them.
 *
 * Counters are a hart's own, so nothing is locked; a mark adds up those of all harts. That is exact
 * only where harts take turns, as they do with -icount.
 */
#include "count.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

PLUGIN_EXPORT int qemu_plugin_version = PLUGIN_VERSION;

static const char *const owner_name[OWNER_COUNT] = {"guest", "hypervisor", "firmware"};

static struct qemu_plugin_scoreboard *board;
static FILE *out;
static uint64_t text_size, vcpu_size;
static const char *image;      /* the hypervisor's first byte in this process */
static uint64_t image_address; /* and as the hart saw it */
static bool guest_seen, has_one_hart;
static unsigned int hart_here; /* whose turn it is, if there is more than one */

/* ---- who ---- */

#define PAGE_SLOTS (1u << 20)
static struct {
	uintptr_t page;
	unsigned int owner;
} pages[PAGE_SLOTS];
static uint64_t conflict_count;

/* Notes whose code is in the page of an instruction. */
static void note_page(const void *where, enum owner owner)
{
	uintptr_t page = (uintptr_t)where >> 12;
	size_t slot = page * 0x9e3779b97f4a7c15u >> 44;

	while (pages[slot].page && pages[slot].page != page)
		slot = (slot + 1) % PAGE_SLOTS;
	/* The hypervisor's text ends at a page's end, the guest's pages come and go among guests.
	 */
	if (pages[slot].page && pages[slot].owner != owner)
		conflict_count++;
	pages[slot].page = page;
	pages[slot].owner = owner;
}

static enum owner owner_of(const char *where, uint64_t address)
{
	if (register_read(REGISTER_PRIV) == PRIV_M)
		return FIRMWARE;
	if (text_size && !image) {
		image = where;
		image_address = address;
	}
	return text_size && where >= image && where < image + text_size ? HYPERVISOR : GUEST;
}

/* ---- what happens as instructions run ---- */

struct counters *counters_of(unsigned int hart)
{
	return qemu_plugin_scoreboard_find(board, hart);
}

struct counters *counters_here(void)
{
	return counters_of(hart_here);
}

/* What QEMU 10.0 tells a callback, if harts take turns on one thread, is the hart that the block
 * was translated for. So the hart itself is asked, as a block begins: all of it is executed there.
 */
static void on_block(unsigned int hart, void *data)
{
	(void)hart;
	(void)data;
	hart_here = (unsigned int)register_read(REGISTER_MHARTID);
}

static void on_count(unsigned int hart, void *data)
{
	uint64_t *words = (uint64_t *)counters_here();

	(void)hart;
	words[(uint32_t)(uintptr_t)data] += (uintptr_t)data >> 32;
}

/* Adds to a counter when the instruction is begun. With several harts by a callback: the code that
 * QEMU 10.0 makes for these counters of a second hart's is wrong where harts take turns. */
static void count_at(struct qemu_plugin_insn *insn, size_t offset, uint64_t amount)
{
	if (has_one_hart)
		qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(
			insn, QEMU_PLUGIN_INLINE_ADD_U64, (qemu_plugin_u64){board, offset}, amount);
	else
		qemu_plugin_register_vcpu_insn_exec_cb(
			insn, on_count, QEMU_PLUGIN_CB_NO_REGS,
			(void *)((uintptr_t)amount << 32 | offset / sizeof(uint64_t)));
}

/* At the first instruction of a trap vector of the hypervisor or the firmware. From whom the trap
 * came is in the status registers (Privileged ISA, hstatus.SPV, mstatus.MPV and MPP). */
static void on_trap(unsigned int hart, void *data)
{
	struct counters *mine = counters_here();
	enum owner to = (enum owner)(uintptr_t)data, from;
	uint64_t cause;

	(void)hart;
	if (to == HYPERVISOR) {
		cause = register_read(REGISTER_SCAUSE);
		from = register_read(REGISTER_HSTATUS) & HSTATUS_SPV ? GUEST : HYPERVISOR;
		data_note_vcpu(mine, register_read(REGISTER_SSCRATCH));
	} else {
		uint64_t status = register_read(REGISTER_MSTATUS);

		cause = register_read(REGISTER_MCAUSE);
		from = !text_size || status & MSTATUS_MPV ? GUEST : HYPERVISOR;
		if ((status & MSTATUS_MPP) == MSTATUS_MPP)
			from = FIRMWARE;
	}
	mine->traps[to][from][cause >> 63][cause % CAUSE_COUNT]++;
}

static void print_traps(const struct counters *sum, enum owner to)
{
	const char *comma = "";

	fprintf(out, ",\"%s_traps\":{", owner_name[to]);
	for (int from = 0; from < OWNER_COUNT; from++) {
		for (int cause = 0; cause < 2 * CAUSE_COUNT; cause++) {
			uint64_t count =
				sum->traps[to][from][cause / CAUSE_COUNT][cause % CAUSE_COUNT];

			if (!count)
				continue;
			fprintf(out, "%s\"%s %s %d\":%" PRIu64, comma, owner_name[from],
				cause < CAUSE_COUNT ? "exception" : "interrupt",
				cause % CAUSE_COUNT, count);
			comma = ",";
		}
	}
	fputc('}', out);
}

/* The hypervisor's instructions: [offset in the image, times], ... */
static void print_code(const struct counters *sum)
{
	const char *comma = "";

	fprintf(out, ",\"code\":[");
	for (size_t i = 0; i < text_size / 2; i++) {
		if (!sum->code[i])
			continue;
		fprintf(out, "%s[%zu,%" PRIu64 "]", comma, 2 * i, sum->code[i]);
		comma = ",";
	}
	fputc(']', out);
}

/* Members of a JSON object. */
static void print_counters(const struct counters *counters)
{
	for (int i = 0; i < OWNER_COUNT; i++)
		fprintf(out, "%s\"%s\":%" PRIu64, i ? "," : "", owner_name[i],
			counters->instructions[i]);
	print_traps(counters, HYPERVISOR);
	print_traps(counters, FIRMWARE);
	if (text_size)
		print_code(counters);
	if (vcpu_size)
		data_print(out, counters);
}

static void print_sum(void)
{
	size_t words = counters_size(text_size) / sizeof(uint64_t);
	uint64_t *sum = calloc(words, sizeof(uint64_t));

	if (!sum)
		abort();
	for (int hart = 0; hart < qemu_plugin_num_vcpus(); hart++) {
		const uint64_t *mine = (const uint64_t *)counters_of((unsigned int)hart);

		for (size_t i = 0; i < words; i++)
			sum[i] += mine[i];
	}
	print_counters((const struct counters *)sum);
	free(sum);
}

static void print_harts(void)
{
	fprintf(out, ",\"harts\":[");
	for (int hart = 0; hart < qemu_plugin_num_vcpus(); hart++) {
		fprintf(out, "%s{", hart ? "," : "");
		print_counters(counters_of((unsigned int)hart));
		fputc('}', out);
	}
	fputc(']', out);
}

/* What every line begins with: how many instructions each hart has executed, by owner. */
static void print_head(const char *mark, uint64_t value)
{
	if (!out)
		abort();
	fprintf(out,
		"{\"mark\":%s,\"hart\":%u,\"value\":%" PRIu64 ",\"conflicts\":%" PRIu64
		",\"instructions\":[",
		mark, hart_here, value, conflict_count);
	for (int hart = 0; hart < qemu_plugin_num_vcpus(); hart++) {
		const uint64_t *mine = counters_of((unsigned int)hart)->instructions;

		fprintf(out, "%s[%" PRIu64 ",%" PRIu64 ",%" PRIu64 "]", hart ? "," : "",
			mine[GUEST], mine[HYPERVISOR], mine[FIRMWARE]);
	}
	fputc(']', out);
}

/* A line of all counts. */
static void print_all(const char *mark, enum owner by, uint64_t value)
{
	print_head(mark, value);
	fprintf(out, ",\"by\":\"%s\",\"image\":%" PRIu64 ",", owner_name[by], image_address);
	print_sum();
	if (!has_one_hart)
		print_harts();
	fprintf(out, "}\n");
	fflush(out);
}

static void on_mark(unsigned int hart, void *data)
{
	uint32_t insn = (uint32_t)(uintptr_t)data;
	enum owner by = (enum owner)((uintptr_t)data >> 32);
	uint64_t value = register_read(insn >> 15 & 31);
	char mark[12];

	(void)hart;
	snprintf(mark, sizeof(mark), "%u", insn >> 20);
	if (insn >> 20 < MARK_SHORT) {
		print_all(mark, by, value);
		return;
	}
	print_head(mark, value);
	fprintf(out, "}\n");
}

/* ---- translation ---- */

/* May the instruction trap when it runs? Not so arithmetic and jumps on a machine with C. One that
 * is illegal as such ends its block. For what is not known: yes. */
static bool may_trap(uint32_t insn)
{
	unsigned int funct3 = insn >> 13 & 7;

	switch (insn & 3) {
	case 0: /* C.ADDI4SPN, loads, stores */
		return funct3 != 0;
	case 1: /* arithmetic, branches; C.LUI shares its place with may-be-operations */
		return funct3 == 3;
	case 2: /* C.SLLI; jumps, C.MV and C.ADD, with C.EBREAK at the end of its block */
		return funct3 != 0 && funct3 != 4;
	}
	switch (insn & 0x7f) {
	case 0x13: /* OP-IMM */
	case 0x1b: /* OP-IMM-32 */
	case 0x33: /* OP */
	case 0x3b: /* OP-32 */
	case 0x17: /* AUIPC */
	case 0x37: /* LUI */
	case 0x63: /* BRANCH */
	case 0x67: /* JALR */
	case 0x6f: /* JAL */
		return false;
	}
	return true;
}

static bool is_mark(uint32_t insn)
{
	return (insn & 0x80007fff) == 0x2013 && insn >> 20 != 0;
}

static uint32_t insn_bits(const struct qemu_plugin_insn *insn)
{
	uint32_t bits = 0;

	qemu_plugin_insn_data(insn, &bits, sizeof(bits));
	return bits;
}

/* A run of instructions that are all begun if the first is, counted at the first. */
struct run {
	struct qemu_plugin_insn *first;
	uint64_t length;
};

static void run_end(struct run *run, enum owner owner)
{
	if (run->length)
		count_at(run->first, offsetof(struct counters, instructions[owner]), run->length);
	run->length = 0;
}

static void hook_insn(struct qemu_plugin_insn *insn, struct run *run)
{
	const char *where = qemu_plugin_insn_haddr(insn);
	enum owner owner = owner_of(where, qemu_plugin_insn_vaddr(insn));
	uint32_t bits = insn_bits(insn);

	note_page(where, owner);
	if (is_mark(bits)) {
		run_end(run, owner);
		qemu_plugin_register_vcpu_insn_exec_cb(insn, on_mark, QEMU_PLUGIN_CB_R_REGS,
						       (void *)((uintptr_t)owner << 32 | bits));
	}
	if (owner == HYPERVISOR) {
		size_t index = (size_t)(where - image) / 2;

		count_at(insn, offsetof(struct counters, code) + index * sizeof(uint64_t), 1);
		if (vcpu_size)
			data_hook(insn);
	}
	if (run->length++ == 0)
		run->first = insn;
	/* All of a block is one owner's: the hypervisor's text begins and ends with a page. */
	if (may_trap(bits) || is_mark(bits))
		run_end(run, owner);
}

/* A block is translated when it is about to run for the first time, or again after it was dropped.
 */
static void on_translation(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	size_t count = qemu_plugin_tb_n_insns(tb);
	struct qemu_plugin_insn *first = qemu_plugin_tb_get_insn(tb, 0);
	uint64_t address = qemu_plugin_insn_vaddr(first);
	bool had_image = image != NULL;
	enum owner owner = owner_of(qemu_plugin_insn_haddr(first), address);
	struct run run = {NULL, 0};

	(void)id;
	if (!has_one_hart)
		qemu_plugin_register_vcpu_tb_exec_cb(tb, on_block, QEMU_PLUGIN_CB_R_REGS, NULL);
	if (text_size && image && !had_image)
		print_all("\"hypervisor\"", owner, 0);
	if (owner == GUEST && !guest_seen) {
		guest_seen = true;
		print_all("\"guest\"", owner, 0);
	}
	if ((owner == HYPERVISOR && address == register_read(REGISTER_STVEC)) ||
	    (owner == FIRMWARE && address == register_read(REGISTER_MTVEC)))
		qemu_plugin_register_vcpu_insn_exec_cb(first, on_trap, QEMU_PLUGIN_CB_R_REGS,
						       (void *)(uintptr_t)owner);
	for (size_t i = 0; i < count; i++)
		hook_insn(qemu_plugin_tb_get_insn(tb, i), &run);
	run_end(&run, owner);
}

/* ---- the plugin ---- */

static void on_hart(qemu_plugin_id_t id, unsigned int hart)
{
	(void)id;
	if (hart == 0)
		registers_find();
}

static void on_end(qemu_plugin_id_t id, void *data)
{
	(void)id;
	(void)data;
	print_all("\"end\"", FIRMWARE, 0);
	fclose(out);
}

static bool take_argument(const char *word)
{
	if (strncmp(word, "out=", 4) == 0)
		out = fopen(word + 4, "w");
	else if (strncmp(word, "text=", 5) == 0)
		text_size = strtoull(word + 5, NULL, 0);
	else if (strncmp(word, "vcpu=", 5) == 0)
		vcpu_size = strtoull(word + 5, NULL, 0);
	else
		return false;
	return true;
}

PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc,
				      char **argv);

PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc,
				      char **argv)
{
	for (int i = 0; i < argc; i++) {
		if (!take_argument(argv[i])) {
			fprintf(stderr, "count: %s is no argument: out= text= vcpu=\n", argv[i]);
			return 1;
		}
	}
	if (!out || strcmp(info->target_name, "riscv64") != 0 || text_size % 4096 != 0 ||
	    vcpu_size > DATA_SIZE_MAX) {
		fprintf(stderr,
			"count: needs riscv64, out= that can be written, text= in whole "
			"pages, vcpu= of at most %d\n",
			DATA_SIZE_MAX);
		return 1;
	}
	data_size = vcpu_size;
	has_one_hart = info->system.max_vcpus == 1;
	board = qemu_plugin_scoreboard_new(counters_size(text_size));
	qemu_plugin_register_vcpu_init_cb(id, on_hart);
	qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
	qemu_plugin_register_atexit_cb(id, on_end, NULL);
	return 0;
}
