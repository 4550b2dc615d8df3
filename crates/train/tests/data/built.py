"""Writes built.json, which tests/built.rs reads: a few logits of smp's Unet over every encoder that swath builds.

    python built.py       (torch 2.11, segmentation-models-pytorch 0.6.0)

Weights and image follow from their names by a formula that the test repeats, so that nothing large has to be kept.
"""
import json, pathlib, warnings
import numpy as np, segmentation_models_pytorch as smp, torch
warnings.filterwarnings("ignore")
ENCODERS = {"resnet18": "resnet18", "resnet34": "resnet34", "resnet50": "resnet50", "mobilenet_v2": "mobilenet_v2",
            "efficientnet_b0": "timm-efficientnet-b0", "tf_efficientnet_b0": "efficientnet-b0"}
BANDS, CLASSES, SIDE, KEPT = 5, 3, 64, 16


def numbers(name, count):
    """Numbers from -1 to 1, multiples of 2^-23: FNV-1a of the name, then SplitMix64 of the index."""
    seed = 0xCBF29CE484222325
    for byte in name.encode():
        seed = (seed ^ byte) * 0x100000001B3 % (1 << 64)
    with np.errstate(over="ignore"):
        z = np.uint64(seed) + (np.arange(count, dtype=np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(40)).astype(np.float64) / (1 << 23) - 1


def weights(name, dims):
    drawn = numbers(name, int(np.prod(dims)))
    if name.endswith("running_var"): drawn = 1 + 0.5 * drawn
    elif name.endswith(("running_mean", "bias")): drawn = 0.1 * drawn
    elif len(dims) == 1: drawn = 0.75 + 0.25 * drawn
    else: drawn = drawn * np.sqrt(3 / np.prod(dims[1:]))
    return torch.tensor(drawn.astype(np.float32).reshape(dims))


def main():
    x = torch.tensor(numbers("x", BANDS * SIDE * SIDE).astype(np.float32).reshape(1, BANDS, SIDE, SIDE))
    cases = []
    for encoder, name in ENCODERS.items():
        model = smp.Unet(name, encoder_weights=None, in_channels=BANDS, classes=CLASSES).eval()
        state = model.state_dict()
        model.load_state_dict({k: v if v.dtype == torch.int64 else weights(k, tuple(v.shape)) for k, v in state.items()})
        with torch.no_grad():
            logits = model(x).double().numpy().ravel()
        places = [index * (len(logits) - 1) // (KEPT - 1) for index in range(KEPT)]
        cases.append({"encoder": encoder, "largest": float(np.abs(logits).max()), "places": places, "logits": [float(logits[p]) for p in places]})
    path = pathlib.Path(__file__).with_name("built.json")
    path.write_text(json.dumps({"bands": BANDS, "classes": CLASSES, "side": SIDE, "cases": cases}, indent=1) + "\n")


if __name__ == "__main__":
    main()
