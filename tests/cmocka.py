# SPDX-License-Identifier: BSD-2-Clause
"""cmocka programs as pytest sees them: a file of tests, each of which passes or fails by name."""

import re
import subprocess

import pytest

import hartwood

CMOCKA_TEST = r"cmocka_unit_test\w*"
CMOCKA_MACRO = re.compile(r"^#define (\w+)\(\w+\)(?:[^\n]*\\\n)*[^\n]*\bcmocka_unit_test", re.M)
MACROS = re.compile(r"^#(?:[^\n]*\\\n)*[^\n]*", re.M)
VERDICT = re.compile(r"^\[ +(OK|FAILED|SKIPPED) +\] (\w+)$", re.M)
PROGRAM_TIMEOUT = 600


class Failure(Exception):
    """What a cmocka program printed, without Python's traceback around it."""


class CmockaFile(pytest.File):
    def collect(self):
        source = self.path.read_text(encoding="utf-8")
        self.result = None
        names = test_names(source)
        for name in names:
            yield CmockaTest.from_parent(self, name=name)
        yield CmockaProgram.from_parent(self, name="whole program", expected=names)

    def run(self):
        """Runs the program once, whichever of its tests asks first."""
        if self.result is None:
            self.result = self.run_now()
        return self.result

    def run_now(self):
        program = hartwood.BUILD / "host" / self.path.stem
        if not program.exists():
            return {}, f"{program} has not been built", None
        try:
            done = subprocess.run([str(program)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  stdin=subprocess.DEVNULL, timeout=PROGRAM_TIMEOUT, check=False)
            output, status = done.stdout, done.returncode
        except subprocess.TimeoutExpired as late:
            output, status = (late.stdout or b"") + b"\ntimed out", None
        output = output.decode(errors="replace")
        return {name: word for word, name in VERDICT.findall(output)}, output, status


class CmockaItem(pytest.Item):
    def __init__(self, **arguments):
        super().__init__(**arguments)
        # One worker runs all of a program, once.
        self.add_marker(pytest.mark.xdist_group(self.path.stem))

    def repr_failure(self, excinfo, style=None):
        if isinstance(excinfo.value, Failure):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self):
        return self.path, None, f"{self.path.stem}: {self.name}"


class CmockaTest(CmockaItem):
    def runtest(self):
        verdicts, output, _ = self.parent.run()
        verdict = verdicts.get(self.name)
        if verdict == "SKIPPED":
            pytest.skip("the program skips it")
        if verdict != "OK":
            raise Failure(around(output, self.name))


class CmockaProgram(CmockaItem):
    """What no single test shows: leaks found at exit, and tests that pytest does not know."""

    def __init__(self, expected, **arguments):
        super().__init__(**arguments)
        self.expected = set(expected)

    def runtest(self):
        verdicts, output, status = self.parent.run()
        unlisted = sorted(set(verdicts) - self.expected)
        if unlisted:
            raise Failure("not found by test_names() in the source: " + ", ".join(unlisted))
        if "FAILED" in verdicts.values():
            pytest.skip("one of its tests failed")
        if status != 0:
            raise Failure(f"exit status {status}\n" + output[-6000:])
        if not verdicts:
            raise Failure("it ran no test\n" + output[-2000:])


def test_names(source):
    """The names of the tests that a program registers, by cmocka's macros or its own over them.
    TEST is what headers that programs share call theirs."""
    macros = [CMOCKA_TEST, "TEST", *CMOCKA_MACRO.findall(source)]
    listed = re.findall(r"\b(?:" + "|".join(macros) + r")\(\s*(\w+)", MACROS.sub("", source))
    return list(dict.fromkeys(listed))


def around(output, name):
    """The part of a program's output that belongs to the test `name`, or all of it at a crash."""
    start = output.find(f"[ RUN      ] {name}\n")
    if start < 0:
        return f"{name} was not run\n" + output[-6000:]
    end = output.find("[ RUN      ]", start + 1)
    return output[start:end if end > 0 else None][:6000]
