"""Templates and variables for two implementations of Liquid, the same ones each time.

Every filter with values of every kind, every operator between them, and every tag.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

SEED = 2026
CHAINED, COMPARED = 600, 600  # chance ones, beside those of every value with everything
LINES = [
    {"title": "Oil", "price": 3800, "gift": True, "kind": "a"},
    {"title": "soap", "price": None, "gift": 1, "kind": "B"},
    {"title": "Balm", "price": 1200, "gift": False, "kind": "a"},
    {"title": None, "price": 2500.5, "kind": "c"},
]
VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -7, 42, 2.5, -0.5, 1234.56, 1e6, "", " ", "abc", "10", "2.5", "-3",
    "a,b,,c,,", "One two  three four", "Tom & Ana", "<b>A</b> &amp; B", "1 Main St\nTown",
    "Ünïcödé straße", "2026-11-21T10:00:07.250Z", "March 14, 2026", 1700000000,
    [], ["a"], [3, None, 1, 2], ["b", "A", "c", "a"], [1, 1.0, True, "1", 1], [[1, [2]], 3],
    LINES, {}, {"a": 1, "b": None}, "  padded ", "soon", "x=1&y=2", "aGVsbG8=", "caf%C3%A9+1",
)  # fmt: skip
NUMBERS: tuple[Any, ...] = (0, 1, 2, 3, -2, 2.5, 0.5, "3", 10)
TEXTS: tuple[Any, ...] = ("a", ",", " ", "b", "l", "", "an", "z", None, 5, True)
NAMES: tuple[Any, ...] = ("title", "price", "gift", "kind", "none")
FORMS = (
    "%Y-%m-%d", "%d.%m.%y %H:%M:%S", "%B %e, %Y", "%a %b %d", "%I:%M %p", "%j %U %w", "%L", "%s",
    "%-d/%-m", "%y%%", "%A", "%H%z", "%l %P", "%C", "%^b", "%N", "%3N", "%F", "%T", "%R", "%D",
)  # fmt: skip
ARGUMENTS: dict[str, tuple[tuple[Any, ...], ...]] = {
    **dict.fromkeys(
        ("abs", "ceil", "floor", "capitalize", "downcase", "upcase", "strip", "lstrip", "rstrip",
         "strip_html", "strip_newlines", "newline_to_br", "escape", "escape_once", "size", "first",
         "last", "reverse", "url_encode", "url_decode", "base64_encode", "base64_decode"),
        (),
    ),
    **dict.fromkeys(
        ("plus", "minus", "times", "divided_by", "modulo", "at_least", "at_most", "round"),
        (NUMBERS,),
    ),
    **dict.fromkeys(
        ("append", "prepend", "remove", "remove_first", "remove_last", "split", "join"), (TEXTS,)
    ),
    **dict.fromkeys(("replace", "replace_first", "replace_last"), (TEXTS, TEXTS)),
    "slice": ((0, 1, 2, -2, -9, 50), (1, 2, 9)),
    "truncate": ((0, 2, 3, 5, 10, 50), ("...", "", "-")),
    "truncatewords": ((0, 1, 3, 4, 9), ("...", "", "-")),
    "default": (("none", 0, False),),
    "date": (FORMS,),
    **dict.fromkeys(("map", "sort", "sort_natural", "compact", "uniq", "sum"), (NAMES,)),
    **dict.fromkeys(
        ("where", "reject", "find", "find_index", "has"), (NAMES, (True, 1, "a", 3800))
    ),
}  # fmt: skip
MAY_LACK_ARGUMENTS = ("round", "join", "sort", "sort_natural", "compact", "uniq", "sum")
OPERATORS = ("==", "!=", "<", ">", "<=", ">=", "contains")
LITERALS = ("blank", "empty", "nil", "true", "false", "0", "1", "'a'", "''", "2.5", "y", "x.size")
TAGS = (
    "{% for i in x %}{{ forloop.index }}{{ i }};{% else %}none{% endfor %}",
    "{% for i in x limit: n %}{{ i }},{% endfor %}",
    "{% for i in x offset: n limit: 2 %}{{ i }},{% else %}none{% endfor %}",
    "{% for i in x reversed %}{{ i }}{% unless forloop.last %}-{% endunless %}{% endfor %}",
    "{% for i in x %}{% if forloop.first %}{% continue %}{% endif %}{{ i }}{% break %}{% endfor %}",
    "{% for i in (1..3) %}{{ i }}{{ forloop.rindex0 }}{% endfor %}{{ x | size }}",
    "{% for i in x %}{% cycle 'a', 'b', 'c' %}{{ forloop.length }}{% endfor %}",
    "{% case x %}{% when 1 %}one{% when true %}true{% when 'abc', 42 %}two{% else %}?{% endcase %}",
    "{% case x %}{% when blank %}blank{% when empty %}empty{% else %}other{% endcase %}",
    "{% assign v = x %}{{ v }}{% assign v = v | append: '!' %}{{ v }}",
    "{% capture c %}[{{ x }}]{% endcapture %}{{ c }}{{ c | size }}",
    "{% increment k %}{% increment k %}{% decrement k %}{{ x }}",
    "{% unless x %}no{% elsif n == 1 %}one{% else %}yes{% endunless %}",
    "{% if x and n > 1 or n == 0 %}a{% elsif x == nil %}b{% else %}c{% endif %}",
    "{%- if x -%} {{ x }} {%- endif -%} .",
    "{% comment %}{{ x }}{% endcomment %}{% raw %}{{ x }}{% endraw %}{{ x.size }}|{{ x.first }}",
    "{{ x[0] }}|{{ x[-1] }}|{{ x['a'] }}|{{ x.b }}|{{ x.first.title }}|{{ x.last.price }}",
    "{% liquid\nassign v = x | default: 'none'\necho v\n%}",
    "{% echo x | default: n %}",
)


@dataclass(frozen=True, slots=True)
class Pair:
    """A template and the variables that it is rendered with."""

    template: str
    context: dict[str, Any]


def pairs() -> list[Pair]:
    """All of them, each once."""
    chance = random.Random(SEED)
    found = [
        *_filtered(chance),
        *(_chained(chance) for _ in range(CHAINED)),
        *_equated(),
        *(_compared(chance) for _ in range(COMPARED)),
        *_tagged(chance),
    ]
    return list({repr(pair): pair for pair in found}.values())


def _filtered(chance: random.Random) -> Iterator[Pair]:
    for name in sorted(ARGUMENTS):
        for x in VALUES:
            yield Pair(f"{{{{ x | {_filter(chance, name)} }}}}", {"x": x})
            if name in MAY_LACK_ARGUMENTS:
                yield Pair(f"{{{{ x | {name} }}}}", {"x": x})


def _chained(chance: random.Random) -> Pair:
    steps = [_filter(chance, chance.choice(sorted(ARGUMENTS))) for _ in range(2)]
    return Pair(f"{{{{ x | {' | '.join(steps)} }}}}", {"x": chance.choice(VALUES)})


def _filter(chance: random.Random, name: str) -> str:
    kinds = ARGUMENTS[name]
    if name in MAY_LACK_ARGUMENTS and chance.random() < 0.4:
        kinds = ()
    if name in ("slice", "truncate", "truncatewords", "where", "reject", "find", "has"):
        kinds = kinds[: chance.choice((1, 2))]
    said = ", ".join(_literal(chance.choice(kind)) for kind in kinds)
    return f"{name}: {said}" if said else name


def _compared(chance: random.Random) -> Pair:
    right = chance.choice((*LITERALS, "y", "y", "y"))
    condition = f"x {chance.choice(OPERATORS)} {right}"
    if chance.random() < 0.2:
        condition = f"{condition} {chance.choice(('and', 'or'))} y {chance.choice(OPERATORS)} 1"
    template = f"{{% if {condition} %}}yes{{% else %}}no{{% endif %}}"
    return Pair(template, {"x": chance.choice(VALUES), "y": chance.choice(VALUES)})


def _equated() -> Iterator[Pair]:
    for x in VALUES:
        for literal in (each for each in LITERALS if each != "y"):
            yield Pair(f"{{% if x == {literal} %}}yes{{% else %}}no{{% endif %}}", {"x": x})


def _tagged(chance: random.Random) -> Iterator[Pair]:
    for tag in TAGS:
        for x in VALUES:
            yield Pair(tag, {"x": x, "n": chance.choice((0, 1, 2, None))})


def _literal(value: Any) -> str:
    if value is None:
        return "nil"
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"'{value}'" if isinstance(value, str) else str(value)
