"""Speaking with Shopify: install, API, and what its webhooks say."""
