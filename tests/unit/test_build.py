# SPDX-License-Identifier: BSD-2-Clause
"""The scripts that fetch, convert and package: what they accept, refuse and say."""

import gzip
import os
import pathlib
import shutil
import struct
import subprocess

import pytest

import hartwood

pytestmark = pytest.mark.once("scripts")

IMAGE_TOOLS = hartwood.TOP / "firmware" / "image"
CROSS = "riscv64-unknown-elf-"


def run(*command, **arguments):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          check=False, **arguments)


# ---- libfdt for the target -------------------------------------------------------------------


def archive(directory, source, *flags):
    """An archive of one lp64d object, as Debian's libfdt.a holds them."""
    (directory / "x.s").write_text(".globl f\nf:\n" + source)
    for command in ([CROSS + "gcc", "-march=rv64gc", "-mabi=lp64d", *flags, "-c",
                     directory / "x.s", "-o", directory / "x.o"],
                    [CROSS + "ar", "cr", directory / "in.a", directory / "x.o"]):
        subprocess.run(command, check=True)
    return directory / "in.a"


def soften(directory, source):
    return run(IMAGE_TOOLS / "soft-float-libfdt", CROSS, archive(directory, source),
               directory / "out.a")


def test_double_float_object_is_relabelled(tmp_path):
    done = soften(tmp_path, " fence\n fence.i\n" + " addi a0, a0, 1\n" * 1200 + " ret\n")
    assert done.returncode == 0, done.stderr
    header = run(CROSS + "readelf", "-h", tmp_path / "out.a").stdout
    assert "soft-float ABI" in header and "RVC" in header


@pytest.mark.parametrize("instruction", [
    "fadd.d fa0, fa0, fa1", "fld fs0, 0(sp)", "fmv.x.d a0, fa0", "fsd fa0, 8(a0)",
    ".option arch, +v\n vadd.vv v0, v1, v2", ".insn 4, 0x0000700b",
])
def test_object_with_floating_point_vector_or_unknown_code_is_refused(tmp_path, instruction):
    done = soften(tmp_path, " addi a0, a0, 1\n" * 1200 + f" {instruction}\n ret\n")
    assert done.returncode != 0 and "x.o uses" in done.stderr
    assert not (tmp_path / "out.a").exists()


def test_object_that_needs_an_unknown_symbol_is_refused(tmp_path):
    done = soften(tmp_path, " addi a0, a0, 1\n" * 1200 + " call __memcpy_chk\n")
    assert done.returncode != 0 and "__memcpy_chk" in done.stderr


def test_disassembly_that_cannot_be_read_is_refused(tmp_path):
    done = soften(tmp_path, " ret\n")
    assert done.returncode != 0 and "only 1 instructions" in done.stderr


# ---- kernel and initramfs --------------------------------------------------------------------


def kernel_image():
    return (b"MZ\0\0" + bytes(52) + b"RSC\x05" + bytes(68)).ljust(4096, b"k")


def zboot(payload, kind=b"gzip"):
    header = struct.pack("<4s4sII8x32s", b"MZ\0\0", b"zimg", 64, len(payload), kind)
    return header.ljust(64, b"\0") + payload + b"trailer"


@pytest.mark.parametrize("wrap", [
    lambda image: image, gzip.compress, lambda image: zboot(gzip.compress(image)),
], ids=["plain", "gzip", "zboot"])
def test_kernel_is_unpacked(tmp_path, wrap):
    (tmp_path / "boot").write_bytes(wrap(kernel_image()))
    done = run(IMAGE_TOOLS / "unpack-kernel", tmp_path / "boot", tmp_path / "Image")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "Image").read_bytes() == kernel_image()


@pytest.mark.parametrize("content", [b"", b"MZ" + bytes(100), b"\x7fELF" + bytes(100),
                                     zboot(b"", b"zstd22")],
                         ids=["empty", "no header", "ELF", "zstd"])
def test_other_kernels_are_refused(tmp_path, content):
    (tmp_path / "boot").write_bytes(content)
    done = run(IMAGE_TOOLS / "unpack-kernel", tmp_path / "boot", tmp_path / "Image")
    assert done.returncode != 0 and not (tmp_path / "Image").exists()


def test_initramfs_is_reproducible_and_readable(tmp_path):
    (tmp_path / "busybox").write_bytes(b"\x7fELFbox")
    init = hartwood.TOP / "guests" / "linux" / "init"
    for name in ("a", "b"):
        done = run(IMAGE_TOOLS / "initramfs", tmp_path / name, f"init={init}",
                   f"bin/busybox={tmp_path / 'busybox'}")
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    data = gzip.decompress((tmp_path / "a").read_bytes())
    files = {}
    offset = 0
    while True:
        fields = [int(data[offset + 6 + 8 * i:offset + 14 + 8 * i], 16) for i in range(13)]
        start = offset + 110
        name = data[start:start + fields[11] - 1].decode()
        if name == "TRAILER!!!":
            break
        body = (start + fields[11] + 3) & ~3
        files[name] = (fields[1], data[body:body + fields[6]])
        offset = (body + fields[6] + 3) & ~3
    assert files["init"] == (0o100755, init.read_bytes())
    assert files["bin/busybox"] == (0o100755, b"\x7fELFbox")
    assert files["bin/sh"] == (0o120777, b"busybox")
    assert files["dev/console"][0] == 0o020600


def test_init_and_its_modes_are_valid_shell_scripts():
    linux = hartwood.TOP / "guests" / "linux"
    for script in [linux / "init", *(linux / "bin").iterdir()]:
        assert run("sh", "-n", script).returncode == 0, script


@pytest.mark.parametrize("name", ["linux", "uboot", "three"])
def test_bundle_is_listed_by_dumpimage(name):
    blob = hartwood.BUILD / f"{name}.dtb"
    if not blob.exists():
        pytest.skip(f"{blob} has not been built")
    listing = run("dumpimage", "-l", blob).stdout
    assert "FIT description" in listing and "RISC-V" in listing and "Kernel Image" in listing


# ---- where packages come from ----------------------------------------------------------------


def apt_etc(directory, files):
    """An apt configuration whose sources are `files`; gives the environment that selects it."""
    etc = directory / "etc"
    (etc / "sources.list.d").mkdir(parents=True)
    (directory / "lists" / "partial").mkdir(parents=True)
    for name, text in files.items():
        (etc / name).write_text(text)
    (directory / "apt.conf").write_text(
        f'Dir::Etc "{etc}"; Dir::State::Lists "{directory}/lists";\n')
    return {**os.environ, "APT_CONFIG": str(directory / "apt.conf")}


def archives(directory, files, **variables):
    done = run("bash", "-c", f". {IMAGE_TOOLS}/apt.sh; main_archives",
               env={**apt_etc(directory, files), **variables})
    return [line.rstrip("/") for line in done.stdout.splitlines()]


needs_apt = pytest.mark.skipif(not shutil.which("apt-get"), reason="no apt here")


@needs_apt
def test_archive_is_read_from_deb822_sources(tmp_path):
    assert archives(tmp_path, {"sources.list.d/debian.sources": (
        "Types: deb deb-src\n# a comment\nURIs: http://mirror.test/debian\n"
        "Suites: bookworm bookworm-updates\nComponents: main contrib\n\n"
        "Types: deb\nEnabled: no\nURIs: http://off.test/debian\nSuites: trixie\n"
        "Components: main\n")}) == ["http://mirror.test/debian"]


@needs_apt
def test_archive_is_read_from_one_line_sources_with_options(tmp_path):
    assert archives(tmp_path, {
        "sources.list": "# deb http://old.test/debian bookworm main\n"
                        "deb-src http://src.test/debian bookworm main\n"
                        "deb cdrom:[Debian 12]/ bookworm main\n"
                        "deb [ arch=amd64 signed-by=/k.gpg ] http://a.test/debian bookworm main\n",
        "sources.list.d/b.list": "deb mirror+file:/etc/apt/mirrors/debian.list trixie main\n",
    }) == ["http://a.test/debian", "mirror+file:/etc/apt/mirrors/debian.list"]


@needs_apt
def test_plain_suites_come_before_security_and_other_components_not_at_all(tmp_path):
    assert archives(tmp_path, {
        "sources.list": "deb http://sec.test/debian-security bookworm-security main\n"
                        "deb http://third.test/apt bookworm stable\n"
                        "deb http://a.test/debian stable main\n",
    }) == ["http://a.test/debian", "http://sec.test/debian-security"]


@needs_apt
def test_mirror_variable_decides(tmp_path):
    assert archives(tmp_path, {"sources.list": "deb http://a.test/debian stable main\n"},
                    MIRROR="http://mine.test/d") == ["http://mine.test/d"]


@needs_apt
def test_no_archive_is_an_error_that_names_the_remedy(tmp_path):
    env = apt_etc(tmp_path, {"sources.list": "deb cdrom:[Debian 12]/ bookworm main\n"})
    done = run(IMAGE_TOOLS / "fetch-guests", tmp_path / "cache", env=env)
    assert done.returncode != 0 and "MIRROR=" in done.stderr
    assert not (tmp_path / "cache" / "guests.list").exists()


# ---- host tools ------------------------------------------------------------------------------


def test_without_root_the_missing_tools_are_listed(tmp_path):
    command = [IMAGE_TOOLS / "host-tools", tmp_path / "build", "build", "run"]
    if os.geteuid() == 0:
        # Somewhere that the unprivileged user can read, and without a sudo that would help it.
        if run("setpriv", "--reuid=65534", "--clear-groups", "--", "test", "-x",
               command[0]).returncode != 0:
            pytest.skip("the sources cannot be read without root")
        command = ["setpriv", "--reuid=65534", "--clear-groups", "--", *command]
    elif run("sudo", "-n", "true").returncode == 0:
        pytest.skip("sudo works without a password here")
    done = run(*command, env={**os.environ, "QEMU": "/nonexistent/qemu"})
    assert done.returncode != 0
    assert "qemu-system-riscv" in done.stderr and "the emulated machine" in done.stderr
    assert not (tmp_path / "build" / "tools.mk").exists()


def test_tools_file_is_left_alone_when_nothing_changed(tmp_path):
    tools = tmp_path / "tools.mk"
    times = []
    for _ in range(2):
        assert run(IMAGE_TOOLS / "host-tools", tmp_path, "build").returncode == 0
        times.append(tools.stat().st_mtime_ns)
    assert times[0] == times[1]
    libc = tools.read_text().split("LIBC := ")[1].splitlines()[0]
    assert pathlib.Path(libc).exists() and "rv64imac/lp64" in libc


def test_help_names_every_variable_and_target():
    text = run("make", "-s", "help", cwd=hartwood.TOP).stdout
    for word in ("run", "test", "debug", "bench", "format", "clean", "distclean", "BUNDLE", "SMP",
                 "MEM", "CPU", "MACHINE", "QEMU_ARGS", "QEMU=", "OPENSBI", "DEBUG", "MIRROR"):
        assert word in text
