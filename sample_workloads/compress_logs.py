"""Compress a folder of log files and say how much room that would save.

`lzma` compresses in C and lets go of the GIL meanwhile, so that threads share the work though it is all computing.

expect: function=compressed_size bound=cpu-bound detail=native backend=threads|processes workers=1c..2c measured=yes
"""

import atexit
import lzma
import random
import shutil
import tempfile
from pathlib import Path

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


def write_logs(folder, files=36, lines=3000):
    """Fill `folder` with log files of about 200 kB."""
    dice = random.Random(1)
    for number in range(files):
        text = "".join(
            f"2026-03-{number + 1:02d}T12:{line // 60 % 60:02d}:{line % 60:02d} {dice.choice(LEVELS)} "
            f"request {dice.getrandbits(64):016x} took {dice.randrange(4000)} ms\n"
            for line in range(lines)
        )
        (folder / f"server-{number:02d}.log").write_text(text)


def compressed_size(path):
    return len(lzma.compress(path.read_bytes(), preset=6))


def main():
    folder = Path(tempfile.mkdtemp(prefix="logs-"))
    atexit.register(shutil.rmtree, folder)
    write_logs(folder)
    before = after = 0
    for path in sorted(folder.glob("*.log")):
        before += path.stat().st_size
        after += compressed_size(path)
    print(f"{before} bytes would become {after}")


if __name__ == "__main__":
    main()
