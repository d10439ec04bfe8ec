# SPDX-License-Identifier: BSD-2-Clause
"""The sources are as clang-format 14 leaves them."""

import re
import shutil
import subprocess

import pytest

import hartwood

pytestmark = pytest.mark.once("how sources look")

# Other versions lay out some constructs differently; this one decides.
VERSION = "14"


def test_format():
    if not shutil.which("clang-format"):
        pytest.skip("no clang-format here")
    banner = subprocess.run(["clang-format", "--version"], capture_output=True, text=True,
                            check=True).stdout
    version = re.search(r"version (\d+)", banner).group(1)
    if version != VERSION:
        pytest.skip(f"formatting is checked by clang-format {VERSION}, this is {version}")
    sources = sorted(path for folder in ("hyp", "platform", "firmware", "guests", "tests")
                     for path in (hartwood.TOP / folder).rglob("*.[ch]"))
    done = subprocess.run(["clang-format", "--dry-run", "--Werror", *sources],
                          cwd=hartwood.TOP, capture_output=True, text=True, check=False)
    wrong = sorted(set(re.findall(r"^(\S+?):\d+:\d+: error", done.stderr, re.M)))
    assert done.returncode == 0, "make format would change: " + ", ".join(wrong)
