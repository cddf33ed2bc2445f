#include "agree_quantize.hpp"

namespace dfrot::fuzz {

template void agree_on_quantizing<bfloat16>(byte_source&);

}  // namespace dfrot::fuzz
