"""Gradients of exported networks against PyTorch's own, in float64 and in float32.

  gradients.py [NAME ...] [--size 64] [--batch 2] [--forms train folded dynamo] [--modes train frozen] [--data noise] [--only-float64] [--quick]
               [--markdown FILE]
               [--gradients "target/release/swath gradients"] [--run-graph target/release/examples/run_graph]

Each network is built and exported by zoo.py, one at a time, and its files deleted; NAME@SIZE gives it images of its own size. For every export and either kind of BatchNorm statistics,
`swath gradients` writes the forward-and-backward graph, and logits, loss, every parameter's gradient and every updated running statistic are
compared with PyTorch's. The error of a tensor is the norm of the difference over the norm of what is expected. A gradient of
norm below 1e-6 of the largest may be off by 1e-2 of that bound: the bias that a later normalisation takes out again has a gradient of zero, and
what float32 finds is rounding.

What is expected: for the training form, the gradients of the PyTorch network itself. Exports with folded BatchNorm have other parameters; there
PyTorch's autograd goes through the operators of the file (float64.py), and as far as their values tell which parameter of the network is which,
its gradients are compared through the chain rule too: W' = s W and b' = beta - s mean with s = gamma / sqrt(var + eps), so
dL/dW' = (dL/dW) / s and dL/db' = dL/dbeta.

Images and classes are noise, pixel by pixel (noise), or fields of one colour and class each (scenes). --quick leaves out `noise` and `sides`.

Columns, each the largest error of any tensor; float32 is looked at for the training form alone:
  f64          the plain graph run in float64, against PyTorch in float64: whether the graph is right
  plain, swath the two lowerings in float32, against PyTorch in float64
  torch        PyTorch in float32, against PyTorch in float64: what float32 can give
  p-t, s-t     the two lowerings against PyTorch, both in float32
  p-s          the two lowerings against each other
  noise        where either is beyond 1e-3, frozen 1e-4: PyTorch in float64 against itself with image and parameters off by at most one rounding of float32
  sides        where plain is as far: plain against the plain graph in float64 with every Relu, clip and pool decided as float32 decided it; and
               how many elements float32 decides otherwise than float64. s-sides: the same of swath
  stored       where either is as far: the plain graph with exact operators whose outcomes are rounded to float32, judged as sides are
  chain        the plain graph in float64 against the network's gradients by the chain rule; weights were folded in float32

Exit code 1 when f64 is beyond 1e-6, chain beyond 1e-3, or a lowering is beyond 1e-3 and further from the truth than twice PyTorch.
"""
import argparse, copy, os, subprocess, sys, tempfile
import numpy as np, onnx, onnxruntime, torch
from safetensors.numpy import load_file, save_file
import float64, zoo

NETWORKS = """Unet-resnet18 Unet-resnet50 Unet-resnext50_32x4d Unet-mobilenet_v2 Unet-efficientnet-b0 Unet-mit_b0 Unet-densenet121 Unet-vgg11_bn
Unet-timm-mobilenetv3_small_100 Unet-tu-mobilenetv3_large_100 Unet-tu-convnext_atto Unet-timm-regnetx_002 Unet-timm-regnety_002 Unet-dpn68
UnetPlusPlus-resnet18 UnetPlusPlus-mobilenet_v2 FPN-resnet18 FPN-mobilenet_v2 FPN-tu-mobilenetv3_small_100 DeepLabV3-resnet18 DeepLabV3Plus-resnet18
DeepLabV3Plus-mobilenet_v2 DeepLabV3Plus-efficientnet-b0 Linknet-resnet18 Linknet-efficientnet-b0 PSPNet-resnet18 PSPNet-mobilenet_v2 MAnet-resnet18
MAnet-mobilenet_v2 PAN-resnet18@128 UPerNet-resnet18@192 UPerNet-tu-convnext_atto@192 UPerNet-mit_b0@192 Segformer-resnet18 Segformer-mit_b0""".split()

p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
p.add_argument("names", nargs="*"); p.add_argument("--size", type=int, default=64); p.add_argument("--batch", type=int, default=2)
p.add_argument("--forms", nargs="+", default=zoo.FORMS); p.add_argument("--modes", nargs="+", default=["train", "frozen"])
p.add_argument("--gradients", default="target/release/swath gradients"); p.add_argument("--run-graph", default="target/release/examples/run_graph")
p.add_argument("--only-float64", action="store_true"); p.add_argument("--verbose", action="store_true"); p.add_argument("--markdown")
p.add_argument("--threads", type=int, default=2); p.add_argument("--data", choices=["noise", "scenes"], default="noise"); p.add_argument("--quick", action="store_true")
a = p.parse_args()
DTYPES = (torch.float64, torch.float32)
COLUMNS = ("f64", "plain", "swath", "torch", "p-t", "s-t", "p-s", "noise", "sides", "s-sides", "stored", "chain")


def norm(value): return float(np.linalg.norm(np.asarray(value, np.float64)))


def errors(found, expected):
    """Error of every tensor of `expected`, by name."""
    largest = max((norm(v) for k, v in expected.items() if k.startswith("grad/")), default=0.0)
    out = {}
    for name, value in expected.items():
        floor = 1e-6 * largest if name.startswith("grad/") else 1e-30
        size = norm(value)
        out[name] = norm(np.float64(found[name]) - np.float64(value)) / max(size, floor) * (0.1 if size < floor else 1.0)
    return out


def worst(found, expected, label=""):
    all_errors = errors(found, expected)
    name = max(all_errors, key=lambda k: all_errors[k] if all_errors[k] == all_errors[k] else np.inf)
    if a.verbose: print(f"    {label:6} {all_errors[name]:.1e} {name}; " + ", ".join(f"{k} {v:.1e}" for k, v in sorted(all_errors.items(), key=lambda e: -e[1])[1:6]))
    return all_errors[name]


def plain(graph, x, y):
    options = onnxruntime.SessionOptions(); options.intra_op_num_threads = a.threads; options.log_severity_level = 3
    session = onnxruntime.InferenceSession(graph.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return dict(zip([o.name for o in session.get_outputs()], session.run(None, {"x": x, "target": y})))


def own(graph, x, y, folder):
    save_file({"x": x, "target": y}, f"{folder}/batch.safetensors")
    subprocess.run([a.run_graph, graph, f"{folder}/batch.safetensors", f"{folder}/out.safetensors", str(a.threads)], check=True)
    return load_file(f"{folder}/out.safetensors")


def watched(graph, names, shapes=None):
    """The graph with further outputs."""
    copied = onnx.ModelProto(); copied.CopyFrom(graph)
    for n in names:
        copied.graph.output.append(onnx.helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, shapes[n]) if shapes else onnx.ValueInfoProto(name=n))
    return copied


def decisions(graph):
    """Values of the plain graph that say which way a Relu, a clip or a pool went, each with the node that makes it."""
    return {n.output[1] if n.op_type == "MaxPool" else n.output[0]: n for n in graph.graph.node if n.op_type in ("MaxPool", "Greater", "Less", "Equal")}


def as_decided(graph, decided, single, x, y, label):
    """The error of float32 gradients against the plain graph in float64 with these decisions; how many elements float64 itself decides otherwise."""
    free = float64.run(watched(graph, decided), {"x": x, "target": y})
    other = sum(int((decided[n] != free[n].numpy()).sum()) for n in decided)
    truth = {k: v.numpy() for k, v in float64.run(graph, {"x": x, "target": y}, decided=decided).items()}
    return worst(single, truth, label), other


def stored(graph, x, y):
    """The error of exact operators whose outcomes are rounded to float32, decisions apart."""
    names = decisions(graph)
    rounded = {k: v.numpy() for k, v in float64.run(watched(graph, names), {"x": x, "target": y}, stored=True).items()}
    return as_decided(graph, {n: rounded.pop(n) for n in names}, rounded, x, y, "stored")[0]


def plain_sides(graph, x, y):
    names = decisions(graph)
    single = plain(watched(graph, names), x, y)
    return as_decided(graph, {n: single.pop(n) for n in names}, single, x, y, "sides")


def counterpart_values(graph, swath, nodes):
    """Under which name the swath graph has what each decision was read off: its own, or the output of the fused BatchNorm with the same scale."""
    there = {o for n in swath.graph.node for o in n.output}
    makers = {o: n for n in graph.graph.node for o in n.output}
    fused = {n.input[1]: n.output[0] for n in swath.graph.node if n.op_type == "BatchNorm" and any(x.name == "relu" and x.i for x in n.attribute)}
    found = {name: name for name in there}
    for name in {node.input[0] for node in nodes} - there:
        scale, near = None, [name]
        while near and scale is None:
            before = [i for n in near if n in makers for i in makers[n].input]
            scale, near = next((i for i in before if i in fused), None), before
        if scale: found[name] = fused[scale]
    return found


def own_sides(graph, swath_path, x, y, folder):
    """As far as the decisions can be read off values that both lowerings have."""
    swath = onnx.load(swath_path)
    bounds = {t.name: onnx.numpy_helper.to_array(t) for t in graph.graph.initializer}
    nodes = {n: node for n, node in decisions(graph).items() if node.op_type == "MaxPool" or node.op_type != "Equal" and node.input[1] in bounds}
    names = counterpart_values(graph, swath, nodes.values())
    nodes = {n: node for n, node in nodes.items() if node.input[0] in names}
    values = sorted({node.input[0] for node in nodes.values()})
    expected = plain(watched(graph, values), x, y)
    shapes = {names[n]: expected[n].shape for n in values}
    onnx.save(watched(swath, [v for v in shapes if v not in {o.name for o in swath.graph.output}], shapes), f"{folder}/watched.onnx")
    single = own(f"{folder}/watched.onnx", x, y, folder)
    for n in values:
        assert single[names[n]].shape == expected[n].shape and norm(single[names[n]] - expected[n]) <= 1e-2 * norm(expected[n]), f"{names[n]} is not {n}"
    sides = {"Greater": lambda n, v: v > bounds[n.input[1]], "Less": lambda n, v: v < bounds[n.input[1]],
             "MaxPool": lambda n, v: float64.OPERATORS["MaxPool"](float64.attributes(n), torch.from_numpy(v))[1].numpy()}
    decided = {n: sides[node.op_type](node, single[names[node.input[0]]]) for n, node in nodes.items()}
    return as_decided(graph, decided, single, x, y, "s-sides")


def through_the_file(path, x, y, names, dtype, batch_statistics):
    """PyTorch's autograd over the operators of an export."""
    values = float64.run(onnx.load(path), {"x": x}, dtype, leaves=names, batch_statistics=batch_statistics)
    loss = torch.nn.functional.cross_entropy(values["logits"], torch.as_tensor(y), ignore_index=255)
    loss.backward()
    gradients = {f"grad/{n}": (values[n].grad if values[n].grad is not None else torch.zeros_like(values[n])).numpy() for n in names if n in values}
    return {"logits": values["logits"].detach().numpy(), "loss": np.asarray(loss.item())} | gradients


def folded_gradients(ref, path):
    """(value, gradient) of what the parameters of a folded export can be, from the training form and PyTorch's float64 gradients."""
    graph = onnx.load(path).graph
    values = {t.name: np.float64(onnx.numpy_helper.to_array(t)) for t in graph.initializer}
    for node in graph.node:
        if node.op_type == "Identity" and node.input[0] in values: values[node.output[0]] = values[node.input[0]]
    readers = {}
    for node in graph.node:
        for name in node.input: readers.setdefault(name, []).append(node)
    found = [(n, values[n], ref[f"grad/{n}"]) for n in (k[5:] for k in ref if k.startswith("grad/")) if n in values]
    for conv in graph.node:
        after = readers.get(conv.output[0], [])
        if conv.op_type not in ("Conv", "ConvTranspose") or len(after) != 1 or after[0].op_type != "BatchNormalization": continue
        w, (gamma, beta, mean, var) = conv.input[1], after[0].input[1:5]
        scale = values[gamma] / np.sqrt(values[var] + next(x.f for x in after[0].attribute if x.name == "epsilon"))
        bias = values[conv.input[2]] if len(conv.input) > 2 else 0.0
        across = scale.reshape([-1] + [1] * (values[w].ndim - 1) if conv.op_type == "Conv" else [1, -1, 1, 1])
        found.append((w, values[w] * across, ref[f"grad/{w}"] / across))
        found.append((beta, values[beta] + (bias - values[mean]) * scale, ref[f"grad/{beta}"]))
    return found


def counterparts(name, value, candidates):
    """Gradients of the candidates with this value, up to axes of length one and transposition; only those of this name where there are any."""
    for turned in (lambda v: v, np.transpose):
        same = [(n, turned(v), turned(g)) for n, v, g in candidates if turned(v).squeeze().shape == value.squeeze().shape]
        close = [(n, g.reshape(value.shape)) for n, v, g in same if norm(v.reshape(value.shape) - value) <= 1e-5 * max(norm(value), 1e-30)]
        if close: return [g for n, g in close if n == name] or [g for _, g in close]
    return []


def together(graph, found, truth):
    """What was found, with the gradients of parameters that an exporter had merged and swath parted again added up; how many were parted."""
    values = {t.name: onnx.numpy_helper.to_array(t) for t in graph.graph.initializer}
    parted = [k for k in found if k.startswith("grad/") and k not in truth and k[5:] in values]
    out = dict(found)
    for key in (k for k in truth if k.startswith("grad/") and k[5:] in values):
        copies = [k for k in parted if np.array_equal(values[k[5:]], values[key[5:]])]
        out[key] = sum((found[k] for k in copies), start=found[key])
    return out, len(parted)


def chain(graph, found, ref, train_path):
    """Largest error against the network's own gradients by the chain rule, and how many parameters have a counterpart."""
    candidates = folded_gradients(ref, train_path)
    values = {t.name: np.float64(onnx.numpy_helper.to_array(t)) for t in graph.graph.initializer}
    for node in graph.graph.node:
        if node.op_type == "Identity" and node.input[0] in values: values[node.output[0]] = values[node.input[0]]
    expected = {}
    for key in (k for k in found if k.startswith("grad/")):
        possible = counterparts(key[5:], values[key[5:]], candidates) if key[5:] in values else []
        if possible: expected[key] = min(possible, key=lambda g: norm(found[key] - g))
    return (worst(found, expected, "chain") if expected else float("nan")), len(expected)


def compare(name, form, mode, model, x, y, folder):
    """The row of one export and mode; None where there is nothing new to compare."""
    path, graph, swath = (f"{folder}/{n}.onnx" for n in (form, "plain", "swath"))
    kept = any(n.op_type == "BatchNormalization" for n in onnx.load(path, load_external_data=False).graph.node)
    if mode == "train" and form != "train" and not kept: return None
    command = [*a.gradients.split(), path, "--ignore", "255", "--batchnorm", mode, "--batch", str(len(x)), "--size", f"{x.shape[2]}x{x.shape[3]}"]
    made = subprocess.run([*command, "--plain", "-o", graph], capture_output=True, text=True)
    if made.returncode: return made.stderr.strip() or made.stdout.strip()
    loaded, row = onnx.load(graph), dict.fromkeys(COLUMNS, float("nan"))
    ours = {k: v.numpy() for k, v in float64.run(loaded, {"x": x, "target": y}).items()}
    gradients = [k[5:] for k in ours if k.startswith("grad/")]
    if form == "train":
        key = "train" if mode == "train" else "eval"
        truth, single = (zoo.reference(model, torch.as_tensor(x), torch.as_tensor(y), key, dtype) for dtype in DTYPES)
        lost = sorted(k for k in truth if k not in ours) + sorted(f"extra grad/{n}" for n in gradients if f"grad/{n}" not in truth)
        if lost: return f"without counterpart: {lost[:6]} ({len(lost)})"
    else:
        truth, single = (through_the_file(path, x, y, gradients, dtype, mode == "train") for dtype in DTYPES)
        if mode == "frozen" and os.path.exists(f"{folder}/train.onnx"):
            network = zoo.reference(model, torch.as_tensor(x), torch.as_tensor(y), "eval", torch.float64)
            row["chain"], row["chained"] = chain(loaded, ours, network, f"{folder}/train.onnx")
            row["chain"] = max(row["chain"], worst(ours, {k: network[k] for k in ("loss", "logits")}))
        ours, row["parted"] = together(loaded, ours, truth)
    row["count"] = len(gradients)
    row["f64"] = worst(ours, truth, "f64")
    if a.only_float64 or form != "train": return row
    subprocess.run([*command, "-o", swath], check=True)
    with_plain, with_own = plain(loaded, x, y), own(swath, x, y, folder)
    row["plain"], row["swath"], row["torch"] = (worst(v, truth, k) for k, v in (("plain", with_plain), ("swath", with_own), ("torch", single)))
    row["p-t"], row["s-t"] = worst(with_plain, single, "p-t"), worst(with_own, single, "s-t")
    row["p-s"] = worst(with_own, with_plain, "p-s")
    if a.quick: return row
    far = 1e-3 if mode == "train" else 1e-4
    if max(row["plain"], row["swath"]) > far: row["noise"] = worst(rounded(model, x, y, key), truth, "noise")
    if row["plain"] > far: row["sides"], row["other sides"] = plain_sides(loaded, x, y)
    if max(row["plain"], row["swath"]) > far: row["stored"] = stored(loaded, x, y)
    if row["swath"] > far: row["s-sides"], row["other sides of swath"] = own_sides(loaded, swath, x, y, folder)
    return row


def rounded(model, x, y, mode):
    """PyTorch's float64 gradients where image and parameters are off by at most one rounding of float32."""
    draw = torch.Generator().manual_seed(1)
    off = lambda v: v.double() * (1 + 2.0**-24 * (2 * torch.rand(v.shape, generator=draw, dtype=torch.float64) - 1))
    moved = copy.deepcopy(model).double()
    with torch.no_grad():
        for parameter in moved.parameters(): parameter.copy_(off(parameter))
    return zoo.reference(moved, off(torch.as_tensor(x)), torch.as_tensor(y), mode, torch.float64)


def good(row):
    if isinstance(row, str) or not row["f64"] <= 1e-6 or row["chain"] > 1e-3: return False
    return row["plain"] != row["plain"] or all(row[k] <= 1e-3 or row[k] <= 2 * row["torch"] for k in ("plain", "swath"))


def line(name, form, mode, row):
    if isinstance(row, str): return f"{name} {form} {mode}: {row}"
    cells = " ".join(f"{k} {row[k]:.1e}" for k in COLUMNS if row[k] == row[k])
    notes = "".join(f", {row[k]} {k}" for k in ("chained", "parted", "other sides", "other sides of swath") if row.get(k))
    return f"{name} {form} {mode}: {cells} ({row['count']} gradients{notes})" + ("" if good(row) else "  <-- FAILS")


def judged(name, size, folder):
    """Prints a line for every export of one network; whether all are good."""
    model = zoo.network(name)
    x, y = (zoo.batch if a.data == "noise" else zoo.scenes)(name, a.batch, 3, size, 4)
    if not zoo.deterministic(model, x): raise ValueError("something random is left in it")
    passed = True
    for form in a.forms:
        problem = zoo.export(model, x, form, f"{folder}/{form}.onnx")
        if problem: print(f"{name} {form}: PyTorch cannot export it: {problem}", flush=True); continue
        for mode in a.modes:
            row = compare(name, form, mode, model, x.numpy(), y.numpy(), folder)
            if row is None: continue
            print(line(f"{name} {size} px", form, mode, row), flush=True); passed &= good(row)
            if a.markdown and not isinstance(row, str):
                with open(a.markdown, "a") as out: out.write(f"| {name} | {form} | {mode} | {a.batch} x {size} px | " + " | ".join(f"{row[k]:.1e}" if row[k] == row[k] else "" for k in COLUMNS) + " |\n")
    return passed


torch.set_num_threads(a.threads)
passed = True
for entry in a.names or NETWORKS:
    name, _, size = entry.partition("@")
    with tempfile.TemporaryDirectory() as folder:
        try: passed &= judged(name, int(size or a.size), folder)
        except Exception as error: print(f"{name}: {type(error).__name__}: {' '.join(str(error).split())[:200]}", flush=True); passed = False
sys.exit(0 if passed else 1)
