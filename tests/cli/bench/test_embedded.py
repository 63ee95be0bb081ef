import shutil
import subprocess

import numpy as np
import pytest

from neurofer.backends import reference
from neurofer.backends.targets import load_target
from neurofer.cli.bench import embedded, embedded_case
from neurofer.cli.bench.measure import Asked
from neurofer.errors import MissingPackageError

TOOLS = {tool for name in embedded.TARGETS for tool in load_target(name).board.tools}
ABSENT = sorted(tool for tool in TOOLS if shutil.which(tool) is None)

MAIN = """
#include "model.h"
#include <stdio.h>
static model_state state;
static uint8_t in[8192], out[160];
int main(void)
{
    if (fread(in, 1, sizeof in, stdin) != sizeof in)
        return 1;
    model_init(&state, model_weights);
    model_sequence(&state, in, out);
    return fwrite(out, 1, sizeof out, stdout) != sizeof out;
}
"""


@pytest.fixture(scope="module")
def case():
    return embedded_case.make((0.15,))


def test_layers_fire_at_about_the_density_of_the_input(case):
    golden = reference.run(case.network, case.x)
    rates = [train.unpack().mean() for train in golden.spikes.values()]
    assert np.allclose(rates, 0.15, atol=0.05)


@pytest.mark.parametrize("block", [1, 4])
def test_the_dense_rival_is_the_same_network(case, block, tmp_path):
    for name, text in {**embedded_case.dense(case.network), "main.c": MAIN}.items():
        (tmp_path / name).write_text(text)
    flags = ["-std=c99", "-O1", "-Wall", "-Wextra", "-Werror", "-fsanitize=address,undefined", f"-DBLOCK={block}"]
    subprocess.run(["cc", *flags, "-o", "run", "main.c", "model.c"], cwd=tmp_path, check=True)
    ran = subprocess.run([tmp_path / "run"], input=case.x[:, 0].tobytes(), capture_output=True, check=True)
    wanted = reference.run(case.network, case.x).outputs["output"][:, 0]
    assert wanted.sum() > 10
    assert np.array_equal(np.frombuffer(ran.stdout, np.uint8).reshape(wanted.shape), wanted)


def test_missing_tools_are_named(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(MissingPackageError, match="arm-none-eabi-gcc and qemu-system-arm not installed"):
        list(embedded.rows(Asked(rounds=1, small=True)))


@pytest.mark.slow
@pytest.mark.embedded
@pytest.mark.skipif(bool(ABSENT), reason=f"{', '.join(ABSENT)} not installed; make test-embedded installs them")
def test_events_take_a_quarter_of_the_instructions_of_dense_code():
    rows = list(embedded.rows(Asked(rounds=1, small=True)))
    assert [row["target"] for row in rows] == list(embedded.TARGETS)
    for row in rows:
        assert row["verdict"] == "EXACT"
        assert row["dense"] > row["blocked"] > embedded.GOAL * row["instructions"]
    assert sum("about what an int8 ANN" in note for note in embedded.notes(rows)) == 3
