"""Be installed: OAuth, scopes, billing, web pixel and the app's configuration."""
