from neurofer.cli.bench.plot import draw


def rows():
    return [
        {"over": over, "rate": place, "density": place, "runtime": runtime, "ms_min": 100 * place}
        for over in ("rate", "density")
        for place in (0.1, 0.2)
        for runtime in ("native int8", "ANN in ONNX Runtime")
    ]


def test_the_same_rows_draw_the_same_svg(tmp_path):
    first, second = (draw(rows(), tmp_path / name).read_bytes() for name in ("a.svg", "b.svg"))
    assert first == second
    assert b"<svg" in first


def test_the_ending_says_the_format(tmp_path):
    assert draw(rows(), tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
