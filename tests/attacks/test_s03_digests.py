"""S03: digests are compared in constant time; `==` ends at the first byte that differs."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("plugin", "webhooks", "admin_ui", "storage")
DIGEST = re.compile(r"hmac|digest|signature|\bmac\b|\bseal\b|_seal\(", re.IGNORECASE)


def compared(source: str) -> list[str]:
    """Each comparison by `==`, `!=`, or `in` a few, of something that is called like a digest."""
    return [
        ast.unparse(node)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Compare)
        and any(map(compares, node.ops, node.comparators))
        and any(DIGEST.search(ast.unparse(side)) for side in (node.left, *node.comparators))
    ]


def compares(sign: ast.cmpop, with_what: ast.expr) -> bool:
    """Return whether it compares each byte; `in headers` only checks for a name."""
    if isinstance(sign, ast.In | ast.NotIn):
        return isinstance(with_what, ast.Tuple | ast.List | ast.Set)
    return isinstance(sign, ast.Eq | ast.NotEq)


def test_s03_no_digest_is_compared_by_equality():
    found = {
        str(path.relative_to(ROOT)): where
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*.py")
        if (where := compared(path.read_text(encoding="utf-8")))
    }

    # A hash of a public file, in the address of that file.
    assert found == {"admin_ui/kit/static.py": ["request.path_params['digest'] == digest"]}


@pytest.mark.parametrize(
    "source",
    [
        "hmac.new(k, b, 's').hexdigest() == given",
        "if signature != wanted: pass",
        "ok = request.headers['X-Shopify-Hmac-Sha256'] in (one, two)",
    ],
)
def test_s03_the_rule_finds_what_it_looks_for(source):
    assert compared(source)
    assert not compared("hmac.compare_digest(signature, wanted)")
