#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include <dfrot/core/expects.hpp>
#include <dfrot/io/input_file.hpp>
#include <dfrot/io/io_error.hpp>

namespace dfrot::detail {

/// A file read from its beginning on, which knows how much of it is left: nothing is made larger than that.
class gguf_stream {
 public:
  explicit gguf_stream(input_file const& file) : file_(&file) {}

  [[nodiscard]] std::string const& name() const { return file_->name(); }
  [[nodiscard]] std::uint64_t size() const { return file_->size(); }
  [[nodiscard]] std::uint64_t position() const { return position_; }
  [[nodiscard]] std::uint64_t left() const { return size() - position_; }

  [[noreturn]] void fail(std::string_view reason) const { throw io_error(message(name(), ": ", reason)); }

  template <class... Parts>
  [[noreturn]] void damaged(Parts const&... reason) const {
    fail(message("it is damaged: ", reason..., ": write the file again"));
  }

  /// Checks that what is left may hold `count` things of at least so many bytes each.
  /// @param what for the message   Throws: io_error
  void expect_room(std::uint64_t count, std::size_t bytes, std::string_view what) const {
    if (count > left() / bytes) {
      fail(message("it is truncated, or damaged, inside ", what, ": ", count, " x ", bytes, " bytes are needed, ",
                   left(), " are left: write the file again"));
    }
  }

  void read(void* to, std::size_t count, std::string_view what) {
    expect_room(count, 1, what);
    auto* at = static_cast<char*>(to);
    while (count > 0) {
      if (taken_ == buffer_.size()) {
        refill();
      }
      std::size_t const step = std::min(count, buffer_.size() - taken_);
      std::memcpy(at, buffer_.data() + taken_, step);
      at += step;
      count -= step;
      taken_ += step;
      position_ += step;
    }
  }

  template <class T>
  [[nodiscard]] T number(std::string_view what) {
    T value;
    read(&value, sizeof value, what);
    return value;
  }

  /// Appends the next bytes to a text.
  void append(std::string& text, std::uint64_t count, std::string_view what) {
    expect_room(count, 1, what);
    std::size_t const before = text.size();
    text.resize(before + static_cast<std::size_t>(count));
    read(text.data() + before, static_cast<std::size_t>(count), what);
  }

  [[nodiscard]] std::string text(std::uint64_t count, std::string_view what) {
    std::string result;
    append(result, count, what);
    return result;
  }

 private:
  void refill() {
    buffer_.resize(static_cast<std::size_t>(std::min<std::uint64_t>(left(), std::uint64_t{1} << 16U)));
    file_->read(buffer_.data(), buffer_.size(), position_);
    taken_ = 0;
  }

  input_file const* file_;
  std::vector<char> buffer_;  // of the bytes before `taken_`, all are behind position_
  std::size_t taken_ = 0;
  std::uint64_t position_ = 0;
};

}  // namespace dfrot::detail
