"""Message templates: the blocks that a merchant edits, and what they were compiled to."""

from collections.abc import Sequence
from datetime import datetime
from typing import Required

from sqlalchemy import BigInteger
from sqlmodel import Field, Session, SQLModel, col, select
from typing_extensions import TypedDict

from storage.engine.types import json_column, moment, row_key, shop_key


class Template(SQLModel, table=True):
    """A template; messages are sent from its newest version."""

    shop_id: int = shop_key()
    id: int = row_key()
    name: str
    version: int = 1
    created_at: datetime = moment()
    updated_at: datetime = moment()


class TextChoice(TypedDict):
    """The texts that go with the answers to a question, by answer."""

    property: str
    texts: dict[str, str]


class MailBlock(TypedDict, total=False):
    """One block of a mail; `plugin.templates.blocks` says what each type shows."""

    type: Required[str]
    logo: str
    text: str
    style: str
    align: str
    by: TextChoice
    url: str
    src: str
    alt: str
    feed: str
    property: str
    limit: int
    title: str
    coupon_id: int
    note: str
    height: int


class CompiledMail(TypedDict):
    """A mail in one language: Liquid that is rendered for each shopper, and the addresses behind
    its numbered links.
    """

    subject: str
    preview: str
    html: str
    text: str
    links: list[str]


class TemplateVersion(SQLModel, table=True):
    """One version, compiled when it was published and never changed, so that old links still lead
    where they led. `compiled` is the mail by locale.
    """

    __tablename__ = "template_version"

    shop_id: int = shop_key()
    template_id: int = Field(primary_key=True, sa_type=BigInteger)
    version: int = Field(primary_key=True)
    subject: str
    preview: str = ""
    blocks: list[MailBlock] = json_column(list)
    translations: dict[str, dict[str, str]] = json_column()
    compiled: dict[str, CompiledMail] = json_column()
    created_at: datetime = moment()


def get_template(session: Session, shop_id: int, template_id: int) -> Template | None:
    """One template."""
    return session.get(Template, (shop_id, template_id))


def get_template_version(
    session: Session, shop_id: int, template_id: int, version: int
) -> TemplateVersion | None:
    """One version of a template."""
    return session.get(TemplateVersion, (shop_id, template_id, version))


def templates_of(session: Session, shop_id: int) -> Sequence[Template]:
    """A shop's templates, oldest first."""
    return session.exec(
        select(Template).where(Template.shop_id == shop_id).order_by(col(Template.created_at))
    ).all()
