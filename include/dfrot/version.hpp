#pragma once

/// The library's version, the one place where it is written; CMake reads it from here.
#define DFROT_VERSION_MAJOR 0
#define DFROT_VERSION_MINOR 1
#define DFROT_VERSION_PATCH 0
