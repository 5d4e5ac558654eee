"""Draw product pictures as SVG, by shape and palette."""

from typing import NamedTuple

from devstore.pages import render


class Palette(NamedTuple):
    """Colours from the wall to the cap."""

    wall: str
    floor: str
    body: str
    shade: str
    cap: str
    ink: str


PALETTES = {
    "dusk": Palette("#e9dff0", "#d7c7e3", "#f7f2fb", "#c3aed6", "#6f5a86", "#4d3c62"),
    "sky": Palette("#dfeaf3", "#c6d9e8", "#f5fafd", "#a9c5db", "#5d7f99", "#35546b"),
    "mint": Palette("#dcefe6", "#c0e0d1", "#f1faf6", "#9bccb6", "#4f8a72", "#2c5e4b"),
    "lilac": Palette("#e6e2f6", "#d0c9ee", "#f6f4fd", "#b3a8e0", "#7467b3", "#473c82"),
    "rose": Palette("#f8e1e2", "#f0c9cc", "#fef4f4", "#e3a5aa", "#b9666e", "#7f3a42"),
    "blush": Palette("#f9e6dc", "#f2d0bf", "#fef7f3", "#e6b198", "#bf7a5c", "#81492f"),
    "sage": Palette("#e4ebdd", "#cfdcc3", "#f6f9f2", "#adc298", "#6d8657", "#445a32"),
    "clay": Palette("#f0e2d6", "#e2cab6", "#faf3ec", "#cda98a", "#94694a", "#643f25"),
    "butter": Palette("#faf0d4", "#f3e0ad", "#fefaec", "#e6c877", "#b58f35", "#75590f"),
    "cream": Palette("#f3eee5", "#e4dccd", "#fdfbf7", "#cfc3ac", "#8f8062", "#5c5039"),
    "amber": Palette("#f8e4cb", "#efcb9d", "#e9a550", "#b8722a", "#4a3322", "#fff3e2"),
    "plum": Palette("#ecdce4", "#dbbfcd", "#8d5470", "#653650", "#2f1a27", "#fbeef4"),
}

LABEL_AT = {"dropper": 440, "bottle": 402, "pump": 408, "jar": 500, "tube": 318, "mist": 400}


def picture(title: str, look: str, size: str) -> str:
    """The picture of a product; `look` names a shape and a palette, such as `jar sky`."""
    shape, palette = look.split()
    return render(
        "storefront/picture.svg",
        title=title,
        p=PALETTES[palette],
        shape=shape,
        top=LABEL_AT[shape],
        lines=_lines(title, 22 if shape == "jar" else 16),
        size=size,
    )


def _lines(title: str, width: int) -> list[str]:
    """A title broken for a label."""
    lines = [""]
    for word in title.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines
