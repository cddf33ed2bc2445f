#define DFROT_DECOMPOSITION template
#include "declared.hpp"
