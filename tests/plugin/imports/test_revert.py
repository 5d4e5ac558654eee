"""Reverting an import removes the members that it added, and none that came otherwise, too."""

import threading
import time
from datetime import timedelta

import pytest

from plugin import clock, lists
from plugin.facts import IdentityKey, ProfileFact, ProfileRef
from plugin.imports import lifecycle
from plugin.jobs import Progress, run_slice
from plugin.profiles import list_membership, merge
from plugin.profiles.identity import resolve_profiles
from storage import imports, merges, profiles
from storage import lists as stored_lists
from storage.engine import db
from storage.imports import Import, ImportState
from storage.profiles import DataSource
from storage.shops import Shop
from tests.plugin.imports import sheet

pytestmark = pytest.mark.usefixtures("database", "data_dir")

ANA, PHONE = IdentityKey("email", "ana@example.com"), IdentityKey("phone", "+351912345678")


def who(shop: Shop, key: IdentityKey) -> ProfileRef:
    """Return the shopper of an address, created if new."""
    now = clock.now()
    with db.transaction() as session:
        db.lock_shop(session, shop.id)
        (whose,) = resolve_profiles(
            session, shop.id, [ProfileFact((key,), now, {key.kind: key.value})], now
        )
    assert whose is not None
    return whose


def take_in(shop: Shop, *addresses: str) -> tuple[Import, int]:
    """Import some people to a new list."""
    held = sheet.take_in(shop, "\n".join(("email", *addresses)) + "\n", list_name="Friends")
    assert held.list_id is not None
    return held, held.list_id


def sign_up(shop: Shop, list_id: int, whose: ProfileRef, source: str = "form:1") -> None:
    with db.transaction() as session:
        db.lock_shop(session, shop.id)
        list_membership.add_to_list(session, shop.id, list_id, whose, at=clock.now(), source=source)


def join(shop: Shop, one: ProfileRef, other: ProfileRef) -> int:
    with db.transaction() as session:
        db.lock_shop(session, shop.id)
        return merge.merge_profiles(
            session, shop.id, one.profile_id, other.profile_id, by="42", now=clock.now()
        )


def part(shop: Shop, profile_id: int) -> None:
    with db.transaction() as session:
        db.lock_shop(session, shop.id)
        (made,) = merges.merges_of(session, shop.id, profile_id, 10)
        assert merge.undo_merge(session, shop.id, made.id, "42", now=clock.now())


def take_back(shop: Shop, held: Import) -> None:
    lifecycle.revert_import(held)
    assert sheet.finish(shop, held).state == ImportState.REVERTED


def members(shop: Shop, list_id: int) -> dict[int, str]:
    """Who is on a list, and by what."""
    with db.reading() as session:
        found = stored_lists.members_page(session, shop.id, list_id)
    return {member.profile_id: member.source for member in found}


@pytest.mark.parametrize("source", ["form:1", DataSource.MERCHANT])
def test_who_joined_after_an_import_stays_since_then(shop: Shop, source: str) -> None:
    held, list_id = take_in(shop, "ana@example.com", "bo@example.com")
    ana, before = who(shop, ANA), clock.now()
    sign_up(shop, list_id, ana, source)

    take_back(shop, held)

    with db.reading() as session:
        (member,) = stored_lists.members_page(session, shop.id, list_id)
    assert (member.profile_id, member.source) == (ana.profile_id, source)
    assert member.joined_at >= before


def test_a_file_takes_the_place_of_nothing(shop: Shop) -> None:
    first, list_id = take_in(shop, "bo@example.com")
    ana = who(shop, ANA)
    sign_up(shop, list_id, ana)
    held = sheet.upload(shop, b"email\nana@example.com\nbo@example.com\n")
    held.list_id = list_id
    lifecycle.start_import(held)
    done = sheet.finish(shop, held)

    take_back(shop, done)

    bo = who(shop, IdentityKey("email", "bo@example.com"))
    assert members(shop, list_id) == {ana.profile_id: "form:1", bo.profile_id: first.source}


@pytest.mark.parametrize("parted", ["before", "after", "never"])
def test_a_member_imported_and_signed_up_stays_by_the_sign_up(shop: Shop, parted: str) -> None:
    held, list_id = take_in(shop, "ana@example.com")
    ana, caller = who(shop, ANA), who(shop, PHONE)
    sign_up(shop, list_id, caller)
    kept = join(shop, ana, caller)
    assert members(shop, list_id) == {kept: held.source}, "the import came first"

    if parted == "before":
        part(shop, kept)
    take_back(shop, held)
    if parted == "after":
        part(shop, kept)

    stays = kept if parted == "never" else caller.profile_id
    assert members(shop, list_id) == {stays: "form:1"}


def test_of_two_origins_that_stay_the_first_one_to_join_counts(shop: Shop) -> None:
    held, list_id = take_in(shop, "ana@example.com")
    ana, caller = who(shop, ANA), who(shop, PHONE)
    friend = who(shop, IdentityKey("email", "ana@work.example"))
    sign_up(shop, list_id, friend, "form:2")
    sign_up(shop, list_id, caller, "form:1")
    join(shop, ana, caller)
    kept = join(shop, ana, friend)

    take_back(shop, held)

    assert members(shop, list_id) == {kept: "form:2"}
    with db.reading() as session:
        waiting = [
            said
            for origin in merges.load_sources(session, shop.id, [kept]).values()
            for said in origin["memberships"]
        ]
    assert [said[2] for said in waiting] == ["form:1"]


def test_what_an_import_left_waiting_goes_with_it(shop: Shop) -> None:
    _, other_list = take_in(shop, "bo@example.com")
    caller = who(shop, PHONE)
    held = sheet.upload(shop, b"email\nana@example.com\n")
    lifecycle.start_import(held, "Callers")
    done = sheet.finish(shop, held)
    assert done.list_id is not None
    ana = who(shop, ANA)
    with db.transaction() as session:  # the shopper called before the file was imported
        earlier = clock.now() - timedelta(days=9)
        list_membership.add_to_list(
            session, shop.id, done.list_id, caller, at=earlier, source="form:1"
        )
    for whose in (caller, ana):
        sign_up(shop, other_list, whose)
    kept = join(shop, caller, ana)
    assert members(shop, done.list_id) == {kept: "form:1"}

    take_back(shop, done)
    part(shop, kept)

    assert members(shop, done.list_id) == {caller.profile_id: "form:1"}
    assert {caller.profile_id, ana.profile_id} <= members(shop, other_list).keys()


def test_a_sign_up_takes_the_place_of_an_import_that_waits(shop: Shop) -> None:
    caller = who(shop, PHONE)
    held, list_id = take_in(shop, "ana@example.com")
    ana = who(shop, ANA)
    with db.transaction() as session:
        earlier = clock.now() - timedelta(days=9)
        list_membership.add_to_list(session, shop.id, list_id, caller, at=earlier, source="form:1")
    kept = join(shop, caller, ana)
    sign_up(shop, list_id, ProfileRef(kept, ana.source_profile_id), "form:2")

    take_back(shop, held)
    part(shop, kept)

    assert members(shop, list_id) == {caller.profile_id: "form:1", ana.profile_id: "form:2"}


def test_a_merge_beside_a_revert_leaves_no_member_behind(shop: Shop) -> None:
    caller = who(shop, PHONE)
    held, list_id = take_in(shop, "ana@example.com")
    ana = who(shop, ANA)
    taking = threading.Thread(target=take_back, args=(shop, held))

    with db.transaction() as session:
        session.connection()  # SQLite's lock is to have begun
        db.lock_shop(session, shop.id)
        taking.start()
        time.sleep(1)  # it is as far as it comes
        assert members(shop, list_id) == {ana.profile_id: held.source}
        merge.merge_profiles(
            session, shop.id, caller.profile_id, ana.profile_id, by="42", now=clock.now()
        )
    taking.join(30)

    assert members(shop, list_id) == {}


def test_a_member_merged_into_a_passed_profile_is_still_removed(shop: Shop) -> None:
    caller = who(shop, PHONE)
    held, list_id = take_in(shop, "bo@example.com", "ana@example.com")
    ana = who(shop, ANA)
    lifecycle.revert_import(held)
    with db.transaction() as session:
        passed = list_membership.remove_batch(
            session, shop.id, list_id, held.source, after=0, limit=1
        )
        assert imports.save_progress(session, held, offset=passed)

    kept = join(shop, caller, ana)
    assert members(shop, list_id) == {kept: held.source}

    assert sheet.finish(shop, held).state == ImportState.REVERTED
    assert members(shop, list_id) == {}


def test_a_deleted_list_gets_no_members(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    _, list_id = take_in(shop, "ana@example.com")
    ana, caller = who(shop, ANA), who(shop, PHONE)
    sign_up(shop, list_id, caller)
    kept = join(shop, ana, caller)
    lists.delete_list(shop.id, list_id)
    monkeypatch.setattr(lists, "RESTORABLE_FOR", timedelta(0))
    assert run_slice(lists.SLICE_JOB, shop.id) is Progress.DONE

    part(shop, kept)

    assert members(shop, list_id) == {}
    with db.reading() as session:
        assert profiles.get_profile(session, shop.id, caller.profile_id) is not None
