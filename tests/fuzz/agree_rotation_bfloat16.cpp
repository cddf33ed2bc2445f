#include "agree_rotation.hpp"

namespace dfrot::fuzz {

template void agree_on_rotating<bfloat16>(byte_source&);

}  // namespace dfrot::fuzz
