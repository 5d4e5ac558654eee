"""Group a browser's moments into visits, the rows of `visit`.

Half an hour without an event ends a visit. In any order of the moments the rows are the same:
visits that turn out to be one are joined, of two sources or first pages the earlier counts, and of
two devices the first by the alphabet. A page view must come once: `record_pixel_events` leaves out
known ones.

The strict sandbox of web pixels has no document, and so reports neither when a page is hidden nor
when it is left. The time on a page is therefore the time until the next event of the same visit,
`LONGEST_LOOK` at most, since a shopper who went away looked at nothing. For the last page it is
unknown, so that `dwell_s` is the least that they spent.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise

from sqlmodel import Session

from plugin.facts import ProfileRef
from storage import profiles, visits
from storage.engine.ids import new_id
from storage.profiles import IdentityKind
from storage.visits import BrowserVisit, VisitRow, VisitSource

# As in Google Analytics: support.google.com/analytics/answer/9191807
VISIT_GAP = timedelta(minutes=30)
MAX_PAGE_VIEW_DURATION = timedelta(minutes=5)
MAX_PAGE_VIEW_TIMES = 1_000  # kept of one visit, the first ones


@dataclass(frozen=True, slots=True)
class PageView:
    """Something that a browser did, and where it came from if that page tells."""

    browser: str
    at: datetime
    page: bool = False  # it opened one
    url: str = ""
    device: str = ""
    source: dict[str, str] = field(default_factory=dict)  # referrer_host, utm_…


def record_visits(session: Session, shop_id: int, acts: Sequence[PageView]) -> None:
    """Fold acts into their browsers' visits. The caller holds the shop's lock and commits."""
    keys = {(IdentityKind.BROWSER, act.browser) for act in acts}
    refs = profiles.find_profile_refs(session, shop_id, keys)
    # no profile: the shopper was redacted
    acts = [act for act in acts if (IdentityKind.BROWSER, act.browser) in refs]
    if not acts:
        return
    held = visits.visits_near(
        session,
        shop_id,
        {act.browser for act in acts},
        since=min(act.at for act in acts) - VISIT_GAP,
        until=max(act.at for act in acts) + VISIT_GAP,
    )
    rows: list[VisitRow] = [
        {
            **visit,
            "shop_id": shop_id,
            **ProfileRef(*refs[IdentityKind.BROWSER, visit["browser_id"]]).columns,
        }
        for visit in merge_visits(held, acts)
    ]
    visits.replace_visits(session, shop_id, [row["id"] for row in held], rows)


def merge_visits(held: Iterable[BrowserVisit], acts: Iterable[PageView]) -> list[BrowserVisit]:
    """Visits and acts as visits that are half an hour apart; no row that came in is changed."""
    by_browser: dict[str, list[BrowserVisit]] = {}
    for row in [*held, *map(_alone, acts)]:
        by_browser.setdefault(row["browser_id"], []).append(row)
    found: list[BrowserVisit] = []
    for rows in by_browser.values():
        first, *others = sorted(rows, key=lambda row: (row["started_at"], row["last_seen_at"]))
        joined = [first]
        for row in others:
            if row["started_at"] - joined[-1]["last_seen_at"] <= VISIT_GAP:
                joined[-1] = _join(joined[-1], row)
            else:
                joined.append(row)
        found += joined
    return [{**row, "dwell_s": _looked_s(row["page_view_times"])} for row in found]


def _alone(act: PageView) -> BrowserVisit:
    """A visit of which only one moment is known."""
    word = act.source.get
    return {
        "id": new_id(), "browser_id": act.browser, "started_at": act.at, "last_seen_at": act.at,
        "pages": int(act.page), "page_view_times": [round(act.at.timestamp() * 1000)],
        "dwell_s": 0, "entry_url": act.url, "device": act.device,
        "arrived_at": act.at if act.source else None,
        "referrer_host": word("referrer_host", ""), "utm_source": word("utm_source", ""),
        "utm_medium": word("utm_medium", ""), "utm_campaign": word("utm_campaign", ""),
        "utm_term": word("utm_term", ""), "utm_content": word("utm_content", ""),
    }  # fmt: skip


def _join(one: BrowserVisit, other: BrowserVisit) -> BrowserVisit:
    entry = min((one, other), key=lambda row: (row["started_at"], row["entry_url"]))
    came = min(
        (row for row in (one, other) if row["arrived_at"]), key=_came, default=one
    )  # where none of them has a source, each has the same nothing
    return {
        **one,
        "id": min(one["id"], other["id"]),
        "last_seen_at": max(one["last_seen_at"], other["last_seen_at"]),
        "pages": one["pages"] + other["pages"],
        "page_view_times": sorted({*one["page_view_times"], *other["page_view_times"]})[
            :MAX_PAGE_VIEW_TIMES
        ],
        "entry_url": entry["entry_url"],
        "device": min(filter(None, (one["device"], other["device"])), default=""),
        **_source(came),
    }


def _came(row: BrowserVisit) -> tuple[object, ...]:
    return tuple(_source(row).values())


def _source(row: BrowserVisit) -> VisitSource:
    return {
        "arrived_at": row["arrived_at"], "referrer_host": row["referrer_host"],
        "utm_source": row["utm_source"], "utm_medium": row["utm_medium"],
        "utm_campaign": row["utm_campaign"], "utm_term": row["utm_term"],
        "utm_content": row["utm_content"],
    }  # fmt: skip


def _looked_s(moments: Sequence[int]) -> int:
    most = round(MAX_PAGE_VIEW_DURATION.total_seconds() * 1000)
    return sum(min(later - earlier, most) for earlier, later in pairwise(moments)) // 1000
