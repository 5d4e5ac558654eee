"""The page that fetches a fresh token. Who may see the others: tests/attacks, S08 and S28."""

import pytest

HERE = "dewpoint.myshopify.com"


def test_the_token_page_holds_app_bridge_and_a_hint_for_other_visitors(client):
    answer = client.get("/auth/patch-id-token", params={"shop": HERE, "shopify-reload": "/flows"})

    assert answer.status_code == 200
    assert 'data-api-key="test-client-id"' in answer.text
    assert 'src="https://cdn.shopify.com/shopifycloud/app-bridge.js"' in answer.text
    assert "Open Regulars from Apps in your Shopify admin" in answer.text


@pytest.mark.parametrize(
    "back",
    [
        "",
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "/\t/evil.example",  # browsers drop tabs and line breaks
        "/\r\n/evil.example",
        "/flows\\..\\..",
    ],
)
def test_it_never_leads_away_from_us(client, back):
    assert client.get("/auth/patch-id-token", params={"shopify-reload": back}).status_code == 400
