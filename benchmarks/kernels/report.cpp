#include "report.hpp"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include <dfrot/backend/cpu/isa.hpp>

namespace dfrot::bench {

namespace {

/// At least three significant digits: 0.71, 5.30, 41.2, 1234.
std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.*f", value < 10 ? 2 : value < 100 ? 1 : 0, value);
  return text;
}

double figure_of(unit const& counts, double work, double seconds) {
  return counts.factor * (counts.is_time ? seconds / work : work / seconds);
}

std::string of_limit_text(measured_problem const& shown, result const& row) {
  return shown.limit.empty() ? "" : number(row.of_limit);
}

/// "FFHT 2.03, plain loop 7.1"
std::string peers_text(result const& row) {
  std::string text;
  for (auto const& [peer, ratio] : row.times_peer) {
    text += (text.empty() ? "" : ", ") + peer + " " + number(ratio);
  }
  return text;
}

char const* role_name(role is) { return is == role::ours ? "ours" : is == role::peer ? "peer" : "limit"; }

}  // namespace

machine this_machine(std::string commit) {
  std::string processor = "unknown processor";
  std::ifstream cpuinfo("/proc/cpuinfo");
  for (std::string line; std::getline(cpuinfo, line);) {
    if (line.rfind("model name", 0) == 0) {
      processor = line.substr(std::min(line.size(), line.find(':') + 2));
      break;
    }
  }
#if defined(__clang__)
  std::string const compiler = "clang++ " __clang_version__;
#else
  std::string const compiler = "g++ " __VERSION__;
#endif
  return {processor, std::thread::hardware_concurrency(), compiler, cpu::native::name, std::move(commit)};
}

measured_problem summarize(problem const& measured, std::vector<timing> const& times) {
  measured_problem joined{measured.name, measured.counts.name, {}, {}};
  auto const& contenders = measured.contenders;
  auto const speed = [&](std::size_t i) { return contenders[i].work / times[i].best; };
  double limit = 0;
  for (std::size_t i = 0; i < contenders.size(); ++i) {
    if (contenders[i].is == role::limit) {
      joined.limit = contenders[i].name;
      limit = speed(i);
    }
  }
  for (std::size_t i = 0; i < contenders.size(); ++i) {
    auto const& one = contenders[i];
    result row{one.name,
               one.is,
               times[i],
               figure_of(measured.counts, one.work, times[i].best),
               figure_of(measured.counts, one.work, times[i].median),
               limit > 0 ? speed(i) / limit : 0,
               {}};
    for (std::size_t j = 0; one.is == role::ours && j < contenders.size(); ++j) {
      if (contenders[j].is == role::peer) {
        row.times_peer.emplace_back(contenders[j].name, speed(i) / speed(j));
      }
    }
    joined.results.push_back(std::move(row));
  }
  return joined;
}

std::string as_text(measured_problem const& shown) {
  char line[512];
  std::snprintf(line, sizeof line, "\n%-46s %9s %9s  %s\n", shown.name.c_str(), shown.unit.c_str(), "median",
                shown.limit.empty() ? "         times the speed of" : ("of limit  times the speed of"));
  std::string text = line;
  for (auto const& row : shown.results) {
    std::string const name = row.name + (row.is == role::limit ? " (limit)" : "");
    std::snprintf(line, sizeof line, "  %-44s %9s %9s  %8s  %s\n", name.c_str(), number(row.figure).c_str(),
                  number(row.median).c_str(), of_limit_text(shown, row).c_str(), peers_text(row).c_str());
    text += line;
  }
  return text;
}

std::string as_markdown(machine const& where, std::vector<measured_problem> const& shown) {
  std::string text = where.processor + ", " + std::to_string(where.cores) + " cores, " + where.compiler + ", " +
                     where.instruction_set + ", commit " + where.commit + ".\n\n";
  text += "| problem | contender | | median | unit | of limit | times the speed of |\n|---|---|--:|--:|---|--:|---|\n";
  for (auto const& one : shown) {
    std::string name = one.name;
    for (auto const& row : one.results) {
      text += "| " + name + " | " + row.name + (row.is == role::limit ? " (limit)" : "") + " | " + number(row.figure) +
              " | " + number(row.median) + " | " + one.unit + " | " + of_limit_text(one, row) + " | " +
              peers_text(row) + " |\n";
      name.clear();
    }
  }
  return text;
}

std::string as_json(machine const& where, std::vector<measured_problem> const& shown) {
  nlohmann::ordered_json all;
  all["machine"] = {{"processor", where.processor},
                    {"cores", where.cores},
                    {"compiler", where.compiler},
                    {"instruction_set", where.instruction_set}};
  all["commit"] = where.commit;
  all["problems"] = nlohmann::ordered_json::array();
  for (auto const& one : shown) {
    nlohmann::ordered_json problem{{"name", one.name}, {"unit", one.unit}, {"limit", one.limit}};
    problem["contenders"] = nlohmann::ordered_json::array();
    for (auto const& row : one.results) {
      nlohmann::ordered_json entry{
          {"name", row.name},     {"role", role_name(row.is)},         {"figure", row.figure},
          {"median", row.median}, {"seconds_per_call", row.time.best}, {"turns", row.time.turns}};
      if (!one.limit.empty()) {
        entry["of_limit"] = row.of_limit;
      }
      for (auto const& [peer, ratio] : row.times_peer) {
        entry["times_the_speed_of"][peer] = ratio;
      }
      problem["contenders"].push_back(std::move(entry));
    }
    all["problems"].push_back(std::move(problem));
  }
  return all.dump(2) + "\n";
}

}  // namespace dfrot::bench
