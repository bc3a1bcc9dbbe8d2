// SPDX-License-Identifier: Apache-2.0 Every scheme: its formulas for people, where they come from,
// what its user may set, and the function that applies it. Letters: d width, f FFN width, k head
// width, H heads, N layers, l = 1..N, m and m_L ratio of width and depth to a base model.
#include "scheme/deepscalelm.hpp"
#include "scheme/fixed.hpp"
#include "scheme/solved.hpp"

namespace sigprop::scheme {
namespace {

constexpr double largest = 1e6;
constexpr double transformer_std = 0.02;  // of BERT, GPT-2 and their descendants

Parameter std_parameter() {
  return {"std", transformer_std, 0, largest, "standard deviation before truncation and scaling"};
}
Parameter truncation(double cut) {
  return {"truncation", cut, 0, 10, "standard deviations at which the normal is cut; 0 for a whole normal"};
}
Parameter base_width() {
  return {"base_width", 256, 1, 1e7, "width of the small model; m = d/base_width"};
}
Parameter base_layers() {
  return {"base_layers", 2, 1, largest, "layers of the small model; m_L = N/base_layers"};
}
std::vector<Parameter> deepscalelm_parameters() {
  return {{"k", 2, 0, largest, "of β² = k/branches^alpha"},
          {"alpha", 1, 0, 10, "of β² = k/branches^alpha"},
          {"branches", std::nullopt, 1, 1e7, "N of β² = k/N^alpha; default the number of residual branches"}};
}

std::vector<Parameter> deepscalelm_recursion_parameters() {
  std::vector<Parameter> list = deepscalelm_parameters();
  list.push_back(
      {"first_correlation", std::nullopt, 0, 1,
       "token correlation of embeddings before dropout, default 0.221; of an input given by moments, default its own"});
  return list;
}

Formulas one_for_all(const std::string& weights, const std::string& outputs, const std::string& residual) {
  return {weights, weights, weights, outputs, weights, outputs, residual};
}

Formulas by_fan(const std::string& embedding, const std::string& rule, const std::string& residual) {
  return {embedding, rule, rule, rule, rule, rule, residual};
}

const char* const xavier_rule = "√(2/(fan_in + fan_out))";

}  // namespace

const std::vector<Scheme>& schemes() {
  static const std::vector<Scheme> list = {
      {"xavier",
       {"√(1/d)", "√(2/(d + k))", "√(2/(d + k))", xavier_rule, xavier_rule, xavier_rule, ""},
       NormUse::any,
       "Glorot and Bengio 2010, per-head fan-out as in the figures of arXiv:2403.09635",
       Evidence::read,
       {{"per_head", 1, 0, 1, "1: fan-out of query, key and value is one head's; 0: the whole matrix's", true}},
       xavier},
      {"lecun", by_fan("", "√(1/fan_in)", ""), NormUse::any, "LeCun et al. 1998", Evidence::standard, {}, lecun},
      {"kaiming", by_fan("", "√(2/fan_in)", ""), NormUse::any, "He et al. 2015", Evidence::standard, {}, kaiming},
      {"torch_linear",
       by_fan("1", "√(1/(3 fan_in))", "drawn from U(±√(1/fan_in)), biases too"),
       NormUse::any,
       "defaults of torch.nn.Linear and torch.nn.Embedding",
       Evidence::read,
       {},
       torch_linear},
      {"gpt2",
       one_for_all("0.02", "0.02/√(2N)", ""),
       NormUse::pre,
       "Radford et al. 2019, code of the transformers library",
       Evidence::read,
       {std_parameter(),
        truncation(0),
        {"output_scaling", 1, 0, 1, "0: outputs without 1/√(2N), a fault of some releases of a library", true}},
       gpt2},
      {"bert",
       one_for_all("0.02", "0.02", ""),
       NormUse::post,
       "Devlin et al. 2019; their code cuts at 2 standard deviations (truncation 2), current libraries do not",
       Evidence::read,
       {std_parameter(), truncation(0)},
       normal},
      {"llama",
       one_for_all("0.02", "0.02", ""),
       NormUse::pre_rms,
       "code of the transformers library",
       Evidence::read,
       {std_parameter(), truncation(0)},
       normal},
      {"olmo_mitchell",
       {"1/√d", "1/√d", "1/√d", "1/√(2 d l)", "1/√d", "1/√(2 f l)", "normal cut at 3 standard deviations: × 0.98658"},
       NormUse::any,
       "code of OLMo, \"mitchell\"",
       Evidence::read,
       {truncation(3)},
       olmo_mitchell},
      {"small_init",
       one_for_all("√(2/(5d))", "2/(N√d)", ""),
       NormUse::pre,
       "Nguyen and Salazar 2019, outputs after Wang and Komatsuzaki 2021, as GPT-NeoX combines them",
       Evidence::read,
       {},
       small_init},
      {"wang_init",
       one_for_all("0.02", "2/(N√d)", "made for parallel attention and FFN"),
       NormUse::pre,
       "Wang and Komatsuzaki 2021 for the outputs; the others a normal of 0.02",
       Evidence::read,
       {std_parameter(), truncation(0)},
       wang_init},
      {"t5",
       {"1", "query 1/√(d k), key 1/√d", "1/√d", "1/√(H k)", "1/√d", "1/√f", "scores not divided by √k"},
       NormUse::pre_rms,
       "Raffel et al. 2020, code of the transformers library",
       Evidence::read,
       {{"factor", 1, 0, largest, "on every standard deviation"}},
       t5},
      {"deepnorm",
       {"", "xavier", "β xavier", "β xavier", "β xavier", "β xavier",
        "Norm(α x + f); one stack: α = (2N)^¼, β = (8N)^-¼; encoder of N and decoder of M layers: α = 0.81 "
        "(N⁴M)^(1/16), "
        "β = 0.87 (N⁴M)^(-1/16) and α = (3M)^¼, β = (12M)^-¼"},
       NormUse::post,
       "Wang et al. 2022, arXiv:2203.00555 (the code of torchscale has 1.15 instead of 0.87)",
       Evidence::read,
       {},
       deepnorm},
      {"sub_ln",
       {"", "xavier", "g xavier", "g xavier", "g xavier", "g xavier",
        "g = √ln(2N); one more norm before the output projection and before ffn_out"},
       NormUse::pre,
       "Wang et al. 2022, arXiv:2210.06423",
       Evidence::read,
       {},
       sub_ln},
      {"ds_init",
       by_fan("", "xavier/√l", ""),
       NormUse::post,
       "Zhang et al. 2019, arXiv:1908.11365; the released code has l^-¼ (exponent 0.25)",
       Evidence::read,
       {{"exponent", 0.5, 0, 10, "of the layer's number"}},
       ds_init},
      {"t_fixup",
       {"(9N)^-¼: drawn with d^-½ (9N)^-¼, multiplied by √d", "xavier", "0.67 N^-¼ xavier", "0.67 N^-¼ xavier",
        "0.67 N^-¼ xavier", "0.67 N^-¼ xavier", "no norm"},
       NormUse::none,
       "Huang et al. 2020, encoder; their code (which draws query and key with xavier/√2)",
       Evidence::read,
       {},
       t_fixup},
      {"admin",
       by_fan("", "xavier", "Norm(ω x + f), ω_1 = 1, ω²_{i+1} = ω²_i Var x_i + Var f_i, branch after branch"),
       NormUse::post,
       "Liu et al. 2020, arXiv:2004.08249, their code, which profiles a batch where we predict",
       Evidence::read,
       {},
       admin},
      {"rezero",
       by_fan("", "xavier", "x + a f with a = 0 at the start; no norm"),
       NormUse::none,
       "Bachlechner et al. 2020, arXiv:2003.04887",
       Evidence::read,
       {},
       rezero},
      {"skipinit",
       by_fan("", "xavier", "x + a f with a = 0 at the start; no norm"),
       NormUse::none,
       "De and Smith 2020, arXiv:2002.10444",
       Evidence::read,
       {},
       rezero},
      {"layerscale",
       one_for_all("0.02", "0.02", "x + λ f, λ = 0.1 (N ≤ 18), 1e-5 (N ≤ 24), 1e-6 deeper"),
       NormUse::pre,
       "Touvron et al. 2021, arXiv:2103.17239, their code",
       Evidence::read,
       {std_parameter(), truncation(0), {"scale", std::nullopt, 0, largest, "λ; default by depth"}},
       layerscale},
      {"deepscalelm",
       {"√((1-p)/tables)", "1/√d", "((1-p)/(r d H k))^¼, r by recursion", "as value", "(2(1-p)/(d f))^¼", "as ffn_in",
        "λ² = 1 - β², β² = k/N^α; ReLU's formulas for every activation"},
       NormUse::any,
       "Kedia et al. 2024, arXiv:2403.09635, their code for f = 4d and three tables; other sizes by the same rule",
       Evidence::read,
       deepscalelm_recursion_parameters(),
       deepscalelm},
      {"deepscalelm_full",
       {"√((1-p)/tables)", "1/√d", "such that the branch has variance 1", "as value",
        "such that the branch has variance 1", "as ffn_in", "λ² = 1 - β², β² = k/N^α"},
       NormUse::any,
       "the aim of deepscalelm, solved with the theory full",
       Evidence::own,
       deepscalelm_parameters(),
       deepscalelm_full},
      {"mup",
       {"0.02", "0.02/√m", "0.02/√m", "0.02/√(2N m)", "0.02/√m", "0.02/√(2N m)",
        "scores divided by k; logits multiplied by 1/m (outside the model)"},
       NormUse::any,
       "Yang et al. 2022, arXiv:2203.03466; 1/√(2N) after GPT-2, as in usual implementations",
       Evidence::read,
       {std_parameter(), base_width()},
       mup},
      {"depth_mup",
       Formulas{"0.02", "0.02/√m", "0.02/√m", "0.02/√m", "0.02/√m", "0.02/√m", "x + m_L^-½ f; scores divided by k"},
       NormUse::any,
       "Yang et al. 2023, arXiv:2310.02244",
       Evidence::read,
       {std_parameter(), base_width(), base_layers()},
       depth_mup},
      {"completep",
       Formulas{"0.02", "0.02/√m", "0.02/√m", "0.02/√m", "0.02/√m", "0.02/√m", "x + m_L^-1 f; scores divided by k"},
       NormUse::any,
       "Dey et al. 2025, arXiv:2505.01618",
       Evidence::read,
       {std_parameter(), base_width(), base_layers()},
       completep},
      {"layernorm_scaling",
       one_for_all("0.02", "0.02", "norm output × 1/√l"),
       NormUse::pre,
       "Sun et al. 2025, arXiv:2502.05795",
       Evidence::read,
       {std_parameter(), truncation(0)},
       layernorm_scaling},
      {"noci_depth_scale",
       by_fan("", "xavier", "x + f/√(2N), one factor for each of 2N branches"),
       NormUse::any,
       "Noci et al. 2022, arXiv:2206.03126",
       Evidence::recalled,
       {},
       noci_depth_scale},
  };
  return list;
}

}  // namespace sigprop::scheme
