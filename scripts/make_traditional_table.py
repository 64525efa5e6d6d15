"""Writes indexer/traditional.py from OpenCC (Apache-2.0, https://github.com/BYVoid/OpenCC): `pip install opencc` first.

Only single characters of the common block are taken, so that folding never changes the length of a text. What depends on the word (著 as 着, 乾 in 乾坤)
follows OpenCC's default for the character alone.
"""

from __future__ import annotations

from pathlib import Path

TARGET = Path(__file__).resolve().parent.parent / "indexer" / "traditional.py"
HAN = range(0x4E00, 0xA000)
# Simplified as they stand: OpenCC reads 么 as the traditional 幺, and 薴 would end at 苧, which is folded itself.
UNCHANGED = "么薴"


def main() -> None:
    import opencc

    default, hong_kong = opencc.OpenCC("t2s"), opencc.OpenCC("hk2s")
    forms: dict[str, str] = {}
    for character in map(chr, HAN):
        plain = default.convert(character)
        if plain == character:
            plain = hong_kong.convert(character)
        if plain != character and character not in UNCHANGED and len(plain) == 1 and ord(plain) in HAN:
            forms[plain] = forms.get(plain, "") + character
    pairs = sorted((character, plain) for plain, others in forms.items() for character in others)
    lines = [
        '"""Traditional Chinese characters and the simplified ones that stand for them, made by scripts/make_traditional_table.py."""',
        "",
        *_constant("TRADITIONAL", "".join(character for character, _ in pairs)),
        *_constant("SIMPLIFIED", "".join(plain for _, plain in pairs)),
    ]
    TARGET.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{TARGET}: {len(pairs)} traditional characters of {len(forms)} simplified ones")


def _constant(name: str, text: str) -> list[str]:
    return [f"{name} = (", *(f'    "{text[at : at + 50]}"' for at in range(0, len(text), 50)), ")"]


if __name__ == "__main__":
    main()
