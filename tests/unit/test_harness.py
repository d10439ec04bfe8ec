# SPDX-License-Identifier: BSD-2-Clause
"""The test run itself: each kind of failure in a cmocka program counts as one, and shows."""

import os
import shutil
import subprocess
import sys

import pytest

import cmocka
import hartwood

pytestmark = pytest.mark.once("how tests are counted")

PROLOGUE = """
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
"""

GOOD = "static void good(void **s) { (void)s; assert_true(1); }\n"


def program(*tests, end="status"):
    listed = "".join(f"cmocka_unit_test({name})," for name in tests)
    return (f"int main(void) {{ const struct CMUnitTest t[] = {{ {listed} }};\n"
            f"int status = cmocka_run_group_tests(t, NULL, NULL); (void)status; return {end}; }}\n")


def run_tests(directory, source):
    """Builds the program, lets pytest run it in a tree of its own; gives status and output."""
    tests = directory / "tests" / "unit"
    tests.mkdir(parents=True)
    for name in ("conftest.py", "cmocka.py", "hartwood.py"):
        shutil.copy(hartwood.TOP / "tests" / name, directory / "tests")
    (tests / "test_x.c").write_text(PROLOGUE + source)
    (directory / "build" / "host").mkdir(parents=True)
    subprocess.run(["gcc", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all",
                    tests / "test_x.c", "-o", directory / "build" / "host" / "test_x", "-lcmocka"],
                   check=True)
    return run_pytest(directory)


def run_pytest(directory):
    done = subprocess.run([sys.executable, "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider",
                           "-c", "/dev/null", "--rootdir=tests", "tests"],
                          cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False,
                          env={**os.environ, "BUILD": str(directory / "build"),
                               "PYTEST_ADDOPTS": ""})
    return done.returncode, done.stdout


CASES = {
    "all is well": (GOOD + program("good"), "2 passed, 0 failed"),
    "an assertion fails": (
        "static void bad(void **s) { (void)s; assert_int_equal(1, 2); }\n" + GOOD +
        program("good", "bad"), "1 passed, 1 failed, 1 skipped"),
    "a test is skipped": (
        "static void later(void **s) { (void)s; skip(); }\n" + GOOD + program("good", "later"),
        "2 passed, 0 failed, 1 skipped"),
    "undefined behaviour": (
        "static int big = 0x7fffffff;\n"
        "static void bad(void **s) { (void)s; big++; }\n" + GOOD + program("good", "bad"),
        "1 passed, 2 failed"),
    "a leak found at the end": (
        "void *volatile lost;\nstatic void leak(void **s) { (void)s; lost = malloc(9); lost = 0; }\n"
        + program("leak"), "1 passed, 1 failed"),
    "a crash": (
        "static void bad(void **s) { (void)s; *(volatile int *)8 = 1; }\n" + GOOD +
        program("bad", "good"), "1 passed, 1 failed, 1 skipped"),
    "an early end": (
        "static void bad(void **s) { (void)s; _Exit(0); }\n" + GOOD +
        program("bad", "good"), "0 passed, 3 failed"),
    "a test that is listed and not run": (
        GOOD + "static void other(void **s) { (void)s; }\n"
        "int main(void) { const struct CMUnitTest t[] = { cmocka_unit_test(good) };\n"
        "const struct CMUnitTest u[] = { cmocka_unit_test(other) }; (void)u;\n"
        "return cmocka_run_group_tests(t, NULL, NULL); }\n", "2 passed, 1 failed"),
    "a test whose name the source does not show": (
        "#define A(x, y) cmocka_unit_test(x##y)\n"
        "static void bad(void **s) { (void)s; assert_true(0); }\n" + GOOD +
        "int main(void) { const struct CMUnitTest t[] = { cmocka_unit_test(good), A(b, ad) };\n"
        "return cmocka_run_group_tests(t, NULL, NULL); }\n", "1 passed, 1 failed"),
    "failure by exit status alone": (GOOD + program("good", end="3"), "1 passed, 1 failed"),
}


@pytest.mark.parametrize("what", CASES)
def test_outcome_is_counted(tmp_path, what):
    source, closing = CASES[what]
    status, output = run_tests(tmp_path, source)
    assert output.splitlines()[-1] == closing, output
    assert (status == 0) == (", 0 failed" in closing)


def test_a_run_of_nothing_fails(tmp_path):
    tests = tmp_path / "tests"
    tests.mkdir()
    for name in ("conftest.py", "cmocka.py", "hartwood.py"):
        shutil.copy(hartwood.TOP / "tests" / name, tests)
    (tests / "test_nothing.py").write_text("import pytest\n\ndef test_x():\n\tpytest.skip('no')\n")
    status, output = run_pytest(tmp_path)
    assert status != 0 and output.splitlines()[-1] == "0 passed, 0 failed, 1 skipped"


def test_names_are_found_behind_a_macro():
    source = ("#define T(a) \\\n  cmocka_unit_test_setup(a, b)\n#define U(a) (a)\n"
              "T(one), cmocka_unit_test( two ), U(three), cmocka_unit_test_teardown(four,\n e)")
    assert cmocka.test_names(source) == ["one", "two", "four"]
