"""Lists: every one with its size; how one is called, what uses it, and its end."""

from datetime import timedelta

from sqlmodel import Session
from starlette.responses import Response

from admin_ui.audience import profiles
from admin_ui.audience.lists.members import count_members, get_list, show_list
from admin_ui.kit.request import AdminRequest
from admin_ui.kit.routes import page
from plugin import clock, lists
from plugin.forms import double_opt_in
from plugin.lists import ListError, ListProblem
from plugin.texts import N_
from storage import lists as stored_lists
from storage.channels import Channel
from storage.engine import db
from storage.forms import Form, get_form_version

TITLE = N_("Lists")
SETTINGS_TITLE = N_("List settings")
RECENT_PERIOD = timedelta(days=30)
SENTENCES = {
    ListProblem.NAMELESS: N_("Enter a list name."),
    ListProblem.NAME_TAKEN: N_("Another list has this name."),
    ListProblem.TOO_MANY: N_("You can have up to 1,000 lists. Delete one first."),
    ListProblem.IN_USE: N_("This list is in use and can't be deleted."),
}


@page("/audience/lists", title=TITLE)
def show_all(visit: AdminRequest) -> Response:
    """Show every list."""
    return _all(visit)


@page("/audience/lists", title=TITLE, method="POST")
def create(visit: AdminRequest) -> Response:
    """Create a list: `name`."""
    said = visit.form.get("name", "")
    try:
        made = lists.create_list(visit.shop.id, said)
    except ListError as error:
        return _all(
            visit, error=sentence(visit, error), name=said[: lists.MAX_LIST_NAME_CHARS], status=422
        )
    return show_list(visit, made, visit.say.text("List created."))


@page("/audience/lists/{list_id}/settings", title=SETTINGS_TITLE, personal=True)
def show_settings(visit: AdminRequest) -> Response:
    """Show what a list is called and what uses it."""
    return _settings(visit)


@page("/audience/lists/{list_id}/settings", title=SETTINGS_TITLE, method="POST", personal=True)
def rename(visit: AdminRequest) -> Response:
    """Rename a list: `name`."""
    said = visit.form.get("name", "")
    try:
        lists.rename_list(visit.shop.id, visit.number("list_id"), said)
    except ListError as error:
        said = said[: lists.MAX_LIST_NAME_CHARS]
        return _settings(visit, error=sentence(visit, error), name=said, status=422)
    return _settings(visit, toast=visit.say.text("Saved"))


@page("/audience/lists/{list_id}/delete", title=TITLE, method="POST", personal=True)
def delete(visit: AdminRequest) -> Response:
    """Delete a list."""
    list_id = visit.number("list_id")
    try:
        lists.delete_list(visit.shop.id, list_id)
    except ListError as error:
        return _settings(visit, refused=sentence(visit, error), status=422)
    return _all(visit, gone=list_id)


@page("/audience/lists/{list_id}/restore", title=TITLE, method="POST", personal=True)
def restore(visit: AdminRequest) -> Response:
    """Restore a deleted list."""
    list_id = visit.number("list_id")
    try:
        lists.restore_list(visit.shop.id, list_id)
    except ListError as error:
        words_for_it = visit.say.text("List not restored. %(why)s", why=sentence(visit, error))
        return _all(visit, problem=words_for_it, status=422)
    return _all(visit, toast=visit.say.text("List restored with all its members."))


def sentence(visit: AdminRequest, error: ListError) -> str:
    """Why a list was refused, to the merchant."""
    return visit.say.text(SENTENCES[error.reason])


def _all(
    visit: AdminRequest,
    *,
    toast: str = "",
    error: str = "",
    problem: str = "",
    name: str = "",
    gone: int | None = None,
    status: int = 200,
) -> Response:
    shop_id = visit.shop.id
    with db.reading() as session:
        found = stored_lists.lists_of(session, shop_id)
        sizes = stored_lists.count_members(session, shop_id)
        new = stored_lists.count_joined(session, shop_id, clock.now() - RECENT_PERIOD)
        deleted = lists.deleted_lists(session, shop_id)
    profiles.count_soon(shop_id, *sizes.values())
    return visit.page(
        "audience/lists/lists.html",
        toast=toast,
        path="/audience/lists",
        status=status,
        error=error,
        problem=problem,
        name=name,
        longest=lists.MAX_LIST_NAME_CHARS,
        lists=found,
        sizes=sizes,
        new=new,
        counted=visit.say.counted_at(*sizes.values()),
        deleted=[
            (each, (each.deleted_at or clock.now()) + lists.RESTORABLE_FOR) for each in deleted
        ],
        gone=next((each for each in deleted if each.id == gone), None),
    )


def _settings(
    visit: AdminRequest,
    *,
    toast: str = "",
    error: str = "",
    name: str | None = None,
    refused: str = "",
    status: int = 200,
) -> Response:
    shop_id, list_id = visit.shop.id, visit.number("list_id")
    with db.reading() as session:
        held = get_list(session, visit, list_id)
        used = lists.list_usage(session, shop_id, list_id)
        texts_wait = {form.id for form in used.forms if _leaves_texts_waiting(session, form)}
        size = count_members(session, visit, list_id)
    return visit.page(
        "audience/lists/list_settings.html",
        toast=toast,
        path=f"/audience/lists/{list_id}/settings",
        status=status,
        error=error,
        refused=refused,
        list=held,
        name=held.name if name is None else name,
        longest=lists.MAX_LIST_NAME_CHARS,
        used=used,
        texts_wait=texts_wait,
        size=size,
        days=lists.RESTORABLE_FOR.days,
    )


def _leaves_texts_waiting(session: Session, form: Form) -> bool:
    version = get_form_version(session, form.shop_id, form.id, form.version)
    return version is not None and Channel.SMS in double_opt_in.leaves_unconfirmed(
        form, version.definition
    )
