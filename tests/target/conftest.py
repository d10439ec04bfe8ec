# SPDX-License-Identifier: BSD-2-Clause
"""What the target tests share: bundles that go when the test has passed, and bare guests run to
their end."""

import platform
import re
import shutil
import subprocess
import sys

import pytest

import hartwood

BUNDLES = hartwood.BUILD / "test-bundles"


class Report:
    """What a bare guest said of its checks (guests/lib/check.h)."""

    def __init__(self, text):
        lines = text.replace("\r", "").split("\n")
        self.ok = [line[3:] for line in lines if line.startswith("ok ")]
        self.failed = [line[7:] for line in lines if line.startswith("not ok ")]
        self.skipped = [line[5:] for line in lines if line.startswith("skip ")]
        self.done = re.findall(r"^done (\d+) (\d+)$", "\n".join(lines), re.M)

    def check(self, tail=""):
        """Fails with each check that failed, or with the end of the log if the guest got lost."""
        assert not self.failed, "\n".join(["checks that failed:", *self.failed])
        assert len(self.done) == 1, f"{len(self.done)} 'done' lines\n{tail}"
        assert self.done[0] == (str(len(self.ok)), "0"), (
            f"'done {' '.join(self.done[0])}' after {len(self.ok)} checks that passed\n{tail}")


@pytest.fixture
def bundle_path(request):
    """bundle_path() gives a new path for a bundle, which is removed after the test."""
    paths = []
    stem = re.sub(r"[^\w.=-]+", "_", request.node.name)

    def new():
        BUNDLES.mkdir(parents=True, exist_ok=True)
        paths.append(BUNDLES / f"{stem}.{len(paths) + 1}.dtb")
        return paths[-1]

    yield new
    for path in paths:
        path.unlink(missing_ok=True)


@pytest.fixture
def run_guest(boot, bundle_path):
    """run_guest(name, ...) runs guests/NAME as the only VM until the machine is off, and gives its
    Report, the machine in .machine. args are the guest's, qemu are more of QEMU's."""

    def run(name, args=None, cpus=1, memory=64 << 20, more="", qemu=(), timeout=180, **machine):
        blob = hartwood.bundle(bundle_path(), hartwood.guest(name), cpus=cpus, memory=memory,
                               bootargs=args, more=more)
        machine.setdefault("mem", "512M")
        running = boot(bundle=blob, lifetime=timeout + 20, args=qemu, **machine)
        status = running.wait_end(timeout)
        report = Report(running.text())
        report.machine = running
        assert status == 0, f"QEMU ended with status {status}\n{running.tail()}"
        return report

    return run


@pytest.fixture(scope="session")
def vtx_run(tmp_path_factory):
    """A directory with what one run of the comparison's VT-x side writes, 40 rounds of each operation."""
    if platform.machine() != "x86_64" or not shutil.which("bochs"):
        pytest.skip("no Bochs, or no compiler for x86-64")
    out = tmp_path_factory.mktemp("vtx")
    done = subprocess.run([sys.executable, "-B", str(hartwood.TOP / "tests" / "compare" / "vtx.py"), "--build",
                           str(hartwood.BUILD), "--out", str(out), "--count", "40"], capture_output=True, text=True,
                          timeout=200, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "ok"
    return out


@pytest.fixture(scope="session")
def riscv_run(tmp_path_factory):
    """A directory with what one run of our side of the comparison writes, 20 rounds of each operation."""
    out = tmp_path_factory.mktemp("riscv")
    done = subprocess.run([sys.executable, "-B", str(hartwood.TOP / "tests" / "compare" / "riscv.py"), "--build",
                           str(hartwood.BUILD), "--out", str(out), "--count", "20", f"default={hartwood.OUT}"],
                          capture_output=True, text=True, timeout=400, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "ok"
    return out
