# SPDX-License-Identifier: BSD-2-Clause
"""The VT-x side of the comparison (tests/compare): its hypervisor boots in Bochs, each operation does in the guest what
it should, and the counts are the same each time and the same as the trace's. The guest checks the effects and the
driver the counts; here is that they do, and that neither would pass whatever happened."""

import json
import os
import platform
import shutil
import struct
import subprocess
import sys
import time

import pytest

import hartwood

COMPARE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "compare")
sys.path.insert(0, COMPARE)
import bochs  # noqa: E402
import hardware  # noqa: E402
import vtx  # noqa: E402
import vtx_trace as trace  # noqa: E402

IMAGE = hartwood.BUILD / "compare" / "vtx" / "vtx.bin"
pytestmark = [
    pytest.mark.skipif(platform.machine() != "x86_64", reason="the VT-x side is built by a compiler for x86-64"),
    pytest.mark.skipif(not shutil.which("bochs"), reason="bochs is not installed"),
    pytest.mark.xdist_group("bochs"),
    pytest.mark.once("the VT-x side"),
]


@pytest.fixture(scope="module")
def measured(vtx_run):
    """What one run of the driver writes."""
    return json.loads((vtx_run / "vtx.json").read_text())


def test_every_operation_is_measured_and_its_effect_verified(measured):
    assert sorted(measured["operations"]) == sorted(vtx.ONE_CPU + vtx.TWO_CPUS)
    for name, op in measured["operations"].items():
        assert op["n"] == 40 and op["host"] > 0, name
        assert 0 < op["min"] <= op["host"] / op["n"] <= op["max"], name


def test_the_clock_counts_instructions(measured):
    assert len(measured["selftest"]) >= 7
    assert all(check["counted"] == check["expected"] for check in measured["selftest"])


def test_the_light_path_moves_light_registers_only(measured):
    traced = measured["operations"]["hypercall"]["traced"]
    light = {"rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11"}
    assert set(traced["registers_saved"]) == light
    assert set(traced["registers_loaded"]) == light - {"rax"}   # that is the result
    assert traced["exits"] == {"18": 1} and traced["entries"] == 1
    assert "extended state" not in traced["memory"]


def test_extended_state_moves_only_between_vcpus(measured):
    for name, op in measured["operations"].items():
        switches = name in ("switch", "switch_msrs", "switch_fp", "first_entry", "move")
        assert ("extended state" in op["traced"]["memory"]) == switches, name
    plain, dirty = (measured["operations"][name]["traced"]["memory"]["extended state"]["store_bytes"]
                    for name in ("switch", "switch_fp"))
    assert dirty >= plain + 2 * 16 * 16   # the upper halves of sixteen registers, twice


# What each round is made of, as traced: exits by reason, and the instructions that stand for a step. One left out, as a
# VMCLEAR or an INVVPID of a vCPU that moves, would not show in an emulator's guest.
SWITCH = {"vmresume": 2, "vmptrld": 2, "xsaveopt": 2, "xrstor": 2}
STEPS = {
    "hypercall": ({"18": 1}, {"vmresume": 1}),
    "cpuid": ({"10": 1}, {"vmresume": 1}),
    "device_read": ({"48": 1}, {"vmresume": 1}),
    "page_zeroed": ({"48": 1}, {"vmresume": 1}),
    "page": ({"48": 1}, {"vmresume": 1}),
    "timer": ({"32": 2, "52": 1}, {"vmresume": 3}),
    "timer_due": ({"32": 2}, {"vmresume": 2}),
    "interrupt": ({"1": 1}, {"vmresume": 1}),
    "exception": ({"31": 1}, {"vmresume": 1}),
    "switch": ({"18": 2}, SWITCH),
    "switch_msrs": ({"18": 2}, SWITCH),
    "switch_fp": ({"18": 2}, SWITCH),
    "first_entry": ({}, {"vmlaunch": 1, "vmclear": 1, "vmptrld": 2, "invvpid": 1, "xrstor": 1}),
    "move": ({"18": 1}, {"vmlaunch": 1, "vmclear": 1, "vmptrld": 1, "invvpid": 1, "xsaveopt": 1, "xrstor": 1, "hlt": 1}),
}
SHOWN = ("vmlaunch", "vmresume", "vmptrld", "vmclear", "invvpid", "invept", "xsaveopt", "xrstor", "hlt")


def test_each_operation_consists_of_its_steps(measured):
    assert set(STEPS) == set(measured["operations"])
    for name, (exits, steps) in STEPS.items():
        traced = measured["operations"][name]["traced"]
        special = {key.removesuffix("64"): count for key, count in traced["special"].items()}
        assert traced["exits"] == exits, name
        assert {key: special[key] for key in SHOWN if key in special} == steps, name
    msrs = measured["operations"]["switch_msrs"]["traced"]["msrs"]
    assert {f"wrmsr {msr:#x}" for msr in (0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084, 0xc0000103)} <= set(msrs)
    move = measured["operations"]["move"]["traced"]
    assert move["msrs"]["wrmsr 0x830"] == 1   # the IPI
    assert move["vmwrites"] == {"host GS base": 1, "host TR selector": 1, "host TR base": 1, "RIP": 1}


def test_what_hardware_pushes_is_not_counted_as_software(measured):
    """The frame of an interrupt is five words; an exception with an error code has one more."""
    frames = {"timer": 40, "timer_due": 40, "exception": 48}
    for name, op in measured["operations"].items():
        assert op["traced"]["event_delivery"]["store_bytes"] == frames.get(name, 0), name


def test_a_second_run_counts_the_same(measured, tmp_path):
    for cpus, names in ((1, vtx.ONE_CPU), (2, vtx.TWO_CPUS)):
        text, _ = bochs.run(tmp_path / str(cpus), IMAGE, 40, cpus=cpus, timeout=100)
        vtx.check_ended(text, cpus)
        for name, values in vtx.read_results(text, names).items():
            assert values == {key: measured["operations"][name][key] for key in values}, name


def test_what_hardware_moves_follows_the_controls():
    """With no optional control, the fields that the SDM lists without a condition."""
    none = hardware.Hardware({0x4000: 0, 0x400c: 0, 0x4012: 0})
    assert none.exit(18)["host_loaded"]["bytes"] == 7 * 2 + 5 * 8 + 3 * 8 + 4 + 2 * 8 + 2 * 8
    saved = 8 * (2 + 8 + 4 + 4) + 2 * (8 + 4) + 3 * 8 + 4 + 2 * 8 + 3 * 8 + 4 + 4 + 8
    assert none.exit(18)["guest_saved"]["bytes"] == saved
    assert none.entry()["guest_loaded"]["bytes"] == saved
    timer = hardware.Hardware({0x4000: 1 << 6, 0x400c: 1 << 22, 0x4012: 0})
    assert timer.exit(52)["guest_saved"]["bytes"] == saved + 4
    assert timer.entry()["guest_loaded"]["bytes"] == saved + 4
    assert none.exit(48)["information"]["bytes"] > none.exit(18)["information"]["bytes"]


@pytest.mark.parametrize("model, lacking", [("ryzen", "VMX"), ("p4_prescott_celeron_336", "VMX"),
                                            ("corei5_lynnfield_750", "x2APIC")])
def test_a_cpu_that_lacks_what_is_needed_is_named_in_one_line(tmp_path, model, lacking):
    text, _ = bochs.run(tmp_path, IMAGE, 3, timeout=60, model=model)
    with pytest.raises(vtx.Failure, match=f"died: the CPU lacks {lacking}"):
        vtx.check_ended(text, "")


def test_cpus_that_are_not_used_stay_out_of_the_way(tmp_path):
    text, _ = bochs.run(tmp_path, IMAGE, 3, cpus=2, timeout=100, processors=4)
    vtx.check_ended(text, "")


def test_a_hypervisor_that_errs_fails_the_run(tmp_path):
    """The same image, but the version that the hypercall returns is another."""
    data = bytearray(IMAGE.read_bytes())
    symbols = trace.Symbols(IMAGE.with_suffix(".elf"), IMAGE.with_name("offsets.h"))
    load_address = 0x7c00
    start = symbols.start("exit_hypercall")
    end = symbols.starts[symbols.starts.index(start) + 1]
    at = data.index(b"\xb8" + struct.pack("<I", 0x00010000), start - load_address)   # mov $VERSION, %eax
    assert at < end - load_address
    data[at + 1] = 1
    wrong = tmp_path / "wrong.bin"
    wrong.write_bytes(data)
    text, _ = bochs.run(tmp_path / "run", wrong, 3, timeout=100)
    with pytest.raises(vtx.Failure, match="hypercall is 65537 and not 65536"):
        vtx.check_ended(text, "")


def children_of(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return [int(child) for child in file.read().split()]


def wait_until(condition, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.1)
    return False


def test_an_emulator_that_takes_too_long_is_ended(tmp_path):
    before = children_of(os.getpid())
    with pytest.raises(bochs.BochsError, match="did not end within 1 seconds"):
        bochs.run(tmp_path, IMAGE, 10000, timeout=1)
    assert children_of(os.getpid()) == before


def test_no_emulator_outlives_its_driver(tmp_path):
    with subprocess.Popen([sys.executable, "-B", os.path.join(COMPARE, "vtx.py"), "--build", str(hartwood.BUILD),
                           "--out", str(tmp_path), "--count", "10000"], cwd="/", stdout=subprocess.DEVNULL) as driver:
        try:
            # The image says something as soon as it runs; before, a child may be one that was asked for the version.
            assert wait_until((tmp_path / "run1" / "serial.log").exists)
            emulators = children_of(driver.pid)
        finally:
            driver.kill()
    assert len(emulators) == 1
    assert wait_until(lambda: not os.path.exists(f"/proc/{emulators[0]}"))
