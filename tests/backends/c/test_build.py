"""The cache of libraries: each compiled once, whole or not at all, whatever else happens at the same time."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from neurofer.backends.c import build
from neurofer.backends.c import compiler as compilers
from neurofer.errors import CompilerError, WriteError

ANSWER = "int answer(void);\nint answer(void) { return NUMBER; }\n"

CHILD = """
import sys
from neurofer.backends.c import build, compiler
made = build.Build({"a.c": sys.argv[1]}, compiler.find(), ("-fPIC", "-O1", "-DNUMBER=42"))
print(build.load(made).answer())
"""
LIMITED = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (2048, 2048))\n" + CHILD


def a_build(number=42, text=ANSWER, compiler=None):
    return build.Build({"a.c": text}, compiler or compilers.find(), ("-fPIC", "-O1", f"-DNUMBER={number}"))


def libraries(cache):
    return sorted(path.name for path in cache.glob("*.so"))


def leftovers(cache):
    return [path.name for path in cache.iterdir() if path.suffix != ".so" and not path.name.startswith("lock-")]


def counting(tmp_path, monkeypatch, before=""):
    """Make a compiler of the real one that notes each build."""
    real, log = shutil.which("cc"), tmp_path / "log"
    path = tmp_path / "counting"
    path.write_text(
        f'#!/bin/sh\ncase "$*" in *-shared*) echo built $$ $TMPDIR >> {log}; {before}\n;; esac\nexec {real} "$@"\n'
    )
    path.chmod(0o755)
    monkeypatch.setenv("CC", str(path))
    return lambda: log.read_text().count("built") if log.exists() else 0


def start(*arguments, program=CHILD):
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_it_is_compiled_once(cache, tmp_path, monkeypatch):
    built = counting(tmp_path, monkeypatch)
    assert [build.load(a_build()).answer() for _ in range(3)] == [42] * 3
    assert build.load(a_build(7)).answer() == 7
    assert built() == 2
    assert len(libraries(cache)) == 2
    assert leftovers(cache) == []


def test_every_compiler_compiles(cache, each_compiler):
    assert build.load(a_build(compiler=each_compiler)).answer() == 42
    assert leftovers(cache) in ([], ["zig"])


def test_all_that_decides_is_in_the_key(tmp_path, monkeypatch):
    counting(tmp_path, monkeypatch)
    keys = {a_build().key, a_build(7).key, a_build(text=ANSWER + "\n").key}
    found = compilers.find()
    keys.add(a_build(compiler=compilers.Compiler(found.command, "another version")).key)
    keys.add(build.Build({"b.c": ANSWER}, found, ("-fPIC", "-O1", "-DNUMBER=42")).key)
    assert len(keys) == 5


def test_what_the_compiler_predefines_is_in_the_key(tmp_path):
    path, keys = tmp_path / "other", set()
    for feature in ("__AVX2__", "__AVX512F__"):
        path.write_text(f'#!/bin/sh\necho "#define {feature} 1"\n')
        path.chmod(0o755)
        compilers.predefined.cache_clear()
        keys.add(a_build(compiler=compilers.Compiler((str(path),), "one version")).key)
    assert len(keys) == 2


def test_a_library_that_another_process_removes_is_compiled_again(cache, monkeypatch):
    real, found = build.library, []

    def vanishing(wanted):
        found.append(real(wanted))
        if len(found) == 1:
            found[0].unlink()
        return found[-1]

    monkeypatch.setattr(build, "library", vanishing)
    assert build.load(a_build()).answer() == 42
    assert len(libraries(cache)) == 1


@pytest.mark.usefixtures("cache")
def test_of_processes_at_once_one_compiles(tmp_path, monkeypatch):
    built = counting(tmp_path, monkeypatch, before="sleep 0.5")
    children = [start(ANSWER) for _ in range(4)]
    said = [child.communicate(timeout=60) for child in children]
    assert [out for out, _ in said] == ["42\n"] * 4, said
    assert built() == 1


@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b[:0], lambda b: b[:-9] + b"x" + b[-8:]])
def test_a_damaged_library_is_compiled_again(cache, damage):
    build.library(a_build())
    (path,) = cache.glob("*.so")
    good = path.read_bytes()
    path.unlink()  # what is mapped must not be written over
    path.write_bytes(damage(good))
    assert build.load(a_build()).answer() == 42
    assert len(libraries(cache)) == 1


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT])
def test_a_build_that_is_killed_is_made_again(cache, tmp_path, monkeypatch, sign):
    built = counting(tmp_path, monkeypatch, before="sleep 5")
    child = start(ANSWER)
    while not built():
        assert child.poll() is None, child.communicate()
        time.sleep(0.01)
    _, pid, folder = (tmp_path / "log").read_text().split()
    assert cache in Path(folder).parents  # where it leaves what it needs on the way
    child.send_signal(sign)
    child.communicate(timeout=10)
    assert libraries(cache) == []
    if sign == signal.SIGINT:
        assert leftovers(cache) == []
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid), 0)
    counting(tmp_path, monkeypatch)
    assert build.load(a_build()).answer() == 42
    assert len(libraries(cache)) == 1
    assert leftovers(cache) == []


def test_what_the_compiler_refuses_is_quoted(cache, each_compiler):
    with pytest.raises(CompilerError) as caught:
        build.load(a_build(text="int answer(void) { return missing; }\n", compiler=each_compiler))
    said = str(caught.value)
    assert "the compiler refused what was generated: exit code 1" in said
    assert "a.c:1:" in said
    assert "'missing'" in said
    assert "next: try another compiler (CC), or report it; it was called as: " in said
    assert libraries(cache) == []
    assert leftovers(cache) in ([], ["zig"])


def test_what_cannot_be_loaded_is_no_library(cache, tmp_path, monkeypatch):
    path = tmp_path / "liar"
    path.write_text('#!/bin/sh\ncase "$*" in *-shared*) echo nothing > library.so;; *) echo liar 1.0;; esac\n')
    path.chmod(0o755)
    monkeypatch.setenv("CC", str(path))
    with pytest.raises(CompilerError, match=r"liar 1\.0: what the compiler made cannot be loaded: .*\.so"):
        build.load(a_build())
    assert libraries(cache) == []


def test_a_full_disk_is_told_and_leaves_nothing(cache):
    child = start(ANSWER + "/* " + "x" * 4000 + " */\n", program=LIMITED)
    out, err = child.communicate(timeout=60)
    assert out == ""
    assert "WriteError" in err.splitlines()[-2]
    assert "NEUROFER_CACHE" in err.splitlines()[-1]
    assert libraries(cache) == leftovers(cache) == []
    child = start(ANSWER, program=LIMITED)  # the source fits, what is made of it does not
    out, err = child.communicate(timeout=60)
    assert out == ""
    assert "WriteError: " in err
    assert libraries(cache) == leftovers(cache) == []


def test_a_cache_that_cannot_be_made_is_told(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("NEUROFER_CACHE", str(tmp_path / "file"))
    with pytest.raises(WriteError, match=r"file/native: cannot write: .*\n  next: .*set NEUROFER_CACHE"):
        build.load(a_build())


def test_what_was_not_used_for_longest_makes_room(cache, monkeypatch):
    paths = {number: build.library(a_build(number)) for number in (1, 2, 3)}
    size = paths[1].stat().st_size
    for age, number in enumerate((2, 3, 1), start=1):
        os.utime(paths[number], (1e9 - age, 1e9 - age))
    build.library(a_build(1))  # used now
    monkeypatch.setattr(build, "LIMIT", int(2.5 * size))
    latest = build.library(a_build(4))
    assert set(cache.glob("*.so")) == {paths[1], latest}
    monkeypatch.setattr(build, "LIMIT", 0)
    latest = build.library(a_build(5))
    assert set(cache.glob("*.so")) == {latest}


def test_all_can_be_removed(cache):
    build.library(a_build())
    assert build.clear() > 0
    assert not cache.exists()
    assert build.clear() == 0


@pytest.mark.usefixtures("cache")
def test_openmp_is_used_where_it_works(tmp_path):
    found = compilers.find()
    text = "#include <omp.h>\nint main(void) { return omp_get_max_threads() < 1; }\n"
    (tmp_path / "t.c").write_text(text)
    done = subprocess.run([*found.command, "-fopenmp", "t.c"], cwd=tmp_path, check=False, capture_output=True)
    assert build.openmp(found, ("-fPIC",)) == (done.returncode == 0)
    path = tmp_path / "without"
    path.write_text(f'#!/bin/sh\ncase "$*" in *openmp*-shared*) exit 1;; esac\nexec {shutil.which("cc")} "$@"\n')
    path.chmod(0o755)
    assert not build.openmp(compilers.Compiler((str(path),), "without"), ("-fPIC",))
