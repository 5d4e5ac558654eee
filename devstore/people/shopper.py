"""A shopper without a browser: does over HTTP what a browser would, for tours and for load."""

import json
import re
from types import TracebackType
from typing import Any, Self

import httpx2

FORMS = re.compile(r'<script type="application/json" id="regulars-forms">(.*?)</script>', re.DOTALL)
VARIANT = re.compile(r'name="id" value="(\d+)"')
BROWSER = "Mozilla/5.0 (X11; Linux x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0"
ADDRESS = {
    "first_name": "Mia",
    "last_name": "Tan",
    "address1": "12 Orchard Street",
    "address2": "",
    "city": "New York",
    "province": "New York",
    "zip": "10002",
}


class Shopper:
    """One visitor with one cookie jar. Use as an async context manager."""

    def __init__(
        self,
        base_url: str,
        *,
        locale: str = "en-US",
        ip: str | None = None,
        proxy: str = "/apps/regulars",
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        headers = {"User-Agent": BROWSER, "Accept-Language": locale}
        if ip:
            headers["X-Forwarded-For"] = ip
        self._client = httpx2.AsyncClient(
            base_url=base_url,
            headers=headers,
            follow_redirects=True,
            trust_env=False,
            transport=transport,
            timeout=30,
        )
        self._proxy = proxy
        self.base_url = base_url.rstrip("/")
        self.locale = locale
        self.page = self.base_url + "/"
        self.html = ""
        self.checkout_url: str | None = None

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._client.__aexit__(kind, error, trace)

    @property
    def browser_id(self) -> str | None:
        """The client id of this browser: the `_shopify_y` cookie."""
        return self._client.cookies.get("_shopify_y")

    @property
    def cart_token(self) -> str | None:
        """The cart's token, once there is a cart."""
        return self._client.cookies.get("cart")

    async def visit(self, path: str = "/") -> str:
        """Open a page, by path or by the whole URL of a link in a mail, and keep its content.

        Raises:
            httpx2.HTTPStatusError: the shop refused.
        """
        return self._seen(await self._client.get(path))

    def forms(self) -> list[dict[str, Any]]:
        """The app's live forms, as the page's embed hands them to the popup."""
        found = FORMS.search(self.html)
        told = json.loads(found.group(1)) if found else {}
        return list(told.get("forms", [])) if isinstance(told, dict) else list(told)

    async def form(self, number: str, version: str | int | None = None) -> dict[str, Any] | None:
        """What a form shows; None when the app has nothing for this shopper."""
        query = {"locale": self.locale} | ({"version": str(version)} if version else {})
        answer = await self._client.get(f"{self._proxy}/forms/{number}", params=query)
        if answer.status_code in (204, 404):
            return None
        answer.raise_for_status()
        told: dict[str, Any] = answer.json()
        return told

    async def see(self, number: str, version: str | int | None = None) -> int:
        """Tell the app that a form was seen; the answer's status."""
        said = {"version": version, "browser_id": self.browser_id}
        answer = await self._client.post(f"{self._proxy}/forms/{number}/view", json=said)
        return answer.status_code

    async def answer(
        self,
        number: str,
        *,
        version: str | int | None = None,
        email: str | None = None,
        phone: str | None = None,
        answers: dict[str, Any] | None = None,
        consent: dict[str, bool] | None = None,
        elapsed_ms: int = 8_000,
        **more: Any,
    ) -> httpx2.Response:
        """Send a form off through the app proxy, as the popup does."""
        return await self._client.post(
            f"{self._proxy}/forms/{number}/submit",
            json={
                "version": version,
                "answers": answers or {},
                "email": email,
                "phone": phone,
                "consent": consent or {"email": bool(email), "sms": bool(phone)},
                "page": self.page,
                "locale": self.locale,
                "browser_id": self.browser_id,
                "cart_token": self.cart_token,
                "elapsed_ms": elapsed_ms,
                "website": "",
                **more,
            },
        )

    async def add_to_cart(self, handle: str, *, size: int = 0, quantity: int = 1) -> str:
        """Look at a product and put a size of it into the cart; the cart's token."""
        page = await self.visit(f"/products/{handle}")
        variant = VARIANT.findall(page)[size]
        said = {"id": variant, "quantity": str(quantity)}
        self._seen(await self._client.post("/cart/add", data=said))
        assert self.cart_token
        return self.cart_token

    async def start_checkout(
        self,
        email: str,
        *,
        phone: str | None = None,
        accepts_marketing: bool = False,
        accepts_sms: bool = False,
    ) -> str:
        """Go to the checkout and say who it is for; the checkout's token."""
        self._seen(await self._client.post("/checkout"))
        token = self.page.split("/checkouts/")[1].split("?")[0]
        self.checkout_url = f"/checkouts/{token}"
        said = {"email": email, "phone": phone or ""}
        said |= {"accepts_marketing": "1"} if accepts_marketing else {}
        said |= {"accepts_sms": "1"} if accepts_sms else {}
        self._seen(await self._client.post(f"{self.checkout_url}/contact", data=said))
        return token

    async def apply_code(self, code: str) -> str | None:
        """Try a discount code; the shop's words when it is refused, None when it is taken."""
        said = {"code": code, "step": "contact"}
        answer = await self._client.post(f"{self._checkout()}/discount", data=said)
        self.html = answer.text
        found = re.search(r'class="notice" role="alert">(.*?)<', answer.text)
        return found.group(1) if found else None

    async def pay(self, **address: str) -> str:
        """Say where to, pay; the order's token."""
        base = self._checkout()
        self._seen(await self._client.post(f"{base}/shipping", data=ADDRESS | address))
        self._seen(await self._client.post(f"{base}/pay"))
        self.checkout_url = None
        return self.page.split("/orders/")[1].split("?")[0]

    async def log_in(self, email: str) -> None:
        """Become a customer with an account."""
        self._seen(await self._client.post("/account/login", data={"email": email}))

    async def subscribe(self, email: str) -> None:
        """The newsletter's form in the footer."""
        self._seen(await self._client.post("/newsletter", data={"email": email}))

    def _checkout(self) -> str:
        if self.checkout_url is None:
            raise RuntimeError("There is no checkout yet.")
        return self.checkout_url

    def _seen(self, answer: httpx2.Response) -> str:
        answer.raise_for_status()
        self.page, self.html = str(answer.url), answer.text
        if found := re.search(r"/checkouts/[0-9a-f]+", self.page):
            self.checkout_url = found.group(0)
        return self.html
