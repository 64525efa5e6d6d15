"""Units of measure: one name for every spelling, and conversion between those that plants use side by side.

Factors are those of NIST Special Publication 811 (2008), appendix B.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from indexer.analysis import fold
from indexer.chinese import both_scripts


@dataclass(frozen=True, slots=True)
class Measure:
    """A unit. A value in it times `factor` plus `offset` is the value in the base unit of its `dimension`."""

    symbol: str
    dimension: str
    factor: float = 1.0
    offset: float = 0.0


_TABLE = """
pressure    | Pa      | 1         | 帕 pascal pascals
pressure    | kPa     | 1e3       | 千帕
pressure    | MPa     | 1e6       | 兆帕
pressure    | mbar    | 1e2       | 毫巴
pressure    | bar     | 1e5       | bars 巴 公斤压力
pressure    | psi     | 6894.757  | psig lb/in2 lbf/in2 磅/平方英寸
pressure    | kgf/cm2 | 98066.5   | kg/cm2
temperature | °C      | 1         | ℃ c degc degrees_celsius degree_celsius celsius 摄氏度
temperature | °F      | 0.5555555555555556 | ℉ f degf degrees_fahrenheit fahrenheit 华氏度
temperature | K       | 1         | kelvin
angle       | °       | 1         | degree degrees deg 度
length      | µm      | 1e-6      | μm um micron microns micrometres micrometers 微米
length      | mm      | 1e-3      | millimetre millimetres millimeter millimeters 毫米
length      | cm      | 1e-2      | centimetre centimetres centimeter centimeters 厘米
length      | m       | 1         | metre metres meter meters 米
length      | km      | 1e3       | kilometre kilometres kilometer kilometers 公里 千米
length      | in      | 0.0254    | inch inches 英寸
length      | ft      | 0.3048    | foot feet 英尺
torque      | Nm      | 1         | n·m n.m n⋅m n*m n-m newton_metres newton_meters 牛米 牛·米 牛顿米 牛顿·米
torque      | Ncm     | 1e-2      | n·cm
torque      | kNm     | 1e3       | kn·m
torque      | lbf·ft  | 1.355818  | lbfft lb-ft lb·ft ft-lb ft·lb ft-lbs ft-lbf ft·lbf lbf-ft lb.ft ft.lb foot-pounds pound-feet
torque      | lbf·in  | 0.1129848 | lbfin lb-in in-lb in-lbs in·lb in-lbf lb·in
power       | W       | 1         | watt watts 瓦
power       | kW      | 1e3       | kilowatt kilowatts 千瓦
power       | MW      | 1e6       | 兆瓦
power       | hp      | 745.7     | horsepower 马力
volume      | ml      | 1e-3      | millilitre millilitres milliliter milliliters cm3 cc 毫升
volume      | l       | 1         | litre litres liter liters 升
volume      | m3      | 1e3       | 立方米 cubic_metres
volume      | gal     | 3.785412  | gallon gallons 加仑
mass        | mg      | 1e-6      | 毫克
mass        | g       | 1e-3      | gram grams 克
mass        | kg      | 1         | kilogram kilograms 千克 公斤
mass        | t       | 1e3       | ton tons tonne tonnes 吨
mass        | lb      | 0.45359237| lbs pound pounds 磅
force       | N       | 1         | newton newtons 牛 牛顿
force       | kN      | 1e3       | kilonewton kilonewtons 千牛
voltage     | mV      | 1e-3      | 毫伏
voltage     | V       | 1         | volt volts vdc vac 伏 伏特
voltage     | kV      | 1e3       | 千伏
current     | mA      | 1e-3      | 毫安
current     | A       | 1         | amp amps ampere amperes 安 安培
frequency   | Hz      | 1         | hertz 赫兹 赫
frequency   | kHz     | 1e3       | 千赫 千赫兹
frequency   | MHz     | 1e6       | 兆赫
speed       | rpm     | 1         | r/min rev/min revolutions_per_minute 转/分 转每分 转/分钟
velocity    | mm/s    | 1e-3      | 毫米/秒
velocity    | mm/min  | 1.6666666666666667e-5 | 毫米/分 毫米/分钟
velocity    | m/s     | 1         | 米/秒
velocity    | m/min   | 0.016666666666666666 | 米/分 米/分钟
velocity    | km/h    | 0.2777777777777778 | 公里/小时 千米/小时
flow        | l/min   | 1         | litres_per_minute liters_per_minute lpm 升/分 升/分钟
flow        | l/h     | 0.016666666666666666 | 升/小时
flow        | m3/h    | 16.666666666666668 | 立方米/小时
flow        | m3/min  | 1e3       | 立方米/分 立方米/分钟
time        | µs      | 1e-6      | μs us 微秒
time        | ms      | 1e-3      | milliseconds millisecond 毫秒
time        | s       | 1         | sec secs second seconds 秒 秒钟
time        | min     | 60        | mins minute minutes 分钟 分
time        | h       | 3600      | hr hrs hour hours 小时 钟头
time        | d       | 86400     | day days 天 日
time        | week    | 604800    | weeks 周 星期
time        | month   | 2629800   | months 月 个月
time        | year    | 31557600  | years 年
time        | shift   | 28800     | shifts 班
resistance  | ohm     | 1         | ω ohms 欧 欧姆
resistance  | kohm    | 1e3       | kω 千欧
resistance  | mohm    | 1e6       | mω 兆欧
share       | %       | 1         | percent
share       | ‰       | 1         |
sound       | dB      | 1         | db(a) dba 分贝
count       | turn    | 1         | turns revolution revolutions 转 圈
count       | time    | 1         | times 次
count       | stroke  | 1         | strokes
count       | cycle   | 1         | cycles
count       | pcs     | 1         | pieces piece 件
"""
_KELVIN = {"°C": 273.15, "°F": 273.15 - 32 / 1.8}


@cache
def _measures() -> dict[str, Measure]:
    out: dict[str, Measure] = {}
    for line in filter(None, _TABLE.splitlines()):
        dimension, symbol, factor, others = (part.strip() for part in line.split("|"))
        measure = Measure(symbol, dimension, float(factor), _KELVIN.get(symbol, 0.0))
        for spelling in (symbol, *others.split()):
            out.setdefault(_key(spelling), measure)
    return out


def _key(unit: str) -> str:
    return re.sub(r"[\s_]+", "", fold(unit)).replace("²", "2").replace("³", "3").replace("µ", "μ")


def measure(unit: str) -> Measure | None:
    """The unit that a spelling stands for, or None.

    >>> measure("牛·米").symbol, measure("foot-pounds").symbol, measure("furlong")
    ('Nm', 'lbf·ft', None)
    """
    return _measures().get(_key(unit))


@cache
def spellings() -> tuple[str, ...]:
    """Every spelling of a unit, folded, longest first: what a pattern is made of."""
    return tuple(sorted(_measures(), key=len, reverse=True))


CONVERSIONS = {
    "bar": ("MPa", "psi"), "MPa": ("bar", "psi"), "kPa": ("bar", "psi"), "mbar": ("kPa", "psi"),
    "kgf/cm2": ("bar", "MPa"), "psi": ("bar", "MPa"), "°C": ("°F",), "°F": ("°C",),
    "mm": ("in",), "cm": ("in",), "m": ("ft",), "in": ("mm",), "ft": ("m",), "Nm": ("lbf·ft",), "lbf·ft": ("Nm",),
    "lbf·in": ("Nm",), "kW": ("hp",), "hp": ("kW",), "l": ("gal",), "gal": ("l",), "kg": ("lb",), "lb": ("kg",),
}  # fmt: skip
"""What a value is also given in, by its unit."""
_METRIC = frozenset(("MPa", "bar", "°C", "mm", "m", "Nm", "kW", "l", "kg"))
"""What a Chinese reader is given: no inches, pounds or degrees Fahrenheit."""


def convert(value: float, unit: str, into: str) -> float:
    """A value of one unit in another of the same dimension. Raises ValueError where the two do not fit.

    >>> round(convert(265, "bar", "psi")), round(convert(40, "°C", "°F"))
    (3844, 104)
    """
    one, other = measure(unit), measure(into)
    if one is None or other is None or one.dimension != other.dimension:
        raise ValueError(f"{unit} cannot be given in {into}")
    return (value * one.factor + one.offset - other.offset) / other.factor


def rounded(value: float, written: str, dimension: str) -> str:
    """A converted value, as exact as the number it was made from (but no less than three digits), thousands parted.

    >>> rounded(3843.47, "265", "pressure"), rounded(0.01968, "0.5", "length"), rounded(104.0, "40", "temperature")
    ('3,840', '0.0197', '104')
    """
    if dimension == "temperature":
        text = f"{value:,.{1 if '.' in written else 0}f}"
        return "0" if text in ("-0", "-0.0") else text
    digits = max(3, len(re.sub(r"\D", "", written).lstrip("0")))
    places = 0 if value == 0 else max(0, min(6, digits - 1 - _exponent(value)))
    text = f"{round(value, digits - 1 - _exponent(value)) if value else 0:,.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _exponent(value: float) -> int:
    return int(f"{abs(value):e}".partition("e")[2])


CONVERTED = re.compile(both_scripts(r"\s*[(（](?:converted|换算)[:：]\s*(?P<pairs>[^()（）]*≈[^()（）]*)[)）]"))
"""How our own conversions are marked in an answer."""
_TO = r"\s*(?:–|—|~|～|…|\.{2,3}|to|至|到|-)\s*"
_ONE = r"\d(?:[\d.,]*\d)?(?:[ \u00a0\u202f]\d{3})*(?:[.,]\d+)?"
_WRITTEN = rf"[-+±]?{_ONE}(?:{_TO}[-+]?{_ONE})?"
_VALUE = re.compile(rf"(?P<number>{_WRITTEN})\s*(?P<unit>[^\s\d].*)")


def converted(number: str, unit: str, language: str = "en") -> str:
    """A value with what it is in the units used beside its own; "" when there are none, or it is no plain number.

    >>> converted("6", "bar"), converted("10–20", "℃"), converted("1 650…1 800", "Nm")
    ('6 bar ≈ 0.6 MPa ≈ 87 psi', '10–20 °C ≈ 50–68 °F', '1 650…1 800 Nm ≈ 1,217…1,328 lbf·ft')
    """
    found = measure(unit)
    if found is None or found.symbol not in CONVERSIONS or not re.fullmatch(_WRITTEN, number.strip()):
        return ""
    wanted = [other for other in CONVERSIONS[found.symbol] if language != "zh" or other in _METRIC]
    others = [f"{_given(number, found.symbol, other)} {other}" for other in wanted]
    return "" if not others else " ≈ ".join([f"{number} {found.symbol}", *others])


def conversions(pairs: str) -> list[tuple[str, list[str]]]:
    """(value, what it is said to be) of "6 bar ≈ 0.6 MPa ≈ 87 psi; 40 °C ≈ 104 °F"."""
    return [(first, rest) for first, *rest in ([part.strip() for part in pair.split("≈")] for pair in pairs.split(";"))]


def follows(result: str, value: str) -> bool:
    """Whether a converted value is what we would make of the value it is given for."""
    wanted, of = _VALUE.fullmatch(result), _VALUE.fullmatch(value)
    if wanted is None or of is None:
        return False
    one, other = measure(of["unit"]), measure(wanted["unit"])
    if one is None or other is None or one.dimension != other.dimension:
        return False
    return _given(of["number"].strip(), one.symbol, other.symbol) == wanted["number"].strip()


def _given(number: str, unit: str, into: str) -> str:
    """A number, or the two of a range, in another unit."""
    found = measure(unit)
    assert found is not None
    parts = re.split(rf"(?<=\d)({_TO})(?=[-+]?\d)", number)
    return "".join(
        part if place % 2 else rounded(convert(_value(part), unit, into), part, found.dimension)
        for place, part in enumerate(parts)
    )


def _value(written: str) -> float:
    """A written number: a comma parts thousands where three digits follow each, else decimals."""
    digits = re.sub(r"[ \u00a0\u202f](?=\d{3})", "", written.strip().lstrip("+±"))
    if re.fullmatch(r"-?\d{1,3}(?:,\d{3})+(?:\.\d+)?", digits) and not digits.startswith("0,"):
        return float(digits.replace(",", ""))
    return float(digits.replace(",", "."))
