#include "refine_command.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <set>
#include <utility>

#include <dfrot/backend/cpu/policy.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/io/atomic_file.hpp>
#include <dfrot/linalg/orthogonality.hpp>
#include <dfrot/version.hpp>

#include "fitted_rotation.hpp"
#include "interrupted.hpp"
#include "model_source.hpp"
#include "progress.hpp"
#include "support/content_hash.hpp"
#include "support/work_estimate.hpp"

namespace dfrot::program {

namespace {

/// Products of a number and a weight, for a token and a layer.
double layer_work(model_config const& config) { return static_cast<double>(config.layer_numbers()); }

std::string hash_of(void const* bytes, std::size_t count) {
  content_hash content;
  content.add(bytes, count);
  return content.text();
}

std::string names_of(std::set<site> const& sites) {
  std::string names;
  for (site const each : sites) {
    names += (names.empty() ? "" : ",") + std::string(name_of(each));
  }
  return names;
}

/// The command at work: model, sequences, rows.
class refinement_run {
 public:
  explicit refinement_run(refine_request const& chosen)
      : chosen_(chosen),
        source_(open_model(chosen.model)),
        tokens_(calibration_of(chosen, chosen.sequences.count, *source_, ids_of(chosen), chosen.text_name())),
        parts_(calibration_parts(source_->config(), tokens_.tokens(), chosen.places)) {}

  [[nodiscard]] model_config const& config() const { return source_->config(); }
  [[nodiscard]] std::size_t rows() const { return parts_.size() * tokens_.tokens(); }
  [[nodiscard]] std::size_t layers() const { return parts_.back().layer + 1; }
  [[nodiscard]] batch const& tokens() const { return tokens_; }

  /// In units of layer_work().
  [[nodiscard]] double calibration_work() const {
    return layer_work(config()) * static_cast<double>(layers() * tokens_.tokens());
  }
  [[nodiscard]] double round_work() const {
    return round_operations(static_cast<double>(rows()), static_cast<double>(config().hidden)) / 2;
  }

  refine_outcome run() {
    auto const began = std::chrono::steady_clock::now();
    bool const full = chosen_.fit.method != "short";
    shown_.expect(calibration_work() + (full ? round_work() * chosen_.fit.refinement.rounds : 0));
    static_cast<void>(checkpoint({}).load({chosen_.fit.threads}));  // other work is refused before it takes time
    calibrate();
    found_.sequences = tokens_.count();
    found_.tokens = tokens_.tokens();
    found_.rows = rows();
    found_.massive = find_massive(chosen_.fit, rows_.view());
    full ? refine() : refine_short_way();
    measure();
    found_.orthogonality = orthogonality(cpu::policy{chosen_.fit.threads}, std::as_const(found_.rotation).view());
    found_.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    return std::move(found_);
  }

 private:
  void calibrate() {
    rows_ = calibration_rows(chosen_.threads, *source_, tokens_, parts_, [this](std::size_t layer) {
      stop_if_interrupted();
      shown_.add(layer_work(config()) * static_cast<double>(tokens_.tokens()));
      shown_.show(message("the model: layer ", layer, " of ", layers()));
    });
  }

  /// @param content hash of the rows, which depend on model and text alone; none before they are there
  [[nodiscard]] refinement_checkpoint checkpoint(std::optional<std::string> const& content) const {
    fit_settings const& fit = chosen_.fit;
    auto const& bos = chosen_.sequences.bos;
    std::vector<checkpoint_fact> facts = {
        {"version", message(DFROT_VERSION_MAJOR, ".", DFROT_VERSION_MINOR, ".", DFROT_VERSION_PATCH)},
        {"the token ids", hash_of(tokens_.ids().data(), tokens_.ids().size() * sizeof(std::int32_t))},
        {"--context", message(chosen_.sequences.context)},
        {"--bos", bos ? message(*bos) : "none"},
        {"--sequences", message(tokens_.count())},
        {"the model's channels", message(config().hidden)},
        {"the layers", message(parts_.front().layer, "-", parts_.back().layer)},
        {"--sites", names_of(chosen_.places.sites)},
        {"--method", fit.method},
        {"--seed", message(fit.seed)},
        {"--alpha", fact_text(fit.refinement.alpha)},
        {"--rounds", message(fit.refinement.rounds)},
        {"--massive", fact_text(fit.massive)},
        {"--scale", fit.scheme.scale == scale_rule::search ? "search" : "max"},
        {"--asymmetric", fit.scheme.symmetric ? "no" : "yes"}};
    if (content) {
      facts.push_back({"the content of the norms' outputs", *content});
    }
    bool const full = fit.method != "short";  // a short rotation takes a moment
    return {full ? checkpoint_beside(chosen_) : std::nullopt,
            true,
            "remove it",
            fit.refinement,
            config().hidden,
            std::move(facts)};
  }

  void refine() {
    refinement_checkpoint const kept = checkpoint(hash_of(rows_.data(), rows() * config().hidden * sizeof(float)));
    double start = 0;
    double best = 0;
    int const most = chosen_.fit.refinement.rounds;
    found_.full =
        refine_fully(chosen_.fit, std::as_const(rows_).view(), found_.massive, kept, [&](refine_round const& round) {
          start = round.round == 0 ? round.loss : start;
          best = round.round == 0 ? round.loss : std::min(best, round.loss);
          shown_.add(round.round == 0 ? 0 : round_work());
          char loss[64];
          std::snprintf(loss, sizeof loss, "loss %.4g, best %.1f %% of the start", round.loss, 100 * best / start);
          shown_.show(message("round ", round.round, " of ", most, " at most: ", loss));
          return interrupting_signal() == 0;
        });
    found_.rotation = std::move(found_.full.rotation);
  }

  void refine_short_way() {
    found_.shortened =
        refine_shortly(chosen_.fit, std::as_const(rows_).view(), found_.massive, [&](short_round const& round) {
          shown_.show(message("round ", round.round, ": error of massive tokens ", round.massive));
          return interrupting_signal() == 0;
        });
    found_.rotation = dense_of(chosen_.fit.threads, found_.shortened->rotation);
  }

  /// The errors of all rows, and of the ordinary ones behind each norm.
  void measure() {
    shown_.show("measuring");
    auto const rows = std::as_const(rows_).view();
    auto const summary_of = [&](std::vector<token_error> const& errors) {
      return summarize({errors.data(), errors.size()}, found_.massive, chosen_.fit.refinement.alpha);
    };
    auto const mean_of = [&](std::vector<token_error> const& errors, calibration_part const& part) {
      token_class_sums ordinary;
      for (std::size_t i = part.first_row; i < part.first_row + tokens_.tokens(); ++i) {
        if (found_.massive.is_massive[i] == 0) {
          ordinary.add(errors[i]);
        }
      }
      return ordinary.mean();
    };
    auto const hadamard = errors_under(chosen_.fit, start_of(chosen_.fit, config().hidden), rows);
    auto const refined = errors_under(chosen_.fit, found_.rotation, rows);
    found_.none = summary_of(errors_under(chosen_.fit, {}, rows));
    found_.hadamard = summary_of(hadamard);
    found_.refined = summary_of(refined);
    for (calibration_part const& part : parts_) {
      auto const first = found_.massive.is_massive.begin() + static_cast<std::ptrdiff_t>(part.first_row);
      auto const massive = std::count(first, first + static_cast<std::ptrdiff_t>(tokens_.tokens()), 1);
      found_.parts.push_back(
          {part, static_cast<std::size_t>(massive), mean_of(hadamard, part), mean_of(refined, part)});
    }
  }

  refine_request const& chosen_;
  std::unique_ptr<model_source> source_;
  batch tokens_;
  std::vector<calibration_part> parts_;
  matrix<float> rows_;
  refine_outcome found_;
  progress shown_;
};

}  // namespace

std::optional<std::filesystem::path> checkpoint_beside(refine_request const& chosen) {
  if (atomic_file::is_direct(chosen.output)) {
    return std::nullopt;
  }
  return chosen.checkpoint();
}

std::optional<refine_outcome> refine_model(refine_request const& chosen) {
  try {
    return refinement_run(chosen).run();
  } catch (interrupted const&) {
    return std::nullopt;
  }
}

std::string estimate_refinement(refine_request const& chosen) {
  refinement_run const run(chosen);
  auto const n = static_cast<double>(run.config().hidden);
  auto const m = static_cast<double>(run.rows());
  auto const tokens = static_cast<double>(run.tokens().tokens());
  bool const full = chosen.fit.method != "short";
  // The rows and three sets of errors; then the residual stream, heads and a layer, in float and double, or the refinement: three
  // rotations and the two matrices of a polar factor, or C in double twice, and blocks of rows.
  double const heads = static_cast<double>(run.config().q_rows() + 2 * run.config().kv_rows());
  double const model = 4 * tokens * (n + heads) + 12 * layer_work(run.config());
  double const fit = 4 * n * 3584.0 + (full ? n * n * (3 * 4 + 4 * 8) : n * n * 12);
  std::string text = message(run.tokens().count(), " sequences, ", run.tokens().tokens(), " tokens, behind ",
                             run.rows() / run.tokens().tokens(), " norms: ", run.rows(), " rows x ",
                             run.config().hidden, " channels\n");
  text += message("memory: about ", memory_text(m * (4 * n + 48) + std::max(model, fit)), "\n");
  double const rate =
      operations_a_second(chosen.threads, std::min<std::size_t>(1024, run.rows()), run.config().hidden) / 2;
  text += message("time: about ", time_text(run.calibration_work() / rate), " for the model");
  if (full) {
    double const round = run.round_work() / rate;
    text += message(", ", time_text(round), " a round, ", time_text(round * chosen.fit.refinement.rounds), " for all ",
                    chosen.fit.refinement.rounds, " rounds",
                    chosen.fit.refinement.patience != 0 ? "; patience may end them before" : "");
  }
  return text + "\nnothing was refined or written (--dry-run)\n";
}

}  // namespace dfrot::program
