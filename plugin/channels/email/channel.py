"""Email as a channel."""

from datetime import timedelta

from plugin.channels.base import ChannelMetrics, ChannelSpec, EmailContent
from plugin.channels.email.smtp import SmtpEmail

EMAIL = ChannelSpec(
    flow_action="send-email",
    content=EmailContent,
    metrics=ChannelMetrics.of("Email"),
    providers=(SmtpEmail(),),
    needs_sender=True,
    needs_postal_address=True,  # CAN-SPAM, 15 U.S.C. 7704(a)(5)
    smart_sending_window=timedelta(hours=16),  # as Klaviyo's, unless its account says otherwise
)
