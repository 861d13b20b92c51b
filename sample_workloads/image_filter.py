"""Sharpen a set of photographs with Pillow, straight at module level, without a `__main__` guard.

Pillow filters in C without the GIL, and the pictures are too large to send to another process for nothing.

expect: function=sharpen bound=cpu-bound detail=native backend=threads workers=1c..2c measured=yes
"""

import random

from PIL import Image, ImageFilter, ImageStat


def photograph(number, size=(1280, 960)):
    """Make a picture of noise and soft shapes."""
    dice = random.Random(number)
    small = Image.frombytes("RGB", (80, 60), dice.randbytes(80 * 60 * 3))
    return small.resize(size, Image.Resampling.BICUBIC)


def sharpen(picture):
    return picture.filter(ImageFilter.GaussianBlur(2)).filter(ImageFilter.SHARPEN)


pictures = [photograph(number) for number in range(32)]
brightness = []
for picture in pictures:
    sharp = sharpen(picture)
    brightness.append(ImageStat.Stat(sharp.resize((80, 60))).mean[0])
print(f"{len(pictures)} pictures, mean brightness {sum(brightness) / len(brightness):.1f}")
