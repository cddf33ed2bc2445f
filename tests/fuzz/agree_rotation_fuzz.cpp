// All implementations of rotations must agree; the reference decides. What is drawn from the input: agree_rotation.hpp.

#include <cstddef>
#include <cstdint>
#include <dfrot/core/numeric.hpp>

#include "bytes.hpp"

namespace dfrot::fuzz {

template <class T>
void agree_on_rotating(byte_source& source);  // agree_rotation_<T>.cpp

}  // namespace dfrot::fuzz

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  using namespace dfrot::fuzz;
  byte_source source(data, size);
  switch (source.up_to(3)) {
    case 0:
      agree_on_rotating<float>(source);
      break;
    case 1:
      agree_on_rotating<double>(source);
      break;
    case 2:
      agree_on_rotating<dfrot::half>(source);
      break;
    default:
      agree_on_rotating<dfrot::bfloat16>(source);
  }
  return 0;
}
