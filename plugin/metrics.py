"""The names of what we know shoppers to do, as Klaviyo gives them, with who says so."""

from storage.metrics import MetricService

STANDARD = {
    **dict.fromkeys((
        "Active on Site", "Viewed Product", "Viewed Collection", "Viewed Cart", "Submitted Search",
        "Added to Cart", "Removed from Cart", "Checkout Started",
        "Placed Order", "Ordered Product", "Fulfilled Order", "Fulfilled Partial Order",
        "Cancelled Order", "Refunded Order", "Edited Order", "Deleted Order", "Order Transaction",
        "Confirmed Shipment", "Marked Out for Delivery", "Delivered Shipment",
        "Requested Return", "Approved Return", "Declined Return", "Cancelled Return",
        "Closed Return", "Reopened Return",
        "Started Subscription", "Activated Subscription", "Paused Subscription",
        "Cancelled Subscription", "Expired Subscription", "Failed Subscription",
        "Subscription Order Paid", "Subscription Payment Failed", "Subscription Payment Challenged",
    ), MetricService.SHOPIFY),
    **dict.fromkeys((
        "Submitted Form", "Subscribed to List",
        "Subscribed to Email Marketing", "Unsubscribed from Email Marketing",
        "Subscribed to SMS Marketing", "Unsubscribed from SMS Marketing",
        "Received Email", "Opened Email", "Clicked Email", "Bounced Email",
    ), MetricService.REGULARS),
}  # fmt: skip
_RESERVED = frozenset(name.casefold() for name in STANDARD)


def is_reserved(name: str) -> bool:
    """Whether only Shopify or we may use a name, however it is written: a browser may not."""
    return " ".join(name.split()).casefold() in _RESERVED
