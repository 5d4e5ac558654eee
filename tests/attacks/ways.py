"""Every route of the app, with something in the place of each of its parameters."""

import itertools
import re
from collections.abc import Iterator, Sequence

from starlette.routing import BaseRoute, Route

PARAMETER = re.compile(r"{(\w+)(?::\w+)?}")


def ways(routes: Sequence[BaseRoute], *methods: str) -> list[tuple[str, str]]:
    """(method, path with its parameters) of every route that takes one of these methods."""
    return [
        (method, route.path)
        for route in routes
        if isinstance(route, Route)
        for method in sorted(route.methods or ())
        if method in methods
    ]


def parameters(path: str) -> list[str]:
    """The names of a path's parameters."""
    return PARAMETER.findall(path)


def filled_in(path: str, values: Sequence[str]) -> Iterator[str]:
    """The path with each combination of values in its places."""
    for chosen in itertools.product(values, repeat=len(parameters(path))):
        place = path
        for value in chosen:
            place = PARAMETER.sub(lambda _, value=value: value, place, count=1)
        yield place
