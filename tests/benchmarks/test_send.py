"""`python -m benchmarks send`: what its parts rest on. No timing is asserted."""

from email import message_from_bytes, policy
from pathlib import Path

import pytest
from sqlmodel import select

from benchmarks import mail_sink, outbox
from benchmarks.send import _peer_template
from plugin.channels.email.mime import build_mime
from plugin.messages.draft import write_draft
from plugin.settings import get_settings
from plugin.templates.product_feeds import Catalog
from storage.engine import db
from storage.messages import Message
from storage.shops import get_shop
from tests.plugin.channels.test_email import made


def test_what_a_sink_keeps_is_read_without_its_own_words(tmp_path: Path) -> None:
    said = b"X-Client-Addr: 127.0.0.1\nReceived: from vm\n\tby smtp-sink;\n\ttoday\n"
    (tmp_path / "mail.1").write_bytes(said + b"X-Own: yes\nSubject: Hi\n\nHello\n")

    assert mail_sink.read_mails(tmp_path) == [b"X-Own: yes\r\nSubject: Hi\r\n\r\nHello\r\n"]


def test_the_mail_has_30_kb_and_the_peers_template_is_as_long(
    sqlite: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    domain = outbox.SENDER.partition("@")[2]
    monkeypatch.setenv("REGULARS_SENDER_DOMAINS", f"{outbox.DOMAIN}={domain}")
    get_settings.cache_clear()
    shop_id = outbox.fill(1)
    with db.reading() as session:
        message_id = session.exec(select(Message.id).where(Message.shop_id == shop_id)).one()
        shop = get_shop(session, shop_id)
    assert shop is not None
    draft = write_draft(shop_id, message_id, Catalog(shop))
    assert draft is not None
    assert draft.rendered is not None
    content = {"html": draft.rendered.html, "text": draft.rendered.text}
    raw = build_mime(*made(**content))
    peer = _peer_template(message_from_bytes(raw, policy=policy.default))

    assert 28_000 < len(raw) < 32_000
    assert "{{ name }}" in str(peer["html"])
    assert "{{ lines[4] }}" in str(peer["html"])
    assert len(str(peer["html"])) > 0.8 * len(draft.rendered.html)
    get_settings.cache_clear()
