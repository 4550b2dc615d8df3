# /// script
# requires-python = ">=3.10"
# dependencies = [
#   "torch==2.11.0",
#   "torchvision==0.26.0",
#   "segmentation-models-pytorch==0.6.0",
#   "timm==1.0.31",
#   "onnx==1.23.2",
# ]
# ///
"""Writes a UNet of segmentation-models-pytorch as ONNX that can be trained on, with the STAC item that describes it.

    models/unet-resnet18/export.py --weights imagenet --out runs/models/unet-resnet18

Each model's folder links to this script; which network is made is said by the item.json beside the link. BatchNorm stays
BatchNorm, parameters keep the names of the state_dict, and batch, height and width stay free. With `--weights imagenet`
smp downloads the encoder's weights; decoder and head are random in any case and wait for training.

For another number of bands than three smp's rule adapts the first convolution: one band takes the sum of the RGB
weights, band i of N takes those of channel i % 3, times 3 / N.
"""

import argparse
import hashlib
import json
import os
import sys
import tempfile
from pathlib import Path

RGB = ["red", "green", "blue"]
# Statistics of ImageNet on values of 0 to 255, as torchvision and smp normalise.
MEAN = [123.675, 116.28, 103.53]
STDDEV = [58.395, 57.12, 57.375]
# Rows and columns must be multiples of this: the encoder halves them five times.
MULTIPLE_PX = 32


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", choices=["imagenet", "none"], required=True, help="where the encoder starts")
    parser.add_argument("--bands", type=int, default=3, help="input bands (default 3: red, green, blue)")
    parser.add_argument("--classes", type=int, default=2, help="output classes (default 2)")
    parser.add_argument("--seed", type=int, default=0, help="of the random weights (default 0)")
    parser.add_argument("--out", type=Path, required=True, help="folder for model.onnx and item.json")
    args = parser.parse_args()
    if args.bands < 1 or args.classes < 1:
        parser.error("--bands and --classes must be at least 1")
    return args


def read_template():
    path = Path(__file__).with_name("item.json")  # beside the link, not beside what it points to
    if not path.exists():
        sys.exit(f"{path} is not there: call the export.py in a model's folder, as in models/unet-resnet18/export.py")
    return json.loads(path.read_text(encoding="utf-8"))


def build(encoder, args):
    import segmentation_models_pytorch as smp
    import torch

    torch.manual_seed(args.seed)
    weights = None if args.weights == "none" else args.weights
    return smp.Unet(encoder, encoder_weights=weights, in_channels=args.bands, classes=args.classes).eval()


def export(model, bands, path):
    import onnx
    import torch

    free = {0: "batch", 2: "height", 3: "width"}
    torch.onnx.export(
        model,
        (torch.zeros(1, bands, 2 * MULTIPLE_PX, 2 * MULTIPLE_PX),),
        str(path),
        input_names=["x"],
        output_names=["logits"],
        dynamic_axes={"x": free, "logits": free},
        opset_version=17,
        # Folding would merge BatchNorm into the convolutions, and there would be nothing left to train.
        training=torch.onnx.TrainingMode.PRESERVE,
        do_constant_folding=False,
        dynamo=False,
    )
    onnx.checker.check_model(str(path), full_check=True)


def describe(item, model, args, onnx_path):
    """Fills in what depends on the weights, the bands, the classes and the file."""
    import onnx

    properties = item["properties"]
    parameters = sum(parameter.numel() for parameter in model.parameters())
    names = RGB if args.bands == 3 else [f"band-{index + 1}" for index in range(args.bands)]
    properties["bands"] = [{"name": name} for name in names]
    if args.bands == 3:
        properties["bands"] = [{"name": name, "eo:common_name": name} for name in RGB]
    else:
        item["stac_extensions"] = [schema for schema in item["stac_extensions"] if "/eo/" not in schema]
    properties["mlm:framework_version"] = onnx.__version__
    properties["mlm:total_parameters"] = parameters
    properties["mlm:memory_size"] = 4 * parameters
    properties["mlm:pretrained"] = args.weights != "none"
    properties["mlm:pretrained_source"] = "ImageNet-1k" if args.weights != "none" else None
    properties.pop("swath:obtain", None)

    source = properties["mlm:input"][0]
    source["bands"] = names
    source["input"]["shape"][1] = args.bands
    channels = [index % 3 for index in range(args.bands)]
    source["value_scaling"] = [{"type": "z-score", "mean": MEAN[i], "stddev": STDDEV[i]} for i in channels]
    properties["mlm:output"][0]["result"]["shape"][1] = args.classes

    content = onnx_path.read_bytes()
    asset = item["assets"]["model"]
    # Core STAC wants bands on an asset before it allows them on the item, where mlm wants them.
    asset["bands"] = [{"name": name} for name in names]
    asset["file:size"] = len(content)
    asset["file:checksum"] = "1220" + hashlib.sha256(content).hexdigest()  # multihash: SHA-256, 32 bytes
    # The item leaves its collection and the folder that its other links and this script are in.
    item["links"] = [link for link in item["links"] if link["href"].startswith("https:")]
    item.pop("collection", None)
    item["assets"].pop("code", None)
    return item


def main():
    args = arguments()
    item = read_template()
    model = build(item["properties"]["swath:encoder"], args)
    args.out.mkdir(parents=True, exist_ok=True)
    # Both files appear whole, the item last: an item without its model would be a lie.
    with tempfile.TemporaryDirectory(dir=args.out) as unfinished:
        onnx_path, item_path = Path(unfinished, "model.onnx"), Path(unfinished, "item.json")
        export(model, args.bands, onnx_path)
        item = describe(item, model, args, onnx_path)
        item_path.write_text(json.dumps(item, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        os.replace(onnx_path, args.out / "model.onnx")
        os.replace(item_path, args.out / "item.json")
    print(f"{args.out / 'item.json'}: {item['properties']['mlm:total_parameters']:,} parameters")


if __name__ == "__main__":
    main()
