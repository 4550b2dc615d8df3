"""GeoTIFFs of many kinds, made here by GDAL and read by `swath read`, compared with what GDAL reads: pixel for pixel.

    python benches/peers/reading.py --swath target/release/swath [--seed 0] [--keep FOLDER]

runs with a Python that has rasterio, from the repository's root. The kinds are those of AXES below; the files are as few as show
every possible pair of them. Of each file all of it is read, with what GDAL's masks say is valid, then a window that reaches beyond its
edges with the bands in reverse, then all of it into a GeoTIFF that GDAL reads again. Prints a line per difference and a JSON line of counts; ends with 1 where anything
differs.
"""

import argparse
import itertools
import json
import random
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import rasterio
from rasterio.enums import ColorInterp
from rasterio.transform import Affine, from_origin
from rasterio.windows import Window

AXES = {
    "dtype": ["uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float32", "float64", "nbits"],
    "compress": ["NONE", "DEFLATE", "LZW", "ZSTD", "PACKBITS", "LZMA", "LERC", "LERC_ZSTD", "LERC_DEFLATE"],
    "predictor": [1, 2, 3],
    "interleave": ["PIXEL", "BAND"],
    "layout": ["tiles", "strips", "rows", "one strip", "cog"],
    "endianness": ["LITTLE", "BIG"],
    "bigtiff": ["NO", "YES"],
    "bands": [1, 2, 3, 5, 13],
    "missing": ["nothing", "nodata", "nan", "mask", "alpha", "sparse"],
    "place": ["north up", "south up", "rotated"],
}
WIDTH, HEIGHT = 203, 157


def possible(kind):
    """Whether GDAL writes such a file; a kind may name only some of the axes."""
    get = kind.get
    is_float = get("dtype") in ("float32", "float64")
    predicts = {"DEFLATE", "LZW", "ZSTD"}
    rules = [
        get("predictor", 1) == 1 or get("compress", "LZW") in predicts,
        get("predictor") != 3 or get("dtype", "float32") in ("float32", "float64"),
        get("predictor", 1) == 1 or get("dtype") != "nbits",
        # GDAL's predictor 2 of 64 bits is not read by others; its LERC has no 64-bit integers.
        not (str(get("compress")).startswith("LERC") and get("dtype") in ("uint64", "int64", "int8", "nbits")),
        not (get("missing") == "nan" and get("dtype", "float32") not in ("float32", "float64")),
        not (get("missing") == "alpha" and get("bands") in (1, 3)),
        not (get("missing") == "alpha" and is_float),
        # COG writes what it likes of these.
        get("layout") != "cog" or (get("endianness") != "BIG" and get("missing") not in ("sparse", "mask", "alpha")),
        get("layout") != "cog" or get("interleave") != "BAND",
        get("layout") != "cog" or get("compress") not in ("PACKBITS",),
        get("layout") != "cog" or get("dtype") != "nbits",
        not (get("missing") == "sparse" and get("layout") in ("one strip",)),
    ]
    return all(rules)


def kinds(seed):
    """As few kinds as show every possible pair of choices, greedily."""
    dice = random.Random(seed)
    names = list(AXES)
    pairs = {
        ((a, x), (b, y))
        for a, b in itertools.combinations(names, 2)
        for x in AXES[a]
        for y in AXES[b]
        if possible({a: x, b: y})
    }
    chosen, misses = [], 0
    while pairs and misses < 400:
        best, won = None, set()
        for _ in range(60):
            kind = {name: dice.choice(values) for name, values in AXES.items()}
            if pairs and dice.random() < 0.7:
                kind |= dict(dice.choice(sorted(pairs, key=str)[:50]))
            if not possible(kind):
                continue
            shown = {pair for pair in pairs if all(kind[name] == value for name, value in pair)}
            if len(shown) > len(won):
                best, won = kind, shown
        misses = 0 if best else misses + 1
        if best:
            chosen.append(best)
            pairs -= won
    return chosen, pairs


def values(kind, generator):
    """Smooth ground with noise, [band, row, col], and which of it is missing, [row, col]."""
    row, col = np.mgrid[0:HEIGHT, 0:WIDTH]
    name = kind["dtype"]
    dtype = np.dtype("uint8" if name == "nbits" else name)
    waves = [np.sin(row / (9 + b)) + np.cos(col / (7 + b)) + generator.normal(0, 0.1, row.shape) for b in range(kind["bands"])]
    if dtype.kind == "f":
        image = np.stack(waves).astype(dtype) * 1000
    else:
        info = np.iinfo(dtype)
        top = 15 if name == "nbits" else min(info.max, 60000)
        low = max(info.min, -60000)
        image = np.clip((np.stack(waves) + 2.5) / 5 * (float(top) - low) + low, low, top).astype(dtype)
        if name != "nbits":
            # Rare extremes, over which differences wrap.
            image[:, ::37, ::41] = info.max
            image[:, 5::37, 7::41] = info.min
    missing = (row // 20 + col // 30) % 5 == 0
    return image, missing


def make(kind, path, generator):
    image, missing = values(kind, generator)
    place = {
        "north up": from_origin(500000, 4700000, 10, 10),
        "south up": Affine(10, 0, 500000, 0, 10, 4600000),
        "rotated": Affine(8, 3, 500000, 3, -8, 4700000),
    }[kind["place"]]
    compress = kind["compress"]
    profile = {
        "driver": "GTiff", "width": WIDTH, "height": HEIGHT, "count": kind["bands"], "dtype": image.dtype, "crs": "EPSG:32631",
        "transform": place, "compress": compress, "interleave": kind["interleave"], "endianness": kind["endianness"],
        "bigtiff": kind["bigtiff"],
    }
    if kind["predictor"] > 1:
        profile["predictor"] = kind["predictor"]
    profile |= {
        "tiles": {"tiled": True, "blockxsize": 64, "blockysize": 48},
        "strips": {"blockysize": 24},
        "rows": {"blockysize": 1},
        "one strip": {"blockysize": HEIGHT},
        "cog": {},
    }[kind["layout"]]
    if kind["dtype"] == "nbits":
        profile["nbits"] = 4
    kept = kind["missing"]
    if kept == "nodata":
        profile["nodata"] = 7 if kind["dtype"] != "float32" else -9999.0
        image[:, missing] = profile["nodata"]
    elif kept == "nan":
        profile["nodata"] = float("nan")
        image[:, missing] = np.nan
    elif kept == "alpha":
        profile["alpha"] = "YES"
        image[-1] = np.where(missing, 0, 255 if kind["dtype"] != "nbits" else 15)
    elif kept == "sparse":
        profile["sparse_ok"] = True
    if kind["layout"] == "cog":
        profile = {k: v for k, v in profile.items() if k not in ("interleave", "endianness", "nbits")}
        profile |= {"driver": "COG", "blocksize": 64, "predictor": {1: "NO", 2: "STANDARD", 3: "FLOATING_POINT"}[kind["predictor"]]}
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "w", **profile) as file:
        if kept == "sparse":
            file.write(image[:, :48, :], window=Window(0, 0, WIDTH, 48))
        else:
            file.write(image)
        if kept == "mask":
            file.write_mask(~missing)


def run(swath, path, out, *flags):
    done = subprocess.run([str(part) for part in (swath, "read", path, "-o", out, *flags)], capture_output=True, text=True)
    return None if done.returncode == 0 else (done.stderr.strip().splitlines() or ["no message"])[-1]


def same(ours, theirs):
    return ours.dtype == theirs.dtype and ours.shape == theirs.shape and np.array_equal(ours, theirs, equal_nan=ours.dtype.kind == "f")


def check(swath, path, folder, dice):
    """What differs, in words."""
    problems = []
    with rasterio.open(path) as file:
        theirs, masks, count = file.read(), file.read_masks() > 0, file.count
        # GDAL has a mask of the opacity band itself, which says nothing of the pixels that it belongs to.
        measured = [i for i, meaning in enumerate(file.colorinterp) if meaning != ColorInterp.alpha]
        nodata = file.nodata
        col, row = dice.randrange(-40, WIDTH - 10), dice.randrange(-40, HEIGHT - 10)
        fill = 0 if nodata is None else nodata
        window = file.read(window=Window(col, row, 90, 70), boundless=False) if min(col, row) >= 0 else None
        part = np.full((count, 70, 90), fill, theirs.dtype)
        top, left = max(row, 0), max(col, 0)
        inside = theirs[:, top:row + 70, left:col + 90]
        part[:, top - row:top - row + inside.shape[1], left - col:left - col + inside.shape[2]] = inside
        if window is not None and not same(part[:, :window.shape[1], :window.shape[2]], window):
            problems.append("this script expects another window than GDAL reads")
    out, valid = folder / "out.npy", folder / "valid.npy"
    if error := run(swath, path, out, "--valid", valid):
        return [error]
    if not same(np.load(out), theirs):
        problems.append("pixels differ")
    if not np.array_equal(np.load(valid)[measured], masks[measured]):
        problems.append("the mask differs")
    bands = ",".join(str(band) for band in range(count, 0, -1))
    if error := run(swath, path, out, f"--window={col},{row},90,70", "--bands", bands):
        problems.append(error)
    elif not same(np.load(out), part[::-1]):
        problems.append(f"the window {col},{row},90,70 differs")
    out = folder / "out.tif"
    if error := run(swath, path, out):
        problems.append(error)
    else:
        with rasterio.open(out) as file:
            if not same(file.read(), theirs):
                problems.append("pixels written differ")
    return problems


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--swath", type=Path, default=Path("target/release/swath"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="leave the files in this folder")
    a = parser.parse_args()
    warnings.filterwarnings("ignore")
    chosen, unseen = kinds(a.seed)
    dice, generator = random.Random(a.seed), np.random.default_rng(a.seed)
    counts = {"kinds": len(chosen), "pairs not shown": len(unseen), "not written by GDAL": 0, "same": 0, "different": 0}
    with tempfile.TemporaryDirectory() as folder:
        folder = a.keep or Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        for number, kind in enumerate(chosen):
            path = folder / f"{number:03}.tif"
            try:
                make(kind, path, generator)
            except Exception as error:
                counts["not written by GDAL"] += 1
                print(f"GDAL does not write {kind}: {error}")
                continue
            problems = check(a.swath.resolve(), path, folder, dice)
            counts["different" if problems else "same"] += 1
            for problem in problems:
                print(f"{path.name} {kind}: {problem}", flush=True)
            if not a.keep:
                path.unlink()
    print(json.dumps({"gdal": rasterio.__gdal_version__, "seed": a.seed, **counts}))
    return 1 if counts["different"] else 0


if __name__ == "__main__":
    sys.exit(main())
