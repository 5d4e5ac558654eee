"""Lists by a merchant's hand: made, named, deleted, restored, dropped; and who is put on one."""

from datetime import timedelta

import pytest
from dramatiq.brokers.stub import StubBroker

from plugin import clock, lists
from plugin.errors import RegularsError
from plugin.facts import IdentityKey, ProfileFact, ProfileRef
from plugin.flows import library
from plugin.forms import library as form_library
from plugin.imports import lifecycle
from plugin.jobs import Progress, run_slice
from plugin.lists import ListError, ListProblem
from plugin.profiles import list_membership, merge
from plugin.profiles.identity import resolve_profiles
from plugin.settings import get_settings
from plugin.worker import scheduler
from storage import consent, flows, forms, merges, profiles
from storage import lists as stored_lists
from storage.engine import db
from storage.shops import Shop
from tests.conftest import NOW
from tests.plugin.imports import sheet

EMAIL, PHONE = IdentityKey("email", "maya@example.com"), IdentityKey("phone", "+14155550132")


def know(shop: Shop, *keys: IdentityKey) -> int:
    with db.transaction() as session:
        db.lock_shop(session, shop.id)
        (whose,) = resolve_profiles(session, shop.id, [ProfileFact(keys, NOW)], NOW)
    assert whose is not None
    return whose.profile_id


def places(shop: Shop, list_id: int) -> list[tuple[int, str]]:
    with db.reading() as session:
        found = stored_lists.members_page(session, shop.id, list_id)
    return sorted((row.profile_id, row.source) for row in found)


def names(shop: Shop) -> list[str]:
    with db.reading() as session:
        return [each.name for each in stored_lists.lists_of(session, shop.id)]


def refusal(act, *args) -> str:
    with pytest.raises(ListError) as refused:
        act(*args)
    return refused.value.reason


def test_a_name_is_one_line_of_its_own(database: str, shop: Shop) -> None:
    made = lists.create_list(shop.id, "  Fair\nin  Porto \x00")

    assert names(shop) == ["Fair in Porto"]
    assert refusal(lists.create_list, shop.id, "FAIR in porto") == ListProblem.NAME_TAKEN
    assert refusal(lists.create_list, shop.id, " \t ") == ListProblem.NAMELESS
    other = lists.create_list(shop.id, "é" * 300)
    assert names(shop)[1] == "é" * lists.MAX_LIST_NAME_CHARS
    assert refusal(lists.rename_list, shop.id, other, "fair in Porto") == ListProblem.NAME_TAKEN
    lists.rename_list(shop.id, made, "fair in porto")
    assert names(shop)[0] == "fair in porto"


def test_there_are_only_so_many_lists(sqlite: str, shop: Shop, monkeypatch) -> None:
    monkeypatch.setattr(lists, "MAX_LISTS", 2)
    first = lists.create_list(shop.id, "One")
    lists.create_list(shop.id, "Two")

    assert refusal(lists.create_list, shop.id, "Three") == ListProblem.TOO_MANY
    lists.delete_list(shop.id, first)
    lists.create_list(shop.id, "Three")
    assert refusal(lists.restore_list, shop.id, first) == ListProblem.TOO_MANY


def test_a_deleted_list_is_nowhere_and_comes_back_whole(database: str, shop: Shop) -> None:
    made, maya = lists.create_list(shop.id, "Porto"), know(shop, EMAIL)
    lists.add_member(shop, made, maya)

    lists.delete_list(shop.id, made)
    lists.delete_list(shop.id, made)

    assert names(shop) == []
    with db.reading() as session:
        assert stored_lists.get_list(session, shop.id, made) is None
        assert stored_lists.memberships_of(session, shop.id, maya) == []
        assert profiles.get_profile(session, shop.id, maya) is not None
    with pytest.raises(RegularsError):
        lists.add_member(shop, made, maya)
    lists.restore_list(shop.id, made)
    lists.restore_list(shop.id, made)
    assert names(shop) == ["Porto"]
    assert places(shop, made) == [(maya, "merchant")]


def test_a_list_comes_back_under_its_own_name_alone(sqlite: str, shop: Shop) -> None:
    made = lists.create_list(shop.id, "Porto")
    lists.delete_list(shop.id, made)
    lists.create_list(shop.id, "porto")

    assert refusal(lists.restore_list, shop.id, made) == ListProblem.NAME_TAKEN


def test_what_is_switched_on_keeps_its_list(form_id: int, shop: Shop) -> None:
    with db.reading() as session:
        (newsletter,) = stored_lists.lists_of(session, shop.id)
        (welcome,) = lists.flows_triggered_by(session, shop.id, newsletter.id)

    assert refusal(lists.delete_list, shop.id, newsletter.id) == ListProblem.IN_USE
    form_library.set_status(shop.id, form_id, False)
    assert refusal(lists.delete_list, shop.id, newsletter.id) == ListProblem.IN_USE
    library.set_status(shop.id, welcome.id, False)
    lists.delete_list(shop.id, newsletter.id)

    for switch_on in (
        lambda: form_library.set_status(shop.id, form_id, True),
        lambda: library.set_status(shop.id, welcome.id, True),
    ):
        with pytest.raises(RegularsError) as refused:
            switch_on()
        assert refused.value.status == 409
    other = lists.create_list(shop.id, "Another")
    form_library.set_list(shop.id, form_id, other)
    form_library.set_status(shop.id, form_id, True)
    with db.reading() as session:
        assert forms.get_form(session, shop.id, form_id).list_id == other


def test_a_file_that_is_being_read_keeps_its_list_and_finds_no_deleted_one(
    sqlite: str, shop: Shop, data_dir
) -> None:
    made = lists.create_list(shop.id, "Porto")
    first, second = (sheet.upload(shop, b"Email\nida@example.com\n") for _ in range(2))
    first.list_id = second.list_id = made
    lifecycle.start_import(first)
    assert refusal(lists.delete_list, shop.id, made) == ListProblem.IN_USE
    sheet.finish(shop, first)
    lists.delete_list(shop.id, made)

    with pytest.raises(RegularsError) as refused:
        lifecycle.start_import(second)

    assert refused.value.status == 404


def test_a_list_is_dropped_in_pieces_once_it_cannot_be_restored(
    database: str, shop: Shop, monkeypatch, tmp_path, broker: StubBroker
) -> None:
    monkeypatch.setenv("REGULARS_CLOCK_FILE", str(tmp_path / "clock"))
    monkeypatch.setattr(lists, "MEMBERS_BATCH_SIZE", 10)
    get_settings.cache_clear()
    made, kept = lists.create_list(shop.id, "Porto"), lists.create_list(shop.id, "Lisbon")
    with db.transaction() as session:
        for each in (made, kept):
            row = {"shop_id": shop.id, "list_id": each, "joined_at": NOW, "source": "merchant"}
            fresh = [row | {"profile_id": n, "source_profile_id": None} for n in range(1, 36)]
            stored_lists.add_members(session, shop.id, fresh)
    lists.delete_list(shop.id, made)
    scheduler.enqueue_slices([lists.SLICE_JOB])
    assert broker.queues["lists"].qsize() == 0
    assert run_slice(lists.SLICE_JOB, shop.id) is Progress.DONE
    assert len(places(shop, made)) == 35

    clock.advance(lists.RESTORABLE_FOR + timedelta(seconds=1))
    with pytest.raises(RegularsError):
        lists.restore_list(shop.id, made)
    scheduler.enqueue_slices([lists.SLICE_JOB])
    assert broker.queues["lists"].qsize() == 1
    assert run_slice(lists.SLICE_JOB, shop.id, 0.0) is Progress.MORE
    assert run_slice(lists.SLICE_JOB, shop.id) is Progress.DONE

    assert places(shop, made) == []
    assert len(places(shop, kept)) == 35
    scheduler.enqueue_slices([lists.SLICE_JOB])
    assert broker.queues["lists"].qsize() == 1


def test_a_member_added_by_hand_enters_flows_without_consent(
    form_id: int, shop: Shop, broker: StubBroker
) -> None:
    with db.reading() as session:
        (newsletter,) = stored_lists.lists_of(session, shop.id)
    key = lists.parse_identity(shop, " Maya@Example.com ")
    assert key == EMAIL
    maya = lists.get_or_create_profile(shop, key)
    assert maya is not None
    assert maya == lists.get_or_create_profile(shop, key)

    assert lists.add_member(shop, newsletter.id, maya) == (True, 1)
    assert lists.add_member(shop, newsletter.id, maya) == (False, 0)

    assert broker.queues["advance"].qsize() == 1
    with db.reading() as session:
        (entered,) = flows.enrolments_of(session, shop.id, maya)
        assert entered.trigger_key == f"list:{newsletter.id}:{maya}"
        assert consent.ledger_of(session, shop.id, [("email", EMAIL.value)]) == []
        assert consent.get_consent(session, shop.id, "email", EMAIL.value) is None
        assert profiles.get_profile(session, shop.id, maya).field_sources["email"] == "merchant"


@pytest.mark.parametrize("said", ["", "maya", "maya@", "12", "x" * 300 + "@example.com"])
def test_what_is_no_address_is_nobodys(sqlite: str, shop: Shop, said: str) -> None:
    assert lists.parse_identity(shop, said) is None


def test_a_number_is_read_as_one_of_the_shops_country(sqlite: str, shop: Shop) -> None:
    assert lists.parse_identity(shop, "(415) 555-0132") == PHONE


def test_a_removed_member_is_put_back_as_before(database: str, shop: Shop) -> None:
    made, maya = lists.create_list(shop.id, "Porto"), know(shop, EMAIL)
    whose = ProfileRef(maya, maya)
    with db.transaction() as session:
        list_membership.add_to_list(session, shop.id, made, whose, at=NOW, source="form:7")

    left = lists.remove_member(shop.id, made, maya)
    assert lists.remove_member(shop.id, made, maya) == []
    assert places(shop, made) == []
    lists.restore_member(shop.id, made, left)
    lists.restore_member(shop.id, made, left)

    assert places(shop, made) == [(maya, "form:7")]
    with db.reading() as session:
        assert stored_lists.members_page(session, shop.id, made)[0].joined_at == NOW


def test_every_source_profile_leaves_a_list_and_returns(database: str, shop: Shop) -> None:
    """Parted again, neither side is on a list that the two left as one; both are, once undone."""
    made = lists.create_list(shop.id, "Porto")
    one, other = know(shop, EMAIL), know(shop, PHONE)
    with db.transaction() as session:
        for n, profile_id in enumerate((one, other)):
            at = NOW + timedelta(hours=n)
            list_membership.add_to_list(
                session,
                shop.id,
                made,
                ProfileRef(profile_id, profile_id),
                at=at,
                source=f"form:{n}",
            )
    both = know(shop, EMAIL, PHONE)
    assert places(shop, made) == [(both, "form:0")]

    left = lists.remove_member(shop.id, made, both)
    part(shop, both)
    assert places(shop, made) == []
    lists.restore_member(shop.id, made, left)

    assert places(shop, made) == [(one, "form:0"), (other, "form:1")]


def part(shop: Shop, profile_id: int) -> None:
    with db.transaction() as session:
        db.lock_shop(session, shop.id)
        for each in merges.merges_of(session, shop.id, profile_id, 10):
            merge.undo_merge(session, shop.id, each.id, "42", now=NOW)
