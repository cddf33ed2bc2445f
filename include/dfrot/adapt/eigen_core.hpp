#pragma once

#include <dfrot/config.hpp>

// Eigen, also where a C header came before that defines names of its template parameters and variables: <complex.h> I,
// <resolv.h> _res.
#pragma push_macro("I")
#pragma push_macro("_res")
#undef I
#undef _res
#include <Eigen/Core>
#pragma pop_macro("_res")
#pragma pop_macro("I")
