"""What Shopify gives an app: the Admin API, sign-in, billing, and the admin around its pages."""
