# /// script
# requires-python = ">=3.10"
# dependencies = ["torch==2.11.0", "numpy", "onnx", "onnxscript"]
# ///
"""A network of the blocks that encoders and decoders are made of, exported by both exporters, and PyTorch's float64 gradients.

Writes blocks.train.onnx (TorchScript exporter, BatchNorm kept), blocks.dynamo.onnx (BatchNorm folded) and blocks.json beside this file: a batch; for
batch statistics and for frozen ones the loss, every parameter's gradient, and the updated running statistics; and the gradients of
the folded parameters, by the chain rule.
"""
import json
import pathlib

import numpy as np
import onnx
import torch
from torch import nn
from torch.nn import functional as F

HERE = pathlib.Path(__file__).parent
BATCH, BANDS, CLASSES, SIZE = 2, 3, 3, 16


class Layer(nn.Sequential):
    """Convolution, BatchNorm, activation."""

    def __init__(self, conv, activation):
        super().__init__(conv, nn.BatchNorm2d(conv.out_channels), activation)


class Squeeze(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.reduce, self.expand = nn.Conv2d(channels, 2, 1), nn.Conv2d(2, channels, 1)

    def forward(self, x):
        return x * F.hardsigmoid(self.expand(F.silu(self.reduce(F.adaptive_avg_pool2d(x, 1)))))


class Attention(nn.Module):
    """Two heads over all pixels, and a perceptron with a scale per channel."""

    def __init__(self, channels):
        super().__init__()
        self.norm, self.qkv, self.out = nn.LayerNorm(channels), nn.Linear(channels, 3 * channels), nn.Linear(channels, channels)
        self.widen, self.narrow = nn.Linear(channels, 10), nn.Linear(10, channels)
        self.scale = nn.Parameter(torch.rand(channels))

    def forward(self, x):
        n, c, h, w = x.shape
        tokens = x.flatten(2).transpose(1, 2)
        q, k, v = self.qkv(self.norm(tokens)).reshape(n, h * w, 3, 2, c // 2).permute(2, 0, 3, 1, 4)
        mixed = (q @ k.transpose(-2, -1) * (c // 2) ** -0.5).softmax(-1) @ v
        tokens = tokens + self.out(mixed.transpose(1, 2).reshape(n, h * w, c))
        tokens = tokens + self.scale * self.narrow(F.gelu(self.widen(tokens)))
        return tokens.transpose(1, 2).reshape(n, c, h, w)


class Blocks(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = Layer(nn.Conv2d(BANDS, 6, 3, stride=2, padding=1, bias=False), nn.Hardswish())
        self.depthwise = Layer(nn.Conv2d(6, 6, 5, padding=2, groups=6, bias=False), nn.ReLU6())
        self.squeeze = Squeeze(6)
        self.grouped = Layer(nn.Conv2d(6, 8, 3, padding=2, dilation=2, groups=2), nn.LeakyReLU(0.1))
        self.attention = Attention(8)
        self.group_norm = nn.GroupNorm(4, 8)
        self.grow = Layer(nn.ConvTranspose2d(8, 4, 4, stride=2, padding=1), nn.SiLU())
        self.fuse = nn.Conv2d(4 + 6 + 8, 5, 1)
        self.reflected = Layer(nn.Conv2d(5, 4, 3, padding=1, padding_mode="reflect", bias=False), nn.ReLU())
        self.head, self.aside = nn.Conv2d(4, CLASSES, 1), nn.Conv2d(5, CLASSES, 1)

    def forward(self, x):
        fine = self.squeeze(self.depthwise(self.stem(x)))
        coarse = self.grouped(F.max_pool2d(fine, 3, 2, 1))
        deep = self.grow(self.group_norm(self.attention(coarse)))
        wide = F.interpolate(coarse, scale_factor=2.0, mode="bilinear", align_corners=True)
        fused = F.avg_pool2d(self.fuse(torch.cat([deep, fine, wide], 1)), 3, 1, 1)
        sharp = self.head(self.reflected(F.interpolate(fused, scale_factor=2.0, mode="nearest")))
        return sharp + F.interpolate(self.aside(fused), size=(SIZE, SIZE), mode="bilinear", align_corners=False)


def listed(array):
    return [float(f"{v:.12g}") for v in array.flatten().tolist()]


def passed(model, x, y, train):
    """Loss, gradients and updated statistics in float64."""
    model.double().train(train).zero_grad()
    logits = model(x.double())
    loss = F.cross_entropy(logits, y, ignore_index=255)
    loss.backward()
    found = {"loss": [loss.item()], "logits": logits.detach()} | {f"grad/{k}": v.grad for k, v in model.named_parameters()}
    if train: found |= {f"stat/{k}": v.clone() for k, v in model.named_buffers() if "running" in k}
    return found


def without_notes(path):
    """Takes out what the exporter notes of this machine's files."""
    model = onnx.load(path)
    for part in (model, model.graph, *model.graph.node, *model.graph.input, *model.graph.output, *model.graph.value_info, *model.graph.initializer):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    onnx.save(model, path)


def folded(model, found):
    """The gradients of what BatchNorm is folded into: W' = s W with s = gamma / sqrt(var + eps), and b' whose gradient is beta's."""
    out = dict(found)
    for name, layer in ((n, m) for n, m in model.named_modules() if isinstance(m, Layer)):
        conv, norm = layer[0], layer[1]
        scale = (norm.weight / (norm.running_var + norm.eps).sqrt()).detach()
        across = scale.reshape(1, -1, 1, 1) if isinstance(conv, nn.ConvTranspose2d) else scale.reshape(-1, 1, 1, 1)
        out[f"grad/{name}.0.weight"] = found[f"grad/{name}.0.weight"] / across
        # The exporter names the bias of a convolution that had none after its weight.
        out[f"grad/{name}.0." + ("weight_bias" if conv.bias is None else "bias")] = found[f"grad/{name}.1.bias"]
        del out[f"grad/{name}.1.weight"], out[f"grad/{name}.1.bias"]
    return out


if __name__ == "__main__":
    torch.manual_seed(3)
    torch.set_num_threads(1)
    model = Blocks().eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1), module.running_var.uniform_(0.5, 1.5)
        if isinstance(module, (nn.BatchNorm2d, nn.GroupNorm, nn.LayerNorm)):
            module.weight.data.uniform_(0.5, 1.5), module.bias.data.normal_(0, 0.1)
    x = torch.randn(BATCH, BANDS, SIZE, SIZE)
    y = torch.randint(0, CLASSES, (BATCH, SIZE, SIZE))
    y[:, 0, :5] = 255
    names = dict(input_names=["x"], output_names=["logits"])
    torch.onnx.export(model, (x,), str(HERE / "blocks.train.onnx"), **names, opset_version=17, training=torch.onnx.TrainingMode.PRESERVE,
                      do_constant_folding=False, dynamo=False)
    torch.onnx.export(model, (x,), str(HERE / "blocks.dynamo.onnx"), **names, opset_version=18, dynamo=True, external_data=False, verbose=False)
    without_notes(HERE / "blocks.dynamo.onnx")
    state = {k: v.clone() for k, v in model.state_dict().items()}
    train = passed(model, x, y, True)
    model.float().load_state_dict(state)
    frozen = passed(model, x, y, False)
    tables = {"train": train, "frozen": frozen, "folded": folded(model, frozen)}
    out = {"made_by": f"blocks.py with torch {torch.__version__}", "shape": list(x.shape), "x": listed(x), "target": y.flatten().tolist()}
    out |= {form: {k: listed(torch.as_tensor(v)) for k, v in table.items()} for form, table in tables.items()}
    (HERE / "blocks.json").write_text(json.dumps(out) + "\n")
