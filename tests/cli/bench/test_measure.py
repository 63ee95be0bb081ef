from neurofer.cli.bench.measure import compared, interleaved, number


def test_work_is_warmed_up_and_done_in_turns():
    done = []
    times = interleaved({"a": lambda: done.append("a"), "b": lambda: done.append("b")}, 3)
    assert "".join(done) == "abababab"
    assert {name: len(values) for name, values in times.items()} == {"a": 3, "b": 3}


def test_ratios_are_those_of_medians():
    base, other = compared("net", {"a": [1.0, 2.0, 9.0], "b": [4.0, 6.0, 5.0]}, "a", {"b": 3.0})
    assert (base["ms_median"], base["ms_min"], base["ratio"], base["goal"]) == (2.0, 1.0, 1.0, None)
    assert (other["ms_median"], other["ratio"], other["against"], other["goal"]) == (5.0, 2.5, "a", 3.0)


def test_a_number_that_a_row_does_not_have_is_a_dash():
    column = number("ms", "ms_median")
    assert [column.cell(row) for row in ({"ms_median": 1.25}, {"ms_median": None}, {})] == ["1.2", "-", "-"]
