"""What scripts/structure.py looks for in a Python file, each kind by one function."""

import ast
import io
import re
import tokenize
import tomllib
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import NamedTuple

MAX_POSITIONAL = 4
MAPPINGS = ("dict", "Dict", "Mapping", "MutableMapping", "OrderedDict", "defaultdict")
OURS = ("plugin", "storage", "admin_ui", "webhooks")
VOCABULARY = tomllib.loads((Path(__file__).parent / "structure.toml").read_text())

# `whatever` is dead as a subject: before a verb, which is auxiliary here or ends in s.
DEAD_WORDS = re.compile(
    r"\b(?:whose|whoever|whom|her|hers|herself|she|somebody|nobody"
    r"|whatever (?:can|could|had|may|might|must|should|will|would"
    r"|(?!its |this |others )\w*[^\Ws]s))\b",
    re.IGNORECASE,
)
Function = ast.FunctionDef | ast.AsyncFunctionDef


class Source(NamedTuple):
    """One Python file."""

    path: str
    lines: list[str]
    tree: ast.Module
    nodes: list[ast.AST]


class Found(NamedTuple):
    """Something that a figure counts: where it is, what it is, how large."""

    where: str
    what: str
    size: int = 1


def find_functions(source: Source) -> Iterator[Found]:
    """Find every function and its lines, from `def` to the end."""
    for node in source.nodes:
        if isinstance(node, Function):
            size = (node.end_lineno or node.lineno) - node.lineno + 1
            yield Found(f"{source.path}:{node.lineno}", f"{node.name}, {size} lines", size)


def find_untyped_dicts(source: Source) -> Iterator[Found]:
    """Find every `dict[str, Any]`, `Mapping[str, Any]` and the like."""
    for line, node in _types(source):
        match node:
            case ast.Subscript(value=kind, slice=ast.Tuple([ast.Name("str"), any_])):
                name = _last_name(kind)
                if name in MAPPINGS and ast.unparse(any_).endswith("Any"):
                    yield Found(f"{source.path}:{line}", f"{name}[str, Any]")


def find_json_objects(source: Source) -> Iterator[Found]:
    """Find every place that takes or gives a `JsonObject`."""
    for line, node in _types(source):
        if (
            isinstance(node, ast.Name)
            and node.id == "JsonObject"
            and isinstance(node.ctx, ast.Load)
        ):
            yield Found(f"{source.path}:{line}", "JsonObject")


def find_many_positional(source: Source) -> Iterator[Found]:
    """Find functions with more than MAX_POSITIONAL parameters that may be given unnamed."""
    for node in source.nodes:
        if isinstance(node, Function):
            if any("listens_for" in ast.unparse(each) for each in node.decorator_list):
                continue  # who calls it says how
            names = [arg.arg for arg in (*node.args.posonlyargs, *node.args.args)]
            count = len(names) - (names[:1] in (["self"], ["cls"]))
            if count > MAX_POSITIONAL:
                yield Found(f"{source.path}:{node.lineno}", f"{node.name}, {count} positional")


def find_str_enums(source: Source) -> Iterator[Found]:
    """Find every StrEnum."""
    for node in source.nodes:
        if isinstance(node, ast.ClassDef) and _is_str_enum(node):
            yield Found(f"{source.path}:{node.lineno}", node.name)


def state_values(sources: Iterable[Source]) -> set[str]:
    """Return the states' values: those of structure.toml and of each StrEnum that types a field."""
    values = set(VOCABULARY["states"]["values"])
    classes = [n for source in sources for n in source.nodes if isinstance(n, ast.ClassDef)]
    fields = [field for c in classes for field in c.body if isinstance(field, ast.AnnAssign)]
    types = {
        n.id for field in fields for n in ast.walk(field.annotation) if isinstance(n, ast.Name)
    }
    for enum in classes:
        if enum.name in types and _is_str_enum(enum):
            values.update(text for member in enum.body for text in _texts(member))
    return values


def find_bare_states(source: Source, values: set[str]) -> Iterator[Found]:
    """Find string literals that stand where a member of a StrEnum should."""
    fields, foreign = VOCABULARY["states"]["fields"], VOCABULARY["states"]["foreign_keys"]
    enums = (n for n in source.nodes if isinstance(n, ast.ClassDef) and _is_str_enum(n))
    members = {id(node) for enum in enums for node in ast.walk(enum)}
    for node in source.nodes:
        for target, value in _pairs(node) if id(node) not in members else ():
            name, texts = _last_name(target), set(_texts(value))
            if isinstance(target, ast.Name) and name.isupper():
                texts |= {text for text in _keys(value) if text}
                counts = texts <= values and (len(texts) > 1 or {name.lower()} == texts)
            elif isinstance(target, ast.Subscript | ast.Constant):
                counts = name in fields and name not in foreign
            else:
                counts = name in fields
            for text in values & texts if counts else ():
                yield Found(f"{source.path}:{value.lineno}", f'{name} "{text}"')


def find_dead_names(source: Source) -> Iterator[Found]:
    """Find names that structure.toml gave up, in definitions and import aliases."""
    moved: dict[str, str] = VOCABULARY["modules"]
    module = source.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    if module in moved and not source.path.endswith("/__init__.py"):
        yield Found(source.path, f"module {module} -> {moved[module]}")
    if source.path.split("/")[0] in OURS:
        for line, name in _definitions(source.tree, moved.get(module, module)):
            dead = _dead_key(name)
            if dead:
                yield Found(f"{source.path}:{line}", f"{name} -> {VOCABULARY['names'][dead]}")
    old = {f"{new} as {path.rpartition('.')[2]}": path for path, new in moved.items()}
    for node in source.nodes:
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                path = old.get(f"{node.module}.{alias.name} as {alias.asname}")
                if path:
                    yield Found(f"{source.path}:{node.lineno}", f"alias {path} -> {moved[path]}")


def find_dead_words(path: str, prose: Iterable[tuple[int, str]]) -> Iterator[Found]:
    """Find dead words in numbered lines of prose."""
    for line, text in prose:
        for match in DEAD_WORDS.finditer(text):
            yield Found(f"{path}:{line}", f"{match[0]!r} in {text.strip()!r}")


def prose_of(source: Source) -> Iterator[tuple[int, str]]:
    """Yield the lines of the docstrings, and the comments."""
    for node in source.nodes:
        if isinstance(node, ast.Module | ast.ClassDef | Function) and ast.get_docstring(node):
            first, last = node.body[0].lineno, node.body[0].end_lineno or 0
            yield from enumerate(source.lines[first - 1 : last], first)
    text = io.StringIO("".join(f"{line}\n" for line in source.lines))
    for token in tokenize.generate_tokens(text.readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def _types(source: Source) -> Iterator[tuple[int, ast.AST]]:
    """Yield every node with its line, and what the quotes of a `cast` hold."""
    for node in source.nodes:
        yield getattr(node, "lineno", 0), node
        match node:
            case ast.Call(func=ast.Name("cast"), args=[ast.Constant(value=str(text)), _]):
                yield from ((node.lineno, part) for part in ast.walk(ast.parse(text, mode="eval")))


def _is_str_enum(node: ast.ClassDef) -> bool:
    return any(ast.unparse(base).endswith("StrEnum") for base in node.bases)


def _pairs(node: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Yield what meets in this node: both sides of a comparison, a name and what it is given."""
    match node:
        case ast.Compare(left=left, comparators=[right]):
            yield from ((left, right), (right, left))
        case ast.Assign(targets=[ast.Tuple(elts=names)], value=ast.Tuple(elts=values)):
            yield from zip(names, values, strict=False)
        case ast.Assign(targets=[target], value=value):
            yield target, value
        case ast.AnnAssign(target=target, value=ast.expr() as value):
            yield target, value
        case ast.Call(func=ast.Attribute(attr="in_" | "not_in", value=column), args=[values]):
            yield column, values
        case ast.keyword(arg=str(name), value=value):
            yield ast.Name(name), value
        case ast.Dict(keys=keys, values=values):
            yield from ((key, value) for key, value in zip(keys, values, strict=True) if key)


def _last_name(node: ast.expr) -> str:
    """Return `state` of `state`, `row.state`, `row["state"]`, `"state"` and `col(Row.state)`."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name) | ast.Constant(value=str(name)):
            return name
        case ast.Subscript(slice=inner) | ast.Call(func=ast.Name(id="col"), args=[inner]):
            return _last_name(inner)
    return ""


def _keys(node: ast.expr) -> Iterator[str]:
    """Yield the literal keys of a dict."""
    for key in node.keys if isinstance(node, ast.Dict) else ():
        if isinstance(key, ast.Constant) and isinstance(key.value, str):
            yield key.value


def _texts(node: ast.AST) -> Iterator[str]:
    """Yield the string literals that an expression or an enum's member may come to."""
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Set(elts=parts):
            yield from (text for part in parts for text in _texts(part))
        case ast.IfExp(body=body, orelse=orelse):
            yield from (*_texts(body), *_texts(orelse))
        case ast.Assign(value=value):
            yield from _texts(value)


def _definitions(scope: ast.Module | ast.ClassDef, path: str) -> Iterator[tuple[int, str]]:
    """Yield the dotted names that a module defines, the members and tables of its classes too."""
    for node in scope.body:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield node.lineno, f"{path}.{name}"
            case ast.ClassDef(name=name, keywords=keywords):
                yield node.lineno, f"{path}.{name}"
                yield from _definitions(node, f"{path}.{name}")
                if any(keyword.arg == "table" for keyword in keywords):
                    yield node.lineno, f"{path}.table {_table_name(node)}"
            case ast.Assign(targets=targets):
                for part in (part for target in targets for part in ast.walk(target)):
                    if isinstance(part, ast.Name):
                        yield node.lineno, f"{path}.{part.id}"
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield node.lineno, f"{path}.{name}"


def _table_name(model: ast.ClassDef) -> str:
    """Return the name of a model's table: the one it gives itself, else SQLModel's."""
    for node in model.body:
        match node:
            case ast.Assign(targets=[ast.Name(id="__tablename__")], value=ast.Constant(value=name)):
                return str(name)
    return model.name.lower()


def _dead_key(name: str) -> str | None:
    """Return the entry of structure.toml that this dotted name ends with."""
    parts = name.split(".")
    for start in range(len(parts)):
        if (ending := ".".join(parts[start:])) in VOCABULARY["names"]:
            return ending
    globs = _globs().get(parts[-1], [])
    return next((glob for glob in globs if fnmatchcase(f".{name}", f"*.{glob}")), None)


@cache
def _globs() -> dict[str, list[str]]:
    """Return the names with a `*` in structure.toml, by their last part."""
    found: dict[str, list[str]] = {}
    for name in VOCABULARY["names"]:
        if "*" in name:
            found.setdefault(name.rpartition(".")[2], []).append(name)
    return found
