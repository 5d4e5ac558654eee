"""Ready forms: the popup that a store begins with, as a draft, and the switch that shows it."""

from typing import Any

from plugin import clock
from plugin import jobs as bell
from plugin.errors import RegularsError
from plugin.flows.library import newsletter_of
from plugin.forms.definition import EMAIL_WORDS, SMS_CHECKBOX, blocks, texts
from plugin.profiles import properties
from plugin.shopify.install import app_embed as embed
from plugin.texts import translations
from storage import forms, lists
from storage.engine import db
from storage.engine.ids import new_id
from storage.forms import DRAFT, LIVE, Form, FormVersion


def seed(shop_id: int) -> None:
    """Give a new store its popup, switched off. Twice is a no-op."""
    now = clock.now()
    with db.transaction() as session:
        db.lock_shop(session, shop_id)
        if forms.forms_of(session, shop_id):
            return
        form = Form(
            shop_id=shop_id,
            id=new_id(),
            name="Welcome popup",
            list_id=newsletter_of(session, shop_id),
            created_at=now,
            updated_at=now,
        )
        session.add(form)
        definition = welcome_popup()
        version = FormVersion(
            shop_id=shop_id,
            form_id=form.id,
            version=1,
            definition=definition,
            translations=translations(texts(definition)),
            created_at=now,
        )
        session.add(version)
        properties.learn(session, shop_id, list(blocks(definition)), version.translations)


def set_status(shop_id: int, form_id: int, live: bool) -> None:
    """Show a form in the store, or no longer.

    Raises:
        RegularsError: there is no such form (404), or no list that it puts people on (409).
    """
    with db.transaction() as session:
        db.lock_shop(session, shop_id)
        form = forms.get_form(session, shop_id, form_id)
        if form is None:
            raise RegularsError("There is no such form.", 404)
        if live and lists.get_list(session, shop_id, form.list_id) is None:
            raise RegularsError("The list that this form puts people on was deleted.", 409)
        form.status = LIVE if live else DRAFT
        form.updated_at = clock.now()
        session.add(form)
        version = forms.get_form_version(session, shop_id, form_id, form.version)
        if live and version is not None:
            asked = list(blocks(version.definition))
            properties.learn(session, shop_id, asked, version.translations)
    bell.ring("publish", shop_id)


def set_list(shop_id: int, form_id: int, list_id: int) -> None:
    """Let a form put people on another list from now on.

    Raises:
        RegularsError: there is no such form or list (404).
    """
    with db.transaction() as session:
        db.lock_shop(session, shop_id)
        form = forms.get_form(session, shop_id, form_id)
        if form is None or lists.get_list(session, shop_id, list_id) is None:
            raise RegularsError("There is no such form or list.", 404)
        form.list_id = list_id
        session.add(form)


def publish(shop_id: int) -> None:
    """Tell the storefront which forms are live and what shows them; it asks for the rest later."""
    with db.reading() as session:
        live = [
            {
                "id": str(form.id),
                "version": version.version,
                "type": version.definition["type"],
                "triggers": version.definition["triggers"],
                "evaluation": version.definition["properties"]["rule_based_trigger_evaluation"],
            }
            for form in forms.forms_of(session, shop_id)
            if form.status == LIVE
            and (version := forms.get_form_version(session, shop_id, form.id, form.version))
        ]
    embed.publish_forms(shop_id, {"forms": live})


def welcome_popup() -> dict[str, Any]:
    """Two steps: what the skin needs, then where to write to."""
    needs = [
        {"label": "More hydration", "value": "hydration"},
        {"label": "Fewer blemishes", "value": "blemishes"},
        {"label": "Calmer, less sensitive skin", "value": "sensitivity"},
        {"label": "Firmness and fine lines", "value": "firmness"},
    ]
    question = {
        "type": "radio_buttons",
        "properties": {
            "property_name": "skin_need",
            "label": "What does your skin need most?",
            "show_label": False,
            "required": True,
            "error_messages": {"required": "Please choose one.", "invalid": "Please choose one."},
            "options": needs,
        },
    }
    email = {
        "type": "email",
        "properties": {
            "property_name": "$email",
            "label": "Email address",
            "show_label": True,
            "placeholder": "you@example.com",
            "required": True,
            "error_messages": {
                "required": "Please enter your email address.",
                "invalid": "Please enter a complete email address.",
            },
        },
    }
    phone = {
        "type": "phone_number",
        "properties": {
            "property_name": "$phone_number",
            "label": "Mobile number (optional)",
            "show_label": True,
            "placeholder": "+1 415 555 0132",
            "required": False,
            "sms_consent_type": ["promotional"],
            "error_messages": {
                "required": "Please enter your mobile number.",
                "invalid": "Please enter the number with its country code.",
            },
        },
    }
    sms = {
        "type": SMS_CHECKBOX,
        "properties": {
            "property_name": "opt_in_promotional_sms",
            "checkbox_text": "Text me offers too, up to 4 a month. Reply STOP to end. "
            "Message and data rates may apply. Not a condition of purchase.",
            "channels": ["sms"],
        },
    }
    email_words = (
        "By signing up you agree to receive our emails with skin advice and offers. "
        "You can unsubscribe at any time."
    )
    return {
        "type": "popup",
        "name": "Welcome popup",
        "status": "live",
        "triggers": [
            {"type": "delay", "properties": {"seconds": 5}},
            {"type": "exit_intent"},
            {"type": "after_close_or_submit_timeout", "properties": {"timeout_days": 7}},
        ],
        "properties": {
            "accessible_name": "Find your skin routine",
            "show_close_button": True,
            "rule_based_trigger_evaluation": "any",
        },
        "steps": [
            _step(
                "Need",
                _text("<h2>What does your skin need most?</h2>"),
                _text("<p>Tell us, and we will send you a routine that fits, with 10% off.</p>"),
                question,
                _button("Continue", "next_step", submit=False),
            ),
            _step(
                "Address",
                _text("<h2>Where may we send your routine?</h2>"),
                email,
                phone,
                sms,
                _text(f"<p>{email_words}</p>", EMAIL_WORDS),
                _button("Send me my routine", "next_step", submit=True),
            ),
            _step(
                "Thanks",
                _text("<h2>It is on its way</h2>"),
                _text("<p>Look in your inbox: your routine and your code for 10% off.</p>"),
                _button("Keep browsing", "close", submit=False),
            ),
        ],
    }


def _step(name: str, *blocks: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "columns": [{"rows": [{"blocks": [block]} for block in blocks]}]}


def _text(html: str, block_id: str | None = None) -> dict[str, Any]:
    named = {"id": block_id} if block_id else {}
    return {**named, "type": "html_text", "properties": {"content": html}}


def _button(label: str, action: str, *, submit: bool) -> dict[str, Any]:
    return {
        "type": "button",
        "properties": {"label": label},
        "action": {"type": action, "submit": submit},
    }
