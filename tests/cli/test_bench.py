import pytest

from neurofer.cli.bench import interleaved


def test_work_is_warmed_up_and_done_in_turns():
    done = []
    times = interleaved({"a": lambda: done.append("a"), "b": lambda: done.append("b")}, 3)
    assert "".join(done) == "abababab"
    assert {name: len(values) for name, values in times.items()} == {"a": 3, "b": 3}


def test_every_suite_gives_rows_with_ratios_of_medians(cli):
    result = cli("bench", "--small", "--rounds", 2, "--json")
    assert result.code == 0, result.err
    document = result.json()
    assert (document["schema"], document["suite"]) == ("neurofer.bench/1", "all")
    assert document["threads"] >= 1
    rows = document["rows"]
    bases = {(row["network"], row["work"]): row["ms_median"] for row in rows if row["work"] == row["against"]}
    assert set(bases) >= {("conv-snn", "forward"), ("spiking-fer", "h5py"), ("conv-snn in norse", "run")}
    for row in rows:
        if row["work"] == "file":
            assert row["bytes"] > 0
        else:
            assert row["ratio"] == pytest.approx(row["ms_median"] / bases[row["network"], row["against"]])
            assert row["ms_min"] <= row["ms_median"]


def test_one_suite_is_shown_as_a_table(cli):
    result = cli("bench", "--suite", "export", "--small", "--rounds", 1)
    assert "h5py" in result.out
    assert "conv-snn" not in result.out
    assert "round 1 of 1" in result.err


@pytest.mark.slow
def test_a_full_size_file_keeps_its_goal(cli):
    # times are read, not tested: they say as much about what else the machine does
    rows = cli("bench", "--suite", "export", "--rounds", 1, "--json").json()["rows"]
    (file,) = [row for row in rows if row["work"] == "file"]
    assert file["goal"] == 1.1
    assert 0.5 < file["ratio"] <= file["goal"], file
