#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
Fits the rational function behind gelu_erf in src/kernels/vector_maps.inc.h. Needs NumPy; takes a few seconds.

    P(X > t) = exp(-t^2 / 2) g(t), X normal, t in [0, 14]        g(t) ~ p(t) / q(t), p(0) = 1/2, q(0) = 1

Taking exp out leaves a slow function, so that the relative error can be small over the whole range, also where
the probability itself is 1e-40. g falls like 1 / t, so q has one degree more than p. The error is linear in the
coefficients after multiplying with q; each round divides by the last round's q and gives points with a large
error more weight (Lawson), which ends near the smallest largest error.
"""
import math

import numpy as np

DEGREE = 4  # of p; q has one more
END = 14.0

t = END / 2 * (1 - np.cos(np.linspace(0, np.pi, 4001)))
g = np.array([0.5 * math.erfc(x / math.sqrt(2)) * math.exp(x * x / 2) for x in t])
scale = 4.0  # powers of t / scale, for a better condition
powers = (t[:, None] / scale) ** np.arange(1, DEGREE + 2)

q = np.ones_like(t)
weight = np.ones_like(t)
best = (np.inf, None, None)
for _ in range(400):
    row = np.sqrt(weight) / (q * g)
    matrix = np.hstack([powers[:, :DEGREE], -g[:, None] * powers]) * row[:, None]
    found = np.linalg.lstsq(matrix, (g - 0.5) * row, rcond=None)[0]
    p = 0.5 + powers[:, :DEGREE] @ found[:DEGREE]
    q = 1 + powers @ found[DEGREE:]
    error = np.abs(p / q / g - 1)
    if error.max() < best[0]:
        best = (error.max(), found[:DEGREE], found[DEGREE:])
    weight *= error / error.max() + 1e-3
    weight /= weight.mean()

for name, values in (("p", best[1]), ("q", best[2])):
    values = values / scale ** np.arange(1, len(values) + 1)
    print(name, ", ".join(f"{np.float32(v):.9g}f" for v in values))
print(f"largest relative error {best[0]:.2g}")
