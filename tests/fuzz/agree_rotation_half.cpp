#include "agree_rotation.hpp"

namespace dfrot::fuzz {

template void agree_on_rotating<half>(byte_source&);

}  // namespace dfrot::fuzz
