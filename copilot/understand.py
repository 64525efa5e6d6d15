"""A question -> an Understanding: language, route, codes, machine, and the terms that carry its meaning."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from functools import cached_property

from copilot.errors import QuestionError
from copilot.followup import Resolved, resolve, topic_of
from copilot.kinds import KindFinder
from copilot.machine_names import find_machine, squeezed, unknown_designation
from copilot.period import Period, find_period
from copilot.protocols import Knowledge, Rewriter
from copilot.safety import asks_to_defeat
from copilot.start_checks import asks_what_to_check_before_start, in_words_of_manuals
from copilot.synonyms import other_words, words_for_work
from copilot.tally import tally_asked
from copilot.things import thing_asked
from copilot.types import Question, Subject, Understanding
from copilot.units import asks_for_interval, asks_for_value, dimensions_asked
from finetune.protocols import Router
from finetune.types import OUT_OF_SCOPE, AnswerForm, RetrievalPlan, Route, RouteDecision
from indexer.analysis import fold, is_chinese, question_tokens
from indexer.chinese import both_scripts, simplified
from indexer.codes import candidates, normal_forms
from indexer.types import CodeMatch

MAX_CHARACTERS = 2_000


class Understander:
    """Reads questions with the help of the index and a router.

    `routes` are those the router was made with: they say what is searched and how answered. A decision below
    `confident` leaves both open: every collection is searched, and the evidence decides the form. `today` is the day
    that "last month" is counted from. `rewriter` fills in what follow-ups leave out, where the rules do not replace a code
    or a machine.
    """

    def __init__(
        self,
        knowledge: Knowledge,
        router: Router,
        routes: Sequence[Route],
        *,
        confident: float = 0.4,
        open_k: int = 10,
        today: Callable[[], date] = date.today,
        rewriter: Rewriter | None = None,
    ) -> None:
        self._knowledge = knowledge
        self._router = router
        self._routes = {route.name: route for route in routes}
        self._confident = confident
        self._open_plan = RetrievalPlan(k=open_k)
        self._today = today
        self._rewriter = rewriter

    @cached_property
    def _kinds(self) -> KindFinder:
        """Made when the first question comes; the index it is made from does not change."""
        knowledge = self._knowledge
        return KindFinder(knowledge.openings(), knowledge.machines(), knowledge.fault_reports.descriptions())

    def understand(self, question: Question, *, rewriting: bool = False) -> Understanding:
        """Raise QuestionError when there is nothing to understand or far too much of it.

        With `rewriting`, the rewriter is asked as well, if there is one; that may take as long as a language model does.
        """
        text = " ".join(simplified(question.text).split())
        if not text:
            raise QuestionError("the question is empty; write what you want to know")
        if len(text) > MAX_CHARACTERS:
            raise QuestionError(
                f"the question has {len(text)} characters; at most {MAX_CHARACTERS} are taken, so shorten it"
            )
        resolved = self._resolved(text, question)
        if rewriting:
            resolved = self._rewritten(text, question, resolved)
        asked, text = text, resolved.text
        leans = resolved.follows is not None and (asked in text or resolved.rewritten)
        checks = asks_what_to_check_before_start(text)
        text = in_words_of_manuals(text) if checks else text
        machine, known, mentioned = self._machine(asked, question.machine, resolved)
        decision = self._router.route(text)
        if resolved.follows is not None and decision.route == OUT_OF_SCOPE != resolved.follows.route:
            decision = replace(decision, route=resolved.follows.route)  # "how long does that take?" alone says nothing
        more = leans and asked != text  # something new of the same thing
        if more and (form := _form_asked(asked)) is not None:
            decision = self._of_form(form, decision)  # the topic's own words ask for steps, say
        period = find_period(text, self._today())
        tally = tally_asked(text)
        if (tally or _counts_the_past(text, period)) and self._knowledge.fault_reports.total():
            decision = self._of_form(AnswerForm.HISTORY, decision)
        if self._plan(decision)[1] is AnswerForm.INTERVALS and thing_asked(text) and not _HOW_OFTEN.search(text):
            decision = self._of_form(AnswerForm.VALUE, decision)  # which grease, not when
        if self._plan(decision)[1] is AnswerForm.WARNINGS and (form := _not_about_safety(text)) is not None:
            decision = self._of_form(form, decision)
        if _WHAT_TO_WEAR.search(text) and self._plan(decision)[1] is not AnswerForm.HISTORY:
            decision = self._of_form(AnswerForm.WARNINGS, decision)
        if checks and not is_chinese(text):  # Chinese manuals have such checks in tables as often as in steps
            decision = self._of_form(AnswerForm.STEPS, decision)
        plan, form, sure = self._plan(decision)
        if form is AnswerForm.HISTORY and period is None and tally is None:
            if asks_for_interval(text):
                plan, form, sure = self._intervals()  # what is due, not what has happened
            elif not leans and decision.confidence < _SURELY_PAST and not _OF_THE_PAST.search(text):
                plan, form, sure = self._plan(_second(decision))  # "the spindle ran into the fixture, what now?"
                plan = replace(plan, weights={**plan.weights, "fault_report": _BESIDE_MANUALS})
        subject = self._kinds.subject(text) if machine is None else None
        cared_for = self._known_kinds(subject) if subject is not None and subject.known else []
        if period is not None and form is AnswerForm.HISTORY and self._knowledge.fault_reports.is_dated:
            cared_for.append(period.words)
        codes, suggestions = self._codes(text, machine, subject)
        written = {match.written for match in codes}
        return Understanding(
            question=question,
            text=text,
            language="zh" if is_chinese(text) else "en",
            route=decision,
            plan=plan,
            form=form,
            sure=sure,
            codes=codes,
            unknown_codes=_unknown_codes(text, written, self._knowledge.machines()),
            suggestions=suggestions,
            machine=machine,
            machine_known=known,
            terms=_terms(text, mentioned, cared_for),
            unsafe=asks_to_defeat(text) or asks_to_defeat(asked, resolved.topic if resolved.follows else ""),
            topic=resolved.topic,
            follows=resolved.follows is not None,
            subject=subject,
            period=period,
            others=(*other_words(text), *words_for_work(text)),
            section=resolved.follows.section if more and resolved.follows is not None else None,
        )

    def _known_kinds(self, subject: Subject) -> list[str]:
        """The words for kinds that there are machines of: the chiller of the machining centre may be a part without a manual."""
        if len(subject.words) < 2:
            return list(subject.words)
        return [word for word in subject.words if (one := self._kinds.subject(word)) is not None and one.known]

    def _resolved(self, text: str, question: Question) -> Resolved:
        """The question with what it leaves out, filled in from the turns before it."""
        machines = self._knowledge.machines() if question.earlier else []
        return resolve(text, question.earlier, find_machine(text, machines), machines, self._by_kind)

    def _rewritten(self, text: str, question: Question, resolved: Resolved) -> Resolved:
        """What a language model makes of a follow-up, where it may be used; else what the rules made of it."""
        replaced = resolved.follows is not None and text not in resolved.text
        if self._rewriter is None or not question.earlier or replaced:
            return resolved
        written = self._rewriter.rewrite(text, question.earlier)
        if written is None:
            return resolved
        last = question.earlier[-1]
        named = find_machine(written, self._knowledge.machines())
        machine = named[0] if named else resolved.machine
        return replace(resolved, text=written, topic=topic_of(written), machine=machine, follows=last, rewritten=True)

    def _by_kind(self, text: str) -> tuple[str, str] | None:
        """(machine, the words that name it) where a text names the one machine of a kind."""
        subject = self._kinds.subject(text)
        if subject is None or subject.machine is None or len(subject.words) != 1:
            return None
        return subject.machine, subject.words[0]

    def _of_form(self, form: AnswerForm, decision: RouteDecision) -> RouteDecision:
        """The decision for the route that answers in this form, as sure as it must be; unchanged where there is none."""
        name = next((route.name for route in self._routes.values() if route.form is form), None)
        if name is None or name == decision.route:
            return decision
        return replace(decision, route=name, confidence=max(decision.confidence, self._confident))

    def _plan(self, decision: RouteDecision) -> tuple[RetrievalPlan, AnswerForm, bool]:
        route = self._routes.get(decision.route)
        if route is None or decision.confidence < self._confident:
            return self._open_plan, AnswerForm.AUTO, False
        if route.name == OUT_OF_SCOPE:  # searched all the same: evidence outweighs the router
            return self._open_plan, route.form, True
        return route.plan, route.form, True

    def _intervals(self) -> tuple[RetrievalPlan, AnswerForm, bool]:
        route = next((route for route in self._routes.values() if route.form is AnswerForm.INTERVALS), None)
        return (self._open_plan if route is None else route.plan), AnswerForm.INTERVALS, False

    def _codes(
        self, text: str, machine: str | None, subject: Subject | None
    ) -> tuple[tuple[CodeMatch, ...], tuple[tuple[str, str], ...]]:
        """Matches, and suggestions for slips. "F-207" where only E-207 exists is a suggestion, not a match.

        What the machines of a kind define goes before what others do: alarm 204 "on the press" is the press's.
        """
        matches, suggestions = [], list(self._knowledge.suggest_codes(text, machine))
        found = self._knowledge.lookup_codes(text, machine)
        if subject is not None and subject.known:
            own = self._knowledge.lookup_codes(text, subject.machine) if subject.machine else found
            own = [match for match in own if match.entry.document_id in subject.documents]
            found = own if any(match.entry.definition for match in own) else found
        exact = {match.written for match in found if match.level == 0}
        for match in found:
            if match.level in (2, 3) and match.written in exact:
                continue  # pump P2 is P2, which the documents mention, and not parameter P-02
            if match.level == 4 and normal_forms(match.written).family is None:
                suggestions.append((match.written, match.entry.code))
            else:
                matches.append(match)
        return tuple(matches), tuple(dict.fromkeys(suggestions))

    def _machine(self, text: str, given: str | None, resolved: Resolved) -> tuple[str | None, bool, str]:
        """(machine to filter by, whether the index has it, the words of the question that name one).

        One chosen beside the question comes first, then the one it names, then the one its conversation is about.
        """
        machines = self._knowledge.machines()
        found = find_machine(text, machines)
        named = found[0] if found else None
        mentioned = found[1] if found else ""
        if given and given.strip():
            exactly = next((name for name in machines if fold(name) == fold(given.strip())), None)
            if (
                exactly is not None
            ):  # a folder called "press" is a machine, too, where it is chosen and not only mentioned
                return exactly, True, mentioned
            if (own := find_machine(given, machines)) is not None:
                return own[0], True, mentioned
            return given.strip(), False, mentioned
        if named is None and resolved.other_machine:
            return resolved.other_machine, False, mentioned
        if named is None and (other := unknown_designation(text, machines)) is not None:
            return other, False, other
        return named or resolved.machine, True, mentioned


def _unknown_codes(text: str, matched: set[str], machines: Sequence[str]) -> tuple[str, ...]:
    """Written codes that look like codes whatever the registry holds, but are in none of its matches."""
    names = " ".join(squeezed(name) for name in machines)
    keys = {key for written in matched for level in normal_forms(written).keys for key in level}
    out = []
    for candidate in candidates(text):
        known = candidate.written in matched or any(
            key in keys for level in normal_forms(candidate.written).keys[:3] for key in level
        )
        if (
            candidate.strong
            and not known
            and squeezed(candidate.written) not in names
            and re.search(r"\d", candidate.written)
        ):
            out.append(candidate.written)
    return tuple(dict.fromkeys(out))


_HAPPENED = re.compile(
    r"\b(?:faults?|failures?|fail(?:ed)?|breakdowns?|broke(?:n)?|stopp?(?:ed|ages?)?|repair(?:s|ed)?|downtime|incidents?|work orders?|wos?|entries|tickets?|"
    r"(?:fault )?reports?|alarms?|happen(?:ed)?)\b|故障|坏[了过]|停机|停运|宕机|中断|异常|维修|修[了过]|报修|报警|发生",
    re.IGNORECASE,
)
_SIMILAR = re.compile(
    both_scripts(
        r"\bsimilar (?:cases?|faults?|failures?|problems?|incidents?|reports?|work orders?)\b|\bhave (?:we|you) (?:seen|had) (?:this|that|it) before\b"
        r"|类似(?:的)?(?:故障|案例|记录|工单|报修)|以前有没有(?:出现|发生|遇到|碰到)过"
    ),
    re.IGNORECASE,
)
_HOW_OFTEN_IT_DID = re.compile(
    r"\bhow (?:many|often)\b.{0,60}\b(?:was|were|did|have|has|had)\b|(?:几|多少)[次回起]", re.IGNORECASE
)
# How many entries a machine keeps is said by its manual.
_OF_A_MEMORY = re.compile(
    r"\b(?:can|could|store[sd]?|keeps?|supports?|holds?|max(?:imum)?|capacity|memory)\b|最多|能|可以|保存|存储|容量|支持",
    re.IGNORECASE,
)
_IN_ALL = re.compile(
    both_scripts(
        r"\b(?:total number of|how many)\b.{0,40}\b(?:have we had|did we have|were there|so far|in total|all together|altogether|records?|reports?|work orders?|entries|tickets)\b"
        r"|(?:一共|总共|合计|累计).{0,8}?(?:多少|几)[条起次例个张单]|(?:记录|工单).{0,4}(?:多少|几)[条起次例个张]"
    ),
    re.IGNORECASE,
)
# What a question about records says; a past tense alone may tell what has just gone wrong.
_OF_THE_PAST = re.compile(
    both_scripts(
        r"\b(?:last|latest|when|who|whom|whose|often|how (?:many|much|long)|count|number of|ever|before|previous(?:ly)?|earlier|histor\w*|records?|recorded|"
        r"reports?|reported|work orders?|tickets?|logs?|since|so far|recent(?:ly)?|past|year|month|week|quarter|yesterday|today|did|was|were|had|has|have|been|"
        r"mtbf|mttr|downtime|cost|most|least|frequent(?:ly)?|common(?:ly)?|usual(?:ly)?|similar|again|repairs?|repaired|fix(?:ed|es)?|replaced|changed|done)\b"
        r"|上[次回一个]|最近|以前|之前|从前|曾|历史|历次|记录|工单|报修|次数|[几多][次回]|多少[次回]|哪[天年月]|几号|什么时候|何时|谁|师傅|[去今前]年|本[月周年]|昨天|"
        r"停机|费用|花[了费]|成本|累计|一共|总共|[修换坏停报卡漏断烧出]过|过[吗么没几多]|有没有|最多|最少|最常|常见|经常|频繁|类似|又|病历|老账"
    ),
    re.IGNORECASE,
)
_BESIDE_MANUALS = (
    0.3  # weight of fault reports where the router took a question for one about them, and its words do not say so
)
_SURELY_PAST = 0.75  # confidence from which a question is about records whatever its words
_FRAME = re.compile(
    r"\b(?:what|which) (?:special )?(?:tools?|parts?|materials?|equipment)\b(?=.*\b(?:need|required?|necessary|use|used)\b)|"
    r"(?:需要|要用|用到?|准备)(?:什么|哪些)(?:工具|备件|材料)|"
    r"(?:应该?|要|需要?)?(?:使用|采用|选用|用|加)(?=什么|哪[种个些]|何种|啥)|"
    r"多长时间|多少时间|多久|是?多少|[几一](?:次|回)|怎么[办样]?|怎样|如何|为什么|为何|是?什么(?:意思|原因|时候)?|哪[些个]|"
    r"应该?|可以|能否|是否|请问",
    re.IGNORECASE,
)


_HOW_OFTEN = re.compile(
    r"\bhow (?:often|frequently)\b|\bintervals?\b|多久\S{0,4}[一1]次|多长时间\S{0,4}一次|间隔|周期", re.IGNORECASE
)


_SAFETY = re.compile(
    r"\b(?:safe\w*|danger\w*|hazard\w*|risks?|precautions?|protect\w*|ppe|wear|allowed|permitted|may i|can i|lock(?:ed)?[- ]?out|tag-?out|"
    r"loto|injur\w*|burn\w*|burnt|shock|fire|eyes?|skin)\b|安全|危险|风险|注意|防护|劳保|允许|能不能|可以|可否|上锁|挂牌|伤|触电|火|中毒|眼|皮肤|急救",
    re.IGNORECASE,
)
_WHAT_TO_WEAR = re.compile(
    r"\b(?:what|which)\b.{0,30}\b(?:ppe|protective (?:equipment|clothing|gear)|safety (?:gear|equipment|shoes|glasses)|gloves)\b|"
    r"\bwhat (?:must|should|do|have) (?:i|we|one|you) (?:to )?wear\b|(?:什么|哪些|啥)(?:劳保|防护用品|防护装备|手套)|(?:戴|穿|佩戴)(?:什么|哪些|啥)",
    re.IGNORECASE,
)
_HOW_TO = re.compile(r"\bhow (?:do|to|can|should|must) |怎么(?!办|处理|回事)|怎样|如何(?!处理)|步骤", re.IGNORECASE)
_TROUBLE = re.compile(r"怎么办|怎么处理|如何处理|怎么回事|什么原因|为什么|为何")


def _not_about_safety(text: str) -> AnswerForm | None:
    """The form of a question that is about a protective device or something hot, not about safety; None when it is."""
    if _SAFETY.search(text):
        return None
    return AnswerForm.STEPS if _HOW_TO.search(text) else AnswerForm.CAUSES if _TROUBLE.search(text) else None


def _form_asked(text: str) -> AnswerForm | None:
    """The form that a follow-up's own words call for; None when they do not say."""
    if _HOW_OFTEN.search(text):
        return AnswerForm.INTERVALS
    return AnswerForm.VALUE if asks_for_value(text) or dimensions_asked(text) else None


def _second(decision: RouteDecision) -> RouteDecision:
    """The next best route, as sure as it is without the best one."""
    rest = {name: value for name, value in decision.probabilities.items() if name != decision.route}
    if not rest or sum(rest.values()) <= 0:
        return replace(decision, confidence=0.0)
    best = max(rest, key=lambda name: rest[name])
    return replace(decision, route=best, confidence=rest[best] / sum(rest.values()))


def _counts_the_past(text: str, period: Period | None) -> bool:
    """Whether a question is about what happened: "how many faults last month", 网络停运总共多少条, which want no value of a manual."""
    if _SIMILAR.search(text):
        return True
    if _OF_A_MEMORY.search(text):
        return False
    if period is not None and _HOW_OFTEN_IT_DID.search(text):
        return True
    return bool(_HAPPENED.search(text)) and (period is not None or bool(_IN_ALL.search(text)))


def _without_words(text: str, words: Sequence[str]) -> str:
    """A text with some of its words blanked; pairs of Chinese characters across them are none then."""
    for one in filter(None, words):
        text = re.sub(re.escape(one), " ", text, flags=re.IGNORECASE)
    return text


def _terms(text: str, mentioned: str, cared_for: Sequence[str] = ()) -> tuple[str, ...]:
    """The informative tokens of a question; what names its machine is a filter already, as are words `cared_for`."""
    text = _FRAME.sub(" ", text)  # what is asked for, not what the question is about
    named = set(question_tokens(mentioned)) if mentioned else set()
    kept = tuple(
        token
        for token in question_tokens(_without_words(text, cared_for))
        if token not in named and any(map(str.isalnum, token))
    )
    return kept or tuple(question_tokens(text))
