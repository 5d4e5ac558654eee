"""The tour: plays the whole story against a fresh demo and checks each step."""

import asyncio
import contextlib
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from devstore import chromium
from devstore.people.hands import (
    Album,
    BrowserEyes,
    BrowserHands,
    PlainEyes,
    PlainHands,
)
from devstore.people.shopper import Shopper
from devstore.people.story import LOOK_EVERY_S, WITHIN_S, StepError, Story, say


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
        say(f"  FAILED: {error}")
        if (out / "demo.log").exists():
            say(f"  The demo's own words are in {out / 'demo.log'}.")
        return 1
    say(f"The whole story took {time.monotonic() - started:.1f} s; see {out}.")
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
    command = [sys.executable, "-m", "regulars", "demo", "--fresh", "--past=0"]
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
        say(f"  {time.monotonic() - started:5.1f} s  a fresh demo is up: {shop}")
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
