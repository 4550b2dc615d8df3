"""Gradients of exported networks against PyTorch's own.

  gradients.py ZOO_DIR [--swath BIN] [--models NAME ...] [--lowering plain] [--tolerance 1e-3]

ZOO_DIR holds what export_zoo.py writes: NAME.{train,folded,dynamo}.onnx and NAME.ref.npz. For every export and both BatchNorm
modes, `swath gradients` writes the forward-and-backward graph, ONNX Runtime runs it, and loss, logits, every parameter's gradient and
every updated running statistic are compared: norm of the difference over norm of PyTorch's. A parameter whose gradient norm is below 1e-6 of
the largest may be off by 1e-2 of that bound: a bias that a later normalisation takes out again has a gradient of zero, and what either side
finds is rounding. Exports with folded BatchNorm are compared through the chain rule: W' = s W and b' = beta - s mean
with s = gamma / sqrt(var + eps), so dL/dW' = (dL/dW) / s and dL/db' = dL/dbeta.

One line per export and mode; exit code 1 when any of them is beyond the tolerance.
"""
import argparse, glob, os, subprocess, sys, tempfile
import numpy as np, onnx, onnxruntime as ort
from onnx import numpy_helper

p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
p.add_argument("zoo"); p.add_argument("--swath", default="target/release/swath"); p.add_argument("--models", nargs="*")
p.add_argument("--tolerance", type=float, default=1e-3); p.add_argument("--verbose", action="store_true")
a = p.parse_args()


def relative(found, expected, floor=1e-30):
    return float(np.linalg.norm(np.float64(found) - expected) / max(np.linalg.norm(np.float64(expected)), floor))


def tensors(path):
    graph = onnx.load(path).graph
    values = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant":
            values.update({node.output[0]: numpy_helper.to_array(x.t) for x in node.attribute if x.name == "value"})
    for node in graph.node:
        if node.op_type == "Identity" and node.input[0] in values:
            values[node.output[0]] = values[node.input[0]]
    return graph, values


def folded_gradients(ref, train_path):
    """Candidates (name, value, gradient) for the parameters of a folded export."""
    graph, values = tensors(train_path)
    readers = {}
    for node in graph.node:
        for name in node.input: readers.setdefault(name, []).append(node)
    names = [k.split("/", 2)[2] for k in ref if k.startswith("grad/eval/")]
    candidates = [(n, values[n], ref[f"grad/eval/{n}"]) for n in names if n in values]
    for conv in graph.node:
        after = readers.get(conv.output[0], [])
        if conv.op_type not in ("Conv", "ConvTranspose") or len(after) != 1 or after[0].op_type != "BatchNormalization": continue
        w, (gamma, beta, mean, var) = conv.input[1], after[0].input[1:5]
        eps = next(x.f for x in after[0].attribute if x.name == "epsilon")
        scale = values[gamma] / np.sqrt(values[var] + eps)
        bias = values[conv.input[2]] if len(conv.input) > 2 else 0.0
        shape = [-1] + [1] * (values[w].ndim - 1) if conv.op_type == "Conv" else [1, -1, 1, 1]
        candidates.append((w, values[w] * scale.reshape(shape), ref[f"grad/eval/{w}"] / scale.reshape(shape)))
        candidates.append((beta, values[beta] + (bias - values[mean]) * scale, ref[f"grad/eval/{beta}"]))
    return candidates


def counterpart(name, value, candidates):
    """The gradient of the candidate with this value, up to axes of length one and transposition; among several, of the one with this name.

    Several candidates under other names are all returned: their values do not tell them apart."""
    for turned in (lambda v: v, np.transpose):
        same = [(n, turned(v), turned(g)) for n, v, g in candidates if turned(v).squeeze().shape == value.squeeze().shape]
        close = [(n != name, relative(v.reshape(value.shape), value), g.reshape(value.shape)) for n, v, g in same]
        close = [c for c in close if c[1] <= 1e-3]
        nearest = min(close, key=lambda c: c[:2], default=None)
        if nearest: return [c[2] for c in close if c[:2] == nearest[:2]]
    return []


def compare(name, form, mode, ref, folder):
    path, out = f"{a.zoo}/{name}.{form}.onnx", f"{folder}/gradients.onnx"
    x, y = ref["x"], ref["y"]
    command = [*a.swath.split(), "gradients", path, "--loss", "cross-entropy", "--ignore", "255", "--batchnorm", mode, "--plain",
               "--batch", str(len(x)), "--size", f"{x.shape[2]}x{x.shape[3]}", "-o", out]
    run = subprocess.run([c for c in command if c], capture_output=True, text=True)
    if run.returncode: return f"{name} {form} {mode}: {run.stderr.strip().splitlines()[-1] if run.stderr.strip() else run.stdout}", False
    session = ort.InferenceSession(out, providers=["CPUExecutionProvider"])
    names = [o.name for o in session.get_outputs()]
    got = dict(zip(names, session.run(None, {"x": x, "target": y})))
    _, values = tensors(out)
    if form != "train" and mode == "train" and any(n.startswith("stat/") for n in names):
        return f"{name} {form} {mode}: keeps some BatchNormalization, so PyTorch has no counterpart", True
    key = "train" if mode == "train" and form == "train" else "eval"
    errors = {"loss": relative(got["loss"], ref[f"loss/{key}"]), "logits": relative(got["logits"], ref[f"logits/{key}"])}
    if not os.path.exists(f"{a.zoo}/{name}.train.onnx"):
        good = max(errors.values()) <= a.tolerance
        return f"{name} {form} {mode}: loss {errors['loss']:.1e}, logits {errors['logits']:.1e}; gradients run, no {name}.train.onnx to compare them through" + ("" if good else "  <-- FAILS"), good
    reference = {n: g for n, g in ((k.split("/", 2)[2], v) for k, v in ref.items() if k.startswith(f"grad/{key}/"))}
    gradients = {n[5:]: v for n, v in got.items() if n.startswith("grad/")}
    lost = set(reference) - set(gradients) if form == "train" else set()
    largest = max(np.linalg.norm(v) for v in reference.values())
    candidates = None if form == "train" else folded_gradients(ref, f"{a.zoo}/{name}.train.onnx")
    for n, g in gradients.items():
        if form == "train": expected = [reference[n]] if n in reference else []
        else: expected = counterpart(n, values[n], candidates)
        if not expected: lost.add(n); continue
        expected = min(expected, key=lambda e: relative(g, e, 1e-6 * largest))
        loose = 0.1 if np.linalg.norm(expected) < 1e-6 * largest else 1.0
        errors[f"grad/{n}"] = relative(g, expected, 1e-6 * largest) * loose
    if key == "train":
        for k, v in ref.items():
            if k.startswith("stat/"):
                if k in got: errors[k] = relative(got[k], v)
                elif f"{k[5:].rsplit('.', 1)[0]}.weight" in reference: lost.add(k)
    worst = max(errors, key=errors.get); good = errors[worst] <= a.tolerance and not lost
    if a.verbose:
        for k in sorted(errors, key=errors.get)[-8:]: print("   ", k, f"{errors[k]:.2e}")
    count = sum(k.startswith("grad/") for k in errors), sum(k.startswith("stat/") for k in errors)
    line = f"{name} {form} {mode}: loss {errors['loss']:.1e}, logits {errors['logits']:.1e}, {count[0]} gradients, {count[1]} statistics, worst {worst} {errors[worst]:.1e}"
    return line + (f"; WITHOUT COUNTERPART {sorted(lost)[:5]} ({len(lost)})" if lost else "") + ("" if good else "  <-- FAILS"), good


names = a.models or sorted(os.path.basename(f)[:-8] for f in glob.glob(f"{a.zoo}/*.ref.npz"))
passed = True
with tempfile.TemporaryDirectory() as folder:
    for name in names:
        ref = dict(np.load(f"{a.zoo}/{name}.ref.npz"))
        for form in ("train", "folded", "dynamo"):
            if not os.path.exists(f"{a.zoo}/{name}.{form}.onnx"): continue
            for mode in ("train", "frozen"):
                line, good = compare(name, form, mode, ref, folder)
                print(line, flush=True); passed &= good
sys.exit(0 if passed else 1)
