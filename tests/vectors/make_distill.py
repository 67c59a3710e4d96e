# SPDX-License-Identifier: MIT
"""Records PyTorch's distillation losses: make_distill.py OUT.safetensors. Needs torch; seed 1."""
import json
import struct
import sys

import torch
import torch.nn.functional as F

# name: rows, d, V, e, teacher's V, temperature, weight, every third target ignored
CASES = {
    "plain": (6, 5, 13, 7, 13, 2.0, 0.5, False),
    "ignored": (7, 5, 13, 7, 13, 4.0, 0.9, True),
    "sharp": (5, 4, 9, 3, 9, 0.5, 0.3, False),
    "teacher_alone": (5, 4, 9, 3, 9, 3.0, 1.0, False),
    "targets_alone": (5, 4, 9, 3, 9, 3.0, 0.0, False),
    "padded": (4, 6, 11, 5, 16, 2.0, 0.5, False),
    "large_logits": (4, 32, 11, 32, 11, 2.0, 0.5, False),
    "tiles": (3, 3, 1100, 2, 1100, 2.0, 0.7, True),
}


def case(rows, d, V, e, teacher_V, T, w, ignore):
    scale = 3.0 if d == 32 else 1.0
    x, weight = scale * torch.randn(rows, d), torch.randn(V, d)
    teacher_x, teacher_weight = scale * torch.randn(rows, e), torch.randn(teacher_V, e)
    targets = torch.randint(0, V, (rows,))
    if ignore:
        targets[1::3] = -100
    x64, w64 = x.double().requires_grad_(), weight.double().requires_grad_()
    s, t = x64 @ w64.T, (teacher_x.double() @ teacher_weight.double().T)[:, :V]
    counts = targets != -100
    ce = F.cross_entropy(s, targets, ignore_index=-100)
    kl = F.kl_div(F.log_softmax(s[counts] / T, -1), F.softmax(t[counts] / T, -1), reduction="batchmean")
    loss = (1 - w) * ce + w * T * T * kl
    loss.backward()
    tensors = {"x": x, "weight": weight, "teacher_x": teacher_x, "teacher_weight": teacher_weight,
               "targets": targets.int(), "loss": loss.detach().float(), "ce": ce.detach().float(),
               "kl": kl.detach().float(), "dx": x64.grad, "dweight": w64.grad}
    # Logits of size sqrt(d), some hundred in the largest case; sums of V terms: 1e-5 is ten times PyTorch's float error.
    return tensors, {"op": "distill_loss", "temperature": T, "weight_of_teacher": w, "atol/*": 1e-5, "rtol/*": 1e-4}


def main():
    torch.manual_seed(1)
    header, data = {"__metadata__": {"cases": ",".join(CASES)}}, b""
    for name, numbers in CASES.items():
        tensors, said = case(*numbers)
        header["__metadata__"].update({f"{name}/{key}": str(value) for key, value in said.items()})
        for key, tensor in tensors.items():
            raw = tensor.contiguous().numpy().tobytes()
            dtype = {torch.float32: "F32", torch.float64: "F64", torch.int32: "I32"}[tensor.dtype]
            header[f"{name}/{key}"] = {"dtype": dtype, "shape": list(tensor.shape),
                                       "data_offsets": [len(data), len(data) + len(raw)]}
            data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(sys.argv[1], "wb") as out:
        out.write(struct.pack("<Q", len(text)) + text + data)


main()
