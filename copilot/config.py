"""Settings: defaults < copilot.toml < environment < flags. Nothing else reads the file or the environment.

The file is `--config`, else `copilot.toml` in the home folder, else in the working directory; one file is read. Its
tables are `[indexer]` (with `[indexer.columns]`), `[copilot]`, `[server]` and `[access]`; every key is a field of the class
below of that name, but those of `[access]` are a plant's own. In the environment, COPILOT_HOME names the home folder,
COPILOT_INDEXER_<KEY> a key of `[indexer]`, COPILOT_SERVER_<KEY> one of `[server]` and COPILOT_<KEY> one of `[copilot]`.
Variables that match no key are refused under the first two prefixes and otherwise left alone, because other programs use
the prefix COPILOT_ as well. COPILOT_API_KEY holds the key of a language model's server; it is no setting.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_type_hints

from copilot.errors import CopilotError

FILE_NAME = "copilot.toml"
_APPLICATION = "factory-copilot"
PRIVACY = ("names", "pseudonyms")
ROLES = ("operator", "technician", "engineer", "admin")
_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})


class SettingsError(CopilotError):
    """A settings file, variable or flag is unreadable, unknown or out of range; the message lists what is valid."""


@dataclass(frozen=True, slots=True)
class IndexerSettings:
    """How files become an index. A change of `embedder`, `max_tokens` or `target_tokens` needs `index --rebuild`."""

    embedder: str = "all-MiniLM-L6-v2-en-zh"
    """A sentence-transformers model: its name, or its folder (starting with /, ./, ../ or ~)."""
    max_tokens: int = 256
    """The most tokens of the encoder a chunk may have."""
    target_tokens: int = 240
    """The size of a chunk of running text that is aimed at."""
    ocr: bool = True
    """Whether scanned pages go through OCR where tesseract is installed."""
    ocr_languages: str = "eng+chi_sim"
    """Tesseract's language codes, joined by "+"."""
    workers: int = 0
    """Processes that read files; 0 means one per core, at most 4."""
    threads: int = 0
    """Threads of the encoder; 0 means all cores."""
    predict_columns: bool = True
    """Whether failure mode, component and action that fault reports lack are predicted, and marked as that."""
    predict_threshold: float = 0.5
    """The confidence, 0..1, from which a prediction is kept."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """Our name -> the column of a fault-report export, where the column is not recognised by itself."""


@dataclass(frozen=True, slots=True)
class CopilotSettings:
    """How questions are answered."""

    generator: str = "extractive"
    """What writes the answer: "extractive", "transformers" or "openai"."""
    model: str = ""
    """The language model: a folder or cached name for "transformers", what the server calls it for "openai"."""
    base_url: str = ""
    """The address of an OpenAI-compatible server, as a rule ending in /v1."""
    llm_context_tokens: int = 4096
    """The most tokens of prompt and answer together."""
    llm_max_tokens: int = 512
    """The most tokens of an answer."""
    llm_temperature: float = 0.0
    """0 always takes the likeliest word."""
    llm_connect_s: float = 3.0
    """Seconds to reach the server."""
    llm_first_token_s: float = 60.0
    """Seconds until the first word, loading the model included."""
    llm_timeout_s: float = 180.0
    """Seconds for the whole answer."""
    llm_retries: int = 2
    """Further attempts when the server is busy, fails or cannot be reached."""
    llm_download: bool = False
    """Whether a model that is not on this machine may be fetched; otherwise nothing is."""
    routes: str = ""
    """A routes file of the plant's own; empty means the one that comes with the package."""
    route_confidence: float = 0.4
    """Below this confidence of the router everything is searched."""
    evidence_threshold: float | None = None
    """The evidence score, 0..1, from which a question is answered; unset means the judge's own."""
    reader: bool = True
    """Whether a model reads the passages found: it reorders them and marks the words that answer."""
    reader_depth: int = 6
    """How many passages it reads for a question; each costs time."""
    candidates: int = 100
    """How many chunks each side of the hybrid search hands to the fusion."""
    dense_weight: float = 0.6
    """Weight of meaning against words in the fusion."""
    dense_weight_chinese: float | None = None
    """The same for Chinese questions; unset means by what the encoder knows of Chinese."""
    min_k: int = 8
    """The least number of passages fetched for an answer."""


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """How `copilot serve` listens, and how much it takes on."""

    host: str = "127.0.0.1"
    """The address to listen on; any but loopback needs users."""
    port: int = 7860
    """The port to listen on."""
    hosts: str = ""
    """Further names by which browsers may call this server, joined by ","."""
    running: int = 0
    """Questions answered at the same time; 0 means one per core, at most 4."""
    waiting: int = 64
    """Questions that may wait; beyond them the answer is "busy"."""
    time_out_s: float = 240.0
    """Seconds within which an answer must be complete; it waits for its turn at most 30 of them."""
    rate_per_minute: int = 60
    """Questions a minute that one user, or one address, may ask; 0 means no limit."""
    upload_mb: int = 512
    """The most an upload may hold, in megabytes."""
    watch: bool = False
    """Whether the indexed folders are watched, and indexed again when files change."""
    privacy: str = "names"
    """"names", or "pseudonyms": then the audit log and the metrics know no names."""
    retention_days: int = 0
    """Days after which texts of questions are removed from the audit log and the history; 0 keeps them."""
    access: Mapping[str, str] = field(default_factory=dict)
    """Patterns of document ids -> the least role that reads them; the table [access]."""


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings in force. `file` is the settings file that was read, if any."""

    home: Path
    indexer: IndexerSettings = IndexerSettings()
    copilot: CopilotSettings = CopilotSettings()
    server: ServerSettings = ServerSettings()
    file: Path | None = None


_TABLES: Mapping[str, type[Any]] = {
    "indexer": IndexerSettings,
    "copilot": CopilotSettings,
    "server": ServerSettings,
}
# (table, key) -> least, most
_RANGES: Mapping[tuple[str, str], tuple[float, float]] = {
    ("indexer", "max_tokens"): (32, 8192),
    ("indexer", "target_tokens"): (16, 8192),
    ("indexer", "workers"): (0, 64),
    ("indexer", "threads"): (0, 1024),
    ("indexer", "predict_threshold"): (0, 1),
    ("copilot", "llm_context_tokens"): (512, 10_000_000),
    ("copilot", "llm_max_tokens"): (16, 1_000_000),
    ("copilot", "llm_temperature"): (0, 2),
    ("copilot", "llm_connect_s"): (0.1, 600),
    ("copilot", "llm_first_token_s"): (0.1, 86_400),
    ("copilot", "llm_timeout_s"): (0.1, 86_400),
    ("copilot", "llm_retries"): (0, 10),
    ("copilot", "route_confidence"): (0, 1),
    ("copilot", "evidence_threshold"): (0, 1),
    ("copilot", "candidates"): (1, 10_000),
    ("copilot", "reader_depth"): (1, 100),
    ("copilot", "dense_weight"): (0, 100),
    ("copilot", "dense_weight_chinese"): (0, 100),
    ("copilot", "min_k"): (1, 1000),
    ("server", "port"): (0, 65_535),
    ("server", "running"): (0, 256),
    ("server", "waiting"): (0, 10_000),
    ("server", "time_out_s"): (1, 3600),
    ("server", "rate_per_minute"): (0, 100_000),
    ("server", "upload_mb"): (1, 100_000),
    ("server", "retention_days"): (0, 36_500),
}


def load_settings(
    home: Path | None = None,
    config: Path | None = None,
    flags: Mapping[str, Mapping[str, Any]] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Settings:
    """Put the settings together.

    `home` and `config` are the flags of those names, `flags` other flags by table and key (None = not given),
    `environment` stands in for the process's own. Raises SettingsError.
    """
    environment = os.environ if environment is None else environment
    folder = _home(home, environment)
    file = _find_file(config, folder)
    values: dict[str, dict[str, Any]] = {table: {} for table in _TABLES}
    if file is not None:
        _add(values, _read_file(file))
    _add(values, _read_environment(environment))
    for table, given in (flags or {}).items():
        _add(values, {table: {key: _checked(table, key, v, "the flag") for key, v in given.items() if v is not None}})
    indexer = replace(IndexerSettings(), **values["indexer"])
    if indexer.target_tokens > indexer.max_tokens:
        if "target_tokens" in values["indexer"]:
            raise SettingsError(
                f"indexer.target_tokens is {indexer.target_tokens}, above indexer.max_tokens ({indexer.max_tokens}); "
                "lower it, or raise max_tokens"
            )
        indexer = replace(indexer, target_tokens=max(16, indexer.max_tokens * 15 // 16))
    return Settings(
        folder,
        indexer,
        replace(CopilotSettings(), **values["copilot"]),
        replace(ServerSettings(), **values["server"]),
        file,
    )


def api_key(environment: Mapping[str, str] | None = None) -> str | None:
    """The key of the language model's server: COPILOT_API_KEY. It is in no settings file and in no settings object."""
    return (os.environ if environment is None else environment).get("COPILOT_API_KEY", "").strip() or None


def default_home() -> Path:
    """The platform's folder for a user's data."""
    from platformdirs import user_data_path

    return user_data_path(_APPLICATION, appauthor=False)


def demo_home(settings: Settings, home: Path | None) -> Path:
    """Where the sample plant lives: `--home`, else `demo` inside the home folder, apart from the user's documents."""
    return settings.home if home is not None else settings.home / "demo"


def _home(flag: Path | None, environment: Mapping[str, str]) -> Path:
    named = str(flag) if flag is not None else environment.get("COPILOT_HOME", "").strip()
    if not named:
        if flag is not None:
            raise SettingsError("--home is empty; give a folder")
        return default_home()
    folder = Path(named).expanduser().absolute()
    if folder.exists() and not folder.is_dir():
        said = "--home" if flag is not None else "COPILOT_HOME"
        raise SettingsError(f"{said} is {folder}, which is a file; give a folder")
    return folder


def _find_file(flag: Path | None, home: Path) -> Path | None:
    if flag is not None:
        if not flag.expanduser().is_file():
            raise SettingsError(f"the settings file {flag} does not exist; check --config")
        return flag.expanduser().absolute()
    for folder in (home, Path.cwd()):
        if (folder / FILE_NAME).is_file():
            return folder / FILE_NAME
    return None


def _read_file(file: Path) -> dict[str, dict[str, Any]]:
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{file} cannot be read ({error}); mend it, or give another with --config") from error
    if "access" in data and isinstance(server := data.setdefault("server", {}), dict):
        server["access"] = data.pop("access")  # beside [server], because its keys are a plant's own
    for table, entries in data.items():
        if table not in _TABLES:
            raise SettingsError(f"{file}: unknown key '{table}'; the tables are {_listed(f'[{t}]' for t in _TABLES)}")
        if not isinstance(entries, dict):
            raise SettingsError(f"{file}: '{table}' is not a table; write [{table}] and its keys below")
    return {
        table: {key: _local(table, key, _checked(table, key, v, f"{file}:"), file.parent) for key, v in entries.items()}
        for table, entries in data.items()
    }


def _read_environment(environment: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    values: dict[str, dict[str, Any]] = {}
    for name, text in environment.items():
        if not name.startswith("COPILOT_") or name == "COPILOT_HOME":
            continue
        table, key = "copilot", name.removeprefix("COPILOT_").lower()
        if key.startswith(("indexer_", "server_")):
            table, _, key = key.partition("_")
        elif key not in _types(CopilotSettings):
            continue
        value = _parsed(table, key, text, name) if key in _types(_TABLES[table]) else text
        values.setdefault(table, {})[key] = _checked(table, key, value, f"the variable {name}:")
    return values


def _parsed(table: str, key: str, text: str, name: str) -> Any:
    """A variable's text as the type of its key."""
    kind = _types(_TABLES[table])[key]
    if bool in kind:
        if text.strip().lower() in _TRUE | _FALSE:
            return text.strip().lower() in _TRUE
        raise SettingsError(f"the variable {name}: is {text!r}; write true or false")
    if int in kind or float in kind:
        try:
            return int(text) if int in kind else float(text)
        except ValueError:
            raise SettingsError(f"the variable {name}: is {text!r}; write {_kind_name(kind)}") from None
    if str not in kind:
        raise SettingsError(f"the variable {name}: cannot be set here; use [{table}.{key}] in {FILE_NAME}")
    return text


def _checked(table: str, key: str, value: Any, where: str) -> Any:
    """The value, when its key exists and its type and range fit."""
    types = _types(_TABLES[table])
    if key not in types:
        raise SettingsError(f"{where} unknown key '{key}' in [{table}]; the keys are {_listed(types)}")
    kind = types[key]
    if float in kind and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    fits = (
        isinstance(value, dict) and all(isinstance(v, str) for v in value.values())
        if Mapping in kind
        else isinstance(value, tuple(k for k in kind if k is not NoneType))
        and not (isinstance(value, bool) and bool not in kind)
    )
    if not fits:
        raise SettingsError(f"{where} {table}.{key} is {value!r}; it must be {_kind_name(kind)}")
    least, most = _RANGES.get((table, key), (float("-inf"), float("inf")))
    if isinstance(value, int | float) and not least <= value <= most:
        raise SettingsError(f"{where} {table}.{key} is {value}; it must be from {least:g} to {most:g}")
    if key == "embedder" and not value.strip():
        raise SettingsError(f"{where} {table}.{key} is empty; give a model's name or folder")
    if key == "columns":
        _check_columns(value, where)
    if (table, key) == ("server", "privacy") and value not in PRIVACY:
        raise SettingsError(f"{where} server.privacy is {value!r}; choose from {_listed(PRIVACY)}")
    if (table, key) == ("server", "access"):
        for pattern, role in value.items():
            if role not in ROLES:
                raise SettingsError(f"{where} [access] gives {pattern!r} to {role!r}; the roles are {_listed(ROLES)}")
    return value


def _check_columns(columns: Mapping[str, str], where: str) -> None:
    from indexer.fault_reports.names import FIELDS

    if unknown := [name for name in columns if name not in FIELDS]:
        raise SettingsError(f"{where} unknown key '{unknown[0]}' in [indexer.columns]; the keys are {_listed(FIELDS)}")


def _local(table: str, key: str, value: Any, folder: Path) -> Any:
    """Paths in a settings file are relative to that file."""
    if (table, key) == ("copilot", "routes") and value:
        return str(folder / Path(value).expanduser())
    if (table, key) in (("indexer", "embedder"), ("copilot", "model")) and value.startswith(("./", "../", "~")):
        return str((folder / Path(value).expanduser()).resolve())
    return value


def _types(settings: type[Any]) -> dict[str, tuple[Any, ...]]:
    """Field -> the types it takes."""
    hints = get_type_hints(settings)
    kinds: dict[str, tuple[Any, ...]] = {}
    for entry in fields(settings):
        hint = hints[entry.name]
        if getattr(hint, "__origin__", None) is not None:
            kinds[entry.name] = (Mapping,)
        else:
            kinds[entry.name] = get_args(hint) or (hint,)
    return kinds


def _kind_name(kind: tuple[Any, ...]) -> str:
    names = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}
    return next((name for one, name in names.items() if one in kind), "a table of texts")


def _listed(names: Any) -> str:
    return ", ".join(names)


def _add(values: dict[str, dict[str, Any]], more: Mapping[str, Mapping[str, Any]]) -> None:
    for table, entries in more.items():
        values[table].update(entries)
