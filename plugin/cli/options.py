"""Options and output that commands share."""

import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from plugin.errors import RegularsError

HOST, PORT = "127.0.0.1", 8000
Host = Annotated[str, typer.Option(help="Address to listen on. Use 0.0.0.0 for all.")]
Port = Annotated[int, typer.Option(help="Port to listen on.")]
Processes = Annotated[int, typer.Option(min=1, help="Number of worker processes.")]
Senders = Annotated[int, typer.Option(min=1, help="Number of sender processes.")]
Domain = Annotated[str, typer.Option("--shop", help="Store's myshopify.com domain.")]
Store = Annotated[
    str, typer.Option("--shop", help="Store's myshopify.com domain, if several are installed.")
]
Email = Annotated[str, typer.Option(help="Customer's email.")]
Phone = Annotated[str, typer.Option(help="Customer's phone number, with country code.")]
Customer = Annotated[str, typer.Option("--customer-id", help="Shopify customer ID.")]
Out = Annotated[Path | None, typer.Option(help="File to write, readable only by its owner.")]
Threads = Annotated[int, typer.Option(min=1, help="Threads per worker and sender process.")]


def to_line(text: str) -> bytes:
    """Encode a text that ends with one line break."""
    return (text if text.endswith("\n") else text + "\n").encode()


def write_output(pieces: Iterable[bytes], out: Path | None) -> None:
    """Print personal data, or write it into a file that only its owner can read.

    A new file replaces an old one once it is whole: readers of the old one cannot read the new one,
    and none is left half written.
    """
    if out is None:
        sys.stdout.buffer.writelines(pieces)
        return
    if out.exists() and not out.is_file():
        raise RegularsError(f"{out} is not a file.")
    try:
        with tempfile.NamedTemporaryFile(dir=out.parent, prefix=".", delete=False) as file:
            try:
                file.writelines(pieces)
            except BaseException:
                Path(file.name).unlink()
                raise
        Path(file.name).replace(out)
    except OSError as error:
        raise RegularsError(f"Can't write {out}: {error.strerror}.") from None
    typer.echo(f"wrote {out}", err=True)
