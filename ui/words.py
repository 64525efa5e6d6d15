"""The texts of the interface, one TOML file per language in `ui/texts`. Another language is another file."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

DEFAULT = "en"


@dataclass(frozen=True, slots=True)
class Words:
    """One language's texts. `code` is the file's name ("en"), `name` what the language calls itself."""

    code: str
    name: str
    texts: Mapping[str, str]

    def __call__(self, key: str, **values: object) -> str:
        """The text called "table.key", filled with `values`. Raises KeyError for one that is not there."""
        return self.texts[key].format(**values) if values else self.texts[key]

    def text(self, table: str, key: str, otherwise: str) -> str:
        """The text "table.key", or what it is called otherwise: for names that come from data."""
        return self.texts.get(f"{table}.{key}", otherwise)

    def count(self, key: str, number: int, **values: object) -> str:
        """The text for a number of things: that of "key_one", where a language has one, for a single one.

        >>> words_for("en").count("library.pages", 1, pages=1), words_for("zh").count("library.pages", 1, pages=1)
        ('1 page', '1 页')
        """
        single = f"{key}_one"
        return self(single if number == 1 and single in self.texts else key, **values)

    def of(self, table: str, name: str) -> str:
        """The text for a name that comes from data (a route, a role); the name itself where there is none."""
        return self.texts.get(f"{table}.{name}", name)


@cache
def languages() -> Mapping[str, Words]:
    """All languages by code, English first."""
    found = {}
    for file in resources.files("ui").joinpath("texts").iterdir():
        if file.name.endswith(".toml"):
            code = file.name.removesuffix(".toml")
            found[code] = _read(code, file.read_text(encoding="utf-8"))
    return dict(sorted(found.items(), key=lambda item: (item[0] != DEFAULT, item[0])))


def words_for(code: str | None) -> Words:
    """The texts of a language, English where there are none of it.

    >>> words_for("zh").code, words_for("tlh").code
    ('zh', 'en')
    """
    known = languages()
    return known.get(code or DEFAULT) or known[DEFAULT]


def preferred(accept_language: str) -> str:
    """The language to begin with, from a browser's Accept-Language header.

    >>> preferred("zh-CN,zh;q=0.9,en;q=0.8"), preferred("de,en;q=0.5"), preferred("")
    ('zh', 'en', 'en')
    """
    wished: list[tuple[float, str]] = []
    for part in accept_language.split(","):
        tag, _, weight = part.strip().partition(";q=")
        try:
            wished.append((float(weight or 1), tag.split("-")[0].strip().casefold()))
        except ValueError:
            continue
    for _, code in sorted(wished, key=lambda one: -one[0]):
        if code in languages():
            return code
    return DEFAULT


def _read(code: str, text: str) -> Words:
    flat: dict[str, str] = {}
    for table, entries in tomllib.loads(text).items():
        flat.update({f"{table}.{key}": value for key, value in entries.items()})
    return Words(code, flat["language.name"], flat)
