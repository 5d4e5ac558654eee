"""Hands and eyes for the tour: the same acts in a real browser, or over plain HTTP."""

import asyncio
import re
from pathlib import Path
from typing import Any, Protocol

import httpx2

from devstore.people.merchant import Merchant
from devstore.people.shopper import ADDRESS, Shopper

LABELS = {
    "hydration": "More hydration",
    "blemishes": "Fewer blemishes",
    "sensitivity": "Calmer, less sensitive skin",
    "firmness": "Firmness and fine lines",
}
NEED = "skin_need"
FORMS = "JSON.parse(document.getElementById('regulars-forms')?.textContent || '{}').forms?.length"
POPUP_WITHIN_MS = 20_000


class Hands(Protocol):
    """What a shopper can do. Acts that show something leave a picture when there is a screen."""

    async def visit(self, where: str) -> str:
        """Open a page of the shop, or a link of a mail; its address in the end."""

    async def sign_up(self, need: str, email: str) -> bool:
        """Answer the popup; False when there is none yet."""

    async def start_checkout(self, product: str, email: str) -> None:
        """Put a product into the cart and begin to check out."""

    async def buy(self, code: str) -> str:
        """Finish the open checkout with a code; what the last page says."""

    async def unsubscribe(self, link: str) -> str:
        """Unsubscribe by a mail's link; return the text of the page."""


class PlainHands:
    """Without a browser."""

    def __init__(self, shopper: Shopper) -> None:
        self._shopper = shopper

    async def visit(self, where: str) -> str:
        await self._shopper.visit(where)
        return self._shopper.page

    async def sign_up(self, need: str, email: str) -> bool:
        await self._shopper.visit("/")
        forms = self._shopper.forms()
        if not forms:
            return False
        number, version = str(forms[0]["id"]), forms[0]["version"]
        if await self._shopper.form(number, version) is None:
            return False
        await self._shopper.see(number, version)
        answer = await self._shopper.answer(
            number, version=version, email=email, answers={NEED: need}
        )
        answer.raise_for_status()
        return True

    async def start_checkout(self, product: str, email: str) -> None:
        await self._shopper.add_to_cart(product)
        await self._shopper.start_checkout(email)

    async def buy(self, code: str) -> str:
        if code not in self._shopper.html and (refused := await self._shopper.apply_code(code)):
            return refused
        await self._shopper.pay()
        return self._shopper.html

    async def unsubscribe(self, link: str) -> str:
        async with httpx2.AsyncClient(trust_env=False) as mail_program:
            answer = await mail_program.post(link, data={"List-Unsubscribe": "One-Click"})
        return answer.raise_for_status().text


class BrowserHands:
    """In a page of a real Chromium (Playwright's)."""

    def __init__(self, page: Any, shop: str, pictures: "Album") -> None:
        self._page, self._shop, self._pictures = page, shop, pictures

    async def visit(self, where: str) -> str:
        await self._page.goto(where if "://" in where else self._shop + where)
        await self._pictures.take(self._page, "shop")
        return str(self._page.url)

    async def sign_up(self, need: str, email: str) -> bool:
        page = self._page
        await page.goto(self._shop + "/")
        if not await page.evaluate(FORMS):
            return False
        popup = page.get_by_role("dialog")
        await popup.wait_for(timeout=POPUP_WITHIN_MS)
        await self._pictures.take(page, "popup")
        await popup.get_by_label(LABELS[need]).check()
        await popup.get_by_role("button", name="Continue").click()
        await popup.get_by_label("Email address").fill(email)
        await self._pictures.take(page, "popup-address")
        await popup.get_by_role("button", name="Send me my routine").click()
        await popup.get_by_role("heading", name="It is on its way").wait_for()
        await self._pictures.take(page, "popup-thanks")
        await popup.get_by_role("button", name="Keep browsing").click()
        return True

    async def start_checkout(self, product: str, email: str) -> None:
        page = self._page
        await page.goto(f"{self._shop}/products/{product}")
        await self._pictures.take(page, "product")
        await page.get_by_role("button", name="Add to cart").click()
        await page.goto(f"{self._shop}/cart")
        await page.get_by_role("button", name="Check out").click()
        await page.get_by_label("Email", exact=True).fill(email)
        await self._pictures.take(page, "checkout")
        await page.get_by_role("button", name="Continue to shipping").click()
        await page.get_by_role("heading", name="Shipping address").wait_for()

    async def buy(self, code: str) -> str:
        page = self._page
        if not await page.get_by_label("Order").get_by_text(code).count():
            await page.get_by_placeholder("Discount code").fill(code)
            await page.get_by_role("button", name="Apply").click()
            await page.get_by_label("Order").get_by_text(code).first.wait_for()
        if await page.get_by_role("heading", name="Contact").count():
            await page.get_by_role("button", name="Continue to shipping").click()
        for name, value in ADDRESS.items():
            if name == "province":
                await page.locator("select[name=province]").select_option(value)
            else:
                await page.locator(f"input[name={name}]").fill(value)
        await self._pictures.take(page, "shipping")
        await page.get_by_role("button", name="Continue to payment").click()
        await page.get_by_role("button", name=re.compile("^Pay ")).click()
        await page.wait_for_url("**/orders/**")
        await self._pictures.take(page, "order")
        return str(await page.content())

    async def unsubscribe(self, link: str) -> str:
        page = self._page
        await page.goto(link)
        await self._pictures.take(page, "unsubscribe")
        await page.get_by_role("button").first.click()
        await page.wait_for_load_state()
        await self._pictures.take(page, "unsubscribed")
        return str(await page.content())


class Eyes(Protocol):
    """What a merchant can do: look at a page of the app, in a language."""

    async def look(self, path: str, locale: str) -> str:
        """What the page says."""


class PlainEyes:
    """Without a browser."""

    def __init__(self, shop: str) -> None:
        self._shop = shop

    async def look(self, path: str, locale: str) -> str:
        with Merchant(self._shop, locale=locale) as merchant:
            return await asyncio.to_thread(merchant.open, path)


class BrowserEyes:
    """In the admin's frame."""

    def __init__(self, page: Any, shop: str, pictures: "Album") -> None:
        self._page, self._shop, self._pictures = page, shop, pictures

    async def look(self, path: str, locale: str) -> str:
        await self._page.goto(f"{self._shop}/admin/apps/regulars{path}?locale={locale}")
        frame = self._page.frame_locator("#app")
        await frame.locator("main h1").wait_for()
        name = path.strip("/").split("/")[0] or "home"
        await self._pictures.take(self._page, f"admin-{name}-{locale}")
        return str(await frame.locator("html").evaluate("html => html.outerHTML"))


class Album:
    """Numbered pictures in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._taken = folder, 0

    async def take(self, page: Any, name: str, *, whole: bool = False) -> None:
        """Take one."""
        self._taken += 1
        path = self._folder / f"{self._taken:02}-{name}.png"
        await page.screenshot(path=path, full_page=whole)

    async def take_mail(self, page: Any, shop: str, mail: dict[str, Any]) -> None:
        """Take one of a mail's HTML part, whole, without leaving the page."""
        beside = await page.context.new_page()
        await beside.set_viewport_size({"width": 720, "height": 900})
        await beside.goto(f"{shop}/mailbox/{mail['id']}/html")
        await self.take(
            beside, "mail-" + re.sub(r"\W+", "-", mail["subject"].lower())[:30], whole=True
        )
        await beside.close()
