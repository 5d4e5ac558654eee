"""Pages declare themselves: where each stands, what it is called, whether it shows customers' data.

`@page` is all that a page says of itself. The app makes routes of the declarations, the access log
writes down the personal ones by their names, and shows them by their titles.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType

from starlette.responses import Response

from admin_ui.kit.request import AdminRequest

MAX_FIELDS = 600  # of a form: a file of profiles may have 500 columns

Answer = Callable[[AdminRequest], Response]


@dataclass(frozen=True)
class Page:
    """One address of the admin and what answers there."""

    path: str
    method: str
    title: str
    personal: bool  # it shows customers' data, so each opening of it is written down
    max_fields: int
    answer: Answer
    changes: bool = False  # something that is kept
    by_law: bool = False  # what the law of personal data gives does not wait for a plan

    @property
    def name(self) -> str:
        """Return the path without ids, `audience/profiles/lists`: it names the page, not the
        shopper.
        """
        parts = [part for part in self.path.split("/") if part and not part.startswith("{")]
        return "/".join(parts) or "home"


_declared: defaultdict[str, list[Page]] = defaultdict(list)  # by module


def page(
    path: str,
    *,
    title: str,
    method: str = "GET",
    personal: bool = False,
    max_fields: int = MAX_FIELDS,
    changes: bool | None = None,
    by_law: bool = False,
) -> Callable[[Answer], Answer]:
    """Declare what answers at a path.

    Args:
        title: what the page that is answered with is called, marked for the catalogue.
        personal: whether the answer shows customers' data.
        max_fields: how many fields its form may have.
        changes: whether something is changed; so a POST does unless it says otherwise.
        by_law: whether a merchant may have it without a plan that is paid.
    """

    def declare(answer: Answer) -> Answer:
        does = method == "POST" if changes is None else changes
        declared = Page(path, method, title, personal, max_fields, answer, does, by_law)
        _declared[answer.__module__].append(declared)
        return answer

    return declare


def pages_of(*modules: ModuleType) -> list[Page]:
    """What these modules declare; a path with a name of its own before one that takes any id."""
    found = [each for module in modules for each in _declared[module.__name__]]
    return sorted(found, key=lambda each: [part[:1] == "{" for part in each.path.split("/")])


def titles_by_name() -> dict[str, str]:
    """What each personal page is called in the access log."""
    declared = [each for found in _declared.values() for each in found]
    return {each.name: each.title for each in declared if each.personal}
