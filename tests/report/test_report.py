"""report.json: typed, versioned, and read as it was written."""

import msgspec
import pytest

from neurofer.energy import read_profile
from neurofer.errors import BundleError
from neurofer.report.report import count_spikes, read_report, versions, weigh, write_report


def test_a_report_is_read_as_it_was_written(tmp_path, report):
    write_report(tmp_path / "report.json", report)
    assert read_report(tmp_path / "report.json") == report
    assert msgspec.json.decode((tmp_path / "report.json").read_bytes())["schema"] == "neurofer.report/1"


@pytest.mark.parametrize(
    ("change", "words"), [({"schema": "neurofer.report/9"}, "report/9"), ({"spikes": 3}, r"\$\.spikes")]
)
def test_a_report_of_another_kind_is_refused(tmp_path, report, change, words):
    content = {**msgspec.to_builtins(report), **change}
    (tmp_path / "report.json").write_bytes(msgspec.json.encode(content))
    with pytest.raises(BundleError, match=words):
        read_report(tmp_path / "report.json")


def test_a_missing_report(tmp_path):
    with pytest.raises(BundleError, match="cannot be read"):
        read_report(tmp_path / "report.json")


def test_spikes_are_counted_in_the_order_of_evaluation(program, trace):
    nodes = count_spikes(program, trace)
    assert [node.name for node in nodes] == ["a", "b"]
    assert nodes[0].spikes == int(trace.unpack("a").sum()) > 0
    assert nodes[0].rate == pytest.approx(trace.unpack("a").sum() / (2 * 3))


def test_energy_follows_from_the_recorded_spikes(program, trace):
    exact, printed = weigh(program, None, trace, weights="random")
    spikes = int(trace.inputs["input"].sum())
    assert (exact.formula, printed.formula) == ("exact", "eq4-8")
    assert exact.layers[0].acs == 3 * spikes
    assert exact.e_snn_mj == pytest.approx(3 * spikes / 2 * read_profile("cmos45").ac.value * 1e-9)


def test_versions_name_what_is_installed():
    found = versions()
    assert found["neurofer"]
    assert "no-such-package" not in found
