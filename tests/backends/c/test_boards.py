"""Microcontrollers: what fits, and what emulated boards say; what needs compilers and qemu is marked `embedded`."""

import shutil
import subprocess
from collections import Counter
from pathlib import Path

import msgspec
import numpy as np
import pytest

from neurofer.backends import reference
from neurofer.backends.board import BOARD, board_of
from neurofer.backends.c import boards
from neurofer.backends.c.boards import emulator, harness, toolchain
from neurofer.backends.targets import load_target
from neurofer.cli.bench import embedded_case
from neurofer.errors import CompilerError, MissingPackageError, ReadError, RefusedError, SimulatorError, UsageError
from neurofer.ir import BINARY, Contract, Edge, Program
from neurofer.ir import nodes as n
from neurofer.passes import fold_sumpool
from neurofer.verify.board import verify_board
from tests.networks import in_a_row
from tests.strategies import dyadic

TARGETS = ("cortex-m4", "cortex-m7", "riscv32")
BOARDS = {name: load_target(name).board for name in TARGETS}
ABSENT = [tool for board in BOARDS.values() for tool in board.tools if shutil.which(tool) is None]
M4 = BOARDS["cortex-m4"]


@pytest.fixture(scope="module")
def case():
    return embedded_case.make((0.15,))


@pytest.fixture
def tools():
    if ABSENT:
        pytest.skip(f"{', '.join(dict.fromkeys(ABSENT))} not installed; make test-embedded installs them")


def tiny(steps=4, **neuron):
    """Five inputs, three neurons, weights of 8 bits."""
    nodes = {"input": n.Input((5,), BINARY), "fc": n.Linear(dyadic(np.random.default_rng(5), (3, 5)))}
    return in_a_row({**nodes, "fire": n.Neuron(theta=0.5, **neuron), "output": n.Output()}, Contract(steps=steps))


def spikes(program, samples=2):
    shape = (program.contract.steps, samples, *program.shapes["input"])
    return (np.random.default_rng(1).random(shape) < 0.4).astype(np.uint8)


def written(program, folder, board=M4):
    boards.write(boards.suited(program, board), folder, board)
    return folder


def refused(program, board):
    with pytest.raises(RefusedError) as caught:
        boards.write(boards.suited(program, board), Path("nowhere"), board)
    return str(caught.value)


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_names_its_part_and_what_to_install(name):
    target = load_target(name)
    assert target.install.startswith("apt-get install gcc-")
    assert target.board.source
    assert target.board.machine_flash.size >= target.board.flash
    assert target.board.machine_ram.size >= target.board.ram


def test_what_does_not_fit_is_refused_with_every_reason():
    weight = np.ones((1000, 5), np.float32)
    program = in_a_row(
        {"input": n.Input((5,), BINARY), "big": n.Linear(weight), "fire": n.Neuron(theta=3.0), "output": n.Output()},
        Contract(steps=300),
    )
    small = msgspec.structs.replace(M4, part="Nano", flash=1000, ram=20_000)
    text = refused(program, small)
    assert "does not fit Nano" in text
    assert "flash: needs 6,080 bytes of 1,000 for weights alone: largest are big.weight" in text
    assert "RAM: needs" in text
    assert "output 300,000" in text
    assert "fewer --steps" in text
    assert "--exact" not in text


def test_wide_weights_are_told_of_narrow_ones():
    weight = np.full((400, 400), np.pi, np.float32)
    program = in_a_row(
        {"input": n.Input((400,), BINARY), "fc": n.Linear(weight), "fire": n.Neuron(), "output": n.Output()}, Contract()
    )
    assert "8-bit weights (--exact --bits 8)" in refused(program, msgspec.structs.replace(M4, flash=2**19))


def test_sums_of_spikes_are_folded_where_the_flash_has_room(case):
    assert boards.suited(case.network, M4).plan.program.nodes.keys() == fold_sumpool(case.network).nodes.keys()
    crowded = msgspec.structs.replace(M4, flash=2**16)
    assert boards.suited(case.network, crowded).plan.program is case.network


def test_float_sums_keep_their_order():
    pool = {"input": n.Input((2, 4, 4), BINARY), "pool": n.SumPool2d((2, 2))}
    conv = n.Conv2d(np.geomspace(1e-30, 1, 24).reshape(3, 2, 2, 2).astype(np.float32))  # on no grid of integers
    program = in_a_row({**pool, "conv": conv, "fire": n.Neuron(), "output": n.Output()}, Contract())
    assert boards.suited(program, M4).plan.program is program


def test_a_folder_knows_its_board(tmp_path):
    (tmp_path / BOARD).write_bytes(msgspec.json.encode(M4))
    assert board_of(tmp_path) == M4
    assert board_of(tmp_path / "none") is None
    (tmp_path / BOARD).write_text("{}")
    with pytest.raises(ReadError, match="this describes no board"):
        board_of(tmp_path)


def test_missing_tools_are_named_with_the_command_that_installs_them(tmp_path):
    absent = msgspec.structs.replace(M4, compiler=("no-such-gcc", "-O2"), emulator=("no-such-qemu",))
    with pytest.raises(MissingPackageError) as caught:
        boards.require(absent)
    assert "no-such-gcc and no-such-qemu not installed" in str(caught.value)
    assert "apt-get install gcc-arm-none-eabi" in str(caught.value)
    program = tiny()
    golden = reference.run(program, spikes(program))
    boards.write(boards.suited(program, absent), tmp_path, absent)  # what is known without them is checked all the same
    verdict = verify_board(program, golden, tmp_path, absent, target="mine")
    assert (verdict.verdict, verdict.cost) == ("NOT_RUN", None)
    assert "apt-get install" in verdict.reason


@pytest.mark.embedded
@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.usefixtures("tools")
def test_every_spike_of_every_node_is_the_references(name, case, tmp_path):
    board = BOARDS[name]
    golden = reference.run(case.network, case.x)
    verdict = verify_board(case.network, golden, written(case.network, tmp_path, board), board, target=name)
    assert (verdict.verdict, verdict.nodes_compared) == ("EXACT", 3)
    assert verdict.version.startswith("qemu ")
    cost = verdict.cost
    assert 1e5 < cost.instructions < 4e6
    assert 10_000 < cost.flash < cost.flash_limit
    assert 8192 < cost.ram < cost.ram_limit
    assert 100 < cost.stack < board.stack


def executed(board, program, folder):
    """Instructions of every function, from qemu's log of each single one: slow, and no counter of the machine."""
    command = [*board.emulator, *emulator._QUIET, *emulator._HOW, "-kernel", str(program.path)]
    log = ["-singlestep", "-d", "exec,nochain", "-D", "log"]
    subprocess.run([*command, *log], cwd=folder, check=True, stdin=subprocess.DEVNULL, timeout=60)
    with (folder / "log").open() as lines:
        return Counter(line.rsplit(maxsplit=1)[-1] for line in lines if line.startswith("Trace"))


@pytest.mark.embedded
@pytest.mark.parametrize(("name", "tick"), [("cortex-m4", 40), ("riscv32", 1)])
@pytest.mark.usefixtures("tools")
def test_instructions_are_those_that_the_emulator_executes(name, tick, tmp_path):
    board, rounds = BOARDS[name], 20_000
    program = tiny(steps=64)
    main = written(program, tmp_path, board) / "main.c"
    main.write_text(main.read_text().replace(f"board_loop({harness.ROUNDS})", f"board_loop({rounds})"))
    spikes(program, 20).tofile(tmp_path / harness.SAMPLES)
    found = executed(board, toolchain.link(board, tmp_path, tmp_path / "main.elf"), tmp_path)
    loop, _, *samples, _ = np.fromfile(tmp_path / harness.COUNTS, "<u8").astype(int)
    assert loop * tick == pytest.approx(found["board_loop"], abs=80)
    assert found["board_loop"] == pytest.approx(2 * rounds, abs=200)
    others = ("board", "main", "reset", "strlen", "0")
    model = sum(count for function, count in found.items() if not function.startswith(others))
    assert sum(samples) * tick == pytest.approx(model, rel=0.03)  # reading the counter is counted, too
    assert len(samples) == 20


@pytest.mark.embedded
@pytest.mark.parametrize("name", ["cortex-m4", "riscv32"])
@pytest.mark.usefixtures("tools")
def test_networks_that_feed_back_and_float32_run_step_by_step(name, tmp_path):
    board = BOARDS[name]
    weight = np.random.default_rng(2).normal(size=(6, 5)).astype(np.float32)
    nodes = {"input": n.Input((5,), BINARY), "fc": n.Linear(weight), "fire": n.Neuron(alpha_mem=0.9, theta=0.5)}
    nodes |= {"back": n.Linear(weight[:, :1] * np.ones((1, 6), np.float32)), "output": n.Output()}
    edges = [
        Edge("input", "fc"),
        Edge("fc", "fire"),
        Edge("fire", "back", 1),
        Edge("back", "fire"),
        Edge("fire", "output"),
    ]
    program = Program(nodes, tuple(edges), Contract(steps=6))
    golden = reference.run(program, spikes(program, samples=3))
    verdict = verify_board(program, golden, written(program, tmp_path, board), board, target=name)
    assert verdict.verdict in ("EXACT", "TIES")
    assert verdict.spikes_compared > 10


@pytest.mark.embedded
@pytest.mark.usefixtures("tools")
def test_an_ann_is_verified_by_its_outputs(case, tmp_path):
    golden = reference.run(case.ann, case.frames)
    verdict = verify_board(case.ann, golden, written(case.ann, tmp_path), M4, target="mine")
    assert verdict.verdict in ("EXACT", "TIES")
    assert verdict.cost.flash > 10_000


@pytest.mark.embedded
@pytest.mark.usefixtures("tools")
def test_another_network_is_no_exact_one(tmp_path):
    program, other = tiny(), tiny(reset="soft")
    golden = reference.run(program, spikes(program, samples=8))
    verdict = verify_board(program, golden, written(other, tmp_path), M4, target="mine")
    assert verdict.verdict == "DIVERGENT"
    assert verdict.first_divergence.node == "fire"


@pytest.mark.embedded
@pytest.mark.usefixtures("tools")
def test_code_counts_in_the_flash(tmp_path):
    program = tiny()
    full = msgspec.structs.replace(M4, flash=2000)
    with pytest.raises(RefusedError, match=r"flash: needs [\d,]+ bytes of 2,000 \(weights [\d,]+, code [\d,]+\)"):
        boards.write(boards.suited(program, full), tmp_path, full)


@pytest.mark.embedded
@pytest.mark.parametrize("name", ["cortex-m4", "riscv32"])
@pytest.mark.usefixtures("tools")
def test_a_stack_too_small_faults_and_writes_over_nothing(name, tmp_path):
    board = msgspec.structs.replace(BOARDS[name], stack=64)
    program = tiny()
    with pytest.raises(SimulatorError, match=r"the stack (is|may be) too small"):
        boards.read(written(program, tmp_path, board), program, board).run(spikes(program))


@pytest.mark.embedded
@pytest.mark.usefixtures("tools")
def test_what_does_not_compile_is_quoted(tmp_path):
    written(tiny(), tmp_path)
    (tmp_path / "model.c").write_text("int x = nothing;")
    with pytest.raises(CompilerError, match="nothing"):
        toolchain.link(M4, tmp_path, tmp_path / "main.elf")


@pytest.mark.embedded
@pytest.mark.usefixtures("tools")
def test_other_lengths_are_refused(tmp_path):
    program = tiny()
    network = boards.read(written(program, tmp_path), program, M4)
    with pytest.raises(UsageError, match="as many steps as it was generated for: 3 instead of 4"):
        network.run(spikes(program)[:3])
