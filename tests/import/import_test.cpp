// SPDX-License-Identifier: Apache-2.0
#include "sigprop/import/import.hpp"

#include "sigprop/spec/write.hpp"
#include "support/spec.hpp"

namespace {

using namespace sigprop;
using importer::Imported;
using importer::Options;
using nlohmann::json;
using Lines = std::vector<std::string>;

Options tokens(std::size_t sequence_length) {
  Options options;
  options.sequence_length = sequence_length;
  return options;
}

Imported imported(const json& config, const Options& options = tokens(128)) {
  return importer::from_hugging_face(test::text_of(config), "config.json", options);
}

/// The spec of a configuration that must be right.
json spec_of(const json& config, const Options& options = tokens(128)) {
  const Imported result = imported(config, options);
  for (const std::string& error : result.errors) UNSCOPED_INFO(error);
  REQUIRE(result.errors.empty());
  return test::parsed(result.spec);
}

/// A configuration of few keys, the rest of them by default.
json config_of(const std::string& type, json keys = json::object()) {
  keys["model_type"] = type;
  return keys;
}

std::string expanded(const std::string& spec) {
  network::Network network = *spec::read_text(spec, "test.json").network;
  network.name = "model";
  return spec::expanded_text(network);
}

bool contains(const Lines& lines, const std::string& line) {
  return std::find(lines.begin(), lines.end(), line) != lines.end();
}

TEST_CASE("the default bert is the bert-base of specs") {
  Options options = tokens(512);
  options.batch = 8;
  const Imported result = imported(config_of("bert"), options);
  CHECK(expanded(result.spec) == expanded(test::text_of(test::project_spec("bert-base.json"))));
}

TEST_CASE("the default gpt2, gptj and mixtral are the gpt2, gpt-j and mixtral-8x7b of specs") {
  const auto same = [](const std::string& type, std::size_t length, const std::string& file) {
    const json kept = test::project_spec(file);
    Options options = tokens(length);
    options.batch = kept["batch"].get<std::size_t>();
    return expanded(imported(config_of(type), options).spec) == expanded(test::text_of(kept));
  };
  CHECK(same("gpt2", 1024, "gpt2.json"));
  CHECK(same("gptj", 2048, "gpt-j.json"));
  CHECK(same("mixtral", 4096, "mixtral-8x7b.json"));
}

TEST_CASE("a model is named by its checkpoint, else by its class") {
  CHECK(spec_of(config_of("bert", {{"_name_or_path", "bert-base-uncased"}}))["name"] == "bert-base-uncased");
  CHECK(spec_of(config_of("bert", {{"_name_or_path", ""}}))["name"] == "bert");
}

TEST_CASE("what is no configuration is refused") {
  const auto errors = [](const std::string& text) {
    return importer::from_hugging_face(text, "config.json", tokens(128)).errors;
  };
  CHECK(errors("[]") == Lines{"config.json: the file is [], but must be an object with a \"model_type\""});
  const std::string missing =
      ", but must be a model type (for example \"bert\"; \"sigprop import --list\" shows all); --as sets one";
  CHECK(errors("{}") == Lines{"config.json: /model_type is missing" + missing});
  CHECK(errors(R"({"model_type": 3})") == Lines{"config.json: /model_type is 3" + missing});
  for (const char* unknown : {R"({"architectures": ["T5GemmaForCausalLM"]})", R"({"architectures": ["MyModel"]})",
                              R"({"architectures": []})", R"({"architectures": [1]})"})
    CHECK(errors(unknown) == Lines{"config.json: /model_type is missing" + missing});
  CHECK(
      errors("{\"model_type\": \"bert\", \"model_type\": \"bert\"}") ==
      Lines{"config.json: line 1: the key \"model_type\" stands twice in one object, as \"/model_type\": remove one of "
            "them"});
}

TEST_CASE("a wrong value is refused with its place, value and range") {
  const json wrong = config_of("gpt2", {{"n_layer", 0}, {"n_head", "12"}, {"resid_pdrop", 1}, {"n_inner", nullptr}});
  CHECK(imported(wrong).errors ==
        Lines{"config.json: /n_layer is 0, but must be an integer from 1 to 1000000 (for example 12)",
              "config.json: /n_head is \"12\", but must be an integer from 1 to 10000000 (for example 64)",
              "config.json: /resid_pdrop is 1, but must be a number in [0, 1) (for example 0.1)"});
  CHECK(imported(config_of("llama", {{"rope_parameters", {{"rope_theta", 0}}}})).errors ==
        Lines{"config.json: /rope_parameters/rope_theta is 0, but must be a number in (1, 1000000000000] (for example "
              "10000)"});
}

TEST_CASE("heads that do not fit are refused in the configuration's words") {
  CHECK(imported(config_of("gpt2", {{"n_head", 7}})).errors ==
        Lines{"config.json: /n_head is 7, but must divide /n_embd, 768: change one of them"});
  CHECK(imported(config_of("llama", {{"num_key_value_heads", 5}})).errors ==
        Lines{"config.json: /num_key_value_heads is 5, but must divide /num_attention_heads, 32: change one of them"});
  CHECK(imported(config_of("bart", {{"decoder_attention_heads", 7}})).errors ==
        Lines{"config.json: /decoder_attention_heads is 7, but must divide /d_model, 1024: change one of them"});
}

TEST_CASE("a token cannot take more experts than there are") {
  CHECK(imported(config_of("mixtral", {{"num_local_experts", 4}, {"num_experts_per_tok", 5}})).errors ==
        Lines{"config.json: /num_experts_per_tok is 5, but must be at most /num_local_experts, 4: lower it"});
}

TEST_CASE("experts are written with their number, the choice and the router's deviation") {
  const json config =
      config_of("mixtral", {{"num_local_experts", 16}, {"num_experts_per_tok", 3}, {"initializer_range", 0.03}});
  const json ffn = spec_of(config)["stack"]["ffn"];
  CHECK(ffn["experts"] == 16);
  CHECK(ffn["top_k"] == 3);
  CHECK(ffn["router_std"] == 0.03);
  CHECK(imported(config).warnings.empty());
  CHECK(!spec_of(config_of("mixtral", {{"initializer_range", 0}}))["stack"]["ffn"].contains("router_std"));
}

TEST_CASE("a value that follows from others is refused where the spec shows it") {
  CHECK(imported(config_of("gpt2", {{"n_embd", 9000000}})).errors ==
        Lines{"config.json: as a spec: /stack/ffn/width is 36000000, but must be an integer from 1 to 10000000 (for "
              "example 3072)"});
}

TEST_CASE("an activation that no spec has is refused") {
  CHECK(imported(config_of("bert", {{"hidden_act", "laplace"}})).errors ==
        Lines{"config.json: /hidden_act is \"laplace\", but a spec has only the activations relu, relu2, gelu, "
              "gelu_python, gelu_new, gelu_fast, gelu_accurate, gelu_pytorch_tanh, gelu_python_tanh, quick_gelu, silu, "
              "swish, mish, softplus, sigmoid, tanh, leaky_relu, linear"});
  CHECK(imported(config_of("t5", {{"feed_forward_proj", "gated-laplace"}})).errors.size() == 1);
  CHECK(spec_of(config_of("bert", {{"hidden_act", "quick_gelu"}}))["stack"]["ffn"]["activation"] == "quick_gelu");
}

TEST_CASE("the length of a sequence is asked for, and bounded by a table of positions") {
  CHECK(imported(config_of("bert"), {}).errors == Lines{"config.json: --sequence-length is missing, but must be an "
                                                        "integer from 2 to 512 (/max_position_embeddings allows 512): "
                                                        "the file does not tell the length of the sequences"});
  CHECK(imported(config_of("bert"), tokens(513)).errors ==
        Lines{"config.json: --sequence-length is 513, but must be an integer from 2 to 512 (/max_position_embeddings "
              "allows 512)"});
  CHECK(imported(config_of("t5"), tokens(1)).errors ==
        Lines{"config.json: --sequence-length is 1, but must be an integer from 2 to 10000000"});
}

TEST_CASE("roberta counts positions from behind the padding word's number") {
  CHECK(imported(config_of("roberta"), tokens(510)).errors.empty());
  CHECK(imported(config_of("roberta"), tokens(511)).errors ==
        Lines{"config.json: --sequence-length is 511, but must be an integer from 2 to 510 (/max_position_embeddings "
              "allows 510)"});
}

TEST_CASE("rotary positions go beyond the configuration's maximum, with a note") {
  CHECK(contains(imported(config_of("llama"), tokens(4096)).notes,
                 "--sequence-length is more than /max_position_embeddings, 2048: rotary positions go on beyond it"));
}

TEST_CASE("an image has its patches and special tokens") {
  CHECK(spec_of(config_of("vit"), {})["sequence_length"] == 197);
  CHECK(spec_of(config_of("deit", {{"image_size", {224, 112}}, {"patch_size", 16}}), {})["sequence_length"] == 100);
  CHECK(imported(config_of("vit"), tokens(64)).errors ==
        Lines{"config.json: --sequence-length is 64, but the image has 197 tokens: leave the option out"});
  CHECK(imported(config_of("vit", {{"patch_size", 300}}), {}).errors ==
        Lines{"config.json: /patch_size is 300, but must be at most /image_size, 224: lower it or enlarge the image"});
}

TEST_CASE("an image's dropout thins out the variance and the correlation of its patches") {
  Options options;
  options.token_correlation = 0.4;
  const json spec = spec_of(config_of("deit", {{"hidden_dropout_prob", 0.5}}), options);
  CHECK(spec["input"]["patches"]["variance"].get<double>() == Approx(2 * 768 * 0.0004));
  CHECK(spec["input"]["patches"]["token_correlation"].get<double>() == Approx(0.2));
  CHECK(spec["input"]["patches"]["pixels"] == 768);
  // DeiT leaves its two tokens and the positions at 0.
  CHECK(spec["input"]["class_token"] == json{{"std", 0}, {"count", 2}});
  const json drawn = spec_of(config_of("vit", {{"hidden_dropout_prob", 0.5}}), options)["input"];
  CHECK(drawn["class_token"]["std"].get<double>() == Approx(0.02 * std::sqrt(2)));
  CHECK(drawn["patches"]["position_std"].get<double>() == Approx(0.02 * std::sqrt(2)));
}

TEST_CASE("a correlation of words cannot be given") {
  Options options = tokens(128);
  options.token_correlation = 0.3;
  CHECK(imported(config_of("bert"), options).errors ==
        Lines{"config.json: --token-correlation is 0.3, but bert embeds words, whose correlation follows from their "
              "tables: leave the "
              "option out"});
}

TEST_CASE("an unknown key is named, with the nearest known one") {
  CHECK(imported(config_of("gpt2", {{"n_layers", 3}, {"speed", 1}})).warnings ==
        Lines{"/n_layers is not a key that sigprop knows of gpt2: ignored; did you mean \"n_layer\"?",
              "/speed is not a key that sigprop knows of gpt2: ignored"});
}

TEST_CASE("absent keys have the class's defaults, named in one note") {
  const json config = config_of("distilbert", {{"vocab_size", 1000},
                                               {"dim", 64},
                                               {"n_heads", 4},
                                               {"hidden_dim", 128},
                                               {"activation", "relu"},
                                               {"dropout", 0},
                                               {"attention_dropout", 0},
                                               {"initializer_range", 0.1}});
  CHECK(
      imported(config).notes ==
      Lines{"keys that the file leaves out have the defaults of distilbert: n_layers 6, max_position_embeddings 512"});
}

TEST_CASE("another name of a key is as good, but not beside it with another value") {
  CHECK(spec_of(config_of("gpt2", {{"num_hidden_layers", 3}}))["stack"]["layers"] == 3);
  CHECK(imported(config_of("gpt2", {{"num_hidden_layers", 0}})).errors ==
        Lines{"config.json: /num_hidden_layers is 0, but must be an integer from 1 to 1000000 (for example 12)"});
  CHECK(imported(config_of("gpt2", {{"num_hidden_layers", 3}, {"n_layer", 4}})).errors ==
        Lines{"config.json: /num_hidden_layers is 3, but /n_layer, another name of it, is 4: remove one of them"});
}

TEST_CASE("what a spec cannot express is a warning, and an error when strict") {
  const json config = config_of("mixtral", {{"router_jitter_noise", 0.5}});
  const std::string warning = "/router_jitter_noise is 0.5, which a spec cannot express: written without";
  CHECK(imported(config).warnings == Lines{warning});
  Options strict = tokens(128);
  strict.strict = true;
  const Imported refused = imported(config, strict);
  CHECK(refused.spec.empty());
  CHECK(refused.warnings.empty());
  CHECK(refused.errors == Lines{"config.json: " + warning,
                                "config.json: --strict takes only a model that a spec expresses wholly: leave it out "
                                "to have the spec with warnings"});
  CHECK(imported(config_of("bert"), strict).errors.empty());
}

TEST_CASE("GPT-2's outputs are drawn narrower with depth, but not by the versions that lost it") {
  const auto output = [](const std::string& library) {
    Options options = tokens(128);
    options.library = library;
    return spec_of(config_of("gpt2"), options)["init"]["std"]["output"].get<double>();
  };
  const double narrow = 0.02 / std::sqrt(24.0);
  for (const char* library : {"4", "4.57.1", "5", "5.23.0", "5.15.0"}) CHECK(output(library) == narrow);
  for (const char* library : {"5.0", "5.0.0", "5.14.1"}) CHECK(output(library) == 0.02);
}

TEST_CASE("a library that is no version of transformers is refused") {
  for (const char* library : {"", "3", "5.", "5.0.0.0", "newest", "5.99999"}) {
    Options options = tokens(128);
    options.library = library;
    CHECK(imported(config_of("bert"), options).errors ==
          Lines{"config.json: --library is " + test::text_of(json(library)) +
                ", but must be a version of transformers from 4 to 5 (for example 5, or 4.57.1)"});
  }
}

TEST_CASE("gemma's old name of its activation means what the version takes it for") {
  const auto activation = [](const std::string& library) {
    Options options = tokens(128);
    options.library = library;
    return spec_of(config_of("gemma", {{"hidden_act", "gelu"}}), options)["stack"]["ffn"]["activation"];
  };
  CHECK(activation("5.18.0") == "gelu_tanh");
  CHECK(activation("5.17.0") == "gelu");
  CHECK(activation("4.57.1") == "gelu");
}

TEST_CASE("scores divided by the layer's number are written as narrower queries") {
  const json spec = spec_of(config_of("gpt2", {{"n_layer", 4}, {"scale_attn_by_inverse_layer_idx", true}}));
  CHECK(spec["init"]["std"]["query"] == json{0.02, 0.02 / 2, 0.02 / 3, 0.02 / 4});
  CHECK(spec["init"]["std"]["key"] == 0.02);
}

TEST_CASE("the base of rotary positions stands where either version of the library writes it") {
  const auto base = [](const json& keys) {
    return spec_of(config_of("mixtral", keys))["stack"]["attention"]["rotary_base"];
  };
  CHECK(base(json::object()) == 1e6);
  CHECK(base({{"rope_theta", 500}}) == 500);
  CHECK(base({{"rope_parameters", {{"rope_theta", 600}, {"rope_type", "default"}}}}) == 600);
}

TEST_CASE("scaled rotary positions are named") {
  CHECK(imported(config_of("llama", {{"rope_scaling", {{"rope_type", "linear"}, {"factor", 2.0}}}})).warnings ==
        Lines{"/rope_scaling is {\"factor\":2.0,\"rope_type\":\"linear\"}, which a spec cannot express: written with "
              "unscaled rotary "
              "positions"});
  CHECK(imported(config_of("llama", {{"rope_parameters", {{"factor", 2}, {"rope_theta", 1e4}}}})).warnings ==
        Lines{"/rope_parameters/factor is not a key that sigprop knows of llama: ignored"});
}

TEST_CASE("the share of a head's features that turn is written as their number") {
  const auto attention = [](const json& keys) { return spec_of(config_of("gpt_neox", keys))["stack"]["attention"]; };
  CHECK(attention(json::object())["rotary_width"] == 24);
  CHECK(attention({{"rotary_pct", 0.5}})["rotary_width"] == 48);
  CHECK_FALSE(attention({{"rotary_pct", 1.0}}).contains("rotary_width"));
  CHECK(attention({{"rope_parameters", {{"partial_rotary_factor", 0.125}}}})["rotary_width"] == 12);
  CHECK_FALSE(attention({{"rotary_pct", 0.001}}).contains("rotary_base"));
  CHECK(imported(config_of("gpt_neox", {{"rotary_pct", 0.26}, {"hidden_size", 6400}})).errors.empty());
  CHECK(imported(config_of("gpt_neox", {{"rotary_pct", 0.26}})).errors.empty());
}

TEST_CASE("a share that turns an odd number of features turns one more, as the library has it") {
  CHECK(spec_of(config_of("gpt_neox", {{"rotary_pct", 0.27}}))["stack"]["attention"]["rotary_width"] == 26);
}

TEST_CASE("gpt_neox is parallel unless its key says otherwise, gptj always") {
  CHECK(spec_of(config_of("gpt_neox"))["stack"]["parallel"] == true);
  CHECK_FALSE(spec_of(config_of("gpt_neox", {{"use_parallel_residual", false}}))["stack"].contains("parallel"));
  CHECK(spec_of(config_of("gptj"))["stack"]["parallel"] == true);
  CHECK(imported(config_of("gpt_neox")).warnings.empty());
}

TEST_CASE("gptj turns as many features as its key says") {
  const auto attention = [](const json& keys) { return spec_of(config_of("gptj", keys))["stack"]["attention"]; };
  CHECK(attention(json::object())["rotary_width"] == 64);
  CHECK(attention({{"rotary_dim", 32}})["rotary_width"] == 32);
  CHECK_FALSE(attention({{"rotary_dim", nullptr}}).contains("rotary_width"));
}

TEST_CASE("a window shorter than the sequence is named where it is used") {
  const auto warnings = [](const std::string& type, const json& keys, std::size_t length) {
    return imported(config_of(type, keys), tokens(length)).warnings;
  };
  const Lines named{
      "/sliding_window is 100, less than the sequence, which a spec cannot express: written with attention to all "
      "tokens "
      "before"};
  CHECK(warnings("mistral", {{"sliding_window", 100}}, 101) == named);
  CHECK(warnings("mistral", {{"sliding_window", 100}}, 100).empty());
  CHECK(warnings("mistral", {{"sliding_window", nullptr}}, 5000).empty());
  CHECK(warnings("qwen2", {{"sliding_window", 100}, {"use_sliding_window", true}}, 101) == named);
  CHECK(warnings("qwen2", {{"sliding_window", 100}}, 101).empty());
  CHECK(warnings("qwen2", {{"sliding_window", 100}, {"use_sliding_window", true}, {"max_window_layers", 32}}, 101)
            .empty());
}

TEST_CASE("the norms have the configuration's epsilon, or the class's own") {
  const auto epsilon = [](const json& config, const char* stack) { return spec_of(config)[stack]["norm"]["epsilon"]; };
  CHECK(epsilon(config_of("gpt2"), "stack") == 1e-5);
  CHECK(epsilon(config_of("gpt2", {{"layer_norm_epsilon", 1e-3}}), "stack") == 1e-3);
  CHECK(epsilon(config_of("llama"), "stack") == 1e-6);
  CHECK(epsilon(config_of("distilbert"), "stack") == 1e-12);
  CHECK(epsilon(config_of("bart"), "decoder") == 1e-5);
  CHECK_FALSE(spec_of(config_of("gpt2", {{"layer_norm_epsilon", 0}}))["stack"]["norm"].contains("epsilon"));
}

TEST_CASE("bert has as many segments as its table has rows, and at most two") {
  const auto embedding = [](int rows) { return imported(config_of("bert", {{"type_vocab_size", rows}})); };
  CHECK_FALSE(test::parsed(embedding(2).spec)["input"]["embedding"].contains("segments"));
  CHECK(test::parsed(embedding(1).spec)["input"]["embedding"]["segments"] == 1);
  CHECK(test::parsed(embedding(0).spec)["input"]["embedding"]["segments"] == 0);
  CHECK(embedding(1).warnings.empty());
  CHECK(embedding(3).warnings ==
        Lines{"/type_vocab_size is 3, which a spec cannot express: written with two segments"});
}

TEST_CASE("opt takes its norm after the sum where the configuration says so") {
  const json norm = spec_of(config_of("opt", {{"do_layer_norm_before", false}}))["stack"]["norm"];
  CHECK(norm == json{{"kind", "layer_norm"}, {"placement", "post"}, {"final", false}, {"epsilon", 1e-5}});
  CHECK(spec_of(config_of("opt", {{"_remove_final_layer_norm", true}}))["stack"]["norm"]["final"] == false);
}

TEST_CASE("a bert that decodes has a causal mask, and gemma may be without one") {
  CHECK(spec_of(config_of("bert", {{"is_decoder", true}}))["stack"]["attention"]["mask"] == "causal");
  CHECK(spec_of(config_of("gemma", {{"use_bidirectional_attention", true}}))["stack"]["attention"]["mask"] == "none");
}

TEST_CASE("t5 has an encoder and a decoder of their own depths") {
  const json spec =
      spec_of(config_of("t5", {{"num_decoder_layers", 2}, {"d_kv", 32}, {"feed_forward_proj", "gated-gelu"}}));
  CHECK(spec["encoder"]["layers"] == 6);
  CHECK(spec["decoder"]["layers"] == 2);
  CHECK(spec["decoder"]["attention"]["mask"] == "causal");
  CHECK(spec["decoder"]["cross_attention"] == spec["encoder"]["attention"]);
  CHECK(spec["encoder"]["attention"]["head_width"] == 32);
  CHECK(spec["encoder"]["attention"]["score_scale"] == 1.0);
  CHECK(spec["encoder"]["ffn"] ==
        json{{"width", 2048}, {"activation", "gelu_tanh"}, {"gated", true}, {"dropout", 0.1}});
}

TEST_CASE("t5 drops out behind both final norms") {
  const json spec = spec_of(config_of("t5", {{"dropout_rate", 0.2}}));
  CHECK(spec["encoder"]["final_dropout"] == 0.2);
  CHECK(spec["decoder"]["final_dropout"] == 0.2);
}

TEST_CASE("t5's factor is the gain of its norms too") {
  const json config = config_of("t5", {{"initializer_factor", 0.5}, {"dropout_rate", 0}});
  CHECK(spec_of(config)["decoder"]["norm"] == json{{"kind", "rms_norm"},
                                                   {"placement", "pre"},
                                                   {"final", true},
                                                   {"gain", 0.5},
                                                   {"final_gain", 0.5},
                                                   {"epsilon", 1e-6}});
}

TEST_CASE("bart's encoder and decoder have their own depths, heads and FFN widths") {
  const json spec = spec_of(config_of("bart", {{"encoder_layers", 3},
                                               {"decoder_layers", 2},
                                               {"encoder_attention_heads", 8},
                                               {"decoder_attention_heads", 4},
                                               {"encoder_ffn_dim", 640},
                                               {"decoder_ffn_dim", 320}}));
  CHECK(spec["encoder"]["layers"] == 3);
  CHECK(spec["encoder"]["attention"] == json{{"heads", 8}, {"mask", "none"}});
  CHECK(spec["encoder"]["ffn"]["width"] == 640);
  CHECK(spec["encoder"]["norm"] ==
        json{{"kind", "layer_norm"}, {"placement", "post"}, {"final", false}, {"epsilon", 1e-5}});
  CHECK(spec["decoder"]["layers"] == 2);
  CHECK(spec["decoder"]["attention"] == json{{"heads", 4}, {"mask", "causal"}});
  CHECK(spec["decoder"]["cross_attention"] == json{{"heads", 4}, {"mask", "none"}});
  CHECK(spec["decoder"]["ffn"]["width"] == 320);
}

TEST_CASE("bart with the sizes of its base is the bart-base of specs") {
  constexpr std::size_t few = 16;  // tokens, to be quick
  Options options = tokens(few);
  options.batch = 8;
  const json keys = {{"d_model", 768},
                     {"encoder_layers", 6},
                     {"decoder_layers", 6},
                     {"encoder_attention_heads", 12},
                     {"decoder_attention_heads", 12},
                     {"encoder_ffn_dim", 3072},
                     {"decoder_ffn_dim", 3072},
                     {"attention_dropout", 0.1},
                     {"activation_dropout", 0.1}};
  json base = test::project_spec("bart-base.json");
  base["sequence_length"] = few;
  const profile::Profile made = test::predicted(spec_of(config_of("bart", keys), options));
  const profile::Profile kept = test::predicted(base);
  REQUIRE(made.points.size() == kept.points.size());
  for (std::size_t i = 0; i < made.points.size(); ++i) {
    INFO(kept.points[i].path);
    CHECK(made.points[i].forward.variance.value == kept.points[i].forward.variance.value);
    CHECK(made.points[i].backward.variance.value == kept.points[i].backward.variance.value);
  }
}

TEST_CASE("bart's dropout between the weights of its FFN is written, and its scaled words as a table of their own") {
  const json config = config_of("bart", {{"activation_dropout", 0.15}, {"scale_embedding", true}, {"d_model", 1024}});
  CHECK(imported(config).warnings.empty());
  CHECK(spec_of(config)["decoder"]["ffn"]["dropout"] == 0.15);
  CHECK(spec_of(config)["input"]["embedding"]["std"] == json{{"token", 0.02 * 32}, {"position", 0.02}});
}

TEST_CASE("qwen3 norms every head's queries and keys") {
  const json attention = spec_of(config_of("qwen3"))["stack"]["attention"];
  CHECK(attention["query_key_norm"] == "rms_norm");
  CHECK(imported(config_of("qwen3")).warnings.empty());
  CHECK(spec_of(config_of("qwen3", {{"hidden_size", 1024},
                                    {"num_attention_heads", 16},
                                    {"num_key_value_heads", 8}}))["stack"]["attention"]["head_width"] == 128);
}

TEST_CASE("olmo2 has its norms behind the branches, and those of queries and keys over all heads") {
  const json config = config_of("olmo2");
  CHECK(spec_of(config)["stack"]["norm"] ==
        json{{"kind", "rms_norm"}, {"placement", "output"}, {"final", true}, {"epsilon", 1e-5}});
  CHECK(spec_of(config)["stack"]["attention"]["query_key_norm_over"] == "all_heads");
  CHECK(imported(config).warnings.empty());
}

TEST_CASE("gemma2 has norms at both ends of its branches and scores scaled by its own key") {
  const json config = config_of("gemma2", {{"query_pre_attn_scalar", 64}, {"attn_logit_softcapping", nullptr}});
  const json stack = spec_of(config)["stack"];
  CHECK(stack["norm"] == json{{"kind", "rms_norm"}, {"placement", "sandwich"}, {"final", true}, {"epsilon", 1e-6}});
  CHECK(stack["attention"]["score_scale"] == 0.125);
  CHECK(imported(config).warnings.empty());
  CHECK(imported(config_of("gemma2")).warnings ==
        Lines{"/attn_logit_softcapping is 50.0 by default, which a spec cannot express: written with scores that have "
              "no cap"});
}

// ---- which class a file is of --------------------------------------------------------------------------------------

Lines errors_of(const json& config, const Options& options = tokens(64)) {
  return importer::from_hugging_face(test::text_of(config), "config.json", options).errors;
}

TEST_CASE("every row of the table is read, and gives a spec of an empty configuration or says why not") {
  const auto types = importer::model_types();
  std::size_t imported_types = 0;
  for (const importer::ModelType& type : types) {
    INFO(type.name);
    const Lines errors = errors_of({{"model_type", type.name}}, type.name.find("vi") == 0 ? Options{} : tokens(64));
    const bool is_image =
        !errors.empty() && errors.front().find("--sequence-length is 64, but the image has") != std::string::npos;
    const bool composite =
        !errors.empty() && errors.front().find("has no configuration of a part") != std::string::npos;
    if (type.is_imported) CHECK((errors.empty() || is_image || composite));
    if (!type.is_imported)
      CHECK(errors == Lines{"config.json: /model_type is \"" + type.name + "\", but " + type.remark});
    imported_types += type.is_imported ? 1 : 0;
  }
  CHECK(types.size() >= 120);
  CHECK(imported_types >= 100);
}

TEST_CASE("a configuration without a model type is of the class that it names") {
  for (const auto& [name, type] : {std::pair{"LlamaForCausalLM", "llama"},
                                   {"GPTNeoXForCausalLM", "gpt_neox"},
                                   {"XLMRobertaModel", "xlm-roberta"},
                                   {"GPT2LMHeadModel", "gpt2"}}) {
    json config = config_of("llama");
    config.erase("model_type");
    config["architectures"] = {name};
    const Imported result = imported(config);
    CHECK(
        contains(result.notes, std::string("/model_type is missing: taken for ") + type + ", as /architectures says"));
  }
}

TEST_CASE("a hint names a type of the same keys, and never another version of a model") {
  const auto hint = [](const char* type, json config) {
    config["model_type"] = type;
    return errors_of(config).front();
  };
  CHECK(hint("Bart", {}).find("; did you mean \"bart\"?") != std::string::npos);
  const json llama = {{"hidden_size", 256},
                      {"intermediate_size", 512},
                      {"num_hidden_layers", 2},
                      {"num_attention_heads", 4},
                      {"rms_norm_eps", 1e-6}};
  CHECK(hint("lama", llama).find("; did you mean \"llama\"?") != std::string::npos);
  CHECK(hint("berta", {{"n_embd", 256}}).find("did you mean") == std::string::npos);  // no key of BERT's
  const std::string version = hint("olmo9", llama);
  CHECK(version.find("did you mean") == std::string::npos);
  CHECK(version.find("\"--as llama\" reads it as one") != std::string::npos);
}

TEST_CASE("the option --as reads a file as another type, and says so") {
  json config = config_of("llama");
  const std::string wanted = imported(config).spec;
  config["model_type"] = "internlm";
  Options options = tokens(128);
  options.as = "llama";
  const Imported result = imported(config, options);
  CHECK(result.spec == wanted);
  CHECK(contains(result.notes, "read as llama, as --as says"));
  options.as = "lama";
  CHECK(errors_of(config, options).front().find("--as is \"lama\", but must be one of the") != std::string::npos);
}

TEST_CASE("of a model of several, the text is taken unless another part is asked for") {
  const json whole = {
      {"model_type", "llava"},
      {"text_config",
       config_of("llama", {{"hidden_size", 256}, {"num_attention_heads", 4}, {"num_key_value_heads", 4}})},
      {"vision_config", {{"hidden_size", 128}, {"num_attention_heads", 4}, {"image_size", 32}, {"patch_size", 16}}}};
  const Imported text = imported(whole);
  CHECK(json::parse(text.spec)["stack"]["width"] == 256);
  CHECK(contains(text.notes, "text_config is taken; --part takes another part of the model"));
  Options vision;
  vision.part = "vision";
  const Imported image = imported(whole, vision);
  CHECK(json::parse(image.spec)["stack"]["width"] == 128);
  CHECK(json::parse(image.spec)["sequence_length"] == 5);  // the tower that a llava has, with its class token
  json wrong = whole;
  wrong["text_config"]["num_hidden_layers"] = 0;
  CHECK(errors_of(wrong).front().find("config.json: /text_config/num_hidden_layers is 0") == 0);
  vision.part = "audio";
  CHECK(errors_of(whole, vision) == Lines{"config.json: --part is \"audio\", but the file has no audio_config"});
  vision.part = "sound";
  CHECK(errors_of(whole, vision) == Lines{"config.json: --part is \"sound\", but must be text, vision or audio"});
}

TEST_CASE("what Python writes for numbers that are none is as good as null, outside of strings") {
  std::string text = test::text_of(config_of("llama", {{"rope_theta", 12345}, {"_name_or_path", "NaN \\\" Infinity"}}));
  text.replace(text.find("12345"), 5, "-Infinity");
  const Imported result = importer::from_hugging_face(text, "config.json", tokens(64));
  CHECK(result.errors.empty());
  CHECK(json::parse(result.spec)["name"] == "NaN \\\" Infinity");
}

TEST_CASE("what counts things is not negative") {
  for (const auto& [type, key] : {std::pair{"dinov3_vit", "num_register_tokens"},
                                  {"ernie4_5_moe", "moe_num_shared_experts"},
                                  {"qwen2_moe", "shared_expert_intermediate_size"},
                                  {"glm4_moe", "first_k_dense_replace"}}) {
    CHECK(errors_of({{"model_type", type}, {key, -1}}).front() ==
          std::string("config.json: /") + key + " is -1, but must be an integer from 0 to 10000000 (for example 1)");
  }
}

TEST_CASE("router, shared experts and layers without experts are written or named") {
  const auto ffn = [](const json& config) { return spec_of(config)["stack"]["ffn"]; };
  const json base = config_of("llama", {{"num_experts_per_tok", 2}, {"moe_intermediate_size", 96}});
  json config = base;
  config["model_type"] = "qwen2_moe";
  config["num_experts"] = 8;
  config["shared_expert_intermediate_size"] = 160;
  const json qwen = ffn(config);
  CHECK((qwen["experts"] == 8 && qwen["top_k"] == 2 && qwen["width"] == 96));
  CHECK((qwen["router"] == "softmax_over_all" && qwen["shared_width"] == 160 && qwen["shared_gate"] == true));
  config["norm_topk_prob"] = true;
  CHECK_FALSE(ffn(config).contains("router"));
  config["decoder_sparse_step"] = 2;
  CHECK(contains(imported(config).warnings,
                 "/decoder_sparse_step is 2, which a spec cannot express: written with experts in all layers"));
  config = base;
  config["model_type"] = "glm4_moe";
  config["n_routed_experts"] = 16;
  config["routed_scaling_factor"] = 2.5;
  const json glm = ffn(config);
  CHECK((glm["router"] == "sigmoid" && glm["routed_scale"] == 2.5 && glm["shared_width"] == 96));
  CHECK(contains(imported(config).warnings,
                 "/first_k_dense_replace is 1, layers without experts, which a spec cannot "
                 "express: written with experts in all layers"));
}

}  // namespace
