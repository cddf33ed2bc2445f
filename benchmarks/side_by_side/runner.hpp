#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>
#include <random>
#include <string>
#include <utility>
#include <vector>

// Measures the contenders of one problem side by side. Google Benchmark can interleave repetitions, too, but at random
// over its whole run, with a fresh set-up and at least milliseconds each; on a machine whose speed changes from second
// to second, only contenders that take turns within the same milliseconds can be compared.

namespace dfrot::bench {

/// How a contender's figure is written: time per piece of work, or work per second.
struct unit {
  std::string name;
  double factor = 1;
  bool is_time = true;
};

/// What a contender is to the others.
enum class role {
  ours,   ///< a kernel of this library, the plain loop of the reference backend included
  peer,   ///< another library, or a loop that one would write without any: ours are compared with each of them
  limit,  ///< what the machine allows, such as memcpy: everything is compared with it; at most one a problem
};

/// Something besides the time that is known of a contender, such as the error of its result.
struct fact {
  std::string name;
  double value = 0;
};

struct contender {
  std::string name;
  role is = role::ours;
  double work = 1;                             ///< pieces of work that one call does, as the problem's unit counts them
  std::function<void()> run;                   ///< one call; owns its data
  std::function<std::vector<fact>()> facts{};  ///< asked once, after all turns; empty: there are none
  bool once = false;                           ///< timed in its first and only call: for what takes seconds
};

struct problem {
  std::string name;
  unit counts;
  std::vector<contender> contenders;
};

/// A problem that is made when its turn comes, so that only one problem's data is in memory.
struct named_problem {
  std::string name;
  std::function<problem()> make;
  bool on_request = false;  ///< takes so long that it only runs where it is asked for by name
};

/// Seconds for one call of a contender: the shortest and the median over its turns.
struct timing {
  double best = 0;
  double median = 0;
  std::size_t turns = 0;
};

/// Calls a contender `calls` times. Returns: seconds for one call, by the host's clock.
inline double time_calls(contender const& one, std::size_t calls) {
  auto const start = std::chrono::steady_clock::now();
  for (std::size_t call = 0; call < calls; ++call) {
    one.run();
  }
  std::chrono::duration<double> const taken = std::chrono::steady_clock::now() - start;
  return taken.count() / static_cast<double>(calls);
}

/// How long to measure, and by which clock.
struct effort {
  double seconds = 8;                ///< for one problem
  double turn = 150e-6;              ///< what one turn aims at
  std::size_t least_turns = 3;       ///< for a contender, however slow
  double longest_warm_call = 20e-3;  ///< a turn starts with an untimed call, unless a call takes longer than this
  double (*time)(contender const& one, std::size_t calls) = time_calls;  ///< seconds for one call out of `calls`
};

namespace detail {

/// One contender's turns.
struct schedule {
  std::size_t calls = 1;  ///< timed calls in a turn
  bool warm = true;       ///< an untimed call first, which brings the contender's data to the caches
  double spent = 0;
  std::vector<double> seconds;

  schedule(contender const& one, effort const& how) {
    if (one.once) {
      seconds.push_back(how.time(one, 1));
      return;
    }
    how.time(one, 1);
    double const call = how.time(one, 1);
    calls = static_cast<std::size_t>(std::clamp(how.turn / std::max(call, 1e-9), 1.0, 1e5));
    warm = call < how.longest_warm_call;
  }

  void take_turn(contender const& one, effort const& how) {
    auto const start = std::chrono::steady_clock::now();
    if (warm) {
      how.time(one, 1);
    }
    seconds.push_back(how.time(one, calls));
    spent += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }

  [[nodiscard]] timing result() {
    std::sort(seconds.begin(), seconds.end());
    return {seconds.front(), seconds[seconds.size() / 2], seconds.size()};
  }
};

}  // namespace detail

/// Times the contenders in many short rounds, in another order each. One that has used more than twice its share of the
/// time sits rounds out, so that a slow reference does not crowd out the rest.
[[nodiscard]] inline std::vector<timing> measure(problem const& measured, effort const& how) {
  std::vector<detail::schedule> schedules;
  std::vector<std::size_t> order;
  for (auto const& one : measured.contenders) {
    if (!one.once) {
      order.push_back(schedules.size());
    }
    schedules.emplace_back(one, how);
  }
  std::minstd_rand shuffling(1);
  double const share = 2.0 / static_cast<double>(order.size());
  double elapsed = 0;
  bool enough = order.empty();
  while (!enough) {
    std::shuffle(order.begin(), order.end(), shuffling);
    enough = elapsed >= how.seconds;
    for (std::size_t const i : order) {
      auto& mine = schedules[i];
      bool const too_few = mine.seconds.size() < how.least_turns;
      if (too_few || (!enough && mine.spent <= share * elapsed)) {
        double const before = mine.spent;
        mine.take_turn(measured.contenders[i], how);
        elapsed += mine.spent - before;
        enough = enough && mine.seconds.size() >= how.least_turns;
      }
    }
  }
  std::vector<timing> results;
  for (auto& one : schedules) {
    results.push_back(one.result());
  }
  return results;
}

}  // namespace dfrot::bench
