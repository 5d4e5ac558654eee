"""Search for a shopper by a prefix of name, address or number, or by an exact identity."""

from datetime import UTC, datetime, timedelta

import pytest

from plugin.facts import Facts, ProfileFact, identity_keys
from plugin.ingest.record import record_facts
from plugin.profiles import merge
from storage import lists, profiles, search
from storage.engine import db
from storage.profiles import IdentityKind
from storage.search import search_members, search_profiles

START = datetime(2026, 11, 21, 12, tzinfo=UTC)
PEOPLE = (  # first name, last name, email, phone, customer id; the first was seen last
    ("Mina", "Okafor", "mina.okafor@example.com", "+15035550101", 7001),
    ("Élodie", "Lefèvre", "elodie@example.fr", None, 7002),
    ("伟", "王", "wei@example.cn", None, 7003),
    ("Minako", "Sato", "sato@example.jp", "+81312345678", 7004),
    ("Ada", "Mina", "ada_l@example.com", None, 7005),
    ("Jürgen", "Weiß", "weiss@example.de", "+4930123456", 7006),
)


@pytest.fixture
def people(database: str, shop) -> list[str]:
    facts = Facts()
    for at, (first, last, email, phone, customer) in enumerate(PEOPLE):
        said = {"first_name": first, "last_name": last, "email": email, "phone": phone}
        fields = {name: value for name, value in said.items() if value}
        known = identity_keys(
            (IdentityKind.CUSTOMER, customer),
            (IdentityKind.EMAIL, email),
            (IdentityKind.PHONE, phone),
        )
        facts.profiles.append(ProfileFact(known, START - timedelta(hours=at), fields))
    with db.transaction() as session:
        record_facts(session, shop, facts, START)
    return [first for first, *_ in PEOPLE]


@pytest.fixture(params=[(1_000, 40_000), (0, 40_000), (0, 0)], ids=["few", "many", "more"])
def way(request, monkeypatch):
    """Each way in which a search goes, by how many are meant."""
    monkeypatch.setattr(search, "MAX_HITS_SORTED", request.param[0])
    monkeypatch.setattr(search, "MAX_HITS_COUNTED", request.param[1])


def found(shop, words: str, limit: int = 50, **more) -> list[str | None]:
    with db.reading() as session:
        return [p.first_name for p in search_profiles(session, shop.id, words, limit=limit, **more)]


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("", ["Mina", "Élodie", "伟", "Minako", "Ada", "Jürgen"]),
        ("mina", ["Mina", "Minako", "Ada"]),
        ("MINA O", ["Mina"]),
        ("okafor  mina", ["Mina"]),
        ("mina.ok", ["Mina"]),
        ("élod", ["Élodie"]),
        ("elodie lefevre", ["Élodie"]),
        ("王伟", ["伟"]),
        ("王 伟", ["伟"]),
        ("weiss", ["Jürgen"]),
        ("+1 (503) 555", ["Mina"]),
        ("1503555", ["Mina"]),
        ("00813", ["Minako"]),
        ("ada_", ["Ada"]),
        ("ada%", []),
        ("nobody", []),
    ],
)
def test_names_addresses_and_numbers_are_found_by_how_they_begin(people, shop, way, words, wanted):
    assert found(shop, words) == wanted


def test_a_number_without_its_country_is_one_of_the_shops_own(people, shop):
    assert found(shop, "503 555") == []
    assert found(shop, "503 555", calling_code=1) == ["Mina"]
    assert found(shop, "030 123", calling_code=49) == ["Jürgen"]


def test_an_exact_identity_finds_its_profile(people, shop):
    assert found(shop, "7004") == ["Minako"]
    assert found(shop, "700") == []


def test_a_page_goes_on_where_the_one_before_ended(people, shop, way):
    with db.reading() as session:
        (first,) = search_profiles(session, shop.id, "mina", limit=1)

    assert found(shop, "mina", limit=1, before=(first.last_active_at, first.id)) == ["Minako"]


def test_who_is_many_but_long_not_seen_is_found_all_the_same(people, shop, way, monkeypatch):
    monkeypatch.setattr(search, "MAX_ROWS_SCANNED", 2)

    assert found(shop, "weiss") == ["Jürgen"]
    assert found(shop, "mina") == ["Mina", "Minako", "Ada"]
    assert found(shop, "mina", limit=1) == ["Mina"]


def test_of_a_list_those_are_found_who_are_on_it_the_last_joined_first(people, shop, way):
    with db.transaction() as session:
        ids = {p.first_name: p.id for p in search_profiles(session, shop.id, "", limit=50)}
        for hours, name in enumerate(("Mina", "Ada", "Jürgen")):
            at = START + timedelta(hours=hours)
            lists.add_member(session, shop.id, 1, ids[name], at=at, source="test")
        lists.add_member(session, shop.id, 2, ids["Minako"], at=START, source="test")

    with db.reading() as session:
        on_it = search_members(session, shop.id, 1, "mina", limit=50)
        place = (START + timedelta(hours=1), ids["Ada"])
        after = search_members(session, shop.id, 1, "mina", limit=50, before=place)
    assert on_it == [ids["Ada"], ids["Mina"]]
    assert after == [ids["Mina"]]


def test_a_renamed_profile_is_found_by_the_new_name_only(people, shop):
    later = START + timedelta(days=1)
    known = identity_keys((IdentityKind.CUSTOMER, 7005))
    with db.transaction() as session:
        married = ProfileFact(known, later, {"last_name": "Brandt"})
        record_facts(session, shop, Facts(profiles=[married]), later)

    assert found(shop, "brandt ada") == ["Ada"]
    assert found(shop, "mina ada") == []


def test_who_was_joined_is_found_by_the_address_of_either(people, shop, way):
    with db.transaction() as session:
        known = [
            (IdentityKind.EMAIL, "mina.okafor@example.com"),
            (IdentityKind.EMAIL, "elodie@example.fr"),
        ]
        owners = profiles.find_identities(session, shop.id, known)
        merge.merge_profiles(session, shop.id, *owners.values(), by="17", now=START)

    assert len(found(shop, "mina.okafor@")) == len(found(shop, "elodie@")) == 1
    assert found(shop, "mina.okafor@") == found(shop, "elodie@")
