"""The demo begins with a store that has sold something, which the app then reads."""

from pathlib import Path

import pytest

from devstore.shop.store import Store
from plugin.cli import demo


def counted(folder: Path) -> tuple[int, int]:
    store = Store(folder / "store" / "store.db", domain="dewpoint.myshopify.com")
    found = len(store.customers()), len(store.orders())
    store.close()
    return found


def test_a_new_store_has_a_past_and_keeps_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    demo.give_past(tmp_path, 20)
    assert counted(tmp_path) == (20, 60)

    demo.give_past(tmp_path, 20)
    assert counted(tmp_path) == (20, 60)
    assert capsys.readouterr().out.count("customers") == 1


def test_a_store_may_begin_empty(tmp_path: Path) -> None:
    demo.give_past(tmp_path, 0)

    assert not (tmp_path / "store").exists()
