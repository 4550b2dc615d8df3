"""Seconds and memory of a training step, swath beside PyTorch, both in turn in one run.

    python benches/peers/step.py --swath target/release/swath --torch-step ../shared/peers/torch_step.py --out runs/step

runs with a Python that has the peers' packages, from the repository's root, with ORT_DYLIB_PATH set for swath. For each
case it exports the network once, then runs `swath bench step` and torch_step.py (NCHW and channels last) in turn, and
prints one JSON line: medians of both sides, the ratio swath / PyTorch (the faster of its two layouts) round by round
and its median, and the ratio of peak memory.
"""

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

# Encoder, batch, frozen encoder.
CASES = [("resnet18", 4, False), ("resnet18", 4, True), ("mobilenet_v2", 4, False), ("resnet50", 2, False)]
CLASSES, SIZE = 5, 256


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--swath", type=Path, default=Path("target/release/swath"), help="the binary")
    parser.add_argument("--torch-step", type=Path, default=Path("../shared/peers/torch_step.py"))
    parser.add_argument("--out", type=Path, default=Path("runs/step"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--cases", nargs="+", default=[name(*case) for case in CASES], help="as printed in `case`")
    return parser.parse_args()


def name(encoder, batch, frozen):
    return f"Unet-{encoder}/batch{batch}{'/frozen-encoder' if frozen else ''}"


def export(encoder, path):
    import segmentation_models_pytorch as smp
    import torch

    torch.manual_seed(0)
    model = smp.Unet(encoder, encoder_weights=None, in_channels=3, classes=CLASSES)
    axes = {0: "batch", 2: "height", 3: "width"}
    torch.onnx.export(
        model.eval(), (torch.zeros(1, 3, SIZE, SIZE),), str(path), input_names=["x"], output_names=["logits"],
        opset_version=17, training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False, dynamo=False,
        dynamic_axes={"x": axes, "logits": axes},
    )


def run(command):
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"exit code {done.returncode} of: {' '.join(map(str, command))}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def measure(a, encoder, batch, frozen):
    model = a.out / f"{encoder}.onnx"
    if not model.exists():
        export(encoder, model)
    swath = [a.swath, "bench", "step", model, "--batch", batch, "--size", f"{SIZE}x{SIZE}", "--classes", CLASSES]
    swath += ["--threads", a.threads, "--steps", a.steps] + (["--freeze", "encoder.*"] if frozen else [])
    torch = [sys.executable, a.torch_step, "--encoder", encoder, "--batch", batch, "--size", SIZE, "--classes", CLASSES]
    torch += ["--threads", a.threads, "--steps", a.steps] + (["--freeze-encoder"] if frozen else [])
    rows = [(run(swath), run(torch), run(torch + ["--channels-last"])) for _ in range(a.rounds)]
    ratios = [own["step_s"] / min(peer["step_s"] for peer in peers) for own, *peers in rows]
    middle = lambda pick: round(statistics.median(pick(row) for row in rows), 4)
    return {
        "case": name(encoder, batch, frozen),
        "swath_step_s": middle(lambda row: row[0]["step_s"]),
        "torch_nchw_step_s": middle(lambda row: row[1]["step_s"]),
        "torch_channels_last_step_s": middle(lambda row: row[2]["step_s"]),
        "ratio": round(statistics.median(ratios), 3),
        "ratios": [round(ratio, 3) for ratio in ratios],
        "swath_peak_mib": middle(lambda row: row[0]["peak_mib"]),
        "torch_peak_mib": middle(lambda row: min(row[1]["peak_mib"], row[2]["peak_mib"])),
        "memory_ratio": middle(lambda row: row[0]["peak_mib"] / min(row[1]["peak_mib"], row[2]["peak_mib"])),
        "rounds": a.rounds,
        "threads": a.threads,
    }


def main():
    a = arguments()
    a.out.mkdir(parents=True, exist_ok=True)
    for case in CASES:
        if name(*case) in a.cases:
            print(json.dumps(measure(a, *case)), flush=True)


main()
