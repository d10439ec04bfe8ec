# SPDX-License-Identifier: BSD-2-Clause
"""README.md says of the bundle's properties what the parser's own tables say, no more and no less."""

import re
import subprocess

import pytest

import hartwood

pytestmark = pytest.mark.once("README.md against sources")

TABLE = re.compile(r"^Properties of `([^`]+)`:\n\n((?:\|.*\n)+)", re.M)


def tables(text):
    return dict(TABLE.findall(text))


@pytest.fixture(name="reference")
def reference_fixture():
    program = hartwood.BUILD / "host" / "test_bundle"
    assert program.exists(), f"{program} has not been built"
    done = subprocess.run([str(program), "--reference"], stdout=subprocess.PIPE, text=True,
                          check=True, timeout=60)
    return tables(done.stdout)


def test_readme_has_the_tables_of_the_parser(reference):
    readme = tables((hartwood.TOP / "README.md").read_text(encoding="utf-8"))
    assert sorted(reference) == ["/console", "/scheduler", "/vms/NAME"]
    for node, table in reference.items():
        assert readme.get(node) == table, f"run {hartwood.BUILD}/host/test_bundle --reference"


def test_readme_has_each_property_of_an_image():
    source = (hartwood.TOP / "hyp" / "config" / "bundle_image.c").read_text(encoding="utf-8")
    table = tables((hartwood.TOP / "README.md").read_text(encoding="utf-8"))["/images/NAME"]
    known = re.search(r"image_properties\[\] = \{(.*?)\n\};", source, re.S).group(1)
    names = set(re.findall(r'\{"([^"]+)"', known)) - {"phandle", "linux,phandle", "timestamp"}
    assert set(re.findall(r"`([^`]+)`", "".join(line.split("|")[1]
                                               for line in table.splitlines()[2:]))) == names
