"""The service: all that the browser page, the HTTP API and the tests ask of a running copilot. Thread-safe."""

from __future__ import annotations

import contextlib
import functools
import logging
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from copilot import assemble, gaps
from copilot.audit import AuditError, AuditLog
from copilot.errors import QuestionError
from copilot.gaps import Cluster
from copilot.service.access import AccessRules, Role, User
from copilot.service.admission import Admission, RateLimit
from copilot.service.background import Background
from copilot.service.errors import ConflictError, NotFoundError, ServiceError, TimedOutError
from copilot.service.history import Conversation, Exchange, History
from copilot.service.jobs import IndexRunner, Job, Jobs, Update, run_training
from copilot.service.metrics import Metrics
from copilot.service.opened import Library
from copilot.service.recorded import RecordedReports
from copilot.service.tables import holding
from copilot.service.training import drift_report, make_training, promote, roll_back
from copilot.service.uploads import Uploads
from copilot.service.watched import Watched, WatchedFolder
from copilot.types import Answer, Piece, Question, Turn
from copilot.users import FILE as USERS_FILE
from copilot.users import Users
from finetune.version_folder import check_task_name
from indexer.errors import IndexerError

if TYPE_CHECKING:
    from copilot.commands.doctor import Check
    from copilot.config import Settings
    from copilot.evaluations import Comparison, Evaluation
    from copilot.service.statistics import FaultStatistics
    from finetune.child import ChildTraining
    from finetune.drift import DriftReport
    from finetune.registry import VersionInfo
    from finetune.review import Review, Stored
    from finetune.schedule import ScheduleState
    from indexer.fault_reports import StoredReport
    from indexer.protocols import Guess
    from indexer.types import Chunk, DocumentRecord, Hit

_logger = logging.getLogger(__name__)
MOST_HITS = 100
MOST_TURNS = 8
LONGEST_WAIT_S = 30.0
MOST_RECENT = 1_000  # questions that drift is measured on
MOST_AUDITED = 2_000  # characters of a question


@dataclass(frozen=True, slots=True)
class Documents:
    """The documents that a user may read, what was left out of the index and why, and the index's version."""

    version: str
    records: tuple[DocumentRecord, ...]
    quarantined: tuple[tuple[str, str], ...]


class Service:
    """One per process; see `copilot.assemble.make_service`. Light until it is used; `start` and `stop` it in a server.

    Every method that takes a user keeps to what that user may read and do: AccessError, or NotFoundError where it must
    not even be told that there is something. Other errors are ServiceErrors and those of the packages below, each one
    line fit for the user.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        server = settings.server
        self.rules = AccessRules(server.access)
        self.recorded = RecordedReports(settings)
        self.library = Library(settings, self.rules, self.recorded)
        self.admission = Admission(server.running or 1, server.waiting)
        self._rate = RateLimit(server.rate_per_minute)
        self._history = History(settings.home / "history.sqlite")
        self._feedback = assemble.make_feedback_store(settings)
        self._deciding = threading.Lock()
        self.users = Users(settings.home / USERS_FILE)
        self.audit = AuditLog(settings.home / "audit", pseudonyms=server.privacy == "pseudonyms")
        self._uploads = Uploads(settings.home / "uploads", server.upload_mb << 20)
        self._jobs = Jobs(self._job_ended)
        self._index_runner = IndexRunner(settings)
        self._training: ChildTraining | None = None
        self._background = Background(self)
        self._watched = Watched(settings.home, self._background.renew)
        self._trouble = ""
        self._begun = time.monotonic()

    @functools.cached_property
    def metrics(self) -> Metrics:
        """What is counted."""
        return Metrics(lambda: self.admission.running, lambda: self.admission.waiting, self.ready)

    # --- its life ---

    def start(self) -> None:
        """Begin what goes on beside requests: warming up, the schedule of trainings, forgetting in time."""
        self._background.start()

    def close(self, timeout_s: float = 30.0) -> None:
        """Take no more questions, finish the answers under way, end what runs beside, let go of everything."""
        self.admission.close(timeout_s)
        self._background.stop()
        self._index_runner.stop()
        if self._training is not None:
            self._training.stop()
        self._jobs.stop()
        self.library.close()
        self._history.close()
        self.audit.close()
        self.users.close()

    # --- questions ---

    def ask(self, question: Question, user: User, conversation: str | None = None) -> Iterator[Piece | Answer]:
        """Answer from what the user may read: the pieces of the text as they are made, the checked answer last.

        Closing the iterator ends the work. `conversation` (see `new_conversation`) is where the history keeps it.
        Raises LimitError, BusyError, TimedOutError, QuestionError, NoIndexError and what the generator raises.
        """
        asked = time.monotonic()
        deadline = asked + self.settings.server.time_out_s
        answer: Answer | None = None
        ended = "cancelled"
        try:
            self._rate.take(_rate_key(user))
            if conversation is not None:
                self._history.check_owner(conversation, self.audit.who(user.name))
                earlier = question.earlier or self._history.turns(conversation, self.audit.who(user.name))
                question = replace(question, earlier=earlier)
            with (
                self.admission.slot(min(deadline, asked + LONGEST_WAIT_S)),
                self.library.reading(user.role) as reading,
                contextlib.closing(reading.copilot.stream(question)) as pieces,  # type: ignore[type-var]
            ):
                for number, piece in enumerate(pieces):
                    if isinstance(piece, Answer):
                        answer, ended = piece, piece.status.value
                        self._keep(piece, user, conversation)
                    elif time.monotonic() > deadline:
                        raise TimedOutError(
                            f"the answer took longer than {self.settings.server.time_out_s:g} s; ask again"
                        )
                    if not number:
                        self.metrics.first_seconds.observe(time.monotonic() - asked)
                    yield piece
        except Exception as error:
            ended = type(error).__name__
            raise
        finally:
            self._asked(question, user, answer, ended, time.monotonic() - asked)

    def answer(self, question: Question, user: User, conversation: str | None = None) -> Answer:
        """As `ask`, the whole answer only."""
        *_, answer = self.ask(question, user, conversation)
        assert isinstance(answer, Answer)
        return answer

    def _keep(self, answer: Answer, user: User, conversation: str | None) -> None:
        """Put an answer into the history; a full disk must not take the answer from the one who asked."""
        try:
            self._history.add(answer, self.audit.who(user.name), conversation)
        except (sqlite3.Error, AuditError) as error:
            self._note_trouble(f"the history cannot be written ({error})")

    def _note_trouble(self, said: str) -> None:
        _logger.error("%s", said)
        self._trouble = said

    def _asked(self, question: Question, user: User, answer: Answer | None, ended: str, seconds: float) -> None:
        """Count a question and note it in the audit log, however it ended."""
        fields: dict[str, Any] = {"role": user.role.value, "status": ended}
        if answer is None:
            self.metrics.failures.labels(reason=ended).inc()
        else:
            self.metrics.answers.labels(status=ended, route=answer.understanding.route.route).inc()
            self.metrics.answer_seconds.observe(seconds)
            places = {citation.source.document_id: None for citation in answer.citations}
            fields |= {"answer": answer.id, "documents": list(places), "index_version": answer.index_version}
        try:
            self.audit.record("ask", user.name, question.text[:MOST_AUDITED], user.address, **fields)
        except AuditError as error:
            self._note_trouble(str(error))

    def turns_of(self, texts: Sequence[str], user: User, machine: str | None = None) -> tuple[Turn, ...]:
        """What a question may lean on where only the earlier questions are known, not their answers; see `Question`."""
        earlier: tuple[Turn, ...] = ()
        if not texts:
            return earlier
        with self.library.reading(user.role) as reading:
            for text in texts[-MOST_TURNS:]:
                with contextlib.suppress(QuestionError):
                    understood = reading.copilot.understand(Question(text, machine, earlier=earlier))
                    earlier = (*earlier, understood.turn)
        return earlier

    def search(self, question: str, user: User, k: int = 10, machine: str | None = None) -> list[Hit]:
        """Up to k passages, best first, as `copilot search`. Raises MachineError for one that nobody knows."""
        from copilot.commands.common import known_machine
        from copilot.understand import MAX_CHARACTERS

        text = " ".join(question.split())
        if not text or len(text) > MAX_CHARACTERS:
            raise ServiceError(f"the question has {len(text)} characters; write 1 to {MAX_CHARACTERS}")
        if not 1 <= k <= MOST_HITS:
            raise ServiceError(f"k is {k}; it must be from 1 to {MOST_HITS}")
        self._rate.take(_rate_key(user))
        deadline = time.monotonic() + min(LONGEST_WAIT_S, self.settings.server.time_out_s)
        self.metrics.searches.inc()
        self.audit.record("search", user.name, text, user.address, role=user.role.value)
        with self.admission.slot(deadline), self.library.reading(user.role) as reading:
            chosen = known_machine(machine, reading.index.machines()) if machine else None
            return reading.retriever.search(text, k, chosen)

    def machines(self, user: User) -> list[str]:
        """The machines of the documents and fault reports that the user may read, in alphabetical order."""
        with self.library.reading(user.role) as reading:
            return sorted({*reading.index.machines(), *reading.index.fault_reports.machines()})

    # --- documents ---

    def documents(self, user: User) -> Documents:
        """What is indexed, with what could and could not be read of it."""
        with self.library.reading(user.role) as reading:
            index = reading.index
            return Documents(index.manifest.version, tuple(index.documents()), tuple(index.quarantine()))

    def document(self, document_id: str, user: User) -> DocumentRecord:
        """One document. Raises NotFoundError."""
        for record in self.documents(user).records:
            if record.document_id == document_id:
                return record
        raise NotFoundError(f"there is no document {document_id!r}")

    def document_file(self, document_id: str, user: User) -> Path:
        """The original, as it was when it was indexed (kept in the home folder). Raises NotFoundError."""
        record = self.document(document_id, user)
        kept = assemble.make_home(self.settings).documents_folder / f"{record.sha256}{Path(record.path).suffix.lower()}"
        if kept.is_file():
            return kept
        if Path(record.path) == self.recorded.path:  # recorded here, and not indexed yet
            return self.recorded.path
        raise NotFoundError(f"the original of {document_id!r} is not kept any more; index it again")

    def chunk(self, chunk_id: str, user: User) -> Chunk:
        """The passage that a citation names. Raises NotFoundError."""
        with self.library.reading(user.role) as reading:
            chunk = reading.index.chunk(chunk_id)
        if chunk is None:
            raise NotFoundError(f"there is no passage {chunk_id!r} in the index any more")
        return chunk

    def section(self, document_id: str, section: int, user: User) -> list[Chunk]:
        """The passages of one section in reading order; empty when there are none."""
        with self.library.reading(user.role) as reading:
            return reading.index.section(document_id, section)

    def chunks(self, document_id: str, user: User) -> list[Chunk]:
        """All passages of a document in reading order. Raises NotFoundError."""
        with self.library.reading(user.role) as reading:
            found = reading.index.document_chunks(document_id)
        if not found:
            raise NotFoundError(f"there is no document {document_id!r}")
        return found

    def upload(
        self,
        files: Sequence[tuple[str, BinaryIO | Path]],
        user: User,
        machine: str | None = None,
        kind: str | None = None,
    ) -> str:
        """Take files, (name, content) each, and index them; returns the id of the job. For engineers."""
        user.require(Role.ENGINEER, "adding documents")
        stored = self._uploads.store(files, machine, kind)
        root = self._uploads.root(kind)
        names = [path.relative_to(root).as_posix() for path in stored]
        self.audit.record("upload", user.name, None, user.address, files=names, machine=machine)

        def work(update: Update) -> None:
            result = self._index_runner.run(update, [str(root)], kind=kind)
            update(files=_outcomes(names, result), result=result)

        return self._jobs.add("upload", user.name, work, names)

    def remove_document(self, document_id: str, user: User) -> str:
        """Take a document out of the index, never to be cited again once the job is done; returns its id. For engineers.

        A file that was uploaded is deleted; others stay where they are. Raises NotFoundError, and ConflictError when
        somebody is removing it already.
        """
        user.require(Role.ENGINEER, "removing documents")
        path = Path(self.document(document_id, user).path)
        if path == self.recorded.path:
            raise ServiceError("fault reports recorded here are kept; they are no document that could be removed")
        with self._deciding:
            return self._remove(document_id, path, user)

    def _remove(self, document_id: str, path: Path, user: User) -> str:
        under_way = (one for one in self._jobs.all() if one.kind == "remove" and one.finished_at is None)
        if any(document_id in one.files for one in under_way):
            raise ConflictError(f"{document_id!r} is being removed already; there is nothing left to do")
        self.audit.record("remove", user.name, None, user.address, documents=[document_id])

        def work(update: Update) -> None:
            if self._uploads.holds(path):
                path.unlink(missing_ok=True)  # and not excluded: the same name may be uploaded again
                update(result=self._index_runner.run(update))
            else:
                update(result=self._index_runner.run(update, remove=[document_id]))

        return self._jobs.add("remove", user.name, work, [document_id])

    def reindex(self, user: User, rebuild: bool = False) -> str:
        """Bring the index in line with the files, in a process of low priority; returns the job's id. For engineers."""
        user.require(Role.ENGINEER, "indexing")
        self.audit.record("index", user.name, None, user.address, rebuild=rebuild)
        paths = [str(self.recorded.folder)] if self.recorded.stamp() is not None else []

        def work(update: Update) -> None:
            update(result=self._index_runner.run(update, paths, rebuild=rebuild))

        return self._jobs.add("index", user.name, work)

    def index_folder(self, path: Path, user: User, machine: str | None = None, kind: str | None = None) -> str:
        """Take a folder or file of this machine into the index, and keep to it; returns the job's id. For admins."""
        user.require(Role.ADMIN, "indexing a folder of the server")
        self._check_folder(path)
        self.audit.record("index", user.name, None, user.address, path=str(path))

        def work(update: Update) -> None:
            update(result=self._index_runner.run(update, [str(path)], machine=machine, kind=kind))

        return self._jobs.add("index", user.name, work)

    def _check_folder(self, path: Path) -> None:
        if not path.is_absolute() or not path.exists():
            raise NotFoundError(f"there is no folder {str(path)!r} on the server; give its whole path")
        if path.resolve().is_relative_to(self.settings.home.resolve()):
            raise ServiceError("the home folder holds the index; give a folder of documents")

    def watch_folder(self, path: Path, user: User, machine: str | None = None, kind: str | None = None) -> str:
        """Take a folder of this machine into the index and follow its changes from now on; returns the job's id. For admins.

        Raises ConflictError when it is watched already.
        """
        user.require(Role.ADMIN, "watching a folder of the server")
        self._check_folder(path)
        if not path.is_dir():
            raise ServiceError(f"{str(path)!r} is a file; give the folder it is in")
        since = datetime.now(UTC).isoformat(timespec="seconds")
        self._watched.add(WatchedFolder(str(path.resolve()), machine, kind, self.audit.who(user.name), since))
        self.audit.record("watch", user.name, None, user.address, path=str(path))
        return self.index_folder(path, user, machine, kind)

    def unwatch_folder(self, path: str, user: User) -> None:
        """Follow the changes of a folder no more; its documents stay. For engineers. Raises NotFoundError."""
        user.require(Role.ENGINEER, "ending the watch on a folder")
        self._watched.remove(path)
        self.audit.record("unwatch", user.name, None, user.address, path=path)

    def watched(self, user: User) -> list[WatchedFolder]:
        """The folders that are watched because somebody said so here. For engineers."""
        user.require(Role.ENGINEER, "watched folders")
        return self._watched.folders()

    def watched_paths(self) -> list[Path]:
        """What is to be watched: all indexed folders where the settings say so, else those named on the page."""
        if not self.settings.server.watch:
            return [Path(one.path) for one in self._watched.folders()]
        with self.library.reading(Role.ADMIN) as reading:
            return [Path(path) for path, _, _ in reading.index.manifest.roots]

    def follow_changes(self) -> str:
        """Bring the index in line with the files, because some changed; returns the job's id."""
        return self._jobs.add("index", "watch", lambda update: update(result=self._index_runner.run(update)))

    def job(self, job_id: str, user: User) -> Job:
        """How far a job is. Raises NotFoundError. For engineers."""
        user.require(Role.ENGINEER, "jobs")
        return self._jobs.find(job_id)

    def jobs(self, user: User) -> list[Job]:
        """The last jobs, newest first. For engineers."""
        user.require(Role.ENGINEER, "jobs")
        return self._jobs.all()

    def _job_ended(self, job: Job) -> None:
        self.metrics.jobs.labels(kind=job.kind, state=job.state.value).inc()
        with contextlib.suppress(Exception):  # the next question opens it anyway
            self.library.refresh()

    # --- fault reports ---

    def report_fault(self, fields: Mapping[str, Any], user: User) -> str:
        """Record a fault report: on disk and found at once; returns its id. `fields` are of `recorded.FIELDS`."""
        report_id = self.recorded.add(fields)
        self.metrics.reports.inc()
        self.audit.record("report", user.name, None, user.address, report=report_id)
        with self.library.reading(user.role):  # opened anew now, not by whoever asks next
            return report_id

    def predict_fault(self, symptom: str, user: User) -> dict[str, Guess]:
        """What failure mode, component and action a symptom suggests: column -> (value, confidence 0..1)."""
        return self.recorded.predict(symptom)

    def fault_reports(self, user: User, find: str = "", limit: int | None = 100, **limits: Any) -> list[StoredReport]:
        """Fault reports that hold all words of `find`, newest first; `limits` are those of `FaultReportTable.records`."""
        with self.library.reading(user.role) as reading:
            records = reading.index.fault_reports.records
            if not find.strip():
                return list(records(limit=limit, **limits))
            return holding(records(limit=None, **limits), find)[:limit]

    def fault_statistics(
        self, user: User, machine: str | None = None, since: str | None = None, until: str | None = None
    ) -> FaultStatistics:
        """Paretos, MTBF and MTTR, the trend a week, and what rises suddenly, over what the user may read."""
        from copilot.service.statistics import fault_statistics

        with self.library.reading(user.role) as reading:
            return fault_statistics(reading.index.fault_reports, machine, since, until)

    # --- feedback ---

    def feedback(
        self,
        answer_id: str,
        verdict: str,
        user: User,
        corrected_route: str | None = None,
        comment: str = "",
    ) -> str:
        """Store what a user says of an answer they got: verdict "up" or "down"; returns the entry's id.

        Raises NotFoundError for an answer that this user did not get, FeedbackError for values of no sense.
        """
        from finetune.types import Feedback, Verdict

        if verdict not in list(Verdict):
            raise ServiceError(f"verdict is {verdict!r}; choose from {', '.join(Verdict)}")
        if corrected_route is not None and corrected_route not in self.routes():
            raise ServiceError(f"there is no route {corrected_route!r}; choose from {', '.join(self.routes())}")
        exchange = self._history.find(answer_id, self.audit.who(user.name))
        self.metrics.feedback.labels(verdict=verdict).inc()
        return self._feedback.append(
            Feedback(
                answer_id=answer_id,
                question=exchange.question,
                route=exchange.answer["route"],
                verdict=Verdict(verdict),
                corrected_route=corrected_route,
                comment=comment,
                cited_chunk_ids=exchange.chunk_ids,
                created_at=datetime.now(UTC),
                confidence=exchange.answer["confidence"],
                author=user.name,
            ),
            "browser",
        )

    def routes(self) -> tuple[str, ...]:
        """The names of the routes in force, in their order."""
        return tuple(route.name for route in assemble.load_routes(self.settings))

    def feedback_queue(self, user: User) -> list[tuple[Stored, bool]]:
        """What waits for a reviewer, least certain first: (entry, whether others contradict it). For engineers."""
        user.require(Role.ENGINEER, "reviewing feedback")
        return self._feedback.pending()

    def feedback_decide(
        self, entry: str, decision: str, user: User, route: str | None = None, again: bool = False
    ) -> Review:
        """Decide on an entry: "accept", "correct" (with a route) or "drop". For engineers.

        Raises ConflictError when somebody decided on it meanwhile; `again` replaces that decision.
        """
        from finetune.review import Decision, latest_reviews

        user.require(Role.ENGINEER, "reviewing feedback")
        if decision not in list(Decision):
            raise ServiceError(f"the decision is {decision!r}; choose from {', '.join(Decision)}")
        with self._deciding:
            made = latest_reviews(self._feedback.reviews()).get(self._feedback.find(entry).id)
            if made is not None and not again:
                raise ConflictError(f"somebody decided on this entry already ({made.decision.value}); look again")
            return self._feedback.review(entry, Decision(decision), route, user.name, self.routes())

    def report_gap(self, answer_id: str, user: User, comment: str = "") -> None:
        """Note that the documents lack an answer to this question; see `copilot.gaps`. A comment goes to the feedback.

        Raises NotFoundError for an answer that this user did not get.
        """
        gaps.append(self.settings.home, self._history.gap(answer_id, self.audit.who(user.name)))
        if comment.strip():
            self.feedback(answer_id, "down", user, comment=comment)

    def gap_clusters(self, user: User) -> list[Cluster]:
        """What was asked in vain, put together by machine and meaning, the most frequent first. For engineers."""
        user.require(Role.ENGINEER, "reading the gaps")
        found = gaps.clusters(gaps.read(self.settings.home), self.library.embedder.embed_questions)
        return [
            replace(one, nearest=tuple(place for place in one.nearest if self.rules.reads(user.role, place[0])))
            for one in found
        ]

    # --- trainings (engineers) ---

    def versions(self, user: User, task: str | None = None) -> list[VersionInfo]:
        """The model versions of a task, or of all, oldest first; `card["metrics"]` holds what was measured."""
        user.require(Role.ENGINEER, "model versions")
        registry = assemble.make_registry(self.settings)
        return [info for name in ([task] if task else registry.tasks()) for info in registry.versions(name)]

    def promote(self, task: str, version: str, user: User, seen: str | None = None) -> None:
        """Let a version answer. Raises ConflictError where `seen` is given and another than that answers by now."""
        user.require(Role.ENGINEER, "promoting a version")
        self.audit.record("promote", user.name, None, user.address, task=task, version=version)
        with self._deciding:
            promote(assemble.make_registry(self.settings), task, version, self.audit.who(user.name), seen)

    def rollback(self, task: str, user: User, seen: str | None = None) -> str:
        """Let the version answer that did before; returns its name. `seen` as with `promote`: two who roll back go back once."""
        user.require(Role.ENGINEER, "rolling back")
        self.audit.record("rollback", user.name, None, user.address, task=task)
        with self._deciding:
            return roll_back(assemble.make_registry(self.settings), task, self.audit.who(user.name), seen)

    def train(self, user: User, task: str = "router") -> str:
        """Train on the feedback now, in a process of low priority; returns the job's id. For engineers."""
        user.require(Role.ENGINEER, "training")
        check_task_name(task)
        self.audit.record("train", user.name, None, user.address, task=task)

        def work(update: Update) -> None:
            training = self._training = make_training(self.settings, task, self.busy)
            update(result=run_training(self.settings, task, training))

        return self._jobs.add("train", user.name, work)

    def busy(self) -> str:
        """A reason for a training to pause, or ""."""
        return "questions wait" if self.admission.waiting else ""

    def schedule(self, user: User) -> ScheduleState | None:
        """The schedule of trainings, None without one."""
        from finetune.schedule import read_schedule

        user.require(Role.ENGINEER, "the schedule of trainings")
        return read_schedule(self.settings.home)

    def set_schedule(self, user: User, every: str | None, min_feedback: int = 50) -> ScheduleState | None:
        """Train every "7d", "12h" …, where at least so many new entries of feedback wait; None ends the schedule."""
        from finetune.schedule import parse_interval, remove_schedule, set_schedule

        user.require(Role.ENGINEER, "the schedule of trainings")
        now = datetime.now(UTC)
        if every is None:
            remove_schedule(self.settings.home, now)
            return None
        return set_schedule(self.settings.home, parse_interval(every), min_feedback, now)

    def drift(self, user: User, task: str = "router") -> DriftReport:
        """How the last questions differ from those that the version learnt from. For engineers."""
        user.require(Role.ENGINEER, "drift")
        return drift_report(self.settings, task, self._history.recent_questions(MOST_RECENT))

    # --- conversations ---

    def history(self, user: User, search: str = "", limit: int = 100) -> list[Conversation]:
        """The user's own conversations, the last one first; those that hold all words of `search`."""
        return self._history.conversations(self.audit.who(user.name), search, limit)

    def conversation(self, conversation: str, user: User) -> list[Exchange]:
        """One of the user's own conversations from its beginning. Raises NotFoundError."""
        return self._history.exchanges(conversation, self.audit.who(user.name))

    def delete_history(self, user: User, conversation: str | None = None) -> int:
        """Delete one of the user's conversations, or all that is kept of them; returns how many answers went."""
        return self._history.delete(self.audit.who(user.name), conversation)

    def export_history(self, user: User) -> str:
        """The user's own questions and answers as CSV, safe to open in a spreadsheet."""
        from copilot.service.tables import csv_text

        name = self.audit.who(user.name)
        rows = [
            {
                "asked_at": one.asked_at,
                "question": one.question,
                "status": one.answer["status"],
                "answer": one.answer["text"],
            }
            for conversation in self._history.conversations(name, limit=1_000_000)
            for one in self._history.exchanges(conversation.id, name)
        ]
        return csv_text(["asked_at", "question", "status", "answer"], rows)

    def forget(self, days: int) -> None:
        """Remove the texts of questions older than so many days."""
        self.audit.forget(days)
        self._history.forget(days)

    # --- the service itself ---

    def warm_up(self) -> None:
        """Open the index and load the models, so that the first question need not wait."""
        self.library.warm_up()

    def ready(self) -> bool:
        """Whether questions are answered at once."""
        return self.library.is_open

    def doctor(self, user: User) -> list[Check]:
        """What `copilot doctor` finds. For engineers."""
        from copilot.commands.doctor import examine

        user.require(Role.ENGINEER, "the health of the installation")
        return examine(self.settings)

    def evaluations(self, user: User) -> dict[str, Evaluation]:
        """The last evaluation of each kind (retrieval, answers, router). For engineers."""
        from copilot import evaluations

        user.require(Role.ENGINEER, "evaluations")
        return evaluations.last(self.settings.home)

    def evaluation_history(self, user: User) -> list[dict[str, Any]]:
        """One entry per evaluation that was made, oldest first; see `copilot.evaluations.history`. For engineers."""
        from copilot import evaluations

        user.require(Role.ENGINEER, "evaluations")
        return evaluations.history(self.settings.home)

    def evaluations_compared(self, user: User) -> dict[str, Comparison]:
        """The last evaluation of each kind against its saved baseline, where there is one that fits. For engineers."""
        from copilot import evaluations

        found = {}
        for kind, last in self.evaluations(user).items():
            with contextlib.suppress(evaluations.EvaluationError):  # damaged, or of other questions
                baseline = evaluations.stored_baseline(self.settings.home, kind)
                if baseline is not None and baseline.created_at != last.created_at:
                    found[kind] = evaluations.compare(last, baseline)
        return found

    def health(self) -> dict[str, Any]:
        """What an operator of the service wants to see at a glance."""
        try:
            version: str | None = assemble.make_home(self.settings).current_version()
            trouble = self._trouble
        except IndexerError as error:
            version, trouble = None, str(error)
        return {
            "status": trouble or "ok",
            "ready": self.ready(),
            "index_version": version,
            "running": self.admission.running,
            "waiting": self.admission.waiting,
            "uptime_s": round(time.monotonic() - self._begun, 1),
        }


def _rate_key(user: User) -> str:
    return f"{user.name}@{user.address}" if user.name == "local" else user.name


def _outcomes(names: Sequence[str], result: Mapping[str, Any]) -> dict[str, str]:
    """What became of each uploaded file, by the name it has in the index."""
    left_out = {entry["document"]: entry["reason"] for entry in result["quarantined"]}
    new = {*result["added"], *result["changed"], *(entry["to"] for entry in result["renamed"])}

    def outcome(name: str) -> str:
        ids = [name, *(one for one in {*left_out, *new} if one.endswith(f"/{name}"))]
        return next((left_out[one] for one in ids if one in left_out), "done" if new & set(ids) else "unchanged")

    return {name: outcome(name) for name in names}
