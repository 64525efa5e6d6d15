"""What a document says about itself: its title and its revision."""

from __future__ import annotations

import re
from pathlib import Path

from indexer.chinese import both_scripts
from indexer.readers.text_tools import one_line
from indexer.types import BlockKind, Page

_LABELLED = re.compile(
    both_scripts(
        r"(?<![A-Za-z])(?:version|ver\.?|revision|rev\.?|issue|edition)\s*[:：.#]?\s*([A-Z]?\d+(?:\.\d+){0,3}[a-z]?|[A-Z])(?![A-Za-z\d.])|"
        r"(?:版本号?|版次|文件版本)\s*[:：]?\s*([A-Za-z]{0,3}\.?\s?\d+(?:\.\d+){0,3}|[A-Z](?![A-Za-z]))"
    ),
    re.I,
)
_SHORT = re.compile(r"(?<![A-Za-z\d])[Vv](\d{1,3}(?:\.\d{1,3}){1,3}[a-z]?)(?![\w.]*\d)")
_REV_IN_NAME = re.compile(r"(?:^|[\s_.\-(])(rev(?:ision)?[\s_.\-]*)([A-Z]|\d+(?:\.\d+)*)(?=$|[\s_.\-)])", re.I)
_DATE = re.compile(r"(?<!\d)((?:19|20)\d\d)([-/.]?)(0[1-9]|1[0-2])\2(0[1-9]|[12]\d|3[01])(?!\d)")
_DATE_ZH = re.compile(both_scripts(r"((?:19|20)\d\d)\s*年\s*(\d{1,2})\s*月(?:\s*(\d{1,2})\s*日)?"))
_GENERIC = re.compile(
    both_scripts(
        r"^(?:contents?|table of contents|目录|index|introduction|preface|前言|chapter \w+|\W*|untitled.*|slide \d+|"
        r"(?:(?:user|operat\w+|instruction|owner'?s|service|installation|product|quick|start|setup|reference) ?)*"
        r"(?:guide|manual|handbook|instructions?)|(?:使用|操作|用户|产品)?(?:手册|说明书|说明))$"
    ),
    re.I,
)
_FILE_LIKE = re.compile(r"\.(?:md|docx?|pdf|indd|pptx?|xlsx?|tex|html?|qxd|fm|ai|cdr)$", re.I)


def guess_revision(name: str, pages: tuple[Page, ...]) -> str | None:
    """The revision that the file name or the first pages state ("V1.0.4", "Rev. B", "2010-06-27"), or None.

    `pages` is empty where dates and versions in the text are data rather than the document's own.
    """
    if match := _SHORT.search(name.replace("_", " ")):
        return f"V{match[1]}"
    if match := _REV_IN_NAME.search(name):
        return f"Rev. {match[2].upper()}"
    head = "\n".join(page.text for page in pages[:2])[:3000]
    if match := _LABELLED.search(head):
        value = match[1] or match[2]
        spoken = match.group().lower()
        if spoken.startswith(("issue", "edition")):
            return f"Issue {value}"
        if spoken.startswith("rev") or (len(value) == 1 and value.isalpha()):  # 版本 C: letters count revisions
            return f"Rev. {value.upper() if value.isalpha() else value}"
        return value if value[:1] in "Vv" else f"V{value}"
    if match := _SHORT.search(head):
        return f"V{match[1]}"
    for text in (name, head):
        if match := _DATE.search(text):
            return f"{match[1]}-{match[3]}-{match[4]}"
        if match := _DATE_ZH.search(text):
            day = f"-{int(match[3]):02d}" if match[3] else ""
            return f"{match[1]}-{int(match[2]):02d}{day}"
    return None


def good_title(title: str) -> bool:
    """Whether a title names the document rather than a file, a program or a usual first section."""
    text = title.strip()
    if not 3 < len(text) <= 150 and not (len(text) >= 2 and not text.isascii() and len(text) <= 150):
        return False
    return (
        not _FILE_LIKE.search(text)
        and not _GENERIC.match(text)
        and not text.lower().startswith(("microsoft ", "powerpoint"))
    )


def _telling(stem: str) -> bool:
    """Whether a file's name says what is in it: two words and more, or several Chinese characters."""
    return len(re.findall(r"[A-Za-z]{3,}", stem)) >= 2 or len(re.findall(r"[\u3400-\u9fff]", stem)) >= 3


def choose_title(path: Path, stated: str, pages: tuple[Page, ...], from_heading: bool, markup: bool) -> str:
    """The title of the file's properties, else its first heading, else the file's stem.

    The first large print of a designed page is often the maker's name: there (`markup` False) a telling file name wins.
    """
    if good_title(stated):
        return one_line(stated)
    if not markup and _telling(path.stem):
        return path.stem.strip()
    if from_heading:
        for page in pages[:2]:
            for block in page.blocks[:6]:
                if block.kind is BlockKind.HEADING and good_title(block.text) and not re.match(r"^\d", block.text):
                    return block.text
    return path.stem.strip() or path.name
