#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace dfrot::test {

/// The alternation once more, for tests: loops over std::vector, float64, all tokens at once, the polar factor by Newton's
/// iteration X <- (X + X^-T) / 2. Shares no code with the library.
class plain_refinement {
 public:
  using square = std::vector<std::vector<double>>;

  std::vector<std::vector<double>> tokens;
  std::vector<bool> massive;
  double alpha = 100;
  double momentum = 0;
  double target_clip = 1;

  /// The losses of rounds 0 … rounds from a start, which becomes the rotation of the last round.
  std::vector<double> run(square& z, int rounds) const {
    std::size_t const n = z.size();
    std::vector<double> losses;
    square before = z;
    for (int round = 0;; ++round) {
      square c(n, std::vector<double>(n));
      double loss = 0;
      for (std::size_t t = 0; t < tokens.size(); ++t) {
        std::vector<double> y(n);
        for (std::size_t i = 0; i < n; ++i) {
          for (std::size_t j = 0; j < n; ++j) {
            y[j] += tokens[t][i] * z[i][j];
          }
        }
        std::vector<double> const b = quantized(y, 1);
        std::vector<double> const target = massive[t] ? b : quantized(y, target_clip);
        double const weight = massive[t] ? alpha * alpha : 1;
        for (std::size_t i = 0; i < n; ++i) {
          loss += weight * (y[i] - b[i]) * (y[i] - b[i]);
          for (std::size_t j = 0; j < n; ++j) {
            c[i][j] += weight * y[i] * target[j];
          }
        }
      }
      losses.push_back(loss);
      if (round == rounds) {
        return losses;
      }
      bool const rose = round > 0 && loss > losses[losses.size() - 2];
      square const r = product(z, polar(c));
      double const beta = rose || round + 1 == rounds ? 0 : momentum;
      for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t j = 0; j < n; ++j) {
          z[i][j] = r[i][j] + beta * (r[i][j] - before[i][j]);
        }
      }
      z = polar(z);
      before = r;
    }
  }

 private:
  static std::vector<double> quantized(std::vector<double> y, double clip) {
    double largest = 0;
    for (double const value : y) {
      largest = std::fmax(largest, std::fabs(value));
    }
    double const scale = clip * largest / 7;
    for (double& value : y) {
      value = std::fmin(7, std::fmax(-8, std::nearbyint(value / scale))) * scale;
    }
    return y;
  }

  static square product(square const& a, square const& b) {
    square c(a.size(), std::vector<double>(a.size()));
    for (std::size_t i = 0; i < a.size(); ++i) {
      for (std::size_t k = 0; k < a.size(); ++k) {
        for (std::size_t j = 0; j < a.size(); ++j) {
          c[i][j] += a[i][k] * b[k][j];
        }
      }
    }
    return c;
  }

  static square polar(square x) {
    for (int iteration = 0; iteration < 60; ++iteration) {
      square const inverse = inverse_of(x);
      for (std::size_t i = 0; i < x.size(); ++i) {
        for (std::size_t j = 0; j < x.size(); ++j) {
          x[i][j] = (x[i][j] + inverse[j][i]) / 2;
        }
      }
    }
    return x;
  }

  /// Gauss and Jordan, with pivots by column.
  static square inverse_of(square a) {
    std::size_t const n = a.size();
    square result(n, std::vector<double>(n));
    for (std::size_t i = 0; i < n; ++i) {
      result[i][i] = 1;
    }
    for (std::size_t k = 0; k < n; ++k) {
      std::size_t pivot = k;
      for (std::size_t i = k; i < n; ++i) {
        pivot = std::fabs(a[i][k]) > std::fabs(a[pivot][k]) ? i : pivot;
      }
      std::swap(a[k], a[pivot]);
      std::swap(result[k], result[pivot]);
      double const scale = 1 / a[k][k];
      for (std::size_t j = 0; j < n; ++j) {
        a[k][j] *= scale;
        result[k][j] *= scale;
      }
      for (std::size_t i = 0; i < n; ++i) {
        double const factor = i == k ? 0 : a[i][k];
        for (std::size_t j = 0; j < n; ++j) {
          a[i][j] -= factor * a[k][j];
          result[i][j] -= factor * result[k][j];
        }
      }
    }
    return result;
  }
};

}  // namespace dfrot::test
