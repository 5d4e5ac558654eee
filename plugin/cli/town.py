"""Load the dev store's demo people and their history into a shop, as digested webhooks would have
left them. For demos and measurements; a shop that has profiles is refused.
"""

import argparse
import sys
import time
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import cast

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from sqlmodel import Session, SQLModel

from devstore.people.town import Bag, Did, Mail, Piece, Town, Word, line_of
from devstore.people.townspeople import Townsman
from plugin import clock, onboard
from plugin.channels.base import ChannelMetrics
from plugin.channels.registry import channel_of_action
from plugin.errors import RegularsError
from plugin.facts import ProfileFact, identity_keys
from plugin.forms.definition import consent_words
from plugin.profiles import duplicates, fields
from plugin.runtime import logs
from plugin.runtime.connect import connect_broker, require_schema
from storage import consent_ledger, events, flows, forms, lists, profile_names, profiles, shops
from storage.channels import Channel
from storage.checkouts import Checkout
from storage.consent import Consent, latest_states
from storage.consent_ledger import (
    UNSET_COLUMNS,
    ConsentEntry,
    ConsentEvent,
    ConsentSource,
    ConsentState,
)
from storage.duplicates import DuplicateKey
from storage.engine import bulk, db
from storage.engine.ids import new_id, new_ids
from storage.engine.types import Row
from storage.events import Event, EventRow
from storage.flows import Enrolment, EnrolmentState, Flow
from storage.lists import List, Membership
from storage.messages import Message, MessageState
from storage.orders import Order, OrderLine
from storage.profile_names import ProfileName
from storage.profiles import DataSource, Identity, IdentityKind, KeyKind, Profile, RecordKind
from storage.shops import Shop

_EMAIL = ChannelMetrics.of("Email")
EMAIL_METRICS = (_EMAIL.received, _EMAIL.opened, _EMAIL.clicked)
ROWS_BATCH_SIZE = 5_000  # profiles that get their last visit in one transaction
EARLY_ACCESS_LIST = "Early access"
CACHE_MEBIBYTES = (
    256  # of pages that wait to be written; with 2 the system's time is three times as much
)


def _unsaid(table: type[SQLModel]) -> dict[str, object]:
    """Return the defaults of a table's row."""
    return {
        name: each.get_default(call_default_factory=True)
        for name, each in table.model_fields.items()
        if not each.is_required()
    }


_NO_MESSAGE, _NO_ENROLMENT = _unsaid(Message), _unsaid(Enrolment)


@dataclass(frozen=True)
class LoadResult:
    """What a town came to."""

    rows: dict[str, int]
    seconds: float
    size_bytes: int


@dataclass
class Rows:
    """The rows of a piece, by table."""

    by_table: dict[type[SQLModel], list[Row]] = field(default_factory=dict)
    ledger: list[ConsentEntry] = field(default_factory=list)

    def add(self, table: type[SQLModel], row: Row) -> None:
        """One more."""
        self.by_table.setdefault(table, []).append(row)


def load_demo_shop(
    domain: str, people_count: int, event_count: int, seed: int, *, quiet: bool = False
) -> LoadResult:
    """Fill a shop with a town, piece by piece; other work goes on between two pieces.

    Raises:
        RegularsError: the shop knows shoppers already, or there are fewer than five events
            a shopper.
    """
    try:
        town = Town(people_count, event_count, clock.now(), seed)
    except ValueError as error:
        raise RegularsError(str(error)) from None
    shop = _shop(domain)
    settlement = DemoDataLoader(shop, town)
    began = time.perf_counter()
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed:,.0f}"))
    ends = (TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, *ends, disable=quiet) as bars:
        bar = bars.add_task("events", total=event_count)
        for piece in town.pieces():
            settlement.write(piece)
            bars.advance(bar, len(piece.events))
        bar = bars.add_task("last seen", total=people_count)
        for done in settlement.note_last_visits():
            bars.advance(bar, done)
    with db.reading() as session:
        size = db.size_bytes(session)
    return LoadResult(settlement.written, time.perf_counter() - began, size)


def _shop(domain: str) -> Shop:
    """The shop with this domain, made when there is none."""
    with db.transaction() as session:
        shop = shops.shop_by_domain(session, domain)
        if shop is None:
            shop = shops.add_shop(session, domain, clock.now(), name=domain.partition(".")[0])
            shops.mark_synced(session, shop.id, clock.now())  # Shopify knows of none to read
        elif profiles.profiles_after(session, shop.id, 0, 1):
            raise RegularsError(f"{domain} has shoppers: a town is only made in an empty shop.")
    onboard.seed_library(shop.id)
    return shop


def main(words: Sequence[str]) -> None:
    """`regulars devstore seed --shop DOMAIN`: fill a shop of this installation with a town."""
    parser = argparse.ArgumentParser(
        "devstore seed --shop", description="Fill a shop of Regulars with made-up people."
    )
    parser.add_argument("--shop", required=True, help="its domain; made when there is none")
    parser.add_argument("--profiles", type=int, default=10_000)
    parser.add_argument("--events", type=int, help="20 a profile if left out, 5 at least")
    parser.add_argument("--seed", type=int, default=7, help="another number, another town")
    said = parser.parse_args(words)
    logs.set_up_logs()
    connect_broker()
    require_schema()
    event_count = said.profiles * 20 if said.events is None else said.events
    done = load_demo_shop(said.shop.strip().lower(), said.profiles, event_count, said.seed)
    for name, count in sorted(done.rows.items(), key=lambda row: -row[1]):
        sys.stdout.write(f"{count:>12,} {name}\n")
    total = sum(done.rows.values())
    took, size = f"{done.seconds:,.0f} s", f"{done.size_bytes / 1e9:.2f} GB"
    sys.stdout.write(f"{total:>12,} rows in {took}; the database has {size}\n")


class DemoDataLoader:
    """Writes the pieces of a town into a shop."""

    def __init__(self, shop: Shop, town: Town) -> None:
        self._shop, self._town = shop, town
        self._ids = array("q")
        self._mails: dict[str, int] = {}  # of one piece: the id of each message by its key
        self.written: dict[str, int] = {}  # rows by table
        with db.transaction() as session:
            self._lists = {found.name: found.id for found in lists.lists_of(session, shop.id)}
            if EARLY_ACCESS_LIST not in self._lists:
                self._lists[EARLY_ACCESS_LIST] = new_id()
                made = List(
                    shop_id=shop.id,
                    id=self._lists[EARLY_ACCESS_LIST],
                    name=EARLY_ACCESS_LIST,
                    created_at=clock.now(),
                )
                lists.add_list(session, made)
            form = forms.forms_of(session, shop.id)[0]
            version = forms.get_form_version(session, shop.id, form.id, 1)
            assert version is not None  # every shop begins with it
            self._form_id, self._words = form.id, consent_words(version.definition, Channel.EMAIL)
            self._steps = {
                flow.name: (flow.id, _mails_of(session, flow))
                for flow in flows.flows_of(session, shop.id)
            }

    def write(self, piece: Piece) -> None:
        """Write what happened in some days, in one transaction."""
        now, rows = clock.now(), Rows()
        self._mails = {}
        self._ids.extend(new_ids(len(piece.people)))
        for who in piece.people:
            self._write_person(rows, who)
        people = {who.number: who for who in piece.people}
        for word in piece.words:
            rows.ledger.append(self._word(word, people[word.number], now))
        for number, name, at in piece.joined:
            row = {"list_id": self._lists[name], "joined_at": at}
            source = f"form:{self._form_id}" if people[number].by_form else DataSource.MERCHANT
            rows.add(Membership, self._about(number) | row | {"source": source})
        for bag in piece.bags:
            self._write_bag(rows, bag)
        for mail in piece.mails:
            self._write_mail(rows, mail)
        # By shopper: an index over them is then written once from its one end to the other.
        done = sorted(piece.events, key=lambda did: did.number)
        told = zip(done, new_ids(len(done)), strict=True)
        rows.by_table[Event] = [self._event(did, event_id) for did, event_id in told]
        with db.transaction() as session:
            db.lock_shop(session, self._shop.id)
            db.set_cache_size(session, CACHE_MEBIBYTES)
            self._save(session, rows)

    def note_last_visits(self) -> Iterator[int]:
        """Write when each profile was last active and what it did how often; yield how many at a
        time.

        The events of a profile lie together by then: to count them takes 4 µs each (measured).
        """
        for start in range(0, len(self._ids), ROWS_BATCH_SIZE):
            ids, seen = (
                self._ids[start : start + ROWS_BATCH_SIZE],
                self._town.seen[start : start + ROWS_BATCH_SIZE],
            )
            pairs = zip(ids, seen, strict=True)
            with db.transaction() as session:
                moments = [(key, datetime.fromtimestamp(at, UTC)) for key, at in pairs]
                profiles.mark_active(session, self._shop.id, moments)
                events.recount_activity(session, self._shop.id, ids)
            yield len(ids)

    def _save(self, session: Session, rows: Rows) -> None:
        for table, some in rows.by_table.items():
            bulk.load_rows(session, table, some)
        consent_ledger.append_entries(session, self._shop.id, rows.ledger)
        bulk.load_rows(session, Consent, list(latest_states(rows.ledger).values()))
        counts = {table: len(some) for table, some in rows.by_table.items()}
        for table, count in (counts | {ConsentEvent: len(rows.ledger)}).items():
            name = str(table.__tablename__)
            self.written[name] = self.written.get(name, 0) + count

    def _about(self, number: int) -> dict[str, object]:
        return {
            "shop_id": self._shop.id,
            "profile_id": self._ids[number],
            "source_profile_id": None,
        }

    def _write_person(self, rows: Rows, who: Townsman) -> None:
        source = DataSource.FORM if who.by_form else DataSource.SHOPIFY
        told = {name: value for name in fields.FIELDS if (value := getattr(who, name))}
        known = identity_keys(
            (IdentityKind.CUSTOMER, who.customer_id),
            (IdentityKind.EMAIL, who.email),
            (IdentityKind.PHONE, who.phone),
            (IdentityKind.BROWSER, who.browser),
        )
        row = fields.new_row(self._shop.id, self._ids[who.number], who.at)
        fields.apply_fact(
            row, ProfileFact(known, who.at, told, dict(who.properties), source=source)
        )
        rows.add(Profile, row)
        about = self._about(who.number)
        for kind, value in known:
            identity = {
                "kind": kind,
                "value": value,
                "linked_at": who.at,
                "claimed_at": who.at,
                "browser_id": None,
                "is_typed": False,
            }
            rows.add(Identity, about | identity)
        for named in profile_names.rows_of(self._shop.id, [row]):
            rows.add(ProfileName, named)
        for reason, value in duplicates.duplicate_keys(row):
            # No two of the town are one person, so no duplicate check is due.
            key = {"shop_id": row["shop_id"], "profile_id": row["id"]}
            rows.add(DuplicateKey, key | {"kind": reason, "value": value})

    def _word(self, word: Word, who: Townsman, now: datetime) -> ConsentEntry:
        address = who.email if word.channel == Channel.EMAIL else who.phone
        assert address is not None  # a consent is about an address
        said = f"{word.channel}:{address}:{word.state}:{word.at.isoformat()}"
        row: ConsentEntry = {
            "shop_id": self._shop.id,
            "id": (entry := new_id()),
            "dedupe_key": f"storefront:{said}",
            "channel": word.channel,
            "address": address,
            "state": ConsentState(word.state),
            "occurred_at": word.at,
            "recorded_at": now,
            "source": ConsentSource.STOREFRONT,
            "profile_id": self._ids[word.number],
        }
        if word.by_form and word.state == ConsentState.UNSUBSCRIBED:
            row["source"], row["dedupe_key"] = ConsentSource.ONE_CLICK, f"one-click:{entry}"
        elif word.by_form:
            row["source"], row["method"] = ConsentSource.FORM, "button"
            row["dedupe_key"] = f"form:{self._form_id}:{entry}"
            row["form_id"], row["form_version"] = self._form_id, 1
            row["disclosure"], row["page"] = self._words, "/"
        return cast("ConsentEntry", UNSET_COLUMNS | row)

    def _write_bag(self, rows: Rows, bag: Bag) -> None:
        about, currency, at = self._about(bag.number), self._shop.currency, bag.at
        known: list[tuple[KeyKind, str]] = [(IdentityKind.CHECKOUT, bag.token)]
        later = bag.done_at or at
        money = {
            "total": bag.total,
            "currency": currency,
            "updated_at": later,
            "reported_at": later,
        }
        said = {"token": bag.token, "started_at": at, "completed_at": bag.done_at}
        told = {"url": f"/checkouts/{bag.token}", "lines": [line_of(*each) for each in bag.lines]}
        rows.add(Checkout, about | money | said | told)
        if bag.order_id is not None:
            known.append((RecordKind.ORDER, str(bag.order_id)))
            order = {"id": bag.order_id, "number": bag.name, "placed_at": later,
                     "cancelled_at": later if bag.cancelled else None, "discount_codes": [],
                     "checkout_token": bag.token, "cart_token": None, "status_url": ""}  # fmt: skip
            rows.add(Order, about | money | order)
            for place, (good, count) in enumerate(bag.lines):
                line = line_of(good, count)
                line |= {"order_id": bag.order_id, "line_id": bag.line_id(place)}
                del line["variant_title"]
                rows.add(OrderLine, {"shop_id": self._shop.id} | line)
        for kind, value in known:
            rows.add(
                Identity,
                about
                | {
                    "kind": kind,
                    "value": value,
                    "linked_at": at,
                    "claimed_at": at,
                    "browser_id": None,
                    "is_typed": False,
                },
            )

    def _write_mail(self, rows: Rows, mail: Mail) -> None:
        flow_id, steps = self._steps[mail.flow]
        action_id, template_id = steps[mail.step]
        about, enrolment, key = self._about(mail.number), new_id(), mail.key
        if mail.step == 0:
            rows.add(Enrolment, _NO_ENROLMENT | about | {
                "id": enrolment, "flow_id": flow_id, "version": 1, "trigger_key": f"town:{key}",
                "state": EnrolmentState.FINISHED, "action_id": steps[-1][0], "due_at": mail.at,
                "started_at": mail.at, "entered_at": mail.at, "ended_at": mail.at,
            })  # fmt: skip
        self._mails[key] = new_id()
        row = _NO_MESSAGE | about | {
            "id": self._mails[key],
            "idempotency_key": f"flow:{flow_id}:{enrolment}:{action_id}:email",
            "channel": Channel.EMAIL, "flow_id": flow_id, "enrolment_id": enrolment,
            "action_id": action_id, "template_id": template_id, "template_version": 1,
            "address": self._town.address(mail.number), "due_at": mail.at,
            "created_at": mail.at,
            "state": MessageState.SKIPPED if mail.reason else MessageState.ACCEPTED,
            "skip_reason": mail.reason, "sent_at": None if mail.reason else mail.at,
            "opened_at": mail.opened_at, "clicked_at": mail.clicked_at,
        }  # fmt: skip
        rows.add(Message, row)

    def _event(self, did: Did, event_id: int) -> EventRow:
        said = did.properties
        unique_id = did.unique_id
        if did.metric in EMAIL_METRICS:
            unique_id = str(self._mails[unique_id])
            said = {"message_id": unique_id}
        return {
            "shop_id": self._shop.id,
            "id": event_id,
            "profile_id": self._ids[did.number],
            "source_profile_id": None,
            "metric": did.metric,
            "unique_id": unique_id,
            "occurred_at": did.at,
            "value": did.value,
            "currency": None if did.value is None else self._shop.currency,
            "properties": said,
        }


def _mails_of(session: Session, flow: Flow) -> list[tuple[str, int]]:
    """(action id, template id) of each mail of a flow, in their order."""
    version = flows.get_flow_version(session, flow.shop_id, flow.id, flow.version)
    assert version is not None  # every flow has its newest one
    return [
        (action["id"], int(action["data"]["message"]["template_id"]))
        for action in version.definition["actions"]
        if channel_of_action(action["type"]) == Channel.EMAIL
    ]
