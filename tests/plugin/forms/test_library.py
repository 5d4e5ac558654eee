"""The forms that a shop begins with and may take: neutral, or by what the shop sells."""

from typing import Any

import pytest
from dramatiq.brokers.stub import StubBroker

from plugin import clock
from plugin.errors import RegularsError
from plugin.flows import library as flow_library
from plugin.forms import library
from plugin.forms.definition import blocks_of
from plugin.templates import library as email_library
from plugin.templates.compile import publish_template
from storage import forms, templates
from storage.engine import db
from storage.engine.ids import new_id
from storage.lists import lists_of
from storage.products import Product, top_product_types
from storage.properties import definitions_of
from storage.shops import Shop, add_shop

NEUTRAL = ["Something new", "A gift", "A good deal", "Just browsing"]
SKINCARE = "Clear skin, without the sting"


@pytest.fixture
def seeded(database: str, shop: Shop) -> Shop:
    """A shop with its flows and its popup."""
    flow_library.seed_flows(shop.id)
    library.seed(shop.id)
    return shop


def sell(shop: Shop, *types: str, status: str = "active") -> None:
    """Put a product of each type on sale."""
    now = clock.now()
    with db.transaction() as session:
        for kind in types:
            session.add(
                Product(
                    shop_id=shop.id, id=new_id(), title="Thing", handle="thing", kind=kind,
                    status=status, updated_at=now, reported_at=now,
                )
            )  # fmt: skip


def popup(shop: Shop) -> dict[str, Any]:
    """What the shop's first form shows."""
    with db.reading() as session:
        (form,) = forms.forms_of(session, shop.id)
        version = forms.get_form_version(session, shop.id, form.id, form.version)
    assert version
    return version.definition


def choices(shop: Shop) -> list[str]:
    """The answers that the shop's popup offers."""
    asked = [block for block in blocks_of(popup(shop)) if block["type"] == "radio_buttons"]
    return [option["label"] for option in asked[0]["properties"]["options"]]


def welcome_texts(shop: Shop) -> str:
    """The blocks of the newest welcome mail."""
    with db.reading() as session:
        held = templates.templates_of(session, shop.id)
        (welcome,) = [each for each in held if each.name == "Welcome"]
        version = templates.get_template_version(session, shop.id, welcome.id, welcome.version)
    assert version
    return str(version.blocks)


def test_a_new_shop_gets_a_popup_and_mails_that_fit_any_shop(seeded: Shop) -> None:
    texts = str(popup(seeded)) + welcome_texts(seeded)

    assert choices(seeded) == NEUTRAL
    assert "email" in [block["type"] for block in blocks_of(popup(seeded))]
    assert "skin" not in texts


def test_the_popup_offers_what_the_shop_sells_most(database: str, shop: Shop) -> None:
    sell(shop, *["Mug"] * 3, *["Tea"] * 5, "tea", *["Pot"] * 2, "Cup", "Kettle", "Tin", "Zester")
    sell(shop, *["Gone"] * 9, status="deleted")
    sell(shop, *[""] * 9)
    flow_library.seed_flows(shop.id)
    library.seed(shop.id)

    assert choices(shop) == ["Tea", "Mug", "Pot", "Cup", "Kettle", "Tin", "Just browsing"]


@pytest.mark.parametrize("types", [(), ("Tea",), ("Tea", "tea", "")])
def test_one_kind_of_product_makes_no_question(
    database: str, shop: Shop, types: tuple[str, ...]
) -> None:
    sell(shop, *types)
    flow_library.seed_flows(shop.id)
    library.seed(shop.id)

    assert choices(shop) == NEUTRAL


def test_the_popup_learns_what_the_shop_sells_once_its_products_are_read(seeded: Shop) -> None:
    sell(seeded, "Tea", "Mug")
    library.seed(seeded.id)

    assert choices(seeded) == ["Mug", "Tea", "Just browsing"]


def test_a_popup_that_was_switched_on_keeps_its_choices(seeded: Shop, broker: StubBroker) -> None:
    broker.declare_queue("publish")
    with db.reading() as session:
        (form,) = forms.forms_of(session, seeded.id)
    library.set_status(seeded.id, form.id, True)
    library.set_status(seeded.id, form.id, False)
    sell(seeded, "Tea", "Mug")

    library.seed(seeded.id)

    assert choices(seeded) == NEUTRAL
    with db.reading() as session:
        asked = definitions_of(session, seeded.id)["looking_for"]
    assert [option["labels"][""] for option in asked.options] == NEUTRAL


def test_another_shops_products_are_not_asked_about(seeded: Shop) -> None:
    with db.transaction() as session:
        other = add_shop(session, "other.myshopify.com", clock.now())
    sell(other, "Tea", "Mug")

    library.seed(seeded.id)

    assert choices(seeded) == NEUTRAL
    with db.reading() as session:
        assert top_product_types(session, seeded.id, 6) == []


def test_a_form_of_the_library_is_taken_once_as_a_draft(seeded: Shop) -> None:
    with db.reading() as session:
        assert list(library.unused_forms(session, seeded.id)) == ["skincare_quiz"]

    form_id = library.use_form(seeded.id, "skincare_quiz")

    assert library.use_form(seeded.id, "skincare_quiz") == form_id
    with db.reading() as session:
        form = forms.get_form(session, seeded.id, form_id)
        (newsletter,) = lists_of(session, seeded.id)
        assert library.unused_forms(session, seeded.id) == {}
        assert len(forms.forms_of(session, seeded.id)) == 2
    assert form
    assert (form.name, form.status, form.list_id) == ("Skincare quiz", "draft", newsletter.id)


def test_a_form_brings_its_welcome_mail_along(seeded: Shop) -> None:
    assert SKINCARE not in welcome_texts(seeded)

    library.use_form(seeded.id, "skincare_quiz")

    assert SKINCARE in welcome_texts(seeded)
    with db.reading() as session:
        assert len(templates.templates_of(session, seeded.id)) == len(email_library.STARTERS)


def test_a_welcome_mail_that_the_merchant_changed_stays(seeded: Shop) -> None:
    with db.transaction() as session:
        held = templates.templates_of(session, seeded.id)
        (welcome,) = [each for each in held if each.name == "Welcome"]
        publish_template(
            session, seeded.id, welcome.id, name="Welcome", subject="Hi", preview="",
            blocks=[{"type": "text", "text": "My own words"}], translations={},
        )  # fmt: skip

    library.use_form(seeded.id, "skincare_quiz")

    assert "My own words" in welcome_texts(seeded)


def test_a_form_taken_after_its_list_was_deleted_waits_for_another(seeded: Shop) -> None:
    with db.transaction() as session:
        (newsletter,) = lists_of(session, seeded.id)
        newsletter.name = "Tea lovers"
        session.add(newsletter)

    form_id = library.use_form(seeded.id, "skincare_quiz")

    with pytest.raises(RegularsError, match="list") as refused:
        library.set_status(seeded.id, form_id, True)
    assert refused.value.status == 409


def test_a_form_that_the_library_does_not_have_is_not_found(seeded: Shop) -> None:
    with pytest.raises(RegularsError) as refused:
        library.use_form(seeded.id, "../secrets")

    assert refused.value.status == 404
