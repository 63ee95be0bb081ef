"""``neurofer inspect``: the numbers of a network."""

import pytest


def test_the_paper_network_has_the_papers_numbers(cli):
    document = cli("inspect", "conv-snn", "--json").json()
    assert document["params"] == 21_531_136
    assert document["mult_adds"] == 427_920_896
    assert document["params_mb"] == pytest.approx(86.124544)
    assert document["contract"]["steps"] == 4
    assert document["schema"] == "neurofer.inspect/1"


def test_steps_change_what_is_not_static(cli):
    one, four = (cli("inspect", "digits", "--steps", steps, "--json").json() for steps in (1, 4))
    conv1 = 32 * 9 * 64
    assert four["mult_adds"] - conv1 == 4 * (one["mult_adds"] - conv1)
    assert four["params"] == one["params"]


def test_a_file_shows_nodes_edges_and_contract(cli, network_file):
    document = cli("inspect", network_file, "--json").json()
    assert [(node["name"], node["kind"]) for node in document["nodes"]] == [
        ("input", "Input"),
        ("fc1", "Linear"),
        ("if1", "IF"),
        ("fc2", "Linear"),
        ("lif2", "LIF"),
        ("output", "Output"),
    ]
    assert ["fc1", "if1", 0] in document["edges"]
    assert (document["params"], document["mult_adds"]) == (42, 42 * 12)
    assert document["contract"]["encoder"] == "events"


def test_lowered_shows_what_is_exported(cli):
    kinds = {node["kind"] for node in cli("inspect", "digits", "--lowered", "--json").json()["nodes"]}
    assert "Threshold" in kinds
    assert not kinds & {"BatchNorm", "Dropout", "MaxPool2d"}


def test_the_table_names_every_node(cli, network_file):
    out = cli("inspect", network_file).out
    assert all(name in out for name in ("input", "fc1", "if1", "fc2", "lif2", "output", "parameters", "42"))
