# SPDX-License-Identifier: BSD-2-Clause
"""The host tests of what the builds for comparison change (mk/policy.mk) pass in these builds, too.
`make test-policies` runs all of them."""

import re
import subprocess

import pytest

import hartwood

pytestmark = pytest.mark.once("builds of its own")

RULES = (hartwood.TOP / "mk" / "policy.mk").read_text(encoding="utf-8")
TESTS = re.search(r"^policy_tests := (.+)$", RULES, re.M).group(1).split()
POLICIES = ["eager", "both"]


@pytest.mark.parametrize("test", TESTS)
@pytest.mark.parametrize("policy", POLICIES)
def test_passes_under(policy, test):
    program = hartwood.BUILD / "host" / f"policy-{policy}" / f"test_{test}"
    assert program.exists(), f"{program} has not been built"
    done = subprocess.run([str(program)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=300, check=False)
    output = done.stdout.decode(errors="replace")
    assert done.returncode == 0, f"exit status {done.returncode}\n{output[-6000:]}"
    assert re.search(r"^\[ +PASSED +\] [1-9]", output, re.M), output[-2000:]
