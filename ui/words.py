"""The texts of the interface, one TOML file per language in `ui/texts`. Another language is another file.

The table [said] of every language but English holds what other parts of the program say in English; see `ui.sayings`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources

from ui.sayings import Sayings

DEFAULT = "en"
LANGUAGE_COOKIE = "fc_language"
_SAID = "said"


@dataclass(frozen=True, slots=True)
class Words:
    """One language's texts. `code` is the file's name ("en"), `name` what the language calls itself."""

    code: str
    name: str
    texts: Mapping[str, str]
    sayings: Sayings = field(default_factory=lambda: Sayings({}))

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

    def said(self, line: object) -> str:
        """What another part of the program says in English (an error, a reason, a finding), in this language, on one line.

        A line that the language does not know is shown as it is, with a word that it is English.

        >>> words_for("zh").said("the question is empty; write what you want to know")
        '问题为空，请写下您想知道的内容。'
        """
        flat = " ".join(str(line).split())
        if not flat or not self.sayings:
            return flat
        return self.sayings(flat) or self("page.in_english", line=flat)


@cache
def languages() -> Mapping[str, Words]:
    """All languages by code, English first."""
    found = {}
    for file in resources.files("ui").joinpath("texts").iterdir():
        if file.name.endswith(".toml"):
            code = file.name.removesuffix(".toml")
            found[code] = read_words(code, file.read_text(encoding="utf-8"))
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
    tags: list[tuple[float, str]] = []
    for part in accept_language.split(","):
        tag, _, weight = part.strip().partition(";q=")
        try:
            tags.append((float(weight or 1), tag.split("-")[0].strip().casefold()))
        except ValueError:
            continue
    for _, code in sorted(tags, key=lambda one: -one[0]):
        if code in languages():
            return code
    return DEFAULT


def wished(cookies: Mapping[str, str], accept_language: str) -> Words:
    """The texts in the language that a browser chose before, else in the one it prefers."""
    return words_for(cookies.get(LANGUAGE_COOKIE) or preferred(accept_language))


def read_words(code: str, text: str) -> Words:
    """A language from its file's text. Raises ValueError (of TOML, or of a saying) for one that makes no sense."""
    tables = tomllib.loads(text)
    sayings = Sayings(tables.pop(_SAID, {}))
    flat = {f"{table}.{key}": value for table, entries in tables.items() for key, value in entries.items()}
    return Words(code, flat["language.name"], flat, sayings)
