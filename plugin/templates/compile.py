"""Compile blocks into a subject, HTML and plain text for each language, with only Liquid left to
fill in. Done once, when a template is published; see docs/ARCHITECTURE.md, step 7.
"""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from html import escape

import css_inline
import mrml
from sqlmodel import Session

from plugin import clock
from plugin.errors import RegularsError
from plugin.templates import blocks, layout, plain_text
from plugin.templates.blocks import Page
from plugin.templates.liquid_shield import LiquidShield, map_outside_tags
from plugin.templates.trial import check_tags, texts_written, try_mail
from plugin.texts import SOURCE, is_right_to_left
from storage.engine.ids import new_id
from storage.templates import CompiledMail, MailBlock, Template, TemplateVersion, get_template

PIXEL = '<img src="{{ open_url }}" width="1" height="1" alt="" style="display:block;border:0;"/>'
BLANK_PIXEL = PIXEL.replace("{{ open_url }}", "")  # rendered without an address

MAX_KEPT_MAILS = 64  # each in one language; every new shop begins with the same ones

# Left to itself, the inliner fetches stylesheets from wherever the HTML says.
# mrml likewise adds Google's fonts wherever it sees their names.
_no_fonts = mrml.RenderOptions(fonts={})
_inliner = css_inline.CSSInliner(load_remote_stylesheets=False, keep_at_rules=True)


def publish_template(
    session: Session,
    shop_id: int,
    template_id: int | None,
    *,
    name: str,
    subject: str,
    preview: str,
    blocks: Sequence[MailBlock],
    translations: Mapping[str, Mapping[str, str]],
) -> int:
    """Compile a template and make that its newest version; without an id it is a new template.

    Raises:
        RegularsError: the blocks make no mail; the message says which and why.
    """
    compiled = compile_template(subject, preview, blocks, translations)
    now = clock.now()
    template = None if template_id is None else get_template(session, shop_id, template_id)
    if template_id is not None and template is None:
        raise RegularsError("This template does not exist.", status=404)
    if template is None:
        template = Template(
            shop_id=shop_id, id=new_id(), name=name, created_at=now, updated_at=now, version=0
        )
    template.name, template.version, template.updated_at = name, template.version + 1, now
    session.add(template)
    session.add(
        TemplateVersion(
            shop_id=shop_id,
            template_id=template.id,
            version=template.version,
            subject=subject,
            preview=preview,
            blocks=list(blocks),
            translations={k: dict(v) for k, v in translations.items()},
            compiled=compiled,
            created_at=now,
        )
    )
    session.flush()
    return template.id


def compile_template(
    subject: str,
    preview: str,
    content: Sequence[Mapping[str, object]],
    translations: Mapping[str, Mapping[str, str]],
) -> dict[str, CompiledMail]:
    """Compile a mail by locale: as it was written, and in every translation.

    A mail without a footer gets one: CAN-SPAM wants address and way out in each of them.
    """
    checked = blocks.check_blocks(content)
    if not any(block["type"] == "footer" for block in checked):
        checked.append({"type": "footer"})
    return {
        locale: _compile(subject, preview, checked, locale, words=translations.get(locale, {}))
        for locale in {SOURCE: None, **dict.fromkeys(translations)}
    }


def _compile(
    subject: str,
    preview: str,
    content: Sequence[MailBlock],
    locale: str,
    *,
    words: Mapping[str, str],
) -> CompiledMail:
    mail = json.dumps([subject, preview, content, locale, dict(words)])
    compiled: CompiledMail = json.loads(_compile_once(mail))
    return compiled


@lru_cache(MAX_KEPT_MAILS)
def _compile_once(mail: str) -> str:
    """Compile one language of a mail, JSON in and out, so that no caller changes what is kept."""
    subject, preview, content, locale, words = json.loads(mail)
    texts = texts_written(
        subject, preview, content, [(f"Translation ({locale})", text) for text in words.values()]
    )
    check_tags(texts)
    page = Page(words=words, rtl=is_right_to_left(locale))
    subject, preview = page.say(subject), page.say(preview)
    mjml = layout.mjml_document(
        blocks.to_mjml(content, page),
        subject=map_outside_tags(subject, escape),
        preview=map_outside_tags(preview, escape),
        locale=locale,
        rtl=page.rtl,
    )
    found: CompiledMail = {
        "subject": subject,
        "preview": preview,
        "html": to_html(mjml),
        "text": plain_text.to_text(content, page),
        "links": page.links,
    }
    try_mail(found, locale, texts)
    return json.dumps(found)


def to_html(mjml: str) -> str:
    """MJML as the HTML that is sent: responsive, styles inlined, Liquid untouched."""
    shield = LiquidShield(mjml)
    try:
        html = mrml.to_html(shield.hide(mjml), render_options=_no_fonts).content
    except OSError as error:  # mrml raises it for MJML that it cannot read
        raise RegularsError(f"This mail cannot be built: {error}.", status=422) from None
    html = _inliner.inline(shield.as_comments(html))
    # What only media queries say is added after inlining, which would drop it.
    html = html.replace("</head>", f"<style>{layout.RESPONSIVE}</style></head>", 1)
    return shield.show(html).replace("</body>", f"{PIXEL}</body>", 1)
