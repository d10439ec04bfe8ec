# SPDX-License-Identifier: BSD-2-Clause
"""Firmware that lacks what it need not have, or refuses what it is asked, and harts that do not come
up. The calls of the hypervisor are answered in OpenSBI's place, at the ecall, through QEMU's gdb
stub; everything else is OpenSBI's own answer."""

import re
import time

import pytest

import gdbstub
import hartwood
from gdbstub import A0, PC
from test_boot import assert_guest_ran, changed_tree, guest_bundle, quick, run_to_end

BASE, TIME, IPI, HSM, SRST, DBCN = 0x10, 0x54494d45, 0x735049, 0x48534d, 0x53525354, 0x4442434e
LEGACY_SHUTDOWN = 8
PROBE = 3
FAILED, NOT_SUPPORTED, INVALID_PARAM, DENIED = -1, -2, -3, -4
OFF = "hartwood: all virtual machines are off"


@pytest.fixture(scope="module")
def image():
    return gdbstub.Image()


@pytest.fixture
def start(boot):
    """start(bundle=..., ...) gives (machine, stub) before the first instruction."""
    stubs = []

    def begin(**machine):
        stub = gdbstub.Stub()
        stubs.append(stub)
        machine.setdefault("mem", "256M")
        args = [*stub.arguments, *machine.pop("args", ())]
        running = boot(args=args, lifetime=120, **machine)
        stub.connect()
        return running, stub

    yield begin
    for stub in stubs:
        stub.close()


def without(*extensions):
    """The firmware says that it has none of these."""
    def rule(_, eid, fid, a0):
        return (0, 0) if (eid, fid) == (BASE, PROBE) and a0 in extensions else None
    return rule


def failing(eid, error, fid=None):
    def rule(_, asked, function, __):
        return (error, 0) if asked == eid and fid in (None, function) else None
    return rule


def until(rule, enough):
    """The same, up to the first call that enough(eid, fid) is true for."""
    def both(hart, eid, fid, a0):
        return "enough" if enough(eid, fid) else rule(hart, eid, fid, a0)
    return both


def two_vms(path, **second):
    return guest_bundle(path, quick("first", cpus=2), quick("second", **second))


def assert_both_ran(machine):
    for name in ("first", "second"):
        assert f"hartwood: {name}: off: the guest shut down" in machine.text(), machine.tail()
    assert "not ok" not in machine.text()
    assert OFF in machine.text()


# ---- extensions that are not there, and calls that fail --------------------------------------


@pytest.mark.parametrize("missing,word", [(HSM, "HSM"), (IPI, "IPI")], ids=["HSM", "IPI"])
def test_without_hsm_or_ipi_one_hart_is_used(start, bundle_path, image, missing, word):
    machine, stub = start(bundle=two_vms(bundle_path()), smp=2)
    stub.answer_firmware(image, without(missing))
    machine.wait_end()
    assert re.search(rf"error: the firmware has no SBI {word}: only hart \d is used",
                     machine.text()), machine.tail()
    assert_both_ran(machine)


@pytest.mark.parametrize("cpu", ["rv64", "rv64,sstc=off"])
def test_without_any_extension_the_legacy_calls_do(start, bundle_path, image, cpu):
    """As with firmware of SBI 0.1: not even the base extension."""
    machine, stub = start(bundle=two_vms(bundle_path()), smp=1, cpu=cpu)
    stub.answer_firmware(image, until(failing(BASE, NOT_SUPPORTED), lambda eid, _: eid != BASE))
    stub.resume()
    machine.wait_end()
    assert_both_ran(machine)


def test_firmware_that_cannot_end_the_machine_is_told_and_all_harts_stop(start, bundle_path, image):
    bundle = guest_bundle(bundle_path(), quick("first"))
    machine, stub = start(bundle=bundle, smp=2)
    asked = []

    def rule(_, eid, fid, a0):
        if eid not in (SRST, LEGACY_SHUTDOWN):
            return None
        asked.append((eid, fid, a0))
        return (NOT_SUPPORTED, 0, "last") if eid == LEGACY_SHUTDOWN else (NOT_SUPPORTED, 0)

    stub.answer_firmware(image, rule)
    stub.resume()
    assert asked == [(SRST, 0, 0), (LEGACY_SHUTDOWN, 0, 0)]
    machine.expect_exact("hartwood: the firmware cannot end the machine; it stops here")
    assert_harts_rest(stub, image, 2)


def assert_harts_rest(stub, image, count):
    """Each is soon in hart_park() or at park, with all interrupts off, and stays there."""
    def places():
        stub.interrupt()
        found = [image.functions_at(stub.read(hart, PC) - gdbstub.LOADED_AT)
                 for hart in range(count)]
        stub.resume()
        return found

    def at_rest(found):
        return all({"hart_park", "park"} & set(names) for names in found)

    end = time.monotonic() + 10
    while not at_rest(found := places()):
        assert time.monotonic() < end, found
        time.sleep(0.1)
    time.sleep(0.5)
    assert at_rest(found := places()), found


def test_fault_stops_all_harts_where_the_firmware_cannot_end_the_machine(start, bundle_path, image):
    """A guest that computes on each hart goes on no more."""
    vms = [hartwood.vm_source(f"vm{i}", "image", bootargs="spin quiet", harts=i) for i in range(3)]
    path = hartwood.compile_dts(hartwood.bundle_source(
        [hartwood.image_source("image", hartwood.guest("switch"))], vms), bundle_path())
    machine, stub = start(bundle=path, smp=3)
    stub.resume()
    for _ in range(3):
        machine.expect(r"vm\d: started")
    stub.interrupt()
    # A key brings one of the harts into the hypervisor.
    stub.stop_at(image.address("console_receive"))
    stub.resume()
    machine.send("x")
    hart = stub.wait_stop()
    stub.stop_no_more_at(image.address("console_receive"))
    stub.call(hart, image.address("memset"), 8, 0x5a, 1)
    stub.answer_firmware(image, lambda _, eid, *__: (FAILED, 0, "last") if eid == LEGACY_SHUTDOWN
                         else (FAILED, 0) if eid == SRST else None)
    stub.resume()
    machine.expect_exact("hartwood: the machine stops here")
    assert_harts_rest(stub, image, 3)


@pytest.mark.parametrize("cpu,eid,call", [("rv64", IPI, "send_ipi"),
                                          ("rv64,sstc=off", TIME, "set_timer")],
                         ids=["IPI", "TIME"])
def test_firmware_that_fails_at_what_nothing_goes_on_without_is_told(start, bundle_path, image, cpu,
                                                                     eid, call):
    machine, stub = start(bundle=two_vms(bundle_path()), smp=2, cpu=cpu)
    stub.answer_firmware(image, failing(eid, DENIED))
    machine.wait_end()
    text = machine.text()
    assert text.count("hartwood: fatal: ") == 1, machine.tail()
    assert f"the firmware fails at {call} (SBI error {DENIED})" in text, machine.tail()
    assert "hartwood: the machine stops here" in text


def test_console_that_the_firmware_refuses_holds_up_no_vm(start, bundle_path, image, tmp_path):
    """There is no port but the firmware's, and nothing that is written to it comes through."""
    tree = changed_tree(tmp_path / "tree.dtb",
                        [("/soc/serial@10000000", "status", ["okay-for-firmware"])],
                        smp=1, mem="256M")
    machine, stub = start(bundle=two_vms(bundle_path()), smp=1, dtb=tree)
    refused = []

    def rule(_, eid, fid, __):
        if (eid, fid) != (DBCN, 0):
            return None
        refused.append(fid)
        return FAILED, 0

    stub.answer_firmware(image.ecalls("uart_sbi_write"), rule)
    assert machine.wait_end() == 0
    assert len(refused) > 10 and "hartwood: " not in machine.text()


# ---- harts that do not come up ---------------------------------------------------------------


def bundle_with_own_harts(path):
    """"first" runs anywhere; the others each want a hart for themselves."""
    return guest_bundle(path, quick("first", cpus=2), quick("zero", harts=0),
                        quick("one", harts=1), quick("both", cpus=2, harts=[0, 1], dedicated=True))


def assert_ran_on_one_hart(machine, boot_hart):
    """The VM that may use the hart that is not there only is told by node and property."""
    other = 1 - boot_hart
    text = machine.text().replace("\r", "")
    for name, hart in (("zero", 0), ("one", 1), ("both", other)):
        refused = re.search(rf"error: bundle: /vms/{name}: harts: no hart in use has the id {other}", text)
        assert (refused is None) == (name != "both" and hart == boot_hart), machine.tail()
    assert "hartwood: 1 of 2 harts, boot hart" in text
    assert "hartwood: first: off: the guest shut down" in text
    assert "not ok" not in text and OFF in text


def test_hart_that_the_firmware_does_not_start_stays_unused(start, bundle_path, image):
    machine, stub = start(bundle=bundle_with_own_harts(bundle_path()), smp=2)
    boot_harts = []

    def rule(hart, eid, fid, _):
        if (eid, fid) != (HSM, 0):
            return None
        boot_harts.append(hart)
        return INVALID_PARAM, 0

    stub.answer_firmware(image, rule)
    machine.wait_end()
    assert (f"hartwood: error: hart {1 - boot_harts[0]} stays unused: the firmware does not start "
            "it (SBI error -3)") in machine.text(), machine.tail()
    assert_ran_on_one_hart(machine, boot_harts[0])


@pytest.mark.parametrize("taken_back", [True, False], ids=["stops", "cannot stop"])
def test_hart_that_comes_too_late_stays_unused_and_touches_nothing(start, bundle_path, image,
                                                                   taken_back):
    """It is held at its first instruction of ours until the boot hart has given it up."""
    machine, stub = start(bundle=bundle_with_own_harts(bundle_path()), smp=2)
    late = stub.run_to(image.address("hart_main"))
    stub.resume([1 - late])
    machine.expect_exact(f"hartwood: error: hart {late} stays unused: it does not come up")
    machine.expect_exact("first: started")
    stub.interrupt()
    calls = []

    def rule(hart, eid, fid, _):
        calls.append((hart, eid, fid))
        return "enough" if hart == late else None

    stub.answer_firmware(image, rule)
    # All that it does is to go back to where it came from; and to wait, if it must not.
    assert [call for call in calls if call[0] == late] == [(late, HSM, 1)]
    if not taken_back:
        stub.write(late, A0, FAILED & (1 << 64) - 1)
        stub.write(late, PC, stub.read(late, PC) + 4)
        assert stub.run_to(image.address("hart_park")) == late
    stub.resume()
    machine.wait_end()
    assert_ran_on_one_hart(machine, 1 - late)


def test_hart_that_is_only_in_the_device_tree_stays_unused(boot, bundle_path, tmp_path):
    tree = changed_tree(tmp_path / "tree.dtb", [], smp=3, mem="256M")
    bundle = guest_bundle(bundle_path(), quick("quick", cpus=2), quick("lost", harts=2))
    machine = run_to_end(boot, bundle=bundle, smp=2, dtb=tree)
    assert re.search(r"error: hart 2 stays unused: (it does not come up|the firmware does not)",
                     machine.text()), machine.tail()
    assert re.search(r"error: bundle: /vms/lost: harts: no hart in use has the id 2", machine.text()), machine.tail()
    assert "hartwood: 2 of 3 harts" in machine.text()
    assert_guest_ran(machine)
