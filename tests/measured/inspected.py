#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Files of weights against sigprop inspect: python3 tests/measured/inspected.py SIGPROP ROOT

Weights as GPT-2's, BERT's and Llama's classes draw and name them pass for 200 seeds each; of ten faults that were made in public each is named with
layer and tensor; files that are wrong are refused with a reason. Exit status 77 where NumPy is absent.
"""
import json
import pathlib
import struct
import subprocess
import sys
import tempfile

try:
    import numpy as np
except ImportError:
    sys.exit(77)

SIGPROP, ROOT = sys.argv[1:3]
SEEDS, WIDTH, LAYERS, WORDS, STD = 200, 64, 3, 300, 0.02
CONFIGS = {
    "gpt2": {"model_type": "gpt2", "vocab_size": WORDS, "n_embd": WIDTH, "n_layer": LAYERS, "n_head": 4, "n_positions": 32, "initializer_range": STD},
    "bert": {"model_type": "bert", "vocab_size": WORDS, "hidden_size": WIDTH, "num_hidden_layers": LAYERS, "num_attention_heads": 4,
             "intermediate_size": 4 * WIDTH, "max_position_embeddings": 32, "initializer_range": STD},
    "llama": {"model_type": "llama", "vocab_size": WORDS, "hidden_size": WIDTH, "num_hidden_layers": LAYERS, "num_attention_heads": 4,
              "num_key_value_heads": 2, "intermediate_size": 3 * WIDTH, "initializer_range": STD},
}


def normal(random, shape, std):
    return (std * random.standard_normal(shape)).astype(np.float32)


def gpt2(random):
    """As transformers names and draws them: matrices are (in, out), the projections into the residual stream scaled by depth."""
    scaled = STD / np.sqrt(2 * LAYERS)
    out = {"wte.weight": normal(random, (WORDS, WIDTH), STD), "wpe.weight": normal(random, (32, WIDTH), STD)}
    for layer in range(LAYERS):
        for name, inner, outer, std in (("attn.c_attn", WIDTH, 3 * WIDTH, STD), ("attn.c_proj", WIDTH, WIDTH, scaled),
                                        ("mlp.c_fc", WIDTH, 4 * WIDTH, STD), ("mlp.c_proj", 4 * WIDTH, WIDTH, scaled)):
            out[f"h.{layer}.{name}.weight"] = normal(random, (inner, outer), std)
            out[f"h.{layer}.{name}.bias"] = np.zeros(outer, np.float32)
        for name in ("ln_1", "ln_2"):
            out[f"h.{layer}.{name}.weight"] = np.ones(WIDTH, np.float32)
            out[f"h.{layer}.{name}.bias"] = np.zeros(WIDTH, np.float32)
    return out


def layers_of(random, prefix, matrices, norms, biased):
    """Layers of matrices (out, in) of one std and of norms, biases of 0 with both where they have some."""
    out = {}
    for layer in range(LAYERS):
        for name, outer, inner in matrices:
            out[f"{prefix}.{layer}.{name}.weight"] = normal(random, (outer, inner), STD)
            if biased:
                out[f"{prefix}.{layer}.{name}.bias"] = np.zeros(outer, np.float32)
        for name in norms:
            out[f"{prefix}.{layer}.{name}.weight"] = np.ones(WIDTH, np.float32)
            if biased:
                out[f"{prefix}.{layer}.{name}.bias"] = np.zeros(WIDTH, np.float32)
    return out


def bert(random):
    out = {"embeddings.word_embeddings.weight": normal(random, (WORDS, WIDTH), STD),
           "embeddings.position_embeddings.weight": normal(random, (32, WIDTH), STD),
           "embeddings.token_type_embeddings.weight": normal(random, (2, WIDTH), STD)}
    out["embeddings.word_embeddings.weight"][0] = 0  # the padding's row
    matrices = (("attention.self.query", WIDTH, WIDTH), ("attention.self.key", WIDTH, WIDTH), ("attention.self.value", WIDTH, WIDTH),
                ("attention.output.dense", WIDTH, WIDTH), ("intermediate.dense", 4 * WIDTH, WIDTH), ("output.dense", WIDTH, 4 * WIDTH))
    return out | layers_of(random, "encoder.layer", matrices, ("attention.output.LayerNorm", "output.LayerNorm"), biased=True)


def llama(random):
    out = {"model.embed_tokens.weight": normal(random, (WORDS, WIDTH), STD), "lm_head.weight": normal(random, (WORDS, WIDTH), STD)}
    matrices = (("self_attn.q_proj", WIDTH, WIDTH), ("self_attn.k_proj", WIDTH // 2, WIDTH), ("self_attn.v_proj", WIDTH // 2, WIDTH),
                ("self_attn.o_proj", WIDTH, WIDTH), ("mlp.gate_proj", 3 * WIDTH, WIDTH), ("mlp.up_proj", 3 * WIDTH, WIDTH),
                ("mlp.down_proj", WIDTH, 3 * WIDTH))
    return out | layers_of(random, "model.layers", matrices, ("input_layernorm", "post_attention_layernorm"), biased=False)


MODELS = {"gpt2": gpt2, "bert": bert, "llama": llama}


def bytes_of(tensors, types=None):
    """A .safetensors file of float32 numbers, or of those whose bytes are given."""
    header, data = {}, b""
    for name, tensor in tensors.items():
        raw = np.ascontiguousarray(tensor).tobytes()
        header[name] = {"dtype": (types or {}).get(name, "F32"), "shape": list(tensor.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


class Folder:
    def __init__(self, path):
        self.path = pathlib.Path(path)

    def file(self, name, content):
        (self.path / name).write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        return str(self.path / name)


def inspect(*arguments):
    return subprocess.run([SIGPROP, "inspect", *map(str, arguments)], capture_output=True, text=True, check=False)


def require(condition, what):
    if not condition:
        sys.exit(f"inspected.py: {what}")


def check_good(folder):
    for name, draw in MODELS.items():
        config = folder.file("config.json", CONFIGS[name])
        wrong = []
        for seed in range(SEEDS):
            model = folder.file("model.safetensors", bytes_of(draw(np.random.default_rng(seed))))
            done = inspect(model, "--config", config)
            require(done.returncode in (0, 1), f"{name}, seed {seed}: {done.stderr}")
            if done.returncode == 1:
                wrong.append((seed, done.stderr))
        # At level 1e-3 three of 200 models that are right are called wrong once in 900 times.
        require(len(wrong) <= 2, f"{name}: {len(wrong)} of {SEEDS} models that are right are called wrong: {wrong[:2]}")


def check_saved():
    """Files that the transformers library saved (tools/hugging_face/faults.py --save)."""
    for name in MODELS:
        model = pathlib.Path(ROOT) / "tests/data/weights" / name
        done = inspect(model, "--spectral", "--format", "json")
        require(done.returncode == 0, f"{model}: {done.stdout}{done.stderr}")
        found = json.loads(done.stdout)["tensors"]
        layers = {weight["layer"] for weight in found}
        require({1, 2} <= layers, f"{model}: layers {layers}")
        for weight in found:
            if weight["role"] in ("query", "key", "value", "output", "ffn_in", "ffn_out"):
                require(0.7 < weight["spectral_ratio"] < 1.3, f"{model}: {weight['place']} has the spectral ratio {weight['spectral_ratio']}")


def cut(random, shape, std, at):
    out = np.empty(0)
    while out.size < np.prod(shape):
        drawn = random.standard_normal(2 * int(np.prod(shape)))
        out = np.concatenate([out, drawn[np.abs(drawn) < at]])
    return (std * out[:int(np.prod(shape))]).reshape(shape).astype(np.float32)


def with_changed(tensors, part, change):
    return {name: change(tensor) if part in name and name.endswith("weight") else tensor for name, tensor in tensors.items()}


def faults(random):
    """What was done to a model, and the words that must name it."""
    deep = np.float32(1 / np.sqrt(2 * LAYERS))
    yield "gpt2", "output projections not scaled", lambda t: with_changed(t, "c_proj", lambda w: w / deep), ["layer 3 output (h.2.attn.c_proj.weight)", "layer 1 ffn_out"]
    yield "gpt2", "depth scaling on q, k, v", lambda t: with_changed(t, "c_attn", lambda w: w * deep), ["layer 1 query (h.0.attn.c_attn.weight)", "layer 3 value"]
    yield "llama", "an embedding of std 1", lambda t: with_changed(t, "embed_tokens", lambda w: w / STD), ["embedding.token (model.embed_tokens.weight): std is"]
    yield "bert", "cloned layers", lambda t: {n: t[n.replace("layer.2.", "layer.1.")] for n in t}, ["layer 3 query (encoder.layer.2.attention.self.query.weight) equals layer 2 query"]
    yield "llama", "one output zero", lambda t: with_changed(t, "layers.1.self_attn.o_proj", lambda w: 0 * w), ["layer 2 output (model.layers.1.self_attn.o_proj.weight): every element is 0"]
    yield "bert", "cut at two standard deviations", lambda t: with_changed(t, "layer.0.intermediate", lambda w: cut(random, w.shape, STD, 2)), ["layer 1 ffn_in (", "a normal cut at 2.0 standard deviations"]
    yield "llama", "xavier_uniform", lambda t: with_changed(t, "q_proj", lambda w: random.uniform(-1, 1, w.shape).astype(np.float32) * np.float32(np.sqrt(6 / sum(w.shape)))), ["layer 1 query (", "uniform"]
    yield "gpt2", "fused q, k, v by the fan-out of all three", lambda t: with_changed(t, "c_attn", lambda w: normal(random, w.shape, np.sqrt(2 / sum(w.shape)))), ["layer 2 key (h.1.attn.c_attn.weight): std is"]
    yield "bert", "a gain of 0", lambda t: with_changed(t, "layer.1.output.LayerNorm", lambda w: 0 * w), ["layer 2 gain (encoder.layer.1.output.LayerNorm.weight): every element is 0, but must be 1"]
    yield "bert", "biases that are not 0", lambda t: {n: normal(random, w.shape, 0.1) if n.endswith("layer.2.attention.self.key.bias") else w for n, w in t.items()}, ["layer 3 bias (encoder.layer.2.attention.self.key.bias): std is"]
    yield "gpt2", "a std 10 % off in one layer", lambda t: with_changed(t, "h.1.mlp.c_fc", lambda w: w * np.float32(1.1)), ["layer 2 ffn_in (h.1.mlp.c_fc.weight): std is"]
    yield "gpt2", "a row that was added with another std", lambda t: t | {"wte.weight": np.concatenate([t["wte.weight"][:-1], 2 * t["wte.weight"][-1:]])}, [f"embedding.token (wte.weight): row {WORDS - 1} (from 0 on) has a root mean square of"]
    yield "llama", "numbers that are none", lambda t: with_changed(t, "layers.0.mlp.up_proj", lambda w: np.where(np.arange(w.size).reshape(w.shape) == 5, np.nan, w).astype(np.float32)), ["layer 1 ffn_in (model.layers.0.mlp.up_proj.weight): 1 elements are no finite numbers"]
    yield "llama", "a layer that is not there", lambda t: {n: w for n, w in t.items() if "layers.2." not in n}, ["layer 3 query: is in no file"]


def check_faults(folder):
    random = np.random.default_rng(7)
    for name, what, change, words in faults(random):
        model = folder.file("model.safetensors", bytes_of(change(MODELS[name](np.random.default_rng(1)))))
        done = inspect(model, "--config", folder.file("config.json", CONFIGS[name]))
        require(done.returncode == 1, f"{name}, {what}: ended with {done.returncode}: {done.stderr}")
        for word in words:
            require(word in done.stdout, f"{name}, {what}: does not say {word!r}: {done.stdout}")


def check_findings(folder):
    """Of each kind of fault the JSON has the kind and the tensors."""
    kinds = {"xavier_uniform": "std", "cut at two standard deviations": "cut", "cloned layers": "cloned", "one output zero": "zeros", "a gain of 0": "gain",
             "biases that are not 0": "bias", "a row that was added with another std": "row", "numbers that are none": "non_finite",
             "a layer that is not there": "missing"}
    for name, what, change, _ in faults(np.random.default_rng(7)):
        if what not in kinds:
            continue
        model = folder.file("model.safetensors", bytes_of(change(MODELS[name](np.random.default_rng(1)))))
        result = json.loads(inspect(model, "--config", folder.file("config.json", CONFIGS[name]), "--format", "json").stdout)
        require(any(finding["kind"] == kinds[what] for finding in result["findings"]), f"{what}: {result['findings']}")
        wrong = {tensor["name"] for tensor in result["tensors"] if tensor["verdict"] == "wrong"}
        told = {tensor for finding in result["findings"] if finding["kind"] != "cloned" for tensor in finding["tensors"]}
        require(wrong == told, f"{what}: the tensors {wrong ^ told} are wrong in one list only")


def check_formats(folder):
    """Types, parts of an index, archives, maps, and the spec that is written."""
    tensors = gpt2(np.random.default_rng(3))
    config = folder.file("config.json", CONFIGS["gpt2"])
    half = {name: tensor.astype(np.float16) for name, tensor in tensors.items()}
    brain = {name: (tensor.view(np.uint32) >> 16).astype(np.uint16) for name, tensor in tensors.items()}
    double = {name: tensor.astype(np.float64) for name, tensor in tensors.items()}
    for kind, stored in (("F16", half), ("BF16", brain), ("F64", double)):
        done = inspect(folder.file("other.safetensors", bytes_of(stored, dict.fromkeys(stored, kind))), "--config", config, "--format", "json")
        require(done.returncode == 0, f"{kind}: {done.stdout} {done.stderr}")
        found = next(w for w in json.loads(done.stdout)["tensors"] if w["name"] == "h.0.mlp.c_fc.weight")
        exact = tensors["h.0.mlp.c_fc.weight"].astype(np.float64)
        require(abs(found["std"] / exact.std() - 1) < 1e-2, f"{kind}: std {found['std']} for {exact.std()}")
    # float32 to the last digits.
    model = folder.file("model.safetensors", bytes_of(tensors))
    found = {w["place"]: w for w in json.loads(inspect(model, "--config", config, "--format", "json").stdout)["tensors"]}
    key = tensors["h.1.attn.c_attn.weight"].astype(np.float64)[:, WIDTH:2 * WIDTH]
    centred = key - key.mean()
    require(abs(found["layer 2 key"]["std"] / key.std() - 1) < 1e-9, "a part of a fused matrix has another std")
    require(abs(found["layer 2 key"]["kurtosis"] / ((centred ** 4).mean() / (centred ** 2).mean() ** 2) - 1) < 1e-9, "... kurtosis")
    require(found["layer 2 key"]["largest"] == np.abs(key).max(), "... largest element")
    # Parts beside an index, a folder, an archive.
    names = list(tensors)
    parts = {"a.safetensors": names[:9], "b.safetensors": names[9:]}
    for part, members in parts.items():
        folder.file(part, bytes_of({name: tensors[name] for name in members}))
    index = folder.file("model.safetensors.index.json", {"weight_map": {n: part for part, members in parts.items() for n in members}})
    require(inspect(index, "--config", config).returncode == 0, "an index of two files")
    require(inspect(folder.path).returncode == 0, "a folder")
    np.savez(folder.path / "model.npz", **tensors)
    require(inspect(folder.path / "model.npz", "--config", config).returncode == 0, "an archive of NumPy's")
    np.savez_compressed(folder.path / "small.npz", **tensors)
    require("numpy.savez" in inspect(folder.path / "small.npz").stderr, "a compressed archive is refused with its cure")
    # Other names, and a map for them.
    renamed = folder.file("renamed.safetensors", bytes_of({name.replace("mlp.c_fc", "mix.into"): w for name, w in tensors.items()}))
    done = inspect(renamed, "--config", config)
    require(done.returncode == 1 and "h.0.mix.into.weight" in done.stdout and "layer 1 ffn_in: is in no file" in done.stdout, "names that nobody knows")
    mapped = folder.file("map.json", {r"mix\.into\.weight$": "ffn_in", r"mix\.into\.bias$": "bias"})
    require(inspect(renamed, "--config", config, "--map", mapped).returncode == 0, "a map of names")
    for bad, words in (({"(": "query"}, "no regular expression"), ({"x": "qeury"}, 'did you mean "query"?'), ({"x": 3}, "must mean a weight's name"), ([], "must be a JSON object")):
        done = inspect(renamed, "--map", folder.file("bad.json", bad))
        require(done.returncode == 2 and words in done.stderr, f"the map {bad}: {done.stderr}")
    # The spec as found is predicted.
    out = str(folder.path / "found.json")
    require(inspect(model, "--config", config, "--spec-out", out).returncode == 0, "--spec-out")
    std = json.loads(pathlib.Path(out).read_text())["init"]["std"]["ffn_in"]
    require(abs(std[2] / tensors["h.2.mlp.c_fc.weight"].std() - 1) < 1e-4, f"--spec-out has {std}")
    tables = json.loads(pathlib.Path(out).read_text(encoding="utf-8"))["input"]["embedding"]["std"]
    require(abs(tables["position"] / tensors["wpe.weight"].std() - 1) < 1e-4 and "token" in tables, f"--spec-out has {tables}")
    require(subprocess.run([SIGPROP, "predict", out, "--quiet"], capture_output=True, check=False).returncode == 0, "the spec as found has a prediction")
    require(inspect(model, "--spec", out, "--tolerance", "0.01").returncode == 0, "the weights follow the spec as found")
    # To the last digit, however small.
    small = folder.file("small.safetensors", bytes_of(with_changed(tensors, "mlp.c_fc", lambda w: w * np.float32(1e-5))))
    require(inspect(small, "--config", config, "--spec-out", out).returncode == 1, "--spec-out of small weights")
    std = json.loads(pathlib.Path(out).read_text())["init"]["std"]["ffn_in"]
    require(abs(std[0] / (1e-5 * tensors["h.0.mlp.c_fc.weight"].std()) - 1) < 1e-4, f"--spec-out of small weights has {std}")
    # What is read is not replaced, nor one file written twice.
    done = inspect(model, "--config", config, "--junit", folder.path / "x", "--sarif", folder.path / "x")
    require(done.returncode == 2 and "by another option already" in done.stderr, f"one file for two reports: {done.stderr}")
    for option in ("--output", "--junit", "--spec-out"):
        done = inspect(index, "--config", config, option, folder.path / "a.safetensors")
        require(done.returncode == 2 and "a.safetensors" in done.stderr and (folder.path / "a.safetensors").stat().st_size > 1000, f"{option} onto a part: {done.stderr}")
    # Reports for services.
    wrong = folder.file("wrong.safetensors", bytes_of(with_changed(tensors, "wte", lambda w: 3 * w)))
    junit, sarif = folder.path / "checks.xml", folder.path / "checks.sarif"
    done = inspect(wrong, "--config", config, "--junit", junit, "--sarif", sarif, "--github", "--format", "csv")
    good = folder.path / "good.xml"
    require(inspect(model, "--config", config, "--junit", good).returncode == 0 and "<failure" not in good.read_text(), "a report of a model that is right")
    require(done.returncode == 1 and "::error" in done.stderr and "wte.weight" in junit.read_text() and "wte.weight" in sarif.read_text(), "reports")


def check_two_stacks(folder):
    """An encoder and a decoder, whose cross-attention has weights of its own."""
    random = np.random.default_rng(11)
    config = folder.file("config.json", {"model_type": "bart", "vocab_size": WORDS, "d_model": WIDTH, "encoder_layers": LAYERS, "decoder_layers": LAYERS,
                                         "encoder_attention_heads": 4, "decoder_attention_heads": 4, "encoder_ffn_dim": 4 * WIDTH,
                                         "decoder_ffn_dim": 4 * WIDTH, "max_position_embeddings": 32, "init_std": STD})
    attention = tuple((f"{which}.{part}", WIDTH, WIDTH) for which in ("self_attn", "encoder_attn") for part in ("q_proj", "k_proj", "v_proj", "out_proj"))
    ffn = (("fc1", 4 * WIDTH, WIDTH), ("fc2", WIDTH, 4 * WIDTH))
    tensors = {"shared.weight": normal(random, (WORDS, WIDTH), STD), "encoder.embed_positions.weight": normal(random, (34, WIDTH), STD)}
    tensors |= layers_of(random, "encoder.layers", attention[:4] + ffn, ("self_attn_layer_norm", "final_layer_norm"), biased=True)
    tensors |= layers_of(random, "decoder.layers", attention + ffn, ("self_attn_layer_norm", "encoder_attn_layer_norm", "final_layer_norm"), biased=True)
    done = inspect(folder.file("right.safetensors", bytes_of(tensors)), "--config", config)
    require(done.returncode == 0, f"a BART that is right: {done.stdout} {done.stderr}")
    changed = with_changed(tensors, "decoder.layers.1.encoder_attn.q_proj.weight", lambda w: 1.5 * w)
    changed = with_changed(changed, "encoder.layers.0.fc1.weight", lambda w: 2 * w)
    model, out = folder.file("wrong.safetensors", bytes_of(changed)), str(folder.path / "found.json")
    done = inspect(model, "--config", config, "--spec-out", out)
    require(done.returncode == 1 and "decoder layer 2 cross_query" in done.stdout and "encoder layer 1 ffn_in" in done.stdout, f"faults of two stacks: {done.stdout}")
    init = json.loads(pathlib.Path(out).read_text(encoding="utf-8"))["init"]
    for found, name in ((init["encoder"]["std"]["ffn_in"][0], "encoder.layers.0.fc1"), (init["decoder"]["std"]["ffn_in"][0], "decoder.layers.0.fc1"),
                        (init["decoder"]["std"]["cross_query"][1], "decoder.layers.1.encoder_attn.q_proj"),
                        (init["decoder"]["std"]["query"][1], "decoder.layers.1.self_attn.q_proj")):
        require(abs(found / changed[name + ".weight"].std() - 1) < 1e-4, f"--spec-out has {found} for {name}")
    require(inspect(model, "--spec", out, "--tolerance", "0.01").returncode == 0, "two stacks follow the spec as found")
    absent = {name: tensor for name, tensor in tensors.items() if "decoder.layers.0.encoder_attn.v_proj" not in name}
    done = inspect(folder.file("absent.safetensors", bytes_of(absent)), "--config", config)
    require(done.returncode == 1 and "decoder layer 1 cross_value: is in no file" in done.stdout, f"a cross-attention without values: {done.stdout}")


def check_wrong_files(folder):
    good = bytes_of({"a.q_proj.weight": np.ones((4, 4), np.float32), "b.q_proj.weight": np.ones((4, 4), np.float32)})

    def header(text, data=b""):
        return struct.pack("<Q", len(text)) + text.encode() + data

    def entry(begin, end, shape=(4,), kind="F32"):
        return {"dtype": kind, "shape": list(shape), "data_offsets": [begin, end]}

    cases = {
        "empty": (b"", "too short"), "cut off": (good[:-8], "do not lie in the file"), "a header beyond the file": (struct.pack("<Q", 1 << 40) + good[8:], "cut off"),
        "a header of a gigabyte": (struct.pack("<Q", 1 << 30), "at most 100 000 000"), "no JSON": (header("{"), "no JSON object"), "a list": (header("[1]"), "no JSON object"),
        "twice": (header('{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}', b"0000"), 'names "a" twice'),
        "overlapping": (header(json.dumps({"a": entry(0, 16), "b": entry(8, 24)}), b"0" * 24), "overlap"),
        "a hole": (header(json.dumps({"a": entry(0, 16), "b": entry(20, 36)}), b"0" * 36), "belong to no tensor"),
        "bytes left": (header(json.dumps({"a": entry(0, 16)}), b"0" * 20), "at its end belong to no tensor"),
        "offsets turned round": (header(json.dumps({"a": entry(16, 0)}), b"0" * 16), "do not lie in the file"),
        "a shape of another size": (header(json.dumps({"a": entry(0, 16, (5,))}), b"0" * 16), "its shape needs 20 bytes"),
        "a shape beyond all files": (header(json.dumps({"a": entry(0, 16, (1 << 40, 1 << 40))}), b"0" * 16), "more elements than any file holds"),
        "a negative size": (header(json.dumps({"a": entry(0, 16, (-4,))}), b"0" * 16), "must be a whole number"),
        "an archive cut off": (b"PK\x03\x04" + b"0" * 10, "no .npz that can be read"),
        "names that nobody knows": (bytes_of({"x": np.ones(4, np.float32)}), "--map FILE tells names"),
    }
    for what, (content, words) in cases.items():
        done = inspect(folder.file("bad.safetensors", content))
        require(done.returncode == 2 and words in done.stderr, f"{what}: status {done.returncode}, {done.stderr}")
    for path, words in (("/dev/null", "no ordinary file"), (folder.path / "absent.safetensors", "No such file"), (folder.file("i.json", {"weight_map": {"a": "../b"}}), "beside the index")):
        done = inspect(path)
        require(done.returncode == 2 and words in done.stderr, f"{path}: {done.stderr}")


def main():
    with tempfile.TemporaryDirectory() as path:
        folder = Folder(path)
        check_wrong_files(folder)
    with tempfile.TemporaryDirectory() as path:
        check_formats(Folder(path))
    with tempfile.TemporaryDirectory() as path:
        check_two_stacks(Folder(path))
    with tempfile.TemporaryDirectory() as path:
        check_faults(Folder(path))
    with tempfile.TemporaryDirectory() as path:
        check_findings(Folder(path))
    with tempfile.TemporaryDirectory() as path:
        check_good(Folder(path))
    check_saved()
    print(f"{SEEDS} seeds of {len(MODELS)} models pass, every fault is named")


if __name__ == "__main__":
    main()
