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
    ("memory", "block_to_be_given_lies_in_ram_around_the_address", "hyp/mem/guest_memory.c",
     "return guest_memory_contains(memory, *start, block_size(order));", "return true;"),
    ("memory", "reading_stays_in_ram_leaf_and_buffer", "hyp/mem/guest_memory.c",
     "size - (address.value & (size - 1))", "size"),
    ("gstage", "index_lies_within_the_table", "hyp/mem/gstage.c",
     "level == gstage_root_level(gs) ? ROOT_INDEX_BITS", "level >= 2 ? ROOT_INDEX_BITS"),
    ("gstage", "entry_gives_back_what_was_put_in", "hyp/mem/gstage_table.h",
     "(((1ULL << 44) - 1) << PTE_PPN_SHIFT)", "(((1ULL << 43) - 1) << PTE_PPN_SHIFT)"),
    ("gstage", "leaves_fit_what_is_left_and_are_aligned_in_both_spaces",
     "hyp/mem/gstage_change.c", "is_aligned(address | target, size)",
     "is_aligned(address, size)"),
    ("gstage", "range_is_accepted_just_inside_the_space", "hyp/mem/gstage_change.c",
     "length > 0 && ", ""),
    ("gstage", "walk_of_any_tables_ends_in_bounds", "hyp/mem/gstage.c",
     "if (level == lowest || ", "if ("),
    ("bus", "device_sees_only_aligned_reads_inside_it", "hyp/dev/device.c",
     "((width | (u32)address.value) & low_bits) == 0", "(width & low_bits) == 0"),
    ("sbi", "hart_mask_names_just_the_harts_asked_for", "hyp/sbi/sbi.h",
     "*targets >> base == mask && ", ""),
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
            found = "does not hold" in str(reason) and "never gets to" not in str(reason)
        missed += not found
        print(f"  {'found ' if found else 'MISSED'} {source}: {new or 'without ' + old}", flush=True)
    if missed:
        sys.exit(f"{missed} of the planted mistakes were not found")


if __name__ == "__main__":
    main()
