# /// script
# requires-python = ">=3.10"
# dependencies = ["torch==2.11.0", "numpy", "onnx"]
# ///
"""A small UNet as tiny.onnx, and PyTorch's course over its first 20 steps as tiny.json, beside this file.

The batches are made by formula (splitmix64 of the element's index), so that tests make the same ones. Recorded are the
loss of every step, and name, norm and sum of every parameter and running statistic after the last one.
"""
import json
import pathlib

import numpy as np
import torch
from torch import nn

BATCH, BANDS, CLASSES, SIZE, STEPS, RATE = 2, 4, 3, 16, 20, 1e-2
HERE = pathlib.Path(__file__).parent


class Block(nn.Sequential):
    def __init__(self, inputs, outputs):
        super().__init__(nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU())


class Tiny(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.ModuleDict({"fine": Block(BANDS, 8), "coarse": Block(8, 12)})
        self.decoder = Block(12 + 8, 8)
        self.head = nn.Conv2d(8, CLASSES, 1)

    def forward(self, x):
        fine = self.encoder["fine"](x)
        coarse = self.encoder["coarse"](nn.functional.max_pool2d(fine, 2))
        up = nn.functional.interpolate(coarse, scale_factor=2.0, mode="nearest")
        return self.head(self.decoder(torch.cat([up, fine], 1)))


def splitmix(index):
    with np.errstate(over="ignore"):
        z = (index.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def batch(step):
    """Images in [-1, 1) by 1/1024; a pixel's class follows from the sign of two bands; some pixels are ignored."""
    n = BATCH * BANDS * SIZE * SIZE
    bits = splitmix(np.arange(n, dtype=np.uint64) + np.uint64(step * n))
    x = ((bits >> np.uint64(40)) % np.uint64(2048)).astype(np.float32) / 1024 - 1
    x = x.reshape(BATCH, BANDS, SIZE, SIZE)
    y = (x[:, 0] > 0).astype(np.int64) + ((x[:, 0] > 0) & (x[:, 1] > 0)).astype(np.int64)
    y[:, 0, :5] = 255
    return torch.from_numpy(x), torch.from_numpy(y)


if __name__ == "__main__":
    torch.manual_seed(0)
    torch.set_num_threads(1)
    model = Tiny().eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1), module.running_var.uniform_(0.5, 1.5)
            module.weight.data.uniform_(0.5, 1.5), module.bias.data.normal_(0, 0.1)
    axes = {"x": {0: "n", 2: "rows", 3: "cols"}, "logits": {0: "n", 2: "rows", 3: "cols"}}
    torch.onnx.export(model, (batch(0)[0],), str(HERE / "tiny.onnx"), input_names=["x"], output_names=["logits"], dynamic_axes=axes,
                      opset_version=17, training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False, dynamo=False)
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), RATE, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=STEPS)
    losses = []
    for step in range(STEPS):
        x, y = batch(step)
        loss = nn.functional.cross_entropy(model(x), y, ignore_index=255)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    tensors = {k: v.double() for k, v in model.state_dict().items() if v.is_floating_point()}
    final = {k: {"norm": v.norm().item(), "sum": v.sum().item()} for k, v in tensors.items()}
    out = {"made_by": f"tiny.py with torch {torch.__version__}", "rate": RATE, "losses": losses, "final": final}
    (HERE / "tiny.json").write_text(json.dumps(out, indent=1) + "\n")
