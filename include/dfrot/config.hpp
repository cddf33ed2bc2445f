#pragma once

// The library's configuration macros. None of them changes the layout of a type.

/// Marks a function that runs on the host and, when nvcc compiles it, on the device.
#if defined(__CUDACC__)
#define DFROT_HOST_DEVICE __host__ __device__
#else
#define DFROT_HOST_DEVICE
#endif

/// 1 switches on costly precondition checks (is this matrix orthogonal?); 0, the default, leaves them out.
#if !defined(DFROT_AUDIT)
#define DFROT_AUDIT 0
#endif
