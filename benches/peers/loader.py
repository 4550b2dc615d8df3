"""Samples per second, memory and start-up of the loader, beside what a user would pick instead, in turn in one run.

    python benches/peers/loader.py --load target/release/examples/load --peers ../shared/peers [--cases one eight http start bands]

runs with a Python that has the peers' packages (rasterio, albumentations, torch, torchgeo), from the repository's root. Scenes are
made on first use in --data. Prints a JSON line per round and side, and one per case with medians and ratios:

  one    6,400 samples of one scene after a warm pass, and the cold pass; once with the default cache, once with 64 MiB
  eight  2,000 samples of eight scenes, 1.8 GiB decoded, with --cache-mib 256
  http   160 samples of one scene through slow_server.py, 50 ms a request; `cold` counts from the start, the peers from their
         first batch on
  start  1,000 pairs opened, until the first batch is there
  bands  3,200 samples of a scene of 13 bands of uint16, 3072 x 3072, after a warm pass: in one file as DEFLATE, LZW and ZSTD, and in
         13 files of 10, 20 and 60 m resampled bilinearly as they are read; --kinds picks some of them

Peers: rasterio + albumentations without and with two workers, torchgeo without augmentation. A ratio compares with the fastest of
them in the same round; the memory ratio with that one's peak.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

CASES = ["one", "eight", "http", "start", "bands"]
KINDS = ["DEFLATE", "LZW", "ZSTD", "files"]
SIDE = 3072
# As Sentinel-2 has them: B01 to B12 with B8A, in metres.
METRES = [60, 10, 10, 10, 20, 20, 20, 10, 20, 60, 60, 20, 20]
PAIRS = 1000
BATCH = 16


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--load", type=Path, default=Path("target/release/examples/load"))
    parser.add_argument("--peers", type=Path, default=Path("../shared/peers"))
    parser.add_argument("--data", type=Path, default=Path.home() / ".cache/swath-peers/loader")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cases", nargs="+", choices=CASES, default=CASES)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--peer-bands", choices=KINDS, help=argparse.SUPPRESS)
    parser.add_argument("--which", nargs="+", default=["rasterio", "torchgeo"])
    parser.add_argument("--peer-start", choices=["rasterio", "torchgeo"], help=argparse.SUPPRESS)
    return parser.parse_args()


def lines(command, **more):
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, text=True, **more)
    if done.returncode != 0:
        sys.exit(f"exit code {done.returncode} of: {' '.join(map(str, command))}")
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def own(a, case, folder, *more):
    rows = lines([a.load, folder, *more])
    first, last = rows[0], rows[-1]
    row = {"case": case, "side": "swath", "samples_per_s": last["samples_per_s"], "cold_samples_per_s": first["samples_per_s"]}
    if len(rows) == 1:  # as the peers count: from the first batch on
        seconds = last["samples"] / last["samples_per_s"] - last["first_batch_s"]
        row["samples_per_s"] = (last["samples"] - BATCH) / seconds
    row |= {"peak_mib": last["peak_mib"], "start_s": round(first["open_s"] + first["first_batch_s"], 4)}
    print(json.dumps(row), flush=True)
    return row


def others(a, case, *more):
    rows = lines([sys.executable, a.peers / "loader_peers.py", "--dir", a.data, "--workers", "0", "2", "--which", *a.which, *more])
    for row in rows:
        print(json.dumps({"case": case, "side": row["peer"], **row}), flush=True)
    return rows


def summary(case, rounds):
    """Medians of the ratios of each round to its fastest peer."""
    best = [max(peers, key=lambda row: row["samples_per_s"]) for _, peers in rounds]
    ratios = [mine["samples_per_s"] / peer["samples_per_s"] for (mine, _), peer in zip(rounds, best)]
    cold = [mine["cold_samples_per_s"] / peer["samples_per_s"] for (mine, _), peer in zip(rounds, best)]
    memory = [mine["peak_mib"] / peer["peak_mib"] for (mine, _), peer in zip(rounds, best)]
    middle = lambda values: round(statistics.median(values), 2)
    print(json.dumps({
        "case": case, "ratio": middle(ratios), "ratios": [round(r, 2) for r in ratios], "cold_ratio": middle(cold),
        "memory_ratio": middle(memory), "peers": sorted({row["peer"] for row in best}),
        "swath": middle(mine["samples_per_s"] for mine, _ in rounds), "peer": middle(row["samples_per_s"] for row in best),
    }), flush=True)


def one(a):
    caches = [1024, 64]
    rounds = {cache: [] for cache in caches}
    for _ in range(a.rounds):
        peers = others(a, "one", "--scenes", 1, "--samples", 3200)
        for cache in caches:
            mine = own(a, f"one, cache {cache} MiB", a.data, "--samples", 6400, "--epochs", 2, "--cache-mib", cache)
            rounds[cache].append((mine, peers))
    for cache in caches:
        summary(f"one scene, cache {cache} MiB", rounds[cache])


def eight(a):
    rounds = []
    for _ in range(a.rounds):
        peers = others(a, "eight", "--scenes", 8, "--samples", 2000)
        mine = own(a, "eight", a.data, "--scenes", 8, "--samples", 2000, "--epochs", 3, "--cache-mib", 256)
        rounds.append((mine, peers))
    summary("eight scenes", rounds)


def http(a):
    port = 8199
    command = [sys.executable, a.peers / "slow_server.py", a.data, "--port", port, "--delay-ms", 50]
    server = subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL)
    try:
        time.sleep(2)
        prefix, rounds = f"http://127.0.0.1:{port}", []
        for _ in range(a.rounds):
            peers = [row for row in others(a, "http", "--samples", 160, "--prefix", prefix) if "rasterio" in row["peer"]]
            rounds.append((own(a, "http", a.data, "--samples", 160, "--epochs", 1, "--prefix", prefix), peers))
    finally:
        server.terminate()
    summary("http, 50 ms a request", rounds)


def pairs(folder):
    """1,000 small pairs side by side, tiled and compressed as scenes are."""
    import numpy as np
    import rasterio
    from rasterio.transform import from_origin

    folder.mkdir(parents=True, exist_ok=True)
    profile = dict(driver="GTiff", height=256, width=256, crs="EPSG:32633", tiled=True, blockxsize=256, blockysize=256, compress="DEFLATE")
    generator = np.random.default_rng(0)
    for i in range(PAIRS):
        image, mask = folder / f"img_{i:03}.tif", folder / f"mask_{i:03}.tif"
        if image.exists() and mask.exists():
            continue
        place = dict(profile, transform=from_origin(300000 + 2560 * (i % 40), 5200000 - 2560 * (i // 40), 10, 10))
        with rasterio.open(image, "w", count=4, dtype="uint16", predictor=2, **place) as d:
            d.write(generator.integers(1, 10000, (4, 256, 256), dtype="u2"))
        with rasterio.open(mask, "w", count=1, dtype="uint8", **place) as d:
            d.write(generator.integers(0, 5, (1, 256, 256), dtype="u1"))


def peer_start(a, which):
    """Seconds from the first file to the first batch of 16; imports are not counted."""
    import albumentations
    import numpy as np
    import rasterio
    import torch

    folder, size = a.data / "pairs", BATCH
    if which == "rasterio":
        steps = albumentations.Compose([
            albumentations.RandomCrop(224, 224), albumentations.HorizontalFlip(), albumentations.VerticalFlip(), albumentations.RandomRotate90(),
            albumentations.Normalize(mean=[0.15] * 4, std=[0.07] * 4, max_pixel_value=10000.0),
        ])
        begin = time.perf_counter()
        opened = [(rasterio.open(folder / f"img_{i:03}.tif"), rasterio.open(folder / f"mask_{i:03}.tif")) for i in range(PAIRS)]
        chosen = np.random.default_rng(0).integers(PAIRS, size=size)
        made = [steps(image=opened[i][0].read().transpose(1, 2, 0), mask=opened[i][1].read(1)) for i in chosen]
        torch.stack([torch.from_numpy(np.ascontiguousarray(one["image"].transpose(2, 0, 1))) for one in made])
    else:
        from torchgeo.datasets import RasterDataset, stack_samples
        from torchgeo.samplers import RandomGeoSampler

        class Images(RasterDataset):
            filename_glob, is_image, all_bands = "img_*.tif", True, ("1", "2", "3", "4")

        class Masks(RasterDataset):
            filename_glob, is_image = "mask_*.tif", False

        begin = time.perf_counter()
        dataset = Images(folder) & Masks(folder)
        sampler = RandomGeoSampler(dataset, size=224, length=size)
        next(iter(torch.utils.data.DataLoader(dataset, size, sampler=sampler, collate_fn=stack_samples)))
    print(json.dumps({"peer": which, "start_s": time.perf_counter() - begin}))


def start(a):
    pairs(a.data / "pairs")
    rounds = []
    for _ in range(a.rounds):
        command = [sys.executable, __file__, "--data", a.data, "--peer-start"]
        peers = [lines([*command, which])[0] for which in a.which]
        for row in peers:
            print(json.dumps({"case": "start", "side": row["peer"], **row}), flush=True)
        rounds.append((own(a, "start", a.data / "pairs", "--scenes", PAIRS, "--samples", 6400, "--epochs", 1), peers))
    ratios = [min(row["start_s"] for row in peers) / mine["start_s"] for mine, peers in rounds]
    print(json.dumps({"case": "start-up, 1,000 pairs", "ratio": round(statistics.median(ratios), 2), "ratios": [round(r, 2) for r in ratios]}))


def scene_of_bands(folder, kind):
    """The files of a scene of 13 bands, made on first use: smooth ground with noise, as the scenes of the other cases."""
    import numpy as np
    import rasterio
    from rasterio.transform import from_origin
    from scipy.ndimage import zoom

    folder.mkdir(parents=True, exist_ok=True)
    names = [f"band_{i:02}.tif" for i in range(13)] if kind == "files" else [f"{kind}.tif"]
    if all((folder / name).exists() for name in [*names, "mask.tif"]):
        return names

    def band(seed, side):
        generator = np.random.default_rng(seed)
        ground = sum(zoom(generator.standard_normal((2**k, 2**k)), side / 2**k, order=1) * 0.6**k * 8 for k in range(3, 10))
        return np.clip(1500 + 700 * ground + generator.normal(0, 25, (side, side)), 1, 10000).astype("u2")

    def write(name, bands, metres, **more):
        side = bands[0].shape[0]
        place = from_origin(500000, 5200000, metres, metres)
        profile = dict(driver="GTiff", height=side, width=side, crs="EPSG:32633", transform=place, tiled=True, blockxsize=512, blockysize=512)
        with rasterio.open(folder / name, "w", count=len(bands), dtype=bands[0].dtype, **profile, **more) as file:
            for number, values in enumerate(bands):
                file.write(values, number + 1)

    if kind == "files":
        for name, seed, metres in zip(names, range(13), METRES):
            write(name, [band(seed, SIDE * 10 // metres)], metres, compress="DEFLATE", predictor=2)
    else:
        write(names[0], [band(seed, SIDE) for seed in range(13)], 10, compress=kind, predictor=2, interleave="PIXEL")
    classes = (band(99, SIDE) // 2001).astype("u1")
    write("mask.tif", [classes], 10, compress="DEFLATE")
    return names


def peer_bands(a):
    """rasterio + albumentations on such a scene, as the peers of the other cases do it on theirs."""
    import resource

    import albumentations
    import numpy as np
    import rasterio
    import torch
    from rasterio.enums import Resampling
    from rasterio.windows import Window

    folder = a.data / "bands"
    names = scene_of_bands(folder, a.peer_bands)

    class Windows(torch.utils.data.Dataset):
        opened = None

        def __len__(self):
            return 640

        def __getitem__(self, index):
            if self.opened is None:
                self.opened = [rasterio.open(folder / name) for name in [*names, "mask.tif"]]
                self.generator = np.random.default_rng(os.getpid())
                self.steps = albumentations.Compose([
                    albumentations.RandomCrop(224, 224), albumentations.HorizontalFlip(), albumentations.VerticalFlip(),
                    albumentations.RandomRotate90(),
                    albumentations.Normalize(mean=[0.15] * 13, std=[0.07] * 13, max_pixel_value=10000.0),
                ], seed=os.getpid())
            col, row = (int(at) for at in self.generator.integers(0, SIDE - 256, 2))
            parts = []
            for file in self.opened[:-1]:
                ratio = SIDE / file.width
                window = Window(col / ratio, row / ratio, 256 / ratio, 256 / ratio)
                shape = (file.count, 256, 256)
                same = ratio == 1
                parts.append(file.read(window=window) if same else file.read(window=window, out_shape=shape, resampling=Resampling.bilinear))
            mask = self.opened[-1].read(1, window=Window(col, row, 256, 256))
            made = self.steps(image=np.concatenate(parts).transpose(1, 2, 0), mask=mask)
            image = torch.from_numpy(np.ascontiguousarray(made["image"].transpose(2, 0, 1)))
            return image, torch.from_numpy(np.ascontiguousarray(made["mask"])).long()

    for workers in [2, 0]:  # workers are forked before this process opens anything
        batches = iter(torch.utils.data.DataLoader(Windows(), BATCH, num_workers=workers))
        next(batches)
        begin, samples = time.perf_counter(), sum(len(image) for image, _ in batches)
        seconds = time.perf_counter() - begin
        peak = sum(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 1024
        print(json.dumps({"peer": "rasterio+albumentations", "workers": workers, "samples_per_s": samples / seconds, "peak_mib": peak}))


def bands(a):
    for kind in a.kinds:
        folder, rounds = a.data / "bands", []
        names = scene_of_bands(folder, kind)
        for _ in range(a.rounds):
            peers = lines([sys.executable, __file__, "--data", a.data, "--peer-bands", kind])
            for row in peers:
                print(json.dumps({"case": kind, "side": row["peer"], **row}), flush=True)
            mine = own(a, kind, folder, "--samples", 3200, "--epochs", 2, "--images", ",".join(names), "--mask", "mask.tif")
            rounds.append((mine, peers))
        summary(f"13 bands, {kind}", rounds)


def main():
    a = arguments()
    if a.peer_bands:
        return peer_bands(a)
    if a.peer_start:
        return peer_start(a, a.peer_start)
    scenes = 8 if "eight" in a.cases else 1
    if a.cases != ["bands"]:
        subprocess.run([sys.executable, str(a.peers / "loader_peers.py"), "--dir", str(a.data), "--scenes", str(scenes), "--make-only"], check=True)
    for case in a.cases:
        {"one": one, "eight": eight, "http": http, "start": start, "bands": bands}[case](a)


main()
