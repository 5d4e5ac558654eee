"""Run bulk operations: a query's result becomes a file of JSON lines at a URL a while later.

As Shopify has them since 2026-01: five at once, lines of children not beside their parents' but
with `__parentId`, the file there for seven days, and `bulk_operations/finish` when it is done.
`store.set("bulk trouble", "FAILED")` lets the next one break half-way, `"STUCK"` never end.
"""

import contextlib
import json
import sqlite3
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TextIO

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    print_ast,
    value_from_ast_untyped,
)
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route

from devstore.admin import history, resolvers
from devstore.admin.resolvers import Answer, instant
from devstore.shop.payloads import gid
from devstore.shop.shops import shop_of
from devstore.shop.store import Store

KIND = "BulkOperation"
AT_ONCE = 5
KEPT = timedelta(days=7)
MOST_CONNECTIONS, DEEPEST = 5, 2  # shopify.dev, "Perform bulk operations with queries"
APART = 40  # lines between a parent and its children
COUNT_EVERY = 500
RUNNING = ("CREATED", "RUNNING", "CANCELING")

Line = dict[str, Any]
ReadDocument = Callable[[str], tuple[DocumentNode | None, list[GraphQLError]]]


def run(
    store: Store, query: str, read: ReadDocument, lacking: Callable[[str], list[str]]
) -> Answer:
    """bulkOperationRunQuery: begin, and answer before it is done."""
    document, faults = read(query)
    if document is None:
        return _no("INVALID", f"Invalid bulk query: {faults[0].message}")
    if problem := _fault(document):
        return _no("INVALID", problem)
    going = store.rows(f"select id from bulk where status in {RUNNING}")
    if len(going) >= AT_ONCE:
        return _no("LIMIT_REACHED", f"You can have at most {AT_ONCE} bulk operations running.")
    field = _root(document)
    number = store.next_id(KIND)
    path = store.folder("bulk") / f"{number}.jsonl"
    with store.transaction() as db:
        db.execute(
            "insert into bulk (id, query, status, file, created_at) values (?, ?, ?, ?, ?)",
            (number, query, "CREATED", str(path), store.now().isoformat()),
        )
    told = operation(store, number)
    denied = bool(lacking(field.name.value))
    work = partial(_work, store, number, field, path, denied=denied)
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return {"bulkOperation": told, "userErrors": []}


def cancel(store: Store, number: int) -> Answer:
    """bulkOperationCancel."""
    with store.transaction() as db:
        changed = db.execute(
            f"update bulk set status = 'CANCELED', completed_at = ?"
            f" where id = ? and status in {RUNNING}",
            (store.now().isoformat(), number),
        )
    told = operation(store, number)
    if changed.rowcount:
        return {"bulkOperation": told, "userErrors": []}
    why = "A bulk operation cannot be canceled when it is completed" if told else "Not found"
    return {"bulkOperation": told, "userErrors": [{"field": ["id"], "message": why}]}


def operation(store: Store, number: int) -> Answer | None:
    """bulkOperation."""
    row = store.row("select * from bulk where id = ?", number)
    return _told(store, row) if row else None


def operations(
    store: Store, first: int | None = None, after: str | None = None, reverse: bool = False
) -> Answer:
    """bulkOperations, newest first."""
    rows = store.rows(f"select * from bulk order by id {'asc' if reverse else 'desc'}")
    return resolvers.connection(rows, lambda row: _told(store, row), first, after)


def latest(store: Store, type: str | None = "QUERY") -> Answer | None:
    """currentBulkOperation."""
    row = store.row("select * from bulk order by id desc") if type != "MUTATION" else None
    return _told(store, row) if row else None


def _told(store: Store, row: Any) -> Answer:
    done = row["completed_at"]
    old = bool(done) and datetime.fromisoformat(done) + KEPT < store.now()
    status = "EXPIRED" if old and row["status"] == "COMPLETED" else row["status"]
    url = f"{store.storefront_url}/bulk/{row['id']}.jsonl" if row["objects"] and not old else None
    return {
        "id": gid(KIND, row["id"]),
        "type": "QUERY",
        "query": row["query"],
        "status": status,
        "errorCode": row["error"],
        "createdAt": instant(row["created_at"]),
        "completedAt": instant(done) if row["status"] == "COMPLETED" else None,
        "objectCount": str(row["objects"]),
        "rootObjectCount": str(row["roots"]),
        "fileSize": str(row["bytes"]) if row["bytes"] is not None else None,
        "url": url if status == "COMPLETED" else None,
        "partialDataUrl": url if status == "FAILED" else None,
    }


def _no(code: str, message: str) -> Answer:
    fault = {"field": ["query"], "code": code, "message": message}
    return {"bulkOperation": None, "userErrors": [fault]}


def _fault(document: DocumentNode) -> str:
    """Why Shopify would not run this query in bulk; empty when it would."""
    (definition,) = document.definitions
    if not isinstance(definition, OperationDefinitionNode):
        return "Invalid bulk query."
    fields = list(definition.selection_set.selections)
    first = fields[0]
    if len(fields) != 1 or not isinstance(first, FieldNode) or first.name.value not in history.ROWS:
        return "Invalid bulk query: it must have exactly one connection at its root."
    count, depth = _connections(first)
    if count > MOST_CONNECTIONS or depth > DEEPEST:
        return "Invalid bulk query: too many connections, or too deep."
    return ""


def _connections(field: FieldNode) -> tuple[int, int]:
    """How many connections a field holds, itself included, and how deep they lie."""
    below = [_connections(each) for each in _fields(field.selection_set)]
    mine = any(each.name.value in ("edges", "nodes") for each in _fields(field.selection_set))
    count = mine + sum(each for each, _ in below)
    return count, mine + max((each for _, each in below), default=0)


def _fields(selected: SelectionSetNode | None) -> list[FieldNode]:
    found: list[FieldNode] = []
    for each in selected.selections if selected else ():
        if isinstance(each, FieldNode):
            found.append(each)
        elif isinstance(each, InlineFragmentNode):
            found += _fields(each.selection_set)
        elif isinstance(each, FragmentSpreadNode):
            raise GraphQLError("Fragments are not understood here.")
    return found


def _root(document: DocumentNode) -> FieldNode:
    (definition,) = document.definitions
    assert isinstance(definition, OperationDefinitionNode)
    (field,) = _fields(definition.selection_set)
    return field


def _work(store: Store, number: int, field: FieldNode, path: Path, *, denied: bool) -> None:
    # A shop that closes ends its operations, as a shop that goes away does.
    with contextlib.suppress(sqlite3.ProgrammingError, FileNotFoundError):
        _fill(store, number, field, path, denied=denied)


def _fill(store: Store, number: int, field: FieldNode, path: Path, *, denied: bool) -> None:
    trouble = store.setting("bulk trouble")
    store.set("bulk trouble", None)
    if trouble == "STUCK":
        _progress(store, number, 0, 0)
        return
    objects, roots, error = 0, 0, "ACCESS_DENIED" if denied else None
    given = {a.name.value: value_from_ast_untyped(a.value) for a in field.arguments}
    most = store.setting("bulk most", 3) if trouble == "FAILED" else None
    with path.open("w", encoding="utf-8") as file:
        for roots, objects in _write(store, field, given.get("query"), file, denied=denied):
            if objects % COUNT_EVERY < AT_ONCE and not _progress(store, number, objects, roots):
                return
            if most is not None and roots >= most:
                error = "INTERNAL_SERVER_ERROR"
                break
    _finish(store, number, objects, roots, size=path.stat().st_size, error=error)


def _progress(store: Store, number: int, objects: int, roots: int) -> bool:
    """Say how far it is; whether it goes on."""
    with store.transaction() as db:
        changed = db.execute(
            "update bulk set status = 'RUNNING', objects = ?, roots = ?"
            f" where id = ? and status in {RUNNING}",
            (objects, roots, number),
        )
    return bool(changed.rowcount)


def _finish(
    store: Store, number: int, objects: int, roots: int, *, size: int, error: str | None
) -> None:
    status = "FAILED" if error else "COMPLETED"
    with store.transaction() as db:
        changed = db.execute(
            "update bulk set status = ?, error = ?, objects = ?, roots = ?, bytes = ?,"
            f" completed_at = ? where id = ? and status in {RUNNING}",
            (status, error, objects, roots, size, store.now().isoformat(), number),
        )
        if not changed.rowcount:
            return
        store.emit(
            "bulk_operations/finish",
            {
                "admin_graphql_api_id": gid(KIND, number),
                "completed_at": instant(store.now().isoformat()),
                "created_at": instant(store.now().isoformat()),
                "error_code": error.lower() if error else None,
                "status": status.lower(),
                "type": "query",
            },
        )


def _write(
    store: Store, field: FieldNode, search: str | None, file: TextIO, *, denied: bool
) -> Iterator[tuple[int, int]]:
    """Write lines; after each root how many roots and how many lines there are so far."""
    node, roots, written = _node_of(field), 0, 0
    held: list[Line] = []  # children that come later, kept apart from the next parent's
    for each in () if denied else history.every(store, field.name.value, search):
        children: list[Line] = []
        file.write(_dumps(_pick(node, each, children)))
        held += children
        late: list[Line] = []
        if len(held) > APART:
            late, held = held[::2], held[1::2]
            file.writelines(_dumps(child) for child in late)
        roots, written = roots + 1, written + 1 + len(late)
        yield roots, written
    file.writelines(_dumps(child) for child in held)
    yield roots, written + len(held)


def _node_of(field: FieldNode) -> SelectionSetNode:
    """What is selected of a connection's nodes."""
    for each in _fields(field.selection_set):
        if each.name.value == "nodes" and each.selection_set:
            return each.selection_set
        if each.name.value == "edges":
            for inner in _fields(each.selection_set):
                if inner.name.value == "node" and inner.selection_set:
                    return inner.selection_set
    raise GraphQLError(f"{print_ast(field)} selects no nodes.")


def _pick(selected: SelectionSetNode, of: Answer, children: list[Line]) -> Line:
    """The selected fields; what connections hold goes to `children` instead."""
    line: Line = {}
    for field in _fields(selected):
        name = field.alias.value if field.alias else field.name.value
        value = of.get(field.name.value)
        given = {a.name.value: value_from_ast_untyped(a.value) for a in field.arguments}
        if field.selection_set is None:
            line[name] = value(None) if callable(value) else value
        elif any(each.name.value in ("edges", "nodes") for each in _fields(field.selection_set)):
            inside = _node_of(field)
            for child in _all(value, given):
                deeper: list[Line] = []
                children.append({**_pick(inside, child, deeper), "__parentId": of["id"]})
                children += deeper
        else:
            found = value(None, **given) if callable(value) else value
            inner = field.selection_set
            if isinstance(found, list):
                line[name] = [_pick(inner, each, children) for each in found]
            else:
                line[name] = None if found is None else _pick(inner, found, children)
    return line


def _all(connection: Any, given: dict[str, Any]) -> Iterator[Answer]:
    after = None
    while True:
        page = connection(None, **given | {"first": history.MOST, "after": after})
        yield from page["nodes"]
        if not page["pageInfo"]["hasNextPage"]:
            return
        after = page["pageInfo"]["endCursor"]


def _dumps(line: Line) -> str:
    return json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n"


async def _file(request: Request) -> Response:
    """GET /bulk/{number}.jsonl: as at Google's storage, no token and parts on request."""
    store = shop_of(request)
    row = store.row("select * from bulk where id = ?", request.path_params["number"])
    told = _told(store, row) if row else {"url": None, "partialDataUrl": None}
    if row is None or not (told["url"] or told["partialDataUrl"]):
        return PlainTextResponse("ExpiredToken", status_code=400)
    return FileResponse(row["file"], media_type="application/jsonl")


routes = [Route("/bulk/{number:int}.jsonl", _file)]
