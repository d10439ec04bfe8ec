# SPDX-License-Identifier: BSD-2-Clause
"""One line for several VMs: whose it is, what the keys behind the escape key do, and that bytes come
through as they are."""

import re

import pytest

import hartwood

from test_linux import PROMPT, SHORTER, at_prompt, output, to_shell as to_linux

ESC = hartwood.ESCAPE


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    """Linux and two that report ten times a second, on 2 harts. If it gets lost, so do the tests
    after; each leaves Linux in focus, at its prompt."""
    beats = {"guest": "heartbeat", "bootargs": "period_us=10000 report=10", "memory": 16 << 20}
    path = tmp_path_factory.mktemp("console") / "three.dtb"
    blob = hartwood.bundle_of(path, [
        {"name": "linux", "guest": "linux", "cpus": 1, "memory": 128 << 20,
         "bootargs": "console=ttyS0 " + SHORTER},
        {"name": "alpha", **beats}, {"name": "beta", **beats}])
    with hartwood.Machine("console-three", bundle=blob, smp=2, timeout=20, lifetime=400) as machine:
        to_linux(machine)
        yield machine
    blob.unlink()


one_machine = pytest.mark.xdist_group("console-three")


def home(machine):
    """Linux in focus, at a prompt."""
    machine.send(ESC + "0")
    machine.expect(r"\[linux\]|\[it is in focus already\]")
    at_prompt(machine)


@one_machine
def test_keys_move_the_focus(three):
    for key, name in (("n", "alpha"), ("n", "beta"), ("n", "linux"), ("p", "beta"), ("p", "alpha"),
                      ("2", "beta"), ("0", "linux"), ("1", "alpha")):
        three.focus(key, name)
    three.expect(r"beat \d+: missed")
    three.send(ESC + "7")
    three.expect_exact("[there is no such VM]")
    three.send(ESC + "0")
    three.expect_exact("[linux]")
    three.send(ESC + "%")
    three.expect_exact("[no such key here; ? for help]")
    home(three)


@one_machine
def test_only_who_is_in_focus_is_shown_and_typed_at(three):
    home(three)
    assert "beat" not in output(three, "sleep 1; echo quiet")
    three.focus("1", "alpha")
    three.sendline("this-is-for-alpha")
    three.expect(r"beat \d+: missed")
    three.focus("0", "linux")
    assert output(three, "echo calm") == "calm"
    assert "this-is-for-alpha" not in three.child.before


@one_machine
def test_output_of_a_vm_out_of_focus_waits_for_it(three):
    home(three)
    # The mark is written in two parts, so that the echo of the line does not have it.
    three.sendline("sleep 1; seq 100001 100400; echo the''-end")
    three.focus("2", "beta")
    for _ in range(30):
        three.expect(r"beat \d+: missed")
    three.focus("0", "linux")
    three.expect_exact("the-end")
    shown = re.findall(r"^(1\d{5})\r?$", three.child.before, re.M)
    assert shown == [str(n) for n in range(100001, 100401)]
    three.expect_exact(PROMPT)


@one_machine
def test_log_is_shown_again_from_the_start_of_a_line(three):
    home(three)
    want = output(three, "seq 200001 200040")
    three.focus("1", "alpha")
    three.focus("0", "linux")
    three.send(ESC + "l")
    three.expect_exact("[its log]")
    three.expect_exact("\n200040\r\n")
    assert want in (three.child.before + "\n200040").replace("\r", "")
    home(three)


@one_machine
def test_every_byte_that_is_typed_arrives(three):
    """Those of the escape key and of QEMU's own are typed twice."""
    home(three)
    three.sendline("stty raw -echo; echo rea''dy; dd bs=1 count=256 2>/dev/null | od -v -tx1 "
                   ">/tmp/bytes; stty sane")
    three.expect_exact("ready")
    typed = "".join(chr(n) for n in range(256))
    three.send(typed.replace(ESC, ESC + ESC).replace("\x01", "\x01\x01"))
    three.expect_exact(PROMPT)
    got = output(three, "cut -d' ' -f2- -s /tmp/bytes").split()
    assert got == [f"{n:02x}" for n in range(256)]


@one_machine
def test_every_byte_that_is_written_comes_out(three):
    home(three)
    three.sendline("for a in 0 1 2 3; do for b in 0 1 2 3 4 5 6 7; do for c in 0 1 2 3 4 5 6 7; do "
                   "printf \"\\\\$a$b$c\"; done; done; done >/tmp/all; wc -c /tmp/all; "
                   "stty -opost; printf 'beg''in'; cat /tmp/all; printf 'en''d'; stty opost")
    three.expect_exact("256 /tmp/all")
    three.expect_exact("begin")
    three.expect(r"end")
    assert three.child.before == "".join(chr(n) for n in range(256))
    home(three)


@one_machine
def test_view_of_all_has_a_name_before_each_line(three):
    home(three)
    three.focus("a", "all VMs")
    three.sendline("echo from''-linux")
    three.expect(r"linux +\|\S+ from-linux")
    for _ in range(2):
        for name in ("alpha", "beta"):
            three.expect(rf"{name} +\|\S+ beat \d+: missed")
    three.send(ESC + "a")
    three.expect_exact("[linux]")
    home(three)


@one_machine
def test_flood_is_lost_on_nobody_but_its_vm(three):
    """Out of focus it only runs over; in the view of all the others' lines come between; its own
    terminal can still end it."""
    home(three)
    three.sendline("yes 'a flood of text, line after line'")
    three.expect_exact("line after line\r\n")
    three.focus("1", "alpha")
    beats = [int(three.expect(r"beat (\d+): missed (\d+), worst [^\n]*\n").group(1))
             for _ in range(10)]
    assert beats == list(range(beats[0], beats[0] + 100, 10))
    three.focus("a", "all VMs")
    for _ in range(3):
        for name in ("alpha", "beta"):
            three.expect(rf"{name} +\|\S+ beat \d+: missed")
    three.focus("0", "linux")
    three.send("\x03")
    three.expect_exact("^C")
    three.expect_exact(PROMPT)
    assert output(three, "echo alive") == "alive"


# ---- settings -----------------------------------------------------------------------------------


def echo_pair(path, **settings):
    """Each prints what a line consists of that is typed at it."""
    vms = [{"name": name, "guest": "sbi", "bootargs": "dbcn-input", "memory": 16 << 20}
           for name in ("one", "two")]
    return hartwood.bundle_of(path, vms, **settings)


def test_bundle_chooses_the_escape_key(boot, bundle_path):
    machine = boot(bundle=echo_pair(bundle_path(), escape_key=0x14), smp=1, mem="256M", lifetime=60)
    machine.expect_exact("type a line")
    machine.send("\x14" + "1")
    machine.expect_exact("[two]")
    machine.expect_exact("type a line")
    machine.send(ESC + "n\x14\x14\r")
    machine.expect_exact("dbcn-input: 1d6e140d")


def test_bundle_may_have_no_escape_key(boot, bundle_path):
    machine = boot(bundle=echo_pair(bundle_path(), escape_key=0), smp=1, mem="256M", lifetime=60)
    machine.expect_exact("type a line")
    machine.send(ESC + "n\r")
    machine.expect_exact("dbcn-input: 1d6e0d")
