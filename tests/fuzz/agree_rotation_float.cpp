#include "agree_rotation.hpp"

namespace dfrot::fuzz {

template void agree_on_rotating<float>(byte_source&);

}  // namespace dfrot::fuzz
