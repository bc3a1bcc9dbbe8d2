// SPDX-License-Identifier: Apache-2.0
#include "sigprop/profile/quantities.hpp"

#include "sigprop/report/report.hpp"

namespace sigprop::report {
namespace {

using profile::Presence;
using profile::Scale;

const char* text_of(Presence presence) {
  switch (presence) {
    case Presence::always:
      return "always";
    case Presence::attention:
      return "with attention";
    case Presence::cross_attention:
      return "with cross-attention";
    case Presence::batch:
      return "for a batch of at least two";
    case Presence::mask:
      return "where tokens differ by place";
    case Presence::token_list:
      return "with `--tokens`";
    case Presence::gram_list:
      return "with `--gram`";
  }
  return "";
}

const char* text_of(Scale scale) {
  switch (scale) {
    case Scale::itself:
      return "itself";
    case Scale::one:
      return "1";
    case Scale::root_second_moment:
      return "√`forward.second_moment`";
    case Scale::second_moment:
      return "`forward.second_moment`";
    case Scale::gradient_variance:
      return "`backward.variance`";
    case Scale::log_length:
      return "ln L";
    case Scale::none:
      return "not compared again";
  }
  return "";
}

void begin_table(std::ostream& out, const char* place) {
  out << "| quantity of a " << place << " | unit | present | meaning | its error is relative to |\n"
      << "| --- | --- | --- | --- | --- |\n";
}

template <class Row>
void write_row(std::ostream& out, const std::string& name, const Row& row) {
  out << "| `" << name << "` | " << row.unit << " | " << text_of(row.presence) << " | " << row.help << " | "
      << text_of(row.scale) << " |\n";
}

}  // namespace

void write_quantities(std::ostream& out) {
  begin_table(out, "point");
  for (const profile::PointRow& row : profile::point_quantities) write_row(out, std::string(row.name), row);
  for (const profile::ListRow& row : profile::token_lists) write_row(out, std::string(row.name), row);
  out << '\n';
  begin_table(out, "layer");
  for (const profile::LayerRow& row : profile::layer_quantities) write_row(out, std::string(row.name), row);
  for (const profile::WeightRow& row : profile::weight_quantities) write_row(out, name_of(row, "NAME"), row);
}

}  // namespace sigprop::report
