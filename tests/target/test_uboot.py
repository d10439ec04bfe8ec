# SPDX-License-Identifier: BSD-2-Clause
"""Debian's U-Boot for QEMU virt, the S-mode build, unmodified."""

import hartwood

PROMPT = "=> "


def to_prompt(machine):
    machine.expect(r"U-Boot 20\d\d", 60)
    machine.expect("Hit any key", 60)
    machine.send(" ")
    machine.expect_exact(PROMPT, 60)


def uboot(boot):
    return boot(bundle=hartwood.BUILD / "uboot.dtb", smp=1, lifetime=150)


def test_uboot_answers_at_its_prompt_and_powers_off(boot):
    machine = uboot(boot)
    to_prompt(machine)
    machine.sendline("echo $((6 * 7)) and some")
    machine.expect("and some", 20)
    machine.sendline("bdinfo")
    machine.expect(r"DRAM bank\s*= 0x0*\s", 20)
    machine.expect(r"-> start\s*= 0x0*80000000", 20)
    machine.expect(r"-> size\s*= 0x0*10000000", 20)
    machine.expect_exact(PROMPT, 20)
    machine.sendline("sbi")
    machine.expect("SBI 2.0", 20)
    machine.expect_exact(PROMPT, 20)
    machine.sendline("poweroff")
    machine.expect("all virtual machines are off", 20)
    assert machine.wait_end(20) == 0


def test_uboot_resets_and_comes_back(boot):
    machine = uboot(boot)
    for _ in range(3):
        to_prompt(machine)
        machine.sendline("reset")
    to_prompt(machine)
