"""A shop's page with our embed, and what the app proxy would answer; every request is kept."""

import json
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

EXTENSIONS = Path(__file__).parents[2] / "extensions"
ASSETS = EXTENSIONS / "popup" / "assets"
TYPES = {".js": "text/javascript", ".css": "text/css"}

PAGE = """<!doctype html>
<html lang="{lang}" dir="{direction}">
<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Ondine</title>
<style>
  body {{ margin: 0; background: #f4f1ea; color: #23201c; font: 17px/1.6 "Noto Sans", sans-serif }}
  div:empty {{ display: none }} /* as the Dawn theme does */
  header {{ display: flex; justify-content: space-between; padding: 22px 5vw; background: #fffdf8 }}
  h1 {{ margin: 9vh 5vw 0; max-width: 12em; font: 400 40px/1.15 "Noto Serif", serif }}
  main {{ display: grid; grid-template-columns: repeat(auto-fit, minmax(240px, 1fr)); gap: 24px;
    padding: 6vh 5vw; min-height: 220vh; align-content: start }}
  figure {{ margin: 0; height: 340px; border-radius: 4px; background: #e2dacb }}
</style>
<script>window.Shopify = {shopify}</script>
<header><strong>ONDINE</strong><a href="#bag">Bag</a></header>
<h1>Care that follows your skin through the year</h1>
<main><figure></figure><figure></figure><figure></figure><figure></figure></main>
<script type="application/json" id="regulars-forms">{forms}</script>
<script src="/assets/popup.js" defer data-renderer="/assets/popup-form.js"
  data-styles="/assets/popup.css" data-customer="{customer}"
  data-close="Close" data-required="Please fill this in"
  data-invalid="Please check this" data-retry="Please try again"></script>
</html>"""


@dataclass
class Shop:
    """What the shop is set to, and what reached it."""

    content: dict[str, Any]
    triggers: list[dict[str, Any]]
    evaluation: str = "any"
    lang: str = "en"
    direction: str = "ltr"
    shopify: str = "{}"
    customer: str = ""
    answers: list[tuple[int, Any]] = field(default_factory=list)
    asked: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    url: str = ""

    def page(self) -> str:
        form = {"id": "123", "version": 1, "type": "popup", "triggers": self.triggers}
        forms = {"forms": [form | {"evaluation": self.evaluation}]}
        return PAGE.format(forms=json.dumps(forms), **vars(self))

    def posted(self, what: str) -> list[dict[str, Any]]:
        return [body for method, path, body in self.asked if method == "POST" and what in path]

    def proxied(self) -> list[str]:
        return [path for _, path, _ in self.asked if path.startswith("/apps/")]


class Handler(BaseHTTPRequestHandler):
    shop: Shop

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        self.shop.asked.append(("GET", path, query))
        asset = ASSETS / Path(path).name
        if path.startswith("/apps/"):
            self.answer(200, json.dumps(self.shop.content), "application/json")
        elif path.startswith("/assets/") and asset.exists():
            self.answer(200, asset.read_text(), TYPES[asset.suffix])
        elif path == "/":
            self.answer(200, self.shop.page(), "text/html")
        else:
            self.answer(404, "", "text/plain")

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.shop.asked.append(("POST", self.path, body))
        status, answer = 200, {"ok": True}
        if self.path.endswith("/submit") and self.shop.answers:
            status, answer = self.shop.answers.pop(0)
        self.answer(status, json.dumps(answer), "application/json")

    def answer(self, status: int, text: str, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: object) -> None:
        """Stay quiet: what was asked is in `shop.asked`."""


def serve(shop: Shop) -> ThreadingHTTPServer:
    """A server for this shop on a free port of the loopback; the caller runs and closes it."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("ShopHandler", (Handler,), {"shop": shop}))
    shop.url = f"http://127.0.0.1:{server.server_port}/"
    return server
