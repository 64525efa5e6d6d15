from __future__ import annotations

import pytest

from copilot.units import asks_for_value, dimensions_asked, has_number, quantities, states_interval


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Tighten with 30 Nm.", [("30", "torque")]),
        ("0.5-0.7 MPa", [("0.5-0.7", "pressure")]),
        ("10 to 20 mm", [("10 to 20", "length")]),
        ("-10~50℃", [("-10~50", "temperature")]),
        ("12 N·m", [("12", "torque")]),
        ("24V DC, 5 A", [("24", "voltage"), ("5", "current")]),
        ("转速为3000转/分，功率7.5千瓦", [("3000", "speed"), ("7.5", "power")]),
        ("1,200 rpm", [("1,200", "speed")]),
        ("travels at 25 mm/s over 300 mm", [("25", "speed"), ("300", "length")]),
        ("额定转速 1450 r/min，进给 800 毫米/分钟", [("1450", "speed"), ("800", "speed")]),
        ("floor load 15 kN/m², cable 2.5 mm², blower 40 m³/min", [("15", ""), ("2.5", ""), ("40", "flow")]),
        (
            "inlet 6 bar/0.6 MPa, 400 V/50 Hz",
            [("6", "pressure"), ("0.6", "pressure"), ("400", "voltage"), ("50", "frequency")],
        ),
        ("E207 and HP-200", []),
        ("chapter 5", []),
    ],
)
def test_quantities(text, found):
    assert [(quantity.number, quantity.dimension) for quantity in quantities(text)] == found


def test_spans_point_at_the_text():
    text = "Set 30 Nm now"
    (quantity,) = quantities(text)
    assert text[quantity.start : quantity.end] == "30 Nm"


@pytest.mark.parametrize(
    ("question", "dimension"),
    [("What is the tightening torque?", "torque"), ("电压是多少", "voltage"), ("How heavy is it?", "mass"), ("多久润滑一次", "time"), ("最大压力", "pressure")],
)  # fmt: skip
def test_asked_dimensions(question, dimension):
    assert dimension in dimensions_asked(question)


def test_values_numbers_and_intervals():
    assert asks_for_value("How much oil?") and asks_for_value("多少升") and not asks_for_value("Why is it loud?")
    assert has_number("about 5") and not has_number("E207 only")
    for text in ("every 500 operating hours", "Check daily", "每周清洁", "每6个月更换", "once a year"):
        assert states_interval(text)
    assert not states_interval("Open the valve")
