"""The public routes: verify, store, enqueue, answer. No decisions here."""
