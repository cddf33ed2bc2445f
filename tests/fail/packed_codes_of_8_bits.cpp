// Codes of 8 bits, two a byte: the message says that each takes one.
// expect: codes of this scheme take a byte each
#include <cstdint>
#include <dfrot/backend/cpu/quantize.hpp>
#include <dfrot/quantize/int8_scheme.hpp>
#include <dfrot/quantize/quantize.hpp>

#if defined(DFROT_FAIL_CONTROL)
using code = std::int8_t;
#else
using code = std::uint8_t;
#endif

void encode(dfrot::matrix_view<float const> x, dfrot::quantized_rows<code, float> const& out) {
  dfrot::quantize(dfrot::cpu::policy{}, dfrot::int8_scheme{}, x, out);
}
