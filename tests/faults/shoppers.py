"""The town's shoppers, many at once; they do what a browser does when an answer does not come."""

import asyncio
from collections.abc import Callable, Coroutine
from itertools import zip_longest
from typing import Any

import httpx2

from devstore.people.shopper import Shopper
from plugin.forms.definition import questions_of
from tests.faults.town import Town
from tests.sizes import PATIENCE

AT_ONCE = 6
TRIES, PAUSE_S = 90 * PATIENCE, 0.5


class Line(httpx2.AsyncHTTPTransport):
    """One connection pool for all shoppers: a TLS context for each would cost more than they do."""

    async def __aexit__(self, *error: Any) -> None:
        """Stay open when one shopper leaves."""


class Shoppers:
    """They answer the popup, or subscribe and leave the checkout; `done` counts them."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.done = 0

    def shop(self, answering: range, leaving: range) -> None:
        """Let these shoppers all come, mixed."""
        asyncio.run(self._shop(answering, leaving))

    async def _shop(self, answering: range, leaving: range) -> None:
        line = Line()
        async with Shopper(self.town.shop, transport=line) as first:
            while not first.forms():  # until the form is published
                await first.visit()
                await asyncio.sleep(PAUSE_S)
            form = await first.form(str(first.forms()[0]["id"]))
            assert form
        journeys: list[Callable[[], Coroutine[Any, Any, None]]] = []
        for answers, leaves in zip_longest(answering, leaving):
            if answers is not None:
                journeys.append(lambda n=answers: self.answer(line, form, n))
            if leaves is not None:
                journeys.append(lambda n=leaves: self.leave_checkout(line, n))
        todo = iter(journeys)

        async def one_after_another() -> None:
            for journey in todo:
                await journey()
                self.done += 1

        await asyncio.gather(*(one_after_another() for _ in range(AT_ONCE)))
        await line.aclose()

    async def answer(self, line: Line, form: dict[str, Any], number: int) -> None:
        """Answer the popup, again and again until it says 200."""
        answers = {each.name: min(each.answers) for each in questions_of(form)}
        said = {"version": form["version"], "email": welcomed(number), "answers": answers}
        async with Shopper(self.town.shop, transport=line, ip=f"198.51.100.{number % 250}") as her:
            await insist(lambda: her.answer(form["id"], **said))

    async def leave_checkout(self, line: Line, number: int) -> None:
        """Subscribe in the footer, fill a cart, go to the checkout, say who it is for, and go."""
        async with Shopper(self.town.shop, transport=line) as her:
            await her.subscribe(reminded(number))
            await her.add_to_cart("cloud-cream")
            await her.start_checkout(reminded(number))


def welcomed(number: int) -> str:
    """The address of one who answers the popup."""
    return f"welcome-{number}@example.com"


def reminded(number: int) -> str:
    """The address of one who leaves the checkout."""
    return f"leaves-{number}@example.com"


async def insist(ask: Callable[[], Coroutine[Any, Any, httpx2.Response]]) -> httpx2.Response:
    """Ask until the app says 200; what it refuses outright is a defect.

    Not so a 401: when the story's clock jumps while a question is on its way, its signature has
    become too old, and the store signs the next try anew.
    """
    for _ in range(TRIES):
        try:
            answer = await ask()
        except httpx2.TransportError:
            pass
        else:
            if answer.status_code == 200:
                return answer
            refused = answer.status_code < 500 and answer.status_code != 401
            assert not refused, f"{answer.status_code}: {answer.text[:200]}"
        await asyncio.sleep(PAUSE_S)
    raise AssertionError("The app never answered 200.")
