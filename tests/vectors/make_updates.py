# SPDX-License-Identifier: MIT
"""Records PyTorch's updates with L2 and momentum, and its schedules: make_updates.py OUT.safetensors. Needs torch; seed 2."""
import json
import struct
import sys

import torch

STEPS = 10

# name: numbers, torch's optimizer and its arguments, what heed calls them
UPDATES = {
    "sgd": (17, torch.optim.SGD, {"lr": 0.1}, {"op": "sgd"}),
    "sgd_l2": (17, torch.optim.SGD, {"lr": 0.1, "weight_decay": 0.1}, {"op": "sgd", "l2": 0.1}),
    "momentum": (17, torch.optim.SGD, {"lr": 0.1, "momentum": 0.9}, {"op": "sgd"}),
    "momentum_l2": (9, torch.optim.SGD, {"lr": 0.05, "momentum": 0.8, "weight_decay": 0.2}, {"op": "sgd", "l2": 0.2}),
    "nesterov": (17, torch.optim.SGD, {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1},
                 {"op": "sgd", "l2": 0.1}),
    "adam": (17, torch.optim.Adam, {"lr": 0.01, "betas": (0.9, 0.95), "eps": 1e-8}, {"op": "adamw"}),
    "adam_l2": (17, torch.optim.Adam, {"lr": 0.01, "betas": (0.9, 0.95), "eps": 1e-8, "weight_decay": 0.3},
                {"op": "adamw", "l2": 0.3}),
}


def update(n, optimizer, arguments, said):
    p0, grads = torch.randn(n), torch.randn(STEPS, n)
    p = p0.double().requires_grad_()
    torch_one = optimizer([p], **arguments)
    params, moments = [], {"m": [], "v": []}
    for grad in grads:
        p.grad = grad.double()
        torch_one.step()
        state = torch_one.state[p]
        params.append(p.detach().clone())
        moments["m"].append(state.get("exp_avg", state.get("momentum_buffer")))
        moments["v"].append(state.get("exp_avg_sq"))
        moments = {key: [None if t is None else t.clone() for t in list] for key, list in moments.items()}
    tensors = {"p0": p0, "grads": grads, "params": torch.stack(params)}
    tensors.update({key: torch.stack(list) for key, list in moments.items() if list[0] is not None})
    said = {"n": n, "steps": STEPS, "weight_decay": 0.0, **said}
    for key, value in arguments.items():
        if key == "betas":
            said["beta1"], said["beta2"] = value
        elif key != "weight_decay":
            said[key] = int(value) if value is True else value
    # Ten steps of numbers up to some 10, each with a few roundings of 6e-8: 1e-5 is some five times what they add up to.
    said.update({f"{kind}/{key}": 1e-5 for kind in ("atol", "rtol") for key in ("params", "m", "v")})
    return tensors, said


# 40 steps after a warm-up of 10 that ends with the full rate: what torch's schedulers make of the rate 1 / 4.
SCHEDULES = {
    "schedule_linear": ("linear", {"decay_steps": 30, "min_lr": 0.025},
                        lambda o: torch.optim.lr_scheduler.LinearLR(o, 1.0, 0.1, total_iters=30)),
    "schedule_cosine": ("cosine", {"decay_steps": 40, "min_lr": 0.025},
                        lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, T_max=40, eta_min=0.025)),
    "schedule_step": ("step", {"decay_steps": 7, "factor": 0.5, "min_lr": 0.0},
                      lambda o: torch.optim.lr_scheduler.StepLR(o, step_size=7, gamma=0.5)),
    "schedule_constant": ("constant", {"min_lr": 0.0}, lambda o: torch.optim.lr_scheduler.LambdaLR(o, lambda s: 1.0)),
}


def schedule(kind, said, make):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.25)
    torch_one, rates = make(optimizer), [0.25 * (s + 1) / 10 for s in range(10)]
    for _ in range(40):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        torch_one.step()
    said = {"op": "lr_schedule", "style": "b", "kind": kind, "max_lr": 0.25, "warmup": 10, "total": 50, **said,
            "atol/lr": 1e-12, "rtol/lr": 1e-10}
    return {"lr": torch.tensor(rates, dtype=torch.float64)}, said


def main():
    torch.manual_seed(2)
    cases = {name: update(*numbers) for name, numbers in UPDATES.items()}
    cases.update({name: schedule(*numbers) for name, numbers in SCHEDULES.items()})
    header, data = {"__metadata__": {"cases": ",".join(cases)}}, b""
    for name, (tensors, said) in cases.items():
        header["__metadata__"].update({f"{name}/{key}": str(value) for key, value in said.items()})
        for key, tensor in tensors.items():
            raw = tensor.contiguous().numpy().tobytes()
            dtype = {torch.float32: "F32", torch.float64: "F64"}[tensor.dtype]
            header[f"{name}/{key}"] = {"dtype": dtype, "shape": list(tensor.shape),
                                       "data_offsets": [len(data), len(data) + len(raw)]}
            data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(sys.argv[1], "wb") as out:
        out.write(struct.pack("<Q", len(text)) + text + data)


main()
