"""What stored flows meant: their links were tracked, and smart sending kept to one flow."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from storage.engine.types import Json

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

SENDS = "send-"  # what the types of actions begin with that send a message


def upgrade() -> None:
    """Towards the newest version.

    Links were tracked whatever a definition said; now one that says nothing has none tracked. What
    is queued already goes out as it was queued.
    """
    op.add_column(
        "message",
        sa.Column("smart_sending_in_flow", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    versions = sa.table(
        "flow_version",
        sa.column("shop_id"),
        sa.column("flow_id"),
        sa.column("version"),
        sa.column("definition", Json),
    )
    connection = op.get_bind()
    for row in connection.execute(sa.select(versions)).all():
        if _track_links(row.definition):
            connection.execute(
                versions.update()
                .where(
                    versions.c.shop_id == row.shop_id,
                    versions.c.flow_id == row.flow_id,
                    versions.c.version == row.version,
                )
                .values(definition=row.definition)
            )


def _track_links(definition: dict[str, Any]) -> bool:
    """Let each message of a definition say that its links are tracked; whether one did not say."""
    silent = [
        message
        for action in definition.get("actions") or ()
        if str(action.get("type")).startswith(SENDS)
        and (message := (action.get("data") or {}).get("message"))
        and "add_tracking_params" not in message
    ]
    for message in silent:
        message["add_tracking_params"] = True
    return bool(silent)


def downgrade() -> None:
    """Back to the version before."""
    with op.batch_alter_table("message", schema=None) as batch_op:
        batch_op.drop_column("smart_sending_in_flow")
