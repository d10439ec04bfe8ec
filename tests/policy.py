# SPDX-License-Identifier: BSD-2-Clause
"""The builds for comparison: which make options each takes, and its boot image, made when asked for
in a directory of its own beside the lazy one's."""

import os
import subprocess

import hartwood

# The lazy one is what plain make builds.
OPTIONS = {
    "lazy": [],
    "full": ["EXIT=full"],
    "eager": ["SWITCH=eager"],
    "both": ["SWITCH=eager", "EXIT=full"],
}

# Of the make above us, if there is one; its options are not this build's.
NOT_PASSED_ON = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "OUT", "BUILD", "DEBUG",
                 "EXIT", "SWITCH", "POLICY")


def image(name):
    """The boot image of a policy, built from what the sources are now."""
    directory = hartwood.BUILD / f"policy-{name}"
    environment = {key: value for key, value in os.environ.items() if key not in NOT_PASSED_ON}
    directory.mkdir(parents=True, exist_ok=True)
    # `make compare` builds there, too (mk/compare.mk).
    done = subprocess.run(["flock", f"{directory}.lock", "make", "-s", f"BUILD={directory}",
                           f"CACHE={os.environ.get('CACHE') or hartwood.BUILD / 'cache'}",
                           f"CROSS={os.environ.get('CROSS', 'riscv64-unknown-elf-')}",
                           *OPTIONS[name], "hartwood"],
                          cwd=hartwood.TOP, capture_output=True, text=True, timeout=300,
                          env=environment, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return directory / "hartwood.bin"
