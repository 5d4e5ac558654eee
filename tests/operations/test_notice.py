"""NOTICE names what is copied into this repository, and which dependencies name no licence."""

import re
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).parents[2]
NOTICE = (ROOT / "NOTICE").read_text()


def licence_of(package: str) -> str | None:
    """What a package's own metadata say, "" if nothing; None where it is not installed here."""
    try:
        told = metadata.metadata(package)
    except metadata.PackageNotFoundError:
        return None
    classified = [each for each in told.get_all("Classifier", []) if each.startswith("License")]
    return str(told.get("License-Expression") or told.get("License") or "".join(classified))


def test_every_dependency_names_its_licence_or_notice_does():
    locked = (ROOT / "requirements" / "core.txt").read_text()
    packages = re.findall(r"^([\w.-]+)==", locked, re.MULTILINE)
    assert "starlette" in packages

    silent = [package for package in packages if licence_of(package) == ""]

    assert [package for package in silent if f"- {package}," not in NOTICE] == []


def test_every_copied_file_has_its_licence_beside_it_and_stands_in_notice():
    minified = [*(ROOT / "admin_ui").rglob("*.min.js"), *(ROOT / "extensions").rglob("*.min.js")]
    assert minified

    for file in minified:
        name = file.name.removesuffix(".min.js")
        assert (file.parent / f"{name}.LICENSE.txt").exists()
        assert str(file.relative_to(ROOT)) in NOTICE
