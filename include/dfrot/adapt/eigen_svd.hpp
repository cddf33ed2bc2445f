#pragma once

#include <dfrot/adapt/eigen_core.hpp>

// Eigen's singular value decompositions, as eigen_core.hpp has the rest.
#pragma push_macro("I")
#pragma push_macro("_res")
#undef I
#undef _res
#include <Eigen/SVD>
#pragma pop_macro("_res")
#pragma pop_macro("I")
