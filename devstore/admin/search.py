"""Translate Shopify's search syntax, `updated_at:>='2026-11-01' id:>=5`, into a SQL condition.

Only the terms of `FIELDS` are known. Shopify ignores other terms and says so in a warning; here
they are an error, so that a filter without effect is noticed.
"""

import re
from datetime import UTC, datetime
from typing import Any

from graphql import GraphQLError

TERM = re.compile(r"(\w+):(>=|<=|>|<)?(?:'([^']*)'|\"([^\"]*)\"|(\S+))")
FIELDS = {
    "created_at": "created_at",
    "customer_date": "created_at",  # what customers call it
    "updated_at": "updated_at",
    "id": "id",
    "action": "action",
    "subject_type": "subject_type",
}


def condition(text: str | None) -> tuple[str, list[Any]]:
    """SQL over a `row` view of moments and ids, and its values."""
    parts, values = ["1"], []
    rest = (text or "").strip()
    while rest:
        found = TERM.match(rest)
        if found is None or found[1] not in FIELDS:
            raise GraphQLError(f"The search {rest!r} is not understood.")
        parts.append(f"{FIELDS[found[1]]} {found[2] or '='} ?")
        values.append(_value(found[1], found[3] or found[4] or found[5]))
        rest = re.sub(r"^AND\b", "", rest[found.end() :].strip()).strip()
    return " and ".join(parts), values


def _value(name: str, text: str) -> int | str:
    if name == "id":
        return int(text)
    if not name.endswith(("_at", "_date")):
        return text
    at = datetime.fromisoformat(text)
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC).isoformat()
