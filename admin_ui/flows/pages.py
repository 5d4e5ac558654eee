"""Flows: the list of automations, one as a tree with what happened at each step, and its switch."""

from datetime import timedelta

from starlette.responses import Response

from admin_ui.flows import conditions, tree
from admin_ui.kit.request import AdminRequest, missing
from admin_ui.kit.routes import page
from plugin import clock
from plugin.errors import RegularsError
from plugin.flows import library
from plugin.texts import N_
from storage import attributions, flows, lists, messages
from storage.engine import db
from storage.flows import EnrolmentState, FlowStatus
from storage.shops import Shop

TITLE = N_("Flows")
REPORT_PERIOD = timedelta(days=30)


@page("/flows", title=TITLE)
def show_all(visit: AdminRequest) -> Response:
    """Show every flow."""
    shop: Shop = visit.shop
    with db.reading() as session:
        found = flows.flows_of(session, shop.id)
        people = flows.count_enrolments(session, shop.id)
        lately = (clock.now() - REPORT_PERIOD, clock.now())
        sent = messages.count_sent_by_flow(session, shop.id, *lately)
        earned = attributions.earned_by_flow(session, shop.id, *lately)
        names = {str(each.id): each.name for each in lists.lists_of(session, shop.id)}
    return visit.page(
        "flows/flows.html",
        flows=[
            (
                flow,
                tree.trigger(flow.trigger, names, visit.say),
                people.get(flow.id, {}).get(EnrolmentState.WAITING, 0),
                sent.get(flow.id, 0),
                earned.get(flow.id, (0, 0))[1],
            )
            for flow in found
        ],
    )


@page("/flows/{flow_id}", title=TITLE)
def show(visit: AdminRequest) -> Response:
    """Show the steps of a flow."""
    return _page(visit, visit.number("flow_id"))


@page("/flows/{flow_id}", title=TITLE, method="POST")
def switch(visit: AdminRequest) -> Response:
    """Turn a flow on or off: `status` is `live` or `draft`."""
    flow_id = visit.number("flow_id")
    live = visit.form.get("status") == FlowStatus.LIVE
    say = visit.say
    try:
        library.set_status(visit.shop.id, flow_id, live)
    except RegularsError as error:
        if error.status != 409:
            raise
        return _page(
            visit, flow_id, say.text("This flow's list was deleted. Restore the list first.")
        )
    return _page(
        visit,
        flow_id,
        say.text("Flow turned on. Customers who trigger it now get its messages.")
        if live
        else say.text("Flow turned off. No more messages will be sent."),
    )


def _page(visit: AdminRequest, flow_id: int, toast: str = "") -> Response:
    shop_id, say = visit.shop.id, visit.say
    with db.reading() as session:
        flow = flows.get_flow(session, shop_id, flow_id)
        if flow is None:
            raise missing()
        version = flows.get_flow_version(session, shop_id, flow_id, flow.version)
        if version is None:
            raise missing()
        counted = tree.Counted(
            waiting=flows.count_waiting(session, shop_id, flow_id),
            steps=flows.count_steps(session, shop_id, flow_id),
            messages=messages.count_by_action(session, shop_id, flow_id),
            reasons=messages.count_reasons(session, shop_id, flow_id),
            earned=attributions.earned_by_action(session, shop_id, flow_id),
        )
        people = flows.count_enrolments(session, shop_id).get(flow_id, {})
        names = {str(each.id): each.name for each in lists.lists_of(session, shop_id)}
    steps = tree.steps(version.definition, counted, say)
    return visit.page(
        "flows/flow.html",
        toast=toast,
        flow=flow,
        trigger=tree.trigger(flow.trigger, names, say),
        lost=flow.trigger.startswith("list:") and flow.trigger[5:] not in names,
        conditions=conditions.of_flow(version.definition, say),
        steps=steps,
        people=people,
        sent=sum(step.sent for step in steps),
        earned=sum(step.earned for step in steps),
        orders=sum(step.orders for step in steps),
    )
