"""Signs for buttons as inline SVG: fonts of plant computers lack many symbols. Drawn on 24 by 24 with the text's colour."""

from __future__ import annotations

_PATHS = {
    "up": "M7 11v9H4v-9zM7 11l4-8c1.5 0 2.5 1 2.5 2.5V9H19c1.2 0 2 1 1.8 2.2l-1.3 7c-.2 1-1 1.8-2 1.8H7",
    "down": "M7 13V4H4v9zM7 13l4 8c1.5 0 2.5-1 2.5-2.5V15H19c1.2 0 2-1 1.8-2.2l-1.3-7c-.2-1-1-1.8-2-1.8H7",
    "copy": "M9 9h11v11H9zM5 15H4V4h11v1",
    "print": "M7 9V4h10v5M7 17H4V9h16v8h-3M7 14h10v6H7z",
    "flag": "M5 21V4h12l-2 4 2 4H5",
    "edit": "M4 20l1-4L16 5l3 3L8 19zM14 7l3 3",
    "mic": "M12 3a3 3 0 0 1 3 3v6a3 3 0 0 1-6 0V6a3 3 0 0 1 3-3zM6 11a6 6 0 0 0 12 0M12 17v4M9 21h6",
    "warning": "M12 4L2.5 20h19zM12 10v5M12 17.5v.5",
}


def icon(name: str) -> str:
    """The sign of that name; it says nothing to a screen reader."""
    return (
        '<svg class="fc-icon" viewBox="0 0 24 24" width="22" height="22" fill="none" stroke="currentColor" '
        f'stroke-width="1.9" stroke-linejoin="round" stroke-linecap="round" aria-hidden="true"><path d="{_PATHS[name]}"/></svg>'
    )
