"""Record those of Shopify's nodes that differ from ours."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import structlog
from sqlmodel import Session

from plugin import clock
from plugin.facts import Facts, merge_facts
from plugin.ingest.record import record_facts
from plugin.privacy import redaction
from plugin.shopify.api.pages import NodeWithChildren
from plugin.sync.comparison import compare, customers, orders
from plugin.sync.comparison.rows import Differences
from plugin.sync.unread import UnreadNode, parse_node
from storage import products
from storage.backfills import StoreNoun
from storage.reconciliations import DifferenceKind
from storage.shops import Shop

log = structlog.get_logger()


@dataclass(slots=True)
class RepairResult:
    """What a page, or several, came to."""

    looked: int = 0
    gaps: Differences = field(default_factory=dict)
    unresolved: int = 0
    entered: list[int] = field(default_factory=list)

    def counts(self) -> dict[DifferenceKind, int]:
        """How many records were of each kind."""
        return dict(Counter(self.gaps.values()))

    def add(self, other: "RepairResult") -> None:
        """What came after it, too."""
        self.looked += other.looked
        self.gaps |= other.gaps
        self.unresolved += other.unresolved
        self.entered += other.entered


@dataclass(slots=True)
class ReadPage:
    """What the nodes of a page say, by the record's id, and which of them could not be read."""

    reported: dict[str, Facts] = field(default_factory=dict)
    families: dict[str, NodeWithChildren] = field(default_factory=dict)
    unread: list[UnreadNode] = field(default_factory=list)


def parse_nodes(
    shop: Shop, noun: StoreNoun, families: Sequence[NodeWithChildren], asked_at: datetime
) -> ReadPage:
    """What nodes say. Those of a test order say nothing."""
    page = ReadPage()
    for family in families:
        read = parse_node(shop, noun, family, asked_at)
        if isinstance(read, UnreadNode):
            page.unread.append(read)
        elif record := compare.record_id(noun, read):
            page.reported[record] = read
            page.families[record] = family
    return page


def repair_records(
    session: Session, shop: Shop, noun: StoreNoun, reported: Mapping[str, Facts]
) -> RepairResult:
    """Record what differs from what is kept, and look again whether it does so no more.

    The caller holds the shop's lock and commits.
    """
    _learn(session, shop, noun, reported)
    gaps = _differing(session, shop, noun, reported)
    if not gaps:
        return RepairResult(len(reported))
    facts = replace(merge_facts([reported[thing] for thing in gaps]), historical=True)
    entered = record_facts(session, shop, facts, clock.now())
    session.flush()
    session.expire_all()  # `record` writes past the session
    left = _differing(session, shop, noun, {thing: reported[thing] for thing in gaps})
    if left:
        log.warning("reconcile.unresolved", shop=shop.id, noun=noun, count=len(left))
    repaired = {thing: kind for thing, kind in gaps.items() if thing not in left}
    return RepairResult(len(reported), repaired, len(left), entered)


def _learn(session: Session, shop: Shop, noun: StoreNoun, reported: Mapping[str, Facts]) -> None:
    """Keep what webhooks do not say, of records that we know: whether a stock is counted, a
    customer's language, and what happened to orders before the install.
    """
    facts = redaction.drop_redacted(session, shop.id, merge_facts(list(reported.values())))
    if noun == StoreNoun.PRODUCTS:
        variants = [variant for each in facts.products for variant in each.variants]
        products.fill_tracked(session, shop.id, variants)
    untold = Facts(historical=True)
    if noun == StoreNoun.CUSTOMERS:
        untold.profiles = customers.find_untold(session, shop.id, facts)
    if noun in compare.HAPPENINGS:
        untold.events = orders.find_earlier(session, shop, facts)
        untold.profiles = list({id(did.profile): did.profile for did in untold.events}.values())
    if untold.profiles:
        record_facts(session, shop, untold, clock.now())
        session.flush()
        session.expire_all()


def _differing(
    session: Session, shop: Shop, noun: StoreNoun, reported: Mapping[str, Facts]
) -> Differences:
    """Return the facts that differ; a redacted profile never does."""
    facts = redaction.drop_redacted(session, shop.id, merge_facts(list(reported.values())))
    return compare.find_differences(session, shop.id, noun, facts)
