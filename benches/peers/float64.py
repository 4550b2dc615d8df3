"""ONNX graphs in float64: an interpreter that hands every operator to PyTorch in double precision.

`run(model, inputs)` evaluates the standard operators that exporters and `swath gradients --plain` write, each by its own definition and
without ONNX Runtime, so that what a graph computes is told apart from what float32 makes of it. With `leaves` it also differentiates, by
PyTorch's own autograd. Single numbers that a graph stores as float32 (epsilons, slopes, shares) are read as the reciprocal or the short
decimal that they were rounded from, so that 1e-5 is 1e-5 and a ninth is 1 / 9; weights are taken as they are.
"""
from fractions import Fraction
import numpy as np, onnx, torch
import torch.nn.functional as F
from onnx import numpy_helper

OPERATORS = {}


def operator(*names):
    def register(function):
        OPERATORS.update({name: function for name in names})
        return function
    return register


def decimal(value):
    """The number that this float32 was rounded from: a reciprocal of a whole number, a short decimal, or else itself."""
    single, exact = np.float32(value), float(np.float32(value))
    if exact and np.isfinite(exact):
        count = round(1 / exact)
        if count and np.float32(1 / count) == single: return 1 / count
        if len(str(single).replace("-", "").replace(".", "").lstrip("0")) <= 6: return float(str(single))
    return exact


def fraction(value):
    """The fraction with a denominator of an image's side at most that is within float32's rounding of coordinates, or else the number itself."""
    near = Fraction(float(value)).limit_denominator(1024)
    return float(near) if abs(float(near) - value) < 2e-6 else float(value)


def tensor(proto, dtype=torch.float64):
    array = numpy_helper.to_array(proto)
    if array.dtype != np.float32: return torch.from_numpy(array.copy())
    if proto.name.startswith("plain/") and array.ndim == 2:  # the matrix of a resized axis
        each = {value: fraction(value) for value in np.unique(array)}
        return torch.tensor([[each[value] for value in row] for row in array], dtype=dtype)
    if array.size == 1 and array.ndim < 2: return torch.full(array.shape, decimal(array.reshape(())), dtype=dtype)
    return torch.from_numpy(array.copy()).to(dtype)


def attributes(node):
    found = {}
    for a in node.attribute:
        value = onnx.helper.get_attribute_value(a)
        if isinstance(value, bytes): value = value.decode()
        if isinstance(value, float): value = decimal(value)
        found[a.name] = value
    return found


def run(model, inputs, dtype=torch.float64, leaves=(), batch_statistics=False, decided=None, stored=False):
    """Every output of the graph by name. Values named in `leaves` are made variables of autograd's and returned as well.

    With `batch_statistics`, BatchNormalization is that of training whatever the file says. Values `decided` elsewhere are taken as given.
    With `stored`, every operator is exact and its outcome rounded to float32."""
    graph = model.graph
    given = {"opset": next(o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), "dtype": dtype, "training": batch_statistics}
    values = {name: torch.as_tensor(v) for name, v in inputs.items()} | {t.name: tensor(t, dtype) for t in graph.initializer}
    values |= {name: v.to(dtype) for name, v in values.items() if v.is_floating_point()}
    variables = {name: values[name].clone().requires_grad_() for name in leaves if name in values}
    values |= variables
    kept = {o.name for o in graph.output} | {""}
    last = {name: i for i, node in enumerate(graph.node) for name in node.input}
    with torch.set_grad_enabled(bool(leaves)):
        for i, node in enumerate(graph.node):
            if node.op_type not in OPERATORS or node.domain not in ("", "ai.onnx"): raise NotImplementedError(f"{node.domain}:{node.op_type}")
            arguments = [values[name] if name else None for name in node.input]
            results = OPERATORS[node.op_type](attributes(node) | given | {"outputs": len(node.output)}, *arguments)
            for name, result in zip(node.output, results if isinstance(results, (tuple, list)) else [results]):
                if stored and result.is_floating_point(): result = result.float().to(dtype)
                if decided and name in decided: result = torch.as_tensor(decided[name])
                if name in leaves: result = variables[name] = result.detach().clone().requires_grad_()
                values[name] = result
            for name in set(node.input) - kept:
                if last[name] == i: del values[name]
    return {name: values[name] for name in kept if name} | variables


for name, function in {"Add": torch.add, "Sub": torch.sub, "Mul": torch.mul, "Neg": torch.neg, "Exp": torch.exp, "Log": torch.log, "Sqrt": torch.sqrt,
                       "Reciprocal": torch.reciprocal, "Abs": torch.abs, "Sign": torch.sign, "Erf": torch.erf, "Tanh": torch.tanh, "Sigmoid": torch.sigmoid,
                       "Softplus": F.softplus, "Relu": torch.relu, "HardSwish": F.hardswish, "Greater": torch.gt, "Less": torch.lt, "GreaterOrEqual": torch.ge,
                       "LessOrEqual": torch.le, "Equal": torch.eq, "Not": torch.logical_not, "And": torch.logical_and, "Or": torch.logical_or,
                       "Where": torch.where, "Identity": lambda x: x, "Floor": torch.floor, "Ceil": torch.ceil, "MatMul": torch.matmul}.items():
    OPERATORS[name] = lambda _, *inputs, function=function: function(*inputs)


@operator("Div")
def div(_, a, b): return torch.div(a, b, rounding_mode=None if a.is_floating_point() else "trunc")


@operator("Pow")
def power(_, a, b): return torch.pow(a, b).to(a.dtype)


@operator("Sum")
def total(_, *parts): return sum(parts[1:], parts[0])


@operator("Max")
def largest(_, *parts):
    for part in parts[1:]: parts = (torch.maximum(*torch.broadcast_tensors(parts[0], part)),)
    return parts[0]


@operator("Min")
def least(_, *parts):
    for part in parts[1:]: parts = (torch.minimum(*torch.broadcast_tensors(parts[0], part)),)
    return parts[0]


@operator("Clip")
def clip(_, x, low=None, high=None): return torch.clamp(x, low, high)


@operator("HardSigmoid")
def hard_sigmoid(a, x):
    return torch.clamp(x * a.get("alpha", 0.2) + a.get("beta", 0.5), 0, 1)


@operator("LeakyRelu")
def leaky_relu(a, x): return F.leaky_relu(x, a.get("alpha", 0.01))


@operator("Gelu")
def gelu(a, x): return F.gelu(x, approximate=a.get("approximate", "none"))


@operator("Softmax")
def softmax(a, x): return torch.softmax(x, a.get("axis", -1))


@operator("LogSoftmax")
def log_softmax(a, x): return torch.log_softmax(x, a.get("axis", -1))


@operator("Cast")
def cast(a, x):
    kinds = {onnx.TensorProto.FLOAT: a["dtype"], onnx.TensorProto.DOUBLE: torch.float64, onnx.TensorProto.INT64: torch.int64,
             onnx.TensorProto.INT32: torch.int32, onnx.TensorProto.BOOL: torch.bool}
    return x.to(kinds[a["to"]])


@operator("Constant")
def constant(a): return tensor(a["value"], a["dtype"])


@operator("ConstantOfShape")
def constant_of_shape(a, shape):
    value = tensor(a["value"], a["dtype"]) if "value" in a else torch.zeros(1, dtype=a["dtype"])
    return value.reshape(()).expand(shape.tolist())


@operator("Shape")
def shape(a, x): return torch.tensor(list(x.shape)[a.get("start", 0):a.get("end")])


@operator("Reshape")
def reshape(a, x, to):
    sizes = to.tolist()
    if not a.get("allowzero", 0): sizes = [x.shape[i] if s == 0 else s for i, s in enumerate(sizes)]
    return x.reshape(sizes)


@operator("Flatten")
def flatten(a, x): return x.reshape(int(np.prod(x.shape[:a.get("axis", 1)])), -1)


@operator("Transpose")
def transpose(a, x): return x.permute(*a.get("perm", range(x.ndim)[::-1]))


@operator("Expand")
def expand(_, x, to): return x.expand(torch.broadcast_shapes(x.shape, tuple(to.tolist())))


@operator("Tile")
def tile(_, x, times): return x.repeat(times.tolist())


@operator("Squeeze")
def squeeze(_, x, axes=None): return x.squeeze() if axes is None else x.squeeze(tuple(axes.tolist()))


@operator("Unsqueeze")
def unsqueeze(_, x, axes):
    rank = x.ndim + len(axes)
    for axis in sorted(axis % rank for axis in axes.tolist()): x = x.unsqueeze(axis)
    return x


@operator("Concat")
def concat(a, *parts): return torch.cat(parts, a["axis"])


@operator("Split")
def split(a, x, lengths=None):
    axis, count = a.get("axis", 0), a["outputs"]
    return torch.split(x, -(-x.shape[axis] // count) if lengths is None else lengths.tolist(), axis)


@operator("Slice")
def cut(_, x, starts, ends, axes=None, steps=None):
    axes = range(len(starts)) if axes is None else axes.tolist()
    steps = [1] * len(starts) if steps is None else steps.tolist()
    for start, end, axis, step in zip(starts.tolist(), ends.tolist(), axes, steps):
        taken = range(x.shape[axis])[slice(start, None if step < 0 and end < -x.shape[axis] else end, step)]
        if step > 0: x = x[(slice(None),) * (axis % x.ndim) + (slice(taken.start, taken.stop, step),)]
        else: x = x.index_select(axis, torch.tensor(taken, dtype=torch.long))
    return x


@operator("Gather")
def gather(a, x, at):
    axis = a.get("axis", 0) % x.ndim
    taken = x.index_select(axis, at.reshape(-1) % x.shape[axis])
    return taken.reshape([*x.shape[:axis], *at.shape, *x.shape[axis + 1:]])


@operator("GatherND")
def gather_nd(_, x, at): return x[tuple(at.unbind(-1))]


@operator("GatherElements")
def gather_elements(a, x, at): return torch.gather(x, a.get("axis", 0), at)


@operator("ScatterElements")
def scatter_elements(a, x, at, updates): return x.clone().scatter_add(a.get("axis", 0), at, updates)


@operator("ScatterND")
def scatter_nd(_, x, at, updates): return x.clone().index_put(tuple(at.unbind(-1)), updates, accumulate=True)


@operator("Pad")
def pad(a, x, pads, value=None, axes=None):
    axes = range(x.ndim) if axes is None else [axis % x.ndim for axis in axes.tolist()]
    pads, mode, value = pads.tolist(), a.get("mode", "constant"), 0.0 if value is None else value.item()
    for axis, before, after in zip(axes, pads[:len(pads) // 2], pads[len(pads) // 2:]):
        at = torch.arange(-before, x.shape[axis] + after)
        size, inside = x.shape[axis], (at >= 0) & (at < x.shape[axis])
        if mode == "reflect": at = (size - 1) - ((at % (2 * size - 2)) - (size - 1)).abs()
        x = x.index_select(axis, at.clamp(0, size - 1))
        if mode == "constant": x = torch.where(inside.reshape([-1] + [1] * (x.ndim - 1 - axis)), x, torch.tensor(value, dtype=x.dtype))
    return x


def reduction(function):
    def reduce(a, x, axes=None):
        axes = a.get("axes", []) if axes is None else axes.tolist()
        if not axes and a.get("noop_with_empty_axes", 0): return x
        return function(x, dim=tuple(axes) or tuple(range(x.ndim)), keepdim=bool(a.get("keepdims", 1)))
    return reduce


OPERATORS |= {"ReduceSum": reduction(torch.sum), "ReduceMean": reduction(torch.mean), "ReduceMax": reduction(torch.amax), "ReduceMin": reduction(torch.amin)}


def padded(x, pads, value):
    """Zeros, or minus infinity, around an image; negative padding cuts."""
    return F.pad(x, [n for axis in reversed(range(len(pads) // 2)) for n in (pads[axis], pads[axis + len(pads) // 2])], value=value)


@operator("Conv")
def conv(a, x, w, b=None):
    rank = x.ndim - 2
    x = padded(x, a.get("pads", [0] * 2 * rank), 0.0)
    return (F.conv1d, F.conv2d)[rank - 1](x, w, b, a.get("strides", [1] * rank), 0, a.get("dilations", [1] * rank), a.get("group", 1))


@operator("ConvTranspose")
def conv_transpose(a, x, w, b=None):
    rank = x.ndim - 2
    assert "output_shape" not in a and a.get("auto_pad", "NOTSET") == "NOTSET"
    extra = a.get("output_padding", [0] * rank)
    y = (F.conv_transpose1d, F.conv_transpose2d)[rank - 1](x, w, None, a.get("strides", [1] * rank), 0, 0, a.get("group", 1), a.get("dilations", [1] * rank))
    pads = a.get("pads", [0] * 2 * rank)
    y = padded(y, [-p for p in pads[:rank]] + [e - p for e, p in zip(extra, pads[rank:])], 0.0)
    return y if b is None else y + b.reshape([-1] + [1] * rank)


@operator("MaxPool")
def max_pool(a, x):
    assert not a.get("ceil_mode", 0) and not a.get("storage_order", 0)
    kernel, strides, pads = a["kernel_shape"], a.get("strides", [1, 1]), a.get("pads", [0] * 4)
    y, at = F.max_pool2d(padded(x, pads, -torch.inf), kernel, strides, 0, a.get("dilations", 1), return_indices=True)
    wide = x.shape[3] + pads[1] + pads[3]
    # ONNX counts elements through the whole tensor, without the padding.
    plane = torch.arange(x.shape[0] * x.shape[1]).reshape(*x.shape[:2], 1, 1) * x.shape[2] * x.shape[3]
    return y, plane + (at // wide - pads[0]) * x.shape[3] + at % wide - pads[1]


@operator("AveragePool")
def average_pool(a, x):
    kernel, strides, pads = a["kernel_shape"], a.get("strides", [1, 1]), a.get("pads", [0] * 4)
    assert not a.get("ceil_mode", 0)
    y = F.avg_pool2d(padded(x, pads, 0.0), kernel, strides)
    return y if a.get("count_include_pad", 0) or not any(pads) else y / F.avg_pool2d(padded(torch.ones_like(x), pads, 0.0), kernel, strides)


@operator("GlobalAveragePool")
def global_average_pool(_, x): return x.mean(dim=tuple(range(2, x.ndim)), keepdim=True)


@operator("Gemm")
def gemm(a, x, w, b=None):
    y = a.get("alpha", 1.0) * (x.T if a.get("transA", 0) else x) @ (w.T if a.get("transB", 0) else w)
    return y if b is None else y + a.get("beta", 1.0) * b


@operator("BatchNormalization")
def batch_normalization(a, x, scale, bias, mean, var):
    eps, training = a.get("epsilon", 1e-5), a.get("training_mode", 0) or a["training"]
    y = F.batch_norm(x, None if training else mean, None if training else var, scale, bias, bool(training), 0.0, eps)
    if a["outputs"] == 1: return y
    axes, keep = [0, *range(2, x.ndim)], a.get("momentum", 0.9)
    batch = x.mean(axes), x.var(axes, unbiased=False)
    return (y, *(old * keep + new * (1 - keep) for old, new in zip((mean, var), batch)))


@operator("InstanceNormalization")
def instance_normalization(a, x, scale, bias): return F.instance_norm(x, None, None, scale, bias, True, 0.0, a.get("epsilon", 1e-5))


@operator("LayerNormalization")
def layer_normalization(a, x, scale, bias=None):
    axis = a.get("axis", -1) % x.ndim
    return F.layer_norm(x, x.shape[axis:], scale, bias, a.get("epsilon", 1e-5))


@operator("GroupNormalization")
def group_normalization(a, x, scale, bias):
    assert a["opset"] >= 21
    return F.group_norm(x, a["num_groups"], scale, bias, a.get("epsilon", 1e-5))


@operator("Resize")
def resize(a, x, _, scales=None, sizes=None):
    assert not a.get("antialias", 0) and not a.get("exclude_outside", 0)
    size = sizes.tolist() if sizes is not None else [int(n * s) for n, s in zip(x.shape, scales.tolist())]
    size = [s for s in size[2:]]
    mode, coordinates = a.get("mode", "nearest"), a.get("coordinate_transformation_mode", "half_pixel")
    if mode == "nearest":
        assert coordinates == "asymmetric" and a.get("nearest_mode") == "floor"
        return F.interpolate(x, size=size, mode="nearest")
    assert mode == "linear" and coordinates in ("align_corners", "half_pixel", "pytorch_half_pixel")
    assert all(x.shape[2 + i] == 1 or size[i] > 1 or coordinates != "half_pixel" for i in range(2))
    return F.interpolate(x, size=size, mode="bilinear", align_corners=coordinates == "align_corners")
