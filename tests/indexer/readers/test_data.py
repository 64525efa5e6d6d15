"""CSV, JSON, YAML and plain text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from indexer.errors import ReadError
from indexer.readers import ReadLimits
from indexer.types import BlockKind


def write_json(path: Path, value: Any) -> Path:
    path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")
    return path


def test_csv_delimiter_encoding_and_ragged_rows(tmp_path: Path, read: Any) -> None:
    path = tmp_path / "codes.csv"
    path.write_bytes('代码;含义;处理\nE1;过流;检查电机\nE2;过压\nE3;"欠压;低";检查电源\n'.encode("gb18030"))
    document = read(path)
    table = document.pages[0].blocks[-1]
    assert table.rows == (
        ("代码", "含义", "处理"),
        ("E1", "过流", "检查电机"),
        ("E2", "过压", ""),
        ("E3", "欠压;低", "检查电源"),
    )
    assert table.header_rows == 1
    assert document.warnings and document.warnings[0].startswith("1 of 4 rows")


def test_csv_without_header_and_with_a_huge_cell(tmp_path: Path, read: Any) -> None:
    path = tmp_path / "values.tsv"
    path.write_text("1\t2.5\n2\t3.5\n", encoding="utf-8")
    assert read(path).pages[0].blocks[-1].header_rows == 0
    huge = tmp_path / "huge.csv"
    huge.write_text("a,b\n1," + "x" * 20_000 + "\n", encoding="utf-8")
    with pytest.raises(ReadError, match="longer than 10000"):
        read(huge, ReadLimits(max_cell_characters=10_000))


def test_json_pages_are_one_based(tmp_path: Path, read: Any) -> None:
    table = "\\begin{tabular}{|c|c|}\n\\hline No. & Part \\\\\n1 & Bolt $3 / 8 \\times 2$ \\\\\n2 & Nut \\& washer \\\\\n\\end{tabular}"
    value = [{"text": "# Cover\nHello", "page_idx": 0}, {"text": table, "page_idx": 2}]
    pages = read(write_json(tmp_path / "a.json", value)).pages
    assert [p.number for p in pages] == [1, 2, 3]
    assert pages[0].blocks[0].kind is BlockKind.HEADING and pages[1].text == ""
    assert pages[2].blocks[0].rows == (("No.", "Part"), ("1", "Bolt 3/8 × 2"), ("2", "Nut & washer"))
    ones = read(write_json(tmp_path / "b.json", [{"content": "x y", "page": 1}, {"content": "z", "page": 2}])).pages
    assert [p.text for p in ones] == ["x y", "z"]


def test_json_sections_become_headings_with_joined_lines(tmp_path: Path, read: Any) -> None:
    value = {
        "s0": {"id": "s0", "title": "Pairing", "text": ["Pairing", "Hold the button for three seconds until the lamp on the front of", "the unit blinks.", "Done."]},
        "s1": {"id": "s1", "title": "Reset", "text": "Pull the plug."},
    }  # fmt: skip
    blocks = read(write_json(tmp_path / "a.json", value)).pages[0].blocks
    assert [(b.kind, b.text) for b in blocks] == [
        (BlockKind.HEADING, "Pairing"),
        (BlockKind.PARAGRAPH, "Hold the button for three seconds until the lamp on the front of the unit blinks."),
        (BlockKind.PARAGRAPH, "Done."),
        (BlockKind.HEADING, "Reset"),
        (BlockKind.PARAGRAPH, "Pull the plug."),
    ]


def test_json_records_and_code_maps_become_tables(tmp_path: Path, read: Any) -> None:
    records = [
        {"id": 16, "en": {"title": "Overload", "cause": ""}, "tags": ["a", "b"]},
        {"id": 17, "en": {"title": "Stall", "cause": ""}, "tags": []},
    ]
    table = read(write_json(tmp_path / "a.json", records)).pages[0].blocks[0]
    assert (
        table.rows == (("id", "en.title", "tags"), ("16", "Overload", "a, b"), ("17", "Stall", ""))
        and table.header_rows == 1
    )
    maps = {"Servo": {"10": {"t": "x"}, "11": {"t": "y"}}, "Gripper": {"9": {"t": "z"}, "12": {"t": "w"}}}
    blocks = read(write_json(tmp_path / "b.json", maps)).pages[0].blocks
    assert [b.text for b in blocks if b.kind is BlockKind.HEADING] == ["Servo", "Gripper"]
    assert blocks[1].rows == (("code", "t"), ("10", "x"), ("11", "y"))
    flat = read(write_json(tmp_path / "c.json", {"drive": {"max": {"rpm": 3000}}, "on": True})).pages[0]
    assert flat.text.split("\n") == ["drive.max.rpm: 3000", "on: true"]


def test_json_lines_and_broken_json(tmp_path: Path, read: Any) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"code": "E1", "meaning": "fuse"}\n{"code": "E2", "meaning": "belt"}\n', encoding="utf-8")
    assert read(path).pages[0].blocks[0].rows[2] == ("E2", "belt")
    path.write_text('{"code": "E1"}\n{"code": \n', encoding="utf-8")
    with pytest.raises(ReadError, match="line 2"):
        read(path)


def test_yaml_records_and_alias_bomb(tmp_path: Path, read: Any) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(
        "Errors:\n  - code: XX101\n    title: STUCK\n    action: [Unload, Retry]\n  - code: XX102\n    title: HOT\n",
        encoding="utf-8",
    )
    blocks = read(path).pages[0].blocks
    assert blocks[0].text == "Errors" and blocks[1].rows[1] == ("XX101", "STUCK", "Unload, Retry")
    bomb = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{c}: &{c} [{','.join(['*' + p] * 10)}]\n" for p, c in zip("abcdefg", "bcdefgh", strict=True)
    )
    path.write_text(bomb, encoding="utf-8")
    with pytest.raises(ReadError, match="aliases"):
        read(path, ReadLimits(max_nodes=10_000))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "gb18030"])
def test_simplified_chinese_encodings(tmp_path: Path, read: Any, encoding: str) -> None:
    text = "变频器的故障代码说明如下，请在断电后检查接线并联系技术支持工程师。"
    (tmp_path / "a.txt").write_bytes(text.encode(encoding))
    assert read(tmp_path / "a.txt").pages[0].text == text


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("big5", "變頻器的故障代碼說明如下，請在斷電後檢查接線並聯繫技術支援工程師。"),
        ("shift_jis", "インバータの異常コードの説明です。電源を切ってから配線を確認してください。"),
        ("cp1252", "Größe der Welle: 25 mm ± 0,1. Öl täglich prüfen, Kühlmittel nachfüllen."),
    ],
)
def test_other_legacy_encodings(tmp_path: Path, read: Any, encoding: str, text: str) -> None:
    (tmp_path / "a.txt").write_bytes(text.encode(encoding))
    assert read(tmp_path / "a.txt").pages[0].text == text


def test_plain_text_structure_and_kept_units(tmp_path: Path, read: Any) -> None:
    text = "MAINTENANCE\n\n3.2 Belt tension\n\nThe tension is 12 N/mm² at 20 °C,\nmeasured cold.\n\n1. Loosen\n2. Tighten\n\nSafety\n======\n\nWARNING: hot.\n"
    (tmp_path / "a.txt").write_text(text, encoding="utf-8")
    blocks = read(tmp_path / "a.txt").pages[0].blocks
    assert [b.text for b in blocks if b.kind is BlockKind.HEADING] == ["MAINTENANCE", "3.2 Belt tension", "Safety"]
    assert "The tension is 12 N/mm² at 20 °C, measured cold." in [b.text for b in blocks]
    assert [b.text for b in blocks if b.kind is BlockKind.LIST_ITEM] == ["1. Loosen", "2. Tighten"]
    assert blocks[-1].text == "WARNING: hot."
