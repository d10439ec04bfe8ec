#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The audit of Hartwood: equivalence, resource control, and the classes of the literature, for QEMU's
CPU models rv64, max and rva23s64. Writes build/audit/report.txt and ends with "audit: passed" or
"audit: failed"; what the machines printed is in build/audit/ too.

    tests/audit/audit.py [--brief] [MODEL ...]
"""

import argparse
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]
import hartwood  # noqa: E402

import classes  # noqa: E402
import host  # noqa: E402
import promises  # noqa: E402
import records  # noqa: E402
import report  # noqa: E402
import run  # noqa: E402

OUTPUT = hartwood.BUILD / "audit"


class Model:
    """All that was found out about one CPU model. A brief run leaves out contexts and tables that
    have shown nothing of their own so far, and the classes."""

    def __init__(self, model, brief=False, name="audit"):
        self.model, self.brief = model, brief
        words = "brief" if brief else ""
        self.expected = records.load_expected(HERE / "differences.toml")
        self.rules = host.load_rules(HERE / "host.toml")
        self.run = run.Hartwood(model, f"{name}-{model}", words)
        self.guest = records.Records(self._keep("hartwood", self.run.text))
        self.alone = records.Records(self._keep("alone", run.alone(
            model, f"{name}-{model}-alone", words)))
        self.found = records.differences(self.alone, self.guest)
        self.unlisted, self.listed, self.stale = records.sort_out(self.found, self.expected, model)
        self.host = host.HostState(self.run.markers.at, self.rules)
        self.extension_count, self.broken_promises = promises.check(
            self.guest, promises.promised(self.run.text))
        self.items, self.strange = [], []
        if not brief:
            native = records.Records(self._keep("native", run.alone(
                model, f"{name}-{model}-native", words, h=True)))
            classifier = classes.Classifier(native, self.run, self.guest, self.rules)
            self.items, self.strange = classifier.items(), classifier.strange

    def _keep(self, kind, text):
        OUTPUT.mkdir(parents=True, exist_ok=True)
        (OUTPUT / f"{self.model}-{kind}.txt").write_text(text, encoding="latin-1")
        return text

    def failures(self):
        lines = [f"not listed: {line}" for line in records.ranges(self.unlisted)]
        lines += [f"nothing matches the entry for {', '.join(entry.item_texts)}: {entry.reason}"
                  for entry in self.stale]
        lines += self.host.failures
        lines += [f"the second VM's {saw}" for saw in self.run.watch_saw]
        if not (self.run.rounds and self.run.written):
            lines.append("the second VM has watched nothing")
        lines += self.broken_promises + self.strange
        return [f"{self.model}: {line}" for line in lines]


def unused_rules(results):
    """Entries of host.toml that no model needs."""
    used = {rule.reason for result in results.values() for rule in result.host.used}
    return [f"nothing needs the entry of host.toml for {', '.join(rule.names)}: {rule.reason}"
            for rule in next(iter(results.values())).rules if rule.reason not in used and not rule.sometimes]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--brief", action="store_true")
    parser.add_argument("models", nargs="*", default=run.MODELS)
    arguments = parser.parse_args()
    results = {}
    for model in arguments.models:
        print(f"audit: {model} ...", flush=True)
        results[model] = Model(model, arguments.brief)
    lines, failures = [], [line for result in results.values() for line in result.failures()]
    lines += report.equivalence(results) + ["", ""] + report.resource_control(results) + ["", ""]
    if not arguments.brief:
        verdict, unknown = report.verdict(results)
        failures += unknown
        lines += report.literature(results) + [""] + verdict + ["", ""]
    efficiency, missed = report.efficiency(OUTPUT / "efficiency.json")
    failures += missed
    if set(arguments.models) == set(run.MODELS):
        failures += unused_rules(results)
    lines += efficiency + [""] + failures
    lines.append("audit: passed" if not failures else f"audit: failed, {len(failures)} findings")
    (OUTPUT / "report.txt").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main())
