#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Seconds a replicate that PyTorch takes for the work of `sigprop simulate` on a Pre-LN stack: fresh weights, forward, backward, and the same
statistics. Prints JSON.

Usage: torch_gpu.py PRECISION WIDTH LAYERS HEADS LENGTH BATCH [--device cuda:0] [--seconds 10]. Both halves of a layer are compiled; where that
fails they run eagerly, which the output says. Needs torch; tools/bench/gpu calls it.
"""
import argparse
import contextlib
import json
import sys
import time

import torch
from torch.nn import functional

DROPOUT = 0.1
TOKEN_CORRELATION = 0.2
NORM_EPSILON = 1e-12  # sigprop's
WARM_UP = 3  # replicates: the first compiles, the second may compile again
MOST_REPLICATES = 2000


def moments(x):
    """Mean, second moment, and mean of x_i · x_j / D over pairs of tokens i ≠ j."""
    x = x.detach()
    _, length, width = x.shape
    squares = x.square().mean()
    of_sums = x.sum(1).square().mean()
    return torch.stack([x.mean(), squares, (of_sums - length * squares) / (length * (length - 1))])


def attention(x, query, key, value, output, heads):
    batch, length, width = x.shape
    y = functional.layer_norm(x, (width,), eps=NORM_EPSILON)
    q, k, v = (functional.linear(y, w).view(batch, length, heads, -1).transpose(1, 2) for w in (query, key, value))
    scores = (q @ k.transpose(-1, -2)).float() * (width // heads) ** -0.5
    log_p = functional.log_softmax(scores, -1)
    p = log_p.exp()
    entropy = -(p.detach() * log_p.detach()).sum(-1).mean()
    variance = scores.detach().var(-1).mean()
    z = (functional.dropout(p, DROPOUT).to(v.dtype) @ v).transpose(1, 2).reshape(batch, length, width)
    x = x + functional.dropout(functional.linear(z, output), DROPOUT)
    return x, torch.cat([moments(x), entropy.reshape(1), variance.reshape(1)])


def ffn(x, ffn_in, ffn_out):
    y = functional.layer_norm(x, (x.shape[-1],), eps=NORM_EPSILON)
    y = functional.linear(functional.gelu(functional.linear(y, ffn_in)), ffn_out)
    x = x + functional.dropout(y, DROPOUT)
    return x, moments(x)


class Stack:
    def __init__(self, options, compiled):
        self.options = options
        wrap = (lambda f: torch.compile(f, dynamic=False)) if compiled else (lambda f: f)
        self.attention, self.ffn, self.moments = wrap(attention), wrap(ffn), wrap(moments)

    def normal(self, *shape, std=1.0):
        return torch.randn(*shape, device=self.options.device) * std

    def weights(self):
        d = self.options.width
        for _ in range(self.options.layers):
            shapes = [(d, d)] * 4 + [(4 * d, d), (d, 4 * d)]
            yield [self.normal(*shape, std=shape[1] ** -0.5).requires_grad_() for shape in shapes]

    def tokens(self):
        o = self.options
        own = self.normal(o.batch, o.length, o.width, std=(1 - TOKEN_CORRELATION) ** 0.5)
        return (own + self.normal(o.batch, 1, o.width, std=TOKEN_CORRELATION**0.5)).requires_grad_()

    def precision(self):
        if self.options.precision == "bf16":
            return torch.autocast(torch.device(self.options.device).type, dtype=torch.bfloat16)
        return contextlib.nullcontext()

    def replicate(self):
        """All statistics as one tensor, left on the device."""
        weights = list(self.weights())
        x = self.tokens()
        points, forward = [x], [self.moments(x)]
        with self.precision():
            for layer in weights:
                x, found = self.attention(x, *layer[:4], self.options.heads)
                points.append(x)
                forward.append(found)
                x, found = self.ffn(x, *layer[4:])
                points.append(x)
                forward.append(found)
        g = torch.randn_like(x)
        inputs = points[:-1] + [w for layer in weights for w in layer]
        gradients = torch.autograd.grad(x, inputs, g)
        at_points, at_weights = gradients[:len(points) - 1], gradients[len(points) - 1:]
        backward = [self.moments(one) for one in (*at_points, g)]
        norms = torch.stack(torch._foreach_norm(list(at_weights))).square()
        return torch.cat([*forward, *backward, norms]).double()


def named(options, numbers):
    """The statistics by name, in the order in which replicate() puts them together."""
    points = [{"forward": dict(zip(("mean", "second_moment", "token_dot"), numbers[:3]))}]
    layers = []
    at = 3
    for _ in range(options.layers):
        for count in (5, 3):
            points.append({"forward": dict(zip(("mean", "second_moment", "token_dot"), numbers[at:at + 3]))})
            if count == 5:
                layers.append({"entropy": numbers[at + 3], "score_variance": numbers[at + 4]})
            at += count
    for point in points:
        point["backward"] = dict(zip(("mean", "second_moment", "token_dot"), numbers[at:at + 3]))
        at += 3
    for layer in layers:
        layer["gradient_norms_squared"] = dict(zip(("query", "key", "value", "output", "ffn_in", "ffn_out"), numbers[at:at + 6]))
        at += 6
    return {"points": points, "layers": layers}


def synchronize(options):
    if torch.device(options.device).type == "cuda":
        torch.cuda.synchronize(options.device)


def timed(options, run, replicates):
    synchronize(options)
    start = time.perf_counter()
    total = run()
    for _ in range(replicates - 1):
        total += run()
    synchronize(options)
    return (time.perf_counter() - start) / replicates, (total / replicates).tolist()


def warmed(options):
    """The way to run a replicate, and why it is not compiled if it is not."""
    why = None
    for compiled in (True, False):
        try:
            stack = Stack(options, compiled and not options.eager)
            for _ in range(WARM_UP):
                stack.replicate()
            return stack.replicate, why
        except Exception as error:  # whatever the compiler raises: the eager network is measured instead
            if not compiled or options.eager or isinstance(error, torch.cuda.OutOfMemoryError):
                raise
            why = f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else ''}"
    raise AssertionError("one of the two ways returned or raised")


def parsed(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("precision", choices=("float32", "tf32", "bf16"))
    for name in ("width", "layers", "heads", "length", "batch"):
        parser.add_argument(name, type=int)
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument("--seconds", type=float, default=10, help="to measure for, after the warm-up")
    parser.add_argument("--eager", action="store_true", help="do not compile")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args(arguments)


def main():
    options = parsed(sys.argv[1:])
    torch.set_float32_matmul_precision("high" if options.precision == "tf32" else "highest")
    torch.manual_seed(options.seed)
    run, why = warmed(options)
    one, _ = timed(options, run, 1)
    replicates = max(3, min(MOST_REPLICATES, round(options.seconds / one)))
    seconds, numbers = timed(options, run, replicates)
    device = torch.device(options.device)
    print(json.dumps({"seconds": seconds, "replicates": replicates,
                      "mode": "eager" if options.eager or why else "compiled", "why_not_compiled": why, "torch": torch.__version__,
                      "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
                      "statistics": named(options, numbers)}))


if __name__ == "__main__":
    main()
