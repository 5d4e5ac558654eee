"""The tour: plays the whole story against a fresh demo and checks each step.

Mia signs up, leaves a checkout, is reminded and buys. Ada signs up and unsubscribes. Zoe only
browses: the second reminder that Zoe gets proves that Mia's, due at the same time, never comes.
"""

import asyncio
import contextlib
import html
import importlib.util
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import httpx2

from devstore import chromium
from devstore.people.hands import (
    Album,
    BrowserEyes,
    BrowserHands,
    Eyes,
    Hands,
    PlainEyes,
    PlainHands,
)
from devstore.people.shopper import Shopper

MIA, ADA, ZOE = "mia@example.com", "ada@example.com", "zoe@example.com"
WELCOME, FIRST, SECOND = "Welcome to", "You left something in your bag", "Still thinking it over?"
NOT_FOR_SALE = ("First Frost Serum", "Lab Batch Cream", "Spring Water Essence", "Dew Sample")
HYDRATION = "could use more water"  # the welcome mail's words for who asked for hydration
QUIZ = "Skincare quiz"
CODE = re.compile(r"WELCOME-[2-9A-Z]{6,}")
LINK = re.compile(r'<a\b[^>]*href="([^"]+)"[^>]*>(.*?)</a>', re.DOTALL)
CHINESE = re.compile(r"[\u4e00-\u9fff]{2}")
WITHIN_S = 60.0
LOOK_EVERY_S = 0.2
HOUR_S, DAY_S = 3600 + 120, 86_400 + 120

Mail = dict[str, Any]
T = TypeVar("T")


class StepError(Exception):
    """A step did not go as expected; the message says what was expected."""


def play(out: Path, *, browser: bool) -> int:
    """Play it all; 0 when every step went well. Pictures and the demo's data go to `out`."""
    out = out.resolve()
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    started = time.monotonic()
    try:
        if browser:
            _require_browser()
        with _demo(out) as shop:
            asyncio.run(_play(shop, out, browser=browser))
    except StepError as error:
        _say(f"  FAILED: {error}")
        if (out / "demo.log").exists():
            _say(f"  The demo's own words are in {out / 'demo.log'}.")
        return 1
    _say(f"The whole story took {time.monotonic() - started:.1f} s; see {out}.")
    return 0


async def _play(shop: str, out: Path, *, browser: bool) -> None:
    async with contextlib.AsyncExitStack() as stack:
        if not browser:
            people = [await stack.enter_async_context(Shopper(shop)) for _ in range(3)]
            mia, ada, zoe = (PlainHands(each) for each in people)
            await Story(shop).play(mia, ada, zoe, PlainEyes(shop))
            return
        pictures = Album(out)
        chrome = await stack.enter_async_context(_chromium())
        zoe = PlainHands(await stack.enter_async_context(Shopper(shop)))
        pages = [await (await chrome.new_context(locale="en-US")).new_page() for _ in range(3)]
        mia_b, ada_b = (BrowserHands(page, shop, pictures) for page in pages[:2])
        story = Story(shop, lambda mail: pictures.take_mail(pages[0], shop, mail))
        await story.play(mia_b, ada_b, zoe, BrowserEyes(pages[2], shop, pictures))


class Story:
    """The story, step by step."""

    def __init__(self, shop: str, show: Callable[[Mail], Awaitable[None]] | None = None) -> None:
        self.shop, self._show = shop, show
        self._client = httpx2.AsyncClient(base_url=shop, trust_env=False, timeout=30)

    async def play(self, mia: Hands, ada: Hands, zoe: Hands, merchant: Eyes) -> None:
        """Everything, in order.

        Raises:
            StepError: something was not as expected.
        """
        async with self._client:
            async with _step("Mia visits, the popup asks, Mia answers hydration"):
                await self._signs_up(mia, "hydration", MIA)
            async with _step("the welcome mail fits the answer and holds a unique code"):
                welcome = await self._mail(MIA, WELCOME)
                _expect(HYDRATION in welcome["text"], f"words about hydration: {HYDRATION!r}")
                _expect("Cloud Cream" in welcome["text"], "a product that fits")
                for title in NOT_FOR_SALE:
                    _expect(title not in welcome["text"], f"no {title}, which nobody can buy")
                code = _code(welcome)
            async with _step("Ada signs up too, for firmness; Zoe for nothing much"):
                await self._signs_up(ada, "firmness", ADA)
                await self._signs_up(zoe, "sensitivity", ZOE)
                other = await self._mail(ADA, WELCOME)
                _expect(HYDRATION not in other["text"], "other words for another answer")
                _expect(_code(other) != code, "another code for another shopper")
            async with _step("Mia follows the mail to the shop"):
                there = await mia.visit(_link(welcome, "Shop with 10% off"))
                _expect(there.startswith(self.shop), f"to arrive at {self.shop}, not {there}")
            async with _step("all three begin to check out, and leave"):
                await mia.start_checkout("morning-dew-serum", MIA)
                await ada.start_checkout("cloud-cream", ADA)
                await zoe.start_checkout("cloud-cream", ZOE)
            async with _step("Ada unsubscribes"):
                said = await ada.unsubscribe(other["unsubscribe"])
                _expect("You are unsubscribed" in said, "the page to say so")
            async with _step("an hour later: a reminder for Mia and Zoe"):
                await self._skip(HOUR_S)
                reminder = await self._mail(MIA, FIRST)
                _expect("Morning Dew Serum" in reminder["text"], "the mail to name what Mia left")
                await self._mail(ZOE, FIRST)
            async with _step("Mia returns by the reminder and buys with the code"):
                await mia.visit(_link(reminder, "Return to checkout"))
                said = await mia.buy(code)
                _expect("Thank you" in said and code in said, f"thanks, and the code {code}")
            async with _step("the merchant sees the order and what it earned"):
                # Only now may the clock move: a mail cannot be held back for an order that has not
                # arrived.
                await _sees(merchant, "/", "Revenue from emails", "placed an order")
            async with _step("orders change, one is a test: only what is left counts as revenue"):
                await self._changes_orders(merchant)
            async with _step("a day later: the second reminder for Zoe, none for Mia or Ada"):
                await self._skip(DAY_S)
                await self._mail(ZOE, SECOND)
                for person, subjects in ((MIA, [WELCOME, FIRST]), (ADA, [WELCOME])):
                    got = [mail["subject"] for mail in await self._mails(person)]
                    fits = len(got) == len(subjects) and all(
                        any(each.startswith(want) for each in got) for want in subjects
                    )
                    _expect(fits, f"{person} to have got {subjects} only, not {got}")
            await self._merchant_looks(merchant)

    async def _merchant_looks(self, merchant: Eyes) -> None:
        async def sees(path: str, *words: str) -> str:
            return await _sees(merchant, path, *words)

        async with _step("the merchant finds Mia, and everything that Mia did"):
            audience = await sees("/audience", MIA, ADA, ZOE)
            mia = _row(audience, MIA)
            await sees(mia, "Placed order", "hydration", "Morning Dew Serum", "WELCOME-")
        async with _step("the merchant reads why Ada got no more"):
            await sees(_row(audience, ADA), "Unsubscribed")
        async with _step("the merchant looks at flows, forms and settings"):
            flows = await sees("/flows", "Welcome", "Abandoned checkout")
            await sees(_named(flows, "/flows", "Welcome"), "Welcome")
            forms = await sees("/forms", QUIZ)
            await sees(_named(forms, "/forms", QUIZ), "What does your skin need most?")
            await sees("/settings", "Admin language")
        async with _step("the same pages in Chinese"):
            for path in ("/", "/audience", mia, "/flows", "/forms", "/settings"):
                told = await merchant.look(path, "zh-CN")
                title = re.search(r"<title>(.*?)</title>", told, re.DOTALL)
                chinese = 'lang="zh' in told and CHINESE.search(title[1] if title else "")
                _expect(bool(chinese) or path == mia, f"{path} to be in Chinese")

    async def _changes_orders(self, merchant: Eyes) -> None:
        """Edit Mia's order, send it in two parcels, take a thing back, and try the checkout out."""
        orders = await self._shop_page("/admin/orders")
        number = re.findall(r'formaction="/admin/orders/(\d+)/', orders)[-1]
        for act in (f"{number}/add", f"{number}/send", f"{number}/return", "test"):
            answer = await self._client.post(f"/admin/orders/{act}")
            _expect(answer.status_code == 303, f"the shop's admin to do {act}")
        sales = re.search(r"<dt>Sales</dt><dd>(.*?)</dd>", await self._shop_page("/admin"))
        _expect(sales is not None, "the shop's admin to say its sales")
        assert sales
        await _sees(merchant, "/", sales[1], "order was edited")

    async def _shop_page(self, path: str) -> str:
        return (await self._client.get(path)).raise_for_status().text

    async def _signs_up(self, hands: Hands, need: str, email: str) -> None:
        async def done() -> bool | None:
            return await hands.sign_up(need, email) or None

        await self._until(done, "the popup in the shop")

    async def _mail(self, person: str, subject: str) -> Mail:
        async def arrived() -> Mail | None:
            mails = await self._mails(person)
            return next((mail for mail in mails if mail["subject"].startswith(subject)), None)

        mail = await self._until(arrived, f"a mail to {person} about {subject!r}")
        if self._show:
            await self._show(mail)
        return mail

    async def _mails(self, person: str) -> list[Mail]:
        answer = await self._client.get("/mailbox.json", params={"to": person})
        mails: list[Mail] = answer.raise_for_status().json()["mails"]
        return mails

    async def _skip(self, seconds: float) -> None:
        (await self._client.post("/clock", json={"seconds": seconds})).raise_for_status()

    async def _until(self, look: Callable[[], Awaitable[T | None]], what: str) -> T:
        deadline = time.monotonic() + WITHIN_S
        while (found := await look()) is None:
            if time.monotonic() > deadline:
                raise StepError(f"expected {what} within {WITHIN_S:.0f} s.")
            await asyncio.sleep(LOOK_EVERY_S)
        return found


async def _sees(merchant: Eyes, path: str, *words: str) -> str:
    """The page, once it says all these words."""
    deadline = time.monotonic() + WITHIN_S
    while True:
        told = await merchant.look(path, "en")
        plain = html.unescape(told)
        missing = [word for word in words if word not in plain]
        if not missing:
            return told
        _expect(time.monotonic() < deadline, f"{path} to say {missing}")
        await asyncio.sleep(LOOK_EVERY_S)


def _row(page: str, email: str) -> str:
    """Return the link of a person's row in a table."""
    rows = [row for row in page.split("<tr") if email in row]
    found = re.search(r'href="(/audience/profiles/\d+)', rows[0]) if rows else None
    if found is None:
        raise StepError(f"expected {email} in the audience.")
    return found[1]


def _named(page: str, folder: str, name: str) -> str:
    """The link of what a page lists under a name."""
    found = re.search(rf'href="({folder}/\d+)[^>]*>{name}<', page)
    if found is None:
        raise StepError(f"expected {name} on {folder}.")
    return found[1]


def _link(mail: Mail, words: str) -> str:
    """The address behind words in a mail."""
    for address, inside in LINK.findall(mail["html"]):
        if words in html.unescape(re.sub(r"<[^>]+>", "", inside)):
            return html.unescape(address)
    raise StepError(f"expected a link {words!r} in the mail {mail['subject']!r}.")


def _code(mail: Mail) -> str:
    found = CODE.search(mail["text"])
    if found is None:
        raise StepError(f"expected a code in the mail {mail['subject']!r}.")
    return found[0]


def _expect(fits: bool, what: str) -> None:
    if not fits:
        raise StepError(f"expected {what}.")


@contextlib.asynccontextmanager
async def _step(name: str) -> AsyncIterator[None]:
    started = time.monotonic()
    try:
        yield
    except StepError as error:
        raise StepError(f"{name}: {error}") from None
    except Exception as error:
        lines = str(error).strip().splitlines() or [""]
        raise StepError(f"{name}: {type(error).__name__}: {lines[0]}") from error
    _say(f"  {time.monotonic() - started:5.1f} s  {name}")


@contextlib.asynccontextmanager
async def _chromium() -> AsyncIterator[Any]:
    from playwright.async_api import async_playwright  # noqa: PLC0415  only developers have it

    path = chromium.find()
    async with contextlib.AsyncExitStack() as stack:
        try:
            playwright = await stack.enter_async_context(async_playwright())
            browser = await playwright.chromium.launch(
                executable_path=path, args=chromium.arguments()
            )
        except Exception as error:
            lines = str(error).strip().splitlines() or [""]
            raise StepError(f"the browser did not start: {lines[0]}") from error
        stack.push_async_callback(browser.close)
        yield browser


def _require_browser() -> None:
    if importlib.util.find_spec("playwright") is None:
        raise StepError(
            "playwright is not installed: `make tour` fetches it; `--no-browser` does without."
        )
    if chromium.find() is None:
        raise StepError("no Chromium was found; please install Chromium or Chrome.")


@contextlib.contextmanager
def _demo(out: Path) -> Any:
    """A fresh demo on free ports; the address of its shop."""
    ports = _free_ports(3)
    options = {"port": ports[0], "shop-port": ports[1], "smtp-port": ports[2], "dir": out / "demo"}
    command = [sys.executable, "-m", "regulars", "demo", "--fresh"]
    with (out / "demo.log").open("wb") as log:
        demo = subprocess.Popen(
            [*command, *(f"--{name}={value}" for name, value in options.items())],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=os.environ | {"REGULARS_SUPERVISED": "1"},  # it ends with us, however we end
        )
    shop = f"http://127.0.0.1:{ports[1]}"
    started = time.monotonic()
    try:
        while not (out / "demo" / "installed").exists():
            if demo.poll() is not None or time.monotonic() - started > 2 * WITHIN_S:
                words = (out / "demo.log").read_text(errors="replace").strip().splitlines() or [""]
                raise StepError(f"the demo did not start: {words[-1]}")
            time.sleep(LOOK_EVERY_S)
        _say(f"  {time.monotonic() - started:5.1f} s  a fresh demo is up: {shop}")
        yield shop
    finally:
        with contextlib.suppress(ProcessLookupError):
            demo.send_signal(signal.SIGTERM)
        demo.wait()


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
