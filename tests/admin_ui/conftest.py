"""The admin as an app on its own, merchants who sign their requests, and two shops."""

import contextlib
import shutil
import sqlite3
import time
import uuid
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, NamedTuple

import jwt
import pytest
from sqlmodel import SQLModel
from starlette.applications import Starlette
from starlette.testclient import TestClient

from admin_ui.app import routes
from admin_ui.kit import searches
from plugin.settings import get_settings
from storage.engine import db
from storage.shops import Shop, add_shop
from tests.admin_ui import sample
from tests.conftest import NOW, SETTINGS, SHOP_ID, add_dewpoint, make_broker
from tests.plugin.imports import sheet

SECRET = "a secret of the length that Shopify's have"  # a shorter one makes PyJWT warn


def session_token(domain: str, *, algorithm: str = "HS256", **changed: Any) -> str:
    """A session token as App Bridge gives it; a claim that is changed to None is left out."""
    now = int(time.time())
    claims = {
        "iss": f"https://{domain}/admin",
        "dest": f"https://{domain}",
        "aud": SETTINGS["REGULARS_SHOPIFY_CLIENT_ID"],
        "sub": "42",
        "exp": now + 60,
        "nbf": now,
        "iat": now,
        "jti": str(uuid.uuid4()),
        "sid": "a-session",
        **changed,
    }
    kept = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(kept, SECRET, algorithm=algorithm)


class Merchant:
    """Opens pages as a browser inside Shopify's admin does."""

    def __init__(self, client: TestClient, domain: str) -> None:
        self.client = client
        self.domain = domain

    def open(self, path: str, locale: str = "en", **query: str) -> Any:
        """A document."""
        token = session_token(self.domain)
        said = {"shop": self.domain, "id_token": token, "locale": locale, "embedded": "1", **query}
        return self.client.get(path, params=said, follow_redirects=False)

    def fetch(self, path: str, **more: Any) -> Any:
        """Request a fragment as htmx does."""
        return self.client.get(path, headers=self.headers(), **more)

    def post(self, path: str, **form: str) -> Any:
        """A form."""
        return self.client.post(path, data=form, headers=self.headers())

    def headers(self) -> dict[str, str]:
        """What App Bridge and htmx add."""
        return {"Authorization": f"Bearer {session_token(self.domain)}", "HX-Request": "true"}


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Generator[TestClient]:
    """The admin's pages."""
    monkeypatch.setenv("REGULARS_SHOPIFY_CLIENT_SECRET", SECRET)
    get_settings.cache_clear()
    with TestClient(Starlette(routes=routes())) as client:
        yield client
    get_settings.cache_clear()


@pytest.fixture
def merchant(sqlite: str, shop: Shop, client: TestClient) -> Merchant:
    """The merchant of `shop`, in which nothing has happened."""
    return Merchant(client, shop.domain)


class Filled(NamedTuple):
    """A shop's life and its files, in a folder of their own, and ids by name."""

    folder: Path
    data: Path
    ids: dict[str, int]


@pytest.fixture(scope="session")
def filled_once(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Filled:
    """Two months of a shop's life, lived once in each process of the tests."""
    folder, data = tmp_path_factory.mktemp("filled"), tmp_path_factory.mktemp("data")
    shutil.copytree(sqlite_template, folder, dirs_exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REGULARS_DATA_DIR", str(data))
        get_settings.cache_clear()
        db.connect(f"sqlite:///{folder / 'regulars.db'}")
        broker = make_broker()
        shop = add_dewpoint()
        ids = sample.fill(shop) | _files(shop)
        broker.close()
        db.disconnect()
    get_settings.cache_clear()
    return Filled(folder, data, ids)


@pytest.fixture
def filled(
    filled_once: Filled, merchant: Merchant, shop: Shop, tmp_path: Path, data_dir: Path
) -> dict[str, int]:
    """Two months of a shop's life; ids by name."""
    for file in filled_once.folder.glob("*.db"):
        _copy_rows(file, tmp_path / file.name)
    shutil.copytree(filled_once.data, data_dir, dirs_exist_ok=True)
    return dict(filled_once.ids)


def _copy_rows(source: Path, target: Path) -> None:
    """Copy all that the shop has into a database that has the same shop."""
    with contextlib.closing(sqlite3.connect(target)) as connection:
        connection.execute("ATTACH ? AS source", (str(source),))
        for table in SQLModel.metadata.sorted_tables:
            if table.name == "inbox_position":  # of the installation; the sample digests nothing
                continue
            key = "shop_id" if "shop_id" in table.c else "id"
            if key not in table.c:
                continue  # of no shop's
            there = "SELECT count(*) FROM source.sqlite_master WHERE name = ?"
            if connection.execute(there, (table.name,)).fetchone() == (1,):
                copied = f"SELECT * FROM source.{table.name} WHERE {key} = ?"
                connection.execute(f"REPLACE INTO main.{table.name} {copied}", (SHOP_ID,))
        connection.commit()


def _files(shop: Shop) -> dict[str, int]:
    """Two files of profiles: one that waits, and one that is read and has flaws."""
    body = b"Email,First Name,Tier\nida@example.com,Ida,gold\nnobody,,\n"
    ready = sheet.upload(shop, body)
    read = sheet.take_in(shop, body, list_name="Fair in Porto")
    return {"ready": ready.id, "read": read.id}


@pytest.fixture
def other(sqlite: str, shop: Shop, client: TestClient) -> Merchant:
    """The merchant of another shop."""
    with db.transaction() as session:
        add_shop(session, "other.myshopify.com", NOW, name="Other", access_token="shpat_other")
    return Merchant(client, "other.myshopify.com")


@pytest.fixture
def pages(filled: dict[str, int], shop: Shop) -> Callable[[], list[str]]:
    """Every page of the filled shop."""
    return lambda: [
        "/",
        "/audience",
        "/audience/duplicates",
        "/audience/imports",
        f"/audience/imports/{filled['ready']}",
        f"/audience/imports/{filled['read']}",
        "/audience/lists",
        f"/audience/lists/{filled['list']}",
        searches.address(f"/audience/lists/{filled['list']}", shop.id, "maya"),
        searches.address(f"/audience/lists/{filled['list']}/add", shop.id, "ma"),
        f"/audience/lists/{filled['list']}/settings",
        f"/audience/profiles/{filled['profile']}/lists",
        f"/audience/profiles/{filled['profile']}",
        f"/audience/profiles/{filled['profile']}/tags",
        f"/audience/profiles/{filled['profile']}/properties",
        "/settings/properties",
        f"/settings/properties/{filled['skin_need']}",
        "/flows",
        f"/flows/{filled['Welcome']}",
        f"/flows/{filled['Abandoned checkout']}",
        f"/flows/{filled['Welcome']}/messages/1",
        "/forms",
        "/coupons",
        "/settings/write-backs",
        f"/forms/{filled['form']}",
        "/settings",
        "/settings/consent",
        "/settings/sender",
        "/settings/access",
        "/analytics/metrics",
        "/settings/reconciliation",
        "/settings/quarantine",
        "/settings/quarantine/b54557e4-bdd9-4b37-8a5f-bf7d70bcd043",
    ]
