"""Speak to Shopify's Admin API: tokens, GraphQL, bulk operations and pacing."""
