/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the hypervisor loads and stores: in which word of the vCPU that is at hand, or elsewhere
 * (its stack, the VM, tables, devices). sscratch holds the vCPU's address at each trap from a guest
 * (firmware/guest.S).
 */
#include "count.h"

#include <inttypes.h>

uint64_t data_size;

void data_note_vcpu(struct counters *mine, uint64_t address)
{
	mine->vcpu = address;
}

static void on_access(unsigned int hart, qemu_plugin_meminfo_t info, uint64_t address, void *unused)
{
	struct counters *mine = counters_here();
	enum access_kind kind = qemu_plugin_mem_is_store(info) ? STORE : LOAD;
	uint64_t offset = address - mine->vcpu;
	struct accesses *where = mine->vcpu && offset < data_size
					 ? &mine->words[offset / DATA_WORD_SIZE][kind]
					 : &mine->other[kind];

	(void)hart;
	(void)unused;
	where->count++;
	where->bytes += 1u << qemu_plugin_mem_size_shift(info);
}

void data_hook(struct qemu_plugin_insn *insn)
{
	qemu_plugin_register_vcpu_mem_cb(insn, on_access, QEMU_PLUGIN_CB_R_REGS, QEMU_PLUGIN_MEM_RW,
					 NULL);
}

static void print_pair(FILE *out, const struct accesses *pair)
{
	fprintf(out, "%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64, pair[LOAD].count,
		pair[LOAD].bytes, pair[STORE].count, pair[STORE].bytes);
}

/* [loads, bytes, stores, bytes], and with the offset of the word before that for each of the
 * vCPU's.
 */
void data_print(FILE *out, const struct counters *sum)
{
	const char *comma = "";

	fprintf(out, ",\"elsewhere\":[");
	print_pair(out, sum->other);
	fprintf(out, "],\"vcpu\":[");
	for (size_t i = 0; i < DATA_WORDS; i++) {
		const struct accesses *word = sum->words[i];

		if (!word[LOAD].count && !word[STORE].count)
			continue;
		fprintf(out, "%s[%zu,", comma, i * DATA_WORD_SIZE);
		print_pair(out, word);
		fputc(']', out);
		comma = ",";
	}
	fputc(']', out);
}
