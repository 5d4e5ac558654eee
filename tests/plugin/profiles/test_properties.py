"""Properties: values are coerced to their type; what does not fit stays as it was."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from plugin import clock
from plugin.errors import RegularsError
from plugin.facts import IdentityKey, ProfileFact
from plugin.flows import library as flow_library
from plugin.forms import library
from plugin.profiles import corrections, merge, properties
from plugin.profiles.identity import resolve_profiles
from storage import profiles
from storage import properties as stored_properties
from storage.engine import db
from storage.merges import merges_of
from storage.profiles import DataSource
from storage.properties import PropertyDefinition, PropertyType, definitions_of
from storage.shops import Shop

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
ADA = IdentityKey("email", "ada@example.com")
PHONE = IdentityKey("phone", "+4915112345678")
SKIN = [
    {"value": "dry", "labels": {"": "Dry skin", "zh-CN": "干性"}},
    {"value": "oily", "labels": {"": "Oily skin", "zh-CN": "油性"}},
]


def one(kind: str) -> PropertyDefinition:
    return PropertyDefinition(shop_id=1, id=1, name="x", type=kind, options=SKIN, updated_at=NOW)


@pytest.mark.parametrize(
    ("kind", "said", "held"),
    [
        (PropertyType.NUMBER, " 42 ", 42),
        (PropertyType.NUMBER, "3.5", 3.5),
        (PropertyType.NUMBER, 7, 7),
        (PropertyType.DATE, "2001/2/3", "2001-02-03"),
        (PropertyType.DATE, "2001-02-03T10:00:00Z", "2001-02-03"),
        (PropertyType.BOOLEAN, "Yes", True),
        (PropertyType.BOOLEAN, "否", False),
        (PropertyType.BOOLEAN, 0, False),
        (PropertyType.CHOICE, "dry", "dry"),
        (PropertyType.CHOICE, "OILY SKIN", "oily"),
        (PropertyType.CHOICE, "干性", "dry"),
        (PropertyType.CHOICES, "Dry skin; oily, dry", ["dry", "oily"]),
        (PropertyType.CHOICES, ["油性"], ["oily"]),
        (PropertyType.CHOICES, " ; ", None),
        (PropertyType.TEXT, 5, "5"),
        (PropertyType.NUMBER, "", None),
        (PropertyType.CHOICE, None, None),
    ],
)
def test_a_value_is_kept_as_its_type_has_it(kind: str, said: Any, held: Any) -> None:
    found = properties.coerce_value(one(kind), said)

    assert found == held
    assert type(found) is type(held)
    assert properties.is_valid(one(kind), found)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (PropertyType.NUMBER, "many"),
        (PropertyType.NUMBER, True),
        (PropertyType.NUMBER, "nan"),
        (PropertyType.NUMBER, "9" * 30),
        (PropertyType.NUMBER, "1,5"),
        (PropertyType.DATE, "2001-02-30"),
        (PropertyType.DATE, "yesterday"),
        (PropertyType.BOOLEAN, "perhaps"),
        (PropertyType.CHOICE, "normal"),
        (PropertyType.CHOICES, "dry; normal"),
        (PropertyType.TEXT, {"a": 1}),
    ],
)
def test_what_does_not_fit_stays_as_it_was_said(kind: str, said: Any) -> None:
    assert not properties.is_valid(one(kind), said)
    assert properties.coerce_value(one(kind), said) == said


def test_a_forms_questions_are_properties_in_every_language_of_the_form(
    database: str, shop: Shop
) -> None:
    flow_library.seed_flows(shop.id)
    library.use_form(shop.id, "skincare_quiz")

    with db.reading() as session:
        need = definitions_of(session, shop.id)["skin_need"]
        labels = stored_properties.labels_of(session, shop.id, "zh-Hans")
    assert (need.type, need.source, len(need.options)) == (PropertyType.CHOICE, "form", 4)
    assert need.labels[""] == "What does your skin need most?"
    assert set(need.labels) == {"", "zh-CN"}
    assert labels["skin_need"]["hydration"] != "More hydration"


def test_what_a_merchant_named_anew_a_form_leaves_alone(shop: Shop) -> None:
    flow_library.seed_flows(shop.id)
    form_id = library.use_form(shop.id, "skincare_quiz")
    with db.reading() as session:
        need = definitions_of(session, shop.id)["skin_need"]
    own = [{"value": "hydration", "labels": {"": "Thirst"}}]
    properties.save_definition(
        shop.id, need.id, need.name, PropertyType.CHOICES, labels={"": "Skin"}, options=own
    )

    library.set_status(shop.id, form_id, True)

    with db.reading() as session:
        need = definitions_of(session, shop.id)["skin_need"]
    assert (need.type, need.labels, need.options) == (PropertyType.CHOICES, {"": "Skin"}, own)
    tell(shop, NOW, "form", skin_need="firmness")
    assert ada(shop).properties == {"skin_need": "firmness"}
    assert not properties.is_valid(need, "firmness")


def test_a_choice_that_a_merchant_gave_no_values_takes_those_of_the_form(shop: Shop) -> None:
    properties.save_definition(
        shop.id, None, "skin_need", PropertyType.CHOICE, labels={"": "Skin"}, options=[]
    )
    flow_library.seed_flows(shop.id)
    library.use_form(shop.id, "skincare_quiz")

    with db.reading() as session:
        need = definitions_of(session, shop.id)["skin_need"]
    assert (need.source, need.labels[""], len(need.options)) == ("merchant", "Skin", 4)


def test_a_form_that_asks_nothing_new_changes_nothing(shop: Shop) -> None:
    flow_library.seed_flows(shop.id)
    form_id = library.use_form(shop.id, "skincare_quiz")
    with db.reading() as session:
        before = definitions_of(session, shop.id)["skin_need"].updated_at

    library.set_status(shop.id, form_id, True)

    with db.reading() as session:
        assert definitions_of(session, shop.id)["skin_need"].updated_at == before


def ada(shop: Shop) -> profiles.Profile:
    with db.reading() as session:
        known = profiles.find_identities(session, shop.id, [ADA])
        found = profiles.get_profile(session, shop.id, known[ADA])
    assert found is not None
    return found


def tell(shop: Shop, at: datetime, source: str, **said: Any) -> None:
    with db.transaction() as session:
        person = ProfileFact((ADA,), at, properties=said, source=source)
        resolve_profiles(session, shop.id, [person], clock.now())


def test_every_source_is_coerced_and_a_merchants_value_wins(database: str, shop: Shop) -> None:
    properties.save_definition(shop.id, None, "skin", PropertyType.CHOICE, labels={}, options=SKIN)
    properties.save_definition(shop.id, None, "age", PropertyType.NUMBER, labels={}, options=[])
    for source in ("form", "import", "shopify"):
        tell(shop, NOW, source, skin="Oily Skin", age="old", shoe="41", **{"tag:vip": True})

    hers = ada(shop)
    assert hers.properties == {"skin": "oily", "age": "old", "shoe": "41", "tag:vip": True}
    assert corrections.correct_field(shop.id, hers.id, "skin", "干性")
    assert not corrections.correct_field(shop.id, hers.id, "age", "very old")
    assert corrections.correct_field(shop.id, hers.id, "age", "42")
    tell(shop, NOW + timedelta(minutes=1), "form", skin="oily")
    hers = ada(shop)
    assert (hers.properties["skin"], hers.properties["age"]) == ("dry", 42)
    assert hers.field_sources["properties.skin"] == "merchant"
    assert hers.field_times["properties.skin"] > NOW.isoformat()


def test_what_a_merchant_clears_no_older_word_and_no_stranger_brings_back(
    database: str, shop: Shop
) -> None:
    properties.save_definition(shop.id, None, "skin", PropertyType.CHOICE, labels={}, options=SKIN)
    now = clock.now()
    tell(shop, now - timedelta(days=3), "form", skin="oily", shoe="41")
    for name in ("skin", "shoe"):
        assert corrections.correct_field(shop.id, ada(shop).id, name, "")

    tell(shop, now - timedelta(days=2), "import", skin="dry", shoe="42")
    tell(shop, now + timedelta(days=1), DataSource.UNPROVEN, skin="dry", shoe="42")

    hers = ada(shop)
    assert hers.properties == {"skin": None, "shoe": None}
    assert hers.field_sources["properties.skin"] == "merchant"
    tell(shop, now + timedelta(days=2), "form", skin="dry")
    assert ada(shop).properties["skin"] == "dry"


def test_what_a_merchant_clears_stays_so_when_profiles_join_and_part(
    database: str, shop: Shop
) -> None:
    tell(shop, clock.now() - timedelta(days=3), "form", skin="oily")
    assert corrections.correct_field(shop.id, ada(shop).id, "skin", "")
    with db.transaction() as session:
        said = {"skin": "dry"}
        other = ProfileFact((PHONE,), clock.now() - timedelta(days=1), properties=said)
        (whose,) = resolve_profiles(session, shop.id, [other], clock.now())
    assert whose is not None
    with db.transaction() as session:
        db.lock_shop(session, shop.id)
        merge.merge_profiles(
            session, shop.id, ada(shop).id, whose.profile_id, by="42", now=clock.now()
        )
    assert ada(shop).properties == {"skin": None}

    with db.transaction() as session:
        db.lock_shop(session, shop.id)
        (joined,) = merges_of(session, shop.id, ada(shop).id, 2)
        merge.undo_merge(session, shop.id, joined.id, "42", now=clock.now())

    assert ada(shop).properties == {"skin": None}
    with db.reading() as session:
        hers = profiles.get_profile(session, shop.id, whose.profile_id)
    assert hers is not None
    assert hers.properties == {"skin": "dry"}


@pytest.mark.parametrize("source", ["form", "import", "shopify", DataSource.UNPROVEN])
def test_who_says_nothing_clears_nothing(shop: Shop, source: str) -> None:
    properties.save_definition(shop.id, None, "skin", PropertyType.CHOICES, labels={}, options=SKIN)
    properties.save_definition(shop.id, None, "age", PropertyType.NUMBER, labels={}, options=[])
    tell(shop, NOW, "form", skin=["oily"], age=41)

    tell(shop, NOW + timedelta(days=1), source, skin=" ; ", age="")

    assert ada(shop).properties == {"skin": ["oily"], "age": 41}


def test_correcting_an_unknown_profile_or_property_is_refused(shop: Shop) -> None:
    tell(shop, NOW, "form", shoe="41")
    with pytest.raises(RegularsError):
        corrections.correct_field(shop.id, ada(shop).id, "made up", "x")
    with pytest.raises(RegularsError):
        corrections.correct_field(shop.id, 5, "shoe", "42")


@pytest.mark.parametrize("name", ["", "tag:vip", "x" * 101, "a\x00b"])
def test_a_property_needs_a_name_of_its_own(shop: Shop, name: str) -> None:
    with pytest.raises(RegularsError):
        properties.save_definition(shop.id, None, name, PropertyType.TEXT, labels={}, options=[])
