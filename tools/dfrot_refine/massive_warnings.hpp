#pragma once

#include "outcome.hpp"

namespace dfrot::program {

/// Counts the massive tokens of each file, measures those that few channels dominate, and says where they are not served: none is
/// marked as massive although ratios are above 100; the short method turned nothing; in some file, the refined rotation is worse
/// for them than the Hadamard. A mean over all files would hide the last: massive tokens of some layers gain, others lose.
/// Fills in files and warnings of the outcome, from its peaks and errors.
void look_at_files(outcome& result);

}  // namespace dfrot::program
