"""Whole-scene mapping, swath beside PyTorch: the same scene, network, tile, overlap and threads, in turn; medians. One JSON line.

    python benches/peers/infer.py PEER.py [--swath target/release/swath] [--runs 3] [--side 1500]

PEER.py maps IMAGE to OUT with options --tile, --overlap, --batch, --threads and prints a JSON line with megapixels_per_s.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

import numpy as np
import rasterio
import segmentation_models_pytorch as smp
import torch

BANDS, CLASSES = ["B02", "B03", "B04", "B08"], 5


def write_scene(path, side):
    random = np.random.default_rng(0)
    fields = np.kron(random.random((len(BANDS), side // 20 + 1, side // 20 + 1)) * 3000, np.ones((1, 20, 20)))
    pixels = (fields[:, :side, :side] + random.random((len(BANDS), side, side)) * 300).astype("u2")
    transform = rasterio.transform.from_origin(500000, 5000000, 10, 10)
    profile = dict(driver="GTiff", height=side, width=side, count=len(BANDS), dtype="uint16", crs="EPSG:32631",
                   transform=transform, tiled=True, blockxsize=512, blockysize=512, compress="deflate")
    with rasterio.open(path, "w", **profile) as target:
        target.write(pixels)
        for index, band in enumerate(BANDS, 1):
            target.set_band_description(index, band)


def write_model(folder):
    torch.manual_seed(0)
    model = smp.Unet("resnet18", encoder_weights=None, in_channels=len(BANDS), classes=CLASSES).eval()
    axes = {name: {0: "n", 2: "h", 3: "w"} for name in ("image", "logits")}
    torch.onnx.export(model, torch.rand(1, len(BANDS), 256, 256), str(folder / "model.onnx"), input_names=["image"],
                      output_names=["logits"], dynamic_axes=axes, dynamo=False, opset_version=17)
    tensor = lambda sizes, second: {"shape": [-1, sizes, -1, -1], "dim_order": ["batch", second, "height", "width"],
                                    "data_type": "float32"}
    item = {
        "type": "Feature", "stac_version": "1.1.0", "id": "unet", "geometry": None, "links": [],
        "stac_extensions": ["https://stac-extensions.github.io/mlm/v1.5.2/schema.json"],
        "properties": {
            "datetime": "2024-01-01T00:00:00Z", "mlm:name": "unet", "mlm:architecture": "UNet",
            "mlm:tasks": ["semantic-segmentation"],
            "mlm:input": [{"name": "image", "bands": BANDS, "input": tensor(len(BANDS), "bands"),
                           "value_scaling": [{"type": "scale", "value": 10000}]}],
            "mlm:output": [{"name": "logits", "tasks": ["semantic-segmentation"], "result": tensor(CLASSES, "classes"),
                            "classification:classes": [{"value": k, "name": f"class-{k}"} for k in range(CLASSES)]}],
        },
        "assets": {"model": {"href": "./model.onnx", "roles": ["mlm:model"], "mlm:artifact_type": "onnx"}},
    }
    (folder / "model.json").write_text(json.dumps(item))


def measured(command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=True)
    return json.loads(done.stdout.strip().splitlines()[-1])


def main():
    options = argparse.ArgumentParser()
    options.add_argument("peer")
    options.add_argument("--swath", default="target/release/swath")
    options.add_argument("--runs", type=int, default=3)
    options.add_argument("--side", type=int, default=1500)
    options.add_argument("--tile", type=int, default=256)
    options.add_argument("--overlap", type=int, default=32)
    options.add_argument("--batch", type=int, default=8)
    options.add_argument("--threads", type=int, default=2)
    options.add_argument("--keep", help="folder for scene and network, used again where they are there")
    o = options.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(o.keep or scratch)
        folder.mkdir(exist_ok=True)
        scene = folder / f"scene-{o.side}.tif"
        if not scene.exists():
            write_scene(scene, o.side)
        if not (folder / "model.json").exists():
            write_model(folder)
        tiles = ["--tile", o.tile, "--overlap", o.overlap, "--threads", o.threads, "--batch"]
        commands = {
            "peer": [sys.executable, o.peer, scene, folder / "peer.tif", *tiles, o.batch],
            "swath": [o.swath, "bench", "predict", folder / "model.json", scene, *tiles, 1],
        }
        lines = {name: [] for name in commands}
        for _ in range(o.runs):
            for name, command in commands.items():
                lines[name].append(measured(command))
    median = lambda name, key: statistics.median(line[key] for line in lines[name])
    keys = ["seconds", "megapixels_per_s", "peak_mib"]
    result = {name: {key: round(median(name, key), 3) for key in keys} for name in commands}
    result["ratio"] = round(median("swath", "megapixels_per_s") / median("peer", "megapixels_per_s"), 2)
    print(json.dumps({"side_px": o.side, "runs": o.runs, **result, "swath_parts": lines["swath"][-1]}))


main()
