// Short rotations, measured.
//
//   short_benchmark online | pass [tokens channels] | file [tokens channels] | errors [rounds] | hard [rounds] | quick

#include <cstdio>
#include <cstdlib>
#include <string>

#include "problems.hpp"

int main(int argc, char** argv) {
  using namespace dfrot::bench;
  std::string const what = argc > 1 ? argv[1] : "";
  auto const number = [&](int place, int otherwise) { return argc > place ? std::atoi(argv[place]) : otherwise; };
  if (what == "online") {
    online_cost(4096, 2000);
    online_cost(14336, 500);
  } else if (what == "pass" || what == "file") {
    whole_pass(static_cast<std::size_t>(number(2, 131072)), static_cast<std::size_t>(number(3, 4096)), what == "file");
  } else if (what == "errors") {
    held_out_errors(8192, 1024, number(2, 100));
  } else if (what == "hard") {
    hard_cases(8192, 512, number(2, 30));
  } else if (what == "quick") {  // that everything still runs
    online_cost(256, 3);
    whole_pass(600, 256, false);
    whole_pass(600, 256, true);
    held_out_errors(600, 128, 2);
    hard_cases(600, 128, 2);
  } else {
    std::puts(
        "short_benchmark online | pass [tokens channels] | file [tokens channels] | errors [rounds] | hard [rounds] | "
        "quick");
    return 1;
  }
  return 0;
}
