#!/usr/bin/env python3
"""Writes seeds for the targets out of little-endian classic TIFF files.

  seeds.py FOLDER OUT

The first block of each file goes to OUT/CODEC, behind the eight bytes by which the target makes an image around it;
files of at most 20,000 bytes go to OUT/header as they are. Needs Python's standard library only.
"""

import pathlib
import struct
import sys

CODECS = {1: "none", 5: "lzw", 7: "jpeg", 8: "deflate", 32773: "packbits", 34925: "lzma", 50000: "zstd", 50001: "webp"}
LERC = ["lerc", "lerc_deflate", "lerc_zstd"]
# (bits, sample format) to the byte that stands for them.
SAMPLES = {(8, 1): 0, (16, 2): 4, (16, 1): 5, (32, 3): 6, (64, 3): 7, (32, 1): 8}
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 8: 1, 9: 2, 11: 4, 12: 8}


def fields(data):
    """The first directory's numbers, by tag."""
    (at,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, at)
    found = {}
    for entry in range(at + 2, at + 2 + 12 * count, 12):
        tag, kind, length = struct.unpack_from("<HHI", data, entry)
        if kind not in (3, 4):
            continue
        start = entry + 8
        if length * SIZES[kind] > 4:
            (start,) = struct.unpack_from("<I", data, start)
        found[tag] = struct.unpack_from(f"<{length}{'H' if kind == 3 else 'I'}", data, start)
    return found


def seed(data):
    """The codec's name and the seed made of the first block."""
    tags = fields(data)
    one = lambda tag, default: tags.get(tag, (default,))[0]
    compression, bands = one(259, 1), one(277, 1)
    name = LERC[tags[50674][1]] if compression == 34887 else CODECS[compression]
    offset = one(324, 0) or one(273, 0)
    length = one(325, 0) or one(279, 0)
    width = one(322, None) or one(256, 1)
    height = one(323, None) or min(one(278, 1 << 30), one(257, 1))
    shape = [
        (min(width, 80) - 1),
        (min(height, 80) - 1),
        [1, 3, 4, 2].index(bands) if bands in (1, 2, 3, 4) and one(284, 1) == 1 else 0,
        SAMPLES.get((one(258, 1), one(339, 1)), 0),
        {1: 0, 6: 1, 2: 2}.get(one(262, 1), 0),
        {1: 0, 2: 1, 3: 2}.get(one(317, 1), 0),
        0,
        0,
    ]
    return name, bytes(shape) + data[offset : offset + length]


folder, out = map(pathlib.Path, sys.argv[1:])
for path in sorted(folder.glob("*.tif")):
    data = path.read_bytes()
    seeds = [("header", data)] if len(data) <= 20_000 else []
    if data[:4] == b"II\x2a\x00":
        seeds.append(seed(data))
    for name, content in seeds:
        (out / name).mkdir(parents=True, exist_ok=True)
        (out / name / path.stem).write_bytes(content)
