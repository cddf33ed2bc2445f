#include "declared.hpp"

template Eigen::MatrixXd dfrot::detail::orthogonal_factor(Eigen::MatrixXd const& c);
template Eigen::MatrixXd dfrot::detail::sign_corrected_factor(Eigen::MatrixXd const& a);
