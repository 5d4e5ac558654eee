"""The sender address: whether it is proven to be the shop's, how to prove it, and what its domain
says of its mail.
"""

from collections.abc import Sequence

from starlette.responses import Response

from admin_ui.kit.request import AdminRequest
from admin_ui.kit.routes import page
from plugin import jobs
from plugin.channels.email.sender_dns import PROOF_HOST, RecordState
from plugin.mailboxes import is_free_mail
from plugin.messages import sender_proofs
from plugin.messages.sender import operator_address, proof_of
from plugin.texts import N_
from storage import senders
from storage.engine import db
from storage.senders import SenderAddress, SenderProof, SenderState

TITLE = N_("Sender address")
PROOFS = {
    SenderProof.MAIL: N_("Confirmed by a click in an email to it."),
    SenderProof.DNS: N_("Confirmed by its domain's DNS."),
    SenderProof.OPERATOR: N_("Its domain is allowed for your store."),
    SenderProof.STORE: N_("It is your store's address in Shopify."),
    SenderProof.KEPT: N_("In use since before addresses had to be confirmed."),
}
STATES = {
    SenderState.UNPROVEN: N_("No confirmation email was sent yet."),
    SenderState.ASKED: N_("We sent it an email with a link. Open it within seven days."),
    SenderState.REFUSED: N_("The email provider refused our email to it."),
    SenderState.LIMITED: N_("Enough confirmation emails were sent for today. Try again tomorrow."),
    SenderState.CONFIRMED: N_("Confirmed"),
}
RECORDS = (("spf", "SPF"), ("dkim", "DKIM"), ("dmarc", "DMARC"))


@page("/settings/sender", title=TITLE)
def show(visit: AdminRequest) -> Response:
    """Show the address that mail comes from."""
    return _page(visit)


@page("/settings/sender", title=TITLE, method="POST")
def ask(visit: AdminRequest) -> Response:
    """Look the domain up again, or with `mail` send the proof again."""
    by_mail = "mail" in visit.form
    with db.transaction() as session:
        sender_proofs.ask_for_proof(session, visit.shop, by_mail=by_mail)
    jobs.enqueue("senders", visit.shop.id)
    said = visit.say.text("Sending the email") if by_mail else visit.say.text("Checking DNS")
    return _page(visit, said)


def warnings(visit: AdminRequest) -> Sequence[str]:
    """Say what keeps mail of the saved settings from going out, or from arriving."""
    shop, say = visit.shop, visit.say
    found = []
    if is_free_mail(domain := shop.sender_email.rpartition("@")[2]):
        found.append(
            say.text(
                "Email providers refuse emails that stores send from addresses at %(domain)s. "
                "Use an address at your own domain.",
                domain=domain,
            )
        )
    if unproven := _unproven(visit):
        found.append(unproven)
    if not shop.postal_address.strip():
        found.append(say.text("No marketing emails are sent until you add a postal address."))
    return found


def _unproven(visit: AdminRequest) -> str:
    """Say what becomes of mail while its address is unproven; "" when it is proven."""
    shop, say = visit.shop, visit.say
    with db.reading() as session:
        if not shop.sender_email or proof_of(session, shop) is not None:
            return ""
    if operator := operator_address():
        return say.text(
            "%(address)s isn't confirmed yet. Until then your emails come from %(operator)s, and "
            "replies go to your address.",
            address=shop.sender_email, operator=operator,
        )  # fmt: skip
    return say.text(
        "%(address)s isn't confirmed yet. Until then no emails are sent.",
        address=shop.sender_email,
    )


def _page(visit: AdminRequest, toast: str = "") -> Response:
    shop = visit.shop
    domain = shop.sender_email.rpartition("@")[2]
    with db.reading() as session:
        proof = proof_of(session, shop)
        held = senders.get_sender(session, shop.id, shop.sender_email)
    return visit.page(
        "settings/sender.html",
        toast=toast,
        path="/settings/sender",
        warnings=warnings(visit),
        domain=domain,
        proof="" if proof is None else visit.say.text(PROOFS[proof]),
        state=visit.say.text(STATES[held.state if held else SenderState.UNPROVEN]),
        is_working=held is not None and held.due_at is not None,
        may_mail=bool(operator_address()),
        record=(f"{PROOF_HOST}.{domain}", sender_proofs.domain_words(shop.id, domain)[0]),
        records=_records(held),
        read_at=None if held is None else held.records_at,
        policy=held.records.get("policy", "") if held else "",
    )


def _records(held: SenderAddress | None) -> list[tuple[str, str]]:
    """Each record's name and state."""
    told = held.records if held else {}
    return [(name, told.get(key, RecordState.UNKNOWN)) for key, name in RECORDS]
