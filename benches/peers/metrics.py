"""Are swath's scores those of scikit-learn, torchmetrics, SciPy and NumPy on the same predictions?

    swath evaluate RUN --save-predictions saved --output metrics.json
    python benches/peers/metrics.py saved metrics.json

runs with a Python that has scikit-learn, torch, torchmetrics, scipy, numpy and rasterio. Every field of metrics.json that other
programs measure is measured again from the saved labels and probabilities, and printed with its difference as JSON lines; the
exit code is 1 where one is larger than its bound. Scores are quotients of counts (bound 1e-9); calibration adds up float32
(bound 1e-5, and confidences of exactly 1 are put into the last bin, as swath does); intervals are of NumPy's own draws of the same
blocks (bound: a tenth of the interval, for draws of another generator).
"""

import argparse
import csv
import json
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
import rasterio
import sklearn.metrics as sk
import torch
import torchmetrics.functional.classification as tm
from scipy import ndimage

EXACT, SINGLE, DRAWS = 1e-9, 1e-5, 0.1


def load(folder):
    index = json.loads((folder / "predictions.json").read_text())
    for scene in index["scenes"]:
        with rasterio.open(folder / scene["label"]) as label, rasterio.open(folder / scene["prediction"]) as prediction:
            with rasterio.open(folder / scene["probabilities"]) as probabilities:
                yield scene, label.read(1), prediction.read(1), probabilities.read()


def boundary(scenes, classes, distance):
    shared, union = np.zeros(classes, int), np.zeros(classes, int)
    for _, label, prediction, _ in scenes:
        known = label != 255
        for k in range(classes):
            bands = []
            for image in (label, prediction):
                near = ndimage.binary_dilation((image != k) & known, np.ones((3, 3)), iterations=distance)
                bands.append((image == k) & known & near)
            shared[k] += (bands[0] & bands[1]).sum()
            union[k] += (bands[0] | bands[1]).sum()
    return [s / u if u else None for s, u in zip(shared, union)]


def calibration(probabilities, truth):
    # The largest float32 below 1: what torchmetrics keeps apart joins the last bin.
    p = torch.tensor(probabilities).clamp(max=float(np.nextafter(np.float32(1), np.float32(0))))
    return float(tm.multiclass_calibration_error(p, torch.tensor(truth.astype(int)), p.shape[1], n_bins=15, norm="l1"))


def interval(scenes, blocks, classes, replicates):
    """Mean IoU of drawn blocks, by NumPy's generator."""
    counts = defaultdict(lambda: np.zeros((classes, classes)))
    for row in blocks:
        scene, label, prediction, _ = scenes[int(row["scene"])]
        r, c = (int(row[k]) - scene["window"][k] for k in ("row_px", "col_px"))
        rows, cols = slice(max(r, 0), r + int(row["height_px"])), slice(max(c, 0), c + int(row["width_px"]))
        t, p = label[rows, cols], prediction[rows, cols]
        counts[row["block"]] += sk.confusion_matrix(t[t != 255], p[t != 255], labels=range(classes)) if (t != 255).any() else 0
    stacked, rng = np.stack(list(counts.values())), np.random.default_rng(0)
    values = []
    for _ in range(replicates):
        n = stacked[rng.integers(len(stacked), size=len(stacked))].sum(0)
        union = n.sum(0) + n.sum(1) - n.diagonal()
        values.append((n.diagonal()[union > 0] / union[union > 0]).mean())
    return np.percentile(values, [2.5, 97.5])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("saved", type=Path)
    parser.add_argument("metrics", type=Path)
    arguments = parser.parse_args()
    metrics = json.loads(arguments.metrics.read_text())
    scenes = list(load(arguments.saved))
    classes = len(metrics["classes"])
    truth = np.concatenate([label[label != 255] for _, label, _, _ in scenes])
    guess = np.concatenate([prediction[label != 255] for _, label, prediction, _ in scenes])
    probabilities = np.concatenate([p[:, label != 255].T for _, label, _, p in scenes])
    present = [k for k in range(classes) if (truth == k).any() or (guess == k).any()]
    failed = False

    def compare(name, ours, theirs, bound):
        nonlocal failed
        gap = 0.0 if ours is None and theirs is None else abs(ours - theirs) if None not in (ours, theirs) else float("inf")
        failed |= gap > bound
        print(json.dumps({"field": name, "swath": ours, "peer": theirs, "difference": gap, "bound": bound}))

    precision, recall, f1, support = sk.precision_recall_fscore_support(truth, guess, labels=present, zero_division=0)
    iou = sk.jaccard_score(truth, guess, labels=present, average=None, zero_division=0)
    near = boundary(scenes, classes, metrics["boundary_px"])
    for at, k in enumerate(present):
        ours = metrics["classes"][k]
        for key, value in dict(iou=iou, f1=f1, precision=precision, recall=recall, support=support).items():
            compare(f"{ours['name']} {key}", ours[key], float(value[at]), EXACT)
    for k, ours in enumerate(metrics["classes"]):
        compare(f"{ours['name']} boundary_iou", ours["boundary_iou"], near[k], EXACT)
    compare("mean_iou", metrics["mean_iou"], float(iou.mean()), EXACT)
    compare("mean_f1", metrics["mean_f1"], float(f1.mean()), EXACT)
    compare("overall_accuracy", metrics["overall_accuracy"], sk.accuracy_score(truth, guess), EXACT)
    compare("kappa", metrics["kappa"], sk.cohen_kappa_score(truth, guess), EXACT)
    weighted = float((iou * support).sum() / support.sum())
    compare("frequency_weighted_iou", metrics["frequency_weighted_iou"], weighted, EXACT)
    torch_iou = tm.multiclass_jaccard_index(torch.tensor(guess.astype(int)), torch.tensor(truth.astype(int)), classes)
    compare("mean_iou (torchmetrics)", metrics["mean_iou"], float(torch_iou), SINGLE)
    compare("expected_calibration_error", metrics["expected_calibration_error"], calibration(probabilities, truth), SINGLE)
    if metrics["intervals"]["mean_iou"]:
        with open(arguments.saved / "blocks.csv", newline="") as file:
            ends = interval(scenes, list(csv.DictReader(file)), classes, metrics["intervals"]["replicates"])
        width = float(np.ptp(metrics["intervals"]["mean_iou"]))
        for name, ours, theirs in zip(("low", "high"), metrics["intervals"]["mean_iou"], ends):
            compare(f"mean_iou interval, {name}", ours, float(theirs), DRAWS * width)
    sys.exit(int(failed))


if __name__ == "__main__":
    main()
