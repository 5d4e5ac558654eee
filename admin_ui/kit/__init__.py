"""What every page shares: the request, language, words, charts and links."""
