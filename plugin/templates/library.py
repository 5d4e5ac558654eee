"""The library: ready-made mails, each a file in `library/`, in every language that there is.

The files are read and checked when the process starts; a broken one ends it and names the field.
"""

from pathlib import Path
from typing import Self

from pydantic import ConfigDict, field_validator, model_validator
from sqlmodel import Session

from plugin import clock
from plugin.errors import RegularsError
from plugin.library_files import Entry, read_library
from plugin.templates import blocks as template_blocks
from plugin.templates.compile import publish_template
from plugin.texts import translations
from storage.confirmations import ConfirmationKind
from storage.coupons import Coupon, coupons_of
from storage.engine.ids import new_id
from storage.engine.types import JsonObject
from storage.shops import Shop
from storage.templates import MailBlock, Template, get_template_version, templates_of

FOLDER = Path(__file__).with_name("library")
WELCOME, FIRST, SECOND = "welcome", "checkout_reminder_1", "checkout_reminder_2"
CONFIRMATIONS = {
    ConfirmationKind.DOUBLE_OPT_IN: "confirm_address",
    ConfirmationKind.DATA_EXPORT: "data_copy",
    ConfirmationKind.REDACT: "confirm_erasure",
}
STARTERS = (WELCOME, FIRST, SECOND, *CONFIRMATIONS.values())  # what a new store begins with


class CouponOffer(Entry):
    """The coupon that a mail gives a code of, unless the shop has one with this prefix."""

    model_config = ConfigDict(extra="forbid")

    name: str
    prefix: str
    percent: int


class Mail(Entry):
    """A ready-made mail, as its file has it."""

    model_config = ConfigDict(extra="forbid")

    name: str
    subject: str
    preview: str
    blocks: list[JsonObject]
    coupon: CouponOffer | None = None
    form: str | None = None  # the ready-made form that this welcome mail answers

    @field_validator("blocks")
    @classmethod
    def _check_blocks(cls, blocks: list[JsonObject]) -> list[JsonObject]:
        try:
            template_blocks.check_blocks(blocks)
        except RegularsError as error:
            raise ValueError(error.message.rstrip(".")) from None
        return blocks

    @model_validator(mode="after")
    def _check_coupon(self) -> Self:
        if any(block["type"] == "coupon" for block in self.blocks) != (self.coupon is not None):
            raise ValueError("a coupon block and the table [coupon] need one another")
        return self

    def texts(self) -> list[str]:
        """Every text that a shopper reads."""
        return [
            self.subject,
            self.preview,
            *template_blocks.texts_of(template_blocks.check_blocks(self.blocks)),
        ]


MAILS = read_library(FOLDER, Mail)


def seed_templates(session: Session, shop: Shop) -> dict[str, int]:
    """The templates that a new store begins with: their ids by key. Twice is a no-op."""
    held = {template.name: template.id for template in templates_of(session, shop.id)}
    return {
        key: held.get(MAILS[key].name) or _publish(session, shop, MAILS[key]) for key in STARTERS
    }


def use_welcome_mail(session: Session, shop: Shop, form: str) -> None:
    """Let a shop's welcome mail answer a ready-made form, unless the merchant has changed it."""
    mail = welcome_mail_of(form)
    held = templates_of(session, shop.id)
    template = next((each for each in held if each.name == MAILS[WELCOME].name), None)
    if mail is not None and template is not None and _is_ready_made(session, shop, template):
        _publish(session, shop, mail, template.id)


def welcome_mail_of(form: str) -> Mail | None:
    """The welcome mail that answers a ready-made form; None where the usual one does."""
    return next((mail for mail in MAILS.values() if mail.form == form), None)


def _is_ready_made(session: Session, shop: Shop, template: Template) -> bool:
    version = get_template_version(session, shop.id, template.id, template.version)
    return version is not None and any(
        (version.subject, version.preview, version.blocks)
        == (mail.subject, mail.preview, _blocks(session, shop, mail))
        for mail in MAILS.values()
    )


def _publish(session: Session, shop: Shop, mail: Mail, template_id: int | None = None) -> int:
    return publish_template(
        session,
        shop.id,
        template_id,
        name=mail.name,
        subject=mail.subject,
        preview=mail.preview,
        blocks=_blocks(session, shop, mail),
        translations=translations(mail.texts()),
    )


def _blocks(session: Session, shop: Shop, mail: Mail) -> list[MailBlock]:
    """A mail's blocks, with the shop's coupon in their place for it."""
    blocks = template_blocks.check_blocks(mail.blocks)
    if mail.coupon is None:
        return blocks
    coupon_id = _coupon(session, shop, mail.coupon)
    return [
        {**block, "coupon_id": coupon_id} if block["type"] == "coupon" else block
        for block in blocks
    ]


def _coupon(session: Session, shop: Shop, offer: CouponOffer) -> int:
    for held in coupons_of(session, shop.id):
        if held.prefix == offer.prefix:
            return held.id
    coupon = Coupon(
        shop_id=shop.id,
        id=new_id(),
        name=offer.name,
        prefix=offer.prefix,
        percent=offer.percent,
        created_at=clock.now(),
    )
    session.add(coupon)
    session.flush()
    return coupon.id
