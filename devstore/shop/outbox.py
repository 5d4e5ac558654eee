"""Write webhook deliveries of the shop's changes, as signed requests."""

import base64
import hashlib
import hmac
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple

from devstore.shop.database import Database

# Eight retries over four hours, each wait twice the last: shopify.dev, "Troubleshoot webhooks".
RETRIES = 8
OVER = timedelta(hours=4)
FIRST_WAIT = OVER / (2**RETRIES - 1)
# Every app gets these, besides its subscriptions: shopify.dev, "Privacy law compliance".
COMPLIANCE = frozenset(("customers/data_request", "customers/redact", "shop/redact"))


class Request(NamedTuple):
    """A delivery as it goes over the wire."""

    headers: dict[str, str]
    body: bytes

    @property
    def topic(self) -> str:
        """What it is about, such as `orders/create`."""
        return next(v for name, v in self.headers.items() if name.endswith("Shopify-Topic"))

    @property
    def payload(self) -> Any:
        """The body, read."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Delivery:
    """One webhook. `id` stays the same on retries, `event_id` for every delivery of one event."""

    id: str
    event_id: str
    topic: str
    triggered_at: str
    body: bytes
    attempts: int
    done: bool
    given_up: bool

    @property
    def payload(self) -> Any:
        """The body, read."""
        return json.loads(self.body)


def signature(body: bytes, secret: str) -> str:
    """What X-Shopify-Hmac-Sha256 holds: base64 of the HMAC-SHA256 of the raw body."""
    return base64.b64encode(hmac.digest(secret.encode(), body, hashlib.sha256)).decode()


class Outbox(Database):
    """The deliveries of one shop, kept until the app took them or four hours went by."""

    @property
    def installed(self) -> bool:
        """Whether the app is on the shop."""
        return bool(self.setting("installed", False))

    def emit(
        self, topic: str, payload: Mapping[str, Any], *, after: timedelta = timedelta()
    ) -> None:
        """Queue a webhook, when the app is installed and listens to the topic."""
        if self.app is None or not self.installed:
            return
        if topic not in COMPLIANCE and not self.app.hears(topic):
            return
        at = self.now()
        is_lost = topic.startswith(tuple(self.lost_topics))
        with self.transaction() as db:
            db.execute(
                "insert into delivery (id, event_id, topic, triggered_at, body, due_at,"
                " given_up_at, answer) values (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    str(uuid.uuid4()),
                    str(uuid.uuid4()),
                    topic,
                    # Shopify writes nine decimals and a Z here, unlike the payload's own times.
                    at.strftime("%Y-%m-%dT%H:%M:%S.%f") + "000Z",
                    json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode(),
                    (at + after).timestamp(),
                    at.isoformat() if is_lost else None,
                    "lost" if is_lost else None,
                ),
            )

    @property
    def lost_topics(self) -> list[str]:
        """What the app will not hear, by the beginnings of topics: Shopify promises no delivery."""
        found: list[str] = self.setting("lost topics", [])
        return found

    def lose(self, *topics: str) -> None:
        """Let webhooks of these topics get lost from now on, and no others."""
        self.set("lost topics", list(topics))

    def deliveries(self, topic: str | None = None) -> list[Request]:
        """Every delivery as headers and body, to shuffle, repeat and replay without a network."""
        return [self.request(delivery) for delivery in self.outbox(topic)]

    def outbox(self, topic: str | None = None, *, since: int = 0) -> list[Delivery]:
        """Every delivery and how far it got, oldest first, but for the first so many."""
        sql = "select * from delivery where (? is null or topic = ?) and rowid > ? order by rowid"
        return [_delivery(row) for row in self.rows(sql, topic, topic, since)]

    def redeliver(self, topic: str | None = None) -> int:
        """Send everything again that was delivered, same ids and all; how many that is."""
        with self.transaction() as db:
            again = db.execute(
                "update delivery set done_at = null, due_at = ?"
                " where done_at is not null and (? is null or topic = ?)",
                (self.now().timestamp(), topic, topic),
            )
            return again.rowcount

    def request(self, delivery: Delivery) -> Request:
        """A delivery with the headers that Shopify sends."""
        assert self.app
        said = {
            "Topic": delivery.topic,
            "Hmac-Sha256": signature(delivery.body, self.app.client_secret),
            "Shop-Domain": self.domain,
            "API-Version": self.app.api_version,
            "Webhook-Id": delivery.id,
            "Event-Id": delivery.event_id,
            "Triggered-At": delivery.triggered_at,
        }
        return Request(
            {
                "Content-Type": "application/json",
                "User-Agent": "Shopify-Captain-Hook",
                **{f"{self.app.webhook_headers}{name}": value for name, value in said.items()},
            },
            delivery.body,
        )

    def due(self, limit: int, *, but: frozenset[str] = frozenset()) -> list[Delivery]:
        """What may be sent now, longest waiting first, leaving out what is on its way."""
        rows = self.rows(
            "select * from delivery where done_at is null and given_up_at is null and due_at <= ?"
            " order by due_at limit ?",
            self.now().timestamp(),
            limit + len(but),
        )
        return [_delivery(row) for row in rows if row["id"] not in but][:limit]

    def delivered(self, delivery: Delivery, answer: str) -> None:
        """Record that the app answered 2xx."""
        with self.transaction() as db:
            db.execute(
                "update delivery set done_at = ?, attempts = attempts + 1, answer = ? where id = ?",
                (self.now().isoformat(), answer, delivery.id),
            )

    def missed(self, delivery: Delivery, answer: str) -> None:
        """Record any other answer or none: wait longer than the last time, or give up."""
        at = self.now()
        given_up = at if delivery.attempts >= RETRIES else None
        with self.transaction() as db:
            db.execute(
                "update delivery set attempts = attempts + 1, due_at = ?, given_up_at = ?,"
                " answer = ? where id = ?",
                (
                    (at + FIRST_WAIT * 2**delivery.attempts).timestamp(),
                    given_up.isoformat() if given_up else None,
                    answer,
                    delivery.id,
                ),
            )


def _delivery(row: Any) -> Delivery:
    return Delivery(
        id=row["id"],
        event_id=row["event_id"],
        topic=row["topic"],
        triggered_at=row["triggered_at"],
        body=bytes(row["body"]),
        attempts=row["attempts"],
        done=row["done_at"] is not None,
        given_up=row["given_up_at"] is not None,
    )
