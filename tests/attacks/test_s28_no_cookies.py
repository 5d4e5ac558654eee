"""S28: a change needs App Bridge's Bearer; nothing that a browser sends by itself counts."""

import base64

import pytest

from admin_ui.app import routes
from storage.engine import db
from storage.shops import get_shop
from tests.admin_ui.conftest import session_token
from tests.attacks.test_s09_shops import rows_of
from tests.attacks.ways import filled_in, ways

HERE = "dewpoint.myshopify.com"
CHANGES = ways(routes(), "POST", "PUT", "PATCH", "DELETE")


def without_a_bearer():
    """Send what a form on another site can make a browser send."""
    token = session_token(HERE)
    basic = base64.b64encode(f"x:{token}".encode()).decode()
    return {
        "nothing": {},
        "in the address": {"params": {"id_token": token, "shop": HERE}},
        "in a field": {"data": {"id_token": token, "Authorization": f"Bearer {token}"}},
        "in a cookie": {"headers": {"Cookie": f"id_token={token}; session={token}"}},
        "as a password": {"headers": {"Authorization": f"Basic {basic}"}},
        "without its kind": {"headers": {"Authorization": token}},
        "with an empty kind": {"headers": {"Authorization": "Bearer"}},
        "under another name": {"headers": {"X-Authorization": f"Bearer {token}"}},
    }


@pytest.mark.parametrize(("method", "path"), CHANGES)
def test_s28_no_change_without_a_bearer(merchant, client, shop, filled, method, path):
    before = rows_of(shop.id)
    for number in ("1", str(filled["Welcome"]), str(filled["form"])):
        for place in filled_in(path, [number]):
            for name, sent in without_a_bearer().items():
                sent = {"data": {"status": "draft", "sender_name": "Evil"}, **sent}
                answer = client.request(method, place, **sent)
                assert answer.status_code == 401, (place, name)
                assert answer.headers["X-Shopify-Retry-Invalid-Session-Request"] == "1"

    assert rows_of(shop.id) == before


def test_s28_with_it_the_same_request_counts(merchant, shop):
    assert merchant.post("/settings", sender_name="Wen", sender_email="w@x.example").is_success
    with db.reading() as session:
        assert get_shop(session, shop.id).sender_name == "Wen"


def test_s28_no_page_sets_or_reads_a_cookie(merchant, pages):
    for path in pages():
        assert "set-cookie" not in merchant.open(path).headers
