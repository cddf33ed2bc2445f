#include "table.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <vector>

#include <dfrot/core/expects.hpp>

namespace dfrot::program {

namespace {

/// A number in a column of 11 characters; a dash where there are no tokens of that kind.
std::string cell(double value) {
  char text[32];
  if (std::isnan(value)) {
    std::snprintf(text, sizeof text, "%11s", "-");
  } else {
    std::snprintf(text, sizeof text, value != 0 && value < 1e-4 ? "%11.3e" : "%11.4g", value);
  }
  return text;
}

std::string cells(error_summary const& errors) {
  return cell(errors.ordinary) + cell(errors.massive) + cell(errors.weighted_loss);
}

std::string rule_text(massive_tokens const& massive) {
  char text[96];
  if (massive.rule == "auto" && !std::isfinite(massive.threshold)) {
    return "auto: no gap in max / median of |x|";
  }
  char const* const format = massive.rule == "auto"      ? "auto: max / median of |x| at least %.3g"
                             : massive.rule == "compare" ? "compare: error under RO / unrotated error at least %.3g"
                                                         : "threshold: unrotated error below %.4g";
  std::snprintf(text, sizeof text, format, massive.threshold);
  return text;
}

std::string quantizer_text(int4_scheme const& scheme) {
  return message("INT4 ", scheme.symmetric ? "symmetric" : "asymmetric", " per token, ",
                 scheme.scale == scale_rule::search ? message("scale searched") : message("clip ", scheme.clip));
}

/// What the refinement did, and what to think of it.
std::string closing_lines(options const& chosen, outcome const& result) {
  char const* const start_name = chosen.start == start_rotation::hadamard     ? "RH"
                                 : chosen.start == start_rotation::orthogonal ? "RO"
                                                                              : "the file";
  char line[256];
  int const rounds = static_cast<int>(std::max<std::size_t>(result.round_values().size(), 1)) - 1;
  std::snprintf(line, sizeof line, "\nDFRot started from %s%s; of %d round%s number %d is kept%s%s%s. ", start_name,
                chosen.starts > 1 ? message(" with seed ", result.start_seed).c_str() : "", rounds,
                rounds == 1 ? "" : "s", result.best_round(), result.stopped() ? " (interrupted)" : "",
                result.resumed ? " (resumed)" : "",
                chosen.device == compute_device::cuda ? "; rounds on a CUDA device" : "");
  std::string text = line;
  std::snprintf(line, sizeof line, "||R^T R - I||_F / sqrt(n) = %.1e. %.1f s\n", result.orthogonality, result.seconds);
  text += line;
  if (result.shortened) {
    std::size_t const kinds = result.shortened->prototypes.counts.size();
    text += kinds == 0
                ? "There are no massive tokens: the short method leaves the Hadamard as it is.\n"
                : message("The rotation is a Hadamard and a rotation of rank ", result.shortened->rotation.rank(),
                          " for ", kinds, kinds == 1 ? " kind" : " kinds", " of massive token.\n");
  }
  if (!result.shortened && result.refinement.few_tokens) {
    text +=
        "Warning: fewer than four ordinary tokens a channel. The errors on the rows used promise more than others "
        "get; --holdout shows how much.\n";
  }
  if (!result.shortened && result.refinement.overfitted) {
    text +=
        "Note: later rounds were better on the tokens refined with and worse on those held out; they were dropped.\n";
  }
  return text;
}

}  // namespace

std::string table(options const& chosen, outcome const& result) {
  bool const has_holdout = !result.split.held_out.empty();
  std::string text = message(result.input, ": ", result.rows, " tokens x ", result.channels, " channels",
                             chosen.rms_norm ? ", RMS-normalised" : "", "\nmassive tokens: ", result.massive.count,
                             " (", rule_text(result.massive), ")\n", quantizer_text(chosen.scheme),
                             "; massive tokens weigh ", chosen.refinement.alpha, "; seed ", chosen.seed, "\n\n");
  std::string const columns = "   ordinary    massive       loss";
  char heading[160];
  std::snprintf(heading, sizeof heading, "%-27s%33s", "relative squared error,",
                message("on ", result.split.used.size(), " rows used").c_str());
  text += heading;
  if (has_holdout) {
    std::snprintf(heading, sizeof heading, "  |%33s",
                  message("on ", result.split.held_out.size(), " rows held out").c_str());
    text += heading;
  }
  text += "\nand the weighted loss      " + columns + (has_holdout ? "  |" + columns : "") + "\n";
  struct line {
    char const* name;
    rotation_errors const* errors;
  };
  std::vector<line> lines = {{"NR     no rotation", &result.none},
                             {"RO     random orthogonal", &result.orthogonal},
                             {"RH     randomized Hadamard", &result.hadamard}};
  if (chosen.start == start_rotation::file) {
    lines.push_back({"start  from the file", &result.start});
  }
  lines.push_back({"DFRot  refined", &result.refined});
  for (line const& each : lines) {
    std::snprintf(heading, sizeof heading, "%-27s", each.name);
    error_summary const nothing{NAN, NAN, NAN};
    bool const measured = each.errors->measured();
    text += heading + cells(measured ? each.errors->used : nothing) +
            (has_holdout ? "  |" + cells(measured ? *each.errors->held_out : nothing) : "") + "\n";
  }
  return text + closing_lines(chosen, result);
}

}  // namespace dfrot::program
