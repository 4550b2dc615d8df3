# /// script
# requires-python = ">=3.11"
# dependencies = ["torch==2.11.0", "segmentation-models-pytorch==0.6.0"]
# ///
"""Losses and their gradients as segmentation_models_pytorch and PyTorch compute them in float64: losses.py > losses.json"""
import json
import segmentation_models_pytorch.losses as smp
import torch
import torch.nn.functional as F

torch.manual_seed(1)
N, C, H, W, IGNORE = 2, 3, 3, 4, 255
WEIGHTS = [0.5, 1.0, 2.0]
logits = torch.randn(N, C, H, W, dtype=torch.float64)
target = torch.randint(0, C, (N, H, W))
ignoring = target.clone()
ignoring[0, :1, :3] = IGNORE
absent = target.clone()
absent[absent == 2] = 0  # a class that the target does not hold
single = torch.randn(N, 1, H, W, dtype=torch.float64)
mask = torch.randint(0, 2, (N, H, W))
numbers = torch.randn(N, C, H, W, dtype=torch.float64)
w64 = torch.tensor(WEIGHTS, dtype=torch.float64)


def region(kind, **kw):
    def loss(x, y, ignore, weights):
        mode = "binary" if x.shape[1] == 1 else "multiclass"
        module = kind(mode, ignore_index=ignore, class_weights=weights, **kw)
        if module.class_weights is not None: module.class_weights = module.class_weights.double()
        return module(x, y)
    return loss


def one_hot(y, ignore):
    counted = (y != ignore) if ignore is not None else torch.ones_like(y, dtype=torch.bool)
    return F.one_hot(torch.where(counted, y, 0), C).permute(0, 3, 1, 2), counted.unsqueeze(1)


def binary(smooth):
    # smp's loss takes one target per channel; ignored pixels of a one-hot target are marked in every channel.
    def loss(x, y, ignore, weights):
        if x.shape[1] == 1: t = y.unsqueeze(1).double(); t = t if ignore is None else t.masked_fill(y.unsqueeze(1) == ignore, -100.0)
        else:
            hot, counted = one_hot(y, ignore); t = torch.where(counted, hot, -100).double()
        weight = None if weights is None else w64.view(1, C, 1, 1)
        return smp.SoftBCEWithLogitsLoss(weight=weight, smooth_factor=smooth or None)(x, t)
    return loss


def lovasz(x, y, ignore, weights):
    x = x.float()  # its sorting is float32 only
    if x.shape[1] == 1: return smp.LovaszLoss("binary", ignore_index=ignore)(x, y)
    if weights is None: return smp.LovaszLoss("multiclass", ignore_index=ignore)(x, y)
    # smp has no class weights here: its own loss of each class alone, averaged by them.
    counted = torch.ones_like(y, dtype=torch.bool) if ignore is None else y != ignore
    p = x.softmax(1).permute(0, 2, 3, 1).reshape(-1, C)[counted.flatten()]
    each = [smp.lovasz._lovasz_softmax_flat(p, y[counted], classes=[c]) for c in range(C)]
    return sum(w * v for w, v in zip(weights, each)) / sum(weights)


def cross_entropy(smooth):
    return lambda x, y, ignore, weights: F.cross_entropy(x, y, weight=None if weights is None else w64, label_smoothing=smooth,
                                                         ignore_index=-100 if ignore is None else ignore)


KINDS = {
    "cross_entropy": cross_entropy(0.0), "cross_entropy smoothed": cross_entropy(0.1),
    "dice": region(smp.DiceLoss), "dice smoothed": region(smp.DiceLoss, smooth=1.0), "jaccard": region(smp.JaccardLoss, smooth=0.5),
    "tversky": region(smp.TverskyLoss, alpha=0.3, beta=0.7, gamma=1.5, smooth=0.25),
    "focal": region(smp.FocalLoss), "focal balanced": region(smp.FocalLoss, alpha=0.25, gamma=1.5),
    "binary": binary(0.0), "binary smoothed": binary(0.1),
    "lovasz": lambda x, y, ignore, weights: lovasz(x, y, ignore, weights),
}
SINGLE = {"dice", "jaccard", "tversky", "focal", "focal balanced", "binary", "binary smoothed", "lovasz"}


def record(name, kind, x, y, ignore, weights):
    x = x.clone().requires_grad_()
    parts = [(1.0, kind)] if isinstance(kind, str) else kind
    loss = sum(share * (KINDS[k](x, y, ignore, weights) if k in KINDS else kind_of_numbers(k, x, y, ignore, weights)) for share, k in parts)
    (gradient,) = torch.autograd.grad(loss, x)
    return dict(name=name, kind=kind, shape=list(x.shape), logits=x.flatten().tolist(), target=y.flatten().tolist(), ignore=ignore,
                weights=weights, loss=loss.item(), gradient=gradient.flatten().tolist())


def kind_of_numbers(kind, x, y, ignore, weights):
    counted = torch.ones_like(y, dtype=torch.bool) if ignore is None else y != ignore
    weight = None if weights is None else w64.view(1, C, 1, 1).expand_as(x)[counted]
    return (F.l1_loss if kind == "l1" else F.mse_loss)(x[counted], y[counted], weight=weight)


rows = []
for kind in KINDS:
    rows.append(record(f"{kind}", kind, logits, target, None, None))
    rows.append(record(f"{kind}, ignoring", kind, logits, ignoring, IGNORE, None))
    rows.append(record(f"{kind}, a class absent", kind, logits, absent, None, None))
    rows.append(record(f"{kind}, weighted", kind, logits, target, None, WEIGHTS))
    rows.append(record(f"{kind}, weighted, ignoring", kind, logits, ignoring, IGNORE, WEIGHTS))
for kind in sorted(SINGLE):
    rows.append(record(f"{kind}, one class", kind, single, mask, None, None))
    masked = mask.clone(); masked[1, 0, :2] = IGNORE
    rows.append(record(f"{kind}, one class, ignoring", kind, single, masked, IGNORE, None))
gaps = numbers.clone(); gaps[0, 0] = -9.0
for kind in ("l1", "mse"):
    rows.append(record(kind, kind, logits, numbers, None, None))
    rows.append(record(f"{kind}, ignoring", kind, logits, gaps, -9, None))
    rows.append(record(f"{kind}, weighted", kind, logits, numbers, None, WEIGHTS))
    rows.append(record(f"{kind}, weighted, ignoring", kind, logits, gaps, -9, WEIGHTS))
every = [(0.25 + 0.125 * i, kind) for i, kind in enumerate(KINDS)]
rows.append(record("all together", every, logits, target, None, None))
rows.append(record("all together, weighted, ignoring", every, logits, ignoring, IGNORE, WEIGHTS))
rows.append(record("all of one class together, ignoring", [p for p in every if p[1] in SINGLE], single, masked, IGNORE, None))
rows.append(record("numbers together, weighted, ignoring", [(0.5, "l1"), (2.0, "mse")], logits, gaps, -9, WEIGHTS))
print("[\n" + ",\n".join(json.dumps(r) for r in rows) + "\n]")
