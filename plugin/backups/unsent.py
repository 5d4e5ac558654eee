"""What a restored copy had yet to send: it is told, and decided, before anything goes out."""

from plugin import clock
from plugin.errors import RegularsError
from storage import restorations
from storage.engine import db
from storage.restorations import UnsentChoice

HOW = (
    "Nothing is sent until you say what became of them:",
    "  regulars unsent --count-as-sent   they went out before this copy was restored",
    "  regulars unsent --send            they did not: send them now",
)


def describe() -> list[str]:
    """A line for each store and channel with messages in doubt, and what to do."""
    with db.reading() as session:
        held = restorations.held_restoration(session)
        if held is None:
            return ["Nothing is held: no restored backup waits for a decision."]
        found = restorations.unsent_messages(session, held.restored_at)
        steps = restorations.count_waiting_steps(session, held.restored_at)
        imports = restorations.count_imports(session, held.restored_at)
    span = f"{held.backed_up_at:%Y-%m-%d %H:%M} and {held.restored_at:%Y-%m-%d %H:%M} UTC"
    lines = [f"This copy does not know what was sent between {span}. Due by then:"]
    for each in found:
        awaited = ", which shoppers wait for" if each.transactional else ""
        lines.append(f"  {each.count:>7,}  {each.channel} of {each.domain}{awaited}")
    lines.append(f"  {steps:>7,}  shoppers at a step of a flow")
    lines.append(f"  {imports:>7,}  imports under way, with rows that start flows")
    return [*lines, *HOW]


def decide(choice: UnsentChoice) -> None:
    """Let go on what a restoration holds.

    Raises:
        RegularsError: nothing is held.
    """
    with db.transaction() as session:
        held = restorations.held_restoration(session)
        if held is None:
            raise RegularsError("Nothing is held: no restored backup waits for a decision.")
        restorations.decide(session, held, choice, clock.now())


def require_decision() -> None:
    """Go on only when no restoration waits for a decision.

    Raises:
        RegularsError: one does; it says how to decide.
    """
    with db.reading() as session:
        held = restorations.held_restoration(session)
    if held is not None:
        raise RegularsError("\n".join(describe()))
