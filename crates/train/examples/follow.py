# /// script
# requires-python = ">=3.10"
# dependencies = ["torch==2.11.0", "segmentation-models-pytorch==0.5.0", "onnx", "safetensors"]
# ///
"""PyTorch's side of `follow.rs`: a network, batches, and the loss of each of the first steps of AdamW under one cycle.

  follow.py OUT_DIR [--arch Unet] [--encoder resnet18] [--steps 20] [--total 300] [--batch 4] [--size 128] [--channels 4] [--classes 3]

Writes OUT_DIR/NAME.onnx (weights before the first step, BatchNorm kept) and OUT_DIR/NAME.safetensors (x.0, y.0, x.1, ...
`losses`, `total`, and `spread`: the largest difference between PyTorch's losses in its two memory layouts), and prints
PyTorch's losses and median time of a step as one JSON line.
"""
import argparse
import copy
import json
import os
import statistics
import time
import warnings

import segmentation_models_pytorch as smp
import torch
from safetensors.torch import save_file

warnings.filterwarnings("ignore")
p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
p.add_argument("out")
p.add_argument("--arch", default="Unet")
p.add_argument("--encoder", default="resnet18")
p.add_argument("--steps", type=int, default=20, help="steps that are run")
p.add_argument("--total", type=int, default=300, help="steps that the cycle spans")
p.add_argument("--batch", type=int, default=4)
p.add_argument("--size", type=int, default=128)
p.add_argument("--channels", type=int, default=4)
p.add_argument("--classes", type=int, default=3)
p.add_argument("--lr", type=float, default=1e-3)
p.add_argument("--threads", type=int, default=2)
a = p.parse_args()
os.makedirs(a.out, exist_ok=True)
torch.set_num_threads(a.threads)
torch.manual_seed(0)
name = f"{a.arch}-{a.encoder}"
model = getattr(smp, a.arch)(a.encoder, encoder_weights=None, in_channels=a.channels, classes=a.classes)


def batch():
    """Smooth random fields; the class of a pixel is the band that is largest there, so that there is something to learn."""
    coarse = torch.randn(a.batch, a.channels, a.size // 8, a.size // 8)
    x = torch.nn.functional.interpolate(coarse, size=(a.size, a.size), mode="bilinear") + 0.1 * torch.randn(a.batch, a.channels, a.size, a.size)
    y = x[:, : a.classes].argmax(1)
    y[:, :3, :5] = 255
    return x, y


batches = [batch() for _ in range(a.steps)]
model.eval()
torch.onnx.export(model, (batches[0][0],), f"{a.out}/{name}.onnx", input_names=["x"], output_names=["logits"], opset_version=17,
                  training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False, dynamo=False)


def course(model, layout):
    """Losses and seconds of every step from the model's weights on."""
    model = copy.deepcopy(model).to(memory_format=layout).train()
    opt = torch.optim.AdamW(model.parameters(), a.lr, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(opt, a.lr, total_steps=a.total)
    losses, seconds = [], []
    for x, y in batches:
        start = time.perf_counter()
        loss = torch.nn.functional.cross_entropy(model(x.to(memory_format=layout)), y, ignore_index=255)
        opt.zero_grad()
        loss.backward()
        opt.step()
        schedule.step()
        seconds.append(time.perf_counter() - start)
        losses.append(loss.item())
    return losses, seconds


losses, seconds = course(model, torch.contiguous_format)
# The same arithmetic in another order: how far rounding alone takes PyTorch from itself.
other, _ = course(model, torch.channels_last)
spread = max(abs(u - v) for u, v in zip(losses, other))
tensors = {f"{k}.{i}": t for i, (x, y) in enumerate(batches) for k, t in (("x", x.contiguous()), ("y", y.contiguous()))}
save_file(tensors | {"losses": torch.tensor(losses, dtype=torch.float64), "total": torch.tensor([a.total]),
          "spread": torch.tensor([spread], dtype=torch.float64)}, f"{a.out}/{name}.safetensors")
print(json.dumps(dict(peer="pytorch " + torch.__version__, model=name, batch=a.batch, size=a.size, threads=a.threads,
                      step_s=statistics.median(seconds[3:]), spread=spread, losses=losses)))
