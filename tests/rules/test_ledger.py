"""L28, P02: every change of the ledger is detected, and states depend on its set of
entries alone.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from plugin import clock
from plugin.facts import IdentityKey, ProfileFact
from plugin.profiles.identity import resolve_profiles
from storage import consent, consent_ledger, erasure, ledger_audit
from storage.consent_ledger import ConsentEvent, ConsentState
from storage.engine import append_only, db, encryption
from storage.engine.ids import new_id
from storage.ledger_audit import LedgerViolation, ViolationKind
from storage.privacy_requests import DataSubject
from storage.profiles import IdentityKind
from tests.conftest import SETTINGS

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
MAYA = "maya@example.com"


def entry(shop_id: int, state: str, day: float = 0, address: str = MAYA, **more: Any) -> dict:
    at = BEGAN + timedelta(days=day)
    return {
        "shop_id": shop_id, "id": new_id(), "dedupe_key": str(new_id()), "channel": "email",
        "address": address, "state": state, "occurred_at": at, "recorded_at": at, "source": "form",
    } | more  # fmt: skip


def tell(shop, *states: str, address: str = MAYA, **more: Any) -> None:
    with db.transaction() as session:
        rows = [entry(shop.id, s, day, address, **more) for day, s in enumerate(states)]
        consent.record_consent(session, rows)


def found(shop) -> list[LedgerViolation]:
    with db.snapshot() as session:
        return list(ledger_audit.violations_of(session, shop.id))


def force() -> Any:
    """Open the database without our own guard over queries, as an intruder would."""
    return db.engine().execution_options(all_shops="this test")


def by_force(*statements: str) -> None:
    """Run statements as an intruder with the database would: drop the triggers first."""
    postgres = not db.is_sqlite(db.engine())
    with force().begin() as connection:
        if postgres:
            connection.execute(text("ALTER TABLE consent_event DISABLE TRIGGER USER"))
        else:
            for name in append_only.GUARDS:
                connection.execute(text(f"DROP TRIGGER {name}"))
        for statement in statements:
            connection.execute(text(statement))
        if postgres:
            connection.execute(text("ALTER TABLE consent_event ENABLE TRIGGER USER"))
        else:
            append_only.create_triggers(connection)


@pytest.mark.parametrize(
    "act",
    [
        "UPDATE consent_event SET state = 'subscribed' WHERE shop_id > 0",
        "UPDATE consent_event SET profile_id = 5 WHERE shop_id > 0",
        "UPDATE consent_event SET shop_id = 5 WHERE shop_id > 0",
        "DELETE FROM consent_event WHERE shop_id > 0",
        "DELETE FROM consent_event WHERE shop_id > 0 AND position = 2",
        "TRUNCATE consent_event",
        "REPLACE INTO consent_event SELECT * FROM consent_event",
    ],
)
def test_l28_the_database_refuses_to_change_the_ledger(database, shop, act):
    only = {"TRUNCATE": "postgresql", "REPLACE": "sqlite"}.get(act.split()[0])
    if only and not database.startswith(only):
        pytest.skip(f"{only} alone knows this statement")
    tell(shop, ConsentState.SUBSCRIBED, ConsentState.UNSUBSCRIBED)

    with pytest.raises(DBAPIError, match="append-only"), force().begin() as connection:
        connection.execute(text(act))

    assert found(shop) == []


def test_l28_a_merge_leaves_entries_where_they_came(database, shop):
    with db.transaction() as session:
        said = ProfileFact((IdentityKey("customer_id", "7"),), clock.now())
        resolve_profiles(session, shop.id, [said], clock.now())
        (maya,) = resolve_profiles(
            session, shop.id, [ProfileFact((IdentityKey("email", MAYA),), clock.now())], clock.now()
        )
    tell(shop, ConsentState.SUBSCRIBED, profile_id=maya.profile_id)

    with db.transaction() as session:
        both = ProfileFact(
            (IdentityKey("customer_id", "7"), IdentityKey("email", MAYA)), clock.now()
        )
        (joined,) = resolve_profiles(session, shop.id, [both], clock.now())

    with db.reading() as session:
        (entry,) = consent.ledger_of(session, shop.id, [("email", MAYA)])
    assert entry.profile_id == maya.profile_id != joined.profile_id
    assert found(shop) == []


def test_l28_the_verifier_names_a_changed_row(database, shop):
    tell(shop, ConsentState.SUBSCRIBED, ConsentState.UNSUBSCRIBED, ConsentState.SUBSCRIBED)
    tell(shop, ConsentState.SUBSCRIBED, address="noah@example.com")
    with db.reading() as session:
        changed = consent.ledger_of(session, shop.id, [("email", MAYA)])[1].id
    assert found(shop) == []

    by_force(f"UPDATE consent_event SET disclosure = 'I agree' WHERE id = {changed}")

    assert found(shop) == [LedgerViolation("email", MAYA, ViolationKind.CHANGED, 2, changed)]


@pytest.mark.parametrize(("position", "beside"), [(1, 2), (2, 3), (3, 2)])
def test_l28_the_verifier_names_a_missing_row(database, shop, position, beside):
    tell(shop, ConsentState.SUBSCRIBED, ConsentState.SUBSCRIBED, ConsentState.SUBSCRIBED)
    with db.reading() as session:
        ids = {e.position: e.id for e in consent.ledger_of(session, shop.id, [("email", MAYA)])}

    by_force(f"DELETE FROM consent_event WHERE position = {position}")

    assert LedgerViolation("email", MAYA, ViolationKind.MISSING, position, ids[beside]) in found(
        shop
    )


def test_l28_the_verifier_names_reordered_rows(database, shop):
    tell(shop, ConsentState.SUBSCRIBED, ConsentState.UNSUBSCRIBED, ConsentState.UNSUBSCRIBED)

    by_force(
        "UPDATE consent_event SET position = 9 WHERE position = 1",
        "UPDATE consent_event SET position = 1 WHERE position = 2",
        "UPDATE consent_event SET position = 2 WHERE position = 9",
    )

    assert {(f.kind, f.position) for f in found(shop)} == {
        (ViolationKind.CHANGED, 1),
        (ViolationKind.CHANGED, 2),
        (ViolationKind.CHANGED, 3),
    }


def test_l28_the_verifier_names_a_whole_chain_that_is_gone(database, shop):
    tell(shop, ConsentState.SUBSCRIBED)

    by_force("DELETE FROM consent_event")

    assert found(shop) == [
        LedgerViolation("email", MAYA, ViolationKind.MISSING, 1),
        LedgerViolation("email", MAYA, ViolationKind.STATE),
    ]  # fmt: skip


def test_l28_the_verifier_names_a_state_that_does_not_follow(database, shop):
    tell(shop, ConsentState.SUBSCRIBED, ConsentState.UNSUBSCRIBED)

    by_force("UPDATE consent SET state = 'subscribed'")

    assert found(shop) == [LedgerViolation("email", MAYA, ViolationKind.STATE)]


def test_l28_the_verifier_sees_that_the_guards_are_down(database, shop):
    with db.reading() as session:
        assert append_only.is_protected(session)

    with force().begin() as connection:
        postgres = not db.is_sqlite(db.engine())
        on = " ON consent_event" if postgres else ""
        connection.execute(text(f"DROP TRIGGER consent_event_kept{on}"))

    with db.reading() as session:
        assert not append_only.is_protected(session)


def test_l28_an_entry_forged_without_the_key_does_not_fit(database, shop):
    tell(shop, ConsentState.SUBSCRIBED)
    encryption.set_keys({"1": "another key that is long enough too"})
    tell(shop, ConsentState.UNSUBSCRIBED)
    encryption.set_keys({"1": SETTINGS["REGULARS_SECRET_KEY"]})

    assert [(flaw.kind, flaw.position) for flaw in found(shop)] == [(ViolationKind.CHANGED, 2)]


def test_l28_o19_the_key_can_be_rotated(database, shop):
    tell(shop, ConsentState.SUBSCRIBED)
    old = SETTINGS["REGULARS_SECRET_KEY"]
    encryption.set_keys({"2": "another key that is long enough too", "1": old})
    try:
        tell(shop, ConsentState.UNSUBSCRIBED)
        assert found(shop) == []
    finally:
        encryption.set_keys({"1": old})


def test_l28_forgetting_one_person_leaves_every_chain_whole(database, shop):
    tell(shop, ConsentState.SUBSCRIBED, ConsentState.UNSUBSCRIBED, profile_id=1, ip="203.0.113.77")
    tell(shop, ConsentState.SUBSCRIBED, address="noah@example.com", profile_id=2)
    tell(shop, ConsentState.SUBSCRIBED, address="noah@example.com", profile_id=1, ip="203.0.113.77")

    with db.transaction() as session:
        erasure.detach_subject(
            session, shop.id, DataSubject(keys=[(IdentityKind.EMAIL, MAYA)], profile_ids=[1])
        )
    tell(shop, ConsentState.SUBSCRIBED)  # the shopper returns, and begins anew

    assert found(shop) == []
    with db.reading() as session:
        noahs = consent.ledger_of(session, shop.id, [("email", "noah@example.com")])
        rows = session.connection().execute(
            ConsentEvent.__table__.select().where(ConsentEvent.shop_id == shop.id)
        )
        kept = [row for row in rows if row.address.startswith(consent_ledger.FORGOTTEN)]
    assert [(e.profile_id, e.ip) for e in noahs] == [(None, ""), (2, "")]
    assert [(row.position, row.profile_id, row.ip) for row in kept] == [
        (1, None, ""),
        (2, None, ""),
    ]


def test_l28_forgetting_hides_nothing_that_was_tampered_with(database, shop):
    tell(shop, ConsentState.SUBSCRIBED, ConsentState.UNSUBSCRIBED)
    by_force("UPDATE consent_event SET disclosure = 'I agree' WHERE position = 1")

    with db.transaction() as session:
        erasure.detach_subject(session, shop.id, DataSubject(keys=[(IdentityKind.EMAIL, MAYA)]))

    assert [(f.kind, f.position) for f in found(shop)] == [(ViolationKind.CHANGED, 1)]


STATES = st.sampled_from(
    [
        ConsentState.SUBSCRIBED,
        ConsentState.UNSUBSCRIBED,
        ConsentState.BOUNCED,
        ConsentState.IMPLIED,
        ConsentState.PENDING,
    ]
)
WORDS = st.tuples(STATES, st.integers(0, 5), st.integers(1, 5), st.sampled_from(["email", "sms"]))


def oracle(said: set[tuple[str, int, int, str]], channel: str) -> str | None:
    """What the law says, as a list of cases."""
    mine = [word for word in said if word[3] == channel]
    explicit = [
        word
        for word in mine
        if word[0] in (ConsentState.SUBSCRIBED, ConsentState.UNSUBSCRIBED, ConsentState.BOUNCED)
    ]
    if explicit:
        last = [word[0] for word in explicit if word[1] == max(w[1] for w in explicit)]
        return next(
            state
            for state in (ConsentState.UNSUBSCRIBED, ConsentState.BOUNCED, ConsentState.SUBSCRIBED)
            if state in last
        )
    return next(
        (
            s
            for s in (ConsentState.IMPLIED, ConsentState.PENDING)
            if any(word[0] == s for word in mine)
        ),
        None,
    )


def test_p02_the_state_depends_on_the_set_of_entries_alone(shop):
    with db.transaction() as session:

        @settings(max_examples=1_000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
        @given(said=st.lists(WORDS, min_size=1, max_size=6), data=st.data())
        def holds(said: list[tuple[str, int, int, str]], data: st.DataObject) -> None:
            address = f"{new_id()}@example.com"
            rows = [
                entry(
                    shop.id, state, day, address, channel=channel,
                    expires_at=BEGAN + timedelta(days=30 * lasts)
                    if state == ConsentState.IMPLIED
                    else None,
                )
                for state, day, lasts, channel in said
            ]  # fmt: skip
            order = data.draw(st.permutations(rows + rows[: len(rows) // 2]))
            cut = data.draw(st.integers(0, len(order)))
            for part in (order[:cut], order[cut:], rows):
                consent.record_consent(session, [dict(row) for row in part])
            for channel in ("email", "sms"):
                held = consent.get_consent(session, shop.id, channel, address)
                expected = oracle(set(said), channel)
                assert (None if held is None else held.state) == expected
                if expected == ConsentState.IMPLIED:
                    longest = max(
                        w[2] for w in said if w[0] == ConsentState.IMPLIED and w[3] == channel
                    )
                    assert held.expires_at == BEGAN + timedelta(days=30 * longest)

        holds()


def test_p02_a_stop_and_then_an_older_yes_stays_a_stop(database, shop):
    for state, day in (
        (ConsentState.UNSUBSCRIBED, 5),
        (ConsentState.SUBSCRIBED, 3),
        (ConsentState.IMPLIED, 9),
        (ConsentState.PENDING, 10),
    ):
        more = {"expires_at": BEGAN + timedelta(days=900)} if state == ConsentState.IMPLIED else {}
        with db.transaction() as session:
            consent.record_consent(session, [entry(shop.id, state, day, **more)])

    with db.reading() as session:
        assert consent.consent_state(session, shop.id, "email", MAYA) == ConsentState.UNSUBSCRIBED
