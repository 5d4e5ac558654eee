"""P16: forgetting is the same whether a fact comes before it or after it, however late."""

from collections.abc import Generator
from contextlib import contextmanager, suppress
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from dramatiq.brokers.stub import StubBroker
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import Session

from plugin import clock
from plugin.facts import Facts
from storage.engine import db
from storage.engine.ids import new_id
from storage.shops import Shop
from tests.plugin.profiles.lives import ACTS, CUT, MAYA, fact, forget, gets_a_parcel, tell
from tests.properties.conftest import OverError
from tests.properties.examples import thousand
from tests.state import state_of

before = st.builds(fact, st.sampled_from(ACTS), st.integers(1, 8))
parcels = st.builds(
    lambda number: gets_a_parcel(MAYA, number, CUT + timedelta(minutes=number)), st.integers(1, 8)
)
after = st.one_of(st.builds(fact, st.sampled_from(ACTS), st.integers(10, 16)), parcels)


def another_shop() -> Shop:
    number = new_id()
    shop = Shop(id=number, domain=f"shop{number}.myshopify.com", installed_at=CUT)
    with db.transaction() as session:
        session.add(shop)
    return shop


def people_of(shop: Shop) -> dict[str, Any]:
    """The state, without what a forgetting leaves on purpose: proofs under a mark."""
    state = state_of(shop.id)
    state["ledger"] = [entry for entry in state["ledger"] if "forgotten:" not in entry]
    return state


@pytest.fixture
def forgetful(in_memory: None, broker: StubBroker, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """A shop that was asked to redact Maya before any fact about them."""
    monkeypatch.setattr("storage.vacuum.vacuum_database", lambda _: True)
    monkeypatch.setattr(clock, "now", lambda: CUT)
    shop = another_shop()
    forget(shop)
    return shop


@contextmanager
def undone() -> Generator[None]:
    """An example of which nothing stays: every transaction in it is a part of one."""
    with pytest.MonkeyPatch.context() as patch, suppress(OverError), db.transaction() as session:

        @contextmanager
        def part() -> Generator[Session]:
            session.expunge_all()  # as a session of its own it knows nothing yet
            yield session
            session.flush()

        for name in ("transaction", "reading", "snapshot"):
            patch.setattr(db, name, part)
        yield
        raise OverError


def in_batches(shop: Shop, said: list[Facts], shuffled: Random) -> None:
    while said:
        size = shuffled.randint(1, 4)
        tell(shop, *said[:size])
        said = said[size:]


@thousand
@given(
    old=st.lists(before, max_size=4),
    new=st.lists(after, max_size=3),
    shuffled=st.randoms(use_true_random=False),
    again=st.sampled_from([False, False, True]),
)
def test_p16_it_does_not_matter_when_it_comes(forgetful, monkeypatch, old, new, shuffled, again):
    """Facts older than the forgetting, split at random into those in time and those too late."""
    monkeypatch.setattr(clock, "now", lambda: CUT)
    with undone():
        tell(forgetful, *old)
        monkeypatch.setattr(clock, "now", lambda: CUT + timedelta(hours=2))
        tell(forgetful, *new)
        expected = people_of(forgetful)

    monkeypatch.setattr(clock, "now", lambda: CUT)
    shuffled.shuffle(old)
    in_time = shuffled.randint(0, len(old))
    while_known, late = old[:in_time], [*old[in_time:], *old[: in_time // 2], *new]
    shuffled.shuffle(late)
    with undone():
        shop = another_shop()
        in_batches(shop, while_known, shuffled)
        forget(shop)
        if again:
            forget(shop)
            forget(shop, "asked again")

        monkeypatch.setattr(clock, "now", lambda: CUT + timedelta(hours=2))
        in_batches(shop, late, shuffled)
        assert people_of(shop) == expected
