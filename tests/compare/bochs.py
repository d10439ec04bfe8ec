# SPDX-License-Identifier: BSD-2-Clause
"""Runs one disk image in Bochs, unattended.

Debian's packages have no display that needs nothing: "term" wants a terminal, and gets one of ours. They are
built with the debugger, which therefore runs the show, from a file of commands: `c` continues, XCHG BX,BX
in the guest stops (magic_break), and `trace on` logs each instruction.
"""
import os
import pty
import select
import shutil
import signal
import struct
import subprocess
import time

MAGIC = 0x58545648
FLAG_TRACE = 1
MODEL = 'tigerlake'
SECTOR = 512
CYLINDERS, HEADS, SECTORS = 4, 16, 63

CONFIG = """\
cpu: model={model}, count={processors}, ips=10000000, reset_on_triple_fault=0
megs: 128
romimage: file={bios}
vgaromimage: file={vgabios}
boot: disk
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=disk, mode=flat, path="{disk}", cylinders={cylinders}, heads={heads}, spt={sectors}
com1: enabled=1, mode=file, dev="{serial}"
magic_break: enabled=1
clock: sync=none, time0=946684800
display_library: term
log: "{log}"
panic: action=fatal
error: action=ignore
info: action=report
"""


class BochsError(Exception):
    pass


def ask():
    """What Bochs says about itself: its version is in there, and its options."""
    if not shutil.which('bochs'):
        raise BochsError('bochs is not installed (Debian: bochs bochs-term bochsbios vgabios)')
    text = subprocess.run(['bochs', '--help'], stdin=subprocess.DEVNULL, check=False, text=True,
                          capture_output=True, errors='replace', timeout=60)
    return text.stdout + text.stderr


def version():
    for line in ask().splitlines():
        if 'Bochs x86 Emulator' in line:
            return 'Bochs ' + line.split('Emulator', 1)[1].strip()
    return 'Bochs'


def find(*names):
    for name in names:
        if os.path.exists(name):
            return name
    raise BochsError('none of these files is there: ' + ' '.join(names))


def make_disk(image, path, count, cpus, flags):
    """A copy of the image with the parameters in its second sector (vtx/layout.h)."""
    with open(image, 'rb') as file:
        data = bytearray(file.read())
    if struct.unpack_from('<I', data, SECTOR)[0] != MAGIC:
        raise BochsError(f'{image} has no parameter sector')
    struct.pack_into('<4I', data, SECTOR, MAGIC, count, cpus, flags)
    data += bytes(CYLINDERS * HEADS * SECTORS * SECTOR - len(data))
    with open(path, 'wb') as file:
        file.write(data)


def trace_commands(what, cpus):
    """Tracing is switched for each CPU by itself."""
    return ''.join((f'set $cpu = {cpu}\n' if cpus > 1 else '') +
                   f'trace {what}\ntrace-mem {what}\ntrace-reg {what}\n' for cpu in range(cpus))


def run(directory, image, count, cpus=1, flags=0, sections=0, timeout=300, model=MODEL, processors=None):
    """Boots the image; returns what it wrote to its serial line, and the path of the debugger's log.

    With sections, each stretch between two markers of the guest, that many, is traced. The machine may have more
    processors than the image is told to use."""
    os.makedirs(directory, exist_ok=True)
    here = os.path.join(os.path.abspath(directory), '')
    files = {name: here + name for name in ('disk.img', 'serial.log', 'bochs.log', 'bochsrc',
                                            'commands', 'debugger.log', 'terminal.log')}
    for path in (*files.values(), files['disk.img'] + '.lock'):
        if os.path.exists(path):
            os.remove(path)
    make_disk(image, files['disk.img'], count, cpus, flags)
    with open(files['bochsrc'], 'w', encoding='ascii') as file:
        file.write(CONFIG.format(
            model=model, processors=processors or cpus, bios=find('/usr/share/bochs/BIOS-bochs-latest'),
            vgabios=find('/usr/share/vgabios/vgabios.bin', '/usr/share/bochs/VGABIOS-lgpl-latest'),
            disk=files['disk.img'], serial=files['serial.log'], log=files['bochs.log'],
            cylinders=CYLINDERS, heads=HEADS, sectors=SECTORS))
    with open(files['commands'], 'w', encoding='ascii') as file:
        file.write(('c\n' + trace_commands('on', cpus) + 'c\n' + trace_commands('off', cpus)) * sections +
                   'c\nq\n')
    emulate(files, timeout)
    if not os.path.exists(files['serial.log']):
        raise BochsError(f'Bochs said nothing; see {files["bochs.log"]}, {files["terminal.log"]}')
    with open(files['serial.log'], encoding='ascii', errors='replace') as file:
        return file.read(), files['debugger.log']


def emulate(files, timeout):
    """One Bochs on a terminal of its own, ended by its process id when it takes too long."""
    # From version 3 on the debugger must be asked for; without it the clock does not tick for each instruction.
    debugger = ['-debugger'] if '-debugger' in ask() else []
    master, slave = pty.openpty()
    environment = dict(os.environ, TERM='linux', LINES='25', COLUMNS='80')
    # Should this process be killed, which no `finally` sees, Bochs would wait for its terminal for good.
    command = ['setpriv', '--pdeathsig', 'KILL', 'bochs', '-f', files['bochsrc'], '-q', '-rc', files['commands'],
               '-dbglog', files['debugger.log'], *debugger]
    with open(files['terminal.log'], 'wb') as terminal, \
            subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=environment,
                             start_new_session=True) as process:
        os.close(slave)
        try:
            listen(master, terminal, process, timeout)
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
            process.wait()
            os.close(master)


def listen(master, terminal, process, timeout):
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        ready, _, _ = select.select([master], [], [], 0.2)
        if ready:
            try:
                data = os.read(master, 65536)
            except OSError:   # the other end is closed
                data = b''
            if not data:
                process.wait(timeout=10)
                return
            terminal.write(data)
        elif process.poll() is not None:
            return
    raise BochsError(f'Bochs did not end within {timeout} seconds')
