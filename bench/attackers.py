"""The time from event to row for an ordinary visitor, with and without two attacking networks at their rate limits.

`python -m bench.attackers [--seconds N]`. The collector and the store run with the default settings; 60 parties already have the maximum
number of sessions. One attacker sends events of these parties. The other sends small events, each of a new party, and events of the
maximum size. Both exceed the rate limit, as the rejected requests show.
"""

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from support.collector.attackers import VISITOR, Installation, an_installation, quantile

WANTED_P95_SECONDS = 1.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with an_installation(folder) as installation:
            _visit("without attackers", installation, given.seconds)
            before = _stored(folder)
            with installation.attacked():
                _visit("beside two of them", installation, given.seconds)
            stored = (_stored(folder) - before) / (1 << 20) / given.seconds * 60
        for network, answers in installation.answers.items():
            who = "visitor" if network == VISITOR else f"attacker {network}"
            print(f"{who:24} answers by status: {dict(sorted(answers.items()))}")
        print(f"stored: {stored:.1f} MiB a minute; wanted p95: below {WANTED_P95_SECONDS} s, and no rejection for the visitor")


def _visit(what: str, installation: Installation, seconds: float) -> None:
    before = installation.cpu_seconds()
    waits = installation.visit(seconds)
    used = {name: (now - before[name]) / seconds * 100 for name, now in installation.cpu_seconds().items()}
    print(f"{what:24} event to row: p50 {quantile(waits, 50):.3f} s, p95 {quantile(waits, 95):.3f} s, max {max(waits):.3f} s")
    print(f"{'':24} of a core: {', '.join(f'{name} {percent:.0f} %' for name, percent in used.items())}")


def _stored(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*.segment"))


if __name__ == "__main__":
    main()
