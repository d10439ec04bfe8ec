# SPDX-License-Identifier: BSD-2-Clause
"""A machine under QEMU, as the target tests see it: started, typed at, listened to, and ended.

    machine = boot(bundle=hartwood.BUILD / "linux.dtb", smp=4)
    machine.expect("shell ready", timeout=60)
    machine.sendline("echo $((6 * 7))")
    machine.expect("42")

Where several VMs share the line, the keys behind the escape key choose whose it is, and one may be
the hypervisor's own shell:

    machine.focus("1", "linux-b")
    machine.to_shell()
    assert machine.vms()["linux-b"]["state"] == "running"

`boot` is a fixture of conftest.py. Everything that the machine prints goes to a log in
build/test-logs/; a failed expectation shows the end of it. No machine outlives its test, its
`lifetime` or the process that started it.
"""

import ctypes
import os
import pathlib
import re
import signal
import struct
import subprocess
import termios
import threading
import time

import pexpect

TOP = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(os.environ.get("BUILD", "build"))
BUILD = BUILD if BUILD.is_absolute() else TOP / BUILD
OUT = pathlib.Path(os.environ.get("OUT", BUILD))
OUT = OUT if OUT.is_absolute() else TOP / OUT
LOGS = BUILD / "test-logs"
QEMU = os.environ.get("QEMU") or "qemu-system-riscv64"
OPENSBI = os.environ.get("OPENSBI") or "default"
# What the build under test was given of EXIT and SWITCH (mk/policy.mk): "", "full", "eager" or "both".
POLICY = os.environ.get("POLICY", "")
EAGER, FULL = POLICY in ("eager", "both"), POLICY in ("full", "both")

IMAGE = OUT / "hartwood.bin"
LINUX = BUILD / "guest" / "Image"
INITRD = BUILD / "guest" / "initrd.gz"
UBOOT = BUILD / "guest" / "u-boot.bin"

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


def guest(name):
    """The flat binary of guests/NAME."""
    return BUILD / "guests" / f"{name}.bin"


# ---- bundles and images ----------------------------------------------------------------------


def compile_dts(source, path):
    """Device tree source to blob; /incbin/ paths are relative to build/."""
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["dtc", "-q", "-I", "dts", "-O", "dtb", "-i", str(BUILD), "-o", str(path), "-"],
                   input=source.encode(), check=True)
    return path


def cells(value):
    """A number as the two cells of a 64-bit property."""
    return f"<{value >> 32:#x} {value & 0xffffffff:#x}>"


def properties(values):
    """Properties as they stand in a source: rt_budget=500 becomes "rt-budget = <500>;". Texts,
    numbers, lists of either, and True for a property without a value."""
    lines = []
    for key, value in values.items():
        name = key.replace("_", "-")
        if value is True:
            lines.append(f"{name};")
            continue
        items = value if isinstance(value, (list, tuple)) else [value]
        if isinstance(items[0], str):
            lines.append(f"{name} = " + ", ".join(f'"{item}"' for item in items) + ";")
        else:
            lines.append(f"{name} = <" + " ".join(f"{item:#x}" for item in items) + ">;")
    return " ".join(lines)


def vm_source(name, kernel, cpus=1, memory=64 << 20, ramdisk=None, bootargs=None, more="",
              **others):
    """A node for /vms; `more` is added to it as it stands, others go to properties()."""
    lines = [f"cpus = <{cpus}>;", f"memory = {cells(memory)};", f'kernel = "{kernel}";']
    if ramdisk:
        lines.append(f'ramdisk = "{ramdisk}";')
    if bootargs is not None:
        lines.append(f'bootargs = "{bootargs}";')
    return f"{name} {{ {' '.join(lines)} {properties(others)} {more} }};\n"


def image_source(name, path, kind="kernel", system="linux"):
    """A node for /images."""
    return (f'{name} {{ description = "{name}"; type = "{kind}"; arch = "riscv"; os = "{system}"; '
            f'compression = "none"; data = /incbin/("{path}"); }};\n')


def bundle_source(images, vms, slice_us=None, escape_key=None, show=None):
    """images and vms: lists of what image_source() and vm_source() give. The scheduler's slice is
    in microseconds, the escape key a control character's code, show "one" or "all" VMs."""
    settings = ""
    if slice_us is not None:
        settings += f"scheduler {{ slice = <{slice_us}>; }};\n"
    if escape_key is not None:
        settings += f"console {{ escape-key = <{escape_key}>; }};\n"
    if show is not None:
        settings += f'console {{ show = "{show}"; }};\n'
    return ('/dts-v1/;\n/ {\ndescription = "test";\n' + settings + "images {\n" +
            "".join(images) + "};\nvms {\n" + "".join(vms) + "};\n};\n")


def bundle(path, kernel, ramdisk=None, system="linux", **vm):
    """A bundle of one VM called "guest"; `vm` goes to vm_source()."""
    images = [image_source("kernel", kernel, system=system)]
    if ramdisk:
        images.append(image_source("ramdisk", ramdisk, kind="ramdisk"))
        vm["ramdisk"] = "ramdisk"
    return compile_dts(bundle_source(images, [vm_source("guest", "kernel", **vm)]), path)


def bundle_of(path, vms, **settings):
    """A bundle of many VMs: a dictionary for each, with its "name", the "guest" of guests/ that it
    runs or "linux", and what else vm_source() takes. settings go to bundle_source()."""
    images, nodes = {}, []
    for vm in vms:
        vm = dict(vm)
        name, kernel = vm.pop("name"), vm.pop("guest")
        if kernel == "linux":
            images[kernel] = image_source(kernel, LINUX)
            images["initrd"] = image_source("initrd", INITRD, kind="ramdisk")
            vm["ramdisk"] = "initrd"
        else:
            images[kernel] = image_source(kernel, guest(kernel))
        nodes.append(vm_source(name, kernel, **vm))
    return compile_dts(bundle_source(list(images.values()), nodes, **settings), path)


def linux_bundle(path, bootargs="", commands=None, cpus=2, memory=512 << 20, **vm):
    """Debian's kernel and the busybox initramfs. `commands` are run in place of a shell."""
    if commands:
        bootargs += " hartwood.cmd=" + ",".join(commands).replace(" ", ";")
    return bundle(path, LINUX, INITRD, cpus=cpus, memory=memory,
                  bootargs=" ".join(["console=ttyS0", *bootargs.split()]), **vm)


def elf_at(address, path, image=None):
    """Wraps a flat image in an ELF that is loaded and entered at `address`.

    QEMU puts a flat -kernel at 0x80200000, but an ELF wherever it says.
    """
    data = pathlib.Path(image or IMAGE).read_bytes()
    offset = 4096
    # An Image states how much memory it takes, .bss included; an ELF segment says so too.
    (size,) = struct.unpack_from("<Q", data, 16)
    riscv, executable = 243, 2
    header = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", executable, riscv, 1, address,
                         64, 0, 0, 64, 56, 1, 0, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 7, offset, address, address, len(data),
                          max(size, len(data)), 4096)
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes((header + segment).ljust(offset, b"\0") + data)
    return path


def loader(path, address):
    """QEMU arguments that put a file into RAM as it stands."""
    return ["-device", f"loader,file={path},addr={address:#x},force-raw=on"]


def device_tree(smp=2, mem="1G", cpu="rv64", machine="virt", args=()):
    """The source of the device tree that QEMU would hand over; change it, compile_dts(), dtb=."""
    LOGS.mkdir(parents=True, exist_ok=True)
    blob = LOGS / f"device-tree.{os.getpid()}.dtb"
    try:
        subprocess.run([QEMU, "-machine", f"{machine},dumpdtb={blob}", "-cpu", cpu,
                        "-smp", str(smp), "-m", str(mem), "-nographic", "-bios", OPENSBI, *args],
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, timeout=30, check=True)
        return subprocess.run(["dtc", "-q", "-I", "dtb", "-O", "dts", str(blob)],
                              stdout=subprocess.PIPE, text=True, check=True).stdout
    finally:
        blob.unlink(missing_ok=True)


# ---- what the shell shows --------------------------------------------------------------------

ESCAPE = "\x1d"
SHELL_PROMPT = "hartwood> "
# The prompt of an empty line, with the cursor behind it.
SHELL_EMPTY = re.compile(r"hartwood> \x1b\[K\r\x1b\[10C")


def render(text):
    """The lines of a text as a wide terminal shows them: what was overwritten or erased is gone."""
    lines, line, column = [], [], 0
    for token in re.findall(r"\x1b\[[\d;?]*[A-Za-z]|[\s\S]", text):
        if token == "\n":
            lines.append("".join(line).rstrip())
            line, column = [], 0
        elif token == "\r":
            column = 0
        elif token == "\b":
            column = max(0, column - 1)
        elif token.startswith("\x1b"):
            count = int(re.sub(r"\D.*", "", token[2:]) or 1)
            if token.endswith("K"):
                del line[column:]
            elif token.endswith("C"):
                column += count
            elif token.endswith("D"):
                column = max(0, column - count)
        elif token >= " ":
            line += " " * (column + 1 - len(line))
            line[column] = token
            column += 1
    return lines + ["".join(line).rstrip()]


def table(lines, columns):
    """The rows of a table of the shell's, its head and what belongs to a row left out, as
    dictionaries: the columns are words, but for the last."""
    names = columns.split()
    rows = [line.split(None, len(names) - 1) for line in lines[1:] if not line.startswith("    ")]
    return [dict(zip(names, row)) for row in rows]


# ---- the machine -----------------------------------------------------------------------------


class Machine:
    """One QEMU. See command() for what the arguments become.

    kernel    what the firmware starts: Hartwood unless given
    bundle    path of a blob, passed as the initrd; None for none
    append    /chosen/bootargs of the machine
    dtb       a device tree in place of QEMU's own
    args      more arguments
    reboot    False: a reset of the machine ends QEMU
    timeout   seconds an expectation waits unless it says otherwise
    lifetime  seconds after which the machine is killed, whatever it does
    """

    def __init__(self, name="machine", timeout=60, lifetime=300, reboot=False, **arguments):
        self.name = name
        self.timeout = timeout
        self.deadline = time.monotonic() + lifetime
        self.command = command(reboot=reboot, **arguments)
        LOGS.mkdir(parents=True, exist_ok=True)
        self.log_path = LOGS / f"{name}.log"
        self.log = open(self.log_path, "w", encoding="latin-1", newline="")
        self.log.write("+ " + " ".join(self.command) + "\n")
        self.child = pexpect.spawn(self.command[0], self.command[1:], cwd=str(TOP), echo=False,
                                   encoding="latin-1", timeout=timeout, dimensions=(24, 200),
                                   preexec_fn=_prepare_child)
        self.child.logfile_read = self.log
        self.child.delaybeforesend = None
        self.watchdog = threading.Timer(lifetime, self._signal)
        self.watchdog.daemon = True
        self.watchdog.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()

    def expect(self, pattern, timeout=None):
        """Waits for a regular expression, or the first of a list; gives the match object."""
        try:
            self.child.expect(pattern, timeout=self._limit(timeout))
        except (pexpect.TIMEOUT, pexpect.EOF) as error:
            what = "ended" if isinstance(error, pexpect.EOF) else "timed out"
            raise AssertionError(f"{self.name} {what} before {pattern!r}\n{self.tail()}") from None
        return self.child.match

    def expect_exact(self, text, timeout=None):
        """Like expect(), for a plain string."""
        return self.expect(re.escape(text), timeout)

    def refuse(self, pattern, seconds):
        """Fails if the pattern turns up within so many seconds."""
        index = self.child.expect([pattern, pexpect.TIMEOUT, pexpect.EOF],
                                  timeout=self._limit(seconds))
        assert index != 0, f"{self.name} printed {pattern!r}\n{self.tail()}"
        return index == 1

    def send(self, text):
        self.child.send(text)

    def sendline(self, text=""):
        """A line as a terminal sends it."""
        self.child.send(text + "\r")

    def run(self, line, timeout=None):
        """Types a command at the Linux guest's shell and gives what it prints, and its status."""
        mark = f"done-{time.monotonic_ns():x}"
        # The marks are typed in two parts, so that the echo of the line does not match.
        self.sendline(f"echo {mark[:4]}''{mark[4:]}; {line}; echo {mark[:4]}''{mark[4:]} $?")
        self.expect(mark + r"\r\n", timeout)
        match = self.expect(mark + r" (\d+)\r\n", timeout)
        return self.child.before.replace("\r\n", "\n"), int(match.group(1))

    def focus(self, key, name, timeout=None):
        """The escape key and another: whose line it is from then on is said in brackets."""
        self.send(ESCAPE + key)
        self.expect_exact(f"[{name}]", timeout)

    def to_shell(self, timeout=None):
        """The line to the hypervisor's shell, at an empty prompt."""
        self.send(ESCAPE + "s")
        self.expect(SHELL_EMPTY, timeout)

    def shell(self, line, timeout=None):
        """Runs a command of the hypervisor's shell, from an empty prompt to the next; gives the
        lines that it has printed. Messages that come meanwhile are not among them."""
        self.sendline(line)
        # Return shows the line once more, whole. A message may take its place on the screen, and
        # make the prompt come again at any time.
        entered = SHELL_PROMPT + line + "\x1b[K"
        text = ""
        while entered not in text:
            self.expect(SHELL_EMPTY, timeout)
            text += self.child.before + self.child.after
        lines = render(text[text.rindex(entered) + len(entered):])
        return [shown for shown in lines[:-1]
                if shown and not shown.startswith(("hartwood: ", SHELL_PROMPT.rstrip()))]

    def vms(self):
        """What `vm list` shows, by name."""
        rows = table(self.shell("vm list"), "id vm state cpus mib end")
        return {row["vm"]: row for row in rows}

    def vcpus(self, vm=""):
        """What `vcpu list` shows, by "VM/number"; of those that have run, with moves too."""
        lines = self.shell(f"vcpu list {vm}".rstrip())
        found = {row["vcpu"]: row for row in
                 table(lines, "vcpu state hart runs stolen waits exits")}
        for line in lines:
            name = line.split()[0]
            match = re.search(r"given a hart (\d+) times, moved (\d+) times", line)
            if name in found:
                last = found[name]
            elif match:
                last.update(picks=int(match.group(1)), moves=int(match.group(2)))
        return found

    def free_kib(self):
        """How much of the machine's memory is free."""
        for line in self.shell("memory"):
            match = re.match(r" *(\d+) of \d+ KiB are free", line)
            if match:
                return int(match.group(1))
        raise AssertionError(self.tail())

    def until(self, holds, what, timeout=None):
        """Asks again and again."""
        end = time.monotonic() + self._limit(timeout)
        while not holds():
            assert time.monotonic() < end, f"{self.name}: not {what}\n{self.tail()}"

    def wait_end(self, timeout=None):
        """Waits until QEMU ends by itself; gives its exit status."""
        try:
            self.child.expect(pexpect.EOF, timeout=self._limit(timeout))
        except pexpect.TIMEOUT:
            raise AssertionError(f"{self.name} did not end\n{self.tail()}") from None
        self.child.wait()
        return self.child.exitstatus

    def text(self):
        """Everything that the machine has printed and that was read so far."""
        self.log.flush()
        return self.log_path.read_text(encoding="latin-1")

    def tail(self, lines=40):
        """The end of the log."""
        return "\n".join(self.text().splitlines()[-lines:])

    def kill(self):
        """Ends the machine at once, and for certain."""
        self.watchdog.cancel()
        self._signal()
        try:
            self.child.close(force=True)
        except pexpect.ExceptionPexpect:
            pass
        if not self.log.closed:
            self.log.close()

    def _signal(self):
        # terminated is set once the child has been waited for: the pid is ours until then.
        if not self.child.terminated:
            try:
                os.kill(self.child.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def _limit(self, timeout):
        wanted = self.timeout if timeout is None else timeout
        return max(0.1, min(wanted, self.deadline - time.monotonic()))


def command(kernel=None, bundle=None, smp=2, mem="1G", cpu="rv64", machine="virt", bios=None,
            append=None, dtb=None, args=(), reboot=False):
    """The QEMU command line as a list."""
    words = [QEMU, "-machine", machine, "-cpu", cpu, "-smp", str(smp), "-m", str(mem),
             "-nographic", "-bios", str(bios or OPENSBI), "-kernel", str(kernel or IMAGE)]
    if bundle:
        words += ["-initrd", str(bundle)]
    if append is not None:
        words += ["-append", append]
    if dtb:
        words += ["-dtb", str(dtb)]
    if not reboot:
        words.append("-no-reboot")
    return words + [str(word) for word in args]


def _prepare_child():
    """Runs in the child: tie its life to ours, and let the pty pass its output as it is."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    mode = termios.tcgetattr(0)
    mode[1] &= ~termios.ONLCR
    termios.tcsetattr(0, termios.TCSANOW, mode)
