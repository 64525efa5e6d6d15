"""Write the bundled sample plant anew: manuals, alarm list, work orders and checked questions.

Development only. Needs reportlab, python-docx, openpyxl, Pillow, numpy, pypdfium2 and a TrueType font with Chinese and
Latin glyphs (Debian: fonts-wqy-microhei, Apache-2.0). Same inputs and library versions give the same bytes.

    python scripts/make_sample_plant.py [--output FOLDER] [--cjk-font FILE]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from sample_plant import manuals, reports, verify

PACKAGE = Path(__file__).resolve().parents[1] / "copilot" / "sample_plant"
FONT = Path("/usr/share/fonts/truetype/wqy/wqy-microhei.ttc")


def main(arguments: list[str] | None = None) -> int:
    """Run the generator; return 0, or 1 with one line on stderr when the font is missing."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--output", type=Path, default=PACKAGE, help="folder to write plant/ and questions.jsonl into")
    parser.add_argument("--cjk-font", type=Path, default=FONT, help="TrueType font with Chinese and Latin glyphs")
    options = parser.parse_args(arguments)
    if not options.cjk_font.is_file():
        print(
            f"no font at {options.cjk_font}: install fonts-wqy-microhei or name another with --cjk-font",
            file=sys.stderr,
        )
        return 1
    plant = options.output / "plant"
    plant.mkdir(parents=True, exist_ok=True)
    manuals.write_all(plant, options.cjk_font)
    orders = reports.write_reports(plant, seed=manuals.SEED)
    # beside the plant and not in it, so that indexing the plant does not index the questions
    asked = verify.write_questions(plant, options.output / "questions.jsonl")
    size = sum(path.stat().st_size for path in options.output.rglob("*") if path.is_file())
    print(f"{options.output}: {orders} work orders, {asked} questions, {size / 1024:.0f} KiB", file=sys.stderr)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
