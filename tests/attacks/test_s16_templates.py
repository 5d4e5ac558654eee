"""S16: templates that multiply, grow or search for ever: each is small, and ends in time."""

import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Event

import pytest
from liquid.exceptions import LiquidError
from structlog.testing import capture_logs

from plugin.errors import RegularsError
from plugin.messages import draft
from plugin.messages.send import send_messages
from plugin.templates.compile import compile_template, publish_template
from plugin.templates.liquid import parse
from plugin.templates.shopify_liquid import limits
from storage.engine import db
from storage.profiles import Profile
from tests.plugin.channels.relay import Relay
from tests.plugin.messages.world import Accepting, World, build, use_provider
from tests.sizes import PATIENCE

MAY_TAKE_MB = 30.0  # the largest text, a few times over
ONE_STEP_S = 0.5  # after the time is over, a step that was begun still ends
GROWN = "{% assign s = 'x' %}" + "{% assign s = s | append: s %}" * 18  # 262,144 letters
MANY = "{% assign a = (1..10000) | reverse %}"


def rounds(body: str, count: int = 9_999) -> str:
    return f"{{% for i in (1..{count}) %}}{body}{{% endfor %}}"


def grown(text: str, doublings: int) -> str:
    return f"{{% assign s = '{text}' %}}" + "{% assign s = s | append: s %}" * doublings


HEAVY = {
    "large numbers in a loop": "{% assign n = 99999999999999999999 %}"
    + rounds("{% assign n = n | times: n %}"),
    "many steps of numbers": "{% assign n = 7 %}"
    + rounds("{% assign n = n | times: 99999999999 | modulo: 1e9 | plus: 3 %}"),
    "digits of a long number": grown("9", 18) + "{{ s | append: '.5' | times: 2 }}",
    "a joined range": "{{ (1..1000000000) | join }}",
    "a sorted range": "{{ (1..100000000) | sort | last }}",
    "sorted in a loop": rounds("{% assign a = (1..10000) | sort | reverse | sort %}"),
    "each value once in a loop": rounds("{% assign a = (1..10000) | sort_natural | uniq %}"),
    "chained replacements": "{% assign s = 'xxxxxxxxxx' %}"
    + "{% assign s = s | replace: '', s %}" * 8,
    "replacements in a loop": grown("x", 17)
    + rounds("{% assign t = s | replace: 'x', 'y' | replace: 'y', 'x' %}"),
    "a text that doubles": "{% assign s = 'x' %}" + rounds("{% assign s = s | append: s %}", 40),
    "loops in loops": "{% for i in (1..99999) %}{% for j in (1..99999) %}x{% endfor %}{% endfor %}",
    "loops one after the other": rounds("", 9_000) * 2,
    "rows of a table": "{% tablerow i in (1..9000) cols: 1 %}x{% endtablerow %}" * 2,
    "every letter a part": GROWN + rounds("{% assign l = s | split: '' %}"),
    "a list that doubles": "{% assign a = '1,2' | split: ',' %}"
    + "{% assign a = a | concat: a %}" * 40,
    "a long text many times in a list": GROWN
    + "{% assign a = s | split: ',' %}"
    + "{% assign a = a | concat: a %}" * 12
    + "{{ a }}",
    "captured in a loop": GROWN + rounds("{% capture c %}{{ s }}{% endcapture %}"),
    "many long variables": GROWN
    + "".join(f"{{% assign v{n} = s | append: '{n}' | split: ',' %}}" for n in range(400)),
    "escaped in a loop": GROWN + rounds("{% assign t = s | escape | url_encode %}"),
    "one after the other": GROWN + "{% assign t = s | escape %}" * 1_000,
    "beginnings of scripts": grown("<script", 15) + rounds("{{ s | strip_html | size }}", 200),
    "beginnings of tags": grown("<a", 17) + rounds("{{ s | strip_html | size }}", 200),
    "a cycle of long names": GROWN
    + rounds("{% assign k = s | append: i %}{% cycle k: 'a', 'b' %}"),
    "lists compared": MANY
    + "{% assign b = a | reverse | reverse %}"
    + rounds("{% if a == b %}{% endif %}"),
    "a long needle": GROWN
    + "{% assign n = s | slice: 0, 100000 | append: 'y' %}"
    + rounds("{% if s contains n %}{% endif %}"),
    "a list as a text": MANY + rounds("{% assign t = a | append: 'x' %}"),
    "a form of a date": grown("%100d%100d", 14) + rounds("{{ 'now' | date: s }}"),
}


@pytest.mark.parametrize("name", HEAVY)
def test_s16_a_heavy_template_ends_in_time_and_takes_little_memory(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_SECONDS", 0.1)
    template = parse(HEAVY[name], escaped=True)
    tracemalloc.start()
    began = time.thread_time()
    with suppress(LiquidError):
        template.render_until(limits.time_limit(), {})
    took = time.thread_time() - began
    peak = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()

    assert took < limits.MAX_SECONDS + ONE_STEP_S * PATIENCE
    assert peak < MAY_TAKE_MB


def test_s16_a_mail_has_half_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    assert limits.MAX_SECONDS == 0.5 * PATIENCE
    with pytest.raises(limits.TemplateTooSlowError):
        parse(HEAVY["lists compared"], escaped=True).render_until(limits.time_limit(), {})


@pytest.mark.parametrize("odd", ["{{", "{% raw %}", "{%", "{{ a }", "{% doc %}", "{%- raw -%}x"])
def test_s16_tags_that_never_end_are_refused_at_once(odd: str) -> None:
    block = {"type": "text", "text": "Hello\n" + odd * 20_000}
    began = time.thread_time()
    with pytest.raises(RegularsError, match=r"Block 1 \(text\), line 2: .* is never closed"):
        compile_template("Hi", "", [block], {})

    assert time.thread_time() - began < 1.0 * PATIENCE


def test_s16_a_merchant_is_told_where_the_template_runs_away() -> None:
    blocks = [
        {"type": "text", "text": "Hello {{ person.first_name }}"},
        {"type": "text", "text": "One\ntwo\n{% for i in (1..20000) %}x{% endfor %}"},
    ]

    with pytest.raises(RegularsError) as refused:
        compile_template("Hi", "", blocks, {})

    assert refused.value.message == (
        "Block 2 (text), line 3: its loops go around more than 10,000 times."
    )
    assert refused.value.status == 422


def own(world: World, text: str) -> int:
    with db.transaction() as session:
        return publish_template(
            session, world.shop.id, None, name="Own", subject="Hi", preview="",
            blocks=[{"type": "text", "text": text}], translations={},
        )  # fmt: skip


def test_s16_a_mail_that_runs_away_is_not_sent_and_its_neighbours_are(
    database: str, shop, relay: Relay
) -> None:
    """With this shopper's data alone, which no trial at publishing sees."""
    world = build(shop)
    heavy = own(world, "{% for i in (1..event.value) %}{{ person.email }}{% endfor %}" * 2)
    lost = world.queue(template_id=heavy)
    fine = world.queue()

    with capture_logs() as logs:
        send_messages(shop.id, [lost, fine])

    assert (world.read(lost).state, world.read(lost).skip_reason) == ("failed", "render")
    assert world.read(fine).state == "accepted"
    (said,) = [each for each in logs if each["event"] == "message.render"]
    assert said["kind"] == "LoopIterationLimitError"
    assert (said["template"], said["version"]) == (heavy, 1)
    assert said["line"]
    assert "maya" not in str(logs)


def test_s16_others_write_while_a_mail_is_rendered(
    database: str, shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = build(shop)
    use_provider(monkeypatch, Accepting())
    renders, goes_on = Event(), Event()
    render = draft.render_message

    def slowly(*args, **kwargs):
        renders.set()
        assert goes_on.wait(30 * PATIENCE)
        return render(*args, **kwargs)

    monkeypatch.setattr(draft, "render_message", slowly)
    message_id = world.queue()
    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(send_messages, shop.id, [message_id])
        try:
            assert renders.wait(30 * PATIENCE)
            other = world.queue()  # SQLite has one writer, PostgreSQL locks of this shop
            with db.transaction() as session:
                db.lock_shop(session, shop.id)
        finally:
            goes_on.set()
        sending.result(30 * PATIENCE)

    assert world.read(message_id).state == "accepted"
    assert world.read(other).state == "due"


def test_s16_who_changes_the_address_while_a_mail_is_rendered_gets_it_there(
    world: World, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    render = draft.render_message
    world.say("subscribed", "maya@other.example")

    def meanwhile(*args, **kwargs):
        world.change(Profile, world.profile_id, email="maya@other.example")
        return render(*args, **kwargs)

    monkeypatch.setattr(draft, "render_message", meanwhile)
    message_id = world.queue()
    send_messages(world.shop.id, [message_id])
    assert (world.read(message_id).state, relay.mails()) == ("due", [])
    monkeypatch.setattr(draft, "render_message", render)
    send_messages(world.shop.id, [message_id])

    assert [mail["To"] for mail in relay.mails()] == ["maya@other.example"]
