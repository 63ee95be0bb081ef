import pytest

from neurofer.ir import serde
from neurofer.report.report import read_report

EQUATIONS = [(128, 707_791_872, 3.2558426112), (200, 1_838_103_552, 8.4552763392)]


def energy(cli, *arguments):
    result = cli("energy", *arguments, "--json")
    assert result.code == 0, result.err
    return result.json()


def test_table_3_of_the_paper_comes_out_without_a_sample(cli):
    document = energy(cli, "spiking-fer", "--formula", "paper-table3", "--samples", "0")
    assert abs(document["e_ann_mj"] - 1428.667193344) < 1e-9
    assert (document["e_snn_mj"], document["ratio"], document["samples"]) == (None, None, 0)
    assert document["input_shape"] == [2, 128, 128]
    assert any("not physical" in note for note in document["notes"])


@pytest.mark.parametrize(("size", "macs", "e_ann"), EQUATIONS)
def test_equations_4_to_8_at_two_sizes(size, macs, e_ann, cli):
    document = energy(cli, "spiking-fer", "--formula", "eq4-8", "--input-size", size, "--samples", "0")
    assert document["e_ann_mj"] == pytest.approx(e_ann, rel=1e-12)
    assert document["e_ann_mj"] == pytest.approx(macs * 4.6e-9, rel=1e-12)
    assert document["input_shape"] == [2, size, size]


def test_table_3_asks_for_no_sample_unless_told(cli):
    assert energy(cli, "spiking-fer", "--formula", "paper-table3")["samples"] == 0
    assert energy(cli, "digits")["samples"] == 1


def test_a_bundle_knows_the_energy_of_its_ann(cli, tmp_path):
    out = tmp_path / "out"
    assert cli("export", "digits", "--to", "nir", "--importer", "neurofer", "--out", out).code == 0
    found, known = energy(cli, out), read_report(out / "report.json").energy[0]
    assert found["e_ann_mj"] == known.e_ann_mj > 0
    assert found["ratio"] == pytest.approx(known.ratio)
    assert [layer["macs_ann"] for layer in found["layers"]] == [layer.macs_ann for layer in known.layers]
    shown = cli("inspect", out, "--json").json()
    assert shown["params"] < shown["params_before_passes"] == read_report(out / "report.json").parameters
    assert "before BatchNorm was folded" in cli("inspect", out).out
    priced = energy(cli, out, "--profile", "cmos45-int8")
    assert (priced["e_ann_mj"], priced["ratio"]) == (None, None)


def test_the_table_is_per_inference_and_the_document_counts_all_samples(cli, network_file):
    one = energy(cli, network_file, "--density", "1")
    three = energy(cli, network_file, "--density", "1", "--samples", "3")
    assert [layer["acs"] for layer in three["layers"]] == [3 * layer["acs"] for layer in one["layers"]]
    tables = [
        [line.split() for line in cli("energy", network_file, "--density", "1", "--samples", n).out.splitlines()]
        for n in (1, 3)
    ]
    assert tables[0][3:5] == tables[1][3:5]
    assert tables[0][3][0] == "fc1"


def test_a_file_that_does_not_say_what_enters_it_is_counted_as_values(cli, network, network_file, tmp_path):
    graph = serde.to_nir(network())
    graph.metadata = {}
    serde.write(tmp_path / "other.nir", graph)
    document = energy(cli, tmp_path / "other.nir")
    assert document["steps"] == 100
    assert document["layers"][0]["macs"] > 0
    assert any("MACs of real values" in note for note in document["notes"])
    assert not any("MACs of real values" in note for note in energy(cli, network_file)["notes"])


def test_table_3_has_one_size(cli):
    result = cli("energy", "spiking-fer", "--formula", "paper-table3", "--input-size", "128")
    assert result.is_one_error("--input-size", "128 x 128", "eq4-8")


def test_a_sample_gives_both_sides_and_their_ratio(cli):
    document = energy(cli, "digits")
    assert document["schema"] == "neurofer.energy/1"
    assert (document["network"], document["weights"], document["steps"]) == ("digits", "random", 4)
    assert "test part of digits" in document["sample"]
    assert document["ratio"] == pytest.approx(document["e_ann_mj"] / document["e_snn_mj"])
    keys = {"name", "kind", "input_class", "macs_ann", "rate_in", "rate_out", "acs_nnz", "acs", "macs", "energy_pj"}
    assert all(set(layer) == keys for layer in document["layers"])
    assert [layer["name"] for layer in document["layers"]] == ["conv1", "conv2", "fc1", "fc2", "fc3"]
    assert document["e_snn_mj"] == pytest.approx(sum(layer["energy_pj"] for layer in document["layers"]) * 1e-9)


def test_more_steps_cost_more(cli):
    few, many = (energy(cli, "digits", "--steps", steps)["e_snn_mj"] for steps in (2, 8))
    assert few < many


def test_the_profile_sets_the_price(cli):
    fp32, int8 = (energy(cli, "digits", "--samples", "0", "--profile", p) for p in ("cmos45", "cmos45-int8"))
    assert fp32["e_ann_mj"] > int8["e_ann_mj"] > 0


def test_a_file_has_no_ann_and_a_drawn_input(cli, network_file):
    document = energy(cli, network_file, "--density", "0.5", "--seed", "3")
    assert (document["e_ann_mj"], document["ratio"], document["weights"]) == (None, None, "file")
    assert "density 0.5" in document["sample"]
    assert "seed 3" in document["sample"]
    assert document["e_snn_mj"] > 0
    silent = energy(cli, network_file, "--density", "0")
    assert sum(layer["acs"] for layer in silent["layers"]) == 0


def test_the_table_shows_the_layers_and_the_sums(cli):
    out = cli("energy", "digits").out
    assert "conv2" in out
    assert "ANN: " in out
    assert "ratio: " in out


def test_an_ann_is_told_apart(cli, tmp_path):
    path = tmp_path / "ann.safetensors"
    assert cli("train", "digits", "--baseline", "--epochs", "1", "--out", path).code == 0
    assert cli("energy", path).is_one_error("ANN", "spiking network")


def test_density_without_an_input_to_draw_is_refused(cli):
    assert cli("energy", "digits", "--samples", "0", "--density", "0.1").is_one_error("--density")


def test_an_unknown_profile_names_the_known_ones(cli):
    assert cli("energy", "digits", "--profile", "cmos7").is_one_error("cmos7", "cmos45-int8")


def test_reading_a_file_needs_no_torch(network_file):
    from tests.test_import_cost import heavy_imports

    code = f"import sys; sys.argv[1:] = ['energy', {str(network_file)!r}]; from neurofer.cli import main; main()"
    assert serde.read(network_file).contract.steps == 12
    assert "torch" not in heavy_imports(code)
