"""The compiler: the one that is named or found, its flags, and one clear error where there is none."""

import os
import sys

import pytest

from neurofer.backends.c import compiler as compilers
from neurofer.errors import CompilerError, MissingPackageError


@pytest.fixture(autouse=True)
def no_choice(monkeypatch):
    monkeypatch.delenv("CC", raising=False)
    compilers._version.cache_clear()
    yield
    compilers._version.cache_clear()


def script(folder, name, body):
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def test_cc_is_taken_first_then_what_is_found(tmp_path, monkeypatch):
    script(tmp_path, "cc", "exit 1")
    script(tmp_path, "gcc", "echo mine 1.0; echo more")
    script(tmp_path, "named", "echo $* named 2.0")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert compilers.find() == compilers.Compiler(("gcc",), "mine 1.0")
    monkeypatch.setenv("CC", "named --quick")
    assert compilers.find() == compilers.Compiler(("named", "--quick"), "--quick --version named 2.0")


def test_cc_may_be_a_path_from_here(tmp_path, monkeypatch):
    script(tmp_path, "mine", "echo mine 3.0")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CC", "./mine -v")
    assert compilers.find() == compilers.Compiler((str(tmp_path / "mine"), "-v"), "mine 3.0")


def test_a_compiler_under_two_names_is_one(tmp_path, monkeypatch):
    script(tmp_path, "gcc", "echo one")
    (tmp_path / "cc").symlink_to(tmp_path / "gcc")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert [found.command for found in compilers.all_found() if not found.zig] == [("cc",)]


def test_without_a_system_compiler_the_package_is_taken(tmp_path, monkeypatch):
    pytest.importorskip("ziglang")
    monkeypatch.setenv("PATH", str(tmp_path))
    found = compilers.find()
    assert found.zig
    assert found.command == (sys.executable, "-m", "ziglang", "cc")
    assert str(found).startswith("ziglang clang version")


def test_without_any_the_ways_to_get_one_are_named(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(compilers, "find_spec", lambda _: None)
    with pytest.raises(MissingPackageError) as caught:
        compilers.find()
    said = str(caught.value)
    assert said.startswith("there is no C compiler\n  next: install one: ")
    assert all(way in said for way in ("apt install gcc", "brew install gcc", "pip install 'neurofer[native]'", "CC"))


@pytest.mark.parametrize("body", ["exit 3", None], ids=["fails", "is not there"])
def test_cc_that_names_none_is_no_reason_to_take_another(tmp_path, monkeypatch, body):
    if body:
        script(tmp_path, "mycc", body)
    monkeypatch.setenv("CC", str(tmp_path / "mycc"))
    with pytest.raises(MissingPackageError, match=r"CC names no C compiler: .*mycc.*\n  next: set CC"):
        compilers.find()


def test_quotes_of_cc_that_are_not_closed_are_told(monkeypatch):
    monkeypatch.setenv("CC", "'gcc")
    with pytest.raises(MissingPackageError, match=r"CC names no C compiler: .*No closing quotation\n  next: close"):
        compilers.find()


def test_flags_contract_nothing_and_name_the_cpu(each_compiler):
    native, oldest = compilers.flags(each_compiler), compilers.flags(each_compiler, cpu="any")
    assert {"-O3", "-std=c99", "-ffp-contract=off"} <= set(native) & set(oldest)
    assert any(flag in ("-march=native", "-mcpu=native") for flag in native)
    assert not any("native" in flag for flag in oldest)
    assert "-O0" in compilers.flags(each_compiler, optimise="-O0")


def test_the_cpu_decides_what_is_predefined(each_compiler):
    native, oldest = (compilers.flags(each_compiler, cpu=cpu) for cpu in ("native", "any"))
    assert None not in (compilers.predefined(each_compiler, native), compilers.predefined(each_compiler, oldest))
    first, second = (compilers.predefined(each_compiler, ("-O3", f"-DX={number}")) for number in (1, 2))
    assert first != second


def test_a_cpu_it_does_not_know_is_refused_in_its_words(each_compiler):
    with pytest.raises(CompilerError, match=r"does not know the CPU 'pdp-11': .*pdp.11"):
        compilers.flags(each_compiler, cpu="pdp-11")


def test_a_compiler_that_cannot_look_at_the_machine_builds_for_any(tmp_path):
    path = script(tmp_path, "blind", 'case "$*" in *native*) exit 1;; *) echo "#define X";; esac')
    assert compilers.flags(compilers.Compiler((str(path),), "blind")) == ("-O3", *compilers.COMMON)


def test_words_of_a_failure_are_those_that_hold_an_error(tmp_path):
    path = script(tmp_path, "talks", "for k in 1 2 3; do echo info $k >&2; done; echo 'x.c:1: error: no' >&2; exit 1")
    said = compilers.run((str(path),), ())
    assert (said.code, said.complaint(5)) == (1, "x.c:1: error: no")
    with pytest.raises(CompilerError, match="cannot be started"):
        compilers.run((str(tmp_path / "none"),), ())
