"""A visit: who looks, in which language, and how the answer is drawn and sent."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from starlette.requests import Request
from starlette.responses import HTMLResponse

from admin_ui.kit import pages
from admin_ui.kit.language import Language, choose
from plugin.errors import RegularsError
from storage.shops import Shop


@dataclass
class AdminRequest:
    """One request of a merchant of an installed shop."""

    request: Request
    shop: Shop
    title: str  # of the page that answers
    form: Mapping[str, str] = field(default_factory=dict)
    user_id: str = ""  # of Shopify's staff account
    piece: bytes = b""  # of a file that comes in

    @cached_property
    def say(self) -> Language:
        """Return the merchant's language: the one they chose, or else the one Shopify
        shows them.
        """
        code = (
            choose(self.shop.language)
            if self.shop.language
            else pages.header_language(self.request)
        )
        return Language(code, self.shop.timezone, self.shop.currency)

    def page(
        self, template: str, *, toast: str = "", status: int = 200, path: str = "", **values: object
    ) -> HTMLResponse:
        """A whole page.

        Args:
            toast: a sentence shown once, over the page.
            path: where the page stands, if a POST to another path is answered with it.
        """
        answer = self.part(template, toast=toast, status=status, **values)
        if self.request.method == "POST":
            answer.headers["HX-Replace-Url"] = path or self.request.url.path
        return answer

    def part(
        self, template: str, *, toast: str = "", status: int = 200, **values: object
    ) -> HTMLResponse:
        """A part of a page, which htmx puts into the one that is open."""
        headers = pages.safety(self.shop.domain)
        if toast:
            # JSON in ASCII: a header carries no other letters.
            headers["HX-Trigger"] = json.dumps({"regulars:toast": {"words": toast}})
        shared = {"shop": self.shop, "visit": self, "title": self.say.text(self.title)}
        html = pages.draw(template, self.say, **{**shared, **values})
        return HTMLResponse(html, status_code=status, headers=headers)

    def number(self, name: str) -> int:
        """Return an id of the path; 404 if it is no number."""
        return row_id(self.request.path_params[name])


def row_id(said: str) -> int:
    """Return an id from a URL or a form; 404 if it is no number."""
    if not is_id(said):
        raise missing()
    return int(said)


def is_id(said: str) -> bool:
    """Whether a text could be an id: a whole number of 64 bits."""
    return said.isascii() and said.isdigit() and len(said) < 19


def missing() -> RegularsError:
    """Nothing of this shop's has that id."""
    return RegularsError("Page not found.", status=404)
