"""Render the shop's templates."""

from datetime import datetime
from pathlib import Path
from typing import Any

import jinja2

from devstore.sales import amounts

HERE = Path(__file__).parent
STATIC = HERE / "static"


def dollars(cents: int) -> str:
    """A price as the shop shows it."""
    return f"${cents / 100:,.2f}"


def moment(at: str | datetime) -> str:
    """A moment as people write it."""
    when = datetime.fromisoformat(at) if isinstance(at, str) else at
    return f"{when:%B} {when.day}, {when.year}"


environment = jinja2.Environment(
    loader=jinja2.FileSystemLoader(HERE / "templates"),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=jinja2.StrictUndefined,
)
environment.filters |= {"dollars": dollars, "moment": moment, "worth": amounts.current_total}


def render(name: str, **known: Any) -> str:
    """A template as text."""
    return environment.get_template(name).render(**known)
