#pragma once

#include <concepts>

#include <dfrot/config.hpp>

namespace dfrot {

/// float, const or not.
template <class T>
concept float_scalar = std::same_as<T const, float const>;

/// A type that the dense linear algebra computes in: float or double, const or not.
template <class T>
concept dense_scalar = float_scalar<T> || std::same_as<T const, double const>;

}  // namespace dfrot
