# SPDX-License-Identifier: BSD-2-Clause
"""The audit of tests/audit, without what takes longest: a guest finds what it would find on the same
CPU model without H, the host's CSRs stay what they are, and the device tree promises just what there
is. `make audit` does all of it and prints the tables."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "audit"))
import audit  # noqa: E402
import run  # noqa: E402


@pytest.mark.parametrize("model", run.MODELS)
def test_audit_finds_nothing(model):
    failures = audit.Model(model, brief=True, name="test-audit").failures()
    assert not failures, "\n".join(failures)


@pytest.mark.parametrize("cpu", ["max,smstateen=off", "rv64,d=off,zcd=off,zcmt=on"])
def test_what_no_csr_guards_is_no_channel(cpu):
    """On harts where a guest can reach state that nobody promises it."""
    machine = run.Hartwood(cpu, "test-audit-" + cpu.replace(",", "-").replace("=", "-"), "held-only")
    assert machine.rounds > 0 and machine.written > 0
    assert not machine.watch_saw, machine.watch_saw
