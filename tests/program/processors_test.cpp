// The limit of a container on processors, as dfrot-refine reads it from control groups.

#include "../../tools/support/processors.hpp"

#include <filesystem>
#include <fstream>
#include <limits>
#include <string>

#include <unistd.h>

#include "support/catch.hpp"

using namespace dfrot::program;

namespace {

/// A tree of control groups in a folder of its own.
class groups {
 public:
  groups() : root_(std::filesystem::temp_directory_path() / ("dfrot_groups_" + std::to_string(getpid()))) {
    std::filesystem::create_directories(root_ / "outer" / "inner");
  }
  groups(groups const&) = delete;
  groups& operator=(groups const&) = delete;
  ~groups() { std::filesystem::remove_all(root_); }

  void limit(std::string const& group, std::string const& text) const {
    std::ofstream(root_ / group / "cpu.max") << text << '\n';
  }
  /// The quota of a process that is in a group.
  [[nodiscard]] int quota_in(std::string const& list) const {
    std::ofstream(root_ / "list") << list << '\n';
    return processor_quota(root_ / "list", root_);
  }

 private:
  std::filesystem::path root_;
};

constexpr int no_limit = std::numeric_limits<int>::max();

}  // namespace

TEST_CASE("a container's limit on processors is rounded up, and the least of nested groups counts") {
  groups const tree;
  CHECK(tree.quota_in("0::/outer/inner") == no_limit);
  tree.limit("outer", "max 100000");
  CHECK(tree.quota_in("0::/outer/inner") == no_limit);
  tree.limit("outer", "350000 100000");
  CHECK(tree.quota_in("0::/outer/inner") == 4);
  CHECK(tree.quota_in("0::/") == no_limit);
  tree.limit("outer/inner", "150000 100000");
  CHECK(tree.quota_in("0::/outer/inner") == 2);
  CHECK(tree.quota_in("0::/outer") == 4);
  tree.limit("", "50000 100000");  // what a container sees as its root
  CHECK(tree.quota_in("0::/") == 1);
  CHECK(tree.quota_in("0::/not/there") == 1);
}

TEST_CASE("what is no limit leaves the processors as they are") {
  groups const tree;
  for (auto const* const text : {"", "nonsense", "100000", "0 100000", "-5 100000", "100000 0", "1e300 1", "nan nan"}) {
    tree.limit("outer", text);
    CAPTURE(text);
    CHECK(tree.quota_in("0::/outer") == no_limit);
  }
  CHECK(processor_quota("/nowhere", "/nowhere") == no_limit);
  CHECK(tree.quota_in("1:cpu:/outer\n0::/") == no_limit);
  CHECK(usable_processors() >= 1);
  CHECK(usable_processors() <= dfrot::max_threads());
}
