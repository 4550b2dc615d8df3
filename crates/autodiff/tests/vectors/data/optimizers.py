# /// script
# requires-python = ">=3.11"
# dependencies = ["torch==2.11.0"]
# ///
"""Steps of torch.optim in float64 on given gradients: optimizers.py > optimizers.json"""
import json
import torch

torch.manual_seed(2)
STEPS, COUNT = 6, 5
start = torch.randn(COUNT, dtype=torch.float64)
gradients = torch.randn(STEPS, COUNT, dtype=torch.float64)
rates = [1e-2, 1e-2, 5e-3, 2e-2, 1e-3, 1e-2]
momenta = [0.95, 0.93, 0.9, 0.85, 0.88, 0.95]


def run(name, make, moments, clip=None, cycle=None):
    p = torch.nn.Parameter(start.clone())
    optimizer = make([p])
    course = []
    for step in range(STEPS):
        group = optimizer.param_groups[0]
        group["lr"] = rates[step]
        if cycle == "betas": group["betas"] = (momenta[step], group["betas"][1])
        if cycle == "momentum": group["momentum"] = momenta[step]
        p.grad = gradients[step].clone()
        if clip: torch.nn.utils.clip_grad_norm_([p], clip)
        optimizer.step()
        state = optimizer.state[p]
        course.append(dict(parameter=p.tolist(), moments=[state[m].tolist() for m in moments]))
    return dict(name=name, clip=clip, cycled=cycle is not None, course=course)


O, adam = torch.optim, ["exp_avg", "exp_avg_sq"]
rows = [
    run("sgd", lambda p: O.SGD(p, 1e-2), []),
    run("sgd with decay", lambda p: O.SGD(p, 1e-2, weight_decay=0.1), []),
    run("sgd with momentum", lambda p: O.SGD(p, 1e-2, momentum=0.9, dampening=0.3, weight_decay=0.01), ["momentum_buffer"]),
    run("sgd with nesterov", lambda p: O.SGD(p, 1e-2, momentum=0.9, nesterov=True), ["momentum_buffer"]),
    run("sgd with cycled momentum", lambda p: O.SGD(p, 1e-2, momentum=0.9), ["momentum_buffer"], cycle="momentum"),
    run("adam", lambda p: O.Adam(p, 1e-2), adam),
    run("adam with decay", lambda p: O.Adam(p, 1e-2, weight_decay=0.1), adam),
    run("adamw", lambda p: O.AdamW(p, 1e-2), adam),
    run("adamw clipped", lambda p: O.AdamW(p, 1e-2, weight_decay=0.1), adam, clip=0.5),
    run("adamw with cycled momentum", lambda p: O.AdamW(p, 1e-2), adam, cycle="betas"),
]
print(json.dumps(dict(start=start.tolist(), gradients=gradients.tolist(), rates=rates, momenta=momenta, rows=rows), indent=0))
