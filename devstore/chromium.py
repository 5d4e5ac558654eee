"""The browser: finds a Chromium on this machine; `python -m devstore.chromium` prints its path."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
ARGUMENTS = (  # a page's own traffic and nothing else
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
CACHES = (".cache", "Library/Caches")
PLAYWRIGHTS = ("chrome-linux*/chrome", "chrome-mac*/*.app/Contents/MacOS/*")
UNPACK = """
const chromium = require("@sparticuz/chromium");
(chromium.default || chromium).executablePath().then((path) => console.log(path));
"""


def find() -> Path | None:
    """An installed Chromium, Playwright's own, or the one from npm; None when there is none."""
    return _installed() or _of_playwright() or _of_npm()


def arguments() -> list[str]:
    """What to start it with. Root has no sandbox to offer."""
    return [*ARGUMENTS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]


def _installed() -> Path | None:
    said = os.environ.get("CHROMIUM") or os.environ.get("CHROME_PATH")
    found = next(filter(None, map(shutil.which, [said] if said else NAMES)), None)
    return Path(found) if found else None


def _of_playwright() -> Path | None:
    """Where `playwright install chromium` puts it. Asking Playwright itself would start its driver,
    which on a bare machine lacks a library."""
    said = os.environ.get("PLAYWRIGHT_BROWSERS_PATH")
    homes = [Path(said)] if said else [Path.home() / each / "ms-playwright" for each in CACHES]
    for home in homes:
        for program in PLAYWRIGHTS:
            found = sorted(home.glob(f"chromium-*/{program}"))
            if found:
                return found[-1]
    return None


def _of_npm() -> Path | None:
    """It lies packed in the package; node unpacks it into the temporary folder."""
    package = Path(".tools/node_modules/@sparticuz/chromium")
    node = shutil.which("node")
    if node is None or not package.exists():
        return None
    said = subprocess.run(
        [node, "-e", UNPACK], cwd=".tools", capture_output=True, text=True, check=False
    )
    path = Path(said.stdout.strip())
    return path if said.returncode == 0 and path.is_file() else None


def main() -> int:
    """Print the path; 1 when there is none."""
    path = find()
    if path is None:
        sys.stderr.write("No Chromium is installed here.\n")
        return 1
    sys.stdout.write(f"{path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
