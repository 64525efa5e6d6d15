"""The last gate: what a sentence claims must stand in its quotes, however it is spelled; everything else is withheld."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from copilot.types import Citation
from copilot.verify import verified
from indexer.types import Chunk, ChunkKind, DocumentKind, Source

SOURCE = Source("press.pdf", "Hydraulic press", DocumentKind.MANUAL, "HP-200", "B")


def setup(*quotes: str, heading=(), kind=ChunkKind.TEXT, header=""):
    """Citations [1], [2] ... of one chunk that holds the quotes (below a table's header, if there is one)."""
    text = "\n".join([*([header] if header else []), *quotes])
    chunk = Chunk("c", SOURCE, (3, 3), tuple(heading), kind, text)
    return [Citation(n, SOURCE, (3, 3), quote, "c") for n, quote in enumerate(quotes, 1)], {"c": chunk}


def left(text: str, *quotes: str, ours=(), **more):
    return verified(text, *setup(*quotes, **more), ours=ours)


SUPPORTED = [
    ("Tighten with 1650 Nm.", "Torque (Nm): 1,650"),
    ("It has 7.5 kW.", "Motor: 7,5 kW"),
    ("It weighs 1 850 kg.", "Weight 1,850 kg"),
    ("Keep it at 10–20 °C.", "Keep it at 10 to 20 ℃."),
    ("Alarm E-207 means a low charge.", "E 207 means a low charge."),
    ("Alarm 207 means a low charge.", "E-207 means a low charge."),
    ("Use the screw M8x20.", "Use the screw M8 x 20."),
    ("Four bolts hold it.", "4 bolts hold it."),
    ("等待5分钟。", "wait 5 min"),
    ("Wait 5 minutes.", "等待 5 分钟。"),
    ("拧到 85 牛米。", "Tighten with 85 Nm."),
    ("It stands down to -5 °C.", "down to −5 ℃"),
    ("Within 24 V DC.", "Supply: 24V DC"),
    ("P0-15 is 10 kHz.", "P0-15: carrier frequency, 10 kHz"),
    ("On the HP-200 the pressure is 6 bar.", "The pressure is 6 bar."),
    ("Done on 2024-12-23.", "2024-12-23 | seal"),
    ("Every 500 hours.", "every 500 h"),
]


@pytest.mark.parametrize(("sentence", "quote"), SUPPORTED)
def test_other_spellings_of_what_is_quoted_stand(sentence, quote):
    found = left(f"{sentence} [1]", quote)
    assert (found.text, found.withheld) == (f"{sentence} [1]", ())


@pytest.mark.parametrize(
    ("sentence", "quote"),
    [
        ("Tighten with 1650 Nm.", "Torque (Nm): 165"),
        ("It takes 30 bar.", "It takes 30 Nm."),
        ("It stands 5 °C.", "It stands -5 °C."),
        ("Alarm E-208 means it.", "Alarm E-207 means it."),
        ("Alarm F-207 means it.", "Alarm E-207 means it."),
        ("Alarm E-20 means it.", "Alarm E-207 means it."),
        ("Three bolts hold it.", "Four bolts hold it."),
        ("It has 1.65 mm.", "It has 1,650 mm."),
        ("等待5小时。", "等待5分钟。"),
        ("Wait 207 minutes.", "E-207: wait."),
        ("It is 20 psi.", "It is 20 bar."),
        ("Use M8x25.", "Use M8x20."),
        ("重复三次。", "重复 2 次。"),
        ("Done on 2024-12-24.", "Done on 2024-12-23."),
        ("Set P0-16 to 10.", "Set P0-15 to 10."),
        ("It is 265 bar (26.5 MPa).", "It is 265 bar."),
        ("On the HP-300 it is 6 bar.", "It is 6 bar."),
    ],
)
def test_a_number_unit_or_code_that_is_not_quoted_withholds_its_sentence(sentence, quote):
    found = left(f"{sentence} [1]", quote)
    assert found.text == "" and [one.sentence for one in found.withheld] == [sentence]
    assert "not in the quote" in found.withheld[0].reason and found.citations == ()


def test_only_the_unsound_sentence_goes_and_its_citation_with_it():
    found = left("Open V3. [1] Wait 9 min. [2]\nClose V3. [1]", "Open V3. Close V3.", "Wait 5 min.")
    assert found.text == "Open V3. [1]\nClose V3. [1]"
    assert [one.marker for one in found.citations] == [1]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("The pump is blue.", "no marker"),
        ("The pump is blue. [1] It never leaks.", "no marker"),
        ("It never leaks. The pump is blue. [1]", "no marker"),
        ("The pump is blue. [7]", r"\[7\] stands for nothing"),
        ("水泵是蓝色的。[1]它从不漏油。", "no marker"),
    ],
)
def test_every_sentence_carries_a_marker_that_stands_for_something(text, reason):
    found = left(text, "The pump is blue. 水泵是蓝色的。")
    assert any(re.search(reason, one.reason) for one in found.withheld)
    assert "never" not in found.text and "从不" not in found.text


def test_a_marker_does_not_reach_the_quote_of_another():
    found = left("Wait 5 min. [2]", "Wait 5 min.", "Open the valve.")
    assert found.text == "" and "5 min" in found.withheld[0].reason


def test_sentences_quoted_together_may_share_a_marker():
    text = "DANGER: Hot oil. Wear goggles. [1]"
    assert left(text, "DANGER: Hot oil. Wear goggles.").text == text
    chinese = "危险：热油。请戴护目镜。[1]"
    assert left(chinese, "危险：热油。请戴护目镜。").text == chinese


def test_steps_items_and_cells_are_one_statement_each_and_their_sign_claims_nothing():
    text = "1. Close V17. Wait 5 min. [1]\n2. Open V18. [2]\n• Wear gloves. Wear goggles. [3]\nRemedy: Clean it. Test it. [3]"
    quotes = ("Close V17. Wait 5 min.", "Open V18.", "Wear gloves. Wear goggles. Clean it. Test it.")
    assert left(text, *quotes).text == text


def test_a_unit_may_stand_in_the_header_of_the_table():
    row = "Flange | M30 | 1,650"
    kept = left("The flange takes 1650 Nm. [1]", row, header="Joint | Thread | Torque (Nm)", kind=ChunkKind.TABLE)
    assert kept.withheld == ()
    other = left("The flange takes 1650 bar. [1]", row, header="Joint | Thread | Torque (Nm)", kind=ChunkKind.TABLE)
    assert other.text == ""


def test_frame_words_need_no_marker_but_only_ours():
    text = "The documents do not say.\n3 fault reports for HP-200.\nOpen V3. [1]"
    assert left(text, "Open V3.", ours=["3 fault reports for HP-200."]).text == text
    assert "3 fault" not in left(text, "Open V3.").text


@pytest.mark.parametrize(
    ("said", "stands"),
    [
        ("It opens at 265 bar. (converted: 265 bar ≈ 26.5 MPa ≈ 3,840 psi) [1]", True),
        ("它在 265 bar 打开。（换算：265 bar ≈ 26.5 MPa） [1]", True),
        ("It opens at 265 bar. (converted: 265 bar ≈ 2.65 MPa) [1]", False),
        ("It opens at 265 bar. (converted: 26.5 bar ≈ 2.65 MPa) [1]", False),
        ("It opens at 265 bar. (converted: 265 bar ≈ 265 Nm) [1]", False),
        ("It opens at 265 bar, that is 3,840 psi. [1]", False),
    ],
)
def test_our_conversions_stand_when_they_follow_from_what_is_quoted(said, stands):
    found = left(said, "It opens at 265 bar. 它在 265 bar 打开。")
    assert (found.text == said) is stands


def test_a_quote_that_is_not_in_its_chunk_backs_nothing():
    citations, chunks = setup("Wait 5 min.")
    forged = [replace(citations[0], quote="Wait 50 min.")]
    assert verified("Wait 50 min. [1]", forged, chunks).text == ""
    assert verified("Wait 5 min. [1]", citations, {}).text == ""


def test_nothing_is_lost_of_a_sound_text():
    text = "Open V3. [1] Close V4. [2]\n\nThen wait. [1]"
    assert left(text, "Open V3. Then wait.", "Close V4.").text == text
