"""Shopify's App Doctor, which reviews an app's source and configuration, over this checkout."""

import json
import shutil
from pathlib import Path
from typing import Any

from tests.conformance.tools import PACKAGES, ROOT, Tools

NOT_OURS = shutil.ignore_patterns(".*", "var", "node_modules", "__pycache__", "build", "dist")


def examined(tools: Tools, folder: Path) -> tuple[int, list[str], dict[str, Any]]:
    """How the doctor leaves, what it finds, and what it looked at."""
    done = tools.run(
        [
            str(PACKAGES / "node_modules" / ".bin" / "shopify"),
            *("app", "doctor", "--path", str(folder)),
            *("--json", "--skip-instructions", "--blocking", "medium"),
        ]
    )
    scan = json.loads(done.stdout)["scan"]
    return done.returncode, [issue["id"] for issue in scan["issues"]], scan


def test_the_doctor_finds_nothing_that_would_hold_up_a_review(tools: Tools, tmp_path):
    shutil.copytree(ROOT, tmp_path / "app", ignore=NOT_OURS)  # it writes into what it reads

    status, found, scan = examined(tools, tmp_path / "app")

    assert (status, found) == (0, [])
    assert scan["capabilities"]["webhooks"]
    assert scan["scan"]["files_scanned"] > 30


def test_the_doctor_would_find_a_fault(tools: Tools, tmp_path):
    described = (ROOT / "shopify.app.toml").read_text()
    faulty = described.replace('uri = "/webhooks', 'uri = "http://app.example/webhooks')
    (tmp_path / "shopify.app.toml").write_text(faulty)

    status, found, _ = examined(tools, tmp_path)

    assert status == 1
    assert "INSECURE_WEBHOOK_URL" in found
