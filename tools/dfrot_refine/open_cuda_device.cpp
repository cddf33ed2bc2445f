#if defined(DFROT_REFINE_CUDA_MODULE)
#include <dlfcn.h>
#endif

#include <dfrot/core/expects.hpp>

#include "cuda_device.hpp"

namespace dfrot::program {

#if defined(DFROT_REFINE_CUDA_MODULE)

std::unique_ptr<cuda_device> open_cuda_device() {
  // Found by the folders in the program's RUNPATH. Never closed: its classes are in use to the end.
  void* const module = dlopen(DFROT_REFINE_CUDA_MODULE, RTLD_NOW | RTLD_LOCAL);
  void* const symbol = module == nullptr ? nullptr : dlsym(module, "dfrot_refine_current_device");
  if (symbol == nullptr) {
    throw device_error(
        message("--device cuda: the program's module for CUDA devices, or a CUDA library, is missing: ", dlerror()));
  }
  return std::unique_ptr<cuda_device>(reinterpret_cast<cuda_device* (*)()>(symbol)());
}

#else

std::unique_ptr<cuda_device> open_cuda_device() {
  throw device_error(
      message("--device cuda: this dfrot-refine was built without CUDA; configure with -DDFROT_CUDA=ON and a CUDA "
              "toolkit 12 or newer"));
}

#endif

}  // namespace dfrot::program
