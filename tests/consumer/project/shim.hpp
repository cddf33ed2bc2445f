#pragma once

#include <vector>

/// x H / sqrt(n) for a power of two: what a program in C++17 sees of the library.
std::vector<float> rotated(std::vector<float> x);
