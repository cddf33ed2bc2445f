#include "side_by_side/report.hpp"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <system_error>

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

/// "FFHT 2.03, plain loop 7.1; rounds 12"
std::string peers_text(result const& row) {
  std::string text;
  for (auto const& [peer, ratio] : row.times_peer) {
    text += (text.empty() ? "" : ", ") + peer + " " + number(ratio);
  }
  char const* separator = text.empty() ? "" : "; ";
  for (fact const& known : row.facts) {
    char value[32];
    std::snprintf(value, sizeof value, " %.6g", known.value);
    text += separator + known.name + value;
    separator = ", ";
  }
  return text;
}

char const* role_name(role is) { return is == role::ours ? "ours" : is == role::peer ? "peer" : "limit"; }

}  // namespace

std::string as_text(machine const& where) {
  std::string text;
  for (auto const& [name, value] : where.properties) {
    text += value + ", ";
  }
  return text + "commit " + where.commit;
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
               {},
               one.facts ? one.facts() : std::vector<fact>{}};
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
  std::string text = as_text(where) + ".\n\n";
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
  for (auto const& [name, value] : where.properties) {
    all["machine"][name] = value;
  }
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
      for (fact const& known : row.facts) {
        entry["facts"][known.name] = known.value;
      }
      problem["contenders"].push_back(std::move(entry));
    }
    all["problems"].push_back(std::move(problem));
  }
  return all.dump(2) + "\n";
}

void write_file(std::string const& file, std::string const& text) {
  std::string const beside = file + ".part";
  std::ofstream out(beside, std::ios::binary);
  out << text;
  out.close();
  std::error_code problem;
  if (out) {
    std::filesystem::rename(beside, file, problem);
  }
  if (!out || problem) {
    throw std::runtime_error("cannot write " + file);
  }
}

}  // namespace dfrot::bench
