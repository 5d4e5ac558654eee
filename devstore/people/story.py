"""The story that the tour plays, step by step, with what each step must come to.

Mia signs up, leaves a checkout, is reminded and buys. Ada signs up and unsubscribes. Zoe only
browses: the second reminder that Zoe gets proves that Mia's, due at the same time, never comes.
"""

import asyncio
import contextlib
import html
import re
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

import httpx2

from devstore.people.hands import Eyes, Hands

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
            await self._reminds(mia, code)
            lost = await self._orders_change(merchant)
            await self._day_later(merchant, lost)
            await self._merchant_looks(merchant)

    async def _reminds(self, mia: Hands, code: str) -> None:
        async with _step("an hour later: a reminder for Mia and Zoe"):
            await self._skip(HOUR_S)
            reminder = await self._mail(MIA, FIRST)
            _expect("Morning Dew Serum" in reminder["text"], "the mail to name what Mia left")
            await self._mail(ZOE, FIRST)
        async with _step("Mia returns by the reminder and buys with the code"):
            await mia.visit(_link(reminder, "Return to checkout"))
            said = await mia.buy(code)
            _expect("Thank you" in said and code in said, f"thanks, and the code {code}")

    async def _orders_change(self, merchant: Eyes) -> str:
        """Change Mia's order, and lose the last change; what the shop's sales are after it."""
        async with _step("the merchant sees the order and what it earned"):
            # Only now may the clock move: a mail cannot be held back for an order that has not
            # arrived.
            await _sees(merchant, "/", "Revenue from emails", "placed an order")
        async with _step("orders change, one is a test: only what is left counts as revenue"):
            await self._changes_orders(merchant)
        async with _step("a refund: what emails earned goes down with it"):
            await self._refunds(merchant)
        async with _step("a second refund is lost on its way"):
            await self._acts("/admin/webhooks/lose", topics="refunds/ orders/updated")
            lost = await self._act_on_order("return")
            await self._acts("/admin/webhooks/lose", topics="")
        return lost

    async def _day_later(self, merchant: Eyes, sales: str) -> None:
        async with _step("a day later: the second reminder for Zoe, none for Mia or Ada"):
            await self._skip(DAY_S)
            await self._mail(ZOE, SECOND)
            for person, subjects in (
                (MIA, [WELCOME, FIRST]),
                (ADA, [WELCOME]),
                (ZOE, [WELCOME, FIRST, SECOND]),
            ):
                got = [mail["subject"] for mail in await self._mails(person)]
                fits = len(got) == len(subjects) and all(
                    any(each.startswith(want) for each in got) for want in subjects
                )
                _expect(fits, f"{person} to have got {subjects} only, not {got}")
        async with _step("the comparison with Shopify brings what was lost, and no more"):
            await _sees(merchant, "/", sales)
            await self._compared(merchant)

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
        """Edit Mia's order, send it in two parcels, and try the checkout out."""
        for act in ("add", "send"):
            await self._act_on_order(act)
        await self._acts("/admin/orders/test")
        await _sees(merchant, "/", await self._sales(), "order was edited")

    async def _refunds(self, merchant: Eyes) -> None:
        """Take a thing back and pay for it: the shop's sales are all that emails earned."""
        before = await self._sales()
        left = await self._act_on_order("return")
        _expect(left != before, f"the shop's sales to go down from {before}")
        page = await _sees(merchant, "/", left)
        _expect(before not in page, f"{before} to count nowhere any more")
        for figure in ("Total revenue", "Revenue from emails"):
            _expect(_figure(page, figure) == left, f"{figure} to be {left}")

    async def _compared(self, merchant: Eyes) -> None:
        """What was missed is fetched; the checkouts in the reminders' links are the known ones."""

        async def recovered() -> dict[str, str] | None:
            page = await merchant.look("/settings/reconciliation", "en")
            found = {noun: _recovered(page, noun) for noun in ("Refunds", "Abandoned checkouts")}
            return found if "" not in found.values() and found["Refunds"] != "0" else None

        found = await self._until(recovered, "the lost refund to be recovered")
        expected = {"Refunds": "1", "Abandoned checkouts": "0"}
        _expect(found == expected, f"{expected} to be recovered, not {found}")

    async def _sales(self) -> str:
        sales = re.search(r"<dt>Sales</dt><dd>(.*?)</dd>", await self._shop_page("/admin"))
        _expect(sales is not None, "the shop's admin to say its sales")
        assert sales
        return sales[1]

    async def _act_on_order(self, act: str) -> str:
        """Press a button beside Mia's order; the shop's sales after that."""
        orders = await self._shop_page("/admin/orders")
        number = re.findall(r'formaction="/admin/orders/(\d+)/', orders)[-1]
        await self._acts(f"/admin/orders/{number}/{act}")
        return await self._sales()

    async def _acts(self, path: str, **fields: str) -> None:
        answer = await self._client.post(path, data=fields)
        _expect(answer.status_code == 303, f"the shop's admin to do {path}")

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


def _figure(page: str, name: str) -> str:
    """A figure of the home page."""
    found = re.search(rf">{name}<.*?>(\$[\d.,]+)<", page, re.DOTALL)
    return found[1] if found else ""


def _recovered(page: str, noun: str) -> str:
    """How many of a noun were recovered lately; empty before they are compared."""
    rows = [row for row in page.split("<tr") if f">{noun}" in row]
    figures = re.findall(r'<td class="number[^"]*">([\d,]+)<', rows[0]) if rows else []
    return figures[-1] if figures else ""


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
    say(f"  {time.monotonic() - started:5.1f} s  {name}")


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
