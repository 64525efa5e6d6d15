"""Markdown, HTML, AsciiDoc and mail."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from indexer.types import Block, BlockKind


def blocks_of(read: Any, path: Path, text: str) -> tuple[Block, ...]:
    path.write_text(text, encoding="utf-8")
    result: tuple[Block, ...] = read(path).pages[0].blocks
    return result


def test_markdown(tmp_path: Path, read: Any) -> None:
    blocks = blocks_of(
        read, tmp_path / "a.md",
        "---\ntitle: Spindle drive\nlayout: page\ncodes: [ G29, M420 ]\n---\n## Alarms\n\nSee [the list](http://x.y/z) for `E-201`.\n\n"
        "| Code | Meaning |\n|---|---|\n| E-201 | Over<br>current |\n\n> [!WARNING]\n> Never touch the spindle.\n\n"
        "{{< callout type=\"danger\" >}}\nHigh voltage\n{{< /callout >}}\n\n!!! caution\n    Sharp edges.\n\n1. Stop\n2. Lock\n   - key\n\n"
        "```gcode\nG28 X{{ y }}\n```\n",
    )  # fmt: skip
    texts = [b.text for b in blocks]
    assert blocks[0].kind is BlockKind.HEADING and blocks[0].text == "Spindle drive" and blocks[0].level == 1
    assert "codes: G29, M420" in texts and not any("layout" in t for t in texts)
    assert "See the list for E-201." in texts
    table = next(b for b in blocks if b.kind is BlockKind.TABLE)
    assert table.rows == (("Code", "Meaning"), ("E-201", "Over current")) and table.header_rows == 1
    assert {"WARNING: Never touch the spindle.", "DANGER: High voltage", "CAUTION: Sharp edges."} <= set(texts)
    assert [(b.text, b.level) for b in blocks if b.kind is BlockKind.LIST_ITEM] == [
        ("1. Stop", 0),
        ("2. Lock", 0),
        ("• key", 1),
    ]
    assert blocks[-1].kind is BlockKind.CODE and blocks[-1].text == "G28 X{{ y }}"


def test_html(tmp_path: Path, read: Any) -> None:
    path = tmp_path / "a.html"
    path.write_text(
        "<html><head><title>Lathe guide</title><style>p{}</style></head><body><nav>Home</nav><h1>Lathe</h1>"
        "<script>alert(1)</script><p>Speed is <b>80</b>\u00a0rpm.</p><div class='admonition warning'><p class='admonition-title'>Warning</p>"
        "<p>Keep hands away.</p></div><ul><li>one<ul><li>two</li></ul></li></ul><dl><dt>E1</dt><dd>Fuse blown</dd></dl>"
        "<table><tr><th>Code</th><th>Cause</th></tr><tr><td rowspan='2'>E1</td><td>Fuse</td></tr><tr><td>Cable</td></tr></table>"
        "<footer>imprint</footer></body></html>",
        encoding="utf-8",
    )
    document = read(path)
    blocks = document.pages[0].blocks
    assert document.source.title == "Lathe guide"
    assert [b.text for b in blocks if b.text] == [
        "Lathe", "Speed is 80 rpm.", "WARNING: Keep hands away.", "• one", "• two", "E1: Fuse blown",
    ]  # fmt: skip
    assert blocks[-1].rows == (("Code", "Cause"), ("E1", "Fuse"), ("E1", "Cable")) and blocks[-1].header_rows == 1


def test_asciidoc(tmp_path: Path, read: Any) -> None:
    blocks = blocks_of(
        read, tmp_path / "a.adoc",
        ":lang: en\n:machine: Mill\n[[anchor]]\n= The {machine} manual\n\n== Coolant\n(((index term)))\nUse *clean* coolant, see\n<<sec:oil,the oil chapter>> or link:x.html[the page].\n\n"
        "include::other.adoc[]\n\nWARNING: Do not drink it.\n\n[CAUTION]\n====\nSlippery floor.\n====\n\n* one\n** two\n. first\n. second\n\nE1:: fuse blown\n\n"
        ".Limits\n[cols=\"1,1\",options=\"header\"]\n|===\n|Name |Value\n|Flow |`12`\n|Heat\n|80 °C\n|===\n\n----\nG0 X1\n----\n",
    )  # fmt: skip
    texts = [b.text for b in blocks]
    assert (blocks[0].text, blocks[0].level, blocks[1].level) == ("The Mill manual", 1, 2)
    assert "Use clean coolant, see the oil chapter or the page." in texts
    assert "WARNING: Do not drink it." in texts and "CAUTION: Slippery floor." in texts
    assert [(b.text, b.level) for b in blocks if b.kind is BlockKind.LIST_ITEM] == [
        ("• one", 0),
        ("• two", 1),
        ("1. first", 0),
        ("2. second", 0),
    ]
    assert "E1: fuse blown" in texts and not any("include" in t for t in texts)
    table = next(b for b in blocks if b.kind is BlockKind.TABLE)
    assert (
        table.rows == (("Name", "Value"), ("Flow", "12"), ("Heat", "80 °C"))
        and table.caption == "Limits"
        and table.header_rows == 1
    )
    assert blocks[-1].kind is BlockKind.CODE


def test_mail(tmp_path: Path, read: Any) -> None:
    path = tmp_path / "a.eml"
    path.write_bytes(
        b"Subject: Pump stopped\nFrom: a@example.org\nContent-Type: text/plain; charset=utf-8\n\nThe pump stopped at noon.\n"
    )
    page = read(path).pages[0]
    assert page.blocks[0].text == "Pump stopped" and "stopped at noon" in page.text
