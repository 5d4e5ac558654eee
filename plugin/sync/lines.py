"""Lines of a bulk operation's result: each is a node, a child of one, or nonsense."""

import itertools
from collections.abc import Iterator, Sequence

from pydantic_core import from_json

from plugin.sync.unread import NodeWithChildren, nonsense
from storage.backfills import StoreNoun
from storage.engine.types import JsonObject

MAX_ID_CHARS = 200  # of a global id, which stands in an index


def split_batches(
    lines: Iterator[tuple[bytes, int]], size: int
) -> Iterator[list[tuple[bytes, int]]]:
    """So many lines at a time, each with the offset behind it."""
    while batch := list(itertools.islice(lines, size)):
        yield batch


def parse_line(line: bytes) -> JsonObject | None:
    """The node in a line; None when it is none."""
    try:
        node = from_json(line)
    except ValueError:
        return None
    if not isinstance(node, dict):
        return None
    ids = node.get("id"), node.get("__parentId") or ""
    return (
        node if all(isinstance(each, str) and len(each) <= MAX_ID_CHARS for each in ids) else None
    )


def read_nodes(stage: StoreNoun, batch: Sequence[tuple[bytes, int]]) -> Iterator[NodeWithChildren]:
    """The nodes of lines that need no parent; without the items of stock: the levels say all."""
    for line, _ in batch:
        node = parse_line(line)
        if node is None:
            yield None, nonsense(line).children
        elif stage != StoreNoun.STOCK or "__parentId" in node:
            yield node, []


def join_families(rows: Sequence[tuple[str, str]]) -> dict[str, NodeWithChildren]:
    """Root ids with the parent (None when its line never came) and the children."""
    found: dict[str, NodeWithChildren] = {}
    for root, body in rows:
        node = from_json(body)
        _, children = found.setdefault(root, (None, []))
        if "__parentId" in node:
            children.append(node)
        else:
            found[root] = (node, children)
    return found
