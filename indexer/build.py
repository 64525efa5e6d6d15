"""build(): read, chunk, embed, publish.

A build makes a new generation from the one that answers: documents whose content is unchanged are taken over as they
are, changed and new ones are read, deleted ones are left out. It works in `index/staging`; nothing that answers is
touched until the new generation has been verified and the pointer moves. What an interrupted build had embedded is kept in the
cache by content, and the next run goes on from there.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from indexer.embedding_cache import EmbeddingCache
from indexer.errors import IndexerError, ReadError, StoreError
from indexer.extract import Extracted, ExtractSettings, content_sha256
from indexer.fault_reports import Predictions, signatures
from indexer.generation import Draft
from indexer.home import Home, disk_errors
from indexer.protocols import Embedder, ReportPredictor
from indexer.scan import Candidate, Root, make_root, scan
from indexer.scanned_words import write_words
from indexer.store import Index, read_manifest, recorded_roots
from indexer.types import DocumentKind, Quarantined
from indexer.worker import FileState, FileStep, Job, Told, extract_all

Progress = Callable[[str, int, int], None]
"""Told the stage, how much of it is done and how much there is; the total may grow while files are read."""


@dataclass(frozen=True, slots=True)
class BuildSettings:
    """How to build. `model` is the embedder's name or folder, for the token counts of the worker processes."""

    model: str
    extract: ExtractSettings = ExtractSettings()
    workers: int = 0  # processes that read files; 0 = one per core, at most 4
    window: int = 4096  # chunks embedded between two saves of the cache
    predict_threshold: float = 0.5  # the confidence, 0..1, from which a predicted column of a fault report is kept


@dataclass(frozen=True, slots=True)
class BuildResult:
    """What a build did. `version` is the generation that answers now.

    `predicted` counts, by column, the values predicted in this build for fault reports that lack them; `unpredicted`
    says why a model for that could not be used.
    """

    version: str
    published: bool
    added: tuple[str, ...]
    changed: tuple[str, ...]
    renamed: tuple[tuple[str, str], ...]
    removed: tuple[str, ...]
    unchanged: int
    quarantined: tuple[Quarantined, ...]
    unreachable: tuple[str, ...]
    chunks: int
    embedded: int
    predicted: Mapping[str, int] = field(default_factory=dict)
    unpredicted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is to be done with every document."""

    keep: dict[str, Candidate | None]  # document_id -> file, None where its root cannot be reached
    rename: dict[str, Candidate]  # old document_id -> new file with the same content
    read: dict[str, tuple[Candidate, str]]  # document_id -> file, sha256
    changed: frozenset[str]
    remove: frozenset[str]
    quarantined: tuple[Quarantined, ...]


def build(
    home: Home,
    paths: Sequence[Path],
    embedder: Embedder,
    settings: BuildSettings,
    *,
    machine: str | None = None,
    kind: DocumentKind | None = None,
    rebuild: bool = False,
    remove: Sequence[str] = (),
    predictors: Sequence[ReportPredictor] = (),
    progress: Progress | None = None,
    files: Told | None = None,
) -> BuildResult:
    """Bring the index in line with `paths` and every path given before, and publish a new generation.

    `rebuild` takes nothing over from the earlier generation but its list of paths. `remove` names documents to drop for
    good (their files, if still under an indexed folder, come back only when that file is indexed by name). `predictors`
    fill columns that fault reports lack, beside what they record; one that fails leaves them empty. `progress` hears of
    the whole, `files` of each file that is read: at which page it is, and what became of it.
    Raises BusyError, MismatchError, BuildError, StoreError, EncoderError; inputs that cannot be read are quarantined.
    """
    tell = progress or (lambda stage, done, total: None)
    new_roots = [make_root(path, machine, kind.value if kind else None) for path in paths]
    with home.writer(), disk_errors(f"building in {home.index_folder}"):
        old = _open_previous(home, embedder, settings, rebuild)
        try:
            roots, excluded = _merge_roots(home, old, new_roots, rebuild, remove)
            tell("scan", 0, 0)
            plan = _plan(roots, excluded, old if not rebuild else None, settings, tell)
            guesses = signatures(predictors, settings.predict_threshold)
            if old is not None and not rebuild and _nothing_to_do(plan, old, roots, guesses):
                known = tuple(Quarantined(d, reason) for d, reason in old.quarantine() if d in plan.read)
                plan = replace(plan, read={}, quarantined=plan.quarantined + known)
                return _result(old.manifest.version, False, plan, old.manifest.chunk_count, 0, roots)
            cache = EmbeddingCache(
                home.cache_folder / "embeddings.sqlite", embedder.name, embedder.weights_sha256, embedder.dimension
            )
            with cache, Draft.begin(home, None if rebuild else old, roots, excluded) as draft:
                plan = _fill(draft, plan, home, settings, tell, files)
                embedded = draft.write_vectors(embedder, cache, settings.window, tell)
                predicted = draft.predict(predictors, settings.predict_threshold, tell)
                tell("verify", 0, 0)
                manifest = draft.finish(home.new_version(), embedder, settings.extract.chunk.name)
                home.publish(manifest.version)
                cache.clear()
            _drop_unused_originals(home)
            shutil.rmtree(home.cache_folder / "extracted", ignore_errors=True)
            return _result(manifest.version, True, plan, manifest.chunk_count, embedded, roots, predicted)
        finally:
            if old is not None:
                old.close()


def _open_previous(home: Home, embedder: Embedder, settings: BuildSettings, rebuild: bool) -> Index | None:
    """The generation to start from, checked against the settings; a damaged one only stands in the way of an update."""
    try:
        if home.current_version() is None:
            return None
        if rebuild:
            return Index.open(home)
        return Index.open(home, embedder.name, embedder.weights_sha256, settings.extract.chunk.name)
    except StoreError:
        if rebuild:
            return None
        raise


def _merge_roots(
    home: Home, old: Index | None, new_roots: Sequence[Root], rebuild: bool, remove: Sequence[str]
) -> tuple[list[Root], set[str]]:
    """Earlier paths first, then the new ones; a path given again takes the new machine and kind."""
    roots = {path: Root(path, machine, kind) for path, machine, kind in (_known_roots(home, old))}
    excluded = set(old.excluded()) if old is not None else set()
    for root in new_roots:
        earlier = roots.get(root.path)
        if earlier is not None and root.machine is None and root.kind is None:
            root = replace(root, machine=earlier.machine, kind=earlier.kind)
        roots[root.path] = root
        excluded = {path for path in excluded if path != root.path}
    if remove:
        if old is None:
            raise StoreError("There is no index to remove documents from.")
        known = {record.document_id: record.path for record in old.documents()}
        missing = [name for name in remove if name not in known]
        if missing:
            raise IndexerError(f"No document {missing[0]!r} in the index. `copilot documents` lists them.")
        for name in remove:
            excluded.add(known[name])
            roots.pop(known[name], None)
    if not roots and not excluded:
        raise IndexerError("Nothing to index: give a folder or file, as in `copilot index manuals/`.")
    return list(roots.values()), excluded


def _known_roots(home: Home, old: Index | None) -> tuple[tuple[str, str | None, str | None], ...]:
    """The paths of the generation that answers; of the newest readable manifest when it is damaged or old."""
    if old is not None:
        return old.manifest.roots
    for version in reversed(home.versions()):
        try:
            return recorded_roots(home.generation(version))
        except StoreError:
            continue
    return ()


def _plan(
    roots: Sequence[Root], excluded: set[str], old: Index | None, settings: BuildSettings, tell: Progress
) -> _Plan:
    """Compare the files with the index: by size and time first, by content where those differ."""
    from indexer.readers import is_candidate

    found = scan(roots, is_candidate)
    known = {row["document_id"]: row for row in old.document_rows()} if old is not None else {}
    current = {c.document_id: c for c in found.candidates if str(c.path) not in excluded}
    keep: dict[str, Candidate | None] = {}
    read: dict[str, tuple[Candidate, str]] = {}
    changed: set[str] = set()
    quarantined = list(found.quarantined)
    for done, (document_id, candidate) in enumerate(current.items()):
        tell("scan", done, len(current))
        row = known.get(document_id)
        same_place = (
            row is not None and row["path"] == str(candidate.path) and row["root_settings"] == _root_settings(candidate)
        )
        if row is not None and same_place and row["stamp"] == candidate.stamp:
            keep[document_id] = candidate
            continue
        try:
            sha256 = content_sha256(candidate.path)
        except ReadError as error:
            if row is not None:
                keep[document_id] = None
            quarantined.append(Quarantined(document_id, _kept(error.reason, row is not None)))
            continue
        if row is not None and same_place and row["sha256"] == sha256:
            keep[document_id] = candidate
            continue
        if row is not None:
            changed.add(document_id)
        read[document_id] = (candidate, sha256)
    unreachable = [root.path for root in found.unreachable]
    gone = set(known) - set(keep) - changed
    for document_id in list(gone):
        if any(known[document_id]["root"] == path for path in unreachable):
            keep[document_id] = None  # the folder is away (a network drive): its documents stay until it is back
            gone.discard(document_id)
    rename: dict[str, Candidate] = {}
    by_content = {known[d]["sha256"]: d for d in gone}
    for document_id, (candidate, sha256) in list(read.items()):
        twin = by_content.get(sha256)
        if (
            twin is not None
            and document_id not in changed
            and known[twin]["root_settings"] == _root_settings(candidate)
        ):
            rename[by_content.pop(sha256)] = candidate
            gone.discard(twin)
            del read[document_id]
    return _Plan(keep, rename, read, frozenset(changed), frozenset(gone), tuple(quarantined))


def _kept(reason: str, earlier: bool, name: str = "") -> str:
    """The reason without the file's name, which stands beside it anyway, and what becomes of an earlier reading."""
    reason = reason.removeprefix(f"{name}: ") if name else reason
    return f"{reason}; what was read of it before still answers" if earlier else reason


def _root_settings(candidate: Candidate) -> str:
    """What was said about a file on the command line; another machine or kind means reading it again."""
    return f"{candidate.machine or ''}\x1f{candidate.root.kind or ''}"


def _nothing_to_do(plan: _Plan, old: Index, roots: Sequence[Root], guesses: Mapping[str, str]) -> bool:
    same_roots = tuple((r.path, r.machine, r.kind) for r in roots) == old.manifest.roots
    same_quarantine = sorted((q.document_id, q.reason) for q in plan.quarantined) == sorted(
        (d, r) for d, r in old.quarantine() if d not in plan.read
    )
    waiting = set(plan.read) - {d for d, _ in old.quarantine()}
    retried = {d for d, (c, _) in plan.read.items() if old.quarantine_stamp(d) != c.stamp}
    if waiting or retried or plan.rename or plan.remove or not same_roots or not same_quarantine:
        return False
    return not old.fault_reports.is_outdated(guesses)


def _fill(draft: Draft, plan: _Plan, home: Home, settings: BuildSettings, tell: Progress, files: Told | None) -> _Plan:
    """Carry out the plan on the draft: drop, rename, take over, read what is new. Returns the plan as it came out."""
    for document_id in plan.remove:
        draft.drop(document_id)
    for old_id, candidate in plan.rename.items():
        draft.rename(old_id, candidate)
    draft.touch({d: c for d, c in plan.keep.items() if c is not None})
    jobs: dict[str, tuple[Candidate, str]] = dict(plan.read)
    quarantined = list(plan.quarantined)
    stamps = {d: c.stamp for d, (c, _) in jobs.items()}
    total = len(jobs)
    done = 0

    def ended(document_id: str, outcome: Extracted | ReadError) -> None:
        if files is None:
            return
        if isinstance(outcome, ReadError):
            files(FileStep(document_id, FileState.LEFT_OUT, reason=outcome.reason))
        else:
            files(FileStep(document_id, FileState.READ, outcome.report.pages, outcome.report.pages))

    tell("read", 0, total)
    for document_id, (candidate, sha256) in list(jobs.items()):
        cached = draft.cached_extraction(home, candidate, sha256, settings.extract)
        if cached is not None:
            _add(draft, home, candidate, sha256, cached)
            ended(document_id, cached)
            del jobs[document_id]
            done += 1
            tell("read", done, total)
    workers = settings.workers or min(4, os.cpu_count() or 1)
    for job, outcome in extract_all([_job(c, settings) for c, _ in jobs.values()], workers, files):
        candidate, sha256 = jobs[job.document_id]
        done += 1
        ended(job.document_id, outcome)
        if isinstance(outcome, ReadError):
            quarantined.append(
                Quarantined(job.document_id, _kept(outcome.reason, job.document_id in plan.changed, job.path.name))
            )
        else:
            draft.cache_extraction(home, candidate, sha256, settings.extract, outcome)
            _add(draft, home, candidate, sha256, outcome)
        tell("read", done, total)
    draft.set_quarantine([(q, stamps.get(q.document_id, "")) for q in quarantined])
    return replace(plan, quarantined=tuple(quarantined))


def _job(candidate: Candidate, settings: BuildSettings) -> Job:
    kind = DocumentKind(candidate.root.kind) if candidate.root.kind else None
    return Job(
        candidate.path,
        candidate.document_id,
        candidate.machine,
        kind,
        settings.model,
        settings.extract.chunk.max_tokens,
        settings.extract,
    )


def _add(draft: Draft, home: Home, candidate: Candidate, sha256: str, extracted: Extracted) -> None:
    original = home.documents_folder / f"{sha256}{candidate.path.suffix.lower()}"
    if not original.exists():
        home.documents_folder.mkdir(parents=True, exist_ok=True)
        temporary = original.with_name(original.name + ".part")
        shutil.copyfile(candidate.path, temporary)
        os.replace(temporary, original)
    if extracted.words:
        write_words(original, extracted.words)
    draft.add(candidate, sha256, _root_settings(candidate), extracted)


def _drop_unused_originals(home: Home) -> None:
    """Delete originals that no kept generation refers to."""
    used: set[str] = set()
    for version in home.versions():
        try:
            used.update(read_manifest(home.generation(version)).documents.values())
        except StoreError:
            return  # a damaged generation: better keep too much
    if home.documents_folder.is_dir():
        for file in home.documents_folder.iterdir():
            if file.name.split(".")[0] not in used:
                file.unlink(missing_ok=True)


def _result(
    version: str, published: bool, plan: _Plan, chunks: int, embedded: int, roots: Sequence[Root],
    predictions: Predictions | None = None,
) -> BuildResult:  # fmt: skip
    bad = {q.document_id for q in plan.quarantined}
    return BuildResult(
        version=version,
        published=published,
        added=tuple(sorted(d for d in plan.read if d not in plan.changed and d not in bad)),
        changed=tuple(sorted(d for d in plan.changed if d not in bad)),
        renamed=tuple(sorted((old, c.document_id) for old, c in plan.rename.items())),
        removed=tuple(sorted(plan.remove)),
        unchanged=len(plan.keep),
        quarantined=tuple(sorted(plan.quarantined, key=lambda q: q.document_id)),
        unreachable=tuple(r.path for r in roots if not Path(r.path).exists()),
        chunks=chunks,
        embedded=embedded,
        predicted=predictions.stored if predictions else {},
        unpredicted=predictions.problems if predictions else (),
    )
