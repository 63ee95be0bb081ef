"""The verb ``conformance``: the table, its JSON and Markdown, and its exit code."""

import pytest

from neurofer.backends import registry
from neurofer.conformance import simulator

SIMULATORS = ("norse", "snntorch", "spikingjelly")


def test_the_table_of_what_is_installed_says_what_was_measured(cli):
    result = cli("conformance", "--on", "norse,snntorch,spikingjelly", "--json")
    assert result.code == 0, result.err
    document = result.json()
    assert document["schema"] == "neurofer.conformance/1"
    word = {(r["case"], r["simulator"]): r["word"] for r in document["results"]}
    # shared/facts/simulators.md, as re-measured: one row of each word for every simulator that has it
    measured = {
        "affine": ("exact", "exact", "exact"),
        "lif": ("exact", "exact", "exact"),
        "lif-1ms": ("exact", "silently wrong", "exact"),
        "if-r-1": ("silently wrong", "silently wrong", "refused"),
        "if-tie": ("exact", "refused", "ties"),
        "lif-r-3": ("silently wrong", "exact", "refused"),
        "sumpool2d-padding": ("silently wrong", "silently wrong", "silently wrong"),
        "threshold": ("silently wrong", "refused", "refused"),
        "recurrent-lif": ("exact", "silently wrong", "exact"),
        "residual-downsample": ("silently wrong", "exact", "exact"),
        "batch-flatten": ("crashes", "crashes", "exact"),
    }
    assert {case: tuple(word[case, name] for name in SIMULATORS) for case in measured} == measured
    for row in document["results"]:
        assert (row["word"] == "exact") == (not row["reason"])
        assert (row["differing"] > 0) == (row["word"] in ("silently wrong", "ties"))
    assert all(column["version"] for column in document["columns"])


def test_our_importer_is_exact_or_within_rounding_or_refuses(cli):
    result = cli("conformance", "--on", "norse,snntorch,spikingjelly", "--importer", "neurofer", "--json")
    rows = result.json()["results"]
    assert {row["word"] for row in rows} <= {"exact", "ties", "refused"}
    assert {row["case"] for row in rows if row["word"] == "refused"} == {"cubalif-v-leak", "cubali-v-leak"}
    assert result.code == 0


def test_a_table_is_shown_with_reasons_and_progress(cli):
    result = cli("conformance", "--on", "spikingjelly", "--case", "lif-*")
    assert result.code == 0
    assert "lif-tau-per-neuron        refused" in result.out
    assert "ValueError: nir.LIF.tau must be uniform across all neurons." in result.out
    assert "spikingjelly, importer stock: " in result.err


def test_markdown_is_the_page_of_the_documentation(cli):
    result = cli("conformance", "--on", "norse", "--case", "Scale", "--importer", "both", "--markdown")
    assert result.out.startswith("# Conformance\n")
    assert "| Scale | 2 | silently wrong (100%) | exact |" in result.out


def test_what_is_not_set_up_is_not_run(cli, monkeypatch):
    from neurofer.errors import MissingPackageError

    def gone(name):
        raise MissingPackageError(f"{name} is not installed", next_step="pip install it")

    monkeypatch.setattr(registry, "simulator", gone)
    result = cli("conformance", "--on", "norse", "--case", "Scale")
    assert result.code == 0
    assert "2 not run" in result.out
    assert "pip install it" in result.out


@pytest.mark.parametrize(("importer", "code"), [("stock", 0), ("neurofer", 1), ("both", 1)])
def test_only_a_wrong_importer_of_ours_is_a_failure(importer, code, cli, monkeypatch):
    monkeypatch.setattr(simulator.Simulator, "refuses", lambda *_: False)
    monkeypatch.setattr(registry, "load", lambda *_, **__: {}["lost"])
    result = cli("conformance", "--on", "norse", "--case", "Scale", "--importer", importer)
    assert result.code == code
    assert ("KeyError: 'lost'" in result.out) == bool(code)


@pytest.mark.parametrize("on", ["nothing", "norse,nothing", "", ","])
def test_unknown_simulators_are_named(on, cli):
    assert cli("conformance", "--on", on).is_one_error("--on", "choose from all, norse")


def test_a_pattern_that_fits_nothing_lists_the_kinds(cli):
    assert cli("conformance", "--case", "nothing").is_one_error("no case matches", "Affine, Linear, Scale")
