// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "sigprop/check/check.hpp"
#include "sigprop/scheme/scheme.hpp"
#include "spec/names.hpp"
#include "spec/rule.hpp"

namespace sigprop::spec {
namespace {

using Kind = Rule::Kind;

RulePtr make(Rule rule) {
  return std::make_shared<const Rule>(std::move(rule));
}

RulePtr number(double low, double high, Json example, bool above = false, bool below = false) {
  Rule rule;
  rule.minimum = low;
  rule.maximum = high;
  rule.above_minimum = above;
  rule.below_maximum = below;
  rule.example = std::move(example);
  return make(std::move(rule));
}

RulePtr integer(double low, double high, Json example) {
  Rule rule;
  rule.kind = Kind::integer;
  rule.minimum = low;
  rule.maximum = high;
  rule.example = std::move(example);
  return make(std::move(rule));
}

RulePtr plain(Kind kind, Json example) {
  Rule rule;
  rule.kind = kind;
  rule.example = std::move(example);
  return make(std::move(rule));
}

RulePtr choice(std::vector<std::string> names) {
  Rule rule;
  rule.kind = Kind::choice;
  rule.example = names.front();
  rule.choices = std::move(names);
  return make(std::move(rule));
}

RulePtr either(std::vector<RulePtr> alternatives) {
  Rule rule;
  rule.kind = Kind::either;
  rule.example = alternatives.front()->example;
  rule.alternatives = std::move(alternatives);
  return make(std::move(rule));
}

RulePtr array(RulePtr item, std::size_t fewest, std::size_t most, Json example, bool unique = false) {
  Rule rule;
  rule.kind = Kind::array;
  rule.alternatives = {std::move(item)};
  rule.fewest = fewest;
  rule.most = most;
  rule.unique = unique;
  rule.example = std::move(example);
  return make(std::move(rule));
}

RulePtr object(std::vector<Rule::Field> fields, Json example) {
  Rule rule;
  rule.kind = Kind::object;
  rule.fields = std::move(fields);
  rule.example = std::move(example);
  return make(std::move(rule));
}

RulePtr refer(const std::string& name, Json example) {
  Rule rule;
  rule.kind = Kind::reference;
  rule.reference = name;
  rule.example = std::move(example);
  return make(std::move(rule));
}

// Bounds of the numbers: generous, but such that sizes fit an index and products of a few of them
// stay finite.
constexpr double largest_size = 1e7;
constexpr double largest_depth = 1e6;
constexpr double largest_std = 1e6;
constexpr double largest_scale = 1e6;
constexpr std::size_t longest_list = 3000000;

RulePtr size(Json example) {
  return integer(1, largest_size, std::move(example));
}
RulePtr deviation() {
  return number(0, largest_std, 0.02);
}
RulePtr scale(double example) {
  return number(-largest_scale, largest_scale, example);
}
RulePtr probability() {
  return number(0, 1, 0.1, false, true);
}
RulePtr one_or_each(const RulePtr& item) {
  return either({item, array(item, 1, longest_list, Json::array({item->example}))});
}

/// ε of a norm.
RulePtr epsilon() {
  return number(0, 1, 1e-5);
}

RulePtr mask() {
  return choice(names_of(mask_names));
}
RulePtr activation() {
  return choice(names_of(activation_names));
}

std::vector<Rule::Field> attention_fields() {
  return {
      {"heads", size(12), true, "number of heads"},
      {"kv_heads", size(12), false, "heads of keys and values; default heads"},
      {"head_width", size(64), false, "default width / heads"},
      {"mask", mask(), false, "default none"},
      {"dropout", probability(), false, "on the softmax matrix; default 0"},
      {"score_scale", number(0, largest_scale, 0.125, true), false, "factor on q·k; default 1/sqrt(head_width)"},
      {"rotary_base", number(1, 1e12, 10000, true), false, "base of rotary positions; default none"},
      {"rotary_width", size(64), false, "features of a head that turn; even, default head_width"},
      {"query_key_norm", choice(names_of(norm_names)), false, "norm of queries and of keys; default none"},
      {"query_key_norm_over", choice({"head", "all_heads"}), false, "features that it takes together; default head"},
      {"norm_epsilon", epsilon(), false, "of the norms inside attention; default the stack's norm.epsilon, else 0"}};
}

RulePtr attention_component() {
  std::vector<Rule::Field> fields = attention_fields();
  fields.insert(fields.begin(), {"width", size(768), false, "default: the width that arrives"});
  for (const char* name : {"query_std", "key_std", "value_std", "output_std"}) {
    fields.push_back({name, deviation(), true, "standard deviation of the weight's elements"});
  }
  fields.push_back({"bias_std", deviation(), false, "default 0"});
  fields.push_back({"inner_norm", choice(names_of(norm_names)), false,
                    "norm of the heads' outputs before the output projection; default none"});
  return object(std::move(fields), {{"heads", 12}});
}

RulePtr residual_of_stack() {
  return object({{"skip", one_or_each(scale(1)), false, "λ, one number or one per residual branch; default 1"},
                 {"branch", one_or_each(scale(1)), false, "β, likewise; default 1"},
                 {"learned_branch", plain(Kind::boolean, true), false,
                  "β is a parameter, so that a branch of scale 0 learns from the second step on; default the scheme's"},
                 {"dropout", one_or_each(probability()), false,
                  "at the end of a branch, one number or one per residual branch; default 0"}},
                {{"skip", 1}});
}

constexpr const char* router_help =
    "what weighs a token's experts: softmax of their logits, or of all experts', or sigmoid over its sum, or as it is; "
    "default softmax";

RulePtr stack(bool decoder) {
  std::vector<Rule::Field> fields = {
      {"layers", integer(1, largest_depth, 12), true, "number of layers"},
      {"width", size(768), true, "features of a token"},
      {"attention", object(attention_fields(), {{"heads", 12}}), true, "self-attention"},
      {"ffn",
       object({{"width", size(3072), true, "hidden features"},
               {"activation", activation(), true, "elementwise function"},
               {"gated", plain(Kind::boolean, false), false, "φ(x W_gate) ∘ (x W_in); default false"},
               {"dropout", probability(), false, "before the second weight; default 0"},
               {"experts", size(8), false, "networks of which a token takes top_k; default one that all tokens take"},
               {"top_k", size(2), false, "experts of a token; default 1"},
               {"router_std", deviation(), false,
                "of the router's weights; default 0, where experts are drawn uniformly and weighted equally"},
               {"router", choice(names_of(router_names)), false, router_help},
               {"routed_scale", number(0, 1e6, 2.5, true), false, "factor on what the experts say together; default 1"},
               {"shared_width", size(1408), false, "of one more network that all tokens take; default none"},
               {"shared_gate", plain(Kind::boolean, false), false,
                "its output times the sigmoid of one more logit of router_std; default false"}},
              {{"width", 3072}, {"activation", "gelu"}}),
       true, "feed-forward network"},
      {"norm",
       object(
           {{"kind", choice({"layer_norm", "rms_norm", "none"}), true, "normalization"},
            {"placement", choice(names_of(placement_names)), false,
             "before the branch, after the residual sum, before and behind the branch, or behind it only; default pre"},
            {"final", plain(Kind::boolean, true), false, "a last norm after the stack; default true, for post false"},
            {"epsilon", epsilon(), false, "added to the variance, or mean square, under the root; default 0"},
            {"gain", one_or_each(scale(1)), false,
             "factor on the norm's output, one number or one per residual branch; default 1"},
            {"final_gain", scale(1), false, "factor on the last norm's output; default 1"},
            {"inner", plain(Kind::boolean, false), false,
             "one more norm before attention's output projection and before ffn_out; default false"}},
           {{"kind", "layer_norm"}, {"placement", "pre"}}),
       true, "normalization"},
      {"residual", residual_of_stack(), false, "scales and dropout of the residual branches"},
      {"final_dropout", probability(), false, "of the stack's output, behind the final norm; default 0"},
      {"parallel", plain(Kind::boolean, false), false,
       "attention and ffn side by side on one residual branch; default false"},
      {"tied", plain(Kind::boolean, false), false, "all layers have the same weights; default false"}};
  if (decoder) {
    fields.push_back(
        {"cross_attention", object(attention_fields(), {{"heads", 12}}), true, "attention to the encoder's output"});
  }
  return object(std::move(fields), {{"layers", 12}});
}

RulePtr words() {
  Rule rule;
  rule.kind = Kind::object;
  rule.fields = {
      {"law", choice({"zipf"}), false, "frequencies fall as 1/rank"},
      {"match", number(0, 1, 0.02, true, true), false,
       "probability that two tokens are the same word: frequencies fall as the power of the rank that has it"},
      {"file", plain(Kind::text, "ids.json"), false,
       "sequences of token ids, as .json, .npy or a line each, in the spec's folder"}};
  rule.exactly_one = {"law", "match", "file"};
  rule.example = {{"file", "ids.json"}};
  return make(std::move(rule));
}

RulePtr input() {
  const auto embedding =
      object({{"vocabulary", integer(2, 1e9, 30522), true, "number of tokens"},
              {"tables", array(choice({"token", "position", "segment"}), 1, 3, {"token", "position"}, true), true,
               "embedding tables that are summed"},
              {"segments", integer(0, 2, 2), false, "rows of the segment table that the input takes; default 2"},
              {"words", words(), false, "which tokens hold; default Zipf's law"},
              {"norm", choice({"none", "layer_norm", "rms_norm"}), false, "after the sum; default none"},
              {"norm_epsilon", epsilon(), false, "default the stack's norm.epsilon, else 0"},
              {"dropout", probability(), false, "after the norm; default 0"},
              {"scale", number(0, 1e6, 0.226, true), false, "factor on what comes out; default 1"},
              {"std",
               either({deviation(), object({{"token", deviation(), false, "of the token table"},
                                            {"position", deviation(), false, "of the position table"},
                                            {"segment", deviation(), false, "of the segment table"}},
                                           {{"token", 0.02}})}),
               false, "of every table, or one a table; default init's"}},
             {{"vocabulary", 30522}, {"tables", {"token"}}});
  Rule rule;
  rule.kind = Kind::object;
  rule.fields = {{"embedding", embedding, false, "a sum of embedding tables"},
                 {"mean", number(-1e6, 1e6, 0), false, "of every feature; default 0"},
                 {"variance", number(0, 1e12, 1, true), false, "of every feature"},
                 {"token_correlation", number(0, 1, 0.2), false, "between tokens of one sequence; default 0"},
                 {"cross_correlation", number(0, 1, 0, false, true), false,
                  "between tokens of two sequences of a batch; default 0"},
                 {"gram", plain(Kind::text, "gram.npy"), false,
                  "a file with the mean product of every pair of tokens, .npy or .json, in the spec's folder"},
                 {"patches",
                  object({{"variance", number(0, 1e12, 1, true), true, "of every feature, without the position's"},
                          {"token_correlation", number(0, 1, 0.2), false, "between patches of one image; default 0"},
                          {"position_std", deviation(), false, "of a position table that is added; default none"},
                          {"pixels", integer(1, 10000000, 768), false,
                           "numbers of a patch that one linear map embeds; default: its features are independent"}},
                         {{"variance", 1}}),
                  false, "the patches of an image"},
                 {"class_token",
                  object({{"std", deviation(), true, "of its elements"},
                          {"count", integer(1, 1000, 1), false, "so many such tokens; default 1"}},
                         {{"std", 0.02}}),
                  false, "a token before the patches, the same in all sequences"}};
  rule.exactly_one = {"embedding", "variance", "patches", "gram"};
  rule.requires_other = {{"mean", "variance"},
                         {"token_correlation", "variance"},
                         {"cross_correlation", "variance"},
                         {"class_token", "patches"}};
  rule.example = {{"variance", 1}};
  return make(std::move(rule));
}

/// Parameters of all schemes; one that several have, has one range.
RulePtr scheme_parameters() {
  std::vector<Rule::Field> fields;
  for (const scheme::Scheme& scheme : scheme::schemes()) {
    for (const scheme::Parameter& parameter : scheme.parameters) {
      const bool known = std::any_of(fields.begin(), fields.end(),
                                     [&](const Rule::Field& field) { return field.name == parameter.name; });
      if (known) continue;
      const double example = parameter.value.value_or(parameter.lowest);
      const RulePtr rule = parameter.is_switch ? integer(parameter.lowest, parameter.highest, example)
                                               : number(parameter.lowest, parameter.highest, example);
      fields.push_back({parameter.name, rule, false, parameter.about});
    }
  }
  return object(std::move(fields), Json::object());
}

RulePtr init() {
  std::vector<std::string> schemes;
  for (const scheme::Scheme& scheme : scheme::schemes()) schemes.push_back(scheme.name);
  const auto field = [](const char* name) {
    return Rule::Field{name, one_or_each(deviation()), false, "one number or one per layer"};
  };
  std::vector<Rule::Field> of_stack;
  for (const WeightClass& weight : weight_classes) of_stack.push_back(field(weight.name));
  std::vector<Rule::Field> of_decoder = of_stack, deviations = of_stack;
  for (const CrossWeight& weight : cross_weights) of_decoder.push_back(field(weight.name));
  deviations.insert(deviations.begin(), {"embedding", deviation(), false, "of every embedding table"});
  const auto own = [](std::vector<Rule::Field> fields) {
    return object({{"std", object(std::move(fields), {{"query", 0.02}}), true, "standard deviations"}},
                  {{"std", {{"query", 0.02}}}});
  };
  Rule rule;
  rule.kind = Kind::object;
  rule.fields = {
      {"scheme", choice(schemes), false, "initialization scheme"},
      {"parameters", scheme_parameters(), false, "of the scheme"},
      {"std", object(std::move(deviations), {{"query", 0.02}}), false, "standard deviations; win over the scheme"},
      {"encoder", own(std::move(of_stack)), false, "what wins over std in an encoder"},
      {"decoder", own(std::move(of_decoder)), false, "what wins over std in a decoder"}};
  rule.requires_other = {{"parameters", "scheme"}};
  rule.example = {{"scheme", "bert"}};
  return make(std::move(rule));
}

RulePtr gradient() {
  const RulePtr at = either({choice({"all", "class_token", "last"}),
                             array(integer(0, largest_size - 1, 0), 1, longest_list, Json::array({0}), true)});
  return object({{"at", at, false, "tokens at which it enters, by name or by number from 0 on; default all"},
                 {"variance", number(0, 1e12, 1, true), false, "of the loss gradient at the output; default 1"},
                 {"token_correlation", number(-1, 1, 0), false, "between its tokens; default 0"},
                 {"cross_correlation", number(0, 1, 0, false, true), false,
                  "between tokens of two sequences of a batch; default 0"}},
                {{"variance", 1}});
}

RulePtr checks() {
  const RulePtr place = either({integer(0, largest_depth, 1), choice({"first", "last", "layers", "every"})});
  Rule check;
  check.kind = Kind::object;
  check.fields = {{"quantity", choice(check::quantity_names()), false, "quantity of the result"},
                  {"preset", choice(check::preset_names()), false, "a named set of checks"},
                  {"at", place, false, "a layer, first, last, layers (the end of each) or every; default every"},
                  {"ratio", array(place, 2, 2, {"first", "last"}), false,
                   "the quantity at the first place over that at the second"},
                  {"min", number(-1e300, 1e300, 0.1), false, "smallest value that passes"},
                  {"max", number(-1e300, 1e300, 10), false, "largest value that passes"}};
  check.exactly_one = {"quantity", "preset"};
  check.requires_other = {{"at", "quantity"}, {"ratio", "quantity"}, {"min", "quantity"}, {"max", "quantity"}};
  check.excludes = {{"at", "ratio"}};
  check.example = {{"quantity", "backward.variance"}, {"max", 10}};
  return array(make(std::move(check)), 0, 10000, Json::array());
}

RulePtr thresholds() {
  const RulePtr above = number(1, 1e300, 1e4, true);
  const RulePtr below = number(0, 1, 0.1, true, true);
  return object({{"exploding_variance", above, false, "variance over that behind the first layer; default 1e4"},
                 {"exploding_gradient", above, false, "gradient variance over the output's; default 1e4"},
                 {"vanishing_gradient", below, false, "gradient variance over the output's; default 1e-4"},
                 {"rank_collapse", below, false, "rank residual; default 0.1"},
                 {"entropy_collapse", below, false, "attention entropy over ln L; default 0.1"},
                 {"negligible_gradient", below, false,
                  "gradient norm of a weight over that of all weights of its layer; default 1e-6"}},
                {{"rank_collapse", 0.1}});
}

RulePtr component() {
  const RulePtr list =
      array(refer("component", {{"dropout", 0.1}}), 1, longest_list, Json::array({{{"dropout", 0.1}}}));
  const auto linear = object({{"in", size(768), true, "input features"},
                              {"out", size(3072), true, "output features"},
                              {"weight_std", deviation(), true, "standard deviation of the weight's elements"},
                              {"bias_std", deviation(), false, "default 0"},
                              {"name", plain(Kind::text, "linear"), false, "under which the weight is reported"}},
                             {{"in", 768}, {"out", 3072}, {"weight_std", 0.02}});
  const auto gated = object({{"in", size(768), true, "input features"},
                             {"out", size(3072), true, "output features"},
                             {"gate_std", deviation(), true, "of the gate's weight"},
                             {"weight_std", deviation(), true, "of the other weight"},
                             {"bias_std", deviation(), false, "default 0"},
                             {"activation", activation(), true, "on the gate"}},
                            {{"in", 768}, {"out", 3072}});
  const auto norm =
      either({choice(names_of(norm_names)), object({{"kind", choice(names_of(norm_names)), true, "normalization"},
                                                    {"epsilon", epsilon(), false, "under the root; default 0"}},
                                                   {{"kind", "layer_norm"}, {"epsilon", 1e-5}})});
  Rule rule;
  rule.kind = Kind::object;
  rule.fields = {
      {"linear", linear, false, "x Wᵀ + bias"},
      {"gated_linear", gated, false, "φ(x W_gateᵀ) ∘ (x Wᵀ)"},
      {"activation", activation(), false, "elementwise function"},
      {"dropout", probability(), false, "probability that an element is dropped"},
      {"norm", norm, false, "normalization over the features"},
      {"attention", attention_component(), false, "multi-head self-attention with its output projection"},
      {"residual",
       object({{"skip", scale(1), false, "λ; default 1"},
               {"branch", scale(1), false, "β; default 1"},
               {"learned_branch", plain(Kind::boolean, true), false, "β is a parameter; default false"},
               {"of", list, true, "the branch"}},
              {{"skip", 1}, {"branch", 1}, {"of", Json::array({{{"dropout", 0.1}}})}}),
       false, "λ x + β f(x)"},
      {"repeat",
       object({{"times", integer(1, largest_depth, 4), true, "how often"},
               {"of", list, true, "the list"},
               {"tied", plain(Kind::boolean, false), false, "every turn has the first one's weights; default false"}},
              {{"times", 4}}),
       false, "the list several times, with fresh weights"},
      {"parallel",
       object({{"of", array(list, 2, 100, Json::array({list->example, list->example})), true, "the lists"}},
              {{"of", Json::array()}}),
       false, "the sum of several lists that read the same signal"},
      {"experts",
       object({{"count", size(8), true, "lists with weights of their own"},
               {"top_k", size(2), true, "of which every token takes so many"},
               {"router_std", deviation(), false,
                "of the router's weights; default 0, where lists are drawn uniformly and weighted equally"},
               {"router", choice(names_of(router_names)), false, router_help},
               {"of", list, true, "the list"}},
              {{"count", 8}, {"top_k", 2}}),
       false, "a mixture of experts"},
      {"point", either({plain(Kind::text, "attention"), plain(Kind::constant_false, false)}), false,
       "name of the place after this component in the results; false for none"}};
  rule.exactly_one = {"linear",    "gated_linear", "activation", "dropout",  "norm",
                      "attention", "residual",     "repeat",     "parallel", "experts"};
  rule.example = {{"activation", "relu"}};
  return make(std::move(rule));
}

RulePtr root() {
  Rule rule;
  rule.kind = Kind::object;
  rule.fields = {
      {"$schema", plain(Kind::text, "sigprop.schema.json"), false, "the JSON Schema of this file"},
      {"name", plain(Kind::text, "bert-base"), false, "of the model; default the file's"},
      {"sequence_length", integer(1, largest_size, 512), true, "L, tokens of a sequence"},
      {"batch", integer(1, largest_size, 8), false, "B, sequences; default 1"},
      {"input", input(), false, "what enters; default variance 1"},
      {"stack", stack(false), false, "a stack of transformer layers"},
      {"encoder", stack(false), false, "with a decoder"},
      {"decoder", stack(true), false, "with an encoder"},
      {"components",
       array(refer("component", {{"activation", "relu"}}), 1, longest_list, Json::array({{{"activation", "relu"}}})),
       false, "building blocks in any order"},
      {"width", size(768), false, "of the input, with components; default the first linear's"},
      {"init", init(), false, "initialization of a stack"},
      {"gradient", gradient(), false, "the loss gradient at the output"},
      {"checks", checks(), false, "what must hold"},
      {"thresholds", thresholds(), false, "of the verdicts"}};
  rule.exactly_one = {"stack", "encoder", "components"};
  rule.requires_other = {
      {"encoder", "decoder"}, {"decoder", "encoder"}, {"width", "components"}, {"stack", "init"}, {"encoder", "init"}};
  rule.excludes = {{"components", "init"}};
  rule.example = {{"sequence_length", 512}};
  return make(std::move(rule));
}

}  // namespace

const Grammar& grammar() {
  static const Grammar instance{root(), {{"component", component()}}};
  return instance;
}

}  // namespace sigprop::spec
