# SPDX-License-Identifier: BSD-2-Clause
"""Debian's kernel with a busybox initramfs, to its shell and back, on many kinds of machines."""

import hashlib
import itertools
import random
import re
import threading
import time

import pytest

import hartwood

READY = "Hartwood guest: shell ready"
PROMPT = "guest# "

# vCPUs, harts, -cpu, Sstc. Any two columns together have all pairs of their values.
MATRIX = [
    (1, 1, "rv64", True),
    (1, 4, "max", False),
    (1, 4, "rva23s64", True),
    (2, 4, "rv64", False),
    (2, 1, "max", True),
    (2, 1, "rva23s64", False),
    (4, 4, "rv64", True),
    (4, 1, "max", False),
    (4, 1, "rva23s64", True),
    (8, 1, "rv64", False),
    (8, 4, "max", True),
    (8, 4, "rva23s64", False),
]

# Without what takes long under an emulator and has nothing to do with us: tests of the kernel's
# own, and page tables of more than three levels.
SHORTER = ("quiet no4lvl initcall_blacklist=jent_mod_init,load_system_certificate_list,"
           "crypto_algapi_init")


def start(boot, path, cpus=2, memory=256 << 20, bootargs="quiet", lifetime=280, commands=None,
          **machine):
    """A machine with one Linux VM."""
    blob = hartwood.linux_bundle(path, bootargs=bootargs, commands=commands, cpus=cpus,
                                 memory=memory)
    return boot(bundle=blob, lifetime=lifetime, timeout=60, **machine)


def to_shell(machine, timeout=200):
    machine.expect_exact(READY, timeout)
    machine.expect_exact(PROMPT)


def output(machine, line, timeout=60):
    """What a command prints; it must succeed."""
    text, status = machine.run(line, timeout)
    assert status == 0, f"{line}: status {status}\n{text}"
    return text.strip()


def check_cpus(machine, cpus):
    assert output(machine, "nproc") == str(cpus)


def check_echo(machine):
    text = "The quick brown fox jumps over 13 lazy dogs; 0123456789 ~!@#%^&*()_+-=[]{}|:,./<>?"
    assert output(machine, f"echo '{text}'") == text


def check_load(machine):
    """Processes that come and go, on all vCPUs at once, with a pipe between them."""
    line = ("n=0; while [ $n -lt 40 ]; do (echo $n | cat) & n=$((n+1)); done >/tmp/load; wait; "
            "sort -n /tmp/load | md5sum")
    want = hashlib.md5("".join(f"{n}\n" for n in range(40)).encode()).hexdigest()
    assert output(machine, line, 120).split()[0] == want


def check_time(machine):
    """A second of the guest's is one of ours: at least, as the emulator may be slow to come. The
    shell's own clock is the time CSR, read in U-mode."""
    began = time.monotonic()
    first, last = output(machine, "cut -d' ' -f1 /proc/uptime; sleep 1; cut -d' ' -f1 /proc/uptime"
                         ).split()
    ours = time.monotonic() - began
    assert 0.99 <= float(last) - float(first) <= ours + 0.1
    real = re.search(r"real\t0m +([\d.]+)s", output(machine, "time sleep 1"))
    assert float(real.group(1)) >= 1


def power_off(machine, name="guest"):
    """The last VM takes the machine with it."""
    machine.sendline("poweroff -f")
    assert machine.wait_end(60) == 0
    text = machine.text()
    assert f"hartwood: {name}: off: the guest shut down" in text, machine.tail()
    assert text.count("hartwood: all virtual machines are off") == 1, machine.tail()


def test_matrix_has_all_pairs():
    columns = list(zip(*MATRIX))
    for a, b in itertools.combinations(columns, 2):
        assert set(zip(a, b)) == set(itertools.product(set(a), set(b)))


@pytest.mark.parametrize("cpus,smp,cpu,sstc", MATRIX,
                         ids=[f"{c}on{h}-{cpu}-{'sstc' if s else 'sbi'}"
                              for c, h, cpu, s in MATRIX])
def test_boot(boot, bundle_path, cpus, smp, cpu, sstc):
    machine = start(boot, bundle_path(), cpus=cpus, smp=smp,
                    cpu=cpu if sstc else f"{cpu},sstc=off",
                    bootargs="quiet" if cpus <= 2 else SHORTER)
    to_shell(machine)
    check_cpus(machine, cpus)
    check_echo(machine)
    check_load(machine)
    check_time(machine)
    isa = output(machine, "grep -m1 '^isa' /proc/cpuinfo")
    assert ("_sstc" in isa) == sstc, isa
    power_off(machine)
    assert machine.text().count("Hartwood guest: Linux") == 1


def test_boot_of_the_image_at_another_address(boot, bundle_path, tmp_path):
    machine = start(boot, bundle_path(), cpus=2, smp=2, bootargs=SHORTER, mem="2G",
                    kernel=hartwood.elf_at(0x98600000, tmp_path / "hartwood.elf"))
    to_shell(machine)
    assert "image at 0x98600000" in machine.text()
    check_cpus(machine, 2)
    check_load(machine)
    power_off(machine)


def test_boot_with_several_memory_nodes_and_more_than_a_gigabyte(boot, bundle_path):
    """The VM needs RAM of both nodes; what is written all over its own is read back."""
    numa = []
    for node, harts in enumerate(("0", "1")):
        numa += ["-object", f"memory-backend-ram,id=ram{node},size=1536M",
                 "-numa", f"node,nodeid={node},memdev=ram{node},cpus={harts}"]
    machine = start(boot, bundle_path(), cpus=2, memory=2 << 30, bootargs=SHORTER, mem="3G",
                    args=numa)
    to_shell(machine)
    total = int(output(machine, "grep MemTotal /proc/meminfo").split()[1])
    assert 1900 << 10 < total < 2048 << 10
    output(machine, "mkdir /tmp/big; mount -t tmpfs -o size=1600m tmpfs /tmp/big")
    output(machine, "dd if=/dev/zero of=/tmp/big/file bs=1M count=1500", 200)
    # A mark in every 50 MiB, all written before any is read.
    output(machine, "n=0; while [ $n -lt 1500 ]; do echo mark-$n | dd of=/tmp/big/file bs=1M "
                    "seek=$n conv=notrunc 2>/dev/null; n=$((n+50)); done", 120)
    marks = output(machine, "n=0; while [ $n -lt 1500 ]; do dd if=/tmp/big/file bs=1M skip=$n "
                            "count=1 2>/dev/null | head -n 1; n=$((n+50)); done", 120)
    assert marks.split() == [f"mark-{n}" for n in range(0, 1500, 50)]
    power_off(machine)


@pytest.mark.parametrize("cpus,smp", [(1, 1), (2, 2)])
def test_reboots_twenty_times(boot, bundle_path, cpus, smp):
    machine = start(boot, bundle_path(), cpus=cpus, smp=smp, memory=128 << 20, bootargs=SHORTER,
                    commands=["reboot -f"], lifetime=590)
    for count in range(21):
        machine.expect(r"Hartwood guest: Linux [^\n]*, (\d+) CPUs", 120)
        assert machine.child.match.group(1) == str(cpus), f"boot {count}"
    assert "Kernel panic" not in machine.text()


# ---- one machine for what needs only a shell ------------------------------------------------


@pytest.fixture(scope="module")
def shell(tmp_path_factory):
    """Linux with 2 vCPUs on 2 harts, at its prompt. If it gets lost, so do the tests after."""
    blob = hartwood.linux_bundle(tmp_path_factory.mktemp("shell") / "linux.dtb", bootargs=SHORTER,
                                 cpus=2, memory=256 << 20)
    with hartwood.Machine("linux-shell", bundle=blob, smp=2, lifetime=500) as machine:
        to_shell(machine)
        yield machine
    blob.unlink()


one_machine = pytest.mark.xdist_group("linux-shell")


def at_prompt(machine):
    """After something that may have left output behind."""
    machine.sendline()
    output(machine, "true")


@one_machine
def test_long_paste_arrives_whole(shell):
    """As fast as the terminal takes it, by another thread, while the echo is read. Of the echo Linux
    itself drops what its buffer does not hold."""
    letters = random.Random(1)
    lines = ["".join(letters.choices("abcdefghijklmnopqrstuvwxyz0123456789 ", k=70))
             for _ in range(240)]
    text = "".join(line + "\n" for line in lines)
    at_prompt(shell)
    shell.sendline("cat >/tmp/paste; md5sum /tmp/paste")
    # Ctrl-D at the start of a line ends it.
    paste = threading.Thread(target=shell.send, args=(text + "\x04",), daemon=True)
    paste.start()
    match = shell.expect(r"([0-9a-f]{32})  /tmp/paste\r\n", 120)
    paste.join(10)
    assert not paste.is_alive()
    assert match.group(1) == hashlib.md5(text.encode()).hexdigest(), (
        output(shell, "wc /tmp/paste") + f", not {len(lines)} lines of 71")


@one_machine
def test_large_output_comes_out_whole(shell):
    at_prompt(shell)
    want = "\n".join(" ".join(str(n) for n in range(i, i + 25)) for i in range(100000, 114000, 25))
    lines = output(shell, "seq 100000 113999 | xargs -n 25", 120)
    assert lines == want


@one_machine
def test_ctrl_c_ends_the_command_in_front(shell):
    at_prompt(shell)
    shell.sendline("sleep 1000; echo slept $?")
    time.sleep(1)
    shell.send("\x03")
    shell.expect_exact("^C")
    assert output(shell, "echo alive") == "alive"


@one_machine
def test_ctrl_c_ends_a_flood(shell):
    at_prompt(shell)
    shell.sendline("yes 'a flood of text, line after line'")
    for _ in range(100):
        shell.expect_exact("line after line\r\n")
    shell.send("\x03")
    shell.expect_exact("^C", 60)
    shell.expect_exact(PROMPT, 60)
    assert output(shell, "echo alive") == "alive"


@one_machine
def test_cpu_goes_and_comes_back(shell):
    """Each time through HSM: stop by itself, start by the other."""
    at_prompt(shell)
    online = "/sys/devices/system/cpu/cpu1/online"
    for _ in range(2):
        output(shell, f"n=0; while [ $n -lt 10 ]; do echo 0 >{online} && echo 1 >{online} || "
                      "break; n=$((n+1)); done; [ $n = 10 ]", 120)
        assert output(shell, "nproc") == "2"
    output(shell, f"echo 0 >{online}")
    assert output(shell, "nproc") == "1"
    check_load(shell)
    output(shell, f"echo 1 >{online}")
    check_load(shell)


@one_machine
def test_both_vcpus_work_at_the_same_time(shell):
    """A pinned busy loop on each: both get on, and the shell too."""
    at_prompt(shell)
    output(shell, "for c in 1 2; do taskset $c sh -c 'n=0; while [ $n -lt 20000 ]; do n=$((n+1)); "
                  "done; cut -d\" \" -f39 /proc/self/stat >/tmp/on$c' & done; wait", 120)
    stat = output(shell, "grep -E '^cpu[01] ' /proc/stat | cut -d' ' -f2")
    assert all(int(ticks) > 0 for ticks in stat.split()), stat


@one_machine
def test_clock_keeps_time(shell):
    """Over some seconds, against ours."""
    at_prompt(shell)

    def uptime():
        return float(re.match(r"[\d.]+", output(shell, "cat /proc/uptime")).group())

    began, first = time.monotonic(), uptime()
    output(shell, "sleep 4")
    last, ended = uptime(), time.monotonic()
    assert 4 <= last - first <= ended - began + 0.1


@one_machine
def test_linux_complains_of_nothing(shell):
    """No oops, stall or unexpected trap in what the kernel said since its boot."""
    at_prompt(shell)
    log = output(shell, "dmesg")
    for word in ("Oops", "BUG", "WARNING", "rcu_sched", "self-detected stall", "unexpected",
                 "Call Trace", "hung", "overrun"):
        assert word not in log, log
    power_off(shell)
