# SPDX-License-Identifier: BSD-2-Clause
"""The layering check passes on the sources as they are, and rejects each thing it is for."""

import pathlib
import shutil
import subprocess

import pytest

import hartwood
import layering

CROSS = "riscv64-unknown-elf-"


def test_sources_keep_to_the_layers():
    assert layering.check_tree(hartwood.TOP) == []


@pytest.fixture
def tree(tmp_path):
    """A copy of the sources, for planting violations in."""
    for folder in ("hyp", "platform"):
        if (hartwood.TOP / folder).exists():
            shutil.copytree(hartwood.TOP / folder, tmp_path / folder)
    return tmp_path


PLANTED = {
    "inline assembly": ("hyp/mem/x.c", 'void f(void)\n{\n\tasm("nop");\n}\n'),
    "gnu inline assembly": ("hyp/vm/x.c", 'void f(void)\n{\n\t__asm__ volatile("wfi");\n}\n'),
    "csr mnemonic in a string": ("hyp/exit/x.c", 'const char *f = "csrr a0, sstatus";\n'),
    "csr macro": ("hyp/sbi/x.c", "int f(void)\n{\n\treturn csrrw(1);\n}\n"),
    "volatile pointer cast": ("hyp/dev/x.c",
                              "int f(long a)\n{\n\treturn *(volatile int *)a;\n}\n"),
    "pointer to volatile": ("hyp/dev/x.h", "extern volatile unsigned char *uart;\n"),
    "platform header": ("hyp/ui/x.c", '#include "platform/uart.h"\n'),
    "platform header in brackets": ("hyp/ui/x.c", "#include <platform/uart.h>\n"),
    "firmware header": ("hyp/main.c", '#include "firmware/trap.h"\n'),
    "way round by dots": ("hyp/mem/x.c", '#include "../vm/vcpu.h"\n'),
    "mem knows vm": ("hyp/mem/x.c", '#include "hyp/vm/vcpu.h"\n'),
    "mem knows dev": ("hyp/mem/x.h", '#include "hyp/dev/vplic.h"\n'),
    "sbi knows exit": ("hyp/sbi/x.c", '#include "hyp/exit/exit.h"\n'),
    "sbi knows dev": ("hyp/sbi/x.c", '#include "hyp/dev/vplic.h"\n'),
    "dev knows sbi": ("hyp/dev/x.c", '#include "hyp/sbi/sbi.h"\n'),
    "exit knows vm": ("hyp/exit/x.c", '#include "hyp/vm/vm.h"\n'),
    "vm knows config": ("hyp/vm/x.c", '# include "hyp/config/bundle.h"\n'),
    "config knows ui": ("hyp/config/x.c", '#include "hyp/ui/shell.h"\n'),
    "root header knows a room": ("hyp/x.h", '#include "hyp/mem/page.h"\n'),
    "assembly file": ("hyp/mem/x.S", "\tnop\n"),
    "unknown room": ("hyp/misc/x.c", "int x;\n"),
    "platform knows firmware": ("platform/x.c", '#include "firmware/trap.h"\n'),
}


@pytest.mark.parametrize("what", PLANTED)
def test_planted_violation_is_rejected(tree, what):
    name, text = PLANTED[what]
    planted = tree / name
    planted.parent.mkdir(parents=True, exist_ok=True)
    planted.write_text("/* first line */\n" + text)
    assert any(line.startswith(name) for line in layering.check_tree(tree))
    script = hartwood.TOP / "tests" / "layering.py"
    done = subprocess.run([script, "--root", tree], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and name in done.stderr


@pytest.mark.parametrize("text", [
    '#include "hyp/mem/page.h"\n#include "hyp/sbi/sbi.h"\n#include "hyp/types.h"\n',
    "#include <stdint.h>\n#include <libfdt.h>\n",
    "/* asm, csrr and volatile int * in a comment */\n// asm(\nint csr_count;\n",
    'const char *url = "http://x"; /* " */\nint basm;\nvolatile int flag;\n',
])
def test_innocent_source_is_accepted(tmp_path, text):
    (tmp_path / "hyp" / "vm").mkdir(parents=True)
    (tmp_path / "hyp" / "vm" / "x.c").write_text(text)
    assert layering.check_tree(tmp_path) == []


def compile_c(path, text, *flags):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_suffix(".c").write_text(text)
    subprocess.run([CROSS + "gcc", "-march=rv64imac_zicsr_zifencei", "-mabi=lp64", "-O2",
                    *flags, "-c", path.with_suffix(".c"), "-o", path], check=True)


@pytest.mark.parametrize("instruction", [
    "csrr a0, sstatus", "csrwi sscratch, 0", "rdtime a0", "sret", "wfi", "sfence.vma", "ecall",
])
def test_privileged_instruction_in_an_object_is_rejected(tmp_path, instruction):
    compile_c(tmp_path / "x.o", f'void f(void) {{ asm volatile("{instruction}"); }}')
    (violation,) = layering.check_objects(CROSS, tmp_path)
    assert "x.o: f contains" in violation


def test_plain_object_is_accepted_and_an_empty_one_is_not(tmp_path):
    source = "int f(int *a) { return __atomic_add_fetch(a, 1, __ATOMIC_SEQ_CST); }"
    compile_c(tmp_path / "x.o", source)
    assert layering.check_objects(CROSS, tmp_path) == []
    compile_c(tmp_path / "y.o", source, "-flto", "-fno-fat-lto-objects")
    (violation,) = layering.check_objects(CROSS, tmp_path)
    assert "y.o: has no machine code" in violation


def test_thread_pointer_is_for_assembly_only(tmp_path):
    compile_c(tmp_path / "tls.o", "_Thread_local int x; int f(void) { return x; }",
              "-ftls-model=local-exec")
    (tmp_path / "trap.s").write_text(".globl trap\ntrap:\n sd tp, 32(sp)\n sd gp, 24(sp)\n ret\n")
    subprocess.run([CROSS + "gcc", "-march=rv64imac", "-mabi=lp64", "-c", tmp_path / "trap.s",
                    "-o", tmp_path / "trap.o"], check=True)
    subprocess.run([CROSS + "ld", "-e", "trap", "-o", tmp_path / "image", tmp_path / "tls.o",
                    tmp_path / "trap.o"], check=True)
    (violation,) = layering.check_image(CROSS, tmp_path / "image", [tmp_path / "trap.o"])
    assert ": f uses gp or tp" in violation


def test_objects_of_this_build_are_clean():
    objects = hartwood.OUT / "obj" / "hyp"
    if not list(pathlib.Path(objects).rglob("*.o")):
        pytest.skip("hyp/ has not been built for the target")
    assert layering.check_objects(CROSS, objects) == []
