"""Mail messages (EML): subject as heading, sender and date, then the body; attachments are named only."""

from __future__ import annotations

import email
import email.policy

from indexer.errors import ReadError
from indexer.readers.html import html_blocks
from indexer.readers.plain import text_blocks
from indexer.readers.text_tools import heading, one_line, paragraph
from indexer.types import Block


def read_email(data: bytes, name: str) -> tuple[list[Block], str]:
    """(blocks, subject). Raises ReadError where there is neither a subject nor a body."""
    message = email.message_from_bytes(data, policy=email.policy.default)
    subject = one_line(str(message.get("subject") or ""))
    blocks: list[Block] = [heading(subject, 1)] if subject else []
    facts = [f"{key}: {one_line(str(message[key.lower()]))}" for key in ("From", "Date") if message.get(key.lower())]
    if facts:
        blocks.append(paragraph(", ".join(facts)))
    body = message.get_body(preferencelist=("plain", "html"))
    if body is not None:
        content = str(body.get_content())
        blocks.extend(html_blocks(content) if body.get_content_type() == "text/html" else text_blocks(content))
    attached = [one_line(part.get_filename() or "") for part in message.iter_attachments()]
    if any(attached):
        blocks.append(paragraph("Attachments: " + ", ".join(filter(None, attached))))
    if not blocks:
        raise ReadError(f"{name}: no mail message in it")
    return blocks, subject
