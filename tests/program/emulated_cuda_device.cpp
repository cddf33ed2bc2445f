// dfrot-refine with an emulated device in the place of the module for CUDA devices: the same source, compiled by the host's
// compiler. DFROT_EMULATED_DEVICES=0 takes the device away.

#include <cstdlib>
#include <cstring>
#include <memory>

#include "../../tools/dfrot_refine/cuda_device.cu"

namespace dfrot::program {

std::unique_ptr<cuda_device> open_cuda_device() {
  char const* const devices = std::getenv("DFROT_EMULATED_DEVICES");
  test::emulated::settings().device_count = devices != nullptr && std::strcmp(devices, "0") == 0 ? 0 : 1;
  return std::unique_ptr<cuda_device>(dfrot_refine_current_device());
}

}  // namespace dfrot::program
