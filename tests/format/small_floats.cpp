// small_floats: reads floats from stdin, and writes of each the codes in E2M1, E4M3 and E8M0 (under the rules floor and ceil, for
// a range of its magnitude and a target of 1), then the three values of its lowest byte as a code (its lowest four bits for E2M1),
// as floats. For small_floats_test.py.

#include <bit>
#include <cstdint>
#include <cstdio>
#include <dfrot/format/e2m1.hpp>
#include <dfrot/format/e4m3.hpp>
#include <dfrot/format/e8m0.hpp>

int main() {
  float x = 0;
  while (std::fread(&x, sizeof x, 1, stdin) == 1) {
    float const size = x < 0 ? -x : x;
    auto const byte = static_cast<std::uint8_t>(std::bit_cast<std::uint32_t>(x) & 0xffU);
    dfrot::e4m3 narrow;
    narrow.bits = byte;
    std::uint8_t const codes[4] = {static_cast<std::uint8_t>(dfrot::e2m1::encode(static_cast<double>(x))),
                                   dfrot::e4m3(x).bits, dfrot::e8m0_scale<>{}.store(size, 1.0F, 0).bits,
                                   dfrot::e8m0_scale<dfrot::e8m0_rule::ceil>{}.store(size, 1.0F, 0).bits};
    float const values[3] = {dfrot::e2m1::value(byte & 15), static_cast<float>(narrow),
                             static_cast<float>(dfrot::e8m0{byte})};
    if (std::fwrite(codes, 1, 4, stdout) != 4 || std::fwrite(values, sizeof(float), 3, stdout) != 3) {
      return 1;
    }
  }
  return 0;
}
