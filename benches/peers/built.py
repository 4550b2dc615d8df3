"""Networks of `swath models build` beside segmentation_models_pytorch with the same weights.

  built.py SWATH [--work DIR] [--encoder NAME ...] [--size 64 96 256] [--bands 1 3 4 7]

For each encoder random weights are written by torch.save and as safetensors (whole networks by smp's names; encoders by
torchvision's and timm's), `swath models build` reads them, and ONNX Runtime's logits are compared with PyTorch's, as the
largest difference over the largest logit. BatchNorm's statistics and scales are moved off the identity. A first convolution
for another number of bands is adapted by smp in the one and by swath in the other. Prints one JSON line per case and fails
where a difference is above 1e-5.
"""
import argparse, json, subprocess, sys, tempfile, warnings
from pathlib import Path
import numpy as np, onnxruntime, safetensors.torch, segmentation_models_pytorch as smp, timm, torch, torchvision
warnings.filterwarnings("ignore")
SMP = {"resnet18": "resnet18", "resnet34": "resnet34", "resnet50": "resnet50", "mobilenet_v2": "mobilenet_v2",
       "efficientnet_b0": "timm-efficientnet-b0", "tf_efficientnet_b0": "efficientnet-b0"}
TIMM = {"resnet18": "resnet18", "resnet34": "resnet34", "resnet50": "resnet50", "mobilenet_v2": "mobilenetv2_100",
        "efficientnet_b0": "efficientnet_b0"}
LIMIT = 1e-5
CLASSES = 5


def disturbed(model, seed):
    """The same model, its BatchNorms off the identity but not so far that values grow layer by layer."""
    torch.manual_seed(seed)
    for module in model.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            module.running_mean.normal_(0, 0.1); module.running_var.uniform_(0.5, 1.5)
            module.weight.data.uniform_(0.5, 1.0); module.bias.data.normal_(0, 0.1)
    return model.eval()


def smp_over(encoder, name, dictionary, bands):
    """smp's network over an encoder whose weights come from another library, adapted to `bands` by smp's own rule."""
    model = disturbed(smp.Unet(SMP[encoder], encoder_weights=None, in_channels=3, classes=CLASSES), 7)
    own = model.encoder.state_dict()
    if encoder in ("resnet18", "resnet34", "resnet50") or name == "timm" and encoder == "efficientnet_b0" \
            or name == "torchvision" and encoder == "mobilenet_v2":
        taken = {k: dictionary[k] for k in own}
    else:  # the same modules in the same order, under other names
        theirs = [v for k, v in dictionary.items() if not k.startswith("classifier")]
        if name == "timm":  # timm's order is that of the modules' definition, as is torchvision's
            assert len(theirs) == len(own), (len(theirs), len(own))
        taken = dict(zip(own, theirs, strict=True))
        assert all(taken[k].shape == own[k].shape for k in own)
    model.encoder.load_state_dict(taken)
    model.encoder.set_in_channels(bands, pretrained=True)
    return model.eval()


def compare(swath, work, case, model, encoder, weights, bands, sizes):
    onnx = work / "built.onnx"
    command = [swath, "models", "build", "--encoder", encoder, "--bands", str(bands), "--classes", str(CLASSES), "--weights", str(weights), "-o", str(onnx)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    session = onnxruntime.InferenceSession(str(onnx), providers=["CPUExecutionProvider"])
    worst = 0.0
    for size in sizes:
        x = torch.randn(1, bands, size, 2 * size if size <= 128 else size, generator=torch.Generator().manual_seed(size))
        with torch.no_grad():
            wanted = model(x).numpy()
        found = session.run(None, {"x": x.numpy()})[0]
        worst = max(worst, float(np.abs(found - wanted).max() / np.abs(wanted).max()))
    print(json.dumps({"encoder": encoder, "case": case, "bands": bands, "file": weights.suffix, "relative": worst}), flush=True)
    return worst


def head_from(work, model, built):
    """An encoder's file says nothing of the decoder: what swath drew for it is put into PyTorch's model."""
    import onnx
    from onnx import numpy_helper
    drawn = {t.name: torch.tensor(numpy_helper.to_array(t)) for t in onnx.load(str(built)).graph.initializer}
    own = model.state_dict()
    own |= {k: v for k, v in drawn.items() if k.startswith(("decoder.", "segmentation_head."))}
    model.load_state_dict(own)
    return model


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("swath"); parser.add_argument("--work", type=Path); parser.add_argument("--encoder", nargs="+", choices=SMP, default=list(SMP))
    parser.add_argument("--size", type=int, nargs="+", default=[64, 96, 256]); parser.add_argument("--bands", type=int, nargs="+", default=[1, 3, 4, 7])
    args = parser.parse_args()
    work = args.work or Path(tempfile.mkdtemp())
    work.mkdir(parents=True, exist_ok=True)
    worst = 0.0
    for index, encoder in enumerate(args.encoder):
        for bands in args.bands:
            model = disturbed(smp.Unet(SMP[encoder], encoder_weights=None, in_channels=bands, classes=CLASSES), index)
            for suffix in (".pth", ".safetensors"):
                path = work / f"whole{suffix}"
                torch.save(model.state_dict(), path) if suffix == ".pth" else safetensors.torch.save_file(model.state_dict(), path)
                asked = "efficientnet_b0" if encoder == "tf_efficientnet_b0" else encoder  # the file's names tell the form
                worst = max(worst, compare(args.swath, work, "smp", model, asked, path, bands, args.size))
        if encoder not in TIMM:
            continue
        for name in ("torchvision", "timm"):
            source = getattr(torchvision.models, encoder)() if name == "torchvision" else timm.create_model(TIMM[encoder])
            dictionary = disturbed(source, index).state_dict()
            for bands in args.bands:
                path = work / "encoder.pth"
                torch.save(dictionary, path)
                onnx = work / "drawn.onnx"
                subprocess.run([args.swath, "models", "build", "--encoder", encoder, "--bands", str(bands), "--classes", str(CLASSES), "--weights", str(path), "-o", str(onnx)], check=True, stdout=subprocess.DEVNULL)
                model = head_from(work, smp_over(encoder, name, dictionary, bands), onnx)
                worst = max(worst, compare(args.swath, work, name, model, encoder, path, bands, args.size[:1]))
    if worst > LIMIT:
        sys.exit(f"the largest difference is {worst:.1e}, above {LIMIT:.0e}")


if __name__ == "__main__":
    main()
