# /// script
# requires-python = ">=3.10"
# dependencies = ["numpy==2.4.6", "scikit-learn==1.9.1", "scipy==1.17.1", "torch==2.11.0", "torchmetrics==1.9.0"]
# ///
"""Makes metrics.json: two made-up maps of classes with logits, and what scikit-learn, torchmetrics, SciPy and NumPy measure on them.

    python crates/train/tests/vectors/metrics.py > crates/train/tests/vectors/metrics.json

Nothing of swath takes part: boundary regions are dilations by SciPy,
intervals are percentiles by NumPy of scores by scikit-learn on the drawn blocks' pixels laid end to end.
"""

import json

import numpy as np
import scipy
import scipy.ndimage as ndimage
import sklearn
import sklearn.metrics as sk
import torch
import torchmetrics
import torchmetrics.functional.classification as tm

CLASSES, IGNORE, ROWS, COLS, REPLICATES = 5, 255, 22, 30, 60
rng = np.random.default_rng(20210)


def regions(shift):
    """Regions of classes 0 to 3 (4 is nowhere), smooth, with ragged edges."""
    fields = [ndimage.gaussian_filter(shift[k] + 0.3 * rng.normal(size=(ROWS, COLS)), 1.5) for k in range(CLASSES - 1)]
    return np.argmax(fields, 0)


truths, logits = [], []
for _ in range(2):
    shift = rng.normal(size=(CLASSES - 1, ROWS, COLS))
    truth = regions(shift).astype(np.uint8)
    scores = np.stack([3.0 * ndimage.gaussian_filter(shift[k] + 0.6 * rng.normal(size=(ROWS, COLS)), 1.4) for k in range(CLASSES - 1)])
    scores = np.concatenate([scores * 4, np.full((1, ROWS, COLS), -9.0)])
    truth[rng.random((ROWS, COLS)) < 0.03] = IGNORE
    truth[:4, -6:] = IGNORE
    truths.append(truth)
    logits.append(np.round(scores, 2).astype(np.float32))
truths, logits = np.stack(truths), np.stack(logits)
predictions = logits.argmax(1).astype(np.uint8)
known = truths != IGNORE
y, p = truths[known], predictions[known]
labels = list(range(CLASSES))
present = [k for k in labels if (y == k).any() or (p == k).any()]

precision, recall, f1, support = sk.precision_recall_fscore_support(y, p, labels=present, zero_division=0)
iou = sk.jaccard_score(y, p, labels=present, average=None, zero_division=0)
torch_iou = tm.multiclass_jaccard_index(
    torch.tensor(predictions.astype(int)), torch.tensor(truths.astype(int)), CLASSES, average="none", ignore_index=IGNORE
)
assert np.allclose(torch_iou.numpy()[present], iou, atol=1e-6)


def boundary(distance):
    """Boundary IoU by class: the part of a class that dilation of all other counted classes reaches."""
    shared, truth_size, prediction_size = (np.zeros(CLASSES, int) for _ in range(3))
    for truth, prediction, counted in zip(truths, predictions, known):
        for k in labels:
            bands = []
            for image in (truth, prediction):
                other = (image != k) & counted
                near = ndimage.binary_dilation(other, np.ones((3, 3)), iterations=distance)
                bands.append((image == k) & counted & near)
            shared[k] += (bands[0] & bands[1]).sum()
            truth_size[k] += bands[0].sum()
            prediction_size[k] += bands[1].sum()
    union = truth_size + prediction_size - shared
    return [float(s / u) if u else None for s, u in zip(shared, union)]


def calibration(bins):
    x = torch.tensor(logits).permute(0, 2, 3, 1)[torch.tensor(known)]
    return float(tm.multiclass_calibration_error(x, torch.tensor(y.astype(int)), CLASSES, n_bins=bins, norm="l1"))


# Blocks: three stripes of columns in each of the two maps.
stripes = [(m, slice(first, first + 10)) for m in range(2) for first in (0, 10, 20)]
draws = rng.integers(len(stripes), size=(REPLICATES, len(stripes)))


def replicate(drawn):
    pieces = [(truths[m][:, c], predictions[m][:, c]) for m, c in (stripes[d] for d in drawn)]
    yy = np.concatenate([t[t != IGNORE] for t, _ in pieces])
    pp = np.concatenate([q[t != IGNORE] for t, q in pieces])
    here = [k for k in labels if (yy == k).any() or (pp == k).any()]
    return sk.jaccard_score(yy, pp, labels=here, average="macro", zero_division=0), sk.cohen_kappa_score(yy, pp)


replicates = np.array([replicate(drawn) for drawn in draws])
intervals = np.percentile(replicates, [2.5, 97.5], axis=0).T.tolist()

print(json.dumps({
    "made_by": f"scikit-learn {sklearn.__version__}, torchmetrics {torchmetrics.__version__}, "
               f"SciPy {scipy.__version__}, NumPy {np.__version__}",
    "shape": [2, CLASSES, ROWS, COLS],
    "truth": truths.ravel().tolist(),
    "logits_hundredths": np.round(logits.ravel() * 100).astype(int).tolist(),
    "confusion": sk.confusion_matrix(y, p, labels=labels).tolist(),
    "present": present,
    "iou": iou.tolist(), "f1": f1.tolist(), "precision": precision.tolist(), "recall": recall.tolist(),
    "support": support.tolist(),
    "mean_iou": float(iou.mean()), "mean_f1": float(f1.mean()),
    "overall_accuracy": sk.accuracy_score(y, p), "kappa": sk.cohen_kappa_score(y, p),
    "frequency_weighted_iou": float((iou * support).sum() / support.sum()),
    "boundary": {str(d): boundary(d) for d in (1, 2, 5, 40)},
    "calibration": {str(b): calibration(b) for b in (10, 15)},
    "draws": draws.tolist(),
    "mean_iou_interval": intervals[0], "kappa_interval": intervals[1],
}, separators=(",", ":")))
