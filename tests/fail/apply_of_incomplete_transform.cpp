// A transform that is not orthogonal, and does not say what weights take.
// expect: this transform lacks a part of the concept transform_view
#include <dfrot/reference.hpp>

namespace own {

struct doubled {
  using memory_space = dfrot::any_space;
  static constexpr bool orthogonal = false;

  std::size_t channels;
  double factor = 2;

  [[nodiscard]] std::size_t size() const { return channels; }
  [[nodiscard]] doubled transposed() const { return *this; }
#if defined(DFROT_FAIL_CONTROL)
  [[nodiscard]] doubled inverse_transposed() const { return {channels, 1 / factor}; }
#endif
};

template <class Policy, class Real>
void transform_row(Policy const& /*on*/, doubled const& view, Real* row, Real* /*scratch*/) {
  for (std::size_t j = 0; j < view.channels; ++j) {
    row[j] *= static_cast<Real>(view.factor);
  }
}

}  // namespace own

void transform(dfrot::matrix_view<float> x) { dfrot::apply(dfrot::reference::policy{}, own::doubled{x.columns}, x); }
