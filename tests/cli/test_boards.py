import re
import shutil

import pytest

from neurofer import resources
from neurofer.backends.targets import load_target

TARGETS = ("cortex-m4", "cortex-m7", "riscv32")
ABSENT = sorted({t for name in TARGETS for t in load_target(name).board.tools if shutil.which(t) is None})
WITH_TOOLS = (
    pytest.mark.embedded,
    pytest.mark.skipif(bool(ABSENT), reason=f"{', '.join(ABSENT)} not installed; make test-embedded installs them"),
)


@pytest.fixture
def target(tmp_path):
    """Writes a target like cortex-m4 with another name and other lines, and returns its path."""

    def make(*lines):
        text = (resources.folder("targets") / "cortex-m4.toml").read_text().replace('"cortex-m4"', '"mine"')
        for line in lines:
            key = line.split(" = ")[0]
            text = re.sub(rf"^{key} = .*$", line, text, flags=re.MULTILINE)
        path = tmp_path / "mine.toml"
        path.write_text(text)
        return path

    return make


@pytest.mark.parametrize("name", [pytest.param(name, marks=WITH_TOOLS) for name in TARGETS])
def test_a_bundle_for_a_board_is_verified_on_it(cli, network_file, tmp_path, name):
    out = tmp_path / "out"
    result = cli("export", network_file, "--to", name, "--out", out, "--samples", "2", "--json")
    assert result.code == 0, result.err
    (row,) = result.json()["verification"]["targets"]
    assert (row["target"], row["importer"], row["verdict"], row["nodes_compared"]) == (name, "stock", "EXACT", 2)
    assert 1000 < row["cost"]["instructions"] < 1e5
    assert row["cost"]["flash"] < row["cost"]["flash_limit"]
    report = (out / "report.md").read_text()
    assert "instructions per inference, flash" in report
    assert f"on {load_target(name).board.part}" in report
    again = cli("verify", out)
    assert again.code == 0, again.err
    assert f"{name}: {row['cost']['instructions']:,.0f} instructions per inference" in again.out


@pytest.mark.parametrize("lines", [("flash = 100",), ("ram = 4200",)])
def test_what_does_not_fit_is_refused_and_leaves_nothing(cli, network_file, tmp_path, target, lines):
    out = tmp_path / "out"
    result = cli("export", network_file, "--to", target(*lines), "--out", out)
    memory = {"flash": "flash", "ram": "RAM"}[lines[0].split()[0]]
    assert result.is_one_error("does not fit Nordic nRF52840", f"{memory}: needs", "largest are", code=2)
    assert not out.exists()


def test_without_the_tools_a_bundle_is_written_and_not_run(cli, network_file, tmp_path, target):
    path = target('compiler = ["no-such-gcc"]', 'emulator = ["no-such-qemu"]', 'packages = ["the-tools"]')
    out = tmp_path / "out"
    result = cli("export", network_file, "--to", path, "--out", out)
    assert result.code == 4
    assert "NOT_RUN: no-such-gcc and no-such-qemu not installed" in result.out
    assert "next: apt-get install the-tools" in result.out
    assert {"model.c", "main.c", "board.c", "cortex-m.c", "link.ld", "board.json"} <= {p.name for p in out.iterdir()}
    assert cli("verify", out).code == 4


@pytest.mark.parametrize(
    ("line", "words"),
    [("flash = 0", "board.flash"), ('start = "pdp-11"', "board.start"), ("compiler = []", "board.compiler")],
)
def test_a_board_that_is_none_says_why(cli, network_file, target, line, words):
    assert cli("export", network_file, "--to", target(line)).is_one_error("this is no target", words)


def test_targets_tell_part_and_limits(cli):
    out = cli("targets", "cortex-m4").out
    assert "Nordic nRF52840, Cortex-M4F: flash 1,048,576 bytes, RAM 262,144 bytes" in out
    assert "Product Specification" in out
