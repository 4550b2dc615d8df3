"""Writes what tests/weights.rs reads: small files of torch.save with every kind of tensor that a state dict may hold.

    python weights.py     (torch 2.11; files appear beside this script)
"""
import collections, os, pathlib, torch

HERE = pathlib.Path(__file__).parent
count = lambda *dims: torch.arange(torch.Size(dims).numel(), dtype=torch.float32).reshape(dims)
state = collections.OrderedDict(
    plain=count(2, 3), turned=count(2, 3).t(), part=count(4, 3)[1:, 1], half=count(3).half() / 2,
    brain=count(3).bfloat16() / 2, double=count(3).double() / 4, number=torch.tensor(1.5), whole=torch.tensor(7),
    parameter=torch.nn.Parameter(count(2)), repeated=torch.tensor([1.0]).expand(1 << 20), none=count(0, 4))
state._metadata = collections.OrderedDict(version=1)


class Evil:
    def __reduce__(self):
        return os.system, ("false",)


torch.save({"epoch": 3, "loss": 0.5, "state_dict": state, "notes": [1, (2, None, True, -70000, 1 << 40)]}, HERE / "weights.pth")
torch.save(dict(plain=count(2)), HERE / "old.pth", _use_new_zipfile_serialization=False)
torch.save(dict(plain=Evil()), HERE / "evil.pth")
