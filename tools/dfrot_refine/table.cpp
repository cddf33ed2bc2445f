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

/// The automatic rule where dominated tokens recur in some channels.
std::string channel_rule_text(massive_tokens const& massive) {
  std::string channels;
  for (std::size_t const channel : massive.channels) {
    channels += message(channels.empty() ? "" : ", ", channel);
  }
  return message("auto: max / median of |x| above ", massive_ratio_floor, " and ", least_massive_share,
                 " of the energy in four channels, the largest ", channels,
                 std::isfinite(massive.threshold) ? message("; or a ratio of ", std::lround(massive.threshold)) : "");
}

std::string rule_text(massive_tokens const& massive) {
  char text[96];
  if (!massive.channels.empty()) {
    return channel_rule_text(massive);
  }
  if (massive.rule == "auto" && !std::isfinite(massive.threshold)) {
    return "auto: no gap in max / median of |x|, and no channel in which peaks recur";
  }
  char const* const format = massive.rule == "auto"      ? "auto: max / median of |x| at least %.3g"
                             : massive.rule == "compare" ? "compare: error under RO / unrotated error at least %.3g"
                                                         : "threshold: unrotated error below %.4g";
  std::snprintf(text, sizeof text, format, massive.threshold);
  return text;
}

/// In which files the massive tokens are: all files where they are few, otherwise those with the most.
std::string files_text(outcome const& result) {
  constexpr std::size_t most_files = 4;
  std::vector<file_findings> files = result.files;
  if (files.size() < 2 || result.massive.count == 0) {
    return "";
  }
  auto const is_empty = [](file_findings const& file) { return file.massive == 0; };
  std::size_t const empty = static_cast<std::size_t>(std::count_if(files.begin(), files.end(), is_empty));
  std::size_t const with = files.size() - empty;
  bool const all = files.size() <= most_files;
  if (!all) {
    std::stable_sort(files.begin(), files.end(),
                     [](file_findings const& a, file_findings const& b) { return a.massive > b.massive; });
    files.resize(std::min(with, most_files));
  }
  std::string text = all ? "  found" : message("  in ", with, " of ", with + empty, " files:");
  for (file_findings const& file : files) {
    text += message(&file == files.data() ? " " : ", ", file.massive, " of ", file.rows, " in ", file.name);
  }
  return text + (all || with <= most_files ? "\n" : message(", no more than that in ", with - most_files, " others\n"));
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
    std::size_t const kinds = result.shortened->centroids.counts.size();
    text += kinds == 0
                ? "There are no massive tokens: the short method leaves the Hadamard as it is.\n"
                : message("The rotation is a Hadamard and a rotation of rank ", result.shortened->rotation.rank(),
                          " for ", kinds, kinds == 1 ? " kind" : " kinds", " of massive token.\n");
  }
  if (!result.shortened && result.refinement.too_few_tokens) {
    text +=
        "Warning: fewer than four ordinary tokens a channel. The rotation overfits: errors on other tokens are "
        "larger than on the calibration rows; --holdout shows how much.\n";
  }
  if (!result.shortened && result.refinement.overfitted) {
    text +=
        "Note: later rounds overfitted, better on calibration rows and worse on held-out ones; they were dropped.\n";
  }
  return text;
}

}  // namespace

std::string table(options const& chosen, outcome const& result) {
  bool const has_holdout = !result.split.held_out.empty();
  std::string text = message(result.input, ": ", result.rows, " tokens x ", result.channels, " channels",
                             chosen.rms_norm ? ", RMS-normalised" : "", "\nmassive tokens: ", result.massive.count,
                             " (", rule_text(result.massive), ")\n", files_text(result), quantizer_text(chosen.scheme),
                             "; massive tokens weigh ", chosen.refinement.alpha, "; seed ", chosen.seed, "\n\n");
  std::string const columns = "   ordinary    massive       loss";
  char heading[160];
  std::snprintf(heading, sizeof heading, "%-27s%33s", "relative squared error,",
                message("on ", result.split.calibration.size(), " calibration rows").c_str());
  text += heading;
  if (has_holdout) {
    std::snprintf(heading, sizeof heading, "  |%33s",
                  message("on ", result.split.held_out.size(), " held-out rows").c_str());
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
    text += heading + cells(measured ? each.errors->calibration : nothing) +
            (has_holdout ? "  |" + cells(measured ? *each.errors->held_out : nothing) : "") + "\n";
  }
  return text + closing_lines(chosen, result);
}

}  // namespace dfrot::program
