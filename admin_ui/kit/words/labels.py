"""Label the product's codes and names for a merchant."""

from admin_ui.kit.language import Language


def label(table: dict[str, str], code: str, say: Language) -> str:
    """A code in words; one that we have no words for, as it is."""
    return say.text(table[code]) if code in table else code
