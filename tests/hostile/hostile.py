# SPDX-License-Identifier: BSD-2-Clause
"""guests/hostile beside others who must not notice: `make hostile SEED= MINUTES=`.

Each seed is a machine of its own: the seed chooses the CPU model, how many vCPUs and how much
memory the hostile VM has, and which attacks; guests/heartbeat has hart 0 to itself, and a Linux VM
with memcheck in it shares the other two harts with the hostile one. After a number of beats the
hostile VM is stopped, and everything is looked at:

 - no beat has been missed but for TURN_LIMIT below, and the heart's hart has taken no interrupt for
   the others;
 - memcheck has found nothing wrong, and is still running;
 - the hypervisor has said nothing but what it says of the hostile VM's ends and starts, and of
   that no more than log_bound();
 - as much memory is free as in the same machine in which the hostile VM has never been started.

Under -icount the machine does the same each time, up to the moment at which the checks begin: that is
when we type. ICOUNT=no lets the harts run at the same time, which finds other things, and then a beat
may be late for reasons outside the machine, so that only its coming is watched. The first finding ends
the run with the command that repeats it.
"""

import argparse
import os
import pathlib
import random
import re
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import hartwood  # noqa: E402

KINDS = ("insn", "csr", "paging", "mmio", "sbi", "storm", "hsm", "smc", "exhaust")
MODELS = ("rv64", "max", "rva23s64", "rv64,sstc=off", "max,sstc=off", "rv64,v=true")

PERIOD_US = 10000
BEATS_A_LINE = 10
# Under -icount harts take turns, each of a third of the time to the machine's next timer, which is at
# most 100 ms. QEMU lets hart 0 begin when a timer rings, but not if an interrupt for another hart
# happens to end a turn at that moment: then both others have theirs first. That is rare, so it is
# let pass once in 50 lines, and no lateness beyond it ever. In ticks of 100 ns.
TURN_LIMIT = 2 * 1000000 // 3 + 1000

LINES = 40  # of the heart's, before the hostile VM is stopped
LIVES_MS = (300, 1000, 4000)

# hyp/log.h: lines that one VM's doings may cause at once; and then one a second.
LOG_BURST = 10

QUIET = ("quiet no4lvl initcall_blacklist=jent_mod_init,load_system_certificate_list,"
         "crypto_algapi_init")


class Finding(Exception):
    """Something that somebody else could notice."""


class EmulatorDied(Exception):
    """An assertion of QEMU's own has failed: nothing that software does on a machine should do that,
    and no machine is left that could show anything. (QEMU 10.0 does it when a whole vector register
    is stored across two pages, probe_access_flags() in cputlb.c.)"""


EMULATOR_DIES = re.compile(r"^ERROR:\S+\.c:\d+:\S+ assertion failed.*", re.M)


def bundle_path(name):
    return hartwood.BUILD / "test-bundles" / f"{name}.dtb"


class Setup:
    """What a seed stands for."""

    def __init__(self, seed, cpu=None, kinds=None, linux=True, icount=True):
        choose = random.Random(seed)
        self.seed = seed
        self.linux = linux
        self.icount = icount
        self.cpu = choose.choice(MODELS)
        self.cpus = choose.choice((2, 2, 3, 3, 4, 5))
        self.memory = choose.choice((8, 16, 32, 48)) << 20
        self.life_ms = choose.choice(LIVES_MS)
        chosen = KINDS if choose.randrange(3) else choose.sample(KINDS, choose.randint(1, 4))
        if cpu:
            self.cpu = cpu
        self.kinds = list(kinds or chosen)

    def __str__(self):
        kinds = "all attacks" if len(self.kinds) == len(KINDS) else " ".join(self.kinds)
        return (f"seed {self.seed}: {self.cpu}, {self.cpus} vCPUs, {self.memory >> 20} MiB, "
                f"{kinds}" + ("" if self.icount else ", harts in parallel"))

    def vms(self, started=True):
        heart = {"name": "heart", "guest": "heartbeat", "memory": 16 << 20, "memory_pinned": True,
                 "bootargs": f"period_us={PERIOD_US} report={BEATS_A_LINE}", "harts": [0],
                 "dedicated": True}
        linux = {"name": "linux", "guest": "linux", "cpus": 2, "memory": 128 << 20,
                 "memory_pinned": True, "restart": "never",
                 "bootargs": f"console=ttyS0 {QUIET} hartwood.mode=memcheck"}
        words = self.kinds if len(self.kinds) < len(KINDS) else []
        hostile = {"name": "hostile", "guest": "hostile", "cpus": self.cpus,
                   "memory": self.memory, "restart": "always",
                   "autostart": "yes" if started else "no",
                   "bootargs": " ".join([f"seed={self.seed} life_ms={self.life_ms}", *words])}
        return [heart, *([linux] if self.linux else []), hostile]

    def machine(self, name, started=True, **more):
        """Started; whoever calls removes its bundle when it has ended."""
        blob = hartwood.bundle_of(bundle_path(name), self.vms(started), show="all")
        args = ["-seed", str(self.seed)]
        if self.icount:
            args += ["-icount", "shift=2,sleep=off"]
        return hartwood.Machine(name, bundle=blob, smp=3, mem="512M", cpu=self.cpu, args=args,
                                **more)


# ---- what the machine says -------------------------------------------------------------------


class Said:
    """Everything so far, sorted by who said it."""

    def __init__(self, text):
        self.lines = {"heart": [], "linux": [], "hostile": [], "hartwood": []}
        for line in hartwood.render(text)[:-1]:  # the last is still being written
            match = re.match(r"(heart|linux|hostile) *\| ?(.*)|(hartwood: .*)", line)
            if match and match.group(3):
                self.lines["hartwood"].append(match.group(3))
            elif match:
                self.lines[match.group(1)].append(match.group(2))

    def beats(self):
        """Of each line of the heart's: its number, the missed ones, the worst in ticks."""
        return [tuple(map(int, match.groups())) for line in self.lines["heart"]
                if (match := re.match(r"beat (\d+): missed (\d+), worst (\d+) ticks", line))]


def check_sum(text):
    value = 0
    for character in text.encode("latin-1"):
        value = (31 * value + character) & 0xffffffff
    return value


class Counts:
    """What guests/hostile has done, from its own lines: the last of each life counts."""

    def __init__(self):
        self.lives = {}

    def take(self, said):
        for line in said.lines["hostile"]:
            match = re.match(r"(hostile ([0-9a-f]+) (.*)) = (\d+)$", line)
            if match and check_sum(match.group(1)) == int(match.group(4)):
                words = match.group(3).split(" ")
                self.lives.setdefault(match.group(2), {}).update(zip(words[::2], words[1::2]))

    def sums(self, what, count):
        total = [0] * count
        for life in self.lives.values():
            for at, value in enumerate(life.get(what, "0").split(",")[:count]):
                total[at] += int(value)
        return total

    def add(self, other):
        for key, life in other.lives.items():
            self.lives[(id(other), key)] = life

    def text(self):
        rounds, done = self.sums("rounds", len(KINDS)), self.sums("done", len(KINDS))
        traps, irqs = self.sums("traps", 20), self.sums("irqs", 14)
        kinds = ", ".join(f"{name} {acts} in {n}" for name, n, acts in zip(KINDS, rounds, done) if n)
        causes = ", ".join(f"{cause}: {n}" for cause, n in enumerate(traps) if n)
        numbers = ", ".join(f"{number}: {n}" for number, n in enumerate(irqs) if n)
        return (f"{len(self.lives)} lives, {sum(rounds)} rounds; acts in rounds: {kinds}\n"
                f"  exceptions by cause: {causes}; interrupts: {numbers}")


# ---- the checks ------------------------------------------------------------------------------

# What the hypervisor may say of a VM whose guest does such things, and nothing else.
EXPECTED = re.compile(
    r"hartwood: (\(\d+ dropped\) )?hostile: "
    r"(started \d+ ticks|restarts in \d+ s|\d+ exits|restarting: |off: |stopped: )")
AT_START = re.compile(r"hartwood: (\d+ of \d+ harts|\d+ KiB of RAM|(heart|linux): started)")


def log_bound(seconds):
    """Lines about the hostile VM: the burst, then one a second; and what one of its ends adds, for
    there are two seconds from one to the next at least."""
    return LOG_BURST + seconds + seconds // 2 + 2


def check_beats(beats):
    late = [beat for beat in beats if beat[1]]
    for number, missed, worst in late:
        if worst > TURN_LIMIT or len(late) > 1 + len(beats) // 50:
            raise Finding(f"{missed} of the {BEATS_A_LINE} beats up to {number} were missed")


def check_said(said, setup, typed=False):
    """What can be judged at any time. A key wakes an emulated hart in the middle of a turn too: from
    the first one on, a late beat tells nothing."""
    if setup.icount and not typed:
        check_beats(said.beats())
    about = [line for line in said.lines["hartwood"] if EXPECTED.match(line)]
    strange = [line for line in said.lines["hartwood"]
               if not EXPECTED.match(line) and not AT_START.match(line)]
    if strange:
        raise Finding(f"the hypervisor said: {strange[0]}")
    seconds = len(said.beats()) * BEATS_A_LINE * PERIOD_US // 1000000 + 1
    if setup.icount and len(about) > log_bound(seconds):
        raise Finding(f"{len(about)} lines of the log in {seconds} seconds")
    for line in said.lines["linux"]:
        if re.search(r"WRONG|FAILED|Kernel panic|Oops|BUG:|self-detected stall|soft lockup", line):
            raise Finding(f"Linux said: {line}")


def check_guest(counts):
    """What only the guest itself can see; and that it did something at all."""
    if not sum(counts.sums("rounds", len(KINDS))):
        raise Finding("the hostile guest has attacked nothing")
    for life in counts.lives.values():
        if life.get("odd", "0") != "0":
            raise Finding(f"the guest took an exception of cause {life['odd']}")


def check_linux(machine, said, since):
    if not any(re.match(r"memcheck: [1-9]\d* rounds, ok", line)
               for line in said.lines["linux"][since:]):
        raise Finding("memcheck says nothing any more")
    if machine.vms()["linux"]["state"] != "running":
        raise Finding("Linux does not run any more")


def check_heart(machine, setup):
    """Nobody else's business is done on a dedicated hart, but for what had begun there before."""
    rows = hartwood.table(machine.shell("interrupts"), "vm ipi timer device other")
    row = next(row for row in rows if row["vm"] == "heart")
    own = "timer" if "sstc=off" in setup.cpu else None
    if any(int(row[kind]) > most for kind, most in
           (("device", 2), ("timer", 0), ("ipi", 2)) if kind != own):
        raise Finding(f"the heart has been interrupted for others: {row}")


def free_at_first(setup, name):
    """KiB that are free in the same machine as long as the hostile VM is off."""
    with setup.machine(name, started=False, timeout=200, lifetime=300) as machine:
        if setup.linux:
            machine.expect_exact("hartwood: linux: started")
        machine.expect(r"beat \d+:")
        machine.to_shell()
        free = []
        machine.until(lambda: free.append(machine.free_kib()) or free[-2:-1] == free[-1:],
                      "at rest")
        return free[-1]


def stop_hostile(machine):
    machine.shell("vm stop hostile")
    machine.until(lambda: machine.vms()["hostile"]["state"] == "off", "stopped", 120)


def watch(machine, setup, lines):
    """Until that many lines of the heart's have come."""
    while True:
        try:
            machine.expect(r"beat \d+: missed \d+[^\r]*\r", 180)
        except AssertionError as error:
            raise Finding(f"the heart has stopped: {error}") from None
        said = Said(machine.text())
        check_said(said, setup)
        if len(said.beats()) >= lines:
            return said


def run(setup, lines, name="hostile", lifetime=1200):
    """One seed. Gives its Counts. The logs stay, the bundles, which have Linux in them, do not."""
    names = [f"{name}.before", name]
    try:
        return run_machines(setup, lines, *names, lifetime)
    finally:
        for each in names:
            bundle_path(each).unlink(missing_ok=True)


def run_machines(setup, lines, name_before, name, lifetime):
    counts = Counts()
    before = free_at_first(setup, name_before)
    machine = setup.machine(name, timeout=120, lifetime=lifetime)
    with machine:
        try:
            if setup.linux:
                machine.expect_exact("memcheck: ", 600)
            said = watch(machine, setup, len(Said(machine.text()).beats()) + lines)
            since = len(said.lines["linux"])
            if setup.linux:
                machine.expect(r"memcheck: \d+ rounds, ok|WRONG|FAILED", 300)
            machine.to_shell(60)
            check_heart(machine, setup)
            stop_hostile(machine)
            after = machine.free_kib()
            if after != before:
                raise Finding(f"{before - after} KiB have not come back")
            machine.send(hartwood.ESCAPE + "a")
            machine.expect(r"beat \d+: missed \d+[^\r]*\r", 180)
            said = Said(machine.text())
            check_said(said, setup, typed=True)
            if setup.linux:
                machine.to_shell(60)
                check_linux(machine, said, max(0, since - 1))
        except AssertionError as error:
            raise Finding(f"the machine does not answer: {error}") from None
        finally:
            text = machine.text()
            died = EMULATOR_DIES.search(text)
            if died:
                raise EmulatorDied(died.group().strip()) from None
            counts.take(Said(text))
    check_guest(counts)
    return counts


# ---- the command -----------------------------------------------------------------------------


def replay(setup, options):
    words = [f"make hostile SEED={setup.seed}"]
    if not setup.icount:
        words.append("ICOUNT=no")
    if options.cpu:
        words.append(f"CPU={options.cpu}")
    more = ["--no-linux"] if options.no_linux else []
    if options.lines != LINES:
        more.append(f"--lines {options.lines}")
    if options.kinds:
        more.append("--kinds " + " ".join(options.kinds))
    if more:
        words.append(f"HOSTILE='{' '.join(more)}'")
    return " ".join(words)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--minutes", type=float, default=0, help="0: one seed")
    parser.add_argument("--lines", type=int, default=LINES, help="of the heart's, 0.1 s each")
    parser.add_argument("--cpu", help="one CPU model in place of those that seeds choose")
    parser.add_argument("--kinds", nargs="*", help="of: " + " ".join(KINDS))
    parser.add_argument("--no-icount", action="store_true")
    parser.add_argument("--no-linux", action="store_true")
    options = parser.parse_args()
    began, total, seed, died = time.monotonic(), Counts(), options.seed, 0
    while True:
        setup = Setup(seed, cpu=options.cpu, kinds=options.kinds, linux=not options.no_linux,
                      icount=not options.no_icount)
        print(setup, flush=True)
        started = time.monotonic()
        name = f"hostile.{os.getpid()}"
        try:
            counts = run(setup, options.lines, name)
            total.add(counts)
            print(f"  {time.monotonic() - started:.0f} s: {counts.text()}", flush=True)
        except EmulatorDied as reason:
            died += 1
            print(f"  tells nothing, for the emulator has ended itself: {reason}", flush=True)
        except Finding as finding:
            print(f"FOUND: {finding}\nIts log is {hartwood.LOGS / name}.log. To see it again: "
                  f"{replay(setup, options)}")
            return 1
        seed += 1
        if time.monotonic() - began >= 60 * options.minutes:
            break
    print(f"{seed - options.seed - died} seeds, nothing found. In all: {total.text()}")
    return 0 if seed - options.seed > died else 1


if __name__ == "__main__":
    sys.exit(main())
