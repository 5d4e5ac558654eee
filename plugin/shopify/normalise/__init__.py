"""From Shopify's webhooks to facts: one module for each shape, named by topic in manifest.toml."""
