"""A shopper's daily counts always equal a recount of their events, after any change of them."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlmodel import Session, col, select

from plugin.facts import IdentityKey, ProfileFact
from plugin.profiles import merge
from plugin.profiles.identity import resolve_profiles
from storage import data_subject, erasure, events
from storage.engine.ids import new_id
from storage.profiles import Merge, Profile
from tests.properties.examples import thousand
from tests.state import check_activity

SHOP = 7
START = datetime(2026, 11, 21, 23, tzinfo=UTC)  # hours on, it is another day
KEYS = [
    IdentityKey(kind, str(n)) for kind in ("email", "customer_id", "cart_token") for n in range(2)
]

# A profile with these identities did something, as one fact or two; a unique id comes again.
deeds = st.tuples(
    st.lists(st.sampled_from(KEYS), min_size=1, max_size=3, unique=True),
    st.sampled_from(["Viewed Product", "Placed Order", 'Said "Hello, 你好"']),
    st.integers(0, 6),
    st.integers(-30, 30),
)
acts = st.lists(
    st.one_of(
        st.tuples(st.just("tell"), st.lists(deeds, min_size=1, max_size=3)),
        st.tuples(st.just("part"), st.integers(0, 20)),
        st.tuples(st.just("join"), st.integers(0, 20)),
        st.tuples(st.just("forget"), st.sampled_from(KEYS)),
        st.tuples(st.just("drop"), st.integers(-30, 30)),
        st.tuples(st.just("recount"), st.just(None)),
    ),
    min_size=2,
    max_size=12,
)


@settings(thousand, max_examples=600)
@given(acts=acts)
def test_days_and_events_agree_after_everything_that_happens(example, acts):
    with example() as session:
        for name, what in acts:
            session.flush()
            session.expunge_all()  # as a transaction of its own it knows nothing yet
            ACTS[name](session, what)
            check_activity(session, SHOP)


def tell(session: Session, told: list[tuple[list[IdentityKey], str, int, int]]) -> None:
    people = [ProfileFact(tuple(keys), START, {}) for keys, *_ in told]
    rows = [
        {"shop_id": SHOP, "id": new_id(), **whose.columns, "metric": metric,
         "unique_id": str(unique_id), "occurred_at": START + timedelta(hours=hours),
         "value": None, "currency": None, "properties": {}}
        for whose, (_, metric, unique_id, hours) in zip(
            resolve_profiles(session, SHOP, people, START), told, strict=True
        )
        if whose
    ]  # fmt: skip
    events.add_events(session, rows)


def part(session: Session, number: int) -> None:
    standing = session.exec(
        select(Merge.id).where(Merge.shop_id == SHOP, col(Merge.undone_at).is_(None))
    ).all()
    if standing:
        merge.undo_merge(session, SHOP, standing[number % len(standing)], "staff", now=START)


def join(session: Session, number: int) -> None:
    known = session.exec(select(Profile.id).where(Profile.shop_id == SHOP)).all()
    if len(known) > 1:
        one, other = known[number % len(known)], known[(number + 1) % len(known)]
        merge.merge_profiles(session, SHOP, one, other, by="staff", now=START)


def forget(session: Session, key: IdentityKey) -> None:
    whom = data_subject.find_subject(session, SHOP, [key])
    erasure.detach_subject(session, SHOP, whom)
    while erasure.erase_batch(session, SHOP, whom):
        pass


def drop(session: Session, hours: int) -> None:
    before = START + timedelta(hours=hours)
    while events.delete_events(session, SHOP, before, 2):
        check_activity(session, SHOP)


def recount(session: Session, _: None) -> None:
    known = session.exec(select(Profile.id).where(Profile.shop_id == SHOP)).all()
    events.recount_activity(session, SHOP, known)


ACTS = {
    "tell": tell, "part": part, "join": join, "forget": forget, "drop": drop, "recount": recount,
}  # fmt: skip
