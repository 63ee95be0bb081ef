import pytest


@pytest.mark.parametrize(
    ("suite", "base"),
    [
        ("counting", ("conv-snn", "forward")),
        ("data", ("binning 200 k events", "numpy")),
        ("export", ("spiking-fer", "h5py")),
        ("verify", ("conv-snn in norse", "run")),
    ],
)
def test_a_suite_gives_rows_with_ratios_of_medians(cli, suite, base):
    result = cli("bench", "--suite", suite, "--small", "--rounds", 2, "--json")
    assert result.code == 0, result.err
    document = result.json()
    assert (document["schema"], document["suite"]) == ("neurofer.bench/1", suite)
    assert document["threads"] >= 1
    rows = document["rows"]
    assert {row["suite"] for row in rows} == {suite}
    bases = {(row["network"], row["work"]): row["ms_median"] for row in rows if row["work"] == row["against"]}
    assert base in bases
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


def test_tables_are_markdown_if_asked_for(cli):
    lines = cli("bench", "--suite", "export", "--small", "--rounds", 1, "--markdown").out.splitlines()
    assert lines[0] == "## export"
    assert lines[2].startswith("The suite ``export``: ")
    assert lines[4].startswith("`neurofer bench --suite export --rounds 1` on ")
    assert lines[6] == "| network | work | median ms | min ms | ratio | goal |"
    assert lines[8].startswith("| spiking-fer | h5py | ")


@pytest.mark.parametrize(
    ("option", "value", "suite"),
    [("--network", "digits", "density"), ("--plot", "a.svg", "native"), ("--plot", "a.svg", None)],
)
def test_options_of_other_suites_are_refused(cli, option, value, suite):
    result = cli("bench", option, value, *(("--suite", suite) if suite else ()))
    assert result.is_one_error(option, "belongs to", f"--suite {suite or 'all'}")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("suite", "keys"),
    [
        ("native", {"network", "threads", "runtime", "ms_median", "ms_min", "ratio_to_native", "weights", "rate"}),
        ("density", {"over", "rate", "density", "runtime"}),
        ("scaling", {"over", "threads"}),
        ("roof", {"network", "stage", "ms_min"}),
        ("memory", {"network", "runtime", "process_mb", "added_mb"}),
    ],
)
def test_a_suite_of_the_native_target_gives_its_rows(cli, suite, keys):
    result = cli("bench", "--suite", suite, "--small", "--rounds", 1, "--json")
    assert result.code == 0, result.err
    rows = result.json()["rows"]
    assert rows
    assert all(keys <= row.keys() for row in rows)
    assert {row["reason"] for row in rows if "reason" in row} <= {""}
    assert {row["readout"] for row in rows if "readout" in row} <= {"same", "another network"}


@pytest.mark.slow
def test_a_full_size_file_keeps_its_goal(cli):
    # times are read, not tested: they say as much about what else the machine does
    rows = cli("bench", "--suite", "export", "--rounds", 1, "--json").json()["rows"]
    (file,) = [row for row in rows if row["work"] == "file"]
    assert file["goal"] == 1.1
    assert 0.5 < file["ratio"] <= file["goal"], file
