# SPDX-License-Identifier: Apache-2.0
"""Random specs that the reader accepts, or nearly: stacks, encoders with decoders, lists of components."""

from __future__ import annotations

import random
from typing import Any

from black_box.documents import RAW

ACTIVATIONS = ("relu", "gelu", "gelu_tanh", "quick_gelu", "silu", "mish", "softplus", "sigmoid", "tanh", "leaky_relu", "squared_relu", "identity")
NORMS = ("layer_norm", "rms_norm")
PLACEMENTS = ("pre", "post", "sandwich", "output")
SCHEMES = ("xavier", "lecun", "kaiming", "torch_linear", "gpt2", "bert", "llama", "olmo_mitchell", "small_init", "wang_init", "t5", "deepnorm", "sub_ln", "ds_init",
           "t_fixup", "admin", "rezero", "skipinit", "layerscale", "deepscalelm", "deepscalelm_full", "mup", "depth_mup", "completep", "layernorm_scaling",
           "noci_depth_scale")
CUT = ("std", "truncation")
PARAMETERS = {"xavier": ("per_head",), "gpt2": (*CUT, "output_scaling"), "bert": CUT, "llama": CUT, "olmo_mitchell": ("truncation",), "wang_init": CUT, "t5": ("factor",),
              "ds_init": ("exponent",), "layerscale": (*CUT, "scale"), "deepscalelm": ("k", "alpha", "branches", "first_correlation"),
              "deepscalelm_full": ("k", "alpha", "branches"), "mup": ("std", "base_width"), "depth_mup": ("std", "base_width", "base_layers"),
              "completep": ("std", "base_width", "base_layers"), "layernorm_scaling": CUT}
POINT_QUANTITIES = ("forward.mean", "forward.variance", "forward.second_moment", "forward.token_dot", "forward.cross_dot", "forward.token_correlation",
                    "forward.rank_residual", "forward.effective_rank", "backward.variance", "backward.token_dot", "backward.cross_dot",
                    "backward.token_correlation", "backward.norm", "forward.first_second_moment", "backward.last_variance", "token_correlation", "rank_residual")
LAYER_QUANTITIES = ("attention.score_variance", "attention.entropy", "attention.entropy_fraction", "cross_attention.entropy", "weights.query.gradient_norm",
                    "weights.ffn_out.gradient_norm", "weights.all.gradient_norm", "weights.*.gradient_norm", "weights.linear.gradient_norm",
                    "weights.cross_key.gradient_norm", "weights.ffn_gate.gradient_norm", "weights.*.gradient_fraction", "weights.value.gradient_fraction",
                    "weights.all.gradient_fraction")
QUANTITIES = POINT_QUANTITIES + LAYER_QUANTITIES
WIDE = 8  # features of a head
OUTER = 3  # how deep components are nested
WIDTHS = (2, 3, 4, 6, 8, 12, 16, 16, 32, 32, 64)


class Maker:
    """Makes specs. `extremes` is the probability of a number at the ends of what is allowed."""

    def __init__(self, rng: random.Random, extremes: float) -> None:
        self.rng = rng
        self.extremes = extremes
        self.may_attend = True

    def maybe(self, probability: float) -> bool:
        return self.rng.random() < probability

    def number(self, usual: tuple[float, ...], extreme: tuple[float, ...]) -> float:
        return self.rng.choice(extreme if self.maybe(self.extremes) else usual)

    def std(self) -> float:
        if self.maybe(self.extremes):
            return self.rng.choice((0, 1e6, 1e-300, 5e-324, 1e-160, 1e-30, 1e3, 1))
        return float(f"{10 ** self.rng.uniform(-3, 0.3):.4g}")

    def scale(self) -> float:
        return self.number((1, 1, 0.5, 0.1, 0.9, 2, -1), (0, -1e6, 1e6, 1e-300, 1e-160, 5e-324))

    def rate(self) -> float:
        return self.number((0, 0.1, 0.1, 0.5), (0.999999999, 1e-300, 0.9999999999999999))

    def size(self) -> int:
        return self.number(WIDTHS, (1, 7, 127, 1024, 10000000)) if self.maybe(0.3) else self.rng.choice(WIDTHS)

    def epsilon(self) -> float:
        return self.number((1e-5, 1e-6, 1e-12), (0, 1, 5e-324, 1e-300))

    def several(self, one: Any, count: int) -> Any:
        """A number, or one for each of so many places."""
        return [one() for _ in range(count)] if self.maybe(0.15) else one()

    def spec(self) -> dict[str, Any]:
        kind = self.rng.random()
        document = self.of_stack() if kind < 0.5 else self.of_stacks() if kind < 0.62 else self.of_components()
        self.surround(document)
        return document

    def surround(self, document: dict[str, Any]) -> None:
        """What stands beside the model."""
        document["sequence_length"] = self.number((2, 3, 8, 8, 16, 16, 33, 64), (1, 2, 512, 1025, 100000, 10000000))
        if self.maybe(0.3):
            document["batch"] = self.number((1, 2, 3, 4), (10000000, 1000))
        if self.maybe(0.3):
            document["name"] = self.rng.choice(("model", "a b", "=1+1", "\u00e9\u202e", "x" * 200, "::error::x", "\x1b[31m", "\\input{x}", "a,b\"c", "%d"))
        if self.maybe(0.3):
            self.add_gradient(document)
        if self.maybe(0.15):
            document["thresholds"] = self.thresholds()
        if self.maybe(0.35):
            document["checks"] = [self.check() for _ in range(self.rng.choice((1, 1, 2, 5)))]

    def add_gradient(self, document: dict[str, Any]) -> None:
        document["gradient"] = {"variance": self.number((1, 0.1, 10), (1e12, 5e-324, 1e-300))}
        if self.maybe(0.5):
            document["gradient"]["token_correlation"] = self.number((0, 0.5, 0.1), (1, -1, -0.01, -1e-300, 0.9999999999999999))
        if self.maybe(0.3):
            document["gradient"]["cross_correlation"] = self.number((0, 0.1, 0.01), (0.9999999999999999, 1e-300))

    def thresholds(self) -> dict[str, float]:
        above, below = (1.5, 1e300, 1.0000000001), (0.5, 1e-300, 0.9999999999)
        table = {"exploding_variance": above, "exploding_gradient": above, "vanishing_gradient": below, "rank_collapse": below, "entropy_collapse": below,
                 "negligible_gradient": below}
        return {name: self.rng.choice(values) for name, values in table.items() if self.maybe(0.5)}

    def check(self) -> dict[str, Any]:
        if self.maybe(0.4):
            return {"preset": self.rng.choice(("trainable", "stable", "flat"))}
        made: dict[str, Any] = {"quantity": self.rng.choice(QUANTITIES)}
        places = ("every", "layers", "first", "first", "last", "last", 0, 1) if self.maybe(0.95) else ("every", 2, 1000000)
        if self.maybe(0.5):
            made["ratio"] = [self.rng.choice(places), self.rng.choice(places[2:] or places)]
        elif self.maybe(0.7):
            made["at"] = self.rng.choice(places)
        made[self.rng.choice(("min", "max"))] = self.rng.choice((0, 1, -1, 0.1, 10, 1e300, -1e300, 1e-300))
        return made

    def input(self, has_std: bool) -> dict[str, Any]:
        if self.maybe(0.4):
            tables = self.rng.sample(("token", "position", "segment"), self.rng.randint(1, 3))
            embedding: dict[str, Any] = {"vocabulary": self.number((2, 100, 1000, 30522), (2, 1000000000)), "tables": tables}
            if self.maybe(0.5):
                embedding["norm"] = self.rng.choice(("none", *NORMS))
            if self.maybe(0.4):
                embedding["dropout"] = self.rate()
            if self.maybe(0.1):
                embedding["segments"] = self.rng.choice((0, 1, 2))
            if embedding.get("norm", "none") != "none" and self.maybe(0.2):
                embedding["norm_epsilon"] = self.epsilon()
            if not has_std or self.maybe(0.9):
                embedding["std"] = self.std() if self.maybe(0.9) else {table: self.std() for table in tables}
            return {"embedding": embedding}
        made = {"variance": self.number((1, 1, 0.1, 4), (1e12, 5e-324, 1e-300, 1e-8))}
        if self.maybe(0.2):
            made["mean"] = self.number((0, 0.5, -1), (1e6, -1e6, 1e-300))
        if self.maybe(0.5):
            made["token_correlation"] = self.number((0, 0.2, 0.5), (1, 1e-300, 0.9999999999999999))
            if self.maybe(0.2):
                made["cross_correlation"] = min(made["token_correlation"], self.number((0, 0.1), (0.9999999999999999, 1e-300)))
        return made

    def attention(self, width: int) -> dict[str, Any]:
        """Heads of fewer than eight features are rare, and so are masks: their tables take long to compute."""
        heads = self.rng.choice([heads for heads in (1, 2, 3, 4, 8) if width % heads == 0])
        made: dict[str, Any] = {"heads": heads}
        if self.maybe(0.2):
            made["kv_heads"] = self.rng.choice([heads_of for heads_of in (1, 2, 4) if heads % heads_of == 0])
        if self.maybe(0.95 if width // heads < WIDE else 0.2):
            made["head_width"] = self.number((8, 8, 16, 16, 32), (8, 1000, 10000000))
        if self.maybe(0.06):
            made["mask"] = "causal"
        if self.maybe(0.3):
            made["dropout"] = self.rate()
        if self.maybe(0.15):
            made["score_scale"] = self.number((1, 0.1, 0.125), (1e6, 5e-324, 1e-300))
        if self.maybe(0.2):
            self.add_rotation(made, width // heads)
        if made.get("head_width", width // heads) > 1 and self.maybe(0.15):
            made["query_key_norm"] = self.rng.choice(NORMS)
        return made

    def add_rotation(self, attention: dict[str, Any], head_width: int) -> None:
        """Rotary positions, which need a head of two features at least."""
        if attention.get("head_width", head_width) < 2 and self.maybe(0.95):
            return
        attention["rotary_base"] = self.number((10000, 2, 500000), (1e12, 1.0000000000000002))
        if attention.get("head_width", head_width) % 2 or self.maybe(0.5):
            attention["rotary_width"] = max(2, attention.get("head_width", head_width) // 2 * 2)

    def stack(self, width: int, branches: int) -> dict[str, Any]:
        layers = self.number((1, 1, 2, 3), (1, 12, 40))
        made: dict[str, Any] = {"layers": layers, "width": width, "attention": self.attention(width),
                                "ffn": {"width": self.size(), "activation": self.rng.choice(ACTIVATIONS)},
                                "norm": {"kind": self.rng.choice((*NORMS, *NORMS, "none")), "placement": self.rng.choice(PLACEMENTS)}}
        if branches == 2 and self.maybe(0.15):
            made["parallel"], branches = True, 1
        if self.maybe(0.2):
            made["ffn"]["gated"] = True
        if self.maybe(0.1):
            made["ffn"]["dropout"] = self.rate()
        if self.maybe(0.15):
            made["ffn"].update(experts=self.rng.choice((1, 2, 8)), top_k=1)
            if self.maybe(0.5):
                made["ffn"]["router_std"] = self.rng.choice((0, 0.02, 1))
        if made["norm"]["kind"] != "none" or self.maybe(0.05):
            self.add_to_norm(made["norm"], branches * layers)
        if layers == 1 and self.maybe(0.2):
            made["tied"] = True
        if self.maybe(0.5):
            made["residual"] = self.residual(branches * layers)
        return made

    def residual(self, branches: int) -> dict[str, Any]:
        made: dict[str, Any] = {key: self.several(self.scale, branches) for key in ("skip", "branch") if self.maybe(0.5)}
        if self.maybe(0.5):
            made["dropout"] = self.rate()
        if self.maybe(0.1):
            made["learned_branch"] = self.maybe(0.7)
        return made

    def add_to_norm(self, norm: dict[str, Any], branches: int) -> None:
        if self.maybe(0.2):
            norm["final"] = self.maybe(0.5)
        if self.maybe(0.15):
            norm["gain"] = self.several(self.scale, branches)
        if self.maybe(0.15):
            norm["epsilon"] = self.epsilon()
        if self.maybe(0.1):
            norm["inner"] = self.maybe(0.5)

    def init(self, layers: int, gated: bool) -> dict[str, Any]:
        made: dict[str, Any] = {}
        if self.maybe(0.6):
            made["scheme"] = self.rng.choice(SCHEMES)
            known = PARAMETERS.get(made["scheme"], ("std",) if self.maybe(0.02) else ())
            if known and self.maybe(0.2):
                made["parameters"] = {self.rng.choice(known): self.number((1, 2, 0.5), (0, 1e6, -1, 1e-300))}
        names = ["query", "key", "value", "output", "ffn_in", "ffn_out", *(["ffn_gate"] if gated else [])]
        chosen = [name for name in names if self.maybe(0.2)] if "scheme" in made else names
        made["std"] = {name: self.several(self.std, layers) for name in chosen}
        for name in ("bias", "ffn_out_bias", "embedding"):
            if self.maybe(0.15):
                made["std"][name] = self.std()
        return made

    def of_stack(self) -> dict[str, Any]:
        stack = self.stack(self.size(), 2)
        init = self.init(stack["layers"], bool(stack["ffn"].get("gated")))
        return {"stack": stack, "init": init, "input": self.input("scheme" in init or "embedding" in init["std"])}

    def of_stacks(self) -> dict[str, Any]:
        width = self.size()
        encoder, decoder = self.stack(width, 2), self.stack(width, 3)
        decoder["cross_attention"] = self.attention(width)
        decoder["layers"] = encoder["layers"]
        init = self.init(encoder["layers"], bool(encoder["ffn"].get("gated")))
        return {"encoder": encoder, "decoder": decoder, "init": init, "input": self.input("scheme" in init)}

    def of_components(self) -> dict[str, Any]:
        width = self.size()
        components, _ = self.components(width, OUTER)
        return {"width": width, "components": components, "input": self.input(False)}

    def components(self, width: int, depth: int) -> tuple[list[dict[str, Any]], int]:
        """A list that reads this width, and the width that it ends with."""
        made = []
        for _ in range(self.rng.choice((1, 1, 2, 3, 5))):
            component, width = self.component(width, depth)
            if depth == OUTER and "repeat" not in component and self.maybe(0.1):
                component["point"] = self.rng.choice((False, "here", "=x", "\x07"))
            made.append(component)
        return made, width

    def component(self, width: int, depth: int) -> tuple[dict[str, Any], int]:
        kinds = ["linear", "linear", "gated_linear", "activation", "activation", "dropout", "norm", *(["attention"] if self.may_attend else [])]
        if depth > 0:
            kinds += ["residual", "residual", "repeat", "repeat", "parallel", "experts"]
        kind = self.rng.choice(kinds)
        if kind == "activation":
            return {kind: self.rng.choice(ACTIVATIONS)}, width
        if kind == "dropout":
            return {kind: self.rate()}, width
        if kind == "norm":
            norm = self.rng.choice(NORMS)
            return {kind: norm if self.maybe(0.8) else {"kind": norm, "epsilon": self.epsilon()}}, width
        if kind == "attention":
            weights = {name: self.std() for name in ("query_std", "key_std", "value_std", "output_std")}
            return {kind: {**self.attention(width), **weights, **({"bias_std": self.std()} if self.maybe(0.3) else {})}}, width
        if kind in ("linear", "gated_linear"):
            return self.linear(kind, width)
        return self.nested(kind, width, depth)

    def linear(self, kind: str, width: int) -> tuple[dict[str, Any], int]:
        out = width if self.maybe(0.5) else self.size()
        made: dict[str, Any] = {"in": width, "out": out, "weight_std": self.std()}
        if self.maybe(0.3):
            made["bias_std"] = self.std()
        if kind == "gated_linear":
            made.update(gate_std=self.std(), activation=self.rng.choice(ACTIVATIONS))
        elif self.maybe(0.2):
            made["name"] = self.rng.choice(("up", "query", "=1", "a_2", "a.b", "all", "*"))
        return {kind: made}, out

    def back(self, listed: list[dict[str, Any]], ends: int, width: int) -> list[dict[str, Any]]:
        """The list with a linear map at its end where it has another width."""
        return listed if ends == width else [*listed, {"linear": {"in": ends, "out": width, "weight_std": self.std()}}]

    def nested(self, kind: str, width: int, depth: int) -> tuple[dict[str, Any], int]:
        could_attend, self.may_attend = self.may_attend, self.may_attend and (kind != "experts" or self.maybe(0.03))
        inside = self.back(*self.components(width, depth - 1), width)
        self.may_attend = could_attend
        if kind == "residual":
            made: dict[str, Any] = {"of": inside}
            made.update((key, self.scale()) for key in ("skip", "branch") if self.maybe(0.4))
            return {kind: made}, width
        if kind == "repeat":
            return {kind: {"times": self.number((1, 2, 3), (1, 30)), "of": inside, **({"tied": True} if self.maybe(0.2) else {})}}, width
        if kind == "parallel":
            return {kind: {"of": [inside, *(self.back(*self.components(width, depth - 1), width) for _ in range(self.rng.choice((1, 1, 2))))]}}, width
        count = self.rng.choice((1, 2, 4))
        router = {"router_std": self.rng.choice((0, 0.02, 1))} if self.maybe(0.5) else {}
        return {kind: {"count": count, "top_k": self.rng.randint(1, count), **router, "of": inside}}, width


# The largest sizes that a run may have so that it takes a fraction of a second; "repeats" is the
# number of turns of all repeats around a component.
SIMULATED = {"sequence_length": 48, "batch": 3, "width": 96, "in": 96, "out": 96, "layers": 3, "repeats": 6, "heads": 8, "kv_heads": 8, "head_width": 32,
             "experts": 4, "count": 4, "top_k": 4, "vocabulary": 5000, "rotary_width": 32}
PREDICTED = {"layers": 60, "repeats": 60}
MASKED = {"layers": 6, "repeats": 6, "sequence_length": 64}


def amount(value: Any) -> float:
    """The number that a value is, or stands for in the text; 0 for what is none."""
    if isinstance(value, str) and value.startswith(RAW):
        return float(value[len(RAW):-1])
    return float(value) if isinstance(value, (int, float)) else 0.0


def tame(node: Any, largest: dict[str, int], repeats: int | None = None) -> Any:
    """The document with sizes that the reader accepts cut down to the largest ones. Sizes that it refuses stay."""
    repeats = largest["repeats"] if repeats is None else repeats
    if isinstance(node, list):
        return [tame(value, largest, repeats) for value in node]
    if not isinstance(node, dict):
        return node
    limits = {**largest, "times": repeats}
    made = {key: limits[key] if key in limits and limits[key] < amount(value) <= 1e9 else value for key, value in node.items()}
    inside = max(1, int(repeats / max(1.0, amount(made.get("times")))))
    return {key: value if key in limits else tame(value, largest, inside) for key, value in made.items()}
