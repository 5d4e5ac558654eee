"""Show a shopper's visits as a merchant reads them."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlmodel import Session

from admin_ui.kit import words
from admin_ui.kit.language import Language
from storage import events, visits
from storage.events import Event
from storage.visits import Visit

OPENED = "Active on Site"  # once for each page
MAX_EVENTS_SHOWN = 500  # events of the visits on one page
# Sites by the ends of their hosts and by what campaigns call them. Names are not translated.
SITES = {
    "instagram": "Instagram", "ig": "Instagram", "facebook": "Facebook", "fb": "Facebook",
    "google": "Google", "bing": "Bing", "baidu": "Baidu", "duckduckgo": "DuckDuckGo",
    "tiktok": "TikTok", "youtube": "YouTube", "pinterest": "Pinterest", "reddit": "Reddit",
    "linkedin": "LinkedIn", "xiaohongshu": "Xiaohongshu", "weibo": "Weibo", "whatsapp": "WhatsApp",
    "twitter": "X", "t.co": "X", "klaviyo": "Klaviyo",
}  # fmt: skip


@dataclass(frozen=True)
class VisitLine:
    """A visit with the events that its browser reported."""

    row: Visit
    did: list[Event] = field(default_factory=list)


def page_of(
    session: Session,
    shop_id: int,
    profile_id: int,
    limit: int,
    *,
    before: tuple[datetime, int] | None = None,
) -> list[VisitLine]:
    """Return a shopper's visits, the latest first, with the events of each."""
    found = [
        VisitLine(row)
        for row in visits.visits_page(session, shop_id, profile_id, limit, before=before)
    ]
    if not found:
        return found
    span = (min(v.row.started_at for v in found), max(v.row.last_seen_at for v in found))
    told = events.events_of_visits(
        session, shop_id, profile_id, span, metrics=words.VISITED, limit=MAX_EVENTS_SHOWN
    )
    for event in told:
        for visit in found:
            here = visit.row.started_at <= event.occurred_at <= visit.row.last_seen_at
            if here and event.properties.get("browser_id") == visit.row.browser_id:
                visit.did.append(event)
    return [replace(visit, did=_telling(visit.did)) for visit in found]


def _telling(did: Sequence[Event]) -> list[Event]:
    """Leave out page views that another event describes better."""
    more = {event.properties.get("url") for event in did if event.metric != OPENED}
    return [e for e in did if e.metric != OPENED or e.properties.get("url") not in more]


def line(row: Visit, say: Language) -> str:
    """A visit in a few words: `Visited for 6 minutes`."""
    if not row.dwell_s:
        return say.text("Visited the store")
    return say.text("Visited for %(time)s", time=say.duration(row.dwell_s))


def about(row: Visit, say: Language) -> list[str]:
    """What else is known of a visit: its pages, where it came from, the device."""
    found = [say.plural("%(num)s page", "%(num)s pages", row.pages)] if row.pages else []
    if row.arrived_at:
        found.append(say.text("from %(where)s", where=came_from(row)))
    if row.device:
        found.append(words.label(words.DEVICES, row.device, say))
    return found


def came_from(row: Visit) -> str:
    """Where a visit came from: `Instagram (autumn)`, `Google`, `blog.example`."""
    named = row.utm_source or row.referrer_host
    site = _site(named) or named or row.utm_medium or row.utm_campaign
    campaign = row.utm_campaign if row.utm_campaign != site else ""
    return f"{site} ({campaign})" if campaign else site


def touches(session: Session, shop_id: int, profile_id: int) -> Sequence[Visit]:
    """The first visit that has a source and the last one, if that is another."""
    found = visits.first_and_last_source(session, shop_id, profile_id)
    if found is None:
        return []
    first, last = found
    return [first] if first.id == last.id else [first, last]


def _site(named: str) -> str:
    """A site that we know by its name: of `m.facebook.com` as of `facebook`."""
    lower = named.lower()
    if lower in SITES:
        return SITES[lower]
    parts = lower.split(".")
    return next((SITES[part] for part in parts[:-1] if part in SITES and len(part) > 2), "")
