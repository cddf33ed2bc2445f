#include <cstdio>

#include "shim.hpp"

static_assert(__cplusplus == 201703L, "the library's C++20 must not reach a program that links a shim");

int main() {
  // An orthogonal symmetric matrix, applied twice, changes nothing; once, it spreads the value.
  auto const once = rotated({4, 0, 0, 0});
  auto const twice = rotated(once);
  std::printf("%g %g %g %g\n", once[0], once[1], once[2], once[3]);
  return once[3] == 2 && twice[0] == 4 && twice[3] == 0 ? 0 : 1;
}
