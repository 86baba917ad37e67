"""What every engine must answer alike: the expected values come from Python's own calendar, zones and floats."""

import math
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import ibis
import pyarrow as pa
import pytest

from patronage.errors import ConfigError

pytestmark = pytest.mark.slow

NUMBERS = {
    "1": 1.0, "1.5": 1.5, "-1.5": -1.5, "+2": 2.0, "1e3": 1000.0, "1E-3": 0.001, ".5": 0.5, "5.": 5.0, "1.e2": 100.0,
    " 7 ": 7.0, "\t7\n": 7.0, "00012": 12.0, "-0": 0.0, "0.1": 0.1, "12345678901234567890": 12345678901234567890.0,
    "1e400": math.inf, "-1e400": -math.inf, "1e-400": 0.0, "1e99999": math.inf, "1e-99999": 0.0, "0e99999": 0.0,
    "1.7976931348623157e308": 1.7976931348623157e308, "2.2250738585072014e-308": 2.2250738585072014e-308,
    "inf": math.inf, "-Infinity": -math.inf, "+INF": math.inf, "9" * 400: math.inf, "0." + "3" * 400: 1 / 3,
    "": None, " ": None, ".": None, "x": None, "1,5": None, "1.000,50": None, "1 000": None, "1_000": None, "1d": None,
    "1f": None, "0x10": None, "--1": None, "1e": None, "1e+": None, "e5": None, "1.5.2": None, "٣": None, "true": None,
    "1'000": None, "€5": None, "'; DROP TABLE x; --": None,
}  # fmt: skip
"""Texts and the numbers in them; nan stands apart because it equals nothing."""

ISO = {
    "2024-01-05": (2024, 1, 5), "2024-1-5": (2024, 1, 5), "2024/01/05": (2024, 1, 5), "2024-02-29": (2024, 2, 29),
    "2000-02-29": (2000, 2, 29), "2024-01-05 10:00": (2024, 1, 5, 10), "2024-01-05T10:00": (2024, 1, 5, 10),
    "2024-01-05  1:2:3": (2024, 1, 5, 1, 2, 3), " 2024-01-05 23:59:59 ": (2024, 1, 5, 23, 59, 59),
    "2024-01-05 10:00:00.5": (2024, 1, 5, 10, 0, 0, 500_000),
    "2024-01-05 10:00:00.123456": (2024, 1, 5, 10, 0, 0, 123_456),
    "2024-01-05 10:00:00.9999999": (2024, 1, 5, 10, 0, 0, 999_999), "0202-01-05": (202, 1, 5),
    "9999-12-31": (9999, 12, 31),
    "2024/1/5 10:00:00": (2024, 1, 5, 10),
    "2024-02-30": None, "2023-02-29": None, "1900-02-29": None, "2024-04-31": None,
    "2024-13-01": None, "2024-00-10": None,
    "2024-01-00": None, "2024-01-32": None, "0000-01-01": None, "24-01-05": None, "05.01.2024": None, "5/1/2024": None,
    "20240105": None, "2024-01/05": None, "2024-01-05 10": None, "2024-01-05 24:00": None, "2024-01-05 10:60": None,
    "2024-01-05 10:00:60": None, "2024-01-05T": None, "2024-01-05 10:00:00,5": None, "2024-01-05 10:00 PM": None,
    "2024-01-05Z": None, "12024-01-05": None, "-2024-01-05": None, "2024-01-05 (BC)": None,
    "infinity": None, "epoch": None,
    "now": None, "today": None, "": None, "x": None, "٢٠٢٤-01-05": None, "2024-01-05 10:00:00 Europe/Berlin": None,
}  # fmt: skip
"""Texts without an offset and the local time they name."""

OFFSETS = {
    "Z": 0, "UTC": 0, " UTC": 0, "+02": 120, "+0200": 120, "+02:00": 120, " +02:00": 120, "-05:30": -330, "-00:30": -30,
    "+00:00": 0, "+14:00": 840, "-1130": -690, "+2": None, "+25:00": None,
    "+02:60": None, "CET": None, "+02:00:15": None,
}  # fmt: skip
"""Ends of a text and their minutes ahead of UTC."""

PATTERNS = {
    "%d.%m.%Y": {
        "05.01.2024": (2024, 1, 5), "5.1.2024": (2024, 1, 5), "29.02.2024": (2024, 2, 29), " 5.1.2024 ": (2024, 1, 5),
        "29.02.2023": None, "30.02.2024": None, "31.04.2024": None, "2024-01-05": None,
        "5.13.2024": None, "5.1.2024 x": None,
        "5.1.12024": None, "5.1.-2024": None, "0.1.2024": None, "": None,
    },
    "%m/%d/%Y %I:%M %p": {
        "1/5/2024 1:05 PM": (2024, 1, 5, 13, 5), "1/5/2024 12:05 AM": (2024, 1, 5, 0, 5),
        "1/5/2024 12:05 PM": (2024, 1, 5, 12, 5),
        "1/5/2024 1:05 pm": (2024, 1, 5, 13, 5), "1/5/2024 11:59 AM": (2024, 1, 5, 11, 59),
        "1/5/2024 13:05 PM": None, "1/5/2024 00:05 PM": None, "13/5/2024 1:05 PM": None, "1/5/2024 1:05": None,
    },
    "%d %b %Y": {"5 Jan 2024": (2024, 1, 5), "05 DEC 2024": (2024, 12, 5), "5 Foo 2024": None, "5 January 2024": None},
    "%d %B %Y": {"5 january 2024": (2024, 1, 5), "29 February 2024": (2024, 2, 29), "29 February 2023": None},
    "%Y%m%d": {"20240105": (2024, 1, 5), "20240230": None, "202415": None},
    "%y-%m-%d": {"24-01-05": (2024, 1, 5), "68-01-05": (2068, 1, 5), "69-01-05": (1969, 1, 5)},
    "%H:%M:%S.%f %Y-%m-%d": {"10:00:00.5 2024-01-05": (2024, 1, 5, 10, 0, 0, 500_000), "24:00:00.0 2024-01-05": None},
    "%a %Y-%m-%d": {"Fri 2024-01-05": (2024, 1, 5), "Xyz 2024-01-05": None},
    "100%% of (%d.%m.%Y)": {"100% of (5.1.2024)": (2024, 1, 5), "100% of 5.1.2024": None},
}  # fmt: skip

LOCAL_TIMES = [
    ("Europe/Berlin", "2024-03-31 01:59:59"), ("Europe/Berlin", "2024-03-31 02:30:00"),
    ("Europe/Berlin", "2024-03-31 03:00:00"), ("Europe/Berlin", "2024-10-27 01:59:59"),
    ("Europe/Berlin", "2024-10-27 02:30:00"), ("Europe/Berlin", "2024-10-27 03:00:00"),
    ("Europe/Berlin", "2024-02-29 00:30:00"), ("Europe/Berlin", "2024-12-31 23:59:59"),
    ("America/New_York", "2024-03-10 02:15:00"), ("America/New_York", "2024-11-03 01:15:00"),
    ("America/Sao_Paulo", "2018-11-04 00:30:00"), ("America/Sao_Paulo", "2018-02-17 23:30:00"),
    ("Australia/Lord_Howe", "2024-04-07 01:45:00"), ("Australia/Lord_Howe", "2024-10-06 02:15:00"),
    ("Asia/Kolkata", "2024-02-29 03:00:00"), ("Pacific/Apia", "2011-12-31 12:00:00"), ("UTC", "2024-02-29 23:59:59"),
    ("Asia/Kathmandu", "1985-12-31 23:59:59"), ("America/St_Johns", "2024-07-01 12:00:00"),
]  # fmt: skip


def by_python(local: datetime, zone: str) -> datetime:
    """The rule of the engines: before a gap, after an overlap; Python's fold tells the two sides apart."""
    early, late = (local.replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC) for fold in (0, 1))
    return (late if late > early else early).replace(tzinfo=None)


def of_texts(engine: Any, texts: list[str | None], **reads: Any) -> dict[str, list[Any]]:
    """Read a column of texts in several ways, and give the results in the order of the texts."""
    rows = pa.table({"position": list(range(len(texts))), "text": pa.array(texts, pa.string())})
    table = engine.load(rows, "texts")
    read = table.select("position", **{name: function(table.text) for name, function in reads.items()})
    found = rows_of(engine, read.order_by("position"))
    engine.drop(table)
    return {name: [row[name] for row in found] for name in reads}


def rows_of(engine: Any, table: Any) -> list[dict[str, Any]]:
    return engine.batches(table).read_all().to_pylist()


def differing(texts: Any, found: list[Any], expected: list[Any]) -> dict[str, tuple[Any, Any]]:
    """Text to (found, expected) where they differ."""
    return {text: (a, b) for text, a, b in zip(texts, found, expected, strict=True) if a != b}


def moment(parts: tuple[int, ...] | None, zone: str = "UTC") -> datetime | None:
    return None if parts is None else by_python(datetime(*parts), zone)


class TestReading:
    def test_numbers_and_blanks(self, engine):
        blanks = {" a b ": "a b", "\t\r\nx\v\f": "x", "\xa0x": "\xa0x", "vtnrf": "vtnrf"}
        texts = [*NUMBERS, *blanks, "nan", " NaN ", "-nan", None]
        found = of_texts(engine, texts, number=engine.number, stripped=engine.strip)
        assert differing(NUMBERS, found["number"][: len(NUMBERS)], list(NUMBERS.values())) == {}
        assert found["number"][len(NUMBERS) : -4] == [None] * len(blanks)
        assert [value is not None and math.isnan(value) for value in found["number"][-4:]] == [True, True, True, False]
        assert found["stripped"][len(NUMBERS) : -4] == list(blanks.values())
        assert found["stripped"][-1] is None

    def test_iso(self, engine):
        zones = ["UTC", "Europe/Berlin", "America/St_Johns"]
        found = of_texts(engine, [*ISO], **{zone: partial(engine.timestamp, zone=zone) for zone in zones})
        near = [parts is None or 1970 <= parts[0] < 2100 for parts in ISO.values()]  # else zones are a matter of taste
        for zone in zones:
            expected = [
                moment(parts, zone) if sure or zone == "UTC" else None
                for parts, sure in zip(ISO.values(), near, strict=True)
            ]
            read = [value if sure or zone == "UTC" else None for value, sure in zip(found[zone], near, strict=True)]
            assert differing(ISO, read, expected) == {}, zone

    def test_offsets_overrule_the_zone(self, engine):
        begin = datetime(2024, 2, 29, 10)
        stems = ("2024-02-29T10:00", "2024-02-29 10:00:00", "2024/2/29 10:00:00.000")
        expected = {
            f"{stem}{end}": None if minutes is None else begin - timedelta(minutes=minutes)
            for end, minutes in OFFSETS.items()
            for stem in stems
        }
        zones = ["UTC", "Asia/Kolkata"]
        found = of_texts(engine, [*expected], **{zone: partial(engine.timestamp, zone=zone) for zone in zones})
        for zone in zones:
            assert differing(expected, found[zone], list(expected.values())) == {}, zone

    def test_patterns(self, engine):
        texts = sorted({text for expected in PATTERNS.values() for text in expected})
        reads = {f"p{i}": partial(engine.timestamp, pattern=pattern) for i, pattern in enumerate(PATTERNS)}
        found = of_texts(engine, texts, **reads)
        for name, (pattern, expected) in zip(reads, PATTERNS.items(), strict=True):
            engine.check_pattern(pattern)
            read = [found[name][texts.index(text)] for text in expected]
            assert differing(expected, read, [moment(parts) for parts in expected.values()]) == {}, pattern

    def test_patterns_with_zone_and_offset(self, engine):
        texts = ["27.10.2024 02:30", "05.01.2024 10:00 +0200", "05.01.2024 10:00 -05:30", "05.01.2024 10:00 +02"]
        found = of_texts(
            engine,
            texts,
            local=partial(engine.timestamp, pattern="%d.%m.%Y %H:%M", zone="Europe/Berlin"),
            shifted=partial(engine.timestamp, pattern="%d.%m.%Y %H:%M %z", zone="Asia/Kolkata"),
        )
        assert found["local"] == [datetime(2024, 10, 27, 1, 30), None, None, None]
        assert found["shifted"] == [
            None,
            datetime(2024, 1, 5, 8),
            datetime(2024, 1, 5, 15, 30),
            datetime(2024, 1, 5, 8),
        ]

    @pytest.mark.parametrize("pattern", ["%Q", "%d.%m.%Y %k", "%"])
    def test_pattern_that_is_none(self, engine, pattern):
        with pytest.raises(ConfigError, match="timestamp_format"):
            engine.check_pattern(pattern)


class TestZones:
    def test_local_times_and_days(self, engine):
        """Odd moments of many zones, and every half hour of two years in some."""
        moments = [(zone, datetime.fromisoformat(text)) for zone, text in LOCAL_TIMES]
        half_hours = [datetime(2023, 6, 1) + timedelta(minutes=30 * step) for step in range(2 * 365 * 48)]
        moments += [(zone, local) for zone in ("Europe/Berlin", "Australia/Lord_Howe") for local in half_hours]
        zones, locals_ = zip(*moments, strict=True)
        rows = {"position": range(len(moments)), "zone": zones, "local": pa.array(locals_, pa.timestamp("us"))}
        table = engine.load(pa.table(rows), "moments")
        known = sorted(set(zones))
        utc = table.mutate(utc=ibis.cases(*((table.zone == zone, engine.utc(table.local, zone)) for zone in known)))
        kept = engine.keep(utc, "utc")
        day = ibis.cases(*((kept.zone == zone, engine.day(kept.utc, zone)) for zone in known))
        found = rows_of(engine, kept.select("position", "utc", day=day).order_by("position"))
        engine.drop(kept)
        engine.drop(table)
        expected = [by_python(local, zone) for zone, local in moments]
        names = [f"{zone} {local}" for zone, local in moments]
        assert differing(names, [row["utc"] for row in found], expected) == {}
        days = [
            utc.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).date() for utc, zone in zip(expected, zones, strict=True)
        ]
        assert differing(names, [row["day"] for row in found], days) == {}

    def test_a_date_begins_at_midnight_of_the_zone(self, engine):
        table = engine.load(pa.table({"on": pa.array([date(2024, 2, 29), None], pa.date32())}), "dates")
        found = rows_of(engine, table.select(utc=engine.utc(table.on, "Europe/Berlin")))
        engine.drop(table)
        assert {row["utc"] for row in found} == {datetime(2024, 2, 28, 23), None}

    def test_a_moment_with_its_own_zone_is_converted_by_that(self, engine):
        table = engine.load(pa.table({"local": pa.array([datetime(2024, 2, 29, 12)], pa.timestamp("us"))}), "moments")
        instant = table.mutate(instant=table.local.cast("timestamp('UTC')"))
        [found] = rows_of(engine, instant.select(utc=engine.utc(instant.instant, "Asia/Kolkata")))
        engine.drop(table)
        assert found["utc"] == datetime(2024, 2, 29, 12)


class TestKeeping:
    def test_kept_rows_stay_when_their_source_goes(self, engine):
        first = engine.load(pa.table({"a": [1, 2, 3]}), "numbers")
        second = engine.keep(first.filter(first.a > 1), "numbers")
        assert first.get_name() != second.get_name()
        engine.drop(first)
        assert rows_of(engine, second.order_by("a")) == [{"a": 2}, {"a": 3}]
        engine.drop(second)
        with pytest.raises(Exception, match=second.get_name()):
            rows_of(engine, second)

    def test_view_is_computed_when_asked(self, engine):
        kept = engine.load(pa.table({"a": [1, 2, 3]}), "numbers")
        view = engine.view(kept.mutate(b=kept.a * 2), "doubles")
        assert sorted(row["b"] for row in rows_of(engine, view)) == [2, 4, 6]
        engine.drop(view)
        engine.drop(kept)

    def test_memtables_can_be_kept(self, engine):
        kept = engine.keep(ibis.memtable(pa.table({"a": ["x", "y"]})), "letters")
        assert sorted(row["a"] for row in rows_of(engine, kept)) == ["x", "y"]
        engine.drop(kept)

    def test_types_and_missing_values_survive_the_way_in_and_out(self, engine):
        rows = pa.table(
            {
                "position": pa.array([1, 2, 3], pa.int64()),
                "text": pa.array(["Zoë 客户", "", None], pa.string()),
                "number": pa.array([0.1, math.nan, None], pa.float64()),
                "moment": pa.array(
                    [datetime(2024, 2, 29, 23, 59, 59, 999_999), None, datetime(1900, 1, 1)], pa.timestamp("us")
                ),
                "on": pa.array([date(2024, 2, 29), date(1900, 1, 1), None], pa.date32()),
                "money": pa.array([Decimal("0.000001"), Decimal("-999999999999.999999"), None], pa.decimal128(18, 6)),
                "flag": pa.array([True, False, None], pa.bool_()),
            }
        )
        kept = engine.load(rows.to_reader(), "values")
        found = engine.batches(kept.order_by("position")).read_all()
        engine.drop(kept)
        assert {field.name: field.type for field in found.schema} == {field.name: field.type for field in rows.schema}
        assert str(found.to_pylist()) == str(rows.to_pylist())  # as text, because nan equals nothing

    def test_names_and_values_that_look_like_sql(self, engine):
        values = ["x'; DROP TABLE y; --", 'q"q', "back\\slash", "per%cent %s", "line\nend"]
        loaded = engine.load(pa.table({'a"; DROP `b` %s': values}), 'odd"; DROP %s')
        kept = engine.keep(loaded, "odd'name")
        assert sorted(row['a"; DROP `b` %s'] for row in rows_of(engine, kept)) == sorted(values)
        assert rows_of(engine, kept.filter(kept[0] == values[2])) == [{'a"; DROP `b` %s': values[2]}]
        engine.drop(kept)
        engine.drop(loaded)


class TestMissing:
    def test_nan_is_not_missing(self, engine):
        rows = pa.table({"position": [0, 1, 2], "number": pa.array([1.0, math.nan, None], pa.float64())})
        table = engine.load(rows, "numbers")
        asked = table.select("position", no=table.number.isnull(), yes=table.number.notnull(), nan=table.number.isnan())
        found = rows_of(engine, asked.order_by("position"))
        engine.drop(table)
        assert [(row["no"], row["yes"]) for row in found] == [(False, True), (False, True), (True, False)]
        assert [row["nan"] for row in found[:2]] == [False, True]

    def test_strip_takes_no_letters(self, engine):
        table = engine.load(pa.table({"text": [" visit\x0b", "from\x0c f"]}), "texts")
        found = {row["text"] for row in rows_of(engine, table.select(text=table.text.strip()))}
        engine.drop(table)
        assert found == {"visit", "from\x0c f"}
