import pytest

from neurofer.energy import profile_names, read_profile
from neurofer.energy.profiles import load_profile
from neurofer.errors import ReadError, UsageError


@pytest.mark.parametrize("name", profile_names())
def test_constants_are_the_sums_of_their_parts_and_name_their_source(name):
    profile = read_profile(name)
    assert profile.mac.value == pytest.approx(profile.parts["mult"].value + profile.parts["add"].value, abs=1e-12)
    assert profile.ac.value == profile.parts["add"].value
    for constant in profile.parts.values():
        assert "Horowitz" in constant.source
        assert constant.precision == profile.mac.precision == profile.ac.precision


def test_cmos45_holds_the_constants_of_both_papers():
    profile = read_profile()
    assert (profile.name, profile.mac.value, profile.ac.value) == ("cmos45", 4.6, 0.9)
    assert (profile.parts["mult"].value, profile.mac.unit, profile.mac.precision) == (3.7, "pJ", "fp32")
    assert "no memory" in profile.mac.scope


def test_unknown_profile_names_the_known_ones():
    with pytest.raises(UsageError, match="unknown energy profile 'cmos7'") as caught:
        read_profile("cmos7")
    assert "cmos45, cmos45-fp16, cmos45-int32, cmos45-int8" in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("value = 4.6", "value = -4.6", "mac.value"),
        ('unit = "pJ"', 'unit = "nJ"', "unit"),
        ('basis = "declared"', 'basis = "guessed"', "basis"),
        ("[ac]", "[accumulate]", "accumulate"),
        ("[mac]", "[mac", "Expected"),
        ('name = "cmos45"', 'name = "cmos7"', "calls itself 'cmos7'"),
    ],
)
def test_damaged_profile_is_named_with_the_reason(checkout, tmp_path, old, new, why):
    text = (checkout / "targets" / "profiles" / "cmos45.toml").read_text()
    path = tmp_path / "cmos45.toml"
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(ReadError, match=why) as caught:
        load_profile(path)
    assert str(path) in str(caught.value)
