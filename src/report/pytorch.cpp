// SPDX-License-Identifier: Apache-2.0
#include "report/json_value.hpp"
#include "report/recipe_weights.hpp"
#include "sigprop/report/schemes.hpp"

namespace sigprop::report {
namespace {

using network::LayerStd;

const char* const function = R"PYTHON(
# Parameter names, as torch.nn.TransformerEncoder, torch.nn.Transformer and the transformers library have them. A packed matrix holds
# several weights one after the other along its output features.
PATTERNS = [
    (r"(?:attn|attention)\.in_proj_(weight|bias)$", ("query", "key", "value")),
    (r"c_attn\.(weight|bias)$", ("query", "key", "value")),
    (r"query_key_value\.(weight|bias)$", ("query", "key", "value")),
    (r"(?:q_proj|\.query|q_lin|SelfAttention\.q|EncDecAttention\.q)\.(weight|bias)$", ("query",)),
    (r"(?:k_proj|\.key|k_lin|SelfAttention\.k|EncDecAttention\.k)\.(weight|bias)$", ("key",)),
    (r"(?:v_proj|\.value|v_lin|SelfAttention\.v|EncDecAttention\.v)\.(weight|bias)$", ("value",)),
    (r"(?:attn\.out_proj|o_proj|out_lin|attention\.output\.dense|attention\.dense|attn\.c_proj|SelfAttention\.o|EncDecAttention\.o)\.(weight|bias)$", ("output",)),
    (r"(?:block_sparse_moe|mlp)\.gate\.(weight|bias)$", ("router",)),
    (r"(?:gate_proj|wi_0)\.(weight|bias)$", ("ffn_gate",)),
    (r"(?:linear1|fc1|up_proj|intermediate\.dense|lin1|mlp\.c_fc|mlp\.dense_h_to_4h|wi|wi_1)\.(weight|bias)$", ("ffn_in",)),
    (r"(?:linear2|fc2|down_proj|(?<!attention\.)output\.dense|lin2|mlp\.c_proj|mlp\.dense_4h_to_h|wo)\.(weight|bias)$", ("ffn_out",)),
]
LAYER = re.compile(r"(?:^|\.)(?:layers?|h|block|blocks)\.(\d+)\.")
EMBEDDING = re.compile(r"(?:embed|embeddings?|wte|wpe|shared)[^.]*\.weight$")
NORM = re.compile(r"(?:norm|ln_?\w*|layernorm)[^.]*\.(weight|bias)$", re.IGNORECASE)


def _draw(tensor, std):
    if std == 0:
        torch.nn.init.zeros_(tensor)
    elif CUT == 0:
        torch.nn.init.normal_(tensor, 0.0, std)
    else:
        nominal = std / CUT_FACTOR
        torch.nn.init.trunc_normal_(tensor, 0.0, nominal, -CUT * nominal, CUT * nominal)


def _parts(name, parameter, classes, shapes):
    """Views of a packed parameter, one a weight class."""
    sizes = [shapes[one][0] for one in classes]
    wanted = sum(sizes) * (shapes[classes[0]][1] if parameter.dim() == 2 else 1)
    if parameter.numel() != wanted:
        raise ValueError(f"{name} has {parameter.numel()} elements, but the recipe has {wanted}: is it another model's?")
    if "query_key_value" in name:  # head after head, each with its query, key and value
        return parameter.view(HEADS, len(sizes), -1).unbind(1)
    return parameter.split(sizes, parameter.shape.index(sum(sizes))) if len(sizes) > 1 else [parameter]


def _table_of(name):
    return "position" if re.search("wpe|position", name) else "segment" if re.search("token_type|segment", name) else "token"


def _stack_of(name):
    return "stack" if "stack" in LAYERS else "decoder" if "decoder" in name else "encoder"


@torch.no_grad()
def initialize(model):
    """Draws the parameters of `model` in place. Norms get gain 1 and bias 0. Returns the names of the parameters that it left alone
    (heads, class tokens, patch projections: no recipe covers them). Raises ValueError if a layer's weight is not found or has another
    size. What stands in MODEL belongs into the model's code: x = skip * x + branch * f(x), the norm of a branch times norm_gain, scores
    q·k times score_scale, one more norm before the output projection and before ffn_out where inner_norm is 1."""
    left, found = [], {}
    for name, parameter in model.named_parameters():
        layer = LAYER.search(name)
        match = next(((m, classes) for pattern, classes in PATTERNS if (m := re.search(pattern, name))), None) if layer else None
        if match is not None:
            kind, classes = match[0].group(1), match[1]
            stack = LAYERS[_stack_of(name)]
            index = int(layer.group(1))
            if index >= stack["layers"]:
                raise ValueError(f"{name} is in layer {index + 1}, but the recipe has {stack['layers']} layers")
            for one, part in zip(classes, _parts(name, parameter, classes, stack["shapes"])):
                if kind == "weight":
                    _draw(part, stack["std"][one][index])
                    found.setdefault((_stack_of(name), one), set()).add(index)
                else:
                    _draw(part, stack["ffn_out_bias" if one == "ffn_out" else "bias"][index])
        elif (norm := NORM.search(name)) and parameter.dim() == 1:
            torch.nn.init.constant_(parameter, 1.0 if norm.group(1) == "weight" else 0.0)
        elif EMBEDDING.search(name) and _table_of(name) in EMBEDDING_STD:
            _draw(parameter, EMBEDDING_STD[_table_of(name)])
        else:
            left.append(name)
    for key, stack in LAYERS.items():
        for one in stack["std"]:
            missing = set(range(stack["layers"])) - found.get((key, one), set())
            if missing:
                raise ValueError(f"no parameter of the model was recognized as {one} of {key} layer {min(missing) + 1}")
    return left
)PYTHON";

Json shapes_of(const network::Stack& stack) {
  Json out = Json::object();
  for (const RecipeWeight& weight : weights_of(stack)) out[weight.name] = {weight.out, weight.in};
  return out;
}

Json std_of(const network::Stack& stack) {
  Json out = Json::object();
  for (const RecipeWeight& weight : weights_of(stack)) out[weight.name] = weight.std;
  return out;
}

Json tables_of(const network::Embedding& embedding) {
  Json out = Json::object();
  if (embedding.token.used) out["token"] = embedding.token.std;
  if (embedding.position.used) out["position"] = embedding.position.std;
  if (embedding.segment.used) out["segment"] = embedding.segment.std;
  return out;
}

/// A JSON object of numbers and lists is a Python literal.
void write_stacks(std::ostream& out, const Recipe& recipe) {
  Json layers = Json::object(), model = Json::object();
  for (std::size_t i = 0; i < recipe.stacks.size(); ++i) {
    const network::Stack& stack = recipe.stacks[i];
    const std::string name = stack_name(recipe.stacks, i);
    layers[name] = {{"layers", stack.layers()},
                    {"shapes", shapes_of(stack)},
                    {"std", std_of(stack)},
                    {"bias", deviations(stack, &LayerStd::bias)},
                    {"ffn_out_bias", deviations(stack, &LayerStd::ffn_out_bias)}};
    model[name] = {{"skip", stack.skip},
                   {"branch", stack.branch},
                   {"norm_gain", stack.gain},
                   {"inner_norm", stack.inner_norm ? 1 : 0},
                   {"score_scale", stack.attention.score_scale}};
    if (stack.cross_attention) model[name]["cross_score_scale"] = stack.cross_attention->score_scale;
  }
  out << "# One number a layer; shapes are (output features, input features).\nLAYERS = " << text(layers)
      << "\n\n# What parameters cannot hold; skip, branch and norm_gain have one number a residual branch.\nMODEL = "
      << text(model) << "\n\nHEADS = " << recipe.stacks.front().attention.heads << '\n';
}

}  // namespace

void write_pytorch(std::ostream& out, const Recipe& recipe) {
  const Json title = recipe.scheme + " for " + recipe.model + ", written by sigprop " + SIGPROP_VERSION + ".";
  out << text(title) << "\n\nimport re\n\nimport torch\n\n";
  write_stacks(out, recipe);
  out << "\nEMBEDDING_STD = " << text(recipe.embedding ? tables_of(*recipe.embedding) : Json::object())
      << "\nCUT = " << text(Json(recipe.truncation))
      << "  # standard deviations at which the normal is cut; 0 for nowhere\nCUT_FACTOR = "
      << text(Json(scheme::truncated_std(recipe.truncation))) << "  # deviation after the cut over that before\n"
      << function;
}

}  // namespace sigprop::report
