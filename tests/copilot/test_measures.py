from __future__ import annotations

import pytest

from copilot.measures import CONVERSIONS, conversions, convert, converted, follows, measure
from copilot.sentences import split
from copilot.table_values import record_cells, row_cells
from indexer.types import Chunk, ChunkKind, DocumentKind, Source


@pytest.mark.parametrize(
    ("number", "unit", "text"),
    [
        ("265", "bar", "265 bar ≈ 26.5 MPa ≈ 3,840 psi"),
        ("0.95", "MPa", "0.95 MPa ≈ 9.5 bar ≈ 138 psi"),
        ("400", "kPa", "400 kPa ≈ 4 bar ≈ 58 psi"),
        ("100", "psi", "100 psi ≈ 6.89 bar ≈ 0.689 MPa"),
        ("40", "℃", "40 °C ≈ 104 °F"),
        ("-40", "°F", "-40 °F ≈ -40 °C"),
        ("5 to 40", "°C", "5 to 40 °C ≈ 41 to 104 °F"),
        ("0.5", "mm", "0.5 mm ≈ 0.0197 in"),
        ("2", "inches", "2 in ≈ 50.8 mm"),
        ("1,650", "Nm", "1,650 Nm ≈ 1,217 lbf·ft"),
        ("18", "ft-lb", "18 lbf·ft ≈ 24.4 Nm"),
        ("75", "kW", "75 kW ≈ 101 hp"),
        ("630", "litres", "630 l ≈ 166 gal"),
        ("1480", "kg", "1480 kg ≈ 3,263 lb"),
        ("50", "Hz", ""),
        ("12", "furlong", ""),
        ("a few", "bar", ""),
    ],
)
def test_values_in_the_units_used_beside_theirs(number, unit, text):
    assert converted(number, unit) == text


def test_every_conversion_is_recognised_as_following_and_no_other():
    for unit in CONVERSIONS:
        ((value, others),) = conversions(converted("12.5", unit))
        assert all(follows(other, value) for other in others)
        assert not any(follows(other.replace(other.split()[0], "77"), value) for other in others)
    assert not follows("3,840 psi", "26.5 bar") and not follows("265 Nm", "265 bar") and not follows("psi", "2 bar")


def test_there_and_back_is_the_same_value():
    for unit, others in CONVERSIONS.items():
        for other in others:
            assert convert(convert(17.0, unit, other), other, unit) == pytest.approx(17.0)
    with pytest.raises(ValueError, match="cannot be given"):
        convert(1, "bar", "Nm")


@pytest.mark.parametrize(
    ("spelling", "symbol"),
    [("N·m", "Nm"), ("牛·米", "Nm"), ("Litres", "l"), ("r/min", "rpm"), ("㎜", "mm"), ("m³/h", "m3/h")],
)
def test_spellings_of_a_unit_are_one(spelling, symbol):
    assert measure(spelling).symbol == symbol


def table(text):
    return Chunk("t", Source("a.pdf", "A", DocumentKind.MANUAL), (1, 1), (), ChunkKind.TABLE, text)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("Item | Value | Unit\nPressure | 210 | bar\nMass | 85 | kg", ["Pressure", "210 bar", "bar"]),
        ("Joint | Torque (Nm)\nFlange | 1,650\nCap | 20", ["Flange", "1,650 Nm"]),
        ("部位 | 力矩（N·m）\n端盖 | 370\n油堵 | 45", ["端盖", "370 N·m"]),
        ("Name | Range | Note\nAmbient | 5 to 40 °C | dry\nOil | 20 | -", ["Ambient", "5 to 40 °C", "dry"]),
    ],
)
def test_a_cells_unit_stands_in_it_in_the_columns_head_or_in_a_column_of_units(text, values):
    row = split(text, ChunkKind.TABLE)[1]
    assert [cell.value for cell in row_cells(table(text), row)] == values


def test_the_same_in_a_row_written_as_a_record():
    units = split("Code: F0.12\nDefault: 0.75\nRange: 0.50 to 0.80\nUnit: MPa", ChunkKind.TABLE)
    assert [cell.value for cell in record_cells(units)] == ["F0.12", "0.75 MPa", "0.50 to 0.80 MPa", "MPa"]
