"""The shop behind the pages: goods, carts, orders, people, and the webhooks that report them."""
