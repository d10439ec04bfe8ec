#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Shows that the proofs can fail: planted.py --cbmc CBMC --out DIRECTORY --preprocess COMMAND

Each line of PLANTED is a mistake put into a copy of the sources, and a proof that has to find it.
"""

import argparse
import os
import pathlib
import shlex
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import prove

TOP = pathlib.Path(__file__).resolve().parents[2]

# File of proofs, proof, source, what it says there, what it shall say.
PLANTED = [
    ("decode", "instruction_is_decoded_soundly", "hyp/exit/decode.c",
     "access->length = 2;", "access->length = 3;"),
    ("decode", "upper_half_of_a_16_bit_instruction_is_ignored", "hyp/exit/decode.c",
     "instruction & UINT16_MAX, access)",
     "instruction & UINT16_MAX, access) && instruction >> 31 == 0"),
    ("decode", "load_result_is_the_value_extended", "hyp/exit/decode.h",
     "(u64)((s64)(bytes << unused) >> unused)", "(u64)(bytes << unused >> unused)"),
    ("decode", "any_htinst_is_decoded_soundly", "hyp/exit/decode.c",
     "if (htinst >> 32 != 0 || ", "if ("),
    ("decode", "32_bit_loads_and_stores_are_those_of_the_listings", "hyp/exit/decode.h",
     "if (funct3 > (store ? 3 : 6))", "if (funct3 > (store ? 4 : 6))"),
    ("decode", "16_bit_instruction_means_what_its_expansion_does", "hyp/exit/decode.c",
     "{0xfc43, 0x8440, 0x1003, OFFSET_HALF, false, false}",
     "{0xfc43, 0x8440, 0x5003, OFFSET_HALF, false, false}"),
    ("decode", "common_case_decodes_like_the_whole", "hyp/exit/decode.h",
     "0xffffffff000f805d", "0xffffffff000f005d"),
    ("decode", "transformed_instruction_means_what_the_plain_one_does", "hyp/exit/decode.c",
     "access->length = 2 + (unsigned)(htinst & 2);", "access->length = 4;"),
    ("memory", "range_is_accepted_just_when_it_lies_inside", "hyp/types.h",
     "length <= size - (start - base)", "start - base + length <= size"),
    ("memory", "create_accepts_only_pages_inside_the_space", "hyp/mem/guest_memory.c",
     "!is_aligned(size, PAGE_SIZE) ||", ""),
    ("memory", "address_of_any_length_is_accepted_just_inside_ram", "hyp/mem/guest_memory.c",
     "memory->size, address.value, length)", "memory->size + 1, address.value, length)"),
    ("memory", "block_to_be_given_lies_in_ram_around_the_address", "hyp/mem/guest_memory.c",
     "return guest_memory_contains(memory, *start, block_size(order));", "return true;"),
    ("memory", "reading_stays_in_ram_leaf_and_buffer", "hyp/mem/guest_memory.c",
     "size - (address.value & (size - 1))", "size"),
    ("gstage", "index_lies_within_the_table", "hyp/mem/gstage.c",
     "level == gstage_root_level(gs) ? ROOT_INDEX_BITS", "level >= 2 ? ROOT_INDEX_BITS"),
    ("gstage", "modes_have_the_sizes_of_the_specification", "hyp/mem/gstage_table.h",
     "PAGE_SHIFT + level * GSTAGE_INDEX_BITS", "PAGE_SHIFT + (level & 3) * GSTAGE_INDEX_BITS"),
    ("gstage", "hgatp_has_its_fields_in_place", "hyp/mem/gstage.c",
     "gs->root.value >> PAGE_SHIFT;", "gs->root.value;"),
    ("gstage", "entry_gives_back_what_was_put_in", "hyp/mem/gstage_table.h",
     "(((1ULL << 44) - 1) << PTE_PPN_SHIFT)", "(((1ULL << 43) - 1) << PTE_PPN_SHIFT)"),
    ("gstage", "leaves_fit_what_is_left_and_are_aligned_in_both_spaces",
     "hyp/mem/gstage_change.c", "is_aligned(address | target, size)",
     "is_aligned(address, size)"),
    ("gstage", "range_is_accepted_just_inside_the_space", "hyp/mem/gstage_change.c",
     "length > 0 && ", ""),
    ("gstage", "walk_of_any_tables_ends_in_bounds", "hyp/mem/gstage.c",
     "if (level == lowest || ", "if ("),
    ("gstage", "search_goes_forward_and_never_beyond_the_end", "hyp/mem/gstage.c",
     "min_u64(end.value, gstage_space_size(gs->mode))", "end.value"),
    ("gstage", "cut_of_any_leaf_needs_a_table_a_level", "hyp/mem/gstage_change.c",
     "while (cut.lowest < level && ", "while ("),
    ("bus", "device_sees_only_aligned_reads_inside_it", "hyp/dev/device.c",
     "((width | (u32)address.value) & low_bits) == 0", "(width & low_bits) == 0"),
    ("bus", "device_sees_only_aligned_writes_inside_it", "hyp/dev/device.c",
     "UINT64_MAX >> (64 - 8 * width)", "UINT64_MAX >> (63 - 8 * width)"),
    ("bus", "address_inside_a_device_finds_one", "hyp/dev/device.c",
     "< device->size)", "< device->size - 1)"),
    ("bus", "device_added_is_sound_and_overlaps_none", "hyp/dev/device.c",
     "(other->size - 1) && other", "(other->size - 9) && other"),
    ("vplic", "word_has_a_bit_for_each_source_that_exists", "hyp/dev/vplic.c",
     "sources &= ~1u;", ";"),
    ("vplic", "number_of_a_source_exists_up_to_the_last", "hyp/dev/vplic.c",
     "source - 1 < VPLIC_SOURCE_COUNT", "source - 1 <= VPLIC_SOURCE_COUNT"),
    ("vplic", "lowest_source_is_set_and_none_below_it_is", "hyp/dev/vplic.c",
     "(1u << half) - 1", "(1u << half)"),
    ("vplic", "context_and_word_are_of_this_vm_or_none", "hyp/dev/vplic.c",
     "context / 2 >= plic->hart_count", "context / 2 > plic->hart_count"),
    ("vplic", "plain_registers_are_read_inside_the_arrays", "hyp/dev/vplic.c",
     "return word < VPLIC_WORDS ?", "return word <= VPLIC_WORDS ?"),
    ("vplic", "best_source_exists_and_is_pending_and_enabled", "hyp/dev/vplic.c",
     "plic->pending[word] & context->enable[word]", "plic->pending[word]"),
    ("vplic", "claimed_source_exists", "hyp/dev/vplic.c",
     "*word & ~source_bit(source), __ATOMIC", "*word & source_bit(source), __ATOMIC"),
    ("vplic", "write_stays_inside_the_arrays_and_enables_only_what_exists", "hyp/dev/vplic.c",
     "value & word_sources((unsigned)word)", "value"),
    ("sbi", "hart_mask_names_just_the_harts_asked_for", "hyp/sbi/sbi.h",
     "*targets >> base == mask && ", ""),
    ("sbi", "start_address_is_even_and_in_ram", "hyp/sbi/sbi.h",
     "(pc & 1) == 0 && ", ""),
    ("sbi", "order_is_the_smallest_with_room", "hyp/mem/page.h",
     "PAGE_SIZE << order < size", "PAGE_SIZE << order <= size"),
]


def plant(directory, source, old, new):
    """A copy of the sources with that mistake."""
    for room in ("hyp", "tests/proof"):
        shutil.copytree(TOP / room, directory / room, dirs_exist_ok=True)
    text = (directory / source).read_text()
    if text.count(old) != 1:
        sys.exit(f"planted.py: {source} has not one {old!r}")
    (directory / source).write_text(text.replace(old, new))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cbmc", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--preprocess", required=True)
    parser.add_argument("--only")
    arguments = parser.parse_args()
    cbmc = os.path.abspath(arguments.cbmc)
    out = pathlib.Path(arguments.out).resolve()
    missed = 0
    for name, proof, source, old, new in PLANTED:
        if arguments.only and arguments.only != name:
            continue
        shutil.rmtree(out, ignore_errors=True)
        plant(out, source, old, new)
        subprocess.run([*shlex.split(arguments.preprocess), f"tests/proof/prove_{name}.c", "-o",
                        "x.i"], cwd=out, check=True)
        found = True
        try:
            prove.prove(cbmc, out / f"tests/proof/prove_{name}.c", str(out / "x.i"),
                        "prove_" + proof, trace=False)
            found = False
        except prove.Wrong as reason:
            found = reason.broken
        missed += not found
        print(f"  {'found ' if found else 'MISSED'} {source}: {new or 'without ' + old}", flush=True)
    if missed:
        sys.exit(f"{missed} of the planted mistakes were not found")


if __name__ == "__main__":
    main()
