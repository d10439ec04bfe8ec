# SPDX-License-Identifier: BSD-2-Clause
"""The decoder of device accesses of the VT-x side (tests/compare/vtx/decode.c), against the assembler: what was
written down as text is what the decoder must read from the bytes, and the length is the assembler's."""

import platform
import random
import re
import subprocess

import pytest

import hartwood

DECODER = hartwood.BUILD / "host" / "vtx_decode"
pytestmark = [pytest.mark.skipif(platform.machine() != "x86_64", reason="takes an assembler for x86-64"),
              pytest.mark.once("the VT-x side")]

QUADS = "rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15".split()
LONGS = "eax ecx edx ebx esp ebp esi edi".split() + [f"r{n}d" for n in range(8, 16)]
WORDS = "ax cx dx bx sp bp si di".split() + [f"r{n}w" for n in range(8, 16)]
BYTES = "al cl dl bl spl bpl sil dil".split() + [f"r{n}b" for n in range(8, 16)]
HIGHS = "ah ch dh bh".split()
NAMES = {1: BYTES, 2: WORDS, 4: LONGS, 8: QUADS}
SUFFIX = {1: "b", 2: "w", 4: "l", 8: "q"}


def addresses(with_rex=True):
    """Every form of memory operand, with each base; those that need a REX prefix only on demand."""
    registers = QUADS if with_rex else QUADS[:8]
    for base in registers:
        for displacement in ("", "0x10", "-0x80", "0x12345678"):
            yield f"{displacement}(%{base})"
            for index, scale in (("rcx", 1), ("rbp", 2), ("rdi", 4), ("r12", 8)):
                if index in registers:
                    yield f"{displacement}(%{base},%{index},{scale})"
    yield "0x1234(,%rcx,8)"
    yield "0x1234(%rip)"
    yield "0x12345678"
    yield "%fs:0x10(%rbx)"
    yield "%gs:(%rax,%rcx)"
    yield "0x10(%ebx)"
    yield "(%ecx,%esi,2)"


def load(width, result, reg, sign=0, high=0):
    return f"load width={width} result={result} reg={reg} high={high} sign={sign} length=%d value=0"


def store(width, reg, high=0):
    return f"store width={width} result={width} reg={reg} high={high} sign=0 length=%d value=0"


def store_immediate(width, value):
    return f"storei width={width} result={width} reg=0 high=0 sign=0 length=%d value={value:x}"


def moves(address):
    for width, names in NAMES.items():
        for number in (0, 3, 5, 9, 12, 15):
            yield f"mov {address}, %{names[number]}", load(width, width, number)
            yield f"mov %{names[number]}, {address}", store(width, number)
        value = {1: 0x7f, 2: 0x7fff, 4: 0x89abcdef, 8: 0xffffffff89abcdef}[width]
        yield f"mov{SUFFIX[width]} ${value - (1 << 64) if width == 8 else value:#x}, {address}", \
            store_immediate(width, value)


def extensions(address):
    for source, letter in ((1, "b"), (2, "w")):
        for result in (2, 4, 8):
            if result > source:
                yield f"movz{letter}{SUFFIX[result]} {address}, %{NAMES[result][11]}", load(source, result, 11)
                yield f"movs{letter}{SUFFIX[result]} {address}, %{NAMES[result][6]}", load(source, result, 6, sign=1)
    yield f"movslq {address}, %rdx", load(4, 8, 2, sign=1)


def high_bytes(address):
    for number, name in enumerate(HIGHS):
        yield f"mov {address}, %{name}", load(1, 1, number, high=1)
        yield f"mov %{name}, {address}", store(1, number, high=1)


def absolutes():
    for width, names in NAMES.items():
        yield f"movabs 0x1122334455667788, %{names[0]}", load(width, width, 0)
        yield f"movabs %{names[0]}, 0x1122334455667788", store(width, 0)


def refused():
    for text in ("mov %eax, %ebx", "movzbl %al, %ecx", "add (%rax), %ebx", "xchg %eax, (%rbx)", "push (%rax)",
                 "movups (%rax), %xmm0", "lock incl (%rax)", "rep movsb", "nop", "movbe (%rax), %ecx",
                 "mov (%rax), %ds", "cmpl $1, (%rax)", "incl (%rbx)", "movl $1, %ebx", "vmcall"):
        yield text, "no"


def assemble(texts, directory):
    """The bytes of each instruction, as the assembler's listing has them."""
    source, listing = directory / "insns.s", directory / "insns.lst"
    source.write_text("".join(f"{text}\n" for text in texts), encoding="ascii")
    subprocess.run(["as", "--64", "--listing-lhs-width=16", f"-aln={listing}", "-o", str(directory / "insns.o"),
                    str(source)], check=True)
    code = {}
    for line in listing.read_text(encoding="ascii").splitlines():
        match = re.match(r"\s*(\d+) [0-9a-f]{4,8} ((?:[0-9A-F]+ ?)+)\s", line + " ")
        if match:
            code[int(match[1])] = match[2].replace(" ", "")
    assert sorted(code) == list(range(1, len(texts) + 1))
    return [code[number] for number in sorted(code)]


def decode(lines):
    done = subprocess.run([DECODER], input="".join(f"{line}\n" for line in lines), capture_output=True, text=True,
                          check=True, timeout=60)
    return done.stdout.splitlines()


def cases():
    every = [case for address in addresses() for case in moves(address)]
    every += [case for address in addresses() for case in extensions(address)]
    every += [case for address in addresses(with_rex=False) for case in high_bytes(address)]
    return every + list(absolutes())


def test_loads_and_stores_are_read_as_the_assembler_wrote_them(tmp_path):
    every = cases() + list(refused())
    code = assemble([text for text, _ in every], tmp_path)
    wrong = []
    for (text, expected), insn, got in zip(every, code, decode(code)):
        if got != (expected % (len(insn) // 2) if "%d" in expected else expected):
            wrong.append((text, insn, expected, got))
    assert not wrong, wrong[:5]
    assert len(every) > 20000


def test_an_instruction_that_is_cut_short_is_refused(tmp_path):
    some = random.Random(1).sample(cases(), 500)
    code = assemble([text for text, _ in some], tmp_path)
    short = [insn[:2 * length] for insn in code for length in range(len(insn) // 2)]
    assert set(decode(short)) == {"no"}


def test_prefixes_count_where_they_may():
    lines = {
        "488b03": "load width=8 result=8 reg=0 high=0 sign=0 length=3 value=0",
        "4e8b03": "load width=8 result=8 reg=8 high=0 sign=0 length=3 value=0",
        "48668b03": "load width=2 result=2 reg=0 high=0 sign=0 length=4 value=0",   # void: not the last prefix
        "66488b03": "load width=8 result=8 reg=0 high=0 sign=0 length=4 value=0",
        "40488b03": "load width=8 result=8 reg=0 high=0 sign=0 length=4 value=0",
        "2e3e26368b03": "load width=4 result=4 reg=0 high=0 sign=0 length=6 value=0",
        "f08b03": "no", "f38b03": "no", "f28b03": "no",
        "66" * 13 + "8b03": "load width=2 result=2 reg=0 high=0 sign=0 length=15 value=0",
        "66" * 14 + "8b03": "no",   # 16 bytes
        "66" * 32: "no", "40" * 32: "no",
    }
    assert dict(zip(lines, decode(lines))) == lines


def test_forms_that_no_assembler_writes():
    """Bits of REX that do not count, an address size with an absolute address, 63 without REX.W; and what begins like a
    MOV, or like a prefix, and is none."""
    lines = {
        "418b03": "load width=4 result=4 reg=0 high=0 sign=0 length=3 value=0",
        "44c70301000000": "storei width=4 result=4 reg=0 high=0 sign=0 length=7 value=1",
        "49a10011223344556677": "load width=8 result=8 reg=0 high=0 sign=0 length=10 value=0",
        "44a10011223344556677": "load width=4 result=4 reg=0 high=0 sign=0 length=10 value=0",
        "67a144332211": "load width=4 result=4 reg=0 high=0 sign=0 length=6 value=0",
        "6667a344332211": "store width=2 result=2 reg=0 high=0 sign=0 length=7 value=0",
        "67a0443322": "no",   # one byte short
        "6303": "load width=4 result=4 reg=0 high=0 sign=0 length=2 value=0",
        "666303": "load width=2 result=2 reg=0 high=0 sign=0 length=3 value=0",
        "66486303": "load width=4 result=8 reg=0 high=0 sign=1 length=4 value=0",
        "66480fb703": "load width=2 result=8 reg=0 high=0 sign=0 length=5 value=0",
        "660fb703": "load width=2 result=2 reg=0 high=0 sign=0 length=4 value=0",
        "408a23": "load width=1 result=1 reg=4 high=0 sign=0 length=3 value=0",   # any REX: spl, not ah
        "668823": "store width=1 result=1 reg=0 high=1 sign=0 length=3 value=0",
        "c70b01000000": "no", "c6f801": "no", "c7f801000000": "no",   # /1; XABORT; XBEGIN
        "8c03": "no", "8e03": "no", "8d03": "no", "0fc303": "no", "0f6f03": "no",   # segments, LEA, MOVNTI, MMX
        "c5fa6f03": "no", "c4e17a6f03": "no", "62f17c481003": "no", "d5088b03": "no", "8fe8": "no",
    }
    assert dict(zip(lines, decode(lines))) == lines


def test_no_sequence_of_bytes_makes_it_read_beyond_its_buffer():
    """The program is built with the address sanitizer."""
    numbers = random.Random(2)
    prefixes = [0x66, 0x67, 0x2e, 0x48, 0x41, 0x0f, 0xc7, 0x8b, 0xb6, 0xa1, 0x04, 0x84, 0x85]
    lines = ["".join(f"{numbers.choice(prefixes) if numbers.random() < 0.7 else numbers.randrange(256):02x}"
                     for _ in range(numbers.randrange(1, 33))) for _ in range(20000)]
    for line, got in zip(lines, decode(lines)):
        if got != "no":
            assert int(re.search(r"length=(\d+)", got)[1]) <= min(len(line) // 2, 15)
