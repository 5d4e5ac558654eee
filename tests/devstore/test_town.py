"""A town that the dev store makes up: the same each time, believable, and in the size asked for."""

from collections import Counter
from datetime import UTC, datetime

import pytest

from devstore.people.town import PAST, Town

UNTIL = datetime(2026, 11, 21, tzinfo=UTC)


def told(seed: int = 7) -> list[object]:
    return list(Town(300, 6_000, UNTIL, seed).pieces())


def test_the_same_seed_tells_the_same_town():
    assert repr(told()) == repr(told())
    assert repr(told()) != repr(told(seed=8))


def test_it_has_as_many_people_and_events_as_were_asked_for():
    pieces = told()

    assert [who.number for piece in pieces for who in piece.people] == [*range(300)]
    assert sum(len(piece.events) for piece in pieces) == 6_000


def test_a_townsman_acts_only_between_arrival_and_the_last_day():
    pieces = told()
    came = {who.number: who.at for piece in pieces for who in piece.people}

    assert min(came.values()) >= UNTIL - PAST
    for piece in pieces:
        assert all(
            came[did.number] <= did.at for did in piece.events if did.metric == "Placed Order"
        )


def test_a_few_do_most_of_what_is_done():
    counts = Counter(did.number for piece in told() for did in piece.events)
    most = sorted(counts.values(), reverse=True)

    assert sum(most[:60]) > 6_000 / 3


def test_an_address_belongs_to_no_real_person():
    people = [who for piece in told() for who in piece.people]

    assert all(who.email.endswith(".example") for who in people if who.email)
    assert all(who.phone[5:8] == "555" for who in people if who.phone)
    assert len({who.email for who in people if who.email}) == sum(bool(who.email) for who in people)


def test_fewer_events_than_a_shopper_needs_to_arrive_are_refused():
    with pytest.raises(ValueError, match="5 things"):
        Town(300, 900, UNTIL)
