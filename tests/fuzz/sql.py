"""Statements by a grammar of all that minidruid accepts, with extreme literals, against a store of few rows.

`python tests/fuzz/sql.py [STATEMENTS] [--seed N]` ends with 1 at the first statement that is neither answered nor refused, takes longer
than the limit, or makes the process larger than the store may be.
"""

import argparse
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parents[2])]

from support.minidruid.tables import fill_clickstream, open_store, serve

from minidruid.sql.functions.aggregates import AGGREGATES
from minidruid.sql.functions.scalar import FUNCTIONS
from minidruid.sql.functions.times import UNITS

ROWS = 3000
TIMEOUT_SECONDS = 0.5  # that each statement asks for
MAX_CPU_SECONDS, MAX_SECONDS = 5, 60  # of a statement: in this process, and until its response on a busy machine
STATUSES = (200, 400, 500, 501, 504)
MAX_BYTES = 2 * 256_000_000 + 150_000_000

TEXTS = ("page_url", "page_path", "page_title", "event_id", "session_id", "party_id", "country", "os", "site", "channel")
NUMBERS = ("viewport_width", "scroll_percent", "engagement_ms", "latitude", "session_page_number", "is_bot")
JSON = "parameters"
LITERALS = {
    "text": [
        *("''", "'a'", "'%'", "'_'", "'%a_%'", "'\u00e9\U0001f600'", "'\\'", "'\"'", "'['", "'{}'", "'2026-11-20'", "','", "'/'"),
        *(f"'{'x' * 3000}'", f"'{'%a' * 300}'"),
    ],
    "number": [
        *(
            "0",
            "1",
            "-1",
            "2",
            "3",
            "7",
            "0.5",
            "10",
            "100",
            "3900",
            "15625",
            "1000000",
            "2147483648",
            "2000000000",
            "1e308",
            "-1e308",
            "1e-308",
        ),
        *("9223372036854775807", "-9223372036854775807", "99999999999999999999999"),
    ],
}
PATTERNS = [
    "a",
    ".*",
    "(a+)+$",
    "(a{0,30}){0,30}b",
    "[a-f0-9]{8}",
    "(.*)(.*)(.*)",
    "(a|b|ab)*c",
    "^$",
    "(",
    "[",
    r"\p{L}+",
    r"\d{2,}",
    "(?i)ABC",
    "x{0,1000}",
]
PERIODS = ["PT1S", "PT5M", "P1D", "P1W", "P1M", "P3M", "P1Y", "P999999999Y", "P1MT1H", "P0D", "x"]
ZONES = ["NULL", "'UTC'", "'Europe/Amsterdam'", "'+05:30'", "'nowhere'"]
TIMES = ["__time", "CURRENT_TIMESTAMP", "TIMESTAMP '2026-11-20 00:00:00'", "MILLIS_TO_TIMESTAMP(0)", "TIME_PARSE('0001-01-01')"]
FORMATS = ["%s", "%d", "%5.2f", "%%", "%1000d", "%s%s%s", "%x", "%999999999d", "%n", "%*d", "%1$s"]


@dataclass
class Grammar:
    """Writes statements; the same ones for the same seed."""

    dice: random.Random
    depth: int = 0

    def statement(self) -> str:
        choice = self.dice.random()
        if choice < 0.08:
            names = [f"c{number}" for number in range(self.dice.randint(1, 4))]
            queries = [f"{name} AS ({self.select()})" for name in names]
            return f"WITH {', '.join(queries)} SELECT * FROM {', '.join(self.dice.choices(names, k=self.dice.randint(1, 3)))}"
        if choice < 0.14:
            return " UNION ALL ".join([self.select()] * self.dice.randint(2, 5))
        return ("EXPLAIN PLAN FOR " if choice > 0.98 else "") + self.select()

    def select(self) -> str:
        self.depth += 1
        source = self.source()
        if self.dice.random() < 0.5:
            text = self.grouped(source)
        else:
            items = [self.any() for _ in range(self.count(6))] if self.dice.random() < 0.9 else ["*"]
            if self.dice.random() < 0.15:
                items.append(self.window())
            text = f"SELECT {self.maybe('DISTINCT ', 0.1)}{', '.join(items)} FROM {source}{self.where()}"
        self.depth -= 1
        order = self.maybe(f" ORDER BY {self.dice.choice(['1', '2', '__time', self.any()])}{self.dice.choice(['', ' DESC'])}", 0.3)
        limit = self.maybe(f" LIMIT {self.dice.choice(['0', '1', '5', '5000', '99999999999'])}", 0.4)
        return text + order + limit + self.maybe(f" OFFSET {self.dice.choice(['0', '3', '9223372036854775807'])}", 0.1)

    def grouped(self, source: str) -> str:
        keys = [self.any() for _ in range(self.count(3))]
        listed = ", ".join(str(number + 1) for number in range(len(keys)))
        wide = self.dice.choices(TEXTS, k=self.dice.randint(1, 8))
        group = self.dice.choice(
            [listed, listed, f"CUBE ({', '.join(wide)})", f"ROLLUP ({', '.join(wide)})", "GROUPING SETS ((os), ())", ""]
        )
        aggregates = [self.aggregate() for _ in range(self.count(4))]
        items = (keys if group == listed else []) + aggregates
        having = self.maybe(f" HAVING {self.aggregate()} {self.dice.choice(['>', '=', '<>'])} {self.number()}", 0.2)
        return f"SELECT {', '.join(items)} FROM {source}{self.where()}{f' GROUP BY {group}' if group else ''}{having}"

    def source(self) -> str:
        if self.depth < 3 and self.dice.random() < 0.15:
            return f"({self.select()}) AS s{self.depth}"
        join = self.dice.random()
        if join < 0.06:
            return "clickstream AS a, clickstream AS b"
        if join < 0.16:
            side = self.dice.choice(["", "LEFT ", "RIGHT ", "FULL ", "INNER "])
            on = self.dice.choice(["os = o", "TRUE", "os < o"])
            return f"clickstream {side}JOIN (SELECT os AS o, COUNT(*) AS n FROM clickstream GROUP BY 1) ON {on}"
        return self.dice.choice(["clickstream"] * 12 + ["INFORMATION_SCHEMA.COLUMNS", "sys.segments"])

    def where(self) -> str:
        return self.maybe(f" WHERE {self.condition()}", 0.4)

    def condition(self) -> str:
        text = self.text()
        return self.dice.choice(
            [
                f"{self.number()} {self.dice.choice(['=', '<', '>=', '<>'])} {self.number()}",
                f"{text} = {self.text()}",
                f"{text} LIKE {self.dice.choice(LITERALS['text'])}{self.maybe(' ESCAPE ' + self.dice.choice(LITERALS['text']), 0.2)}",
                f"REGEXP_LIKE({text}, '{self.dice.choice(PATTERNS)}')",
                f"{text} IN ({', '.join(self.dice.choices(LITERALS['text'], k=self.count(9)))})",
                f"{text} IS {self.maybe('NOT ', 0.5)}NULL",
                f"{self.number()} BETWEEN {self.number()} AND {self.number()}",
                f"__time >= {self.time()}",
                f"NOT ({text} = 'a' OR {self.number()} > 1) AND {text} IS NOT DISTINCT FROM {self.text()}",
                "event_id IN (SELECT event_id FROM clickstream WHERE is_bot = 0)",
            ]
        )

    def any(self) -> str:
        return self.dice.choice([self.text, self.text, self.text, self.number, self.number, self.time, self.call, self.case, self.array])()

    def text(self) -> str:
        if self.deep():
            return self.dice.choice([*TEXTS, *LITERALS["text"]])
        return self.inside(
            self.dice.choice(
                [
                    lambda: f"REPEAT({self.text()}, {self.number()})",
                    lambda: f"{self.dice.choice(['LPAD', 'RPAD'])}({self.text()}, {self.number()}, {self.text()})",
                    lambda: f"REPLACE({self.text()}, {self.text()}, {self.text()})",
                    lambda: f"REGEXP_REPLACE({self.text()}, '{self.dice.choice(PATTERNS)}', {self.text()})",
                    lambda: f"REGEXP_EXTRACT({self.text()}, '{self.dice.choice(PATTERNS)}', {self.dice.randint(0, 4)})",
                    lambda: " || ".join([self.text()] * self.dice.randint(2, 6)),
                    lambda: f"CONCAT({', '.join(self.any() for _ in range(self.count(5)))})",
                    lambda: f"STRING_FORMAT('{self.dice.choice(FORMATS)}', {self.any()})",
                    lambda: f"TO_JSON_STRING({self.any()})",
                    lambda: f"ARRAY_TO_STRING({self.array()}, {self.dice.choice(LITERALS['text'])})",
                    lambda: (
                        f"JSON_VALUE({self.json()}, '$.{self.dice.choice(['a', 'b[0]', 'a.b'])}'{self.maybe(' RETURNING BIGINT', 0.2)})"
                    ),
                    lambda: f"TIME_FORMAT({self.time()}, '{self.dice.choice(['yyyy', 'EEEE', 'HH:mm:ss', 'yyyy' * 30])}')",
                    lambda: f"SUBSTRING({self.text()}, {self.number()}, {self.number()})",
                    lambda: f"TRIM({self.dice.choice(['BOTH', 'LEADING', 'TRAILING'])} {self.text()} FROM {self.text()})",
                    lambda: f"{self.dice.choice(['UPPER', 'LOWER', 'REVERSE', 'BTRIM'])}({self.text()})",
                    lambda: f"CAST({self.number()} AS VARCHAR)",
                    self.call,
                ]
            )
        )

    def number(self) -> str:
        if self.deep():
            return self.dice.choice([*NUMBERS, *LITERALS["number"]])
        return self.inside(
            self.dice.choice(
                [
                    lambda: f"({self.number()} {self.dice.choice('+-*/')} {self.number()})",
                    lambda: f"LENGTH({self.text()})",
                    lambda: f"STRPOS({self.text()}, {self.text()})",
                    lambda: f"ARRAY_LENGTH({self.array()})",
                    lambda: f"POWER({self.number()}, {self.number()})",
                    lambda: f"CAST({self.text()} AS BIGINT)",
                    lambda: f"EXTRACT({self.dice.choice(['YEAR', 'EPOCH', 'DOW'])} FROM {self.time()})",
                    lambda: self.dice.choice(NUMBERS),
                    lambda: self.dice.choice(LITERALS["number"]),
                ]
            )
        )

    def time(self) -> str:
        if self.deep():
            return self.dice.choice(TIMES)
        period, zone = self.dice.choice(PERIODS), self.dice.choice(ZONES)
        return self.inside(
            self.dice.choice(
                [
                    lambda: self.dice.choice(TIMES),
                    lambda: f"TIME_FLOOR({self.time()}, '{period}', NULL, {zone})",
                    lambda: f"TIME_CEIL({self.time()}, '{period}', NULL, {zone})",
                    lambda: f"TIME_SHIFT({self.time()}, '{period}', {self.number()}, {zone})",
                    lambda: f"FLOOR({self.time()} TO {self.dice.choice(list(UNITS))})",
                    lambda: f"TIMESTAMPADD({self.dice.choice(list(UNITS))}, {self.number()}, {self.time()})",
                    lambda: f"MILLIS_TO_TIMESTAMP({self.number()})",
                    lambda: f"TIME_PARSE({self.text()})",
                ]
            )
        )

    def array(self) -> str:
        if self.deep():
            return "ARRAY['a', 'b']"
        return self.inside(
            self.dice.choice(
                [
                    lambda: f"STRING_TO_ARRAY({self.text()}, {self.text()})",
                    lambda: f"ARRAY[{', '.join(self.any() for _ in range(self.count(5)))}]",
                    lambda: f"JSON_KEYS({self.json()}, '$')",
                ]
            )
        )

    def json(self) -> str:
        return JSON if self.deep() else self.inside(lambda: f"{self.dice.choice(['PARSE_JSON', 'TRY_PARSE_JSON'])}({self.text()})")

    def case(self) -> str:
        return self.inside(lambda: f"CASE WHEN {self.condition()} THEN {self.any()} ELSE {self.any()} END")

    def call(self) -> str:
        """Any function, with arguments of any kind."""
        name = self.dice.choice(list(FUNCTIONS))
        count = self.dice.randint(FUNCTIONS[name].min_arguments, min(FUNCTIONS[name].max_arguments, 5))
        unit = [self.dice.choice(list(UNITS))] if name in ("TIMESTAMPADD", "TIMESTAMPDIFF") else []
        return self.inside(lambda: f"{name}({', '.join([*unit, *(self.any() for _ in range(count - len(unit)))])})")

    def aggregate(self) -> str:
        name = self.dice.choice([name for name, aggregate in AGGREGATES.items() if not aggregate.needs_window])
        count = self.dice.randint(AGGREGATES[name].min_arguments, min(AGGREGATES[name].max_arguments, 3))
        if name == "COUNT" and self.dice.random() < 0.5:
            return "COUNT(*)"
        arguments = [
            self.dice.choice([self.text, self.number, self.any])(),
            *(self.dice.choice(["','", "0.5", "__time", "64"]) for _ in range(count - 1)),
        ]
        condition = self.maybe(f" FILTER (WHERE {self.condition()})", 0.15)
        return f"{name}({self.maybe('DISTINCT ', 0.2)}{', '.join(arguments)}){condition}"

    def window(self) -> str:
        name = self.dice.choice(list(AGGREGATES))
        arguments = [self.any() for _ in range(self.dice.randint(AGGREGATES[name].min_arguments, min(AGGREGATES[name].max_arguments, 2)))]
        frame = self.dice.choice(
            ["", " ROWS BETWEEN 5 PRECEDING AND CURRENT ROW", " ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING"]
        )
        return f"{name}({', '.join(arguments)}) OVER (PARTITION BY {self.any()} ORDER BY {self.any()}{frame})"

    def count(self, most: int) -> int:
        return self.dice.choice([1] * 8 + [2] * 6 + [most] * 3 + [most * 20])

    def maybe(self, text: str, share: float) -> str:
        return text if self.dice.random() < share else ""

    def deep(self) -> bool:
        return self.depth > self.dice.randint(1, 5)

    def inside(self, write: Callable[[], str]) -> str:
        self.depth += 1
        text = write()
        self.depth -= 1
        return text


@dataclass
class Fuzzer:
    """Runs statements on a server in this process and measures their cost."""

    url: str
    client: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=MAX_SECONDS, trust_env=False))
    outcomes: Counter[str] = field(default_factory=Counter)
    slowest: float = 0
    largest_bytes: int = 0

    def run(self, statements: Iterator[str]) -> str:
        """Return the first fault, or nothing."""
        ended = threading.Event()
        watcher = threading.Thread(target=self._watch, args=(ended,), daemon=True)
        watcher.start()
        try:
            return next((fault for statement in statements if (fault := self._try(statement))), "")
        finally:
            ended.set()
            watcher.join()
            self.client.close()

    def _watch(self, ended: threading.Event) -> None:
        process = psutil.Process()
        while not ended.wait(0.01):
            self.largest_bytes = max(self.largest_bytes, process.memory_info().rss)

    def _try(self, statement: str) -> str:
        began, cpu_began = time.perf_counter(), time.process_time()
        try:
            answer = self.client.post(self.url, json={"query": statement, "context": {"timeout": TIMEOUT_SECONDS * 1000}})
        except httpx.HTTPError as error:
            return f"{type(error).__name__} for\n{statement}"
        seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu_began
        category = "" if answer.status_code == 200 else f" {answer.json().get('category')}"
        self.outcomes[f"{answer.status_code}{category}"] += 1
        self.slowest = max(self.slowest, seconds)
        if answer.status_code not in STATUSES or (answer.status_code != 200 and "errorMessage" not in answer.text):
            return f"{answer.status_code} {answer.text[:500]} for\n{statement}"
        if cpu_seconds > MAX_CPU_SECONDS:
            return f"{cpu_seconds:.1f} s of processor time for\n{statement}"
        if self.largest_bytes > MAX_BYTES:
            return f"{self.largest_bytes / 1e6:.0f} MB for\n{statement}"
        return ""


def grammar_statements(count: int, seed: int, *, first: int = 0) -> Iterator[str]:
    """Yield `count` statements, without those before the first."""
    dice = random.Random(seed)
    for number in range(count):
        statement = Grammar(dice).statement()
        if number >= first:
            yield statement


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("statements", type=int, nargs="?", default=100_000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--first", type=int, default=0, help="number of the first statement, to continue an earlier run")
    options = parser.parse_args()
    print(f"seed {options.seed}")
    with tempfile.TemporaryDirectory() as folder:
        fill_clickstream(Path(folder) / "store.duckdb", ROWS)
        store = open_store(Path(folder) / "store.duckdb")
        with serve(store) as server:
            fuzzer = Fuzzer(server.url)
            fault = fuzzer.run(grammar_statements(options.statements, options.seed, first=options.first))
        store.close()
    print(f"{dict(fuzzer.outcomes)}, at most {fuzzer.largest_bytes / 1e6:.0f} MB, the slowest {fuzzer.slowest:.2f} s")
    print(fault)
    return 1 if fault else 0


if __name__ == "__main__":
    sys.exit(main())
