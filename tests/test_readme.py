"""The documentation is true: its commands run and print what it shows, its links and paths lead somewhere, nothing is unnamed."""

from __future__ import annotations

import re
import shlex
import shutil
import tomllib
from pathlib import Path

import pytest

from copilot.cli import VERBS, run

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = ["README.md", "CHANGELOG.md", "docs/architecture.md", "docs/extending.md", "benchmarks/README.md"]
LEFT_OUT = "…"


def console_blocks() -> list[tuple[str, list[str]]]:
    """(command line, lines of output shown) of every `$ copilot ...` in the README's console blocks."""
    found: list[tuple[str, list[str]]] = []
    for block in re.findall(r"^```console\n(.*?)^```", README, re.DOTALL | re.MULTILINE):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line.removeprefix("$ "), []))
            else:
                found[-1][1].append(line)
    return found


CONSOLE = console_blocks()
# In running text and tables a command is in backticks; words in capitals stand for the user's own.
MENTIONED = [c for c in dict.fromkeys(re.findall(r"`(copilot [^`]+)`", README)) if not re.search(r"\b[A-Z]{3,}\b", c)]


@pytest.fixture(scope="module")
def home(plant_home, tmp_path_factory) -> Path:
    """A copy of the indexed sample plant that the README's commands may write to."""
    copy = tmp_path_factory.mktemp("readme") / "home"
    shutil.copytree(plant_home, copy)
    return copy


@pytest.fixture
def said(home, capsys, monkeypatch):
    """One command line of the README, run over the sample plant: (exit code, stdout, stderr)."""
    monkeypatch.chdir(ROOT)

    def call(line: str, at: Path = home) -> tuple[int, str, str]:
        words = shlex.split(line)
        assert words[0] == "copilot"
        code = run([*words[1:], "--home", str(at)])
        written = capsys.readouterr()
        return code, written.out, written.err

    return call


def plain(text: str) -> str:
    """A line without what differs from run to run and from machine to machine: times, versions, scores, spacing."""
    text = re.sub(r"\b\d{8}T\d{6}\.\d+Z-[0-9a-f]{4}\b", "VERSION", text)
    text = re.sub(r"\b\d+\.\d s\b", "SECONDS", text)
    text = re.sub(r"\b[012]\.\d{3}\b", "SCORE", text)
    return " ".join(text.split())


def holds(printed: str, shown: str) -> bool:
    """Whether a printed line is the one shown, whose "…" stands for anything."""
    pattern = ".*".join(re.escape(part.strip()) for part in plain(shown).split(LEFT_OUT))
    return re.fullmatch(pattern.replace(".*", r"\s*.*\s*"), plain(printed)) is not None


def assert_shown(printed: list[str], shown: list[str]) -> None:
    """All lines shown are printed, in this order, and between them nothing is missing but where a "…" says so."""
    place, skipping = 0, False
    for line in shown:
        if line.strip() == LEFT_OUT:
            skipping = True
            continue
        if skipping:
            place = next((i for i in range(place, len(printed)) if holds(printed[i], line)), len(printed))
        assert place < len(printed) and holds(printed[place], line), (
            f"README shows {line!r}, the program prints {printed[place:] or 'nothing more'}"
        )
        place, skipping = place + 1, False
    assert skipping or not [line for line in printed[place:] if line.strip()], f"not in the README: {printed[place:]}"


def test_the_readme_shows_at_least_the_four_commands():
    verbs = {shlex.split(line)[1] for line, _ in CONSOLE}
    assert {"index", "ask", "search", "documents"} <= verbs
    assert README.index("make demo") < README.index("## Four commands")
    assert README.index("make test") < README.index("## Four commands")


@pytest.mark.parametrize("line, shown", [c for c in CONSOLE if c[0].split()[1] in ("ask", "search")])
def test_questions_get_the_answers_shown(said, line, shown):
    code, out, err = said(line)
    assert code == 0, err
    score = re.compile(r"(?<=^\d  )[01]\.\d{3}")  # its last digits depend on the processor's arithmetic
    printed, follow = ([score.sub("S", text) for text in some if text.strip()] for some in (out.splitlines(), shown))
    assert_shown(printed, follow)


def test_documents_are_listed_as_shown(said):
    ((line, shown),) = [c for c in CONSOLE if c[0] == "copilot documents"]
    code, out, err = said(line)
    assert code == 0, err
    printed = out.splitlines()
    assert [row.split()[0] for row in printed] == [row.split()[0] for row in shown]
    assert printed[0].split() == shown[0].split()
    for told, row in zip(printed[1:], shown[1:], strict=True):
        # A scanned page gives more or fewer chunks, and another remark, with another tesseract or none.
        if "OCR" not in row:
            assert plain(told) == plain(row)


def test_indexing_says_what_is_shown(said):
    first, again = [shown for line, shown in CONSOLE if line == "copilot index copilot/sample_plant/plant"]
    code, out, err = said("copilot index copilot/sample_plant/plant")
    assert code == 0, err
    count = re.compile(r"\d+(?= chunks)")  # the scanned page may give more or fewer of them
    assert count.sub("N", plain(out)) == count.sub("N", plain(again[0]))
    told = re.fullmatch(
        r"Indexed: (\d+) added; (\d+) chunks, (\d+) embedded, \S+ s\. Version \S+ answers now\.", first[0]
    )
    assert told, first[0]
    _, listed, _ = said("copilot documents")
    rows = listed.splitlines()[1:]
    assert int(told[1]) == len(rows)
    assert told[2] == told[3]  # nothing is taken over the first time
    assert count.findall(again[0]) == [told[2]]
    assert int(count.findall(out)[0]) == pytest.approx(int(told[2]), rel=0.02)


def test_bad_input_is_told_as_shown(said, own_home, tmp_path):
    ((line, shown),) = [c for c in CONSOLE if c[0] == "copilot index /tmp/incoming"]
    folder = tmp_path / "incoming"
    folder.mkdir()
    (folder / "empty.pdf").write_bytes(b"")
    manual = ROOT / "copilot/sample_plant/plant/HP-200/HP-200_operating_manual.pdf"
    (folder / "cut.pdf").write_bytes(manual.read_bytes()[:3000])
    code, out, err = said(line.replace("/tmp/incoming", shlex.quote(str(folder))), own_home)
    assert code == 3
    told = [row for row in err.splitlines() if row.startswith("Left out")]
    assert_shown([*out.splitlines(), *told], shown)


@pytest.mark.parametrize("line", MENTIONED)
def test_commands_in_running_text_parse(line, capsys):
    """With --help added, every verb and option must be known, and nothing runs."""
    words = shlex.split(line)[1:]
    if words[-1].startswith("-") and words[-1] not in ("--help", "--version"):
        words = words[:-1]  # an option named without its value
    name = " ".join(words[:2]) if " ".join(words[:2]) in VERBS else words[0]
    assert name in VERBS or name.startswith("-"), line
    assert run([*words, "--help"] if "--help" not in words else words) == 0
    assert capsys.readouterr().out


def test_the_commands_of_the_table_run(said):
    for line in MENTIONED:
        if line.split()[1] == "history":
            code, out, err = said(line)
            assert code == 0 and out, err
    code, out, _ = said("copilot doctor")
    assert code == 0 and out


def test_every_verb_is_mentioned():
    missing = [verb for verb in VERBS if f"copilot {verb}" not in README]
    assert not missing


def test_every_setting_is_documented():
    text = (ROOT / "copilot/copilot.toml.example").read_text(encoding="utf-8")
    # Commented settings count: they are the ones without a default value.
    keys = set(re.findall(r"^(?:# )?(\w+) = ", text, re.MULTILINE)) - {"machine", "symptom"}
    for table in tomllib.loads(text).values():
        keys |= set(table)
    assert {"embedder", "columns", "evidence_threshold"} <= keys
    missing = [key for key in sorted(keys) if not re.search(rf"^\| `{key}` \|", README, re.MULTILINE)]
    assert not missing


def test_the_defaults_in_the_tables_are_those_in_force():
    from copilot.config import CopilotSettings, IndexerSettings, ServerSettings

    for settings in (IndexerSettings(), CopilotSettings(), ServerSettings()):
        for key in settings.__dataclass_fields__:
            (cell,) = re.findall(rf"^\| `{key}` \| ([^|]*)\|", README, re.MULTILINE)
            value = getattr(settings, key)
            if value is None or value == {}:
                assert cell.strip() in ("", "unset")
            else:
                assert tomllib.loads(f"x = {cell.strip().strip('`')}")["x"] == value, key


def test_column_names_are_listed():
    from indexer.fault_reports.names import FIELDS

    (sentence,) = re.findall(r"^The names for `columns` are [^.]*\.", README, re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", sentence)) - {"columns"} == set(FIELDS)


def test_the_tree_names_only_what_exists():
    (tree,) = re.findall(r"^## What is where\n+```text\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
    folder = ROOT
    for line in tree.splitlines():
        name, _, note = line.strip().partition(" ")
        assert note.strip(), f"{name} has no word of explanation"
        nested = line.startswith("  ")
        path = (folder if nested else ROOT) / name
        assert path.is_dir() if name.endswith("/") else path.is_file(), path
        if not nested and name.endswith("/"):
            folder = path


def anchors(page: str) -> set[str]:
    """The names that GitHub gives to a page's headings."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```", "", page, flags=re.DOTALL | re.MULTILINE), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", PAGES)
def test_internal_links_lead_somewhere(name):
    page = ROOT / name
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), f"{name} links to {target}"
        if anchor:
            assert anchor in anchors(linked.read_text(encoding="utf-8")), f"{name} links to {target}"


def test_files_named_in_the_other_pages_exist():
    """Paths in backticks with a known package in front, as `indexer/build.py`."""
    for name in ("docs/architecture.md", "docs/extending.md"):
        text = (ROOT / name).read_text(encoding="utf-8")
        for path in re.findall(r"`((?:copilot|indexer|finetune|benchmarks|tests)/[\w./]*)`", text):
            assert (ROOT / path).exists(), f"{name} names {path}"


def test_the_example_in_python_runs(home, tmp_path, monkeypatch, capsys):
    (example,) = re.findall(
        r"^```python\n(.*?)^```", (ROOT / "docs/extending.md").read_text("utf-8"), re.DOTALL | re.MULTILINE
    )
    monkeypatch.chdir(home.parent)
    assert home.name == "home"  # as the example calls it
    exec(compile(example, "docs/extending.md", "exec"), {})
    assert "Accumulator pressure drops too fast" in capsys.readouterr().out
