"""The library: the mails that a new store begins with, in every language that there is."""

from typing import Any

from sqlmodel import Session

from plugin import clock
from plugin.templates import confirmation_mails as ask_mails
from plugin.templates.blocks import texts
from plugin.templates.compile import publish
from plugin.texts import translations
from storage.confirmations import CONFIRM, COPY, FORGET
from storage.coupons import Coupon, coupons_of
from storage.engine.ids import new_id
from storage.shops import Shop
from storage.templates import templates_of

WELCOME, FIRST, SECOND = "welcome", "checkout_reminder_1", "checkout_reminder_2"
COUPON = "coupon:welcome"
NEED = "skin_need"  # the answer of the welcome popup
NAMES = {
    WELCOME: "Welcome",
    FIRST: "Checkout reminder 1",
    SECOND: "Checkout reminder 2",
    CONFIRM: "Confirm an address",
    COPY: "Copy of one's data",
    FORGET: "Confirm to be forgotten",
}
PERCENT, PREFIX = 10, "WELCOME"
HELLO = "Hello{% if person.first_name != '' %} {{ person.first_name }}{% endif %},"
SIGNED_UP = "You get this email because you signed up at {{ shop.name }}."


def seed(session: Session, shop: Shop) -> dict[str, int]:
    """The default templates and the welcome coupon: their ids by name. Twice is a no-op."""
    coupon_id = _coupon(session, shop)
    held = {template.name: template.id for template in templates_of(session, shop.id)}
    ids = {COUPON: coupon_id}
    for key, mail in mails(coupon_id).items():
        ids[key] = held.get(NAMES[key]) or publish(
            session,
            shop.id,
            None,
            name=NAMES[key],
            translations=translations(texts_of(mail)),
            **mail,
        )
    return ids


def mails(coupon_id: int) -> dict[str, dict[str, Any]]:
    """Every mail of the library by its key, as `plugin.templates.compile.publish` takes it."""
    return {
        WELCOME: welcome(coupon_id),
        FIRST: reminder(),
        SECOND: second_reminder(),
        **ask_mails.mails(),
    }


def texts_of(mail: dict[str, Any]) -> list[str]:
    """Every text of a mail that a shopper reads."""
    return [mail["subject"], mail["preview"], *texts(mail["blocks"])]


def welcome(coupon_id: int) -> dict[str, Any]:
    """What she told the popup decides what the mail says, and which products it shows."""
    return {
        "subject": "Welcome to {{ shop.name }}: your 10% and where to begin",
        "preview": "Your code is inside, with three things we picked for you.",
        "blocks": [
            {"type": "header"},
            {
                "type": "text",
                "style": "heading",
                "align": "center",
                "text": "A good place to start",
                "by": {
                    "property": NEED,
                    "texts": {
                        "hydration": "Skin that stays comfortable all day",
                        "blemishes": "Clear skin, without the sting",
                        "sensitivity": "Gentle, and nothing you don't need",
                        "firmness": "A little more bounce, every week",
                    },
                },
            },
            {"type": "text", "text": HELLO},
            {
                "type": "text",
                "text": "Thank you for joining us. We make a small range of skincare, each thing"
                " with one job that it does well. Below are three that people come back for.",
                "by": {
                    "property": NEED,
                    "texts": {
                        "hydration": "Thank you for joining us. You told us that your skin could"
                        " use more water. The trick is twofold: bring it in, then keep it there."
                        " A watery serum on damp skin, a cream over it, morning and night."
                        " Most people feel the difference within a few days.",
                        "blemishes": "Thank you for joining us. You told us that blemishes are on"
                        " your mind. Start slowly: one active at a time, two or three evenings a"
                        " week, and a light moisturizer always. Skin that is not stripped calms"
                        " down sooner. Give it four weeks before you judge.",
                        "sensitivity": "Thank you for joining us. You told us that your skin reacts"
                        " easily. So we kept the list short: no fragrance, few ingredients, each"
                        " of them there for a reason. Try one new thing at a time, on the inside"
                        " of your arm first.",
                        "firmness": "Thank you for joining us. You told us that you are looking"
                        " for firmness. Peptides by day, a gentle retinal at night, and sunscreen"
                        " every morning: that is most of the work. It takes about eight weeks,"
                        " and it is worth the wait.",
                    },
                },
            },
            {
                "type": "products",
                "feed": "answer",
                "property": NEED,
                "limit": 3,
                "title": "Picked for you",
            },
            {
                "type": "coupon",
                "coupon_id": coupon_id,
                "text": "**10% off your first order**",
                "note": "Enter it at checkout. The code is yours alone and works once.",
            },
            # The storefront's own address for taking a code along.
            {
                "type": "button",
                "text": "Shop with 10% off",
                "url": "{{ shop.url }}/discount/{{ coupon_code }}",
            },
            {
                "type": "text",
                "style": "small",
                "align": "center",
                "text": "Not sure where to begin? Just reply, and a person will answer.",
            },
            {"type": "footer", "text": SIGNED_UP},
        ],
    }


def reminder() -> dict[str, Any]:
    """An hour later: what she left, and the way back. No pressure."""
    return {
        "subject": "You left something in your bag",
        "preview": "We kept it for you. Pick up where you stopped.",
        "blocks": [
            {"type": "header"},
            {
                "type": "text",
                "style": "heading",
                "align": "center",
                "text": "We kept your bag for you",
            },
            {"type": "text", "text": HELLO},
            {
                "type": "text",
                "text": "You were nearly there. Everything you chose is still waiting, just as"
                " you left it.",
            },
            {"type": "products", "feed": "checkout", "limit": 5},
            {"type": "button", "text": "Return to checkout", "url": "{{ event.checkout_url }}"},
            {
                "type": "text",
                "style": "small",
                "align": "center",
                "text": "Did something not work? Reply to this email and we will sort it out.",
            },
            {"type": "footer", "text": SIGNED_UP},
        ],
    }


def second_reminder() -> dict[str, Any]:
    """A day later, and the last: answers to what may hold her back."""
    return {
        "subject": "Still thinking it over?",
        "preview": "Easy returns, and real people if you have a question.",
        "blocks": [
            {"type": "header"},
            {
                "type": "text",
                "style": "heading",
                "align": "center",
                "text": "Take your time",
            },
            {"type": "text", "text": HELLO},
            {
                "type": "text",
                "text": "Your bag is still here. In case a question is holding you back, these"
                " are the ones we hear most.",
            },
            {"type": "products", "feed": "checkout", "limit": 5},
            {"type": "divider"},
            {
                "type": "text",
                "text": "**What if it doesn't suit me?**\nSend it back. Our"
                " [returns policy]({{ shop.url }}/policies/refund-policy) explains how, in"
                " plain words.",
            },
            {
                "type": "text",
                "text": "**Is it right for my skin?**\nReply to this email and tell us a little"
                " about your skin. A person reads every message and will say so if something"
                " else fits you better.",
            },
            {"type": "button", "text": "Return to checkout", "url": "{{ event.checkout_url }}"},
            {
                "type": "text",
                "style": "small",
                "align": "center",
                "text": "This is our last reminder about this bag.",
            },
            {"type": "footer", "text": SIGNED_UP},
        ],
    }


def _coupon(session: Session, shop: Shop) -> int:
    for held in coupons_of(session, shop.id):
        if held.prefix == PREFIX:
            return held.id
    coupon = Coupon(
        shop_id=shop.id,
        id=new_id(),
        name="Welcome",
        prefix=PREFIX,
        percent=PERCENT,
        created_at=clock.now(),
    )
    session.add(coupon)
    session.flush()
    return coupon.id
