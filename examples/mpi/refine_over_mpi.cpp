// One refinement on several machines: every rank reads a part of the tokens, and only sums travel between them, an n x n matrix
// and twelve numbers a segment, whatever the number of tokens.
//
//   mpirun -n 3 refine_over_mpi                 the built-in sample
//   mpirun -n 3 refine_over_mpi X.npy R.npy     tokens x channels, RMS-normalised; R is written by rank 0
//   mpirun -n 3 refine_over_mpi --check         rank 0 then refines alone, and compares
//
// Rounding decides codes, and after some rounds one code that fell otherwise shows in every digit of R. So that R does not
// depend on the number of ranks, the tokens are cut into twelve segments whoever works on them, and the sums of the segments
// are added in their order. Every rank then takes the same step with the same sums: run the same program everywhere.

#include <mpi.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <string>
#include <utility>
#include <vector>

#include <dfrot/cpu.hpp>
#include <dfrot/io/npy.hpp>
#include <dfrot/io/npy_rows.hpp>
#include <dfrot/loss/massive_tokens.hpp>
#include <dfrot/optimize/refine/refine_rotation.hpp>
#include <dfrot/optimize/refine/refinement.hpp>
#include <dfrot/transform/randomized_hadamard.hpp>

#include "../support/sample.hpp"

namespace {

using namespace dfrot;

constexpr std::size_t segments = 12;

/// The ranks that work together.
struct ranks {
  MPI_Comm all;
  int own = 0;
  int count = 1;

  explicit ranks(MPI_Comm communicator) : all(communicator) {
    MPI_Comm_rank(all, &own);
    MPI_Comm_size(all, &count);
  }
};

/// Calls f(values, count) for an array in parts that MPI, which counts in int, can take.
template <class F>
void in_parts(double* values, std::size_t size, F const& f) {
  constexpr std::size_t part = std::size_t{1} << 24u;
  for (std::size_t first = 0; first < size; first += part) {
    f(values + first, static_cast<int>(std::min(part, size - first)));
  }
}

/// A segment of the tokens; a token source itself.
template <class Source>
struct token_segment {
  Source const& all;
  std::size_t first;
  std::size_t count;

  token_segment(Source const& source, std::size_t number) : all(source) {
    first = source.rows() * number / segments;
    count = source.rows() * (number + 1) / segments - first;
  }
  [[nodiscard]] std::size_t rows() const { return count; }
  [[nodiscard]] std::size_t channels() const { return all.channels(); }
  void read(std::size_t row, matrix_view<float> block) const { all.read(first + row, block); }
};

/// Which tokens are massive, by the automatic rule: each rank looks at its segments, and the peaks are shared.
template <class Source>
massive_tokens find_massive(ranks const& together, Source const& source) {
  std::vector<double> numbers(3 * source.rows(), 0.0);  // ratio, share and channel of each token
  matrix<float> token(1, source.channels());
  aligned_vector<float> scratch(source.channels());
  for (auto number = static_cast<std::size_t>(together.own); number < segments;
       number += static_cast<std::size_t>(together.count)) {
    token_segment<Source> const segment(source, number);
    for (std::size_t i = 0; i < segment.rows(); ++i) {
      segment.read(i, token.view());
      token_peak const peak = peak_of(segment.first + i, vector_view<float const>(token.data(), token.columns()),
                                      vector_view<float>(scratch.data(), scratch.size()));
      double* const own = numbers.data() + 3 * peak.token;
      own[0] = peak.ratio;
      own[1] = peak.share;
      own[2] = static_cast<double>(peak.channel);
    }
  }
  in_parts(numbers.data(), numbers.size(), [&](double* values, int count) {
    MPI_Allreduce(MPI_IN_PLACE, values, count, MPI_DOUBLE, MPI_SUM, together.all);
  });
  std::vector<token_peak> peaks;
  for (std::size_t i = 0; i < source.rows(); ++i) {
    double const* const of = numbers.data() + 3 * i;
    peaks.push_back({i, static_cast<std::size_t>(of[2]), of[0], of[1]});
  }
  return massive_by_peaks(source.rows(), peaks);
}

/// total += the parts of all ranks on rank 0, in the order of the ranks.
void add_in_order(ranks const& together, round_sums& part, round_sums& total) {
  for (int rank = 0; rank < together.count; ++rank) {
    if (rank == together.own && rank != 0) {
      part.for_each_array([&](double* values, std::size_t size) {
        in_parts(values, size,
                 [&](double* first, int count) { MPI_Send(first, count, MPI_DOUBLE, 0, rank, together.all); });
      });
    } else if (together.own == 0) {
      if (rank != 0) {
        part.for_each_array([&](double* values, std::size_t size) {
          in_parts(values, size, [&](double* first, int count) {
            MPI_Recv(first, count, MPI_DOUBLE, rank, rank, together.all, MPI_STATUS_IGNORE);
          });
        });
      }
      total.combine(part);
    }
  }
}

// [region refine]
template <class Source>
refined_rotation<float> refine_together(ranks const& together, Source const& source) {
  cpu::policy const on{1};
  massive_tokens const massive = find_massive(together, source);
  matrix<float> start(source.channels(), source.channels());
  randomized_hadamard(source.channels(), 1).to_dense(start.view());

  refinement<float> work(on, std::as_const(start).view(), refine_options{}, source.rows() - massive.count);
  round_sums part = work.empty_sums();
  round_sums total = work.empty_sums();
  while (!work.finished()) {
    for (std::size_t first = 0; first < segments; first += static_cast<std::size_t>(together.count)) {
      part.clear();
      if (std::size_t const number = first + static_cast<std::size_t>(together.own); number < segments) {
        token_segment<Source> const segment(source, number);
        token_flags const flags{{massive.is_massive.data() + segment.first, segment.count}, {}, segment.first};
        accumulate_tokens(on, int4_scheme{}, segment, flags, work.rotation(), work.request(), part);
      }
      add_in_order(together, part, total);
    }
    total.for_each_array([&](double* values, std::size_t size) {
      in_parts(values, size, [&](double* from, int count) { MPI_Bcast(from, count, MPI_DOUBLE, 0, together.all); });
    });
    refine_round const& round = work.step(on, total);
    if (together.own == 0) {
      std::printf("round %2d  loss %.6g  massive tokens %.6f\n", round.round, round.loss, round.massive);
      std::fflush(stdout);
    }
  }
  return std::move(work).result();
}
// [endregion]

double largest_difference(matrix<float> const& a, matrix<float> const& b) {
  double largest = 0;
  for (std::size_t i = 0; i < a.rows() * a.columns(); ++i) {
    largest = std::max(largest, std::abs(double{a.data()[i]} - double{b.data()[i]}));
  }
  return largest;
}

int refine_sample(ranks const& together, bool check) {
  matrix<float> const sample = example::make_sample(1, {4096, 256, 512}, 1);
  memory_tokens const source(sample.view());
  auto const result = refine_together(together, source);
  if (!check || together.own != 0) {
    return 0;
  }
  auto const alone = refine_together(ranks(MPI_COMM_SELF), source);
  double const difference = largest_difference(result.rotation, alone.rotation);
  std::printf("%d ranks: the largest difference from one process is %.2g\n", together.count, difference);
  return difference <= 1e-5 && result.rounds.back().loss < result.rounds.front().loss ? 0 : 1;
}

int refine_file(ranks const& together, char const* input, char const* output) {
  auto const result = refine_together(together, npy_rows(input));
  if (together.own == 0) {
    write_npy(output, result.rotation.view());
  }
  return 0;
}

int run(ranks const& together, int argument_count, char** arguments) {
  bool const check = argument_count == 2 && std::string(arguments[1]) == "--check";
  if (argument_count == 1 || check) {
    return refine_sample(together, check);
  }
  if (argument_count == 3) {
    return refine_file(together, arguments[1], arguments[2]);
  }
  std::fprintf(stderr, "usage: mpirun -n RANKS refine_over_mpi [--check | X.npy R.npy]\n");
  return 2;
}

}  // namespace

int main(int argument_count, char** arguments) {
  MPI_Init(&argument_count, &arguments);
  int code = 0;
  try {
    code = run(ranks(MPI_COMM_WORLD), argument_count, arguments);
  } catch (std::exception const& error) {
    std::fprintf(stderr, "refine_over_mpi: %s\n", error.what());
    MPI_Abort(MPI_COMM_WORLD, 1);
  }
  MPI_Finalize();
  return code;
}
