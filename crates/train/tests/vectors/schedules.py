# /// script
# requires-python = ">=3.10"
# dependencies = ["torch==2.11.0"]
# ///
"""Learning rates of torch.optim.lr_scheduler, step by step, as schedules.json beside this file.

Each case holds the settings as swath writes them, the number of steps, and the rate that PyTorch uses at each of them for
a base rate of 0.01; the one-cycle cases also the first beta of AdamW; the plateau cases also the scores shown after each
step.
"""
import json
import pathlib

import torch
from torch.optim import lr_scheduler as lrs

BASE = 0.01


def optimizer():
    return torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=BASE)


def course(make, steps, scores=None):
    opt = optimizer()
    schedule = make(opt)
    rates, betas = [], []
    for step in range(steps):
        rates.append(opt.param_groups[0]["lr"])
        betas.append(opt.param_groups[0]["betas"][0])
        opt.step()
        schedule.step(*([] if scores is None else [scores[step]]))
    return rates, betas


def warmed(warmup, rest):
    def make(opt):
        rise = lrs.LinearLR(opt, total_iters=warmup)
        return lrs.SequentialLR(opt, [rise, rest(opt)], milestones=[warmup])

    return make


SCORES = [0.1, 0.2, 0.2, 0.2, 0.2, 0.3, 0.30001, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4]
LOSSES = [1.0 - s for s in SCORES]
CASES = [
    ({"kind": "constant"}, 5, lambda o: lrs.ConstantLR(o, factor=1.0), None),
    ({"kind": "step", "every": 4, "gamma": 0.5}, 14, lambda o: lrs.StepLR(o, 4, 0.5), None),
    ({"kind": "polynomial", "power": 0.9}, 20, lambda o: lrs.PolynomialLR(o, total_iters=20, power=0.9), None),
    ({"kind": "polynomial", "power": 2.0, "warmup": 5}, 20, warmed(5, lambda o: lrs.PolynomialLR(o, total_iters=15, power=2.0)), None),
    ({"kind": "cosine"}, 17, lambda o: lrs.CosineAnnealingLR(o, T_max=17), None),
    ({"kind": "cosine", "warmup": 6, "floor": 0.05}, 20, warmed(6, lambda o: lrs.CosineAnnealingLR(o, T_max=14, eta_min=0.05 * BASE)), None),
    ({"kind": "one-cycle"}, 300, lambda o: lrs.OneCycleLR(o, max_lr=BASE, total_steps=300), None),
    ({"kind": "one-cycle"}, 7, lambda o: lrs.OneCycleLR(o, max_lr=BASE, total_steps=7), None),
    (
        {"kind": "one-cycle", "pct_start": 0.1, "div_factor": 10.0, "final_div_factor": 100.0},
        40,
        lambda o: lrs.OneCycleLR(o, max_lr=BASE, total_steps=40, pct_start=0.1, div_factor=10.0, final_div_factor=100.0),
        None,
    ),
    (
        {"kind": "one-cycle", "base_momentum": 0.8, "max_momentum": 0.9},
        50,
        lambda o: lrs.OneCycleLR(o, max_lr=BASE, total_steps=50, base_momentum=0.8, max_momentum=0.9),
        None,
    ),
    (
        {"kind": "one-cycle", "cycle_momentum": False},
        10,
        lambda o: lrs.OneCycleLR(o, max_lr=BASE, total_steps=10, cycle_momentum=False),
        None,
    ),
    (
        {"kind": "plateau", "factor": 0.5, "patience": 2},
        20,
        lambda o: lrs.ReduceLROnPlateau(o, mode="max", factor=0.5, patience=2),
        SCORES,
    ),
    (
        {"kind": "plateau", "factor": 0.1, "patience": 1, "threshold": 0.01, "cooldown": 3, "floor": 0.02},
        20,
        lambda o: lrs.ReduceLROnPlateau(o, mode="min", factor=0.1, patience=1, threshold=0.01, cooldown=3, min_lr=0.02 * BASE),
        LOSSES,
    ),
]

if __name__ == "__main__":
    out = {"made_by": f"schedules.py with torch {torch.__version__}", "base": BASE, "cases": []}
    for settings, steps, make, scores in CASES:
        rates, betas = course(make, steps, scores)
        case = {"schedule": settings, "steps": steps, "rates": rates}
        if settings["kind"] == "one-cycle" and settings.get("cycle_momentum", True):
            case["momenta"] = betas
        if scores is not None:
            case |= {"scores": scores, "larger_is_better": scores is SCORES}
        out["cases"].append(case)
    pathlib.Path(__file__).with_suffix(".json").write_text(json.dumps(out, indent=1) + "\n")
