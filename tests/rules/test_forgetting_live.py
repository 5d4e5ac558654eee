"""L13, O13: a real shopper of a running Regulars is redacted, down to the last file."""

import asyncio
import time
from collections.abc import Generator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from devstore.people.shopper import Shopper
from devstore.shop.app import App
from devstore.shop.store import Store
from plugin.forms.definition import questions_of
from plugin.manifest import PATH
from tests.faults.town import Town, eventually

WITHIN_S = 60.0
OTHER_EMAIL = "q.two@example.com"
EMAIL, PHONE, FIRST, LAST = "quincella@example.com", "+14155550199", "Quincella", "Marmeladova"
STREET = "17 Quincewood Crescent"


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Generator[Town]:
    """Every process of an installation, on SQLite; each test has a shopper of its own in it."""
    with Town(tmp_path_factory.mktemp("town")) as town:
        yield town


@pytest.fixture
def store(town: Town) -> Generator[Store]:
    """The running store's own file, for what only its merchant may do."""
    app = App.from_manifest(
        PATH, client_id="town", client_secret="a secret of the town's own, long enough", url="x"
    )
    # Real time, as the town's own processes have it: other tests move this process's shop clock.
    path = town.folder / "shop" / "store.db"
    store = Store(path, app=app, now=lambda: datetime.now(UTC))
    yield store
    store.close()


async def shop(town: Town, email: str) -> None:
    """Answer the popup, fill a cart, buy."""
    async with Shopper(town.shop) as her:
        while not her.forms():
            await her.visit()
            await asyncio.sleep(0.2)
        form = await her.form(str(her.forms()[0]["id"]))
        assert form
        answers = {each.name: min(each.answers) for each in questions_of(form)}
        said = {"version": form["version"], "email": email, "answers": answers, "phone": PHONE}
        assert (await her.answer(form["id"], **said)).status_code == 200
        await her.add_to_cart("cloud-cream")
        await her.start_checkout(email)
        await her.pay(first_name=FIRST, last_name=LAST, address1=STREET)


def found(folder: Path, words: list[str]) -> list[str]:
    """Return which words stand in any file of the app's, in any case."""
    files = [*(folder / "app").rglob("*"), folder / "app.log"]
    text = b"\n".join(f.read_bytes() for f in files if f.is_file()).lower()
    return [word for word in words if word.lower().encode() in text]


def test_l13_a_shopper_is_gone_from_every_file_within_a_minute(town: Town, store: Store) -> None:
    asyncio.run(shop(town, EMAIL))
    customer = eventually("she is a customer", lambda: store.customer(EMAIL), within_s=WITHIN_S)
    written_to = lambda: EMAIL in [to for to, _ in town.mails()]  # noqa: E731
    eventually("the welcome mail is out", written_to, within_s=WITHIN_S)
    eventually("everything is told and digested", town.told, within_s=WITHIN_S)
    words = [EMAIL, PHONE.removeprefix("+"), FIRST, LAST, STREET, str(customer["id"])]
    logged = (town.folder / "app.log").read_text().lower()
    assert "worker" in logged, "every process writes there"
    assert [word for word in words if word.lower() in logged] == []
    assert set(found(town.folder, words)) >= {EMAIL, FIRST, LAST, STREET, str(customer["id"])}

    store.ask_for_data(EMAIL)
    store.redact_customer(EMAIL)

    eventually("she is gone", lambda: not found(town.folder, words), within_s=WITHIN_S)
    time.sleep(3)  # no worker creates the shopper anew
    assert found(town.folder, words) == []


def test_l13_a_shop_is_empty_within_a_minute_of_the_request(town: Town, store: Store) -> None:
    asyncio.run(shop(town, OTHER_EMAIL))
    eventually("everything is told and digested", town.told, within_s=WITHIN_S)

    store.uninstall()
    with store.transaction() as kept:  # 48 hours later
        kept.execute("update delivery set due_at = 0 where topic = 'shop/redact'")
    words = [OTHER_EMAIL, FIRST, LAST, STREET, store.domain]

    eventually("the shop is empty", lambda: not found(town.folder, words), within_s=WITHIN_S)
