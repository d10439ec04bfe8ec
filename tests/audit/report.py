# SPDX-License-Identifier: BSD-2-Clause
"""The audit's tables as text."""

import collections
import json

import classes


def equivalence(results):
    """results: model to what audit.Model found."""
    lines = ["Equivalence: a guest's records against those of the same CPU model without H, alone",
             "", f"{'':34}" + "".join(f"{model:>12}" for model in results)]

    def row(title, value):
        lines.append(f"{title:34}" + "".join(f"{value(result):>12,}" for result in
                                             results.values()))

    row("things tried", lambda result: len(result.guest.by_key))
    row("the same", lambda result: len(result.guest.by_key) - len(result.found))
    row("different, listed with a reason", lambda result: len(result.found) - len(result.unlisted))
    row("  by so many entries", lambda result: len(result.listed))
    row("different, not listed", lambda result: len(result.unlisted))
    row("entries that nothing matches", lambda result: len(result.stale))
    row("extensions tried for the promise", lambda result: result.extension_count)
    row("promised and not there, or so", lambda result: len(result.broken_promises))
    lines += ["", "The list:"]
    for entry in next(iter(results.values())).expected:
        models = [model for model, result in results.items()
                  if entry in [listed for listed, _ in result.listed]]
        if models:
            lines.append(f"  {', '.join(entry.item_texts)} ({'; '.join(' '.join(place) for place in entry.where)}; {', '.join(models)}):")
            lines.append(f"      {entry.reason}")
    return lines


def resource_control(results):
    lines = ["Resource control: what becomes of sensitive accesses and instructions in a virtual",
             "machine (encodings, each in S-mode and in U-mode)", "",
             f"{'':34}" + "".join(f"{model:>12}" for model in results)]
    for state in classes.CLASSES:
        if state == classes.HARMLESS:
            continue
        counts = [sum(item.sensitive and item.state == state for item in result.items)
                  for result in results.values()]
        lines.append(f"{state:34}" + "".join(f"{count:>12,}" for count in counts))
    lines += ["", f"{'the host':34}" + "".join(f"{model:>12}" for model in results)]
    for title, value in [
            ("markers", lambda result: result.host.markers),
            ("CSRs of the hart compared", lambda result: len(result.host.compared)),
            ("never changed", lambda result: result.host.unchanged),
            ("changed, as host.toml has it", lambda result: len(result.host.compared)
             - result.host.unchanged - len(result.host.wrong)),
            ("changed otherwise", lambda result: len(result.host.wrong)),
            ("CSRs that the second VM watched", lambda result: result.run.watched),
            ("  of these with values of its own", lambda result: result.run.written),
            ("  times", lambda result: result.run.rounds),
            ("  changed", lambda result: len(result.run.watch_saw))]:
        lines.append(f"{title:34}" + "".join(f"{value(result):>12,}"
                                             for result in results.values()))
    own = collections.OrderedDict()
    for result in results.values():
        for item in result.items:
            if item.sensitive and item.state in (classes.OWN_HARDWARE, classes.OWN_MOVED):
                own.setdefault(item.state, set()).add(item.name.replace(" read", "")
                                                      .replace(" written", ""))
    for state, names in own.items():
        lines += ["", f"{state}: {', '.join(sorted(names))}"]
    return lines


def literature(results):
    lines = ["In the classes of Popek and Goldberg (encodings, each in VS- and in VU-mode)", "",
             f"{'':34}" + "".join(f"{model:>12}" for model in results)]

    def row(title, holds):
        lines.append(f"{title:34}" + "".join(
            f"{sum(map(holds, result.items)):>12,}" for result in results.values()))

    there = [classes.REFUSED]
    row("tried", lambda item: True)
    row("of no mode below M", lambda item: item.state in there)
    row("privileged", lambda item: item.privileged)
    row("sensitive", lambda item: item.sensitive and item.state not in there)
    row("  control-sensitive", lambda item: item.kind == "control" and item.state not in there)
    row("  behaviour-sensitive", lambda item: item.kind == "behaviour" and item.state not in there)
    row("sensitive and privileged", lambda item: item.sensitive and item.privileged)
    row("sensitive, on the machine's own", lambda item: item.sensitive and item.state in (
        classes.OWN_HARDWARE, classes.OWN_MOVED, classes.OWN_TRAP))
    row("sensitive, constant zero", lambda item: item.sensitive
        and item.state == classes.HARMLESS)
    row("critical", lambda item: item.state == classes.CRITICAL)
    return lines


def verdict(results):
    """Gives (lines, failures)."""
    where = {}
    for model, result in results.items():
        for item in result.items:
            if item.state == classes.CRITICAL:
                where.setdefault(item.name, set()).add(model)
    if not where:
        return ["This ISA subset meets the theorem's condition: every sensitive instruction either "
                "traps or", "acts on what is the virtual machine's own."], []
    lines = ["Critical instructions, sensitive and neither trapping nor on the machine's own:"]
    for name, models in sorted(where.items()):
        lines.append(f"  {name} ({', '.join(sorted(models))}): "
                     f"{classes.KNOWN_CRITICAL.get(name, 'not known')}")
    lines += ["To the letter this ISA subset does not meet the theorem's condition. None of these "
              "controls anything:", "but for what they tell, it does."]
    return lines, [f"critical: {name}" for name in where if name not in classes.KNOWN_CRITICAL]


def efficiency(path):
    """Gives (lines, failures). The file has {"workloads": [{"name", "guest", "hypervisor", "firmware",
    "total", "floor"}], "made_by"}: exact counts of instructions; floor, a share that it must not
    fall below, and made_by need not be there."""
    if not path.exists():
        return ["Efficiency: not measured here (there is no build/audit/efficiency.json)."], []
    data, failures = json.loads(path.read_text()), []
    lines = ["Efficiency: instructions executed, by who executed them", ""]
    if data.get("made_by"):
        lines[0] += f" ({data['made_by']})"
    lines.append(f"{'':30}{'guest':>16}{'Hartwood':>14}{'firmware':>14}{'share':>10}")
    for row in data["workloads"]:
        total = row["guest"] + row["hypervisor"] + row["firmware"]
        share = row["guest"] / total
        lines.append(f"{row['name']:30}{row['guest']:>16,}{row['hypervisor']:>14,}"
                     f"{row['firmware']:>14,}{100 * share:>9.3f}%")
        if total != row["total"]:
            failures.append(f"efficiency: '{row['name']}' has another total than its parts")
        if share < row.get("floor", 0):
            failures.append(f"efficiency: '{row['name']}' is below {row['floor']}")
    return lines, failures
