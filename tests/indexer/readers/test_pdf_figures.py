"""Figures of a page are told from logos, letterheads, tables, framed text and scans."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from reportlab.lib.pagesizes import A4
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from copilot.sample_plant import plant_folder
from indexer.readers.pdf_figures import find_figures, image_marks
from indexer.readers.pdf_text import PDFIUM_LOCK, drawn_objects, read_content

WIDTH, HEIGHT = A4


def picture(shade: int = 90, size: tuple[int, int] = (300, 200)) -> ImageReader:
    from PIL import Image, ImageDraw

    image = Image.new("RGB", size, (shade, 140, 180))
    ImageDraw.Draw(image).ellipse((20, 20, size[0] // 2, size[1] // 2), fill=(200, shade, 40))
    out = io.BytesIO()
    image.save(out, "PNG")
    return ImageReader(io.BytesIO(out.getvalue()))


def figures_of(path: Path, number: int = 1, repeated=()):
    import pypdfium2

    with PDFIUM_LOCK:
        pdf = pypdfium2.PdfDocument(path)
        page = pdf[number - 1]
        drawn = list(drawn_objects(page))
        content = read_content(page, page.get_textpage())
        pdf.close()
    return [tuple(map(round, box)) for box in find_figures(drawn, content.chars, WIDTH, HEIGHT, repeated)], drawn


@pytest.fixture
def canvas(tmp_path):
    made = Canvas(str(tmp_path / "made.pdf"), pagesize=A4)
    made.drawString(60, 700, "The pump is shown below, with the valve V17 on its left side.")
    return made


@pytest.fixture
def path(tmp_path):
    return tmp_path / "made.pdf"


def test_a_picture_is_a_figure_and_a_logo_is_none(canvas, path):
    canvas.drawImage(picture(), 100, 400, 300, 200)
    canvas.drawImage(picture(30, (200, 60)), 60, HEIGHT - 60, 120, 40)  # a letterhead
    canvas.drawImage(picture(60, (50, 50)), 60, 300, 30, 30)  # an icon
    canvas.save()
    assert figures_of(path)[0] == [(94, round(HEIGHT - 606), 406, round(HEIGHT - 394))]


def test_tiles_of_one_picture_are_put_together(canvas, path):
    for row in range(4):
        canvas.drawImage(picture(40 + row), 100, 400 + 50 * row, 300, 50)
    canvas.save()
    assert len(figures_of(path)[0]) == 1


def test_what_stands_on_the_next_page_too_is_no_figure(canvas, path):
    for _ in range(2):
        canvas.drawImage(picture(), 100, 400, 300, 200)
        canvas.showPage()
    canvas.save()
    _, drawn = figures_of(path, 2)
    assert figures_of(path, 1, image_marks(drawn))[0] == []


def test_a_scan_of_the_whole_page_is_no_figure(canvas, path):
    canvas.drawImage(picture(), 0, 0, WIDTH, HEIGHT)
    canvas.save()
    assert figures_of(path)[0] == []


def test_tables_and_framed_text_are_no_figures(canvas, path):
    for row in range(8):
        for column in range(4):
            canvas.rect(60 + 110 * column, 400 + 25 * row, 110, 25)
            canvas.drawString(66 + 110 * column, 408 + 25 * row, f"cell {row} {column}")
    canvas.roundRect(60, 250, 440, 80, 12)
    for line in range(5):
        canvas.drawString(
            70, 315 - 13 * line, "WARNING: hot surface. Let the cylinder cool down before you touch it, please."
        )
    canvas.save()
    assert figures_of(path)[0] == []


def test_a_drawing_of_lines_and_circles_is_a_figure(canvas, path):
    canvas.rect(150, 420, 200, 120)
    for place in range(4):
        canvas.circle(180 + 45 * place, 480, 18)
        canvas.line(180 + 45 * place, 480, 200 + 45 * place, 560)
    canvas.save()
    ((x0, top, x1, bottom),) = figures_of(path)[0]
    assert x0 <= 150 and x1 >= 350 and top <= HEIGHT - 560 and bottom >= HEIGHT - 420


def test_the_drawing_of_the_press_is_found_and_nothing_else_of_its_manual():
    manual = plant_folder() / "HP-200/HP-200_operating_manual.pdf"
    assert [number for number in range(1, 21) if figures_of(manual, number)[0]] == [6]
