#include "declared.hpp"

template Eigen::MatrixXd dfrot::detail::orthogonal_factor(Eigen::MatrixXd const& c);
