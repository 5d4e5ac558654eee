"""Pages in words: what the access log calls each."""

from admin_ui.kit.words.labels import N_

PAGES = {
    "audience": N_("List of profiles"),
    "audience/duplicates": N_("Likely duplicates"),
    "audience/export": N_("Export of the audience"),
    **dict.fromkeys(
        (
            "audience/imports",
            *(f"audience/imports/{act}" for act in ("act", "flaws", "new", "preview")),
        ),
        N_("Imports"),
    ),
    "audience/lists": N_("A list's members"),
    "audience/lists/add": N_("Whom to add to a list"),
    "audience/lists/members": N_("A list's members"),
    **dict.fromkeys(
        (f"audience/lists/{act}" for act in ("delete", "restore", "settings")),
        N_("Settings of a list"),
    ),
    "audience/lists/export": N_("Export of a list"),
    "audience/profiles": N_("A profile"),
    "audience/profiles/proof": N_("Proof of consent"),
    "audience/profiles/lists": N_("Lists"),
    "audience/profiles/properties": N_("Properties"),
    "audience/profiles/tags": N_("Tags"),
    "home": N_("Home"),
    "settings/privacy": N_("Copy of a shopper's data"),
    "settings/quarantine": N_("Quarantine"),
}
