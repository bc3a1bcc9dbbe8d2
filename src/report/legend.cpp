// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "report/number.hpp"
#include "sigprop/report/report.hpp"

namespace sigprop::report {

const std::vector<Term>& legend() {
  static const std::vector<Term> terms = {
      {"point", "a place on the residual stream: layer 3/ffn lies behind the feed-forward branch of layer 3"},
      {"variance", "of the signal there, over features, tokens and random networks"},
      {"token r", "correlation of two tokens of a sequence; 1 where all tokens are alike"},
      {"gradient²", "E[g²] of the loss gradient there, which enters at the last point with the spec's variance"},
      {"score v", "variance of an attention row's scores, before the softmax; 0 attends to all tokens alike"},
      {"entropy", "of an attention row, in % of that of equal attention; near 0 it attends to one token"},
      {"gradient norm", "√E‖∂loss/∂W‖² of a weight matrix, over the batch"},
      {"last layer/first", "the last layer's value over the first layer's: growth with depth"},
      {"first/input", "the first layer's value over the input's: what it makes of the embedding"},
      {"±", "standard error of a measured mean, in % of it"},
      {"verdict", "a threshold that the model passes, and where; sigprop check makes an exit status of it"},
  };
  return terms;
}

void write_legend(std::ostream& out) {
  std::size_t width = 0;
  for (const Term& term : legend()) width = std::max(width, characters(term.name));
  out << '\n';
  for (const Term& term : legend()) out << left(term.name, width + 2) << term.meaning << '\n';
}

}  // namespace sigprop::report
