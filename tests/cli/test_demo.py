"""``neurofer demo``: the whole way once. Slow: it trains two networks."""

import time

import msgspec
import pytest

from neurofer.report.bundle import open_bundle

pytestmark = pytest.mark.slow


def test_the_demo_trains_exports_verifies_and_weighs(cli, tmp_path):
    out = tmp_path / "demo"
    start = time.perf_counter()
    result = cli("demo", "--out", out)
    assert result.code == 0, result.err
    assert time.perf_counter() - start < 180
    report = msgspec.json.decode((out / "report.json").read_bytes())
    rows = {(row["target"], row["importer"]): row["verdict"] for row in report["verification"]["targets"]}
    assert len(rows) == 7
    assert {word for (_, importer), word in rows.items() if importer == "neurofer"} <= {"EXACT", "TIES"}
    assert rows["onnx", "stock"] in {"EXACT", "TIES"}
    assert min(report["accuracy"].values()) > 0.9
    assert report["energy"][0]["e_snn_mj"] > 0
    assert report["energy"][0]["e_ann_mj"] > 0
    assert str(out / "report.md") in result.out
    assert open_bundle(out / "nir").manifest.weights == "trained"
    assert cli("verify", out / "nir").code == 0
    assert cli("verify", out / "onnx").code == 0
    assert cli("demo", "--out", out, "--keep").is_one_error("exists already")
