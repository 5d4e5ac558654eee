"""Change a merchant's lists and their members, and start the flows that a new member triggers.

Nothing here changes a consent: a merchant cannot give it for a shopper.
`plugin.messages.eligibility` decides what a list's members may be sent.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from sqlmodel import Session

from plugin import clock, jobs
from plugin.errors import RegularsError
from plugin.facts import Facts, IdentityKey, ProfileFact, ProfileRef
from plugin.flows import enrol
from plugin.ingest.record import record_facts
from plugin.jobs import Progress, SliceJob
from plugin.profiles import list_membership
from plugin.profiles.list_membership import KeptMembership
from plugin.values import parse_email, parse_phone, without_unstorable
from storage import flows, forms, imports, lists, profiles
from storage.engine import db
from storage.engine.ids import new_id
from storage.flows import Flow, FlowStatus
from storage.forms import Form, FormStatus
from storage.imports import WORKING_STATES, Import
from storage.lists import List
from storage.profiles import DataSource, IdentityKind
from storage.shops import Shop

MAX_LIST_NAME_CHARS = 100  # letters of a name
MAX_LISTS = 1_000  # Klaviyo's: help.klaviyo.com/hc/en-us/articles/115005078967
RESTORABLE_FOR = timedelta(days=7)  # a deleted list, before it is gone for good
MEMBERS_BATCH_SIZE = (
    5_000  # of a list in a transaction: 30 ms on SQLite, 100 ms on PostgreSQL (measured)
)


class ListProblem(StrEnum):
    """Why a list cannot be so."""

    NAMELESS = "nameless"
    NAME_TAKEN = "taken"
    TOO_MANY = "many"
    IN_USE = "used"


class ListError(RegularsError):
    """A list cannot be so, for this reason."""

    def __init__(self, reason: ListProblem) -> None:
        super().__init__(f"The list was refused: {reason}.", 422)
        self.reason = reason


@dataclass(frozen=True)
class ListUsage:
    """What a list is used by."""

    forms: list[Form] = field(default_factory=list)
    flows: list[Flow] = field(default_factory=list)
    imports: list[Import] = field(default_factory=list)

    @property
    def is_filling(self) -> bool:
        """Whether something puts people on the list now, or waits for them."""
        return (
            any(form.status == FormStatus.LIVE for form in self.forms)
            or any(flow.status == FlowStatus.LIVE for flow in self.flows)
            or any(held.state in WORKING_STATES for held in self.imports)
        )


def create_list(shop_id: int, typed_name: str) -> int:
    """Make a list; its id.

    Raises:
        ListError: it has no name, or one that another list has; or there are too many.
    """
    with db.transaction() as session:
        db.lock_shop(session, shop_id)
        return create_in(session, shop_id, typed_name)


def create_in(session: Session, shop_id: int, typed_name: str) -> int:
    """As `create`, for a caller who holds the shop's lock and commits."""
    if len(lists.lists_of(session, shop_id)) >= MAX_LISTS:
        raise ListError(ListProblem.TOO_MANY)
    name = _name(session, shop_id, typed_name)
    made = List(shop_id=shop_id, id=new_id(), name=name, created_at=clock.now())
    lists.add_list(session, made)
    return made.id


def rename_list(shop_id: int, list_id: int, typed_name: str) -> None:
    """Give a list another name.

    Raises:
        ListError: as for `create`.
    """
    with db.transaction() as session:
        db.lock_shop(session, shop_id)
        held = _held(session, shop_id, list_id)
        held.name = _name(session, shop_id, typed_name, list_id)
        session.add(held)


def list_usage(session: Session, shop_id: int, list_id: int) -> ListUsage:
    """What puts people on a list or waits for them, whether it is switched on or not."""
    return ListUsage(
        [each for each in forms.forms_of(session, shop_id) if each.list_id == list_id],
        flows_triggered_by(session, shop_id, list_id),
        list(imports.imports_to(session, shop_id, list_id)),
    )


def flows_triggered_by(session: Session, shop_id: int, list_id: int) -> list[Flow]:
    """Return the flows that a new member of a list triggers."""
    return [each for each in flows.flows_of(session, shop_id) if each.trigger == f"list:{list_id}"]


def delete_list(shop_id: int, list_id: int) -> None:
    """Delete a list, which can be restored for a while; twice is a no-op.

    Raises:
        ListError: something that is switched on uses it.
        RegularsError: there is no such list (404).
    """
    with db.transaction() as session:
        db.lock_shop(session, shop_id)
        if _restorable(session, shop_id, list_id) is not None:
            return
        held = _held(session, shop_id, list_id)
        if list_usage(session, shop_id, list_id).is_filling:
            raise ListError(ListProblem.IN_USE)
        held.deleted_at = clock.now()
        session.add(held)


def restore_list(shop_id: int, list_id: int) -> None:
    """Bring a deleted list back, with everybody who was on it; twice is a no-op.

    Raises:
        ListError: another list has its name by now, or there are too many.
        RegularsError: there is no such list any more (404).
    """
    with db.transaction() as session:
        db.lock_shop(session, shop_id)
        if lists.get_list(session, shop_id, list_id) is not None:
            return
        held = _restorable(session, shop_id, list_id)
        if held is None:
            raise RegularsError("List not found.", 404)
        if len(lists.lists_of(session, shop_id)) >= MAX_LISTS:
            raise ListError(ListProblem.TOO_MANY)
        held.name = _name(session, shop_id, held.name)
        held.deleted_at = None
        session.add(held)


def deleted_lists(session: Session, shop_id: int) -> list[List]:
    """The lists that can be restored, the one that was deleted last first."""
    return list(lists.deleted_lists(session, shop_id, clock.now() - RESTORABLE_FOR))


def add_member(shop: Shop, list_id: int, profile_id: int) -> tuple[bool, int]:
    """Add a shopper to a list; return whether they are new on it, and how many flows they enter.

    Raises:
        RegularsError: there is no such list or profile (404).
    """
    now = clock.now()
    with db.transaction() as session:
        db.lock_shop(session, shop.id)
        _held(session, shop.id, list_id)
        profile = profiles.get_profile(session, shop.id, profile_id)
        if profile is None:
            raise RegularsError("Profile not found.", 404)
        ref = ProfileRef(profile.id, profile.id)
        new = list_membership.add_to_list(
            session, shop.id, list_id, ref, at=now, source=DataSource.MERCHANT
        )
        entered = enrol.enrol_for_list(session, shop, list_id, ref, now=now) if new else []
    jobs.enqueue_for_rows("advance", [(shop.id, enrolment_id) for enrolment_id in entered])
    return new, len(entered)


def parse_identity(shop: Shop, text: str) -> IdentityKey | None:
    """Return the email address or phone number in a typed text; None if it is neither."""
    if email := parse_email(text):
        return IdentityKey(IdentityKind.EMAIL, email)
    phone = parse_phone(text, shop.country or None)
    return IdentityKey(IdentityKind.PHONE, phone) if phone else None


def get_or_create_profile(shop: Shop, key: IdentityKey) -> int | None:
    """Return the profile of an address or number, created if new; None if it may not be created.

    A new profile holds nothing but the address: that is no consent.
    """
    now = clock.now()
    with db.transaction() as session:
        db.lock_shop(session, shop.id)
        known = profiles.find_identities(session, shop.id, [key])
        if key not in known:
            person = ProfileFact((key,), now, {key.kind: key.value}, source=DataSource.MERCHANT)
            record_facts(session, shop, Facts(profiles=[person]), now)
            known = profiles.find_identities(session, shop.id, [key])
    return known.get(key)


def remove_member(shop_id: int, list_id: int, profile_id: int) -> list[KeptMembership]:
    """Remove a shopper from a list; return their memberships, for `restore_member`. Twice is a
    no-op.

    Raises:
        RegularsError: there is no such list or profile (404).
    """
    with db.transaction() as session:
        db.lock_shop(session, shop_id)
        _held(session, shop_id, list_id)
        profile = profiles.get_profile(session, shop_id, profile_id)
        if profile is None:
            raise RegularsError("Profile not found.", 404)
        return list_membership.remove_from_list(session, shop_id, list_id, profile.id)


def restore_member(shop_id: int, list_id: int, joined: list[KeptMembership]) -> None:
    """Undo `remove_member` without starting a flow. Twice is a no-op."""
    with db.transaction() as session:
        db.lock_shop(session, shop_id)
        _held(session, shop_id, list_id)
        list_membership.restore_to_list(session, shop_id, list_id, joined)


def empty_deleted_list(shop_id: int) -> Progress:
    """Take the next members off a list that can no longer be restored; at last delete the list."""
    with db.reading() as session:
        held = lists.next_to_delete(session, shop_id, clock.now() - RESTORABLE_FOR)
    if held is None:
        return Progress.DONE
    with db.transaction() as session:
        db.lock_shop(session, shop_id)  # a merge writes memberships anew
        last = list_membership.remove_batch(
            session, shop_id, held.id, None, after=0, limit=MEMBERS_BATCH_SIZE
        )
        if last is None:
            lists.delete_list(session, shop_id, held.id)
    return Progress.MORE


def shops_to_delete_in(session: Session, now: datetime) -> list[int]:
    """Shops with a list that can no longer be restored."""
    return lists.shops_to_delete_in(session, now - RESTORABLE_FOR)


SLICE_JOB = SliceJob("lists", empty_deleted_list, shops_to_delete_in)


def _held(session: Session, shop_id: int, list_id: int) -> List:
    found = lists.get_list(session, shop_id, list_id)
    if found is None:
        raise RegularsError("List not found.", 404)
    return found


def _restorable(session: Session, shop_id: int, list_id: int) -> List | None:
    return lists.get_deleted(session, shop_id, list_id, clock.now() - RESTORABLE_FOR)


def _name(session: Session, shop_id: int, typed_name: str, own: int | None = None) -> str:
    name = " ".join(str(without_unstorable(typed_name)).split())[:MAX_LIST_NAME_CHARS].strip()
    if not name:
        raise ListError(ListProblem.NAMELESS)
    others = (each.name for each in lists.lists_of(session, shop_id) if each.id != own)
    if name.casefold() in {other.casefold() for other in others}:
        raise ListError(ListProblem.NAME_TAKEN)
    return name
