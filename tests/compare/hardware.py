# SPDX-License-Identifier: BSD-2-Clause
"""What VT-x hardware moves at an entry and an exit: vmcs.toml's rules, for the controls that were set."""
import os
import tomllib

TABLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'vmcs.toml')
AREAS = ('guest', 'guest_checked', 'host', 'information', 'controls', 'consulted', 'others')


class Hardware:
    """The fields in use are those that the hypervisor wrote: {encoding: value}."""

    def __init__(self, written):
        with open(TABLE, 'rb') as file:
            self.table = tomllib.load(file)
        self.written = written

    def holds(self, rule, reason=None):
        rule = self.table['rules'][rule]
        if 'control' in rule:
            return bool(self.written[rule['control']] >> rule['bit'] & 1)
        return 'reasons' not in rule or reason in rule['reasons']

    def names(self):
        """Every field's name by its encoding."""
        return {row[0]: row[1] for part in AREAS for row in self.table[part]}

    def bytes_of(self, counts):
        """What so many reads or writes of each field, by name, move in all."""
        sizes = {row[1]: row[2] for part in AREAS for row in self.table[part]}
        return sum(sizes[name] * count for name, count in counts.items())

    @staticmethod
    def total(rows):
        return {'fields': len(rows), 'bytes': sum(row[2] for row in rows), 'names': [row[1] for row in rows]}

    def entry(self):
        guest = [row for row in self.table['guest'] if self.holds(row[3])]
        checked = [row for part in ('controls', 'host', 'guest_checked') for row in self.table[part]
                   if row[0] in self.written]
        return {'guest_loaded': self.total(guest), 'checked': self.total(checked)}

    def exit(self, reason):
        return {
            'guest_saved': self.total([r for r in self.table['guest'] if self.holds(r[4])]),
            'host_loaded': self.total([r for r in self.table['host'] if self.holds(r[3])]),
            'information': self.total([r for r in self.table['information'] if self.holds(r[3], reason)]),
        }

    def operation(self, exits, entries):
        """Sums over an operation's exits, {reason: count}, and entries."""
        sums = {}
        for reason, count in exits.items():
            for name, total in self.exit(int(reason)).items():
                add(sums, name, total, count)
        for name, total in self.entry().items():
            add(sums, name, total, entries)
        return sums


def add(sums, name, total, count):
    into = sums.setdefault(name, {'fields': 0, 'bytes': 0})
    into['fields'] += count * total['fields']
    into['bytes'] += count * total['bytes']
