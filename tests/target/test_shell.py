# SPDX-License-Identifier: BSD-2-Clause
"""The hypervisor's shell: what it shows, and VMs handled by it while others run."""

import re
import time

import pytest

import hartwood

from test_linux import SHORTER, output, to_shell as to_linux
from test_many import hopeless, lasting, quick

COLUMNS = 79
ESC = hartwood.ESCAPE


def beating(name, **more):
    """A line for each ten beats of ten milliseconds."""
    return {"name": name, "guest": "heartbeat", "bootargs": "period_us=10000 report=10",
            "memory": 16 << 20, **more}


def shell_machine(boot, path, vms, smp=2, **machine):
    """A machine with its shell in focus."""
    machine.setdefault("mem", "512M")
    running = boot(bundle=hartwood.bundle_of(path, vms), smp=smp, lifetime=170, timeout=40,
                   **machine)
    # Before the first VM has started the line may not be listened to yet.
    running.expect_exact(": started ")
    running.to_shell()
    return running


def state(machine, name):
    return machine.vms()[name]["state"]


def reach(machine, name, want):
    machine.until(lambda: state(machine, name) == want, f"{name} {want}")


# ---- what it shows ------------------------------------------------------------------------------


def test_every_command_answers_within_80_columns(boot, bundle_path):
    machine = shell_machine(boot, bundle_path(), [
        beating("web"), beating("a-rather-long-name-for-a-vm", cpus=2, shares=300, quota=50),
        lasting("rt", rt_budget=100, rt_period=1000, harts=[0]),
        quick("off-for-now", autostart="no", restart="on-failure", depends=["web"])])
    listed = [line.strip() for line in machine.shell("help") if line.startswith("  ")]
    assert len(listed) >= 18, listed
    examples = []
    for usage in listed:
        words = re.match(r"[a-z]+(?: [a-z]+)?", usage).group().split()
        said = machine.shell("help " + words[0])
        assert any("for example: " in line for line in said), said
        examples += [line.split("for example: ", 1)[1] for line in said if "for example: " in line]
    # Those that would change what is being shown are tried by other tests.
    safe = [line for line in dict.fromkeys(examples)
            if not re.match(r"(shutdown|reboot|console|clear|top|vm (stop|reset))\b", line)]
    assert len(safe) >= 10, safe
    for line in safe + ["vcpu list", "bundle", "interrupts", "log 100"]:
        said = machine.shell(line)
        assert not any("is no command" in row or "there is something missing" in row
                       for row in said), f"{line}: {said}"
        # What may be said by silence is said so by the state.
        if not line.startswith(("vm ", "trace", "profile", "log")):
            assert said, f"{line} says nothing"
    long = [line for line in hartwood.render(machine.text().split("hartwood: web: started", 1)[1])
            if len(line) > COLUMNS]
    # Messages are as long as they are, and so are reports of the guest that was in focus.
    assert not [line for line in long if not line.startswith(("hartwood: ", "beat "))], long


def test_tables_tell_the_truth(boot, bundle_path):
    machine = shell_machine(boot, bundle_path(), [
        lasting("one"), {"name": "busy", "guest": "share", "cpus": 2, "memory": 32 << 20},
        quick("never", autostart="no")])
    vms = machine.vms()
    assert {name: (row["state"], row["cpus"]) for name, row in vms.items()} == {
        "one": ("running", "1"), "busy": ("running", "2"), "never": ("off", "1")}
    vcpus = machine.vcpus()
    assert set(vcpus) == {"one/0", "busy/0", "busy/1", "never/0"}
    assert vcpus["never/0"]["state"] == "off"
    assert len(machine.vcpus("busy")) == 2
    assert len(hartwood.table(machine.shell("harts"), "hart id idle runs")) == 2
    said = machine.shell("bundle busy")
    assert said[0] == "busy: 2 vCPUs, 32 MiB" and "  kernel       share" in said


def test_top_shows_who_is_busy_until_a_key_is_pressed(boot, bundle_path):
    machine = shell_machine(boot, bundle_path(), [
        lasting("calm"), {"name": "busy", "guest": "share", "memory": 16 << 20}])
    machine.sendline("top")
    for _ in range(3):
        machine.expect(r"busy +running +1 +(\d+)\.\d% ")
        machine.expect_exact("any key ends it")
    assert int(machine.expect(r"busy +running +1 +(\d+)\.\d% ").group(1)) > 25
    machine.send("q")
    machine.expect(hartwood.SHELL_EMPTY)
    assert state(machine, "calm") == "running"


def test_mistakes_are_told(boot, bundle_path):
    machine = shell_machine(boot, bundle_path(), [lasting("one"), quick("two", autostart="no")])
    for line, answer in (
            ("vm", "after \"vm\" comes one of:"), ("vm lits", "did you mean \"vm list\"?"),
            ("qwertz", "is no command"), ("vm stop", "there is something missing"),
            ("vm stop one two", "that is too much"), ("vm start nobody", "there is no VM \"nobody\""),
            ("vm start one", "one is running: it cannot be started"),
            ("vm stop two", "two is off: it cannot be stopped"),
            ("vm pause two", "two is off: it cannot be paused"),
            ("vm resume one", "one is running: it cannot be resumed"), ("log x", "is no number")):
        said = "\n".join(machine.shell(line))
        assert answer in said, f"{line}: {said}"


def test_lines_can_be_edited_completed_and_repeated(boot, bundle_path):
    machine = shell_machine(boot, bundle_path(), [lasting("alpha"), lasting("beta")])
    machine.send("vm pauze alpha\x1b[D\x1b[D\x1b[D\x1b[D\x1b[D\x1b[D\x1b[D\x7f")
    machine.send("s\r")
    machine.expect(hartwood.SHELL_EMPTY)
    reach(machine, "alpha", "paused")
    machine.send("vm res")
    machine.send("u\tal\t\r")
    machine.expect(hartwood.SHELL_EMPTY)
    reach(machine, "alpha", "running")
    machine.shell("version")
    machine.send("\x1b[A\r")
    machine.expect(hartwood.SHELL_EMPTY)
    assert machine.text().count("\nHartwood, ") == 2, machine.tail()


# ---- lives of VMs -------------------------------------------------------------------------------


def test_vms_live_and_die_by_the_shell_while_others_run(boot, bundle_path):
    machine = shell_machine(boot, bundle_path(), [
        beating("web"), quick("spare", autostart="no"), lasting("other", cpus=2),
        lasting("needy", autostart="no", depends=["spare-base"]),
        lasting("spare-base", autostart="no")])
    assert state(machine, "spare") == "off"
    machine.shell("vm start spare")
    machine.until(lambda: machine.vms()["spare"].get("end") == "the guest shut down", "spare off")
    machine.shell("vm start needy")
    reach(machine, "needy", "running")
    assert state(machine, "spare-base") == "running"
    machine.shell("vm pause other")
    reach(machine, "other", "paused")
    assert all(row["state"] == "paused" or row["state"] == "off"
               for row in machine.vcpus("other").values())
    machine.shell("vm resume other")
    reach(machine, "other", "running")
    machine.shell("vm stop other")
    reach(machine, "other", "off")
    assert machine.vms()["other"]["end"] == "by the operator"
    starts = machine.text().count("web: started")
    machine.shell("vm reset web")
    # Its console still shows what it said before.
    machine.until(lambda: state(machine, "web") == "running" and
                  machine.text().count("web: started") > starts, "web anew")
    machine.focus("0", "web")
    # It begins anew, and from then on misses nothing for having company.
    machine.expect_exact("heartbeat: every 10000 us")
    machine.expect(r"beat 10: missed")
    machine.to_shell()
    machine.shell("vm pause web")
    reach(machine, "web", "paused")
    machine.shell("vm reset web")
    reach(machine, "web", "running")
    machine.shell("vm pause web")
    reach(machine, "web", "paused")
    machine.shell("vm stop web")
    reach(machine, "web", "off")


@pytest.mark.parametrize("smp", [1, 2])
def test_memory_comes_back_whole(boot, bundle_path, smp):
    """VMs of one and of many vCPUs, stopped at any point of their lives."""
    machine = shell_machine(boot, bundle_path(), [
        lasting("keeper"), quick("quick", autostart="no"),
        {"name": "many", "guest": "share", "cpus": 4, "memory": 64 << 20, "autostart": "no"},
        lasting("pinned", autostart="no", memory=48 << 20, memory_pinned=True),
        hopeless("hopeless", autostart="no")], smp=smp)
    names = ("quick", "many", "pinned", "hopeless")

    def all_off():
        vms = machine.vms()
        for name in names:
            if vms[name]["state"] == "running":
                machine.shell(f"vm stop {name}")
        return all(vms[name]["state"] == "off" for name in names)

    free = None
    for count in range(20):
        for name in names:
            machine.shell(f"vm start {name}")
        for name in names[:count % 5]:
            machine.shell(("vm stop ", "vm reset ", "vm pause ")[count % 3] + name)
        for name in names:
            machine.shell(f"vm stop {name}")
        machine.until(all_off, f"all off in round {count}")
        # What the keeper touches it has touched by now; tables of a first life may stay.
        if count == 2:
            free = machine.free_kib()
    assert machine.free_kib() == free
    assert state(machine, "keeper") == "running"


def test_vm_that_dies_says_why_in_one_line(boot, bundle_path):
    machine = shell_machine(boot, bundle_path(), [
        lasting("keeper"), hopeless("hopeless", autostart="no"),
        hopeless("again", autostart="no", bootargs="hang-satp")])
    for name in ("hopeless", "again"):
        machine.shell(f"vm start {name}")
        machine.until(lambda: machine.vms()[name]["state"] == "off" and
                      "end" in machine.vms()[name], f"{name} off")
        lines = re.findall(rf"hartwood: {name}: stopped: (\S[^\r]*)\r?\n", machine.text())
        assert len(lines) == 1, machine.tail()
        # The table has as much of it as fits.
        assert machine.vms()[name]["end"].rstrip("~")[:20] == lines[0][:20]


def test_machine_stays_on_for_the_shell_and_goes_off_by_it(boot, bundle_path):
    machine = shell_machine(boot, bundle_path(), [lasting("one"), lasting("two")])
    for name in ("one", "two"):
        machine.shell(f"vm stop {name}")
        reach(machine, name, "off")
    machine.shell("vm start two")
    reach(machine, "two", "running")
    machine.sendline("shutdown now")
    assert machine.wait_end(30) == 0


def test_shell_comes_first_where_no_vm_starts_by_itself(boot, bundle_path):
    blob = hartwood.bundle_of(bundle_path(), [quick("one", autostart="no")])
    machine = boot(bundle=blob, smp=1, mem="256M", lifetime=60)
    machine.expect(hartwood.SHELL_EMPTY)
    machine.shell("vm start one")
    machine.until(lambda: machine.vms()["one"].get("end") == "the guest shut down", "off")


# ---- pause --------------------------------------------------------------------------------------


def test_pause_keeps_a_bare_guests_clock_still(boot, bundle_path):
    """Its clock would be two seconds on after each pause, and 200 beats missed. It may miss a few
    for want of time on a busy host."""
    machine = shell_machine(boot, bundle_path(), [
        {**beating("beat"), "bootargs": "period_us=10000 report=100"}])
    for _ in range(5):
        machine.shell("vm pause beat")
        reach(machine, "beat", "paused")
        time.sleep(2)
        machine.shell("vm resume beat")
        reach(machine, "beat", "running")
    machine.focus("0", "beat")
    for _ in range(3):
        machine.expect(r"beat \d+: missed")
    reports = re.findall(r"beat (\d+): missed (\d+)", machine.text())
    assert len(reports) >= 3 and all(int(missed) < 100 for _, missed in reports), reports


def test_pause_keeps_linux_clock_still(boot, bundle_path):
    """What the pause has taken for certain is missing from the guest's time."""
    machine = boot(bundle=hartwood.linux_bundle(bundle_path(), bootargs=SHORTER, cpus=2,
                                                memory=128 << 20), smp=2, lifetime=170)
    to_linux(machine, 100)

    def uptime():
        return float(output(machine, "cut -d' ' -f1 /proc/uptime"))

    began, first = time.monotonic(), uptime()
    machine.to_shell()
    machine.shell("vm pause guest")
    reach(machine, "guest", "paused")
    paused = time.monotonic()
    time.sleep(4)
    paused = time.monotonic() - paused
    machine.shell("vm resume guest")
    machine.focus("0", "guest")
    last, ended = uptime(), time.monotonic()
    assert 0 <= last - first <= ended - began - paused + 0.05
    log = output(machine, "dmesg")
    assert "self-detected stall" not in log and "Marking clocksource" not in log, log
