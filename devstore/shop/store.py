"""The shop: its goods and people below, the app that is installed on it here. No HTTP."""

import secrets
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from devstore.goods.markets import Markets
from devstore.goods.places import Places
from devstore.sales.subscriptions import Subscriptions
from devstore.shop import payloads
from devstore.shop.database import Document

ACCESS_S = 3_600  # expiring offline tokens: one hour, refreshed for at most ninety days
REFRESH_S = 90 * 86_400
CODE_S = 60
REDACTED_AFTER = timedelta(hours=48)  # after an uninstall that no new installation followed


class Token(NamedTuple):
    """What a token exchange gives the app."""

    access: str
    refresh: str
    scope: str


class Store(Subscriptions, Markets, Places):
    """A Shopify store. `Store()` is one in memory, `Store(path)` one that is kept."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.open()
        with self.transaction() as db:  # what a process that died was working on
            db.execute(
                "update bulk set status = 'FAILED', error = 'INTERNAL_SERVER_ERROR'"
                " where status in ('CREATED', 'RUNNING')"
            )

    def install(self) -> None:
        """Put the app on the shop, as the merchant's click does; webhooks count from here."""
        with self.transaction() as db:
            if not self.installed:
                db.execute("delete from delivery where topic = 'shop/redact' and done_at is null")
                self.set("installed", True)
                self.set("installation", self.next_id("installation"))
            self.grant(self._wanted)

    @property
    def granted(self) -> tuple[str, ...]:
        """The scopes that the merchant allows the app."""
        found = self.setting("granted")
        return self._wanted if found is None else tuple(found)

    @property
    def lacking(self) -> list[str]:
        """Return the scopes that the app wants by now and the merchant was not asked for."""
        return [each for each in self._wanted if each not in self.granted]

    @property
    def _wanted(self) -> tuple[str, ...]:
        return self.app.scopes if self.app else ()

    def grant(self, scopes: Sequence[str]) -> None:
        """Allow the app these scopes and no others, and tell it where that is a change."""
        with self.transaction():
            before = self.granted
            self.set("granted", list(scopes))
            if set(before) != set(scopes):
                self.emit("app/scopes_update", payloads.scopes(self, before, scopes))

    def issue_code(self) -> str:
        """A code for tokens, good once and for a minute."""
        code = secrets.token_hex(16)
        self.set("code", [code, self.now().timestamp() + CODE_S])
        return code

    def redeem_code(self, code: str) -> Token | None:
        """Tokens for a code, or None when it is not good any more."""
        with self.transaction():
            known, until = self.setting("code", ["", 0])
            if not known or code != known or self.now().timestamp() > until:
                return None
            self.set("code", None)
            return self.issue_token()

    def uninstall(self) -> None:
        """Uninstall the app: its webhook goes out last, when its tokens are void already."""
        with self.transaction() as db:
            if not self.installed:
                return
            db.execute("delete from token")
            db.execute("delete from metafield where owner = ?", (self.installation_gid,))
            self.set("pixel", None)
            self.set("plans", None)
            self.emit("app/uninstalled", payloads.shop(self))
            self.emit("shop/redact", payloads.whose(self), after=REDACTED_AFTER)
            self.set("installed", False)
            self.set("granted", None)
            self.set("code", None)

    @property
    def installation_gid(self) -> str:
        """The id of the app on this shop."""
        return payloads.gid("AppInstallation", int(self.setting("installation", 0)))

    @property
    def embed_on(self) -> bool:
        """Whether the merchant left the app's block switched on in the theme."""
        return self.installed and bool(self.setting("embed", True))

    def switch_embed(self, on: bool) -> None:
        """What the theme editor's switch does."""
        self.set("embed", on)

    def issue_token(self) -> Token:
        """A fresh pair of tokens for the app."""
        assert self.app
        token = Token(
            f"shpat_{secrets.token_hex(16)}",
            f"shprt_{secrets.token_hex(16)}",
            ",".join(self.granted),
        )
        at = self.now().timestamp()
        with self.transaction() as db:
            db.execute(
                "insert into token (access, refresh, scope, expires_at, refresh_expires_at)"
                " values (?, ?, ?, ?, ?)",
                (*token, at + ACCESS_S, at + REFRESH_S),
            )
        return token

    def refresh_token(self, refresh: str) -> Token | None:
        """A new pair for an old one. The old one may be shown again until the new one was used.

        That grace is Shopify's since 2026-08-28: a lost answer must not lock an app out.
        """
        at = self.now().timestamp()
        with self.transaction() as db:
            row = self.row(
                "select * from token where refresh = ? and refresh_expires_at > ?", refresh, at
            )
            if row is None:
                return None
            db.execute("delete from token where replaces = ?", (refresh,))
            token = self.issue_token()
            db.execute("update token set replaces = ? where access = ?", (refresh, token.access))
            return token

    def admits(self, access: str) -> bool:
        """Whether an access token opens the Admin API now; using it retires what it replaced."""
        row = self.row(
            "select * from token where access = ? and expires_at > ?",
            access,
            self.now().timestamp(),
        )
        if row is None:
            return False
        if row["replaces"]:
            with self.transaction() as db:
                db.execute("update token set refresh = null where refresh = ?", (row["replaces"],))
                db.execute("update token set replaces = null where access = ?", (access,))
        return True

    def set_metafield(
        self, owner: str, namespace: str, key: str, *, type: str, value: str
    ) -> Document:
        """Keep a value at an owner, such as the app's own installation."""
        at = self.now().isoformat()
        with self.transaction() as db:
            db.execute(
                "insert into metafield values (?, ?, ?, ?, ?, ?, ?, ?)"
                " on conflict (owner, namespace, key) do update set"
                " type = excluded.type, value = excluded.value, updated_at = excluded.updated_at",
                (owner, namespace, key, self.next_id("metafield"), type, value, at, at),
            )
        found = self.row(
            "select * from metafield where owner = ? and namespace = ? and key = ?",
            owner,
            namespace,
            key,
        )
        assert found
        return dict(found)

    def metafields(self, owner: str) -> list[Document]:
        """Everything kept at an owner."""
        return [dict(row) for row in self.rows("select * from metafield where owner = ?", owner)]

    @property
    def pixel(self) -> Document | None:
        """The app's web pixel with its settings; None until the app made it."""
        found: Document | None = self.setting("pixel")
        return found

    def set_pixel(self, settings: Document) -> Document:
        """Make the app's web pixel, or give it other settings."""
        with self.transaction():
            number = self.pixel["id"] if self.pixel else self.next_id("pixel")
            self.set("pixel", {"id": number, "settings": settings})
        return {"id": number, "settings": settings}
