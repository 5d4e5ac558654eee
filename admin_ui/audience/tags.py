"""A profile's tags: show them, add one, remove one; Shopify's customer follows."""

from starlette.responses import Response

from admin_ui.kit import words
from admin_ui.kit.request import AdminRequest, missing
from admin_ui.kit.routes import page
from plugin.errors import RegularsError
from plugin.profiles import tags
from plugin.texts import N_
from storage import profiles
from storage.engine import db

TITLE = N_("Tags")


@page("/audience/profiles/{profile_id}/tags", title=TITLE, personal=True)
def show(visit: AdminRequest) -> Response:
    """Show the tags of a profile."""
    return _page(visit)


@page("/audience/profiles/{profile_id}/tags", title=TITLE, method="POST", personal=True)
def change(visit: AdminRequest) -> Response:
    """Add a `tag`, or with `off` remove it."""
    off, say = "off" in visit.form, visit.say
    try:
        tags.set_tag(
            visit.shop.id, visit.number("profile_id"), visit.form.get("tag", ""), on=not off
        )
    except RegularsError as error:
        if error.status != 422:
            raise
        words_for_it = say.text("Use up to 255 characters and no commas.")
        return _page(visit, error=words_for_it, status=422)
    return _page(visit, toast=say.text("Tag removed") if off else say.text("Tag added"))


def _page(visit: AdminRequest, *, toast: str = "", error: str = "", status: int = 200) -> Response:
    with db.reading() as session:
        profile = profiles.get_profile(session, visit.shop.id, visit.number("profile_id"))
    if profile is None:
        raise missing()
    return visit.page(
        "audience/tags.html",
        toast=toast,
        status=status,
        error=error,
        profile=profile,
        name=words.person(profile, visit.say),
        tags=tags.tags_of(profile.properties),
        longest=tags.MAX_TAG_CHARS,
    )
