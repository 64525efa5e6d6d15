"""The service: all that the browser page, the HTTP API and the tests ask of a running copilot. Thread-safe."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from copilot import assemble
from copilot.service.access import AccessRules, Role, User
from copilot.service.admission import Admission, RateLimit
from copilot.service.errors import NotFoundError, ServiceError, TimedOutError
from copilot.service.history import Conversation, Exchange, History
from copilot.service.opened import Library
from copilot.service.recorded import RecordedReports
from copilot.types import Answer, Piece, Question
from indexer.errors import IndexerError

if TYPE_CHECKING:
    from copilot.config import Settings
    from copilot.service.jobs import Job
    from copilot.service.statistics import FaultStatistics
    from finetune.drift import DriftReport
    from finetune.registry import VersionInfo
    from finetune.review import Decision, Review, Stored
    from finetune.schedule import ScheduleState
    from indexer.fault_reports import StoredReport
    from indexer.types import Chunk, DocumentRecord, Hit

MOST_HITS = 100


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
        self.admission = Admission(server.running or min(4, os.cpu_count() or 1), server.waiting)
        self._rate = RateLimit(server.rate_per_minute)
        self._history = History(settings.home / "history.sqlite")
        self._feedback = assemble.make_feedback_store(settings)
        self._begun = time.monotonic()

    # --- questions ---

    def ask(self, question: Question, user: User, conversation: str | None = None) -> Iterator[Piece | Answer]:
        """Answer from what the user may read: the pieces of the text as they are made, the checked answer last.

        Closing the iterator ends the work. `conversation` (see `new_conversation`) is where the history keeps it.
        Raises LimitError, BusyError, TimedOutError, QuestionError, NoIndexError and what the generator raises.
        """
        self._rate.take(_rate_key(user))
        deadline = time.monotonic() + self.settings.server.time_out_s
        with self.admission.slot(deadline), self.library.reading(user.role) as reading:
            pieces = reading.copilot.stream(question)
            for piece in pieces:
                if isinstance(piece, Answer):
                    self._history.add(piece, user.name, conversation)
                elif time.monotonic() > deadline:
                    raise TimedOutError(f"the answer took longer than {self.settings.server.time_out_s:g} s; ask again")
                yield piece

    def answer(self, question: Question, user: User, conversation: str | None = None) -> Answer:
        """As `ask`, the whole answer only."""
        *_, answer = self.ask(question, user, conversation)
        assert isinstance(answer, Answer)
        return answer

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
        deadline = time.monotonic() + self.settings.server.time_out_s
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
        raise NotImplementedError

    def remove_document(self, document_id: str, user: User) -> str:
        """Take a document out of the index, never to be cited again once the job is done; returns its id. For engineers."""
        raise NotImplementedError

    def reindex(self, user: User, rebuild: bool = False) -> str:
        """Bring the index in line with the files, in a process of low priority; returns the job's id. For engineers."""
        raise NotImplementedError

    def job(self, job_id: str, user: User) -> Job:
        """How far a job is. Raises NotFoundError."""
        raise NotImplementedError

    def jobs(self, user: User) -> list[Job]:
        """The last jobs, newest first. For engineers."""
        raise NotImplementedError

    # --- fault reports ---

    def report_fault(self, fields: Mapping[str, Any], user: User) -> str:
        """Record a fault report: on disk and found at once; returns its id. `fields` are of `recorded.FIELDS`."""
        report_id = self.recorded.add(fields)
        with self.library.reading(user.role):  # opened anew now, not by whoever asks next
            return report_id

    def predict_fault(self, symptom: str, user: User) -> dict[str, Any]:
        """What failure mode, component and action the symptom suggests: column -> (value, confidence)."""
        raise NotImplementedError

    def fault_reports(self, user: User, **limits: Any) -> list[StoredReport]:
        """Fault reports, newest first; `limits` are those of `FaultReportTable.records`."""
        with self.library.reading(user.role) as reading:
            return list(reading.index.fault_reports.records(**limits))

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
        exchange = self._history.find(answer_id, user.name)
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

    def feedback_decide(self, entry: str, decision: Decision, user: User, route: str | None = None) -> Review:
        """Decide on an entry; `route` goes with "correct". For engineers."""
        from finetune.review import Decision as Known

        user.require(Role.ENGINEER, "reviewing feedback")
        return self._feedback.review(entry, Known(decision), route, user.name, self.routes())

    def report_gap(self, answer_id: str, user: User, comment: str = "") -> None:
        """Note that the documents lack an answer to this question."""
        raise NotImplementedError

    # --- trainings (engineers) ---

    def versions(self, user: User, task: str | None = None) -> list[VersionInfo]:
        """The model versions of a task, or of all, oldest first; `card["metrics"]` holds what was measured."""
        user.require(Role.ENGINEER, "model versions")
        registry = assemble.make_registry(self.settings)
        return [info for name in ([task] if task else registry.tasks()) for info in registry.versions(name)]

    def promote(self, task: str, version: str, user: User) -> None:
        """Let a version answer."""
        user.require(Role.ENGINEER, "promoting a version")
        assemble.make_registry(self.settings).promote(task, version, f"asked for by {user.name}")

    def rollback(self, task: str, user: User) -> str:
        """Let the version answer that did before; returns its name."""
        user.require(Role.ENGINEER, "rolling back")
        return assemble.make_registry(self.settings).rollback(task, f"asked for by {user.name}")

    def train(self, user: User, task: str = "router") -> str:
        """Train on the feedback now, in a process of low priority; returns the job's id."""
        raise NotImplementedError

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
        """How the questions of late differ from those that the version learnt from."""
        raise NotImplementedError

    # --- conversations ---

    def history(self, user: User, search: str = "", limit: int = 100) -> list[Conversation]:
        """The user's own conversations, the last one first; those that hold all words of `search`."""
        return self._history.conversations(user.name, search, limit)

    def conversation(self, conversation: str, user: User) -> list[Exchange]:
        """One of the user's own conversations from its beginning. Raises NotFoundError."""
        return self._history.exchanges(conversation, user.name)

    def delete_history(self, user: User, conversation: str | None = None) -> int:
        """Delete one of the user's conversations, or all that is kept of them; returns how many answers went."""
        return self._history.delete(user.name, conversation)

    # --- the service itself ---

    def warm_up(self) -> None:
        """Open the index and load the models, so that the first question need not wait."""
        self.library.warm_up()

    def ready(self) -> bool:
        """Whether questions are answered at once."""
        return self.library.is_open

    def health(self) -> dict[str, Any]:
        """What an operator of the service wants to see at a glance."""
        try:
            version: str | None = assemble.make_home(self.settings).current_version()
            trouble = ""
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

    def close(self, timeout_s: float = 30.0) -> None:
        """Finish the answers under way, then let go of everything."""
        self.admission.close(timeout_s)
        self.library.close()
        self._history.close()


def _rate_key(user: User) -> str:
    return f"{user.name}@{user.address}" if user.name == "local" else user.name
