"""Make the pictures of the guides from those of a tour, small enough to keep.

regulars tour && python scripts/pictures.py [var/tour]
"""

import argparse
from base64 import b64decode, b64encode
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from devstore import chromium

PICTURES = Path(__file__).parents[1] / "docs" / "guides" / "pictures"
CHOSEN = {  # a picture of the tour -> what the guide calls it; the last of that name counts
    "popup-address": "popup",
    "mail-welcome": "mail",
    "admin-home-en": "home",
    "admin-audience-en": "profile",
    "admin-flows-en": "flow",
}
WIDTH, MAX_HEIGHT, MAX_BYTES = 900, 1100, 60_000
DRAW = """async ([source, width, maxHeight, maxBytes]) => {
  const picture = new Image();
  picture.src = source;
  await picture.decode();
  const scale = Math.min(1, width / picture.width);
  const canvas = document.createElement("canvas");
  canvas.width = picture.width * scale;
  canvas.height = Math.min(picture.height * scale, maxHeight);
  const brush = canvas.getContext("2d");
  brush.imageSmoothingQuality = "high";
  brush.drawImage(picture, 0, 0, canvas.width, picture.height * scale);
  for (let quality = 0.9; quality > 0.1; quality -= 0.1) {
    const made = canvas.toDataURL("image/webp", quality).split(",")[1];
    if (made.length * 3 / 4 <= maxBytes) return made;
  }
}"""


def main() -> None:
    """Write each picture."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("tour", nargs="?", type=Path, default=Path("var/tour"))
    tour = parser.parse_args().tour
    PICTURES.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium.find(), args=chromium.arguments()
        )
        page = browser.new_page()
        for name, called in CHOSEN.items():
            shrink(page, sorted(tour.glob(f"*-{name}*.png"))[-1], PICTURES / f"{called}.webp")
        browser.close()


def shrink(page: Page, picture: Path, to: Path) -> None:
    """Write a picture as WebP, no wider than `WIDTH` and of at most `MAX_BYTES`."""
    source = f"data:image/png;base64,{b64encode(picture.read_bytes()).decode()}"
    made = page.evaluate(DRAW, [source, WIDTH, MAX_HEIGHT, MAX_BYTES])
    to.write_bytes(b64decode(made))
    print(f"{picture.name} -> {to.name}, {to.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
