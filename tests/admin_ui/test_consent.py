"""Consent's settings: what the merchant sets there holds, and what makes no sense is refused."""

from plugin.flows import library
from plugin.forms import library as form_library
from storage import flows, forms, preferences
from storage.engine import db
from storage.shops import get_shop


def test_the_merchant_sets_topics_double_opt_in_and_consent_by_purchase(merchant, shop):
    library.seed_flows(shop.id)
    form_library.seed(shop.id)
    with db.reading() as session:
        (form,) = forms.forms_of(session, shop.id)
        flow = flows.flows_of(session, shop.id)[0]
    page = merchant.open("/settings/consent").text
    assert "Austria, Germany" in page

    said = {"implied_countries": "ca, au", "topics": " New  arrivals\n\nAdvice\nAdvice\n"}
    merchant.post("/settings/consent", **said, **{f"form-{form.id}": "double_opt_in"})
    with db.reading() as session:
        topics = preferences.topics_of(session, shop.id)
        held = get_shop(session, shop.id)
        assert forms.get_form(session, shop.id, form.id).opt_in == "double_opt_in"
    assert [topic.name for topic in topics] == ["New arrivals", "Advice"]
    assert held.implied_countries == "CA AU"

    about = {f"flow-{flow.id}": str(topics[1].id)}
    merchant.post("/settings/consent", topics="Advice\nSales", **about)
    with db.reading() as session:
        kept = preferences.topics_of(session, shop.id)
        assert flows.get_flow(session, shop.id, flow.id).topic_id == topics[1].id
        assert forms.get_form(session, shop.id, form.id).opt_in == "double_opt_in"
    assert [topic.name for topic in kept] == ["Advice", "Sales"]
    assert kept[0].id == topics[1].id, "whoever declined it still does"
    merchant.post("/settings/consent", topics="Sales")
    with db.reading() as session:
        assert flows.get_flow(session, shop.id, flow.id).topic_id is None

    refused = merchant.post("/settings/consent", implied_countries="CA XX")
    assert refused.status_code == 422
    assert "Unknown country: XX." in refused.text


def test_countries_are_named_in_words_and_shown_so(merchant, shop):
    for typed in ("Canada, New Zealand", "canada,nz", "CA NZ"):
        saved = merchant.post("/settings/consent", implied_countries=typed)
        assert 'value="Canada, New Zealand"' in saved.text
        with db.reading() as session:
            assert get_shop(session, shop.id).implied_countries == "CA NZ"

    refused = merchant.post("/settings/consent", implied_countries="Canada, Narnia")
    assert "Unknown country: Narnia." in refused.text
    assert 'value="Canada, Narnia"' in refused.text
