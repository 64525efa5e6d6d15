"""The line drawings of the sample manuals, drawn with plain shapes."""

from __future__ import annotations

from reportlab.graphics.shapes import Circle, Drawing, Line, Rect, String
from reportlab.lib import colors

STEEL = colors.HexColor("#c9d3dc")
DARK = colors.HexColor("#2f4a63")


def _label(drawing: Drawing, x: float, y: float, number: str, to: tuple[float, float]) -> None:
    drawing.add(Line(x, y, to[0], to[1], strokeWidth=0.6))
    drawing.add(Circle(x, y, 8, fillColor=colors.white, strokeColor=DARK))
    drawing.add(String(x, y - 3, number, fontName="Helvetica-Bold", fontSize=9, textAnchor="middle"))


def press() -> Drawing:
    """Front view of the press: crown, slide, columns, table, cushion, power unit."""
    drawing = Drawing(470, 230)

    def box(x: float, y: float, width: float, height: float, colour: colors.Color = STEEL) -> None:
        drawing.add(Rect(x, y, width, height, fillColor=colour, strokeColor=DARK, strokeWidth=1))

    box(110, 190, 190, 34)
    for x in (122, 274):
        box(x, 56, 14, 134, colors.white)
    box(190, 150, 30, 40, colors.HexColor("#e6b655"))
    box(116, 118, 178, 32)
    box(160, 100, 90, 18, colors.HexColor("#9fb0bf"))
    box(160, 76, 90, 16, colors.HexColor("#9fb0bf"))
    box(110, 46, 190, 30)
    box(170, 12, 70, 34, colors.white)
    drawing.add(Line(60, 12, 350, 12, strokeWidth=1.5))
    box(360, 12, 80, 60)
    box(372, 72, 18, 34, colors.HexColor("#e6b655"))
    drawing.add(Line(360, 60, 312, 60, strokeWidth=2))
    drawing.add(Line(312, 60, 312, 206, strokeWidth=2))
    drawing.add(Line(312, 206, 300, 206, strokeWidth=2))
    for number, at, to in (
        ("1", (80, 208), (112, 208)),
        ("2", (80, 134), (118, 134)),
        ("3", (80, 170), (128, 170)),
        ("4", (80, 60), (112, 60)),
        ("5", (80, 28), (172, 28)),
    ):
        _label(drawing, *at, number, to)
    drawing.add(String(400, 38, "Power unit", fontName="Helvetica", fontSize=9, textAnchor="middle"))
    drawing.add(String(396, 110, "Accumulator", fontName="Helvetica", fontSize=8))
    return drawing
