# SPDX-License-Identifier: BSD-2-Clause
"""The fields of a C structure as the debug information of an ELF has them: offsets are not typed in anywhere."""

import functools
import re
import subprocess

ENTRY = re.compile(r' *<(\d+)><([0-9a-f]+)>: Abbrev Number: \d+(?: \((DW_TAG_\w+)\))?')
ATTRIBUTE = re.compile(r' *<[0-9a-f]+> +(DW_AT_\w+) *: *(.*)')


def _entries(lines):
    """What of the debug information describes types: {offset: entry}, children in their parents."""
    entries, path = {}, []
    for line in lines:
        if match := ENTRY.match(line):
            depth, offset, tag = int(match[1]), int(match[2], 16), match[3]
            entry = {'tag': tag, 'children': []}
            entries[offset] = entry
            del path[depth:]
            if path:
                path[-1]['children'].append(entry)
            path.append(entry)
        elif path and (match := ATTRIBUTE.match(line)):
            name, value = match.groups()
            if value.startswith('(ind'):
                value = value.split('): ', 1)[1]
            path[-1].setdefault(name, value.strip())
    return entries


def _type(entries, entry):
    """The type behind a member, without its typedefs and qualifiers."""
    while True:
        reference = entry.get('DW_AT_type')
        if not reference:
            return None
        entry = entries[int(reference.strip('<>'), 16)]
        if entry['tag'] not in ('DW_TAG_typedef', 'DW_TAG_const_type', 'DW_TAG_volatile_type'):
            return entry


def _number(text):
    return int(text.split()[0], 0)


def _length(entries, array):
    bounds = [child for child in array['children'] if child['tag'] == 'DW_TAG_subrange_type']
    return _number(bounds[0].get('DW_AT_upper_bound', '-1')) + 1


def _size(entries, kind):
    if kind is None or kind['tag'] == 'DW_TAG_pointer_type':
        return 8
    if kind['tag'] == 'DW_TAG_array_type':
        return _length(entries, kind) * _size(entries, _type(entries, kind))
    return _number(kind['DW_AT_byte_size'])


def _fields(entries, struct, prefix, base):
    for member in struct['children']:
        if member['tag'] != 'DW_TAG_member':
            continue
        name = prefix + member.get('DW_AT_name', '')
        offset = base + _number(member.get('DW_AT_data_member_location', '0'))
        kind = _type(entries, member)
        if kind['tag'] == 'DW_TAG_structure_type' and 'DW_AT_declaration' not in kind:
            yield from _fields(entries, kind, name + '.', offset)
        elif kind['tag'] == 'DW_TAG_array_type':
            element = _type(entries, kind)
            size = _size(entries, element)
            for index in range(_length(entries, kind)):
                yield offset + index * size, size, f'{name}[{index}]'
        else:
            yield offset, _size(entries, kind), name


class Layout:
    """Of one structure: size, and (offset, bytes, name) of each field, those of inner structures too."""

    def __init__(self, objdump, elf, name):
        text = subprocess.run([objdump, '--dwarf=info', str(elf)], check=True, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True).stdout
        entries = _entries(text.splitlines())
        found = [entry for entry in entries.values()
                 if entry['tag'] == 'DW_TAG_structure_type' and entry.get('DW_AT_name') == name
                 and 'DW_AT_byte_size' in entry]
        self.size = _number(found[0]['DW_AT_byte_size'])
        self.fields = sorted(_fields(entries, found[0], '', 0))

    def word(self, offset):
        """The names of what lies in the 8 bytes there."""
        names = [name for start, size, name in self.fields if start < offset + 8 and start + size > offset]
        return ', '.join(names) or f'+{offset}'


@functools.lru_cache(maxsize=None)
def of(objdump, elf, name):
    """Once for each image in a process: reading the debug information takes seconds."""
    return Layout(objdump, elf, name)
