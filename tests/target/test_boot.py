# SPDX-License-Identifier: BSD-2-Clause
"""From the firmware to the first guest: bundles with and without mistakes, and machines that are
described in other ways than QEMU's usual one."""

import re
import subprocess

import pytest

import hartwood

OFF = "hartwood: all virtual machines are off"


def lines_of(machine):
    """What the hypervisor says."""
    return [line.rstrip() for line in machine.text().splitlines() if line.startswith("hartwood: ")]


def run_to_end(boot, timeout=60, **machine):
    machine.setdefault("smp", 1)
    machine.setdefault("mem", "256M")
    running = boot(lifetime=timeout + 10, **machine)
    assert running.wait_end(timeout) == 0, running.tail()
    return running


def guest_bundle(path, *vms, guest="sbi"):
    """A bundle with one image, called "image". vms are what vm_source() gives."""
    return hartwood.compile_dts(
        hartwood.bundle_source([hartwood.image_source("image", hartwood.guest(guest))], list(vms)),
        path)


def quick(name="quick", **vm):
    """A VM that checks a few calls and is off again."""
    return hartwood.vm_source(name, "image", bootargs="base", **vm)


def changed_tree(path, changes, source=lambda text: text, **machine):
    """QEMU's device tree after source() and then `changes`: (node, property, strings or cells)."""
    hartwood.compile_dts(source(hartwood.device_tree(**machine)), path)
    for node, name, values in changes:
        kind = "s" if isinstance(values[0], str) else "x"
        subprocess.run(["fdtput", "-t", kind, str(path), node, name,
                        *(value if kind == "s" else f"{value:x}" for value in values)], check=True)
    return path


def started(name):
    return re.compile(rf"hartwood: {name}: started \d+ ticks after the machine")


def assert_guest_ran(machine, name="quick"):
    text = machine.text()
    assert started(name).search(text), machine.tail()
    assert "not ok" not in text and re.search(r"^done [1-9]\d* 0\r?$", text, re.M), machine.tail()
    assert f"hartwood: {name}: off: the guest shut down" in text, machine.tail()


# ---- bundles ----------------------------------------------------------------------------------


def test_no_bundle_is_told(boot):
    machine = run_to_end(boot)
    assert "hartwood: error: no VM bundle: the loader passed no initrd" in lines_of(machine)
    assert lines_of(machine)[-1] == OFF


@pytest.mark.parametrize("damage,message", [
    (lambda blob: blob[:len(blob) // 2], "the blob is truncated"),
    (lambda blob: blob[:20], "the blob is"),
    (lambda blob: b"no device tree at all" * 100, "the blob is not a flattened device tree"),
    (lambda blob: blob[:56] + bytes(len(blob) - 56), "the blob"),
], ids=["truncated", "header only", "something else", "zeros"])
def test_damaged_bundle_is_told(boot, bundle_path, damage, message):
    path = guest_bundle(bundle_path(), quick())
    path.write_bytes(damage(path.read_bytes()))
    machine = run_to_end(boot, bundle=path)
    errors = [line for line in lines_of(machine) if line.startswith("hartwood: error: bundle: ")]
    assert len(errors) == 1 and message in errors[0], machine.tail()
    assert lines_of(machine)[-1] == OFF


def test_mistakes_are_told_by_node_and_property_and_the_rest_starts(boot, bundle_path):
    source = hartwood.bundle_source(
        [hartwood.image_source("image", hartwood.guest("sbi")),
         'empty { type = "kernel"; compression = "none"; };\n',
         hartwood.image_source("packed", hartwood.guest("sbi")).replace('"none"', '"gzip"'),
         hartwood.image_source("disk", hartwood.guest("sbi"), kind="ramdisk")],
        [quick("first"),
         quick("none", cpus=0),
         quick("many", cpus=33),
         quick("uneven", memory=(64 << 20) + 1),
         quick("large", memory=1 << 40),
         quick("small", memory=1 << 20),
         hartwood.vm_source("lost", "nowhere"),
         hartwood.vm_source("wrong-type", "disk"),
         hartwood.vm_source("wrong-image", "packed"),
         hartwood.vm_source("no-data", "empty"),
         'bare { };\n',
         quick("second", more="memry = <1>;")])
    machine = run_to_end(boot, bundle=hartwood.compile_dts(source, bundle_path()), smp=2)
    said = "\n".join(lines_of(machine))
    for message in (
            r"error: bundle: /images/empty: .*data",
            r"error: bundle: /images/packed: .*compression",
            r"error: bundle: /vms/none: cpus = 0 ",
            r"error: bundle: /vms/many: cpus = 33 ",
            r"error: bundle: /vms/uneven: memory = 0x4000001 ",
            r"error: bundle: /vms/large: memory = 0x10000000000 ",
            r"error: bundle: /vms/small: (memory|kernel)",
            r"error: bundle: /vms/lost: kernel = \"nowhere\"",
            r"error: bundle: /vms/wrong-type: kernel = \"disk\"",
            r"error: bundle: /vms/wrong-image: kernel = \"packed\"",
            r"error: bundle: /vms/no-data: kernel = \"empty\"",
            r"error: bundle: /vms/bare: memory is missing",
            r"error: bundle: /vms/bare: kernel is missing",
            r"bundle: /vms/second: unknown property \"memry\" .* \"memory\""):
        assert re.search(message, said), f"{message}\n{said}"
    for name in ("first", "second"):
        assert f"hartwood: {name}: off: the guest shut down" in said, said
    assert len(started(r"\S+").findall(said)) == 2, said
    assert_guest_ran(machine, "first")


@pytest.mark.parametrize("smp", [1, 2, 4])
def test_several_vms_run_side_by_side(boot, bundle_path, smp):
    names = [f"vm{i}" for i in range(6)]
    path = guest_bundle(bundle_path(), *(quick(name, cpus=1 + i % 3, memory=16 << 20)
                                         for i, name in enumerate(names)))
    machine = run_to_end(boot, bundle=path, smp=smp)
    for name in names:
        assert started(name).search(machine.text())
        assert f"hartwood: {name}: off: the guest shut down" in machine.text(), machine.tail()
    assert_guest_ran(machine, "vm0")


def test_pinned_memory_is_there_from_the_start(boot, bundle_path):
    path = guest_bundle(bundle_path(), quick(memory=96 << 20, more="memory-pinned;"))
    assert_guest_ran(run_to_end(boot, bundle=path))


def test_memory_that_is_not_there_stops_one_vm_only(boot, bundle_path):
    path = guest_bundle(bundle_path(), quick("quick", memory=144 << 20, more="memory-pinned;"),
                        quick("late", memory=144 << 20, more="memory-pinned;"))
    machine = run_to_end(boot, bundle=path, smp=2)
    assert_guest_ran(machine)
    assert re.search(r"/vms/late: memory = 0x9000000 is more than the VMs before", machine.text())


def test_guest_of_32_vcpus(boot, bundle_path):
    blob = hartwood.bundle(bundle_path(), hartwood.guest("sbi"), cpus=32, bootargs="hsm ipi")
    machine = run_to_end(boot, bundle=blob, smp=2)
    assert_guest_ran(machine, "guest")


# ---- harts ------------------------------------------------------------------------------------


def test_hart_without_h_is_told_in_one_line(boot, bundle_path):
    machine = run_to_end(boot, bundle=guest_bundle(bundle_path(), quick()), cpu="rv64,h=off")
    lines = lines_of(machine)
    assert len(lines) == 1, lines
    assert re.fullmatch(r"hartwood: error: hart 0, which boots: .* H extension; "
                        r"the machine cannot be used", lines[0]), lines


def test_other_hart_without_h_stays_unused(boot, bundle_path, tmp_path):
    def without_h(source):
        before, after = re.split(r"(?=\bcpu@1 \{)", source)
        this, rest = re.split(r"(?=interrupt-controller)", after, maxsplit=1)
        assert "rv64imafdch_" in this
        return before + this.replace("rv64imafdch_", "rv64imafdc_").replace("h\\0", "", 1) + rest

    tree = changed_tree(tmp_path / "tree.dtb", [("/cpus/cpu@0", "status", ["okay"])], without_h,
                        smp=2, mem="256M")
    # Hart 1 must not be the one that boots: the firmware lets the first to come do that.
    for _ in range(5):
        machine = run_to_end(boot, bundle=guest_bundle(bundle_path(), quick(cpus=2)), smp=2,
                             dtb=tree)
        if "hart 1, which boots" not in machine.text():
            break
    assert any("error: hart 1 stays unused: " in line for line in lines_of(machine)), machine.tail()
    assert "hartwood: 1 of 2 harts, boot hart 0;" in machine.text()
    assert_guest_ran(machine)


@pytest.mark.parametrize("used,cpus", [((0, 3), 3), ((1, 3), 2), ((2,), 1), ((3, 5, 6), 4)],
                         ids=lambda value: "-".join(map(str, value))
                         if isinstance(value, tuple) else None)
def test_hart_ids_with_gaps_and_another_boot_hart(boot, bundle_path, tmp_path, used, cpus):
    """Harts that the tree says are disabled: the firmware leaves them alone too."""
    smp = max(used) + 1
    tree = changed_tree(tmp_path / "tree.dtb",
                        [(f"/cpus/cpu@{i}", "status", ["disabled"])
                         for i in range(smp) if i not in used],
                        smp=smp, mem="256M")
    blob = hartwood.bundle(bundle_path(), hartwood.guest("sbi"), cpus=cpus)
    machine = run_to_end(boot, bundle=blob, smp=smp, dtb=tree, timeout=120)
    match = re.search(r"hartwood: (\d+) of \d+ harts, boot hart (\d+);", machine.text())
    assert match and int(match.group(1)) == len(used) and int(match.group(2)) in used
    assert_guest_ran(machine, "guest")


# ---- the console ------------------------------------------------------------------------------


def echo_bundle(path):
    return hartwood.bundle(path, hartwood.guest("sbi"), bootargs="dbcn-input")


def check_echo(machine):
    machine.expect_exact("dbcn-input: type a line", 30)
    machine.sendline("knock knock")
    machine.expect_exact(f"dbcn-input: {b'knock knock'.hex()}0d", 30)
    assert machine.wait_end() == 0


def test_console_by_firmware_where_no_port_can_be_used(boot, bundle_path, tmp_path):
    """The firmware takes any status that begins like "okay", and has the port to itself."""
    tree = changed_tree(tmp_path / "tree.dtb",
                        [("/soc/serial@10000000", "status", ["okay-for-firmware"])],
                        smp=2, mem="256M")
    machine = boot(bundle=echo_bundle(bundle_path()), smp=2, mem="256M", dtb=tree, lifetime=60)
    check_echo(machine)


def test_console_without_interrupt_is_polled(boot, bundle_path, tmp_path):
    tree = tmp_path / "tree.dtb"
    changed_tree(tree, [], smp=2, mem="256M")
    for name in ("interrupts", "interrupt-parent"):
        subprocess.run(["fdtput", "-d", str(tree), "/soc/serial@10000000", name], check=True)
    machine = boot(bundle=echo_bundle(bundle_path()), smp=2, mem="256M", dtb=tree, lifetime=60)
    check_echo(machine)


def test_console_by_alias_with_options(boot, bundle_path, tmp_path):
    tree = changed_tree(tmp_path / "tree.dtb", [("/chosen", "stdout-path", ["serial0:115200n8"])],
                        smp=2, mem="256M")
    machine = boot(bundle=echo_bundle(bundle_path()), smp=2, mem="256M", dtb=tree, lifetime=60)
    check_echo(machine)


@pytest.mark.parametrize("machine_type", ["virt,aia=aplic", "virt,aia=aplic-imsic",
                                          "virt,aclint=on"])
def test_machine_with_other_interrupt_controllers_still_runs_guests(boot, bundle_path,
                                                                    machine_type):
    """Without a PLIC the console is polled, and guests still have their own."""
    machine = boot(bundle=echo_bundle(bundle_path()), smp=2, mem="256M", machine=machine_type,
                   lifetime=60)
    check_echo(machine)


# ---- memory -----------------------------------------------------------------------------------

PATTERN = bytes(range(255)) * 257  # 65,535 bytes: not a whole number of pages


def reserve(nodes, blocks):
    """Adds /reserved-memory nodes and entries of the reservation block to a source."""
    def change(source):
        # The port, the harts and the rest stay; firmware adds its own nodes later.
        text = ("reserved-memory { #address-cells = <2>; #size-cells = <2>; ranges;\n" +
                "".join(f"hold@{base:x} {{ reg = <0 {base:#x} 0 {size:#x}>; {more} }};\n"
                        for base, size, more in nodes) + "};\n")
        head, body = source.split("/ {", 1)
        assert "reserved-memory" not in body
        for base, size in blocks:
            head += f"/memreserve/ {base:#x} {size:#x};\n"
        return head + "/ {\n" + body.rstrip()[:-2] + text + "};\n"
    return change


def monitor(machine, line):
    """QEMU's own prompt, behind Ctrl-A c."""
    machine.send("\x01c")
    machine.expect_exact("(qemu) ")
    machine.sendline(line)
    machine.expect_exact("(qemu) ")
    machine.send("\x01c")


def test_reserved_memory_is_left_alone(boot, bundle_path, tmp_path):
    """A VM takes nearly all memory at once, zeroed; what is reserved in either way keeps what was
    there. The machine has 256 MiB at 0x80000000."""
    held = [0x84000000, 0x88001000, 0x89ffe000, 0x8a300000]
    tree = changed_tree(tmp_path / "tree.dtb", [],
                        reserve([(held[0], len(PATTERN), "no-map;"),
                                 (held[1], len(PATTERN), "")],
                                [(held[2], len(PATTERN)), (held[3], len(PATTERN))]),
                        smp=1, mem="256M")
    pattern = tmp_path / "pattern"
    pattern.write_bytes(PATTERN)
    free = 0x8b000000  # nobody's: the same pattern there must be gone
    loaders = [word for address in (*held, free) for word in hartwood.loader(pattern, address)]
    blob = hartwood.bundle(bundle_path(), hartwood.guest("sbi"), memory=220 << 20,
                           bootargs="dbcn-input", more="memory-pinned;")
    machine = boot(bundle=blob, smp=1, mem="256M", dtb=tree, args=loaders, lifetime=90)
    machine.expect_exact("dbcn-input: type a line", 60)
    for index, address in enumerate((*held, free)):
        monitor(machine, f'pmemsave {address:#x} {len(PATTERN)} "{tmp_path}/{index}.bin"')
    found = [(tmp_path / f"{index}.bin").read_bytes() for index in range(len(held) + 1)]
    assert [f"{address:#x}" for address, data in zip(held, found) if data != PATTERN] == []
    assert found[-1] != PATTERN
    machine.sendline("done")
    assert machine.wait_end() == 0


@pytest.mark.parametrize("mem", ["48M", "777M", "2500M", "6G"])
def test_device_tree_and_bundle_wherever_qemu_puts_them(boot, bundle_path, mem):
    """Their places follow the size of RAM; with 6 GiB, RAM goes beyond 32 bits."""
    machine = run_to_end(boot, bundle=guest_bundle(bundle_path(), quick(memory=16 << 20)), mem=mem)
    assert_guest_ran(machine)


def test_memory_in_several_nodes(boot, bundle_path):
    """Three of them; the VM needs more than any one holds."""
    numa = []
    for node, size in enumerate((192, 320, 128)):
        numa += ["-object", f"memory-backend-ram,id=ram{node},size={size}M",
                 "-numa", f"node,nodeid={node},memdev=ram{node},cpus={node}"]
    path = guest_bundle(bundle_path(), quick(memory=576 << 20, more="memory-pinned;"))
    machine = run_to_end(boot, bundle=path, smp=3, mem="640M", args=numa)
    assert_guest_ran(machine)
