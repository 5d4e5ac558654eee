"""The examination: part after part, each as far as those before it allow."""

from collections.abc import Iterator

from plugin.cli.doctor import machine, mail, outside, servers, stores
from plugin.cli.doctor.findings import Finding, Level, failed, ok
from plugin.errors import RegularsError
from plugin.runtime import logs
from plugin.settings import get_settings
from storage import shops
from storage.engine import db


def examine() -> Iterator[Finding]:
    """Every finding, as soon as it is known."""
    try:
        settings = get_settings()
    except RegularsError as error:
        for line in error.message.splitlines():
            yield failed("settings", line)
        return
    logs.set_up_logs()
    yield ok("settings", "Each that must be set is, and makes sense")
    yield from machine.examine_folder(settings.data_dir)
    yield from machine.examine_disk(settings.data_dir)
    found = list(servers.examine_database(settings))
    yield from found
    yield from servers.examine_broker(settings)
    yield from mail.examine_relay(settings)
    yield from outside.examine_address(settings)
    if not any(each.level is Level.FAILED and each.part in ("database", "key") for each in found):
        yield from _examine_content()


def _examine_content() -> Iterator[Finding]:
    """What the database holds."""
    with db.reading() as session:
        installed = [shop for shop in shops.all_shops(session) if shop.uninstalled_at is None]
    yield from mail.examine_senders([shop.sender_email for shop in installed])
    yield from stores.examine_stores(installed)
    yield from stores.examine_work()
