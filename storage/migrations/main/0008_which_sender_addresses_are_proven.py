"""Which sender addresses are proven, and how many mails a mailbox got."""

import sqlalchemy as sa
from alembic import op
from sqlmodel import UTCDateTime

from storage.engine.types import Json

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Towards the newest version.

    What the only shop of an installation writes from stays its own. Of several shops each could
    have taken another's address: each proves its own.
    """
    op.create_table(
        "mailbox_count",
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("keyed_hash", sa.String(), nullable=False),
        sa.Column("holder", sa.String(), nullable=False),
        sa.Column("since", UTCDateTime(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "keyed_hash"),
    )
    op.create_index("ix_mailbox_count_since", "mailbox_count", ["since"])
    op.create_table(
        "sender_address",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("proof", sa.String(), nullable=True),
        sa.Column("proven_at", UTCDateTime(), nullable=True),
        sa.Column("asked_at", UTCDateTime(), nullable=True),
        sa.Column("wants_mail", sa.Boolean(), nullable=False),
        sa.Column("due_at", UTCDateTime(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("records", Json, nullable=False),
        sa.Column("records_at", UTCDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("shop_id", "address"),
    )
    op.create_index("sender_address_id", "sender_address", ["shop_id", "id"], unique=True)
    op.create_index("sender_address_due", "sender_address", ["due_at"])
    _keep_the_only_shops()


def _keep_the_only_shops() -> None:
    shop = sa.table("shop", sa.column("id"), sa.column("sender_email"), sa.column("installed_at"))
    connection = op.get_bind()
    shops = connection.execute(sa.select(shop).limit(2)).all()
    if len(shops) != 1 or not shops[0].sender_email:
        return
    only = shops[0]
    kept = sa.table(
        "sender_address",
        sa.column("shop_id"), sa.column("address"), sa.column("id"), sa.column("state"),
        sa.column("proof"), sa.column("proven_at"), sa.column("wants_mail", sa.Boolean()),
        sa.column("attempts"), sa.column("records", Json),
    )  # fmt: skip
    connection.execute(
        kept.insert().values(
            shop_id=only.id, address=only.sender_email, id=only.id, state="confirmed", proof="kept",
            proven_at=only.installed_at, wants_mail=False, attempts=0, records={},
        )
    )  # fmt: skip


def downgrade() -> None:
    """Back to the version before."""
    op.drop_table("sender_address")
    op.drop_table("mailbox_count")
