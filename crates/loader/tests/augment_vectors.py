# /// script
# requires-python = ">=3.11"
# dependencies = ["albumentations==2.0.8", "numpy"]
# ///
"""What albumentations makes of one small sample where nothing is left to chance: p = 1 and ranges of one value.

Run from this folder: python augment_vectors.py > augment_vectors.json
The input is made by a formula that the test repeats. Arrays are written as flat lists, image [band, row, col], label [row, col].
Padded labels are written 255, which is what swath calls ground without a truth.
"""
import json
import albumentations as A
import numpy as np

BANDS, ROWS, COLS = 2, 16, 20

def sample(kind):
    b, r, c = np.meshgrid(np.arange(BANDS), np.arange(ROWS), np.arange(COLS), indexing="ij")
    values = (r * 7 + c * 5 + b * 40 + (r * c) % 11 * 6) % 256
    image = values.transpose(1, 2, 0)
    image = image.astype("uint8") if kind == "uint8" else (image / 255.0).astype("float32")
    label = ((np.arange(ROWS)[:, None] // 6 + np.arange(COLS)[None] // 7) % 4).astype("uint8")
    return image, label

FIXED = [
    A.CenterCrop(11, 14), A.HorizontalFlip(p=1), A.VerticalFlip(p=1), A.Transpose(p=1), A.Resize(21, 27), A.Resize(9, 11),
    A.Resize(24, 30, interpolation=2), A.Resize(8, 10, interpolation=3), A.Resize(19, 13, interpolation=0),
    A.PadIfNeeded(19, 24, fill=0, fill_mask=255),
    A.RandomResizedCrop((12, 12), scale=(1, 1), ratio=(1.25, 1.25)),
    A.Rotate(limit=(30, 30), p=1, fill_mask=255), A.Rotate(limit=(-75, -75), p=1, border_mode=4, fill_mask=255),
    A.Rotate(limit=(20, 20), p=1, interpolation=0, fill_mask=255),
    A.ShiftScaleRotate(shift_limit=(0.1, 0.1), scale_limit=(0.2, 0.2), rotate_limit=(15, 15), p=1, fill_mask=255),
    A.Affine(scale=(0.8, 0.8), translate_px={"x": (3, 3), "y": (-2, -2)}, rotate=(10, 10), shear={"x": (5, 5), "y": (-8, -8)}, p=1, fill_mask=255),
    A.GridDistortion(num_steps=4, distort_limit=(0.2, 0.2), p=1, fill_mask=255),
    A.RandomBrightnessContrast(brightness_limit=(0.15, 0.15), contrast_limit=(-0.2, -0.2), p=1),
    A.RandomBrightnessContrast(brightness_limit=(0.1, 0.1), contrast_limit=(0.3, 0.3), brightness_by_max=False, p=1),
    A.RandomGamma(gamma_limit=(140, 140), p=1), A.MultiplicativeNoise(multiplier=(1.2, 1.2), p=1),
    A.GaussianBlur(blur_limit=(5, 5), sigma_limit=(1.2, 1.2), p=1), A.GaussianBlur(blur_limit=0, sigma_limit=(0.8, 0.8), p=1),
    A.Downscale(scale_range=(0.5, 0.5), p=1), A.Downscale(scale_range=(0.4, 0.4), interpolation_pair={"downscale": 3, "upscale": 1}, p=1),
    A.CoarseDropout(num_holes_range=(1, 1), hole_height_range=(16, 16), hole_width_range=(20, 20), fill=7, p=1),
]

def main():
    cases = []
    for transform in FIXED:
        for kind in ("uint8", "float32"):
            image, label = sample(kind)
            out = A.Compose([transform])(image=image, mask=label)
            flat = np.ascontiguousarray(out["image"].transpose(2, 0, 1))
            values = flat.ravel().tolist() if kind == "uint8" else [round(float(v), 5) for v in flat.ravel()]
            cases.append({"transform": transform.to_dict()["transform"], "dtype": kind, "shape": list(flat.shape),
                          "image": values, "label": out["mask"].ravel().tolist()})
    print(json.dumps({"albumentations": A.__version__, "cases": cases}, separators=(",", ":")))

main()
