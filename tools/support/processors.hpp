#pragma once

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string>

#include <dfrot/core/parallel.hpp>

namespace dfrot::program {

/// The processors' time that one control group may use, in whole processors, rounded up: its cpu.max is "150000 100000" for
/// one and a half. A large number where there is no such file, or no limit.
[[nodiscard]] inline int group_quota(std::filesystem::path const& group) {
  constexpr int none = std::numeric_limits<int>::max();
  std::ifstream file(group / "cpu.max");
  double quota = 0;
  double period = 0;
  if (!(file >> quota >> period) || !(quota > 0) || !(period > 0)) {  // "max 100000", too
    return none;
  }
  return static_cast<int>(std::min(std::ceil(quota / period), static_cast<double>(none)));
}

/// The least quota of a process's control group and of those above it, as a container's limit on processors is kept (cgroup v2).
/// @param list what /proc/self/cgroup says: a line "0::/path"   @param root where groups are mounted: /sys/fs/cgroup
[[nodiscard]] inline int processor_quota(std::filesystem::path const& list, std::filesystem::path const& root) {
  int least = group_quota(root);
  std::ifstream file(list);
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("0::/", 0) != 0) {
      continue;
    }
    std::filesystem::path group = root;
    for (std::filesystem::path const& name : std::filesystem::path(line.substr(4))) {
      group /= name;
      least = std::min(least, group_quota(group));
    }
  }
  return least;
}

/// Counts the threads worth starting: max_threads(), which follows the affinity, or a container's limit where that is less.
[[nodiscard]] inline int usable_processors() {
  return std::max(1, std::min(max_threads(), processor_quota("/proc/self/cgroup", "/sys/fs/cgroup")));
}

}  // namespace dfrot::program
