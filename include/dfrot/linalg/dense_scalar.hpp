#pragma once

#include <concepts>
#include <type_traits>

#include <dfrot/config.hpp>

namespace dfrot {

/// A type that the dense linear algebra computes in: float or double, const or not.
template <class T>
concept dense_scalar = (std::same_as<std::remove_const_t<T>, float> || std::same_as<std::remove_const_t<T>, double>);

}  // namespace dfrot
