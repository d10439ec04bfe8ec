# SPDX-License-Identifier: BSD-2-Clause
"""How pytest runs Hartwood's tests.

A C file tests/unit/test_*.c is a cmocka program, built by make; each of its tests is reported as
one of pytest's (cmocka.py). Target tests get the `boot` fixture, which starts machines and sees to
their end. The run closes with one line of counts.
"""

import os
import pathlib
import re

import pytest

import cmocka
import hartwood


def pytest_collect_file(file_path, parent):
    if file_path.suffix == ".c" and file_path.name.startswith("test_"):
        return cmocka.CmockaFile.from_parent(parent, path=file_path)
    return None


# ---- machines --------------------------------------------------------------------------------


@pytest.fixture
def boot(request):
    """boot(**arguments) starts a hartwood.Machine; all are killed when the test ends."""
    machines = []

    def start(**arguments):
        name = re.sub(r"[^\w.=-]+", "_", request.node.name)
        if machines:
            name += f".{len(machines) + 1}"
        machine = hartwood.Machine(arguments.pop("name", name), **arguments)
        machines.append(machine)
        return machine

    yield start
    for machine in machines:
        machine.kill()


# ---- the closing line ------------------------------------------------------------------------


def counts(config):
    reporter = config.pluginmanager.getplugin("terminalreporter")

    def count(*kinds):
        return sum(len(reporter.stats.get(kind, [])) for kind in kinds)

    return count("passed"), count("failed", "error", "xpassed"), count("skipped", "xfailed")


def is_worker(config):
    return hasattr(config, "workerinput")


def pytest_collection_modifyitems(config, items):
    """Without SOAK=1 in the environment the longest are left out, with it all others. Under a policy
    (mk/policy.mk) so is what has nothing to do with it, and shows as skipped."""
    if hartwood.POLICY:
        for item in items:
            for mark in item.iter_markers("once"):
                item.add_marker(pytest.mark.skip(reason=f"the same in every build: {mark.args[0]}"))
    soak = os.environ.get("SOAK", "") not in ("", "0")
    left_out = [item for item in items if (item.get_closest_marker("soak") is not None) != soak]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session):
    # A run in which nothing passed or failed has tested nothing.
    if not is_worker(session.config) and session.exitstatus == pytest.ExitCode.OK:
        passed, failed, _ = counts(session.config)
        if passed + failed == 0:
            session.exitstatus = pytest.ExitCode.NO_TESTS_COLLECTED


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config):
    if is_worker(config) or config.option.collectonly:
        return
    passed, failed, skipped = counts(config)
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""),
          flush=True)


def pytest_configure(config):
    config.addinivalue_line("markers", "xdist_group(name): runs on one worker with its group")
    config.addinivalue_line("markers", "once(reason): says nothing about the image, or not of this one; "
                                       "`make test-policies` leaves it out")
    config.addinivalue_line("markers", "soak: takes long; only `make soak` runs it")
    pathlib.Path(hartwood.LOGS).mkdir(parents=True, exist_ok=True)
