#include "text_source.hpp"

#include <algorithm>

#include <dfrot/core/expects.hpp>
#include <dfrot/io/io_error.hpp>

#include "support/number_text.hpp"
#include "support/visible_text.hpp"
#include "token_ids.hpp"
#include "whole_file.hpp"

namespace dfrot::program {

namespace {

/// Sequences that a text of so many tokens fills.
std::size_t count_of(std::size_t tokens, sequence_options const& options) {
  return tokens < options.width() ? 0 : (tokens - options.width()) / options.step() + 1;
}

/// Sequences to cut; tokens in all where they are too few.
std::size_t sequences_to_cut(std::size_t tokens, sequence_options const& options, std::string_view name) {
  std::size_t const there = count_of(tokens, options);
  if (there == 0 || there < options.count) {
    throw io_error(message(name, ": its ", tokens, " tokens make ", there, there == 1 ? " sequence" : " sequences",
                           " of ", options.width(), " tokens", options.bos ? " after the one for the beginning" : "",
                           ", not ", std::max<std::size_t>(options.count, 1),
                           ": ask for fewer (--sequences) or shorter ones (--context), or give a longer text"));
  }
  return options.count == 0 ? there : options.count;
}

token_sequence cut(std::vector<std::int32_t> const& ids, sequence_options const& options, std::size_t begin,
                   bool is_first) {
  token_sequence sequence;
  if (options.bos) {
    sequence.ids.push_back(*options.bos);
  }
  auto const first = ids.begin() + static_cast<std::ptrdiff_t>(begin);
  sequence.ids.insert(sequence.ids.end(), first, first + static_cast<std::ptrdiff_t>(options.width()));
  if (!is_first) {  // what the sequence before had is context
    sequence.first_predicted = std::max<std::size_t>(1, options.context - options.step());
  }
  return sequence;
}

std::vector<token_sequence> cut_all(std::vector<std::int32_t> const& ids, sequence_options const& options,
                                    std::size_t vocabulary, std::string_view name, bool from_end) {
  std::string const problem = mistake_in(options);
  expects(problem.empty(), problem);
  check_token_ids(ids, vocabulary, name);
  if (options.bos) {
    check_token_ids({*options.bos}, vocabulary, "--bos");
  }
  std::size_t const count = sequences_to_cut(ids.size(), options, name);
  std::size_t const taken = (count - 1) * options.step() + options.width();
  std::size_t const begin = from_end ? ids.size() - taken : 0;
  std::vector<token_sequence> sequences;
  for (std::size_t k = 0; k < count; ++k) {
    sequences.push_back(cut(ids, options, begin + k * options.step(), k == 0));
  }
  return sequences;
}

}  // namespace

std::string mistake_in(sequence_options const& options) {
  if (options.context < 2) {
    return message("--context: a sequence of ", options.context, " tokens predicts none: 2 are the least");
  }
  if (options.stride > options.width()) {
    return message("--stride: sequences of ", options.width(), " tokens of the text, each ", options.stride,
                   " after the one before, would leave out some: ", options.width(), " is the most");
  }
  return "";
}

std::optional<std::optional<std::int32_t>> parse_bos(std::string_view text) {
  if (text == "none") {
    return std::optional<std::int32_t>();
  }
  std::optional<std::int32_t> const id = parse_integer<std::int32_t>(text);
  if (!id || *id < 0) {
    return std::nullopt;
  }
  return std::optional<std::optional<std::int32_t>>(id);
}

std::string read_text(std::filesystem::path const& path) {
  std::string text = read_whole_file(path);
  check_utf8(text, visible_text(path.string()));
  return text;
}

std::vector<token_sequence> first_sequences(std::vector<std::int32_t> const& ids, sequence_options const& options,
                                            std::size_t vocabulary, std::string_view name) {
  return cut_all(ids, options, vocabulary, name, false);
}

std::vector<token_sequence> last_sequences(std::vector<std::int32_t> const& ids, sequence_options const& options,
                                           std::size_t vocabulary, std::string_view name) {
  return cut_all(ids, options, vocabulary, name, true);
}

std::size_t count_predictions(std::vector<token_sequence> const& sequences) {
  std::size_t count = 0;
  for (token_sequence const& sequence : sequences) {
    count += sequence.predictions();
  }
  return count;
}

}  // namespace dfrot::program
