# /// script
# requires-python = ">=3.11"
# dependencies = ["albumentations==2.0.8", "numpy", "opencv-python-headless==5.0.0.93"]
# ///
"""What albumentations makes of one small sample where nothing is left to chance: p = 1 and ranges of one value.

Run from this folder: python augment_vectors.py > augment_vectors.json
The input is made by a formula that the test repeats. Arrays are written as flat lists, image [band, row, col], label [row, col].
Padded labels are written 255, which is what swath calls ground without a truth. OpenCV 5.0 is behind it: it interpolates at
exact positions, where earlier versions (and 5.0 for images of two bands) take the nearest 1/32 of a pixel.
"""
import json
import albumentations as A
import numpy as np

BANDS, ROWS, COLS = 3, 11, 14

def sample(kind):
    b, r, c = np.meshgrid(np.arange(BANDS), np.arange(ROWS), np.arange(COLS), indexing="ij")
    values = (r * 7 + c * 5 + b * 40 + (r * c) % 11 * 6) % 256
    image = values.transpose(1, 2, 0)
    image = image.astype("uint8") if kind == "uint8" else (image / 255.0).astype("float32")
    label = ((np.arange(ROWS)[:, None] // 6 + np.arange(COLS)[None] // 7) % 4).astype("uint8")
    return image, label

def still(**shape):
    """A warp that interpolates and ignores what lies outside."""
    return {"p": 1, "fill_mask": 255, **shape}

FIXED = [
    A.CenterCrop(8, 10), A.HorizontalFlip(p=1), A.VerticalFlip(p=1), A.Transpose(p=1),
    A.CenterCrop(13, 9, pad_if_needed=True, border_mode=2), A.CenterCrop(13, 9, pad_if_needed=True, fill=3, fill_mask=1),
    A.Resize(14, 19), A.Resize(7, 8), A.Resize(17, 21, interpolation=2), A.Resize(6, 7, interpolation=3),
    A.Resize(16, 9, interpolation=3), A.Resize(13, 9, interpolation=0), A.Resize(13, 17, interpolation=4),
    A.Resize(5, 9, area_for_downscale="image"),
    A.PadIfNeeded(13, 17, fill=0, fill_mask=255), A.PadIfNeeded(14, 17, border_mode=1, position="top_left"),
    A.PadIfNeeded(14, 17, border_mode=2, position="bottom_right"), A.PadIfNeeded(14, 17, border_mode=3),
    A.PadIfNeeded(None, None, pad_height_divisor=8, pad_width_divisor=8, border_mode=4),
    A.RandomResizedCrop((9, 8), scale=(1, 1), ratio=(14 / 11, 14 / 11)),
    A.Rotate(limit=(30, 30), **still()), A.Rotate(limit=(-75, -75), **still(border_mode=4)),
    A.Rotate(limit=(20, 20), **still(interpolation=0)), A.Rotate(limit=(25, 25), **still(crop_border=True)),
    A.Rotate(limit=(50, 50), **still(interpolation=2, border_mode=2)), A.Rotate(limit=(-35, -35), **still(interpolation=4)),
    A.ShiftScaleRotate(shift_limit=(0.1, 0.1), scale_limit=(0.2, 0.2), rotate_limit=(15, 15), **still()),
    A.Affine(scale=(0.8, 0.8), translate_px={"x": (3, 3), "y": (-2, -2)}, rotate=(10, 10), shear={"x": (5, 5), "y": (-8, -8)}, **still()),
    A.Affine(scale={"x": (1.2, 1.2), "y": (0.9, 0.9)}, rotate=(-40, -40), **still(fit_output=True)),
    A.Affine(translate_percent=(0.25, 0.25), rotate=(5, 5), **still(border_mode=3)),
    A.GridDistortion(num_steps=4, distort_limit=(0.2, 0.2), normalized=False, **still()),
    A.RandomBrightnessContrast(brightness_limit=(0.15, 0.15), contrast_limit=(-0.2, -0.2), p=1),
    A.RandomBrightnessContrast(brightness_limit=(0.1, 0.1), contrast_limit=(0.3, 0.3), brightness_by_max=False, p=1),
    A.RandomBrightnessContrast(brightness_limit=(0.2, 0.2), contrast_limit=(0.4, 0.4), ensure_safe_range=True, p=1),
    A.RandomGamma(gamma_limit=(140, 140), p=1), A.MultiplicativeNoise(multiplier=(1.2, 1.2), p=1),
    A.GaussianBlur(blur_limit=(5, 5), sigma_limit=(1.2, 1.2), p=1), A.GaussianBlur(blur_limit=0, sigma_limit=(0.8, 0.8), p=1),
    A.Downscale(scale_range=(0.5, 0.5), p=1), A.Downscale(scale_range=(0.4, 0.4), interpolation_pair={"downscale": 3, "upscale": 1}, p=1),
    A.CoarseDropout(num_holes_range=(1, 1), hole_height_range=(11, 11), hole_width_range=(14, 14), fill=7, p=1),
    A.HistogramMatching(blend_ratio=(0.7, 0.7), p=1), A.FDA(beta_limit=(0.3, 0.3), p=1),
]

def written(transform):
    """As `A.to_dict` writes it; the transforms that need other images cannot be saved, but their parameters are known."""
    if isinstance(transform, A.HistogramMatching):
        return {"__class_fullname__": "HistogramMatching", "p": 1.0, "blend_ratio": transform.blend_ratio}
    if isinstance(transform, A.FDA):
        return {"__class_fullname__": "FDA", "p": 1.0, "beta_limit": transform.beta_limit}
    return transform.to_dict()["transform"]

def main():
    cases = []
    for transform in FIXED:
        for kind in ("uint8", "float32"):
            if isinstance(transform, A.HistogramMatching) and kind == "float32":
                continue  # goes through 256 levels, whatever the values are
            image, label = sample(kind)
            other = image[::-1]
            other = other // 2 if kind == "uint8" else (np.floor(np.round(other * 255) / 2) / 255).astype("float32")
            out = A.Compose([transform])(image=image, mask=label, hm_metadata=[other], fda_metadata=[other])
            flat = np.ascontiguousarray(out["image"].transpose(2, 0, 1))
            values = flat.ravel().tolist() if kind == "uint8" else [round(float(v), 5) for v in flat.ravel()]
            cases.append({"transform": written(transform), "dtype": kind, "shape": list(flat.shape),
                          "image": values, "label": out["mask"].ravel().tolist()})
    print(json.dumps({"albumentations": A.__version__, "cases": cases}, separators=(",", ":")))

main()
