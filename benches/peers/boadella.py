"""Does swath learn what PyTorch learns? One reservoir, the same initial weights, the same recipe, both sides in one run.

    python benches/peers/boadella.py --swath target/release/swath \\
        --data ../shared/data/boadella --recipe ../shared/peers/torch_boadella.py --out runs/boadella

runs with a Python that has the peers' packages (torch, segmentation-models-pytorch, onnx, onnxruntime, rasterio), from
the repository's root, with ORT_DYLIB_PATH set for swath. It makes two comparisons and prints them as JSON lines:

curve   The same batches are fed to both for 20 steps. `worst` is the largest relative difference of the losses; with the
        first steps of the recipe's one-cycle schedule at most 1e-3 passes. At a constant rate Adam's first steps are
        so large that rounding decides what follows, and nothing is judged; `layout` says how far PyTorch is from
        itself there when its arrays are laid out channels last, which changes nothing but the order of sums.
water   The recipe's script trains Unet-resnet18 on the west half of four dates and scores the east half; swath describes,
        fine-tunes and evaluates the same data from the same weights with the same recipe (batch 8, crop 128, quarter
        turns and mirror images, AdamW 1e-3 one-cycle, weight decay 1e-2, mean and deviation of the west half). swath
        passes when its mean water IoU over the seeds is at most 0.02 below PyTorch's.

Seeds give both sides equal weights but not equal windows, as each draws its own; only the curves share batches.
Everything is kept under --out; what is there already is not made again, so that a run cut short goes on.
"""

import argparse
import importlib.util
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
DATES = ["2019-06-07", "2020-02-02", "2020-06-21", "2020-09-14"]
FILE_BANDS = ["B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B09", "B8A", "B11", "B12"]
BANDS = ["B04", "B03", "B02", "B08"]
BATCH, CROP, RATE, DECAY = 8, 128, 1e-3, 1e-2
CURVE_STEPS, CURVE_TOLERANCE, WATER_TOLERANCE = 20, 1e-3, 0.02


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--swath", type=Path, default=Path("target/release/swath"), help="the binary")
    parser.add_argument("--data", type=Path, default=Path("../shared/data/boadella"))
    parser.add_argument("--recipe", type=Path, default=Path("../shared/peers/torch_boadella.py"))
    parser.add_argument("--out", type=Path, default=Path("runs/boadella"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", nargs="+", choices=["curve", "pytorch", "swath"], default=["curve", "pytorch", "swath"])
    return parser.parse_args()


def run(command):
    """What a command prints; the whole comparison ends where a part of it fails."""
    command = [str(part) for part in command]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"exit code {done.returncode} of: {' '.join(command)}")
    return done.stdout


def kept(path, make):
    """The JSON kept at `path`, made first where it is not there."""
    if not path.exists():
        value = make()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(value) + "\n", encoding="utf-8")
    return json.loads(path.read_text(encoding="utf-8"))


# ---- the same initial weights


def exporter():
    spec = importlib.util.spec_from_file_location("export", ROOT / "models/export.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def weights(out, seed):
    """`weights-SEED.onnx` for swath and `weights-SEED.npz` for PyTorch, from one network."""
    onnx_path, npz_path = out / f"weights-{seed}.onnx", out / f"weights-{seed}.npz"
    if onnx_path.exists() and npz_path.exists():
        return onnx_path, npz_path
    import onnxruntime
    import segmentation_models_pytorch as smp
    import torch

    torch.manual_seed(seed)
    model = smp.Unet("resnet18", encoder_weights=None, in_channels=len(BANDS), classes=2).eval()
    exporter().export(model, len(BANDS), onnx_path)
    x = torch.randn(1, len(BANDS), CROP, CROP)
    with torch.no_grad():
        expected = model(x).numpy()
    found = onnxruntime.InferenceSession(str(onnx_path)).run(None, {"x": x.numpy()})[0]
    # Both compute the same sums in float32 in another order: about a hundred layers of 1e-7 each.
    if np.abs(found - expected).max() > 1e-4 * np.abs(expected).max():
        sys.exit(f"{onnx_path} does not compute what PyTorch computes; the comparison would mean nothing")
    np.savez(npz_path, **{name: value.numpy() for name, value in model.state_dict().items()})
    return onnx_path, npz_path


# ---- the same batches


def dump_batches(data, path, seed=0):
    """Tensors x0, x1, … [n, band, row, col] and y0, y1, … [n, row, col], drawn and normalised as the recipe does."""
    import rasterio
    from rasterio.features import rasterize
    from safetensors.numpy import save_file

    def load(date):
        with rasterio.open(data / f"images/Boadella_{date}.tif") as source:
            image = source.read([FILE_BANDS.index(band) + 1 for band in BANDS]).astype("f4") / 10000
            transform, shape = source.transform, source.shape
        features = json.loads((data / f"labels/Boadella_{date}_labels.geojson").read_text())["features"]
        water = [(f["geometry"], 1) for f in features if "segmentation" in f["properties"]["tasks"]]
        return image, rasterize(water, shape, transform=transform, dtype="uint8")

    scenes, rng = [load(date) for date in DATES], np.random.default_rng(seed)
    height, width = scenes[0][1].shape
    west = [image[:, :, : width // 2] for image, _ in scenes]
    mean = np.mean([image.mean((1, 2)) for image in west], 0)[:, None, None]
    std = np.mean([image.std((1, 2)) for image in west], 0)[:, None, None]

    def sample():
        image, label = scenes[rng.integers(len(scenes))]
        row, col = rng.integers(0, height - CROP + 1), rng.integers(0, width // 2 - CROP + 1)
        x, y = image[:, row : row + CROP, col : col + CROP], label[row : row + CROP, col : col + CROP]
        turns = rng.integers(4)
        return np.rot90((x - mean) / std, turns, (1, 2)).astype("f4"), np.rot90(y, turns).astype("i8")

    tensors = {}
    for step in range(CURVE_STEPS):
        images, labels = zip(*(sample() for _ in range(BATCH)))
        tensors[f"x{step}"], tensors[f"y{step}"] = np.stack(images), np.stack(labels)
    save_file(tensors, path)


def torch_curve(npz_weights, batches, one_cycle, threads, layout):
    import segmentation_models_pytorch as smp
    import torch
    from safetensors.torch import load_file

    torch.set_num_threads(threads)
    model = smp.Unet("resnet18", encoder_weights=None, in_channels=len(BANDS), classes=2)
    model.load_state_dict({name: torch.tensor(value) for name, value in np.load(npz_weights).items()})
    layout = getattr(torch, layout)
    model = model.to(memory_format=layout)
    optimizer = torch.optim.AdamW(model.parameters(), RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=one_cycle) if one_cycle else None
    tensors, losses = load_file(batches), []
    for step in range(CURVE_STEPS):
        x, y = tensors[f"x{step}"].contiguous(memory_format=layout), tensors[f"y{step}"]
        loss = torch.nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if schedule:
            schedule.step()
        losses.append(loss.item())
    return losses


def swath_curve(args, onnx_weights, batches, one_cycle):
    command = [args.swath, "bench", "replay", onnx_weights, "--batches", batches, "--lr", RATE]
    command += ["--weight-decay", DECAY, "--threads", args.threads]
    command += ["--schedule", "one-cycle", "--total-steps", one_cycle] if one_cycle else ["--schedule", "constant"]
    return [json.loads(line)["loss"] for line in run(command).splitlines()]


def curve(args, seed):
    onnx_weights, npz_weights = weights(args.out, seed)
    batches = args.out / "batches.safetensors"
    if not batches.exists():
        dump_batches(args.data, batches)
    def pytorch(name, one_cycle, layout):
        path = args.out / f"curve-{name}-{layout}.json"
        return kept(path, lambda: torch_curve(npz_weights, batches, one_cycle, args.threads, layout))

    def worst(losses, expected):
        return max(abs(loss - wanted) / abs(wanted) for loss, wanted in zip(losses, expected, strict=True))

    passed = None
    for name, one_cycle in [("constant", None), ("one-cycle", args.steps)]:
        expected = pytorch(name, one_cycle, "contiguous_format")
        found = swath_curve(args, onnx_weights, batches, one_cycle)
        difference, layout = worst(found, expected), worst(pytorch(name, one_cycle, "channels_last"), expected)
        passed = difference <= CURVE_TOLERANCE if one_cycle else None
        report(comparison="curve", schedule=name, steps=CURVE_STEPS, worst=difference, layout=layout, passed=passed,
               pytorch=expected, swath=found)
    return passed


# ---- the same recipe


def torch_water(args, seed):
    _, npz_weights = weights(args.out, seed)
    command = [sys.executable, args.recipe, "--data", args.data, "--weights", npz_weights, "--seed", seed]
    command += ["--steps", args.steps, "--batch", BATCH, "--crop", CROP, "--lr", RATE, "--threads", args.threads]
    return json.loads(run(command).splitlines()[-1])


def describe(args):
    catalog = args.out / "catalog"
    if not catalog.exists():
        # Only the four dates that the recipe trains on, not every date with a label.
        images = [part for date in DATES for part in ("--images", args.data / f"images/Boadella_{date}.tif")]
        labels = [part for date in DATES for part in ("--labels", args.data / f"labels/Boadella_{date}_labels.geojson")]
        run([args.swath, "describe", *images, *labels, "--match", r"(\d{4}-\d{2}-\d{2})", "--class", "water",
             "--where", "tasks contains segmentation", "--bands", ",".join(FILE_BANDS), "--out", catalog])
    return catalog


CONFIG = """\
catalog = {catalog}
model = {model}
classes = ["background", "water"]
out = {out}

[recipe]
bands = {bands}
background = "background"
window_px = {crop}
split = {{ method = "halves", axis = "west-east", fractions = {{ train = 0.5, test = 0.5 }} }}
normalise = {{ method = "mean-std" }}
augment = [{{ name = "RandomRotate90", p = 1.0 }}, {{ name = "HorizontalFlip", p = 0.5 }}]
batch = {batch}
seed = {seed}

[training]
steps = {steps}
learning_rate = {rate}
weight_decay = {decay}
optimizer = "adamw"
schedule = {{ kind = "one-cycle" }}
batchnorm = "train"
threads = {threads}
seed = {seed}
"""


def swath_water(args, seed):
    onnx_weights, _ = weights(args.out, seed)
    catalog, folder = describe(args), args.out / f"swath-{seed}"
    quoted = lambda path: json.dumps(str(path.resolve()))  # a JSON string is a TOML string
    config = args.out / f"swath-{seed}.toml"
    config.write_text(CONFIG.format(
        catalog=quoted(catalog / "catalog.json"), model=quoted(onnx_weights), out=quoted(folder), bands=json.dumps(BANDS),
        crop=CROP, batch=BATCH, steps=args.steps, rate=RATE, decay=DECAY, threads=args.threads, seed=seed,
    ), encoding="utf-8")
    start = time.perf_counter()
    run([args.swath, "finetune", config])
    seconds = time.perf_counter() - start
    scores = args.out / f"swath-{seed}-scores.json"
    run([args.swath, "evaluate", folder, "--part", "test", "--threads", args.threads, "--output", scores])
    metrics = json.loads(scores.read_text(encoding="utf-8"))
    background, water = (entry["iou"] for entry in metrics["classes"])
    return dict(peer="swath", seed=seed, steps=args.steps, iou_background=background, iou_water=water,
                miou=metrics["mean_iou"], pixels=metrics["pixels"], seconds=seconds, seconds_per_step=seconds / args.steps)


def water(args):
    means = {}
    for name, side in [("pytorch", torch_water), ("swath", swath_water)]:
        if name in args.only:
            results = [kept(args.out / f"water-{name}-{seed}.json", lambda: side(args, seed)) for seed in args.seeds]
            for result in results:
                report(comparison="water", **result)
            means[name] = float(np.mean([result["iou_water"] for result in results]))
    if len(means) < 2:
        return True
    passed = means["swath"] >= means["pytorch"] - WATER_TOLERANCE
    report(comparison="water", seeds=args.seeds, **{f"mean_{name}": mean for name, mean in means.items()},
           gap=means["swath"] - means["pytorch"], passed=passed)
    return passed


def report(**line):
    print(json.dumps(line), flush=True)


def main():
    args = arguments()
    args.out.mkdir(parents=True, exist_ok=True)
    passed = True
    if "curve" in args.only:
        passed &= curve(args, args.seeds[0])
    passed &= water(args)
    sys.exit(0 if passed else 1)


if __name__ == "__main__":
    main()
