"""Searches: what a merchant looks for names a shopper, so it never stands in an address.

It is sent in a form, and the address of what was found holds it sealed, for a while: a reload and
the way back find it again.
"""

import json
from datetime import datetime, timedelta
from urllib.parse import urlencode

from admin_ui.kit.request import AdminRequest
from plugin import clock
from storage.engine import encryption
from storage.engine.encryption import SecretError

MAX_SEARCH_CHARS = 100  # letters of a search
VALID_FOR = timedelta(hours=1)
KEY = "find"  # the parameter of an address
_PURPOSE = "search"


def sought(visit: AdminRequest) -> str:
    """What a merchant looks for: in a form, or under the key of an address."""
    if visit.request.method == "POST":
        return visit.form.get("q", "")[:MAX_SEARCH_CHARS]
    return _open(visit.shop.id, visit.request.query_params.get(KEY, ""))


def address(path: str, shop_id: int, text: str, before: str = "") -> str:
    """The address of a page on which this is looked for."""
    query = {KEY: seal(shop_id, text), "before": before}
    written = urlencode({name: value for name, value in query.items() if value})
    return f"{path}?{written}" if written else path


def seal(shop_id: int, text: str) -> str:
    """The key under which a search is found again; none for no search."""
    if not text:
        return ""
    until = clock.now() + VALID_FOR
    return encryption.encrypt(json.dumps([_PURPOSE, shop_id, until.isoformat(), text])).decode()


def _open(shop_id: int, key: str) -> str:
    """The search under a key; none where the key is too old, or of another shop."""
    try:
        purpose, shop, until, text = json.loads(encryption.decrypt(key.encode()))
    except (SecretError, ValueError):
        return ""
    if [purpose, shop] != [_PURPOSE, shop_id] or datetime.fromisoformat(until) < clock.now():
        return ""
    return str(text)
