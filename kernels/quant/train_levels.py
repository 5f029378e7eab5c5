#!/usr/bin/env python3
"""Finds the levels in levels.cpp: python3 train_levels.py (needs numpy; about two minutes).

Lloyd's iteration (S. Lloyd, Least squares quantization in PCM, 1982; J. Max, Quantizing for minimum distortion, 1960) with
a scale and a zero of each group's own: fit all groups to the levels, then move each level to where its numbers want it.
Groups are of 32 and 64 normally distributed numbers. A scale may be negative, so levels need not be symmetric: a group
that leans to one side is met by steps that lean with it, at no cost in bits.
"""

import numpy as np

SPANS = (1.1, 1.0, 0.9, 0.8, 0.7, 0.6)
SHIFTS = (-0.06, 0.0, 0.06)


def normal_levels(count):
    """Max's levels for one normal distribution, by integration over a grid."""
    x = np.linspace(-6, 6, 48001)
    density = np.exp(-x * x / 2)
    levels = np.linspace(-2, 2, count)
    for _ in range(3000):
        nearest = np.searchsorted((levels[1:] + levels[:-1]) / 2, x)
        levels = np.bincount(nearest, density * x, count) / np.bincount(nearest, density, count)
    return levels / levels[-1]


def fit(groups, levels, rounds=4):
    """The best scale, zero and codes of each group [groups, numbers], from several spans and shifts, mirrored as well."""
    x = groups - groups.mean(1, keepdims=True)
    low, high = x.min(1, keepdims=True), x.max(1, keepdims=True)
    thresholds = (levels[1:] + levels[:-1]) / 2
    best_gain = np.full((len(x), 1), -1.0)
    scales, zeros, codes = np.zeros((len(x), 1)), np.zeros((len(x), 1)), np.zeros(x.shape, int)
    for span in SPANS + tuple(-span for span in SPANS):
        for shift in SHIFTS:
            scale = span * (high - low) / 2
            zero = (high + low) / 2 + shift * (high - low) - scale * (levels[0] + levels[-1]) / 2
            for _ in range(rounds):
                code = np.searchsorted(thresholds, (x - zero) / scale)
                level = levels[code]
                centred = level - level.mean(1, keepdims=True)
                product = (centred * x).sum(1, keepdims=True)
                scale = product / np.maximum((centred**2).sum(1, keepdims=True), 1e-9)
                zero = -scale * level.mean(1, keepdims=True)
                better = product * scale > best_gain
                best_gain = np.where(better, product * scale, best_gain)
                scales, zeros = np.where(better, scale, scales), np.where(better, zero, zeros)
                codes = np.where(better, code, codes)
                scale = np.where(np.abs(scale) < 1e-9, 1e-9, scale)
    return x, scales, zeros, codes


def move(levels, fits):
    """Each level where the numbers that have its code want it, weighted by what they contribute to the squared error."""
    wanted, weight = np.zeros(len(levels)), np.zeros(len(levels))
    for x, scales, zeros, codes in fits:
        scale = np.broadcast_to(scales, x.shape)
        wanted += np.bincount(codes.ravel(), (scale * (x - zeros)).ravel(), len(levels))
        weight += np.bincount(codes.ravel(), (scale * scale).ravel(), len(levels))
    return wanted / weight


def train(bits, lean, groups, rounds):
    random = np.random.default_rng(3)
    data = [random.standard_normal((groups, 32)), random.standard_normal((groups // 2, 64))]
    levels = normal_levels(2**bits)
    levels = levels + lean * (levels**2 - 1)
    for _ in range(rounds):
        levels = move(levels, [fit(x, levels) for x in data])
    return np.round((levels - levels[0]) / (levels[-1] - levels[0]) * 254 - 127).astype(int)


if __name__ == "__main__":
    for bits, lean, groups, rounds in ((2, 0.1, 2000, 16), (3, 0.1, 2000, 16), (4, 0.08, 1000, 10)):
        print(bits, "bits:", ", ".join(str(level) for level in train(bits, lean, groups, rounds)), flush=True)
