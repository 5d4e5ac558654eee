"""The look of every mail: the MJML document around its blocks, for light and dark rooms.

Clients that know no media queries show the light mail; those that darken by themselves meet
colours with enough contrast either way.
"""

from html import escape

TEXT = {"heading": "ink", "lead": "ink", "body": "ink", "small": "muted"}  # style: colour class
PADDING = {
    "heading": "16px 32px 16px",
    "lead": "4px 32px 12px",
    "body": "2px 32px 4px",
    "small": "4px 32px 8px",
}
SANS = (
    "-apple-system,BlinkMacSystemFont,'Segoe UI',Roboto,'Helvetica Neue',Arial,"
    "'PingFang SC','Microsoft YaHei','Noto Sans CJK SC','Noto Sans',sans-serif"
)
SERIF = "Georgia,'Times New Roman','Songti SC','Noto Serif CJK SC',serif"
INK, MUTED, PAPER, PAGE, RULE = "#23201c", "#6f6a62", "#ffffff", "#f4f1ec", "#e7e2d9"

CSS = f"""
p {{ margin: 0 0 12px; text-wrap: pretty; }}
.heading {{ font-family: {SERIF}; font-size: 30px; line-height: 38px; margin: 0 0 4px;
  text-wrap: balance; }}
.lead {{ font-size: 18px; line-height: 29px; }}
.body {{ font-size: 16px; line-height: 26px; }}
.small {{ font-size: 14px; line-height: 22px; color: {MUTED}; }}
.foot {{ font-size: 13px; line-height: 20px; color: {MUTED}; }}
.link {{ color: {INK}; text-decoration: underline; }}
.quiet {{ color: {MUTED}; text-decoration: underline; }}
.brand a {{ font-family: {SERIF}; font-size: 26px; line-height: 32px; letter-spacing: 0.5px;
  color: {INK}; text-decoration: none; }}
.eyebrow {{ font-size: 13px; line-height: 20px; letter-spacing: 0.4px; color: {MUTED};
  text-align: center; margin: 8px 0 16px; }}
.cards {{ border-collapse: separate; margin: 0 auto; }}
.card {{ width: 164px; padding: 0 7px 16px; vertical-align: top; text-align: center; }}
.card img {{ display: block; width: 164px; height: 164px; object-fit: cover; border-radius: 8px;
  background: {PAGE}; }}
.picture, .about {{ display: block; text-decoration: none; color: {INK}; }}
.about {{ padding-top: 12px; }}
.kind {{ display: block; font-size: 13px; line-height: 19px; color: {MUTED}; }}
.name {{ display: block; font-size: 16px; line-height: 23px; }}
.price {{ display: block; font-size: 15px; line-height: 24px; color: {MUTED}; }}
.lines {{ width: 100%; border-collapse: collapse; }}
.shot {{ width: 96px; padding: 12px 0; vertical-align: middle; }}
.shot img {{ display: block; width: 96px; height: 96px; object-fit: cover; border-radius: 8px;
  background: {PAGE}; }}
.what {{ padding: 12px 20px; vertical-align: middle; }}
.more {{ padding: 8px 0; font-size: 14px; color: {MUTED}; }}
.ticket {{ background: {PAGE}; border-radius: 10px; padding: 24px 16px 14px; }}
.offer {{ font-size: 15px; line-height: 24px; margin: 0 0 10px; }}
.code {{ font-family: ui-monospace,Menlo,Consolas,monospace; font-size: 16px; line-height: 30px;
  letter-spacing: 1px; white-space: nowrap; font-weight: 600; margin: 0 0 10px; }}
.note {{ font-size: 13px; line-height: 20px; color: {MUTED}; }}
"""
RESPONSIVE = """
@media only screen and (max-width: 479px) {
  .heading { font-size: 26px !important; line-height: 34px !important; }
  .cards, .cards tbody, .cards tr { display: block !important; width: 100% !important; }
  .card { display: table !important; width: 100% !important; padding: 0 !important;
    margin-bottom: 14px !important; }
  .picture { display: table-cell !important; width: 112px !important; }
  .card img { width: 112px !important; height: 112px !important; }
  .about { display: table-cell !important; vertical-align: middle !important;
    text-align: start !important; padding: 0 16px !important; }
  .button table, .button td { width: 100% !important; }
}
@media (prefers-color-scheme: dark) {
  body, .page { background-color: #171614 !important; }
  .paper, .paper > table { background-color: #211f1c !important; background: #211f1c !important; }
  .ink, .ink div, .ink a, .ink .name { color: #f1ede6 !important; }
  .muted p, .muted a, .kind, .price, .note, .eyebrow, .more { color: #b3aca1 !important; }
  .ticket, .card img, .shot img { background: #2d2a26 !important; }
  .button td, .button a { background: #f1ede6 !important; color: #211f1c !important; }
  .rule p { border-top-color: #3a3631 !important; }
}
"""


def mjml_document(content: str, *, subject: str, preview: str, locale: str, rtl: bool) -> str:
    """A whole MJML document around the blocks' MJML."""
    direction = "rtl" if rtl else "ltr"
    return f"""<mjml lang="{escape(locale)}" dir="{direction}">
<mj-head>
<mj-title>{subject}</mj-title>
<mj-preview>{preview}</mj-preview>
<mj-breakpoint width="480px"/>
<mj-attributes>
<mj-all font-family="{SANS}"/>
<mj-text color="{INK}" font-size="16px" line-height="26px"/>
<mj-button background-color="{INK}" color="{PAPER}" font-size="16px" font-weight="500"
  border-radius="8px" inner-padding="15px 36px" padding="16px 32px"/>
<mj-divider border-color="{RULE}" border-width="1px" padding="16px 32px"/>
</mj-attributes>
<mj-style>{CSS}</mj-style>
<mj-raw><meta name="color-scheme" content="light dark"/>
<meta name="supported-color-schemes" content="light dark"/></mj-raw>
</mj-head>
<mj-body css-class="page" background-color="{PAGE}" width="600px">
<mj-section padding="0"><mj-column><mj-spacer height="24px"/></mj-column></mj-section>
<mj-section css-class="paper" background-color="{PAPER}" border-radius="12px" padding="0"
  direction="{direction}"><mj-column>
{content}
</mj-column></mj-section>
<mj-section padding="0"><mj-column><mj-spacer height="24px"/></mj-column></mj-section>
</mj-body>
</mjml>"""
