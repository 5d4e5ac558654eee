"""Importing profiles: rows a second, CPU of a row, and peak memory.

A file as Klaviyo exports it is read by `regulars import` into migrated SQLite: every row is a
person with their own consent, who joins a list.
"""

import contextlib
import hashlib
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import backfill, peers, report
from benchmarks.servers import KEY, SETTINGS, BenchmarkError, clean_env
from storage import schema
from storage.engine import db, encryption
from storage.shops import add_shop

DOMAIN = "dewpoint.myshopify.com"
HEADER = (
    "Email,First Name,Last Name,Phone Number,Country,Email Marketing Consent,"
    "Email Marketing Consent Timestamp,Skin\n"
)
MOST_MB = 150
LOOK_EVERY_S = 0.05
KEPT = {
    "profiles": "SELECT count(*) FROM profile",
    "consents": "SELECT count(*) FROM consent WHERE state = 'subscribed'",
    "members": "SELECT count(*) FROM membership",
    "flaws": "SELECT count(*) FROM import_problem",
}


def options(parser: ArgumentParser) -> None:
    """What can be asked for on the command line."""
    parser.add_argument("--rows", type=int, default=0, help="import: 1,000,000 if left out")


def run(asked: Namespace) -> int:
    """Measure, print, and say by the exit code whether all is kept within the memory."""
    rows = asked.rows or (20_000 if asked.quick else 1_000_000)
    peers.CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=peers.CACHE) as place:
        folder = Path(place)
        file = _write(folder / "people.csv", rows)
        env = _installed(folder)
        size_mb = file.stat().st_size / 1e6
        wall_s, cpu_s, peak_mb = _measured(env, file)
        with contextlib.closing(sqlite3.connect(folder / "data" / "regulars.db")) as database:
            kept = {name: int(database.execute(sql).fetchone()[0]) for name, sql in KEPT.items()}
    wanted = {"profiles": rows, "consents": rows, "members": rows, "flaws": 0}
    report.say(f"A file of {rows:,} people and {size_mb:.0f} MB, read by `regulars import`")
    report.table(("", "kept", "in the file"), [(n, f"{kept[n]:,}", f"{wanted[n]:,}") for n in kept])
    figures = {
        "rows": rows,
        "rows_per_s": round(rows / wall_s),
        "cpu_us_per_row": round(cpu_s / rows * 1e6, 1),
        "wall_s": round(wall_s, 1),
        "peak_mb": round(peak_mb, 1),
        "exact": int(kept == wanted),
    }
    report.line("import", figures)
    return 0 if kept == wanted and peak_mb <= MOST_MB else 1


def _write(path: Path, rows: int) -> Path:
    with path.open("w", encoding="utf-8") as file:
        file.write(HEADER)
        for n in range(rows):
            # No two alike: addresses a slip apart would be offered as likely duplicates.
            name = hashlib.blake2b(str(n).encode(), digest_size=8).hexdigest()
            file.write(
                f"{name}@example.com,Ann{n % 500},Li{n % 900},,Germany,SUBSCRIBED,"
                f"2024-05-{n % 28 + 1:02} 10:00:00,dry\n"
            )
    return path


def _installed(folder: Path) -> Mapping[str, str]:
    (folder / "data").mkdir()
    encryption.set_keys({"1": KEY})
    db.connect(f"sqlite:///{folder / 'data' / 'regulars.db'}")
    try:
        schema.upgrade()
        with db.transaction() as session:
            add_shop(session, DOMAIN, datetime.now(UTC), currency="USD", access_token="x")
    finally:
        db.disconnect()
    return clean_env(
        REGULARS_DATA_DIR=str(folder / "data"),
        **SETTINGS,
    )


def _measured(env: Mapping[str, str], file: Path) -> tuple[float, float, float]:
    """Seconds, CPU seconds and the peak of memory in MB of one whole import."""
    began = time.perf_counter()
    words = ["import", str(file), "--list", "Friends", "--properties"]
    with (file.parent / "import.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "regulars", *words],
            env=dict(env), stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
        ended, peak = 0, 0.0
        while not ended:
            peak = max(peak, backfill.peak_mb(process.pid))
            time.sleep(LOOK_EVERY_S)
            ended, status, used = os.wait4(process.pid, os.WNOHANG)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise BenchmarkError(f"`regulars import` failed; see {file.parent}/import.log.")
    return time.perf_counter() - began, used.ru_utime + used.ru_stime, peak
