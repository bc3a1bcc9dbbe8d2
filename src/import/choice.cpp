// SPDX-License-Identifier: Apache-2.0
#include "import/choice.hpp"

#include <algorithm>
#include <array>
#include <cctype>

#include "import/keys.hpp"
#include "spec/nearest.hpp"
#include "spec/validate.hpp"

namespace sigprop::importer {
namespace {

using spec::shown;

struct Part {
  const char* option;
  std::vector<std::string> keys;  ///< under which configurations have it
};

const std::array<Part, 3>& parts() {
  static const std::array<Part, 3> all = {{
      {"text", {"text_config", "llm_config", "language_config", "thinker_config"}},
      {"vision", {"vision_config"}},
      {"audio", {"audio_config"}},
  }};
  return all;
}

const Part* part_named(const std::string& option) {
  const auto found =
      std::find_if(parts().begin(), parts().end(), [&](const Part& part) { return part.option == option; });
  return found == parts().end() ? nullptr : &*found;
}

/// The key under which a configuration has a part; empty where it has none.
std::string key_of_part(const Json& config, const Part& part) {
  for (const std::string& key : part.keys) {
    if (config.contains(key) && config[key].is_object()) return key;
  }
  return "";
}

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

std::string text_of(const Json& config, const char* name) {
  const auto found = config.find(name);
  return found != config.end() && found->is_string() ? found->get<std::string>() : "";
}

/// The model type of the class that a configuration names: "llama" of LlamaForCausalLM. Empty where
/// it names none that is known.
std::string type_of_class(const Json& config) {
  const auto found = config.find("architectures");
  if (found == config.end() || !found->is_array() || found->empty() || !found->front().is_string()) return "";
  const std::string name = lower(found->front().get<std::string>());
  std::string best;
  for (const Family& family : families()) {
    std::string letters = family.type;
    std::erase_if(letters, [](char c) { return c == '_' || c == '-'; });
    if (name.rfind(letters, 0) != 0) continue;
    // Of T5GemmaForCausalLM the type is not t5.
    const std::string rest = name.substr(letters.size());
    for (const char* ending : {"for", "model", "lmhead", "doubleheads"}) {
      if (rest.rfind(ending, 0) == 0) best = family.type;
    }
  }
  return best;
}

/// True if the class has every key of a configuration that tells of its structure.
bool has_all_keys(const Family& family, const Json& config) {
  if (!family.refused.empty() || family.keys.empty()) return false;
  const std::vector<std::string> known = known_names(family);
  return std::all_of(config.items().begin(), config.items().end(), [&](const auto& member) {
    return std::find(known.begin(), known.end(), member.key()) != known.end();
  });
}

/// The digits of a name, or its other letters.
std::string only(std::string text, bool digits) {
  std::erase_if(text, [digits](unsigned char c) { return digits ? std::isdigit(c) == 0 : std::isalpha(c) == 0; });
  return lower(text);
}

bool are_versions_of_one(const std::string& a, const std::string& b) {
  return only(a, false) == only(b, false) && only(a, true) != only(b, true);
}

/// What to say of a type that is not known: the name that was meant, where it is written
/// differently and has the same keys, or how to read the file as a Llama. Versions of one model
/// differ in more than keys tell: no version is taken for another.
std::string hint(const std::string& type, const Json& config) {
  std::vector<std::string> names;
  for (const Family& family : families()) names.push_back(family.type);
  const std::string name = spec::nearest(type, names);
  if (!name.empty() && !are_versions_of_one(name, type) && has_all_keys(*family_named(name), config))
    return "; did you mean \"" + name + "\"?";
  for (const char* key :
       {"hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "rms_norm_eps"}) {
    if (!config.contains(key)) return "";
  }
  return "; its keys are a Llama's: \"--as llama\" reads it as one, if its layers are";
}

/// The class of a model type, with an error for one that cannot be written.
const Family* family_of(const std::string& type, const std::string& place, const Json& config, Findings& findings) {
  const Family* family = family_named(type);
  if (family == nullptr) {
    findings.errors.push_back(place + " is " + shown(type) + ", but must be one of the " +
                              std::to_string(families().size()) + " model types that \"sigprop import --list\" shows" +
                              hint(type, config));
    return nullptr;
  }
  if (family->refused.empty() && !family->keys.empty()) return family;
  const bool composite = family->refused.empty();
  findings.errors.push_back(
      place + " is " + shown(type) + ", but " +
      (composite ? "the file has no configuration of a part of it (text_config, vision_config)" : family->refused));
  return nullptr;
}

/// A configuration's own class, as the option, the type or the named class says.
const Family* class_of(const Choice& choice, const std::string& default_type, const Options& options,
                       Findings& findings) {
  const std::string type_place = "/model_type", given = options.as;
  const Json& config = choice.config;
  if (!given.empty()) {
    const Family* family = family_of(given, "--as", config, findings);
    if (family != nullptr) findings.notes.push_back("read as " + given + ", as --as says");
    return family;
  }
  const Json type = config.value("model_type", Json());
  if (type.is_string()) return family_of(type.get<std::string>(), type_place, config, findings);
  const std::string named = default_type.empty() ? type_of_class(config) : default_type;
  if (type.is_null() && !named.empty()) {
    findings.notes.push_back(type_place + " is missing: taken for " + named + ", as " +
                             (default_type.empty() ? "/architectures says" : "the whole model's type says"));
    return family_of(named, type_place, config, findings);
  }
  findings.errors.push_back(type_place + (type.is_null() ? " is missing" : " is " + shown(type)) +
                            ", but must be a model type (for example \"bert\"; \"sigprop import --list\" shows all); "
                            "--as sets one");
  return nullptr;
}

}  // namespace

Choice choose(Json config, const Options& options, Findings& findings) {
  Choice out{std::move(config), nullptr, ""};
  if (!out.config.is_object()) {
    findings.errors.push_back("the file is " + shown(out.config) + ", but must be an object with a \"model_type\"");
    return out;
  }
  const std::string option = options.part.empty() ? "text" : options.part;
  const Part* part = part_named(option);
  if (part == nullptr) {
    findings.errors.push_back("--part is " + shown(option) + ", but must be text, vision or audio");
    return out;
  }
  std::string default_type;
  for (std::string key = key_of_part(out.config, *part); !key.empty(); key = key_of_part(out.config, *part)) {
    const Family* whole = family_named(text_of(out.config, "model_type"));
    if (whole != nullptr && whole->parts.contains(option)) default_type = whole->parts.at(option);
    Json inner = out.config[key];
    out.config = std::move(inner);
    out.place += "/" + key;
  }
  if (out.place.empty() && !options.part.empty() && option != "text") {
    findings.errors.push_back("--part is " + shown(option) + ", but the file has no " + part->keys.front());
    return out;
  }
  if (!out.place.empty() && options.part.empty())
    findings.notes.push_back(out.place.substr(1) + " is taken; --part takes another part of the model");
  out.family = class_of(out, default_type, options, findings);
  return out;
}

}  // namespace sigprop::importer
