"""Home and settings say that mails wait, and whether it is for the sender or for the provider."""

from plugin.settings import get_settings
from tests.plugin.messages.world import build


def test_mails_that_wait_for_the_sender_or_the_provider_are_told_of(merchant, shop):
    world = build(shop)
    assert "waiting" not in merchant.open("/").text
    world.queue(skip_reason="sender_refused")
    for _ in range(2):
        world.queue(skip_reason="relay_away")
    world.queue(skip_reason="sender_refused", state="failed")

    for path in ("/", "/settings"):
        told = merchant.open(path).text
        assert "refuses your sender address. 1 email is waiting." in told
        assert "reached or accepts nothing. 2 emails are waiting." in told


def test_o01_home_and_settings_say_that_no_provider_is_set_up(merchant, relay, monkeypatch):
    sentence = "No email provider is set up, so no emails are sent."
    assert all(sentence not in merchant.open(path).text for path in ("/", "/settings"))

    monkeypatch.setenv("REGULARS_SMTP_URL", "")
    get_settings.cache_clear()

    assert all(sentence in merchant.open(path).text for path in ("/", "/settings"))
