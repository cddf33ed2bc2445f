#pragma once

#include <string>

#include "options.hpp"
#include "outcome.hpp"

namespace dfrot::program {

/// The table that the paper starts from, as text: a row for each rotation; its relative squared error on ordinary and
/// on massive tokens and the weighted loss, over the calibration rows and over the held-out ones.
[[nodiscard]] std::string table(options const& chosen, outcome const& result);

}  // namespace dfrot::program
