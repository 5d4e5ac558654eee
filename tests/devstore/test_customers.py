"""The app's changes of customers: consents, tags, themselves; and how each is reported."""

import pytest

from devstore.admin.api import answer

ID, ADDRESS, PHONE = "gid://shopify/Customer/{}", "mia@example.com", "+12125550123"
EMAIL = """mutation ($input: CustomerEmailMarketingConsentUpdateInput!) {
  customerEmailMarketingConsentUpdate(input: $input) { userErrors { field code message } } }"""
SMS = """mutation ($input: CustomerSmsMarketingConsentUpdateInput!) {
  customerSmsMarketingConsentUpdate(input: $input) { userErrors { field code message } } }"""
WHATSAPP = """mutation ($input: CustomerWhatsAppMarketingConsentUpdateInput!) {
  customerWhatsAppMarketingConsentUpdate(input: $input) { userErrors { field code message } } }"""
TAG = """mutation ($id: ID!, $tags: [String!]!) { tagsAdd(id: $id, tags: $tags) {
  node { id } userErrors { message } } }"""
UNTAG = TAG.replace("tagsAdd", "tagsRemove")
SET = """mutation ($by: CustomerSetIdentifiers, $input: CustomerSetInput!) {
  customerSet(identifier: $by, input: $input) { customer { id } userErrors { code } } }"""
FIND = """query ($by: CustomerIdentifierInput!) { customerByIdentifier(identifier: $by) { id } }"""


def data(store, query, **values):
    said = answer(store, query, values)
    assert "errors" not in said, said
    (found,) = said["data"].values()
    return found


@pytest.fixture
def mia(store):
    return store.register_customer(ADDRESS, phone=PHONE)


def email(store, customer, state, at=None):
    said = {"marketingState": state, "consentUpdatedAt": at}
    given = {"customerId": ID.format(customer["id"]), "emailMarketingConsent": said}
    return data(store, EMAIL, input=given)["userErrors"]


def test_each_channel_is_kept_and_told_by_its_own_webhook(store, mia):
    at, who = "2026-11-19T10:00:00.4Z", ID.format(mia["id"])
    assert email(store, mia, "SUBSCRIBED", at) == []
    said = {"marketingState": "SUBSCRIBED", "consentUpdatedAt": at}
    done = data(store, SMS, input={"customerId": who, "smsMarketingConsent": said})
    assert done["userErrors"] == []
    said = {"state": "SUBSCRIBED", "updatedAt": at, "optInLevel": "CONFIRMED_OPT_IN"}
    done = data(store, WHATSAPP, input={"customerId": who, "whatsAppMarketingConsent": said})
    assert done["userErrors"] == []

    (told,) = store.deliveries("customers_email_marketing_consent/update")
    assert told.payload["email_marketing_consent"]["state"] == "subscribed"
    assert told.payload["email_marketing_consent"]["consent_updated_at"].startswith("2026-11-19T05")
    (told,) = store.deliveries("customers_marketing_consent/update")
    assert told.payload["sms_marketing_consent"]["consent_collected_from"] == "other"
    (told,) = store.deliveries("customers_whats_app_marketing_consent/update")
    assert told.payload["phone_number"] == PHONE
    assert told.payload["whats_app_marketing_consent"] == {
        "state": "subscribed",
        "opt_in_level": "confirmed_opt_in",
        "updated_at": "2026-11-19T05:00:00-05:00",
        "collected_from": "other",
    }


def test_an_older_word_than_the_kept_one_changes_nothing(store, mia):
    assert email(store, mia, "UNSUBSCRIBED", "2026-11-19T10:00:00Z") == []
    assert email(store, mia, "SUBSCRIBED", "2026-11-19T09:59:59Z") == []

    assert store.customer(ADDRESS)["email_consent"]["state"] == "unsubscribed"
    assert len(store.deliveries("customers_email_marketing_consent/update")) == 1


@pytest.mark.parametrize("state", ["NOT_SUBSCRIBED", "REDACTED", "INVALID"])
def test_states_that_are_shopifys_own_are_refused(store, mia, state):
    (fault,) = email(store, mia, state)

    assert fault["code"] == "INCLUSION"
    assert store.deliveries("customers_email_marketing_consent/update") == []


def test_a_customer_without_a_phone_allows_no_texts(store):
    bare = store.register_customer("ann@example.com")
    given = {
        "customerId": ID.format(bare["id"]),
        "smsMarketingConsent": {"marketingState": "SUBSCRIBED"},
    }

    (fault,) = data(store, SMS, input=given)["userErrors"]
    assert "phone number" in fault["message"]


def test_tags_are_told_only_when_they_change(store, mia):
    who = ID.format(mia["id"])
    for _ in range(2):
        assert data(store, TAG, id=who, tags=["vip", "a, b"])["userErrors"] == []
    assert data(store, UNTAG, id=who, tags=["b", "never"])["userErrors"] == []

    assert store.customer(ADDRESS)["tags"] == ["a", "vip"]
    (added,) = store.deliveries("customer.tags_added")
    assert (added.payload["customerId"], added.payload["tags"]) == (who, ["vip", "a", "b"])
    (removed,) = store.deliveries("customer.tags_removed")
    assert removed.payload["tags"] == ["b"]
    (fault,) = data(store, TAG, id=who, tags=["x" * 256])["userErrors"]
    assert "too long" in fault["message"]


def test_a_customer_is_created_once_and_found_by_each_address(store):
    said = {"email": ADDRESS, "firstName": "Mia"}
    made = [data(store, SET, by={"email": ADDRESS}, input=said)["customer"]["id"] for _ in range(2)]
    store.register_customer(ADDRESS, phone=PHONE)

    assert made[0] == made[1]
    for by in ({"emailAddress": "MIA@example.com"}, {"phoneNumber": PHONE}, {"id": made[0]}):
        assert data(store, FIND, by=by) == {"id": made[0]}
    assert data(store, FIND, by={"emailAddress": "nobody@example.com"}) is None
    (fault,) = data(store, SET, by={"email": "x@example.com"}, input=said)["userErrors"]
    assert fault["code"] == "INPUT_MISMATCH"
