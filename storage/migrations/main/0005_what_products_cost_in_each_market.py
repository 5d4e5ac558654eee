"""What products are called and cost in each market."""

import sqlalchemy as sa
from alembic import op
from sqlmodel import UTCDateTime

from storage.engine.types import Json

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Towards the newest version."""
    op.create_table(
        "market_reading",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("countries", Json, nullable=False),
        sa.Column("locales", Json, nullable=False),
        sa.Column("since", UTCDateTime(), nullable=True),
        sa.Column("until", UTCDateTime(), nullable=True),
        sa.Column("whole", sa.Boolean(), nullable=False),
        sa.Column("whole_at", UTCDateTime(), nullable=True),
        sa.Column("to_read", Json, nullable=False),
        sa.Column("cursor", sa.String(), nullable=False),
        sa.Column("due_at", UTCDateTime(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("error", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("shop_id"),
    )
    op.create_index("market_reading_due", "market_reading", ["due_at"])
    op.create_table(
        "product_title",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("locale", sa.String(), nullable=False),
        sa.Column("product_id", sa.BigInteger(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("read_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("shop_id", "locale", "product_id"),
    )
    op.create_table(
        "variant_price",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("country", sa.String(), nullable=False),
        sa.Column("product_id", sa.BigInteger(), nullable=False),
        sa.Column("variant_id", sa.BigInteger(), nullable=False),
        sa.Column("price", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("read_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("shop_id", "country", "product_id", "variant_id"),
    )


def downgrade() -> None:
    """Back to the version before."""
    op.drop_table("variant_price")
    op.drop_table("product_title")
    op.drop_index("market_reading_due", "market_reading")
    op.drop_table("market_reading")
