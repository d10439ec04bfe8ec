# SPDX-License-Identifier: BSD-2-Clause
"""The audit of tests/audit, without what takes longest: a guest finds what it would find on the same
CPU model without H, the host's CSRs stay what they are, and the device tree promises just what there
is. `make audit` does all of it and prints the tables."""

import pathlib
import re
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "audit"))
import audit  # noqa: E402
import run  # noqa: E402


@pytest.mark.parametrize("model", run.MODELS)
def test_audit_finds_nothing(model):
    failures = audit.Model(model, brief=True, name="test-audit").failures()
    assert not failures, "\n".join(failures)


@pytest.mark.parametrize("cpu,names", [
    ("max,smstateen=off", {"14e", "14f", "150"}),  # sctrctl, sctrstatus, siselect
    ("rv64,d=off,zcd=off,zcmt=on", {"17"}),        # jvt
    ("rv64,f=off,d=off,zfa=off,zcd=off,zfinx=on", {"1", "2", "3"}),  # fflags, frm, fcsr
])
def test_what_no_csr_guards_is_no_channel(cpu, names):
    """On harts where a guest can reach state that nobody promises it: it loses what it has put
    there, and never finds what the other VM did."""
    machine = run.Hartwood(cpu, "test-audit-" + cpu.replace(",", "-").replace("=", "-"), "held-only",
                           shares=100)
    assert machine.rounds > 0 and machine.written > 0
    saw = re.findall(r"(\S+) was \S+ and is (\S+)", "\n".join(machine.watch_saw))
    assert set(saw) == {(name, "0") for name in names}, machine.watch_saw
