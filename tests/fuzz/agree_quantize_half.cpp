#include "agree_quantize.hpp"

namespace dfrot::fuzz {

template void agree_on_quantizing<half>(byte_source&);

}  // namespace dfrot::fuzz
