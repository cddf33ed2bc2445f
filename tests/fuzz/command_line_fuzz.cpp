// The command line of dfrot-refine, and its readers of numbers. The input holds one argument a line.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "../../tools/dfrot_refine/options.hpp"
#include "../../tools/support/number_text.hpp"
#include "bytes.hpp"
#include "finding.hpp"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

namespace dfrot::fuzz {

namespace {

std::vector<std::string> lines_of(std::string const& text) {
  std::vector<std::string> lines(1);
  for (char const c : text) {
    if (c == '\n') {
      lines.emplace_back();
    } else {
      lines.back() += c;
    }
  }
  return lines;
}

/// A whole number in decimal digits, read another way: by its text alone.
template <class Integer>
std::optional<Integer> plain_integer(std::string const& text) {
  bool const negative = text.substr(0, 1) == "-";
  std::string const digits = text.substr(negative ? 1 : 0);
  bool const is_number = !digits.empty() && digits.find_first_not_of("0123456789") == std::string::npos;
  if (!is_number || (digits[0] == '0' && text != "0") || (negative && !std::is_signed_v<Integer>)) {
    return std::nullopt;
  }
  Integer const limit = negative ? std::numeric_limits<Integer>::min() : std::numeric_limits<Integer>::max();
  std::string const last = std::to_string(limit).substr(negative ? 1 : 0);
  if (digits.size() > last.size() || (digits.size() == last.size() && digits > last)) {
    return std::nullopt;
  }
  Integer value = 0;
  for (char const digit : digits) {
    auto const unit = static_cast<Integer>(digit - '0');
    value = static_cast<Integer>(negative ? value * 10 - unit : value * 10 + unit);
  }
  return value;
}

template <class Integer>
void check_integer(std::string const& text) {
  require(program::parse_integer<Integer>(text) == plain_integer<Integer>(text), "the integer '", text, "' is read as ",
          program::parse_integer<Integer>(text).value_or(0));
}

void check_numbers(std::string const& text) {
  check_integer<int>(text);
  check_integer<std::size_t>(text);
  check_integer<std::int64_t>(text);
  std::optional<double> const value = program::parse_real(text);
  if (value) {
    require(std::isfinite(*value), "a number that is not finite");
    require(text.find_first_not_of("0123456789.eE+-") == std::string::npos && text[0] != '+', "'", text,
            "' was read as a number");
    char* end = nullptr;
    require(std::strtod(text.c_str(), &end) == *value && *end == '\0', "'", text, "' was read as ", *value);
  } else {  // what is only digits and a point is a number
    bool const is_plain = text.find_first_of("0123456789") != std::string::npos && text.size() < 300 &&
                          text.find_first_not_of("0123456789.") == std::string::npos &&
                          std::count(text.begin(), text.end(), '.') < 2;
    require(!is_plain, "'", text, "' was not read as a number");
  }
}

/// Options that were accepted are in their ranges.
void check_options(program::options const& chosen) {
  require(!chosen.output.empty(), "no output");
  require(chosen.scheme.clip > 0 && chosen.scheme.clip <= 1, "--clip ", chosen.scheme.clip);
  require(chosen.holdout >= 0 && chosen.holdout < 1, "--holdout ", chosen.holdout);
  require(chosen.refinement.momentum >= 0 && chosen.refinement.momentum < 1, "--momentum ", chosen.refinement.momentum);
  require(chosen.refinement.alpha > 0 && std::isfinite(chosen.refinement.alpha), "--alpha ", chosen.refinement.alpha);
  require(chosen.refinement.target_clip > 0 && chosen.refinement.target_clip <= 1, "--target-clip ",
          chosen.refinement.target_clip);
  require(chosen.refinement.first_share > 0 && chosen.refinement.first_share <= 1, "--first-share ",
          chosen.refinement.first_share);
  require(chosen.threads >= 1 && chosen.threads <= 4096, "--threads ", chosen.threads);
  require(chosen.starts >= 1 && chosen.starts <= 4096, "--starts ", chosen.starts);
  require(chosen.refinement.rounds >= 0 && chosen.refinement.rounds <= 1'000'000, "--rounds ",
          chosen.refinement.rounds);
  require(chosen.refinement.patience >= 0, "--patience ", chosen.refinement.patience);
  require(chosen.bits >= 1 && chosen.bits <= 64, "--bits ", chosen.bits);  // that only 4 works, the run says
  require(chosen.prototypes <= 64, "--prototypes ", chosen.prototypes);
  require(chosen.massive.rule != program::massive_rule::threshold || chosen.massive.threshold > 0, "--massive ",
          chosen.massive.threshold);
  require(!chosen.resume || chosen.checkpoint, "--resume without --checkpoint");
}

void check_command_line(std::vector<std::string> lines) {
  lines.insert(lines.begin(), "dfrot-refine");
  std::vector<char*> arguments;
  for (std::string& line : lines) {
    line.resize(std::strlen(line.c_str()));  // an argument ends at its first zero
    arguments.push_back(line.data());
  }
  arguments.push_back(nullptr);
  auto const parsed = program::parse_options(static_cast<int>(lines.size()), arguments.data());
  if (std::holds_alternative<program::options>(parsed)) {
    check_options(std::get<program::options>(parsed));
  } else {
    int const code = std::get<int>(parsed);
    require(code == program::done || code == program::wrong_usage, "exit code ", code);
  }
}

/// An argument that means something: an option, or a number that is hard to read.
std::string draw_argument(random_source& random) {
  static auto const options = lines_of(
      "--input\n-i\n--output\n-o\n--short-output\n--start-output\n--report\n--plot\n--csv\n--log\n--checkpoint\n--"
      "resume\n"
      "--method\n--device\n--rms-norm\n--rotation\n--starts\n--rounds\n--patience\n--momentum\n--target-clip\n--block\n"
      "--first-share\n--first-rounds\n"
      "--shared-block\n--prototypes\n--alpha\n--massive\n--holdout\n--seed\n--threads\n--dry-run\n--bits\n--"
      "asymmetric\n"
      "--scale\n--clip\n--help\n--version\n--\n--seed=1\n--clip=\n-");
  static auto const values = lines_of(
      "0\n1\n4\n-1\n+1\n01\n0x10\n010\n1e3\n1.\n.5\n0.5\n1e-3\ninf\n-inf\nnan\n1e400\n1e-400\n 1\n1 "
      "\n\n0b1\n1'000\n1,5\n"
      "0x1p3\n1e\n1e+5\n-0\n0.0000000001\n18446744073709551615\n18446744073709551616\n4294967296\n2147483648\n"
      "-9223372036854775808\n9223372036854775808\nmax\nsearch\nfull\nshort\ncpu\ncuda\nauto\ncompare\nhadamard\northogo"
      "nal\n"
      "/dev/null\n/dev/stdout\n.\nR.npy\nX.npy\n\xff.npy");
  if (random.once_in(8)) {
    return std::to_string(random.pick(hard_numbers));
  }
  return random.once_in(2) ? random.pick(options) : random.pick(values);
}

}  // namespace

}  // namespace dfrot::fuzz

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
  using namespace dfrot::fuzz;
  random_source random(seed);
  if (random.once_in(2)) {
    return LLVMFuzzerMutate(data, size, max_size);
  }
  auto lines = lines_of(std::string(reinterpret_cast<char const*>(data), size));
  std::size_t const place = random.below(lines.size());
  switch (random.below(3)) {
    case 0:
      lines[place] = draw_argument(random);
      break;
    case 1:
      lines.insert(lines.begin() + static_cast<std::ptrdiff_t>(place), draw_argument(random));
      break;
    default:
      lines.erase(lines.begin() + static_cast<std::ptrdiff_t>(place));
  }
  std::string text;
  for (std::string const& line : lines) {
    text += (text.empty() ? "" : "\n") + line;
  }
  std::size_t const new_size = std::min(text.size(), max_size);
  std::memcpy(data, text.data(), new_size);
  return new_size;
}

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  using namespace dfrot::fuzz;
  auto const lines = lines_of(std::string(reinterpret_cast<char const*>(data), size));
  for (std::string const& line : lines) {
    check_numbers(line);
  }
  check_command_line(lines);
  return 0;
}
