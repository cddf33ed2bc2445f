// A transform that no function applies to a row, in a chain with one that has it.
// expect: it asks for a function transform_row.on, view, row, scratch. for each part
#include <dfrot/reference.hpp>

namespace own {

struct negated {
  using memory_space = dfrot::any_space;
  static constexpr bool orthogonal = true;

  std::size_t channels;

  [[nodiscard]] std::size_t size() const { return channels; }
  [[nodiscard]] negated transposed() const { return *this; }
};

#if defined(DFROT_FAIL_CONTROL)
template <class Policy, class Real>
void transform_row(Policy const& /*on*/, negated const& view, Real* row, Real* /*scratch*/) {
  for (std::size_t j = 0; j < view.channels; ++j) {
    row[j] = -row[j];
  }
}
#endif

}  // namespace own

void transform(dfrot::hadamard_order const& order, dfrot::matrix_view<float> x) {
  dfrot::apply(dfrot::reference::policy{}, dfrot::chain_of(order, own::negated{x.columns}), x);
}
