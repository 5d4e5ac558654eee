from typing import Any

import pytest

from plugin import clock
from plugin.messages import eligibility
from storage.consent_ledger import ConsentState
from storage.engine import db
from storage.flows import Enrolment, EnrolmentState, Flow, FlowStatus
from storage.messages import get_message
from storage.profiles import Profile, get_profile
from storage.shops import get_shop
from tests.plugin.messages.world import MAYA, World


def refusal(world: World, **message: Any) -> str | None:
    message_id = world.queue(**message)
    with db.reading() as session:
        shop = get_shop(session, world.shop.id)
        row = get_message(session, world.shop.id, message_id)
        assert shop is not None
        assert row is not None
        profile = get_profile(session, world.shop.id, row.profile_id)
        return eligibility.skip_reason(session, shop, row, profile)


def set_shop(world: World, **changes: Any) -> None:
    with db.transaction() as session:
        shop = get_shop(session, world.shop.id)
        for name, value in changes.items():
            setattr(shop, name, value)
        session.add(shop)


def set_flow(world: World) -> None:
    world.change(Flow, world.flow_id, status=FlowStatus.DRAFT)


def leave_flow(world: World) -> None:
    world.change(
        Enrolment, world.enrolment_id, state=EnrolmentState.EXITED, exit_reason="did:Placed Order"
    )


WAYS = {
    "shop_uninstalled": lambda w: set_shop(w, uninstalled_at=clock.now()),
    "flow_off": set_flow,
    "did:Placed Order": leave_flow,
    "no_address": lambda w: w.change(Profile, w.profile_id, email=None),
    "no_sender": lambda w: set_shop(w, sender_email=""),
    "bounced": lambda w: w.say(ConsentState.BOUNCED),
    "unsubscribed": lambda w: w.say(ConsentState.UNSUBSCRIBED),
    "no_consent": lambda w: w.change(Profile, w.profile_id, email="other@example.com"),
    "no_postal_address": lambda w: set_shop(w, postal_address=" "),
}
ONLY_MARKETING = ("unsubscribed", "no_consent", "no_postal_address")


def test_who_agreed_gets_it(world: World) -> None:
    assert refusal(world) is None


@pytest.mark.parametrize("reason", WAYS)
def test_each_refusal_has_its_reason(world: World, reason: str) -> None:
    WAYS[reason](world)

    assert refusal(world) == reason


@pytest.mark.parametrize("reason", WAYS)
def test_what_its_receiver_asked_for_needs_no_consent_to_marketing(
    world: World, reason: str
) -> None:
    WAYS[reason](world)

    expected = None if reason in ONLY_MARKETING else reason
    assert refusal(world, transactional=True) == expected


def test_a_deleted_profile_gets_nothing(world: World) -> None:
    assert refusal(world, profile_id=404) == "no_profile"


def test_a_bounced_address_that_is_given_anew_gets_mail_again(world: World) -> None:
    world.say(ConsentState.BOUNCED)
    world.say(ConsentState.SUBSCRIBED, MAYA)

    assert refusal(world) is None
