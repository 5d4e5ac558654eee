"""`python -m benchmarks [NAME] [options]`: one benchmark by name, or all of them in turn.

Each prints a table for people and ends with one line of JSON.
"""

import sys
from argparse import ArgumentParser

from benchmarks import backfill, digest, fairness, imports, ingest, open_loop, report, search, send
from benchmarks.servers import BenchmarkError

ALL = {
    "ingest": ingest,
    "open-loop": open_loop,
    "digest": digest,
    "fairness": fairness,
    "backfill": backfill,
    "import": imports,
    "search": search,
    "send": send,
}


def main(words: list[str]) -> int:
    """Run what was asked for; 0 when all of it ran."""
    parser = ArgumentParser(prog="python -m benchmarks", description="Paired benchmarks.")
    parser.add_argument("name", nargs="?", choices=ALL, help="which; all of them when left out")
    for each in ALL.values():
        each.options(parser)
    asked = parser.parse_args(words)
    failed = 0
    for name in [asked.name] if asked.name else ALL:
        try:
            failed |= ALL[name].run(asked)
        except BenchmarkError as error:
            report.say(f"{name}: {error}")
            failed = 1
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
