"""Segmentation networks with nothing random in them, their ONNX exports, and PyTorch's own gradients in float32 and float64.

  zoo.py OUT_DIR NAME ... [--size 64] [--batch 2] [--classes 4] [--channels 3]

NAME is ARCHITECTURE-ENCODER as segmentation_models_pytorch knows them. Weights are seeded by the name, BatchNorm's statistics and scales
moved off the identity, and dropout of every kind turned off, so that a training pass has one outcome. Written are
  NAME.train.onnx    TorchScript exporter, BatchNormalization kept, parameters named as in the state_dict
  NAME.folded.onnx   TorchScript exporter, inference form: BatchNorm folded into Conv
  NAME.dynamo.onnx   the torch.export-based exporter, inference form
  NAME.ref.npz       x, y and for each of f32/ and f64/, train/ and eval/ (frozen statistics): logits, loss (mean cross-entropy, 255 ignored),
                     grad/<parameter> and, after train, stat/<running statistic>
What PyTorch itself cannot export is reported and left out.
"""
import argparse, os, warnings
import numpy as np, torch, segmentation_models_pytorch as smp
warnings.filterwarnings("ignore")
FORMS = ("train", "folded", "dynamo")


def network(name, channels=3, classes=4):
    """The network of this name, in eval mode."""
    architecture, encoder = name.split("-", 1)
    torch.manual_seed(sum(map(ord, name)))
    model = getattr(smp, architecture)(encoder, encoder_weights=None, in_channels=channels, classes=classes)
    for module in model.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            module.running_mean.normal_(0, 0.1); module.running_var.uniform_(0.5, 1.5)
            module.weight.data.uniform_(0.5, 1.5); module.bias.data.normal_(0, 0.1)
        if isinstance(module, torch.nn.modules.dropout._DropoutNd): module.p = 0.0
        for rate in ("drop_prob", "drop_rate", "drop_path_rate", "p_dropout", "attn_drop_rate", "_drop_connect_rate"):
            if isinstance(getattr(module, rate, None), float): setattr(module, rate, 0.0)
        if isinstance(getattr(module, "_drop_connect_rate", None), (int, float)): module._drop_connect_rate = 0.0
    return model.eval()


def batch(name, count, channels, size, classes):
    """Images, and classes of which a few pixels are ignored."""
    draw = torch.Generator().manual_seed(sum(map(ord, name)) + 1)
    x = torch.randn(count, channels, size, size, generator=draw)
    y = torch.randint(0, classes, (count, size, size), generator=draw)
    y[:, :3, :5] = 255
    return x, y


def scenes(name, count, channels, size, classes):
    """Images with something to see, fields of some sixteen pixels of which each has its colour, and which field it is as the class."""
    draw = torch.Generator().manual_seed(sum(map(ord, name)) + 1)
    fields = torch.nn.functional.interpolate(torch.randn(count, classes, max(size // 16, 2), max(size // 16, 2), generator=draw), size=(size, size), mode="bilinear")
    y = fields.argmax(1)
    x = torch.randn(classes, channels, generator=draw)[y].movedim(-1, 1) + 0.3 * torch.randn(count, channels, size, size, generator=draw)
    y[:, :3, :5] = 255
    return x.contiguous(), y


def reference(model, x, y, mode, dtype):
    """What PyTorch computes: logits, loss, gradients, updated statistics; by name. The model is left as it was."""
    state = {k: v.clone() for k, v in model.state_dict().items()}
    model.to(dtype).train(mode == "train").zero_grad()
    logits = model(x.to(dtype))
    loss = torch.nn.functional.cross_entropy(logits, y, ignore_index=255)
    loss.backward()
    found = {"logits": logits.detach().numpy(), "loss": np.asarray(loss.item())}
    found |= {f"grad/{k}": v.grad.numpy().copy() for k, v in model.named_parameters() if v.grad is not None}
    # A layer without a gradient took no part.
    part = lambda k: k.endswith(("running_mean", "running_var")) and f"grad/{k.rsplit('.', 1)[0]}.weight" in found
    if mode == "train": found |= {f"stat/{k}": v.numpy().copy() for k, v in model.named_buffers() if part(k)}
    model.zero_grad(); model.float().eval().load_state_dict(state)
    return found


def deterministic(model, x):
    """Whether two training passes of the same batch give the same logits."""
    state = {k: v.clone() for k, v in model.state_dict().items()}
    with torch.no_grad(): a, b = (model.train()(x) for _ in range(2))
    model.eval().load_state_dict(state)
    return torch.equal(a, b)


def export(model, x, form, path):
    """Writes one export; the reason where PyTorch cannot."""
    common = dict(input_names=["x"], output_names=["logits"])
    options = {"train": dict(training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False, dynamo=False, opset_version=17),
               "folded": dict(dynamo=False, opset_version=17),
               "dynamo": dict(dynamo=True, external_data=False, verbose=False, opset_version=18)}[form]
    try: torch.onnx.export(model.eval(), (x,), path, **common, **options)
    except Exception as error: return " ".join(str(error).split())[:120] or type(error).__name__


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("out"); p.add_argument("names", nargs="+")
    for name, value in (("size", 64), ("batch", 2), ("classes", 4), ("channels", 3)): p.add_argument(f"--{name}", type=int, default=value)
    a = p.parse_args(); os.makedirs(a.out, exist_ok=True)
    for name in a.names:
        model = network(name, a.channels, a.classes)
        x, y = batch(name, a.batch, a.channels, a.size, a.classes)
        kinds = [(bits, mode, dtype) for bits, dtype in (("f32", torch.float32), ("f64", torch.float64)) for mode in ("train", "eval")]
        found = {f"{bits}/{mode}/{k}": v for bits, mode, dtype in kinds for k, v in reference(model, x, y, mode, dtype).items()}
        np.savez(f"{a.out}/{name}.ref.npz", x=x.numpy(), y=y.numpy(), **found)
        for form in FORMS:
            problem = export(model, x, form, f"{a.out}/{name}.{form}.onnx")
            print(name, form, f"not exportable: {problem}" if problem else "ok", flush=True)


if __name__ == "__main__": main()
