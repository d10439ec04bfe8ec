#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Measures the VT-x side of the comparison: boots vtx/ in Bochs and writes vtx.log and vtx.json.

Four runs of the emulator: one CPU, counting; two CPUs, counting; and each once more with one round of every
operation traced, instruction by instruction. The last line is `ok` or `failed`.
"""
import argparse
import json
import os
import platform
import re
import shutil
import subprocess
import sys

import bochs
import hardware
import vtx_trace as trace

ONE_CPU = ['hypercall', 'cpuid', 'device_read', 'page_zeroed', 'page', 'timer', 'timer_due', 'interrupt',
           'exception', 'switch', 'switch_msrs', 'switch_fp', 'first_entry']
TWO_CPUS = ['move']
COUNT_MAX = 12000   # what the guest's lazy memory has pages for (vtx/layout.h)
ROUNDS = {'switch': 2, 'switch_msrs': 2, 'switch_fp': 2}   # operations in one round of what is traced

RESULT = re.compile(r'result op=(\w+) n=(\d+) total=(\d+) guest=(\d+) host=(\d+) min=(\d+) max=(\d+)$')
FIELD = re.compile(r'vmcs field=0x(\w+) value=0x(\w+)$')
SELFTEST = re.compile(r'selftest (\S+) counted=0x(\w+) expected=0x(\w+)$')


class Failure(Exception):
    pass


def check_ended(text, what):
    """The last line tells, and no line may report a failure."""
    lines = text.splitlines()
    bad = [line for line in lines if line.startswith(('failure', 'died', 'exception of'))]
    if bad or not lines or lines[-1] != 'ok':
        raise Failure(f'{what}: ' + '; '.join(bad[:5] or lines[-3:] or ['no output']))


def read_results(text, expected):
    results = {}
    for line in text.splitlines():
        if match := RESULT.match(line):
            values = dict(zip(('n', 'total', 'guest', 'host', 'min', 'max'), map(int, match.groups()[1:])))
            results[match[1]] = values
    if sorted(results) != sorted(expected):
        raise Failure(f'results of {sorted(results)} instead of {sorted(expected)}')
    return results


def read_fields(text):
    fields = {int(m[1], 16): int(m[2], 16) for m in map(FIELD.match, text.splitlines()) if m}
    if not fields:
        raise Failure('the hypervisor did not say which VMCS fields it writes')
    return fields


def measure(args, log):
    """The counts of both machines, and the table of VMCS fields in use."""
    image = os.path.join(args.build, 'compare/vtx/vtx.bin')
    results, text = {}, ''
    for cpus, expected in ((1, ONE_CPU), (2, TWO_CPUS)):
        text, _ = bochs.run(f'{args.out}/run{cpus}', image, args.count, cpus=cpus, timeout=args.timeout)
        log.write(f'# {cpus} CPUs, counting\n{text}')
        check_ended(text, f'{cpus} CPUs')
        results.update(read_results(text, expected))
        if cpus == 1:
            one = text
    return results, read_fields(one), [
        {'name': m[1], 'counted': int(m[2], 16), 'expected': int(m[3], 16)}
        for m in map(SELFTEST.match, one.splitlines()) if m]


def trace_all(args, log, machine):
    """What one round of each operation consists of."""
    vtx = os.path.join(args.build, 'compare/vtx')
    symbols = trace.Symbols(f'{vtx}/vtx.elf', f'{vtx}/offsets.h')
    traced = {}
    for cpus, operations in ((1, ONE_CPU), (2, TWO_CPUS)):
        text, path = bochs.run(f'{args.out}/trace{cpus}', f'{vtx}/vtx.bin', 100, cpus=cpus,
                               flags=bochs.FLAG_TRACE, sections=len(operations), timeout=args.timeout)
        log.write(f'# {cpus} CPUs, traced\n{text}')
        check_ended(text, f'{cpus} CPUs, traced')
        order = re.findall(r'^traced op=(\w+)$', text, re.M)
        stretches = trace.sections(path)
        if order != operations or len(stretches) != len(order):
            raise Failure(f'traced {order}, {len(stretches)} stretches, instead of {operations}')
        for name, stretch in zip(order, stretches):
            if name == 'first_entry':   # without the hypercall that asks for it, and the way back
                stretch = trace.before_guest(stretch)
            data = trace.summary(stretch, symbols, machine.names())
            data['rounds'] = ROUNDS.get(name, 1)
            data['vmread_bytes'] = machine.bytes_of(data['vmreads'])
            data['vmwrite_bytes'] = machine.bytes_of(data['vmwrites'])
            data['hardware'] = machine.operation(data['exits'], data['entries'])
            traced[name] = data
    return traced


# Exits that no instruction causes: the emulator's clock ticks for each of them too.
NO_INSTRUCTION = ('1', '7', '52')
# Instructions that are begun twice, as an exit made them possible: that is two ticks.
BEGUN_TWICE = {'page': 1, 'page_zeroed': 1}


def compare(operations):
    """What the clock counted must be what was traced, to the instruction. With several CPUs the clock ticks in
    rounds among them, and of what they do at the same time only the longer part shows: there the trace alone
    says how many instructions all of them executed."""
    for name, op in operations.items():
        traced = op['traced']
        beside = sum(traced['exits'].get(r, 0) for r in NO_INSTRUCTION) + BEGUN_TWICE.get(name, 0)
        op['instructions'] = traced['host'] / traced['rounds']
        op['ticks_beside_instructions'] = beside
        if name not in TWO_CPUS and op['min'] * traced['rounds'] != traced['host'] + beside:
            raise Failure(f'{name}: counted {op["min"]} each, but traced {traced["host"]} and {beside} '
                          f'in {traced["rounds"]}')


def table(operations):
    lines = [f'{"operation":<14}{"n":>7}{"counted":>10}{"least":>7}{"most":>7}{"instructions":>14}'
             f'{"by software":>13}{"by hardware":>13}']
    for name, op in operations.items():
        software = sum(r['load_bytes'] + r['store_bytes'] for r in op['traced']['memory'].values())
        moved = sum(part['bytes'] for key, part in op['traced']['hardware'].items() if key != 'checked')
        rounds = op['traced']['rounds']
        lines.append(f'{name:<14}{op["n"]:>7}{op["host"] / op["n"]:>10.2f}{op["min"]:>7}{op["max"]:>7}'
                     f'{op["instructions"]:>14.1f}{software / rounds:>13.0f}{moved / rounds:>13.0f}')
    lines.append('Each: ticks of the clock; instructions as traced; bytes loaded and stored.')
    return '\n'.join(lines)


def compiler(build):
    """What built the image: the first word of the flags that mk/compare.mk keeps."""
    with open(f'{build}/compare/vtx/flags', encoding='utf-8') as file:
        command = file.read().split()[0]
    return subprocess.run([command, '--version'], capture_output=True, text=True, check=True).stdout.splitlines()[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--build', default='build')
    parser.add_argument('--out', help='where the logs go (BUILD/compare)')
    parser.add_argument('--count', type=int, default=10000, help='rounds of each operation')
    parser.add_argument('--timeout', type=int, default=240, help='seconds for one run of the emulator')
    args = parser.parse_args()
    args.out = args.out or f'{args.build}/compare'
    if not 2 <= args.count <= COUNT_MAX:
        parser.error(f'--count: from 2 to {COUNT_MAX}')
    if platform.machine() != 'x86_64':
        print(f'skipped: the VT-x side is built by a compiler for x86-64, and this host is {platform.machine()}')
        return 0
    if not shutil.which('bochs'):
        print('skipped: bochs is not installed (Debian: bochs bochs-term bochsbios vgabios)')
        return 0
    os.makedirs(args.out, exist_ok=True)
    if os.path.exists(f'{args.out}/vtx.json'):   # of an earlier run
        os.remove(f'{args.out}/vtx.json')
    with open(f'{args.out}/vtx.log', 'w', encoding='ascii') as log:
        try:
            results, fields, selftest = measure(args, log)
            machine = hardware.Hardware(fields)
            traced = trace_all(args, log, machine)
            operations = {name: dict(values, traced=traced[name]) for name, values in results.items()}
            compare(operations)
        except (Failure, bochs.BochsError, trace.TraceError, OSError) as error:
            log.write(f'failed\n{error}\n')
            print(f'failed: {error}\nThe log is {args.out}/vtx.log')
            return 1
        log.write(table(operations) + '\nok\n')
    names = machine.names()
    with open(f'{args.out}/vtx.json', 'w', encoding='ascii') as file:
        json.dump({
            'emulator': bochs.version(),
            'cpu': bochs.MODEL,
            'compiler': compiler(args.build),
            'count': args.count,
            'selftest': selftest,
            'fields_written': [{'encoding': e, 'name': names.get(e, hex(e)), 'value': v}
                               for e, v in fields.items()],
            'hardware': {'entry': machine.entry(),
                         'exit': {str(r): machine.exit(r) for r in (1, 10, 18, 31, 32, 48, 52)}},
            'operations': operations,
        }, file, indent=1, sort_keys=False)
        file.write('\n')
    print(table(operations))
    print('ok')
    return 0


if __name__ == '__main__':
    sys.exit(main())
