// The tests of threads once more, compiled without OpenMP.
#include "threads_test.cpp"
