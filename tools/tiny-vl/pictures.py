"""Draws the sample pictures of docs/pictures: what the bundled model is good at.

    python3 tools/tiny-vl/pictures.py docs/pictures
"""
import sys
from pathlib import Path

from PIL import Image, ImageDraw

from data import draw_shape

RGB = {"red": (220, 40, 40), "blue": (40, 70, 220), "green": (30, 160, 60), "yellow": (245, 210, 40)}
PICTURES = {
    "red-circle": [("red", "circle", 0.5)],
    "blue-square": [("blue", "square", 0.5)],
    "green-star": [("green", "star", 0.5)],
    "yellow-triangle": [("yellow", "triangle", 0.5)],
}


def main(folder):
    for name, shapes in PICTURES.items():
        image = Image.new("RGB", (192, 192), (244, 244, 240) if name != "yellow-triangle" else (40, 44, 60))
        draw = ImageDraw.Draw(image)
        for color, shape, x in shapes:
            draw_shape(draw, shape, 192 * x, 96, 52, RGB[color], 0)
        image.save(Path(folder) / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main(sys.argv[1])
