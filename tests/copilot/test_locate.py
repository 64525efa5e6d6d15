from __future__ import annotations

import pypdfium2
import pytest

from copilot.locate import locate, locate_in
from copilot.sample_plant import plant_folder


def there(quote: str, page: str) -> list[str]:
    return [page[start:end] for start, end in locate(quote, page)]


@pytest.mark.parametrize(
    ("quote", "page", "found"),
    [
        ("Open the valve. Wait.", "1.2 Start\nOpen the\nvalve. Wait.\nClose", ["Open the\nvalve. Wait."]),
        ("the hydraulic oil", "Drain the hydrau-\nlic oil now", ["the hydrau-\nlic oil"]),
        ("the first fill", "Do the ﬁrst ﬁll", ["the ﬁrst ﬁll"]),
        ("关闭电源，等待5分钟。", "关闭电源，\n等待 5 分钟。", ["关闭电源，\n等待 5 分钟。"]),
        ("Flange | M30 | 1,650", "Flange   M30\n1,650", ["Flange   M30\n1,650"]),
        ("Joint: Flange\nTorque (Nm): 85", "Joint Torque (Nm)\nPump 20\nFlange 85", ["Joint Torque (Nm)", "Flange 85"]),
        ("• wear gloves\n• wear goggles", "– wear gloves\n– wear goggles", ["wear gloves", "wear goggles"]),
        ("Close V18 at once and tell the shift leader.", "Open V17 slowly.", []),
        ("", "Open V17.", []),
    ],
)
def test_quotes_are_found_by_position(quote, page, found):
    assert there(quote, page) == found


def test_the_second_of_two_equal_cells_is_the_one_behind_its_row():
    page = "E-206 Reset\nE-207 Clean, Reset"
    assert locate("E-207 | Clean | Reset", page)[0][0] == page.index("E-207")


def test_a_quote_across_a_page_break_is_found_on_both_pages():
    pages = {10: "1. Lock Q1.\n2. Loosen the screws.", 11: "3. Retighten after 50 strokes."}
    found = locate_in("2. Loosen the screws.\n3. Retighten after 50 strokes.", pages)
    assert {n: [pages[n][a:b] for a, b in spans] for n, spans in found.items()} == {
        10: ["2. Loosen the screws."], 11: ["3. Retighten after 50 strokes."],
    }  # fmt: skip
    assert list(locate_in("3. Retighten after 50 strokes.", pages)) == [11]
    assert locate_in("Nothing of the kind stands here.", pages) == {}


def test_every_chunk_of_a_real_manual_is_found_on_its_pages(plant_home):
    from indexer.home import Home
    from indexer.store import Index

    for document in ("HP-200/HP-200_operating_manual.pdf", "AC-75/AC-75_manual_zh.pdf"):
        pdf = pypdfium2.PdfDocument(plant_folder() / document)
        texts = {n: page.get_textpage().get_text_range() for n, page in enumerate(pdf, 1)}
        pdf.close()
        with Index.open(Home(plant_home)) as index:
            chunks = [
                chunk
                for chunk in index.chunks_at(range(index.manifest.chunk_count))
                if chunk.source.document_id == document and not chunk.ocr
            ]
        assert len(chunks) > 40
        lost = []
        for chunk in chunks:
            pages = {n: texts[n] for n in range(chunk.pages[0], chunk.pages[1] + 1)}
            lost += [
                (chunk.pages, line) for line in chunk.text.splitlines() if line.strip() and not locate_in(line, pages)
            ]
        assert lost == []
