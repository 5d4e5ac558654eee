"""A merchant without a browser: opens the app in the admin and uses its pages over plain HTTP."""

import re
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import httpx2


class Merchant:
    """One merchant of the shop at `shop`. The app's pages come as Shopify's admin opens them."""

    def __init__(self, shop: str, app: str = "regulars", locale: str = "en") -> None:
        self._client = httpx2.Client(
            base_url=shop, follow_redirects=True, trust_env=False, timeout=60
        )
        self._app, self.locale = app, locale

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.close()

    def open(self, path: str) -> str:
        """Return a page of the app in the admin's frame, after installing the app if needed.

        Raises:
            httpx2.HTTPStatusError: the shop or the app refused.
        """
        base = f"/admin/apps/{self._app}"
        if f'action="{base}/install' in self._get(base):
            self._client.post(f"{base}/install").raise_for_status()
        return self._get(self.frame_url(path))

    def frame_url(self, path: str) -> str:
        """The signed address by which the admin's frame opens a page of the app."""
        query = {"path": path, "locale": self.locale}
        answer = self._client.get(f"/admin/apps/{self._app}/frame-url", params=query)
        url: str = answer.raise_for_status().json()["url"]
        return url

    def post(self, path: str, **fields: str) -> str:
        """Send a form of one of the app's pages, as App Bridge's fetch does."""
        token = self._client.post("/admin/session-token").raise_for_status().json()["token"]
        answer = self._client.post(
            self._origin() + path, data=fields, headers={"Authorization": f"Bearer {token}"}
        )
        return answer.raise_for_status().text

    def use_form(self, key: str) -> str:
        """Take a form of the app's library; its number."""
        number: str = re.findall(r'action="/forms/(\d+)"', self.post("/forms", key=key))[0]
        return number

    def switch_all(self, page: str, *, live: bool) -> int:
        """Switch everything that a page lists on or off; how many there were."""
        numbers = sorted(set(re.findall(rf'href="{page}/(\d+)[?"]', self.open(page))))
        for number in numbers:
            self.post(f"{page}/{number}", status="live" if live else "draft")
        return len(numbers)

    def _get(self, url: str) -> str:
        return self._client.get(url).raise_for_status().text

    def _origin(self) -> str:
        parts = urlsplit(self.frame_url("/"))
        return f"{parts.scheme}://{parts.netloc}"
