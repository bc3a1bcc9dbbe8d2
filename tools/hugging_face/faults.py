#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes ten faults in fresh models of the transformers library and shows what `sigprop inspect` says of each, as docs/one-network.md has it:
python3 tools/hugging_face/faults.py SIGPROP

Needs torch and transformers. The models are small (width 128, 4 layers) and saved as the library saves them. `--save tests/data/weights` in the
place of the program saves still smaller ones, without a fault, that the tests read.
"""
import logging
import math
import pathlib
import subprocess
import sys
import tempfile

import torch
import transformers
from torch import nn

logging.getLogger("transformers").setLevel(logging.ERROR)
WIDTH, LAYERS, WORDS, STD = 128, 4, 1000, 0.02


def gpt2():
    return transformers.GPT2LMHeadModel(transformers.GPT2Config(vocab_size=WORDS, n_embd=WIDTH, n_layer=LAYERS, n_head=4, n_positions=64))


def bert():
    return transformers.BertModel(transformers.BertConfig(vocab_size=WORDS, hidden_size=WIDTH, num_hidden_layers=LAYERS, num_attention_heads=4,
                                                          intermediate_size=4 * WIDTH, max_position_embeddings=64))


def llama():
    return transformers.LlamaForCausalLM(transformers.LlamaConfig(vocab_size=WORDS, hidden_size=WIDTH, num_hidden_layers=LAYERS, num_attention_heads=4,
                                                                  num_key_value_heads=2, intermediate_size=3 * WIDTH))


def unscaled_projections(model):
    for block in model.transformer.h:
        nn.init.normal_(block.attn.c_proj.weight, std=STD)
        nn.init.normal_(block.mlp.c_proj.weight, std=STD)


def scaled_queries(model):
    for layer in model.model.layers:
        for projection in (layer.self_attn.q_proj, layer.self_attn.k_proj, layer.self_attn.v_proj):
            projection.weight.data /= math.sqrt(2 * LAYERS)


def wide_embedding(model):
    nn.init.normal_(model.embeddings.word_embeddings.weight)


def cloned_layers(model):
    model.encoder.layer[3].load_state_dict(model.encoder.layer[1].state_dict())


def zero_output(model):
    nn.init.zeros_(model.model.layers[2].self_attn.o_proj.weight)


def cut_at_two(model):
    for layer in model.encoder.layer:
        nn.init.trunc_normal_(layer.intermediate.dense.weight, std=STD, a=-2 * STD, b=2 * STD)


def xavier(model):
    for layer in model.model.layers:
        nn.init.xavier_uniform_(layer.mlp.down_proj.weight)


def fused_fan_out(model):
    for block in model.transformer.h:
        nn.init.xavier_normal_(block.attn.c_attn.weight)


def gain_zero(model):
    nn.init.zeros_(model.encoder.layer[2].output.LayerNorm.weight)


def default_biases(model):
    for block in model.transformer.h:
        nn.init.uniform_(block.mlp.c_fc.bias, -1 / math.sqrt(WIDTH), 1 / math.sqrt(WIDTH))


CASES = [("The projections into the residual stream are not scaled by depth", gpt2, unscaled_projections),
         ("Depth scaling on queries, keys and values as well", llama, scaled_queries),
         ("An embedding left at PyTorch's default std of 1", bert, wide_embedding),
         ("A layer that is another one's clone", bert, cloned_layers),
         ("An output projection of zeros", llama, zero_output),
         ("A normal cut at two standard deviations", bert, cut_at_two),
         ("xavier_uniform_ in the place of a normal", llama, xavier),
         ("A fused qkv matrix drawn by its whole fan-out", gpt2, fused_fan_out),
         ("A norm's gain of 0", bert, gain_zero),
         ("Biases left at nn.Linear's default", gpt2, default_biases)]


def inspect(sigprop, model, folder):
    model.save_pretrained(folder)
    return subprocess.run([sigprop, "inspect", folder], capture_output=True, text=True, check=False)


def save(folder):
    for make in (gpt2, bert, llama):
        torch.manual_seed(0)
        make().save_pretrained(pathlib.Path(folder) / make.__name__)


def main():
    if sys.argv[1] == "--save":
        global WIDTH, LAYERS, WORDS
        WIDTH, LAYERS, WORDS = 32, 2, 100
        save(sys.argv[2])
        return
    sigprop, shown = sys.argv[1], 3
    for make in (gpt2, bert, llama):
        torch.manual_seed(0)
        with tempfile.TemporaryDirectory() as folder:
            done = inspect(sigprop, make(), folder)
            if done.returncode:
                sys.exit(f"a fresh {make.__name__} is called wrong: {done.stdout}{done.stderr}")
    for number, (title, make, spoil) in enumerate(CASES, 1):
        torch.manual_seed(number)
        model = make()
        spoil(model)
        with tempfile.TemporaryDirectory() as folder:
            done = inspect(sigprop, model, folder)
        wrong = [line for line in done.stdout.splitlines() if line.startswith("WRONG")]
        if done.returncode != 1 or not wrong:
            sys.exit(f"{title}: not found: {done.stdout}{done.stderr}")
        more = f"... and {len(wrong) - shown} more\n" if len(wrong) > shown else ""
        print(f"### {number}. {title}\n\n```\n" + "\n".join(wrong[:shown]) + "\n" + more + "```\n")


if __name__ == "__main__":
    main()
