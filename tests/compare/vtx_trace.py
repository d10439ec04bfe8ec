# SPDX-License-Identifier: BSD-2-Clause
"""Reads the log of Bochs's debugger: what was executed between two markers, and what it moved.

Before each instruction come the registers, after it the memory that it touched; LIN is an access of the
instruction, PHY one that the processor does by itself (page walks, the VMCS).
"""
import bisect
import re
import subprocess
from collections import Counter

GUEST_START = 0x40000000   # vtx/layout.h: GUEST_OFFSET

INSTRUCTION = re.compile(r'\((\d+)\)\.\[\d+\] \[0x\w+\] \w+:(\w+) \([^)]*\): (.*?)\s*; \w+\s*$')
ACCESS = re.compile(r'\[CPU(\d+) (RD|WR|RW|SR|SW|SRW|EX)\]: (LIN|PHY) 0x(\w+)(?: PHY 0x\w+)? \(len=(\d+)')
OWNER = re.compile(r'CPU(\d+):\s*$')   # whose registers follow: always those of the debugger's current CPU
CONSTANT = re.compile(r'mov (\w+), 0x([0-9a-f]+)$')
REGISTER = re.compile(r'(r\w\w?)\s*: ([0-9a-f]{8})_([0-9a-f]{8})')

# Files of the hypervisor; what is in a header is part of who uses it.
SOURCE = re.compile(r'.*/tests/compare/vtx/([\w/]+\.[cS])(?::|$)')

HANDLERS = {'exit_hypercall': 18, 'exit_cpuid': 10}

# What deserves a count of its own, by mnemonic.
SPECIAL = ('vmlaunch', 'vmresume', 'vmptrld', 'vmclear', 'invvpid', 'invept', 'rdmsr', 'wrmsr', 'rdtsc',
           'cpuid', 'xsaveopt', 'xsaveopt64', 'xrstor', 'xrstor64', 'hlt', 'sti', 'cli', 'pause')
ENTRIES = ('vmlaunch', 'vmresume')
WIDE = ('xsaveopt', 'xsaveopt64', 'xrstor', 'xrstor64')
NAMES_64 = {'eax': 'rax', 'ebx': 'rbx', 'ecx': 'rcx', 'edx': 'rdx', 'esi': 'rsi', 'edi': 'rdi',
            'ebp': 'rbp', 'esp': 'rsp'}


class TraceError(Exception):
    pass


class Instruction:
    """One that was begun; registers are those before it, as far as they are known."""

    def __init__(self, cpu, rip, text, registers):
        self.cpu, self.rip, self.text, self.registers = cpu, rip, text, registers
        self.accesses = []   # (reads, writes, is physical, address, length)

    @property
    def is_guest(self):
        return self.rip >= GUEST_START

    @property
    def mnemonic(self):
        words = self.text.split()
        return words[1] if words[0] in ('rep', 'lock', 'repe', 'repne') else words[0]

    def operand(self, index):
        return self.registers.get(full_name(self.text.split(None, 1)[1].split(',')[index].strip()))


def full_name(name):
    return NAMES_64.get(name, name.rstrip('d') if name[1:2].isdigit() else name)


def follow_constants(constants, instruction):
    """Of CPUs that the debugger shows no registers of, the constants that were moved into them are known, which
    is where the numbers of VMCS fields and MSRs come from."""
    if match := CONSTANT.match(instruction.text):
        constants[full_name(match[1])] = int(match[2], 16)


def sections(path):
    """A list of instructions for each stretch that was traced."""
    result, current, registers, owner, constants = [], None, {}, None, {}
    with open(path, encoding='ascii', errors='replace') as file:
        for line in file:
            if line.startswith('trace on'):
                if current is None:
                    current = []
                    result.append(current)
                    constants = {}
                registers = {}
            elif line.startswith('trace off'):
                current = None
            if current is None:
                continue
            if match := REGISTER.match(line):
                registers[match[1]] = int(match[2] + match[3], 16)
            elif match := OWNER.match(line):
                owner = int(match[1])
            elif match := INSTRUCTION.match(line):
                cpu = int(match[1])
                known = constants.setdefault(cpu, {})
                current.append(Instruction(cpu, int(match[2], 16), match[3],
                                           registers if cpu == owner else dict(known)))
                follow_constants(known, current[-1])
                registers = {}
            elif (match := ACCESS.match(line)) and current:
                kind = match[2]
                owner = next((i for i in reversed(current) if i.cpu == int(match[1])), current[-1])
                owner.accesses.append(('R' in kind.replace('WR', 'W').replace('SRW', 'RW'), 'W' in kind,
                                       match[3] == 'PHY', int(match[4], 16), int(match[5])))
    return result


class Symbols:
    """Names for addresses of the hypervisor, and where its data lies."""

    def __init__(self, elf, offsets):
        self.elf, self.functions, self.data = elf, [], {}
        listing = subprocess.run(['nm', '-S', elf], capture_output=True, text=True, check=True).stdout
        for line in listing.splitlines():
            words = line.split()
            kind, name = words[-2], words[-1]
            if kind in 'tT':
                self.functions.append((int(words[0], 16), name))
            elif len(words) == 4:
                self.data[name] = (int(words[0], 16), int(words[1], 16))
        self.functions.sort()
        self.starts = [start for start, _ in self.functions]
        with open(offsets, encoding='ascii') as file:
            self.offsets = {words[1]: int(words[2]) for words in map(str.split, file) if len(words) == 3}

    def function(self, address):
        index = bisect.bisect(self.starts, address) - 1
        return self.functions[index][1] if index >= 0 else '?'

    def places(self, counts):
        """{"file:function": count} of {address: count}: of the functions that were inlined where an instruction
        lies, the innermost that is in a .c or .S file."""
        text = subprocess.run(['addr2line', '-e', self.elf, '-a', '-f', '-i'], text=True, check=True,
                              input=''.join(f'{address:#x}\n' for address in counts), capture_output=True).stdout
        found, address, place, function = Counter(), None, None, None
        for line in [*text.splitlines(), '0x0']:
            if line.startswith('0x'):
                if address is not None:
                    found[place or f'other:{self.function(address)}'] += counts[address]
                address, place, function = int(line, 16), None, None
            elif function is None:
                function = line
            else:
                if place is None and (match := SOURCE.match(line)):
                    place = f'{match[1]}:{self.function(address) if function == "??" else function}'
                function = None
        return dict(found.most_common())

    def start(self, name):
        return next(start for start, function in self.functions if function == name)

    def region(self, address):
        """vcpu, stack (a vCPU's or a CPU's), cpu, vm, tables (pool), guest, other."""
        start, size = self.data['vm']
        if start <= address < start + size:
            at = address - start - self.offsets['VM_VCPUS']
            if at < 0 or at >= self.offsets['VM_VCPUS_SIZE']:
                return 'vm'
            return 'stack' if at % self.offsets['VCPU_SIZE'] < self.offsets['VCPU_LIGHT'] else 'vcpu'
        for name, region in (('cpus', 'cpu'), ('guest_ram', 'guest'), ('boot_stacks', 'stack')):
            start, size = self.data.get(name, (0, 0))
            if start <= address < start + size:
                return region
        return 'other'


def is_repeat(instruction, before):
    """The emulator logs each round of a string instruction: rounds but the first are no new one."""
    return (instruction.text.startswith('rep') and before is not None and
            before.rip == instruction.rip and before.cpu == instruction.cpu)


def before_guest(instructions):
    """From the hypervisor's own reading of the time on, without that, to the next instruction of a guest."""
    start = next(at for at, i in enumerate(instructions) if not i.is_guest and i.mnemonic == 'rdtsc') + 1
    end = next(at for at in range(start, len(instructions)) if instructions[at].is_guest)
    return instructions[start:end]


def summary(instructions, symbols, field_names):
    """What the hypervisor did in one stretch, as a dict for the report."""
    host = [i for i in instructions if not i.is_guest]
    result = {'host': len(host), 'guest': len(instructions) - len(host), 'string_rounds': 0}
    functions, special, reads, writes, msrs = Counter(), Counter(), Counter(), Counter(), Counter()
    addresses, moved, delivered = Counter(), {}, no_accesses()
    before = {}
    for i in host:
        functions[symbols.function(i.rip)] += 1
        addresses[i.rip] += 1
        if is_repeat(i, before.get(i.cpu)):
            result['string_rounds'] += 1
        before[i.cpu] = i
        if i.mnemonic in SPECIAL:
            special[i.mnemonic] += 1
        if i.mnemonic in ('rdmsr', 'wrmsr'):
            msrs[f'{i.mnemonic} {i.registers.get("rcx", 0) & 0xffffffff:#x}'] += 1
        if i.mnemonic == 'vmread':
            reads[name_of(field_names, i.operand(1))] += 1
        if i.mnemonic == 'vmwrite':
            writes[name_of(field_names, i.operand(0))] += 1
        for is_read, is_write, physical, address, length in i.accesses:
            if physical:
                continue
            if i.mnemonic in ENTRIES:   # the guest's IDT, GDT and stack, for an event that is injected
                add_access(delivered, is_read, is_write, length)
                continue
            region = 'extended state' if i.mnemonic in WIDE else symbols.region(address)
            add_access(moved.setdefault(region, no_accesses()), is_read, is_write, length)
    result['exits'] = exit_reasons(instructions, symbols)
    result['entries'] = special['vmlaunch'] + special['vmresume']
    result['functions'] = dict(functions.most_common())
    result['places'] = symbols.places(addresses)
    result['special'] = dict(special)
    result['msrs'] = dict(msrs)
    result['vmreads'], result['vmwrites'] = dict(reads), dict(writes)
    result['memory'], result['event_delivery'] = moved, delivered
    result['registers_saved'], result['registers_loaded'] = registers_moved(host, symbols)
    result['cpus'] = {str(cpu): n for cpu, n in sorted(Counter(i.cpu for i in host).items())}
    return result


def no_accesses():
    return {'loads': 0, 'load_bytes': 0, 'stores': 0, 'store_bytes': 0}


def add_access(into, is_read, is_write, length):
    if is_read:
        into['loads'] += 1
        into['load_bytes'] += length
    if is_write:
        into['stores'] += 1
        into['store_bytes'] += length


def name_of(field_names, encoding):
    if encoding is None:
        raise TraceError('a VMREAD or VMWRITE whose field is in no register')
    return field_names.get(encoding & 0xffff, f'field {encoding & 0xffff:#x}')


def exit_reasons(instructions, symbols):
    """How often each exit reason: two have a C function of their own, for the others it is that function's
    second argument."""
    start, counts = symbols.start('vmx_exit'), Counter()
    per_cpu = {}
    for i in instructions:
        per_cpu.setdefault(i.cpu, []).append(i)
    for sequence in per_cpu.values():
        for at, i in enumerate(sequence):
            if i.rip != start:
                continue
            handler = next(j for j in sequence[at:] if symbols.function(j.rip) != 'vmx_exit')
            reason = HANDLERS.get(symbols.function(handler.rip))
            if reason is None:
                if 'rsi' not in handler.registers:
                    raise TraceError('an exit whose reason is not known')
                reason = handler.registers['rsi'] & 0xffff
            counts[str(reason)] += 1
    return dict(counts)


def registers_moved(host, symbols):
    """How often the switch itself (exit.S) stores or loads each general-purpose register of a guest: pushes and
    pops, or moves, at the vCPU's fields."""
    saved, loaded = Counter(), Counter()
    for i in host:
        if symbols.function(i.rip) not in ('vmx_exit', 'guest_run') or i.mnemonic not in ('push', 'pop', 'mov'):
            continue
        if not any(not physical and symbols.region(address) == 'vcpu'
                   for _, _, physical, address, _ in i.accesses):
            continue
        operands = [o.strip() for o in i.text.split(None, 1)[1].split(',')]
        name = operands[0] if '[' not in operands[0] else operands[1]
        if name == 'rsp' or not name.startswith('r'):
            continue
        (saved if any(w for _, w, physical, _, _ in i.accesses if not physical) else loaded)[name] += 1
    return dict(saved), dict(loaded)
