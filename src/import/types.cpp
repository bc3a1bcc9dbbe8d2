// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <set>
#include <stdexcept>

#include "import/family.hpp"
#include "model_types.inc"

/// Reads the rows of model_types.json. A row is merged over the one that it is like (RFC 7396), but
/// that its `idle` keys come on top. Every name that nobody reads throws std::logic_error: the
/// tables are the program's own, and a test reads all of them.
namespace sigprop::importer {
namespace {

/// The members of an object, each of which has to be asked for.
class Members {
 public:
  Members(const Json& object, std::string place) : object_(object), place_(std::move(place)) {}

  template <class T>
  void read(const char* name, T& out) {
    names_.insert(name);
    if (const auto found = object_.find(name); found != object_.end()) out = found->template get<T>();
  }

  void read(const char* name, std::optional<double>& out) {
    names_.insert(name);
    if (const auto found = object_.find(name); found != object_.end()) out = found->get<double>();
  }

  [[nodiscard]] const Json& object(const char* name) {
    static const Json none = Json::object();
    names_.insert(name);
    const auto found = object_.find(name);
    return found == object_.end() ? none : *found;
  }

  void expect_all_read() const {
    for (const auto& member : object_.items()) {
      if (!names_.contains(member.key()))
        throw std::logic_error("model_types.json: " + place_ + " has \"" + member.key() + "\", which nobody reads");
    }
  }

 private:
  const Json& object_;
  std::string place_;
  std::set<std::string> names_;
};

template <class T>
T choice_of(Members& members, const char* name, std::initializer_list<std::pair<const char*, T>> choices) {
  std::string value = choices.begin()->first;
  members.read(name, value);
  for (const auto& [word, choice] : choices) {
    if (value == word) return choice;
  }
  throw std::logic_error("model_types.json: " + std::string(name) + " is \"" + value + "\"");
}

Layout layout_of(const Json& facts, const std::string& type) {
  Members members(facts, type + "/facts");
  Layout out;
  out.source = choice_of(members, "source",
                         {std::pair{"words", Source::words}, {"image", Source::image}, {"features", Source::features}});
  members.read("tables", out.tables);
  members.read("embedding_norm", out.embedding_norm);
  members.read("words_by_root_width", out.words_by_root_width);
  members.read("embedding_dropout_first", out.embedding_dropout_first);
  members.read("always_projected", out.always_projected);
  members.read("positions_after_padding", out.positions_after_padding);
  members.read("positions_are_sines", out.positions_are_sines);
  members.read("position_table", out.position_table);
  members.read("special_tokens", out.special_tokens);
  members.read("special_drawn", out.special_drawn);
  members.read("norm", out.norm);
  members.read("placement", out.placement);
  members.read("epsilon", out.epsilon);
  members.read("norm_gain", out.norm_gain);
  members.read("final_norm", out.final_norm);
  members.read("query_key_norm", out.query_key_norm);
  members.read("query_key_norm_of_all", out.query_key_norm_of_all);
  members.read("causal", out.causal);
  members.read("gated", out.gated);
  members.read("encoder_decoder", out.encoder_decoder);
  members.read("parallel", out.parallel);
  members.read("tied", out.tied);
  members.read("activation", out.activation);
  members.read("activation_names", out.activation_names);
  members.read("gelu_is_tanh", out.gelu_is_tanh);
  members.read("rotary_base", out.rotary_base);
  members.read("rotary_share", out.rotary_share);
  members.read("score_by_scalar", out.score_by_scalar);
  members.read("score_scale", out.score_scale);
  members.read("router", out.router);
  members.read("shared_gate", out.shared_gate);
  out.deviations = choice_of(members, "deviations",
                             {std::pair{"equal", Deviations::equal},
                              {"t5", Deviations::t5},
                              {"clip", Deviations::clip},
                              {"xavier", Deviations::xavier}});
  members.read("outputs_by_depth", out.outputs_by_depth);
  members.read("attention_by_depth", out.attention_by_depth);
  members.read("weights_lost_range", out.weights_lost_range);
  members.read("outputs_lost_depth", out.outputs_lost_depth);
  members.read("beyond", out.beyond);
  members.expect_all_read();
  return out;
}

/// "key": ["role", default], or several roles: [["role", "role"], default].
Key key_of(const std::string& name, const Json& row) {
  Key out{name, {}, row.at(1)};
  if (row.at(0).is_array()) {
    out.roles = row.at(0).get<std::vector<std::string>>();
  } else {
    out.roles = {row.at(0).get<std::string>()};
  }
  for (const std::string& role : out.roles) (void)role_named(role);
  return out;
}

Limit limit_of(const std::string& name, const Json& row) {
  Members members(row, name);
  Limit out{name, Kind::anything, nullptr, {}, ""};
  std::string kind;
  members.read("is", kind);
  members.read("default", out.fallback);
  members.read("harmless", out.harmless);
  members.read("written", out.written);
  members.expect_all_read();
  out.kind = kind_named(kind);
  return out;
}

Family family_of(const std::string& type, const Json& row) {
  Members members(row, type);
  Family out;
  out.type = type;
  out.layout = layout_of(members.object("facts"), type);
  for (const auto& key : members.object("keys").items()) out.keys.push_back(key_of(key.key(), key.value()));
  for (const auto& limit : members.object("limits").items()) out.limits.push_back(limit_of(limit.key(), limit.value()));
  members.read("idle", out.idle);
  members.read("names", out.aliases);
  members.read("refused", out.refused);
  members.read("parts", out.parts);
  members.expect_all_read();
  return out;
}

/// A row with all that it takes from others.
Json whole_row(const Json& table, const std::string& type) {
  Json row = table.at(type);
  if (!row.contains("like")) return row;
  Json base = whole_row(table, row["like"].get<std::string>());
  row.erase("like");
  Json idle = base.value("idle", Json::array());
  for (const Json& name : row.value("idle", Json::array())) idle.push_back(name);
  const Json defaults = row.value("defaults", Json::object());
  row.erase("defaults");
  base.merge_patch(row);
  base["idle"] = idle;
  for (const auto& value : defaults.items()) base["keys"].at(value.key()).at(1) = value.value();
  return base;
}

}  // namespace

const std::vector<Family>& families() {
  static const std::vector<Family> all = [] {
    const auto ordered = nlohmann::ordered_json::parse(model_type_rows);
    const Json table = Json::parse(model_type_rows);
    std::vector<Family> out;
    for (const auto& row : ordered.items()) out.push_back(family_of(row.key(), whole_row(table, row.key())));
    return out;
  }();
  return all;
}

}  // namespace sigprop::importer
