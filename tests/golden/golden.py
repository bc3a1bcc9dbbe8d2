#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the command line as a user would and compares what it prints with the files in this folder.

Usage: golden.py SIGPROP SOURCE [--update] [--brief]. A golden file holds the exit status, standard output and standard error. Numbers may
differ by one in their last printed digit, which is where machines differ.
"""

import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

SIGPROP, SOURCE = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2])
UPDATE = "--update" in sys.argv
# Predictions of 192 layers over words, which --brief leaves out: under sanitizers each takes a minute.
LONG = {"compare_table", "check_github", "check_preset", "predict_deep_folded", "predict_plot"}
LEFT_OUT = LONG if "--brief" in sys.argv else set()
FOLDER = pathlib.Path(__file__).parent

GAIN = {"sequence_length": 4, "input": {"variance": 1.0}, "components": [
    {"repeat": {"times": 10000, "of": [{"linear": {"in": 100, "out": 100, "weight_std": 0.1414213562373095}}]}}]}

STEEP = {"sequence_length": 4, "input": {"variance": 1.0}, "components": [  # leaves float32 between 1e35 and 1e42, whatever the processor rounds
    {"repeat": {"times": 10, "of": [{"linear": {"in": 100, "out": 100, "weight_std": 1e6}}]}}]}

RELUS = {"name": "relus", "sequence_length": 64, "input": {"variance": 1, "token_correlation": 0.2}, "components": [
    {"repeat": {"times": 20, "of": [{"linear": {"in": 512, "out": 512, "weight_std": 0.0625}}, {"activation": "relu"}]}}]}

SMALL = {"name": "small", "sequence_length": 32, "batch": 2, "input": {"variance": 1, "token_correlation": 0.2},
         "stack": {"layers": 2, "width": 128, "attention": {"heads": 2, "dropout": 0.1}, "ffn": {"width": 512, "activation": "gelu"},
                   "norm": {"kind": "layer_norm", "placement": "pre"}}, "init": {"scheme": "xavier"}}

WORDS = {"name": "words", "sequence_length": 32, "input": {"embedding": {"vocabulary": 500, "tables": ["token", "position"], "std": 1, "norm": "layer_norm"}},
         "stack": {"layers": 2, "width": 64, "attention": {"heads": 2}, "ffn": {"width": 256, "activation": "gelu"},
                   "norm": {"kind": "layer_norm", "placement": "post"}}, "init": {"scheme": "bert"}}
CAUSAL = {"name": "causal", "sequence_length": 32, "input": {"variance": 1, "token_correlation": 0.2},
          "stack": {"layers": 2, "width": 128, "attention": {"heads": 2, "mask": "causal"}, "ffn": {"width": 512, "activation": "gelu"},
                    "norm": {"kind": "layer_norm"}}, "init": {"scheme": "xavier"}, "gradient": {"variance": 1, "token_correlation": 0.1}}

# Every layer takes tables of its own behind a mask; one shows the form of an output.
ONE_CAUSAL = {**CAUSAL, "stack": {**CAUSAL["stack"], "layers": 1}}

PARALLEL = {**SMALL, "name": "parallel", "stack": {**SMALL["stack"], "parallel": True}}

TWO_STACKS = {"name": "two-stacks", "sequence_length": 16, "batch": 2, "input": {"variance": 1, "token_correlation": 0.2},
              "encoder": {"layers": 2, "width": 128, "attention": {"heads": 2}, "ffn": {"width": 256, "activation": "gelu"},
                          "norm": {"kind": "layer_norm"}},
              "decoder": {"layers": 2, "width": 128, "attention": {"heads": 2, "mask": "causal"}, "cross_attention": {"heads": 2},
                          "ffn": {"width": 256, "activation": "gelu"}, "norm": {"kind": "layer_norm"}}, "init": {"scheme": "xavier"}}

BERT = "tests/data/hugging_face/5.23.0/bert/config.json"
NEOX = "tests/data/hugging_face/5.23.0/gpt_neox/config.json"
BLOOM = "tests/data/hugging_face/5.23.0/bloom/config.json"

# Branches whose scale was lost, and branches that a learned scale will wake.
DEAD = {**SMALL, "name": "dead", "stack": {**SMALL["stack"], "residual": {"branch": [1, 0, 1, 1]}}}
ASLEEP = {**DEAD, "name": "asleep", "stack": {**SMALL["stack"], "residual": {"branch": [1, 0, 1, 1], "learned_branch": True}}}

# An embedding so small that an epsilon beside it shows, without one and with one; and all that a
# spec can say of tables and norms.
SMALL_EMBEDDING = {**SMALL, "name": "small-embedding", "input": {"embedding": {"vocabulary": 1000, "tables": ["token"], "std": 0.02}}}
WITH_EPSILON = {**SMALL_EMBEDDING, "name": "with-epsilon",
                "stack": {**SMALL["stack"], "norm": {"kind": "layer_norm", "placement": "pre", "epsilon": 1e-5}}}
TABLES = {**SMALL, "name": "tables",
          "input": {"embedding": {"vocabulary": 1000, "tables": ["token", "position", "segment"], "segments": 1, "norm": "layer_norm",
                                  "norm_epsilon": 1e-3, "std": {"token": 1.0, "position": 0.02, "segment": 0.5}}},
          "stack": {**SMALL["stack"], "ffn": {"width": 512, "activation": "gelu", "dropout": 0.2},
                    "attention": {"heads": 2, "query_key_norm": "rms_norm", "norm_epsilon": 1e-2}}}

# Checks that pass and fail, of each kind of place.
CHECKED = SMALL | {"checks": [
    {"quantity": "forward.variance", "ratio": ["last", "first"], "max": 10},
    {"quantity": "weights.*.gradient_norm", "ratio": ["first", "last"], "min": 0.9, "max": 1.1},
    {"quantity": "attention.entropy_fraction", "at": 1, "min": 0.5},
    {"quantity": "forward.variance", "at": 0, "min": 2}]}

UNCHECKABLE = SMALL | {"checks": [
    {"quantity": "forward.variance", "at": "last", "max": 10},
    {"quantity": "weights.ffn_gate.gradient_norm", "max": 1},
    {"quantity": "forward.mean", "ratio": ["first", "last"], "max": 1}]}

# name: (arguments, standard input)
CASES = {
    "help": (["--help"], ""),
    "version": (["--version"], ""),
    "no_command": ([], ""),
    "unknown_command": (["predct", "specs/bert-base.json"], ""),
    "unknown_option": (["predict", "specs/bert-base.json", "--theroy", "full"], ""),
    "unknown_theory": (["predict", "specs/bert-base.json", "--theory", "ful"], ""),
    "predict_help": (["predict", "--help"], ""),
    "predict_bert": (["predict", "specs/bert-base.json"], ""),
    "predict_bert_paper": (["predict", "specs/bert-base.json", "--theory", "paper"], ""),
    "predict_bert_quiet": (["predict", "specs/bert-base.json", "--theory", "paper", "--quiet", "--format", "csv"], ""),
    "predict_vit_json": (["predict", "specs/vit-base.json", "--format", "json"], ""),
    "predict_mlp_csv": (["predict", "specs/mlp.json", "--format", "csv"], ""),
    "predict_deep_folded": (["predict", "specs/figure-192-xavier-pre.json"], ""),
    "predict_overflow": (["predict", "-"], json.dumps(GAIN)),
    "predict_missing_file": (["predict", "no/such.json"], ""),
    "predict_bad_spec": (["predict", "-"], '{"sequence_length": 0, "stak": {}}'),
    "predict_causal": (["predict", "-"], json.dumps(CAUSAL)),
    "predict_words": (["predict", "-", "--sequences", "4"], json.dumps(WORDS)),
    "predict_words_masked": (["predict", "-", "--sequences", "4"], json.dumps(CAUSAL)),
    "predict_words_sensitivity": (["predict", "-", "--sequences", "4", "--sensitivity", "forward.variance last"], json.dumps(WORDS)),
    "predict_causal_means": (["predict", "-", "--prefix", "means"], json.dumps(CAUSAL)),
    "predict_spread": (["predict", "-", "--spread"], json.dumps(SMALL)),
    "predict_spread_given": (["predict", "-", "--spread", "--given-ends"], json.dumps(SMALL)),
    "predict_spread_causal": (["predict", "-", "--spread"], json.dumps(CAUSAL)),
    "predict_spread_json": (["predict", "-", "--spread", "--format", "json"], json.dumps({**SMALL, "stack": {**SMALL["stack"], "layers": 1}})),
    "predict_covariance": (["predict", "-", "--spread=covariance", "--format", "json", "--quiet"], json.dumps({**SMALL, "stack": {**SMALL["stack"], "layers": 1}})),
    "predict_covariance_table": (["predict", "-", "--spread=covariance"], json.dumps(SMALL)),
    "predict_spread_wrong": (["predict", "-", "--spread=wide"], json.dumps(SMALL)),
    "predict_spread_csv": (["predict", "-", "--spread", "--format", "csv"], json.dumps({**SMALL, "stack": {**SMALL["stack"], "layers": 1}})),
    "predict_spread_of_two_stacks": (["predict", "-", "--spread"], json.dumps(TWO_STACKS)),
    "predict_spread_paper": (["predict", "-", "--spread", "--theory", "paper"], json.dumps(SMALL)),
    "predict_given_ends_alone": (["predict", "-", "--given-ends"], json.dumps(SMALL)),
    "predict_causal_csv": (["predict", "-", "--format", "csv"], json.dumps(ONE_CAUSAL)),
    "predict_causal_paper": (["predict", "-", "--theory", "paper"], json.dumps(CAUSAL)),
    "predict_tokens_json": (["predict", "-", "--tokens", "--format", "json", "--quiet"], json.dumps({**ONE_CAUSAL, "sequence_length": 4})),
    "predict_tokens_csv": (["predict", "-", "--tokens", "--format", "csv", "--quiet"], json.dumps({**ONE_CAUSAL, "sequence_length": 2})),
    "predict_gram_json": (["predict", "-", "--gram", "3", "--format", "json", "--quiet"], json.dumps({**ONE_CAUSAL, "sequence_length": 4})),
    "predict_gram_csv": (["predict", "-", "--gram", "2", "--format", "csv", "--quiet"], json.dumps({**ONE_CAUSAL, "sequence_length": 2})),
    "predict_gram_table": (["predict", "-", "--gram", "8"], json.dumps(CAUSAL)),
    "predict_gram_of_one": (["predict", "-", "--gram", "1", "--format", "json"], json.dumps(CAUSAL)),
    "predict_tokens_table": (["predict", "-", "--tokens"], json.dumps(CAUSAL)),
    "simulate_tokens_table": (["simulate", "-", "--tokens"], json.dumps(CAUSAL)),
    "simulate_tokens_cuda": (["simulate", "-", "--tokens", "--engine", "cuda", "--format", "json"], json.dumps(CAUSAL)),
    "predict_unknown_prefix": (["predict", "-", "--prefix", "mean"], json.dumps(CAUSAL)),
    "predict_output_nowhere": (["predict", "specs/bert-base.json", "--output", "no/such/folder/out.json"], ""),
    "simulate_help": (["simulate", "--help"], ""),
    "simulate_table": (["simulate", "-", "--replicates", "4", "--precision", "float64"], json.dumps(SMALL)),
    "simulate_csv": (["simulate", "-", "--replicates", "2", "--format", "csv", "--precision", "float64"], json.dumps(SMALL)),
    "simulate_out_of_range": (["simulate", "-", "--replicates", "2"], json.dumps(STEEP)),
    "verify_help": (["verify", "--help"], ""),
    "verify_table": (["verify", "-", "--replicates", "12", "--precision", "float64"], json.dumps(SMALL)),
    "verify_one": (["verify", "-", "--replicates", "1", "--precision", "float64"], json.dumps(SMALL)),
    "verify_measured": (["verify", "-", "--measured", "tests/data/measured/off.json"], json.dumps(SMALL)),
    "verify_measured_all": (["verify", "-", "--measured", "tests/data/measured/off.json", "--all", "--github", "--networks", "4"], json.dumps(SMALL)),
    "verify_measured_json": (["verify", "-", "--measured", "tests/data/measured/off.json", "--format", "json"], json.dumps(SMALL)),
    "verify_measured_csv": (["verify", "-", "--measured", "tests/data/measured/right.csv", "--format", "csv"], json.dumps(SMALL)),
    "verify_measured_not_there": (["verify", "-", "--measured", "no/such.json"], json.dumps(SMALL)),
    "verify_measured_of_another": (["verify", "-", "--measured", "tests/data/measured/off.json"], json.dumps(RELUS)),
    "verify_measured_paper": (["verify", "-", "--measured", "tests/data/measured/off.json", "--theory", "paper"], json.dumps(SMALL)),
    "verify_networks_simulated": (["verify", "-", "--networks", "4"], json.dumps(SMALL)),
    "check_help": (["check", "--help"], ""),
    "check_pass": (["check", "specs/bert-base.json", "specs/bert-large.json"], ""),
    "check_preset": (["check", "specs/figure-192-deepscalelm.json", "--preset", "flat"], ""),
    "check_fail": (["check", "-"], json.dumps(CHECKED)),
    "check_fail_csv": (["check", "-", "--format", "csv"], json.dumps(CHECKED)),
    "check_fail_json": (["check", "-", "--format", "json"], json.dumps(CHECKED)),
    "check_github": (["check", "specs/figure-192-xavier-pre.json", "--preset", "stable", "--github"], ""),
    "check_no_checks": (["check", "specs/vit-base.json"], ""),
    "check_cannot_be_evaluated": (["check", "-"], json.dumps(UNCHECKABLE)),
    "check_no_gradient": (["check", "-", "--preset", "trainable"], json.dumps(DEAD)),
    "check_learned_scale": (["check", "-", "--preset", "trainable"], json.dumps(ASLEEP)),
    "predict_no_gradient": (["predict", "-"], json.dumps(DEAD)),
    "predict_legend": (["predict", "-", "--legend"], json.dumps(SMALL)),
    "predict_no_epsilon": (["predict", "-"], json.dumps(SMALL_EMBEDDING)),
    "predict_tables": (["predict", "-"], json.dumps(TABLES)),
    "expand_tables": (["expand", "-"], json.dumps(TABLES)),
    "explain_epsilon": (["explain", "-", "--layer", "1"], json.dumps(WITH_EPSILON)),
    "compare_fitting": (["compare", "-", "--schemes", "fitting"], json.dumps(SMALL)),
    "check_paper": (["check", "specs/bert-base.json", "--preset", "trainable", "--theory", "paper"], ""),
    "check_bad_spec_among_good": (["check", "no/such.json", "specs/bert-base.json"], ""),
    "check_schema_among_specs": (["check", "specs/sigprop.schema.json", "specs/bert-base.json"], ""),
    "check_schema_alone": (["check", "specs/sigprop.schema.json"], ""),
    "check_unknown_preset": (["check", "specs/bert-base.json", "--preset", "stabel"], ""),
    "experiment_help": (["experiment", "--help"], ""),
    "experiment_unknown": (["experiment", "sotfmax"], ""),
    "predict_sensitivity": (["predict", "-", "--sensitivity", "backward.variance first/last"], json.dumps(SMALL)),
    "predict_sensitivity_json": (["predict", "-", "--sensitivity", "forward.variance last", "--format", "json", "--theory", "paper"], json.dumps(SMALL)),
    "predict_sensitivity_csv": (["predict", "-", "--sensitivity", "attention.entropy 1", "--format", "csv"], json.dumps(SMALL)),
    "predict_sensitivity_causal": (["predict", "-", "--sensitivity", "forward.variance last"], json.dumps(ONE_CAUSAL)),
    "predict_sensitivity_without_place": (["predict", "-", "--sensitivity", "forward.variance"], json.dumps(SMALL)),
    "predict_sensitivity_of_zero": (["predict", "-", "--sensitivity", "forward.mean last"], json.dumps(SMALL)),
    "predict_sensitivity_overflow": (["predict", "-", "--sensitivity", "forward.variance last"], json.dumps(GAIN)),
    "predict_sensitivity_with_plot": (["predict", "-", "--plot", "--sensitivity", "forward.variance last"], json.dumps(SMALL)),
    "init_target": (["init", "-", "--target", "forward.variance ratio last/first = 1.5", "--adjust", "residual.branch"], json.dumps(SMALL)),
    "init_target_of_scheme": (["init", "-", "--scheme", "xavier", "--target", "attention.score_variance 1 = 0.5", "--adjust",
                               "stack.attention.score_scale"], json.dumps(SMALL)),
    "init_target_out_of_reach": (["init", "-", "--target", "forward.variance last = 0.5", "--adjust", "attention.score_scale"],
                                 json.dumps(SMALL)),
    "init_target_without_value": (["init", "-", "--target", "forward.variance last", "--adjust", "residual.branch"], json.dumps(SMALL)),
    "init_target_of_a_size": (["init", "-", "--target", "forward.variance last = 1", "--adjust", "width"], json.dumps(SMALL)),
    "init_target_of_a_zero": (["init", "-", "--target", "forward.variance last = 1", "--adjust", "init.std.bias"], json.dumps(SMALL)),
    "init_target_of_no_knob": (["init", "-", "--target", "forward.variance last = 1", "--adjust", "residual.brunch"], json.dumps(SMALL)),
    "init_target_of_components": (["init", "specs/mlp.json", "--target", "forward.variance last = 1", "--adjust", "init.std.linear"], ""),
    "init_neither": (["init", "-"], json.dumps(SMALL)),
    "init_help": (["init", "--help"], ""),
    "init_spec": (["init", "-", "--scheme", "layernorm_scaling"], json.dumps(SMALL)),
    "init_recipe": (["init", "-", "--scheme", "olmo_mitchell", "--recipe"], json.dumps(SMALL)),
    "init_pytorch": (["init", "-", "--scheme", "deepscalelm:k=1", "--pytorch"], json.dumps(SMALL)),
    "init_switch": (["init", "-", "--scheme", "gpt2:output_scaling=0.5"], json.dumps(SMALL)),
    "init_parameter_twice": (["init", "-", "--scheme", "bert:std=0.1:std=0.2"], json.dumps(SMALL)),
    "init_does_not_fit": (["init", "-", "--scheme", "admin", "--keep-norm"], json.dumps(SMALL)),
    "init_far_out": (["init", "-", "--scheme", "gpt2:std=1000000"], json.dumps(SMALL)),
    "compare_bad_spec": (["compare", "-", "--schemes", "gpt2,all"], '{"sequence_length": 0, "stak": {}}'),
    "compare_long_names": (["compare", "-", "--schemes", "deepscalelm:k=1:branches=12,deepscalelm:k=2:branches=12,sub_ln"], json.dumps(SMALL)),
    "init_unknown_scheme": (["init", "-", "--scheme", "depnorm"], json.dumps(SMALL)),
    "init_unknown_parameter": (["init", "-", "--scheme", "deepscalelm:beta=2"], json.dumps(SMALL)),
    "init_parameter_without_value": (["init", "-", "--scheme", "deepscalelm:k"], json.dumps(SMALL)),
    "init_parameter_out_of_range": (["init", "-", "--scheme", "bert:truncation=-2"], json.dumps(SMALL)),
    "init_components": (["init", "specs/mlp.json", "--scheme", "gpt2"], ""),
    "init_recipe_and_pytorch": (["init", "specs/bert-base.json", "--scheme", "gpt2", "--recipe", "--pytorch"], ""),
    "compare_help": (["compare", "--help"], ""),
    "compare_table": (["compare", "specs/bert-base.json", "--schemes", "bert,gpt2,llama,deepnorm,deepscalelm,deepscalelm_full", "--quiet"], ""),
    "compare_csv": (["compare", "-", "--schemes", "xavier,bert:truncation=2,rezero", "--format", "csv"], json.dumps(SMALL)),
    "compare_json": (["compare", "-", "--schemes", "deepnorm", "--format", "json"], json.dumps(
        {**SMALL, "stack": {**SMALL["stack"], "layers": 1}})),
    "compare_causal": (["compare", "-", "--schemes", "gpt2,bert"], json.dumps(
        {**SMALL, "stack": {**SMALL["stack"], "attention": {"heads": 2, "mask": "causal"}}})),
    "compare_no_scheme_applies": (["compare", "-", "--schemes", "gpt2,bert", "--theory", "paper"], json.dumps(
        {**SMALL, "stack": {**SMALL["stack"], "attention": {"heads": 2, "mask": "causal"}}})),
    "compare_nothing": (["compare", "specs/bert-base.json", "--schemes", ""], ""),
    "predict_parallel": (["predict", "-", "--quiet"], json.dumps(PARALLEL)),
    "predict_two_stacks": (["predict", "-", "--quiet"], json.dumps(TWO_STACKS)),
    "predict_two_stacks_csv": (["predict", "-", "--quiet", "--format", "csv"], json.dumps(TWO_STACKS)),
    "verify_two_stacks": (["verify", "-", "--quiet", "--replicates", "4", "--seed", "1"], json.dumps(TWO_STACKS)),
    "schema_help": (["schema", "--help"], ""),
    "schema_results": (["schema", "--results"], ""),
    "man_help": (["man", "--help"], ""),
    "completion_help": (["completion", "--help"], ""),
    "completion_unknown": (["completion", "fish"], ""),
    "schemes_help": (["schemes", "--help"], ""),
    "schemes_deepscalelm": (["schemes", "deepscalelm"], ""),
    "schemes_json": (["schemes", "gpt2", "--format", "json"], ""),
    "schemes_csv": (["schemes", "mup", "--format", "csv"], ""),
    "schemes_unknown": (["schemes", "mupp"], ""),
    "expand_vit": (["expand", "specs/vit-base.json"], ""),
    "expand_help": (["expand", "--help"], ""),
    "import_help": (["import", "--help"], ""),
    "inspect_help": (["inspect", "--help"], ""),
    "inspect_absent": (["inspect", "absent.safetensors"], ""),
    "import_bert": (["import", BERT, "--sequence-length", "512", "--batch", "8"], ""),
    "import_vit": (["import", "-"], json.dumps({"model_type": "vit", "hidden_size": 384, "num_attention_heads": 6})),
    "predict_plot": (["predict", "specs/figure-192-xavier-pre.json", "--plot"], ""),
    "predict_plot_json": (["predict", "specs/bert-base.json", "--plot", "--format", "json"], ""),
    "sweep_help": (["sweep", "--help"], ""),
    "sweep_small": (["sweep", "-", "--set", "stack.layers=1,2", "--threads", "1"], json.dumps(SMALL)),
    "import_unknown_type": (["import", "-", "--sequence-length", "128"], json.dumps({"model_type": "gptneox"})),
    "import_no_sequence_length": (["import", BERT], ""),
    "import_unknown_key": (["import", "-", "--sequence-length", "128", "--output", "-"],
                           json.dumps({"model_type": "gpt2", "n_layers": 24, "scale_attn_by_inverse_layer_idx": True, "n_layer": 2})),
    "import_strict": (["import", BLOOM, "--sequence-length", "128", "--strict"], ""),
    "import_quiet": (["import", NEOX, "--sequence-length", "128", "--quiet"], ""),
    "import_missing_file": (["import", "no/such.json"], ""),
    "explain_help": (["explain", "--help"], ""),
    "explain_bert": (["explain", "specs/bert-base.json", "--layer", "3"], ""),
    "explain_input": (["explain", "specs/bert-base.json", "--layer", "0", "--across"], ""),
    "explain_unmasked": (["explain", "-", "--unmasked", "--layer", "2"], json.dumps(CAUSAL)),
    "explain_masked": (["explain", "-"], json.dumps(CAUSAL)),
    "explain_json": (["explain", "-", "--format", "json"], json.dumps(RELUS)),
    "explain_csv": (["explain", "-", "--format", "csv"], json.dumps(RELUS)),
    "explain_latex": (["explain", "-", "--latex"], json.dumps(RELUS)),
    "explain_latex_as_json": (["explain", "-", "--latex", "--format", "json"], json.dumps(RELUS)),
    "explain_no_layer": (["explain", "specs/bert-base.json", "--layer", "13"], ""),
    "explain_layer_of_two_stacks": (["explain", "specs/transformer-base.json", "--layer", "2"], ""),
    "explain_far_out": (["explain", "-", "--layer", "9000"], json.dumps(GAIN)),
    "formulas_dropout": (["formulas", "dropout"], ""),
    "formulas_text": (["formulas", "dropout", "--text"], ""),
    "formulas_latex": (["formulas", "relu", "--latex"], ""),
    "formulas_quadrature": (["formulas", "softmax_row_head_width", "--latex"], ""),
    "formulas_text_as_json": (["formulas", "relu", "--text", "--format", "json"], ""),
    "formulas_all_and_name": (["formulas", "relu", "--all", "docs"], ""),
    "formulas_all_nowhere": (["formulas", "--all", "no/such/folder"], ""),
    "formulas_unknown": (["formulas", "drop_out"], ""),
    "formulas_residual_json": (["formulas", "residual", "--format", "json"], ""),
}

NUMBER = re.compile(r"-?\d+\.?\d*(?:e[+-]?\d+)?")


def run(arguments, text):
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    result = subprocess.run([SIGPROP, *arguments], input=text, capture_output=True, text=True, cwd=SOURCE, check=False, env=environment)
    return f"exit status {result.returncode}\n--- standard output\n{result.stdout}--- standard error\n{result.stderr}"


def last_digit(number):
    """One unit in the last printed digit, or of the twelfth significant one of a long number."""
    mantissa, _, exponent = number.partition("e")
    decimals = len(mantissa.partition(".")[2])
    return max(10.0 ** (-decimals + int(exponent or 0)), abs(float(number)) * 1e-12)


def same(a, b):
    if NUMBER.sub("#", a) != NUMBER.sub("#", b):
        return False
    pairs = zip(NUMBER.findall(a), NUMBER.findall(b))
    return all(x == y or abs(float(x) - float(y)) <= 1.001 * max(last_digit(x), last_digit(y)) for x, y in pairs)


def check_files():
    """A result file is written whole, and nothing is left behind when the work fails."""
    faults = []
    with tempfile.TemporaryDirectory() as folder:
        target = os.path.join(folder, "result.json")
        subprocess.run([SIGPROP, "predict", "specs/bert-base.json", "--format", "json", "--output", target], cwd=SOURCE, check=True)
        with open(target, encoding="utf-8") as file:
            if len(json.load(file)["points"]) != 25:
                faults.append("--output wrote an incomplete result")
        failed = subprocess.run([SIGPROP, "predict", "no.json", "--output", os.path.join(folder, "other.json")], capture_output=True,
                                cwd=SOURCE, check=False)
        if failed.returncode != 2 or os.listdir(folder) != ["result.json"]:
            faults.append(f"a failed run left {os.listdir(folder)}")
        subprocess.run([SIGPROP, "formulas", "--all", folder], check=True)
        if sorted(os.listdir(folder)) != ["formulas.md", "formulas.tex", "result.json"]:
            faults.append(f"formulas --all left {os.listdir(folder)}")
    if os.path.exists("/dev/full"):
        with open("/dev/full", "w", encoding="utf-8") as full:
            status = subprocess.run([SIGPROP, "predict", "specs/bert-base.json"], stdout=full, stderr=subprocess.DEVNULL, cwd=SOURCE,
                                    check=False).returncode
        if status != 3:
            faults.append(f"a full disk gave exit status {status}, not 3")
    return faults


def check_documents():
    """The README shows what the program prints, and docs/theory.md has every formula by its name."""
    faults = []
    table = subprocess.run([SIGPROP, "predict", "specs/bert-base.json"], capture_output=True, text=True, cwd=SOURCE, check=True).stdout
    readme = (SOURCE / "README.md").read_text(encoding="utf-8")
    shown = readme.partition("$ sigprop predict specs/bert-base.json\n")[2].partition("```")[0]
    if not same(shown, table):
        faults.append("README.md does not show what `sigprop predict specs/bert-base.json` prints")
    theory = (SOURCE / "docs/theory.md").read_text(encoding="utf-8")
    listed = json.loads(subprocess.run([SIGPROP, "formulas", "--format", "json"], capture_output=True, text=True, check=True).stdout)
    for formula in listed["formulas"]:
        if not re.search(rf"\b{formula['name']}\b", theory):
            faults.append(f"docs/theory.md does not have the formula {formula['name']}")
    return faults


def check_ci_document():
    """docs/ci.md: the example passes, and fails without GPT-2's scaling, each time with the table that is shown."""
    page = (SOURCE / "docs/ci.md").read_text(encoding="utf-8")
    spec = page.partition("```json\n")[2].partition("```")[0]
    right = '"init": { "scheme": "gpt2" }'
    wrong = '"init": { "scheme": "gpt2", "std": { "output": 0.02, "ffn_out": 0.02 } }'
    shown = [block.partition("```")[0] for block in page.split("$ sigprop check gpt2.json\n")[1:]]
    faults = []
    with tempfile.TemporaryDirectory() as folder:
        for init, table, status in zip((right, wrong), shown, (0, 1)):
            pathlib.Path(folder, "gpt2.json").write_text(spec.replace(right, init), encoding="utf-8")
            done = subprocess.run([SIGPROP, "check", "gpt2.json"], capture_output=True, text=True, cwd=folder, check=False)
            if init not in page or done.returncode != status or not same(table, done.stdout):
                faults.append(f"docs/ci.md does not show what its example with {init} prints, status {done.returncode}:\n{done.stdout}")
    if len(shown) != 2:
        faults.append(f"docs/ci.md shows {len(shown)} tables of its example, not 2")
    return faults


def check_schemes_document():
    """docs/schemes.md has a row for every scheme and every parameter, as `sigprop schemes` tells them."""
    page = (SOURCE / "docs/schemes.md").read_text(encoding="utf-8")
    listed = json.loads(subprocess.run([SIGPROP, "schemes", "--format", "json"], capture_output=True, text=True, check=True).stdout)
    rows = []
    for scheme in listed["schemes"]:
        cells = [scheme[key] or "–" for key in ("embedding", "query_key", "value", "output", "ffn_in", "ffn_out", "residual", "norm")]
        rows.append(f"| `{scheme['name']}` | {' | '.join(cells)} | {scheme['source']} ({scheme['evidence']}) |")
        for parameter in scheme["parameters"]:
            default = "by the model" if parameter["default"] is None else parameter["default"]
            rows.append(f"| `{scheme['name']}` | `{parameter['name']}` | {default} | {parameter['about']} |")
    return [f"docs/schemes.md does not have the row\n{row}" for row in rows if row not in page]


def names_in(json_object, name=""):
    """The dotted names of the numbers in a result's point or layer; those of a weight have NAME in its place."""
    if isinstance(json_object, list):
        return names_in(json_object[0], name)
    if not isinstance(json_object, dict) or "mean" in json_object and "standard_error" in json_object:
        return {re.sub(r"^weights\.\w+\.", "weights.NAME.", name)}
    return {inner for key, value in json_object.items() for inner in names_in(value, f"{name}.{key}" if name else key)}


def check_quantities():
    """Both interpreters fill, and `verify` compares, every quantity of the table; docs/results.md shows it; figures name no other."""
    table = subprocess.run([SIGPROP, "schema", "--results"], capture_output=True, text=True, check=True).stdout
    known = set(re.findall(r"^\| `([^`]+)`", table, re.MULTILINE))
    page = (SOURCE / "docs/results.md").read_text(encoding="utf-8")
    faults = [f"docs/results.md does not have what `sigprop schema --results` prints:\n{part}" for part in table.split("\n\n") if part.strip() not in page]
    keys = {"index", "path", "layer", "weights.NAME.std"}
    runs = {"predict": ["--gram", "3"], "simulate": ["--gram", "3", "--replicates", "2"],
            "verify": ["--replicates", "2"]}
    for command, options in runs.items():
        done = subprocess.run([SIGPROP, command, "-", "--tokens", "--quiet", "--format", "json", *options], input=json.dumps(TWO_STACKS),
                              capture_output=True, text=True, check=True)
        result = json.loads(done.stdout)
        if command == "verify":
            names = {re.sub(r"^weights\.\w+\.", "weights.NAME.", one["quantity"]) for one in result["quantities"]}
            expected = known - {"forward.gram", "attention.entropy_fraction", "cross_attention.entropy_fraction"}
        else:
            names = set().union(*(names_in(place) for place in result["points"] + result["layers"])) - keys
            expected = known
        if names != expected:
            faults.append(f"sigprop {command} has {sorted(names - expected)} beside the table of quantities and lacks {sorted(expected - names)}")
    last_parts = {name.rpartition(".")[2] for name in known}
    for path in sorted((SOURCE / "python/sigprop/plot").glob("*.py")):
        text = path.read_text(encoding="utf-8")
        named = {re.sub(r"^weights\.\w+\.", "weights.NAME.", name) for name in
                 re.findall(r"\b((?:forward|backward|attention|cross_attention|weights)(?:\.[a-z_]+)+)", text)}
        linear = re.search(r"^LINEAR = \((.*?)\)", text, re.MULTILINE)
        named |= {name for name in re.findall(r'"(\w+)"', linear[1]) if name not in last_parts} if linear else set()
        faults += [f"{path.name} names {name}, which is no quantity of the table" for name in sorted(named - known)]
    return faults


def main():
    faults = check_files() + check_documents() + check_ci_document() + check_schemes_document() + check_quantities()
    chosen = {name: case for name, case in CASES.items() if name not in LEFT_OUT}
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        printed_by_case = dict(zip(chosen, pool.map(lambda case: run(*case), chosen.values())))
    for name, (arguments, _) in chosen.items():
        printed = printed_by_case[name]
        path = FOLDER / f"{name}.golden"
        if UPDATE:
            path.write_text(printed, encoding="utf-8")
        elif not path.exists() or not same(printed, path.read_text(encoding="utf-8")):
            faults.append(f"{name}: sigprop {' '.join(arguments)} printed\n{printed}\nbut {path.name} holds something else")
    stale = {path.stem for path in FOLDER.glob("*.golden")} - set(CASES)
    faults += [f"{name}.golden belongs to no case" for name in sorted(stale)]
    print("\n".join(faults) or f"{len(chosen)} cases as stored" + (f", {len(LEFT_OUT)} left out" if LEFT_OUT else ""))
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
