"""Collections of products, as the storefront last described each."""

from datetime import datetime

from sqlmodel import SQLModel

from storage.engine.types import moment, row_key, shop_key


class Collection(SQLModel, table=True):
    """One collection."""

    shop_id: int = shop_key()
    id: int = row_key()  # the storefront's own id
    title: str = ""
    handle: str = ""
    deleted: bool = False
    updated_at: datetime = moment()
    reported_at: datetime = moment()
