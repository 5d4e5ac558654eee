"""Alembic's entry: it runs one line of history on the connection that `storage.schema` gives."""

from typing import Any, Literal

from alembic import context
from sqlalchemy import JSON
from sqlmodel import AutoString, SQLModel

from storage import tables
from storage.engine.types import Encrypted, EnumText, Moment

config = context.config
line = config.attributes["line"]


def is_ours(name: str | None, kind: str) -> bool:
    """Whether a table belongs to this line of history."""
    return kind != "table" or (name in tables.INBOX_TABLES) == (line == "inbox")


def name_type(kind: str, item: Any, autogen: Any) -> str | Literal[False]:
    """Column types by the names that script.py.mako imports."""
    names = {
        AutoString: "sa.String()", EnumText: "sa.String()", Moment: "UTCDateTime()",
        Encrypted: "Encrypted()",
    }  # fmt: skip
    if kind == "type":
        if isinstance(item, JSON):
            return "Json"
        return names.get(type(item), False)
    return False


context.configure(
    connection=config.attributes["connection"],
    target_metadata=SQLModel.metadata,
    version_table=f"{line}_version",
    render_as_batch=True,
    render_item=name_type,
    include_name=lambda name, kind, parents: is_ours(name, kind),
    include_object=lambda item, name, kind, reflected, other: is_ours(name, kind),
)
with context.begin_transaction():
    context.run_migrations()
