"""Likely duplicates: found as they come, decided by a person, and never asked about twice."""

from datetime import UTC, datetime

import pytest

from plugin.facts import IdentityKey, ProfileFact
from plugin.jobs import Progress, run_slice
from plugin.profiles import merge
from plugin.profiles.duplicates import SLICE_JOB, duplicate_reason, is_one_typo_apart
from plugin.profiles.identity import resolve_profiles
from storage import duplicates
from storage.duplicates import DuplicateState
from storage.engine import db
from storage.shops import Shop

AT = datetime(2026, 11, 21, tzinfo=UTC)


def know(shop: Shop, email: str, **fields: str) -> int:
    with db.transaction() as session:
        said = {"email": email, **fields}
        (whose,) = resolve_profiles(
            session, shop.id, [ProfileFact((IdentityKey("email", email),), AT, said)], AT
        )
    assert whose is not None
    return whose.profile_id


def look(shop: Shop) -> None:
    assert run_slice(SLICE_JOB, shop.id) is Progress.DONE


def waiting(shop: Shop) -> list[tuple[int, int, str]]:
    with db.reading() as session:
        return [
            (row.profile_id, row.other_profile_id, row.reason)
            for row in duplicates.open_page(session, shop.id, 10)
        ]


MAYA = {"first_name": "Maya", "last_name": "Okafor"}


@pytest.mark.parametrize(
    ("one", "other", "because"),
    [
        (("maya.okafor@gmail.com", {}), ("mayaokafor+shop@googlemail.com", {}), "mailbox"),
        (("maya@shop.example", {}), ("maya+news@shop.example", {}), "mailbox"),
        (("maya@gmail.com", {}), ("maya@gmial.com", {}), "typo"),
        (("maya.okafor@shop.example", {}), ("maya.okfaor@shop.example", {}), "typo"),
        (("maya.okafor@shop.example", {}), ("maya.okaffor@shop.example", {}), "typo"),
        (("maya.okafor@a.example", MAYA), ("maya_okafor@b.example", MAYA), "name"),
        (("m@a.example", {"phone": "+14155550132"}), ("o@b.example", {"phone": "+14155550132"}),
         "phone"),
    ],
)  # fmt: skip
def test_a_new_profile_meets_the_one_that_it_is_like(database, shop, one, other, because):
    know(shop, "noah@elsewhere.example", first_name="Noah", last_name="Kim")
    first, second = know(shop, one[0], **one[1]), know(shop, other[0], **other[1])
    look(shop)

    assert waiting(shop) == [(first, second, because)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("maya1@gmail.com", "maya2@gmail.com"),
        ("ana@shop.example", "anna@shop.example"),
        ("maya.okafor@mail.com", "maya.okafor@gmail.com"),
        ("info@a.example", "info@b.example"),
        ("m.aya@shop.example", "maya@shop.example"),
    ],
)
def test_two_people_are_not_asked_about(sqlite, shop, one, other):
    know(shop, one)
    know(shop, other)
    look(shop)

    assert waiting(shop) == []


def test_a_dismissed_pair_is_never_asked_about_again(database, shop):
    one, other = know(shop, "maya@gmail.com"), know(shop, "maya@gmial.com")
    look(shop)
    with db.transaction() as session:
        assert duplicates.decide_duplicate(
            session, shop.id, (one, other), DuplicateState.DISMISSED, at=AT, by="42"
        )

    know(shop, "maya@gmail.com", first_name="Maya")
    look(shop)

    assert waiting(shop) == []


def test_what_was_joined_and_parted_is_not_asked_about_again(database, shop):
    one, other = know(shop, "maya@gmail.com"), know(shop, "maya@gmial.com")
    look(shop)
    with db.transaction() as session:
        merge.merge_profiles(session, shop.id, one, other, by="42", now=AT)
    assert know(shop, "maya@gmial.com") == one

    with db.transaction() as session:
        (made,) = merge.merges.merges_of(session, shop.id, one, 10)
        assert merge.undo_merge(session, shop.id, made.id, "42", now=AT)
    look(shop)

    assert waiting(shop) == []
    assert know(shop, "maya@gmial.com") == other
    with db.reading() as session:
        held = duplicates.profiles_with_key(session, shop.id, ("mailbox", "maya@gmail.com"))
    assert sorted(held) == [one, other]


def test_the_worker_looks_for_duplicates_and_each_profile_once(database, shop, monkeypatch):
    monkeypatch.setattr("plugin.profiles.duplicates.PROFILES_BATCH_SIZE", 1)
    one, other = know(shop, "maya@gmail.com"), know(shop, "maya@gmial.com")
    assert waiting(shop) == []
    with db.reading() as session:
        assert duplicates.shops_with_unchecked(session) == [shop.id]

    assert run_slice(SLICE_JOB, shop.id, 0.0) is Progress.MORE
    assert waiting(shop) == []
    look(shop)
    assert waiting(shop) == [(one, other, "typo")]
    with db.transaction() as session:
        assert duplicates.shops_with_unchecked(session) == []
        duplicates.close_duplicates(session, shop.id, [(one, other)])

    look(shop)
    assert waiting(shop) == []


def test_what_thousands_share_is_not_searched_through(database, shop):
    with db.transaction() as session:
        crowd = [
            ProfileFact(
                (IdentityKey("email", f"{n}@x{n}.example"),),
                AT,
                {**MAYA, "email": f"{n}@x{n}.example"},
            )
            for n in range(100)
        ]
        resolve_profiles(session, shop.id, crowd, AT)
    look(shop)
    with db.reading() as session:
        held = duplicates.profiles_with_key(session, shop.id, ("name", "maya okafor"))
    assert len(held) == duplicates.MAX_OPEN_DUPLICATES
    assert waiting(shop) == []


@pytest.mark.parametrize(
    ("one", "other", "slip"),
    [
        ("gmail.com", "gmial.com", True), ("gmail.com", "gmal.com", True),
        ("gmail.com", "gmaill.com", True), ("gmail.com", "gnail.com", True),
        ("gmail.com", "gmail.com", False), ("gmail.com", "gnial.com", False),
        ("ana1", "ana2", False), ("ana", "ana1", False), ("", "a", True), ("ab", "ba", True),
    ],
)  # fmt: skip
def test_one_slip_is_one_letter(one, other, slip):
    assert is_one_typo_apart(one, other) is slip
    assert is_one_typo_apart(other, one) is slip


def test_without_an_address_only_a_number_is_alike():
    blank = dict.fromkeys(("email", "phone", "first_name", "last_name"))

    assert duplicate_reason(blank | MAYA, blank | MAYA) is None
    assert duplicate_reason(blank | {"phone": "+1"}, blank | {"phone": "+1"}) == "phone"
