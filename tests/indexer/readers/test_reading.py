"""Choice of the reader, candidates, and inputs that cannot be used."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from indexer.errors import ReadError
from indexer.readers import SUPPORTED_SUFFIXES, ReadLimits, is_candidate


@pytest.mark.parametrize("name", ["a.pdf", "b.DOCX", "c.md", "d.adoc", "e.yaml", "f.jsonl", "old.doc", "手册.pdf"])
def test_candidates(name: str) -> None:
    assert is_candidate(Path("folder") / name)


@pytest.mark.parametrize(
    "name", [".hidden.pdf", "~$a.docx", "LICENSE", "COPYING", "LICENSE.txt", "photo.png", "a.pdf~", "noext"]
)
def test_non_candidates(name: str) -> None:
    assert not is_candidate(Path(name))


def test_suffixes_are_lower_case_with_dot() -> None:
    assert all(s.startswith(".") and s == s.lower() for s in SUPPORTED_SUFFIXES) and ".pdf" in SUPPORTED_SUFFIXES


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("empty.pdf", b"", "empty"),
        ("text.pdf", b"just some words", "no PDF inside"),
        ("white.txt", b" \n\n ", "white space"),
        ("image.pdf", b"\x89PNG\r\n\x1a\n0000", "PNG image"),
        ("binary.txt", bytes(range(256)) * 20, "binary data"),
        ("broken.json", b'{"a": ', "not valid JSON"),
        ("broken.yaml", b"a: [1, 2\nb: }", "not valid YAML"),
    ],
)
def test_unusable_files_name_the_file_and_the_reason(
    tmp_path: Path, read: Any, name: str, data: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(ReadError, match=message) as caught:
        read(tmp_path / name)
    assert name in caught.value.reason and "\n" not in caught.value.reason


def test_vanished_too_large_and_folder(tmp_path: Path, read: Any) -> None:
    with pytest.raises(ReadError, match="gone"):
        read(tmp_path / "never.pdf")
    (tmp_path / "a.txt").write_text("hello world", encoding="utf-8")
    with pytest.raises(ReadError, match="at most 5"):
        read(tmp_path / "a.txt", ReadLimits(max_file_bytes=5))
    (tmp_path / "d.pdf").mkdir()
    with pytest.raises(ReadError, match="not a regular file"):
        read(tmp_path / "d.pdf")


@pytest.mark.skipif(
    os.name == "nt" or (hasattr(os, "geteuid") and os.geteuid() == 0), reason="root may read everything"
)
def test_unreadable_file(tmp_path: Path, read: Any) -> None:
    path = tmp_path / "a.txt"
    path.write_text("hello", encoding="utf-8")
    path.chmod(0)
    with pytest.raises(ReadError, match="permission"):
        read(path)


def test_html_under_another_suffix(tmp_path: Path, read: Any) -> None:
    path = tmp_path / "page.txt"
    path.write_text("<!DOCTYPE html><html><body><h1>Press</h1><p>Oil it.</p></body></html>", encoding="utf-8")
    document = read(path)
    assert document.pages[0].blocks[0].text == "Press" and any("html" in w for w in document.warnings)
