"""Home and settings say that mails wait, and whether it is for the sender or for the provider."""

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
