"""Names of people in questions about machines, English and Chinese: found by cues around them and short lists.

An English name has a capital letter and stands after a title ("Mr."), a role ("technician"), a verb of speech ("ask"),
in a greeting or a signature; a few hundred unmistakable first names count anywhere. A Chinese name begins with a family
name and stands before a title (师傅, 工, 经理) or after a cue (联系, 问, 报修人：). The lists are in `personal_names.toml`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_FILE = Path(__file__).with_name("personal_names.toml")


def find_names(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of every name; they may overlap."""
    yield from _english(text)
    if _HAN.search(text):
        yield from _chinese(text)


@dataclass(frozen=True, slots=True)
class _English:
    distinctive: frozenset[str]
    family: frozenset[str]
    small: frozenset[str]
    not_names: frozenset[str]
    company: frozenset[str]


@cache
def _lists() -> tuple[_English, dict[str, str]]:
    data = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    words = {name: frozenset(value.split()) for name, value in data["english"].items()}
    return _English(**words), data["chinese"]


# --- English and other languages in Latin letters ---------------------------------------------------------------------

_CAPITAL = r"(?:[A-Z]['’])?(?:Mc|Mac)?[A-ZÀ-ÖØ-ÞŁŚŻŠŽČ][a-zà-öø-ÿąćčęěłńřśšůźżžğış]+(?:[-'’][A-ZÀ-Ö][a-zà-öø-ÿ]+)?(?![\w-]*\d)(?!\w)"
_FULL = rf"(?:[A-Z]\.\s?){{0,2}}{_CAPITAL}(?:[ \t](?:[A-Z]\.\s?)?(?:(?:van|von|de|der|den|la|le|di|da|bin|al|el|zu)\s){{0,2}}{_CAPITAL}){{0,2}}"
_WORD = re.compile(rf"(?<![\w-]){_CAPITAL}")
_TITLE = re.compile(
    rf"(?<!\w)(?:Mr|Mrs|Ms|Miss|Mister|Dr|Prof|Herrn?|Frau|Madame|Monsieur|Señora?)(?!\w)\.?\s+(?P<name>{_FULL})"
)
_SMALL_TITLE = re.compile(r"(?<!\w)(?:mr|mrs|mister)(?!\w)\.?\s+(?P<name>[a-zà-ÿ]{2,})(?!\w)")
_ROLES = (
    r"technicians?|engineer|electrician|mechanic|foreman|supervisor|operator|colleagues?|fitter|welder|planner|manager|"
    r"shift leader|team leader|team lead|co-?worker|boss|apprentice|buddy|mate|kollege|kollegen|kollegin|meister|techniker|master"
)
_ROLE = re.compile(rf"(?<![\w-])(?P<role>(?i:{_ROLES}))\s+(?:called\s+|named\s+)?(?P<name>{_FULL})(?P<next>\s+\S)?")
_SPEECH = (
    r"ask|asks|asked|asking|tell|tells|told|thank|thanks to|spoke (?:to|with)|speak (?:to|with)|talk(?:ed)? (?:to|with)|"
    r"frag|fragt|fragen sie|frage|sag"
)
_SPOKEN = re.compile(rf"(?<![\w-])(?i:{_SPEECH})\s+(?:(?:for|with|mr|our)\s+)?(?P<name>{_FULL})")
_SMALL_SPOKEN = re.compile(
    rf"(?<![\w-])(?i:{_SPEECH}|call|called|contact|technician|mechanic|electrician|foreman|colleague|operator|engineer)\s+(?P<name>[a-zà-ÿ]{{3,}})(?![\w-])"
)
_WEAK = re.compile(
    rf"(?<![\w-])(?i:call|called|calling|contact|contacted|phone|phoned|see|by|from|with|to|for|inform|informed|notify|notified|email|"
    rf"according to)\s+(?P<name>{_FULL})"
)
_INITIALS = re.compile(rf"(?<![\w.-])(?:[A-Z]\.\s?){{1,2}}(?P<name>{_CAPITAL})")
_MYSELF = re.compile(
    rf"(?<!\w)(?i:my name is|my name's|mein name ist|ich bin|i am|i['’]m|this is|here is)\s+(?P<name>{_FULL})(?P<next>\s*[,.;!]|\s+(?:from|in|at|on|aus|and|here|of|vom|von)(?!\w)|\s*$)"
)
_MY_NAME = re.compile(r"(?<!\w)(?i:my name is|my name's|mein name ist)\s+(?P<name>[^\W\d_]{2,}(?:\s[A-Z][^\W\d_]+)?)")
_LABEL = re.compile(
    r"(?<!\w)(?i:technician|operator|engineer|electrician|mechanic|reported by|requested by|signed(?: by)?|signature|author|requester|"
    rf"contact(?: person)?|supervisor|foreman|operator['’]?s? name|responsible|reporter|melder|bearbeiter|unterschrift)\s*:\s*(?P<name>{_FULL})(?=\s*(?:$|[,;.)\n/]))"
)
_GREETING = re.compile(
    rf"(?:^|[.!?\n]\s*)(?i:hi|hello|hey|dear|hallo|moin|good morning|good evening)\s+(?P<name>{_FULL})\s*[,!:\n]"
)
_SIGNATURE = re.compile(
    r"(?:(?<!\w)(?i:many thanks|thanks|thank you|thx|ty|regards|kind regards|best(?=\s*,)|cheers|br|rgds|greetings|gru(?:ß|ss)|grüße|mfg|vg|lg|sincerely)"
    rf"(?i:\s+and regards|\s+in advance)?\s*[,.!:\n–—-]*\s*)(?P<name>{_FULL})\s*[.!]?\s*$"
)
# Behind these, any word with a capital letter may be a name; elsewhere only a listed one.
_FREE = (_TITLE, _SPOKEN, _LABEL, _GREETING, _SIGNATURE)


_PLACE = re.compile(r"(?<!\w)(?:San|St\.?|Santa)\s$")  # San Antonio


def _english(text: str) -> Iterator[tuple[int, int]]:
    lists, _ = _lists()
    for pattern in _FREE:
        for match in pattern.finditer(text):
            yield from _trimmed(match)
    for match in _ROLE.finditer(text):
        listed = match["name"].split()[0] in lists.distinctive | lists.family
        following = (match["next"] or "").strip()
        # "Operator Panel Settings" is a heading, "Technician Kern replaced" is not.
        running = match["role"].islower() or (
            (not following or following.islower()) and _begins_sentence(text, match.start())
        )
        if listed or running:
            yield from _trimmed(match)
    for match in _MYSELF.finditer(text):
        yield from _trimmed(match)
    for match in _WEAK.finditer(text):
        if match["name"].split()[0] in lists.family:
            yield from _trimmed(match)
    for match in _INITIALS.finditer(text):
        if match["name"] in lists.family | lists.distinctive:
            yield match.start(), match.end()
    for match in _MY_NAME.finditer(text):
        if match["name"].split()[0].lower() not in lists.not_names:
            yield match.span("name")
    for pattern in (_SMALL_TITLE, _SMALL_SPOKEN):
        for match in pattern.finditer(text):
            name = match["name"]
            if name in lists.small or (pattern is _SMALL_TITLE and name not in lists.not_names):
                yield match.span("name")
    for match in _WORD.finditer(text):
        if match[0] in lists.distinctive or match[0].split("-")[0] in lists.distinctive:
            yield from _anywhere(text, match.start(), match.end())


def _begins_sentence(text: str, start: int) -> bool:
    before = text[:start].rstrip()
    return not before or before[-1] in ".!?;:,。！？；，："


def _trimmed(match: re.Match[str]) -> Iterator[tuple[int, int]]:
    """The name without the words at its end that are none; nothing when it begins with such a word or is a firm's."""
    lists, _ = _lists()
    start = end = match.start("name")
    for word in re.finditer(r"\S+", match["name"]):
        plain = word[0].lower().rstrip(".").removesuffix("'s").removesuffix("’s")
        if len(plain) > 1 and plain in lists.not_names:
            break
        end = match.start("name") + word.end()
    behind = re.match(r"\s+([\w-]+)", match.string[end:])
    if end > start and not (behind and behind[1].lower() in lists.company):
        yield start, _without_genitive(match.string, start, end)


def _anywhere(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """A distinctive first name, with the family name that may follow; not where a firm is called so."""
    lists, _ = _lists()
    if (
        _PLACE.search(text, max(0, start - 6), start)
        or text[start - 1 : start] in ("-", "/", "_", "@", "#", "\\")
        or text[end : end + 1] in ("-", "_", "\\", "=", "@")
    ):
        return  # part of a file's or a make's name
    following = re.compile(rf"[ \t]((?:[A-Z]\.\s?)?{_CAPITAL})").match(text, end)
    if following:
        word = following[1].split()[-1].lower()
        if word in lists.company:
            return
        if word not in lists.not_names:
            end = following.end()
            after = re.compile(r"[ \t]+([\w-]+)").match(text, end)
            if after and after[1].lower() in lists.company:
                return
    yield start, _without_genitive(text, start, end)


def _without_genitive(text: str, start: int, end: int) -> int:
    return end - 2 if text[start:end].endswith(("'s", "’s")) else end


# --- Chinese ----------------------------------------------------------------------------------------------------------

_HAN = re.compile(r"[\u4e00-\u9fff]")
_TITLES = (
    "师傅|師傅|经理|經理|主任|先生|女士|小姐|工程师|工程師|技术员|技師|技师|主管|班长|班長|组长|組長|厂长|厂長|科长|课长|部长|队长|线长|段长|总监|总工|"
    "老师|师兄|博士|大哥|大姐|助理|书记|老板|同志|同事"
)
_WEAK_TITLES = "工总哥姐叔"
# 工 and 总 begin many words of the trade.
_NOT_AFTER_TITLE = "作具艺件位程序况业厂单时装步控期号人频段地种区友资模头夹步线成量是共数计体结长度压功阀站图电开会牌卡龄伤学机料器服棚料"
_BEFORE = "下问找叫请让给跟和与由是的向听经被对同据喊催谢天班午早晚刚日号里及了吗呢吧说前后系知诉听跟夜周月年时候"
_CUES = (
    "联系人|负责人|报修人|用户|操作员|操作工|维修工|维修员|技术员|检修员|值班员|巡检员|电工|钳工|焊工|班长|组长|工程师|师傅|经理|主任|同事|员工|工人|签名|签字|姓名|"
    "我是|我叫|名叫|叫做|问问|问下|问一下|询问|请问|请教|问|找|联系|通知|告诉|告知|感谢|谢谢|多谢|由|让|叫|请|跟|听|据"
)
_LABELS = "联系人|负责人|报修人|操作员|操作工|维修工|维修员|维修人|技术员|检修员|值班员|巡检员|姓名|签名|签字|记录人|填写人|审核人|班长|组长|处理人"
_FOLLOWS = (
    r"(?=$|[^\u4e00-\u9fff]|说|讲|来|去|修|换|处理|检查|更换|维修|怎么|如何|是|在|把|的|昨|今|已|吗|呢|吧|看|负责|解决|调|确认|帮|反映|报|做|弄|上次|之前|"
    r"以前|联系|沟通|反馈|值班|有|会|能|可以|要|为|关于|一下|知道|给|和|也|都|先|再|过|签|还|从|对)"
)


@dataclass(frozen=True, slots=True)
class _Chinese:
    titled: re.Pattern[str]
    weakly_titled: re.Pattern[str]
    familiar: re.Pattern[str]
    cued: re.Pattern[str]
    called: re.Pattern[str]
    labelled: re.Pattern[str]
    telling: re.Pattern[str]
    not_names: frozenset[str]
    ambiguous: frozenset[str]
    not_given: frozenset[str]


@cache
def _patterns() -> _Chinese:
    _, lists = _lists()
    sure = f"(?:{'|'.join(lists['compound'].split())}|[{lists['family']}])"
    any_family = f"(?:{'|'.join(lists['compound'].split())}|[{lists['family']}{lists['ambiguous']}])"
    given = f"[^\\W\\d_a-zA-Z{lists['not_given']}]"
    return _Chinese(
        titled=re.compile(rf"(?P<name>{any_family}{given}{{0,2}}?)(?:{_TITLES})"),
        weakly_titled=re.compile(
            rf"(?:^|(?<=[^\u4e00-\u9fff])|(?<=[{_BEFORE}]))(?P<name>{any_family})[{_WEAK_TITLES}](?![{_NOT_AFTER_TITLE}])"
        ),
        familiar=re.compile(
            rf"(?<![最大较过减缩很偏太更变微极细窄])[小老阿](?P<name>[{lists['family']}])(?!{given}?[度力率值])"
        ),
        cued=re.compile(rf"(?:{_CUES})[\s:]{{0,2}}(?P<name>{sure}(?:{given}{{2}}|{given})){_FOLLOWS}"),
        called=re.compile(
            rf"(?:(?:联系人|负责人|报修人|操作员|操作工|维修工|姓名|我是)(?P<name>{any_family}{given}{{2}})|(?:我叫|名叫)(?P<short>{any_family}{given}{{1,2}}))"
            rf"{_FOLLOWS}"
        ),
        labelled=re.compile(
            rf"(?:{_LABELS})(?:是|为)?\s?[:：]\s?(?P<name>{any_family}{given}{{1,2}})(?=$|[^\u4e00-\u9fff])"
        ),
        telling=re.compile(
            rf"(?:^|(?<=[^\u4e00-\u9fff]))(?P<name>{sure}(?:{given}{{2}}|{given}))"
            r"(?=说|讲过|昨天|今天|反映|报修|报告说|告诉|换了|修了|处理的|修的|换的|上次)"
        ),
        not_names=frozenset(lists["not_names"].split()),
        ambiguous=frozenset(lists["ambiguous"]),
        not_given=frozenset(lists["not_given"]),
    )


def _chinese(text: str) -> Iterator[tuple[int, int]]:
    patterns = _patterns()
    for match in patterns.titled.finditer(text):
        name = match["name"]
        before = text[match.start() - 1 : match.start()]
        # 任何主任, 车间主任: a family name that is a common part of words must stand alone before its title.
        open_before = not _HAN.match(before) or before in _BEFORE
        if name[0] not in patterns.ambiguous or (
            open_before and text[match.start() : match.start() + 2] not in _COMMON_AMBIGUOUS
        ):
            yield from _checked(text, match.span("name"))
    for match in patterns.called.finditer(text):
        yield from _checked(text, match.span("name" if match["name"] else "short"))
    for pattern in (
        patterns.weakly_titled, patterns.familiar, patterns.cued, patterns.labelled, patterns.telling,
    ):  # fmt: skip
        for match in pattern.finditer(text):
            yield from _checked(text, match.span("name"))


_COMMON_AMBIGUOUS = frozenset(
    "高级 高压 方便 万能 黄油 周期 周边 马达 程序 温控 文控 夏季 金属 石油 龙门 段子 雷达 林业 余热 白班 江苏 常驻 常规 常务 付款 向导 任何 毛坯 孔径 汤姆 高炉 高线 高铁".split()
)


def _checked(text: str, span: tuple[int, int]) -> Iterator[tuple[int, int]]:
    if text[span[0] : span[0] + 2] not in _patterns().not_names:
        yield span
