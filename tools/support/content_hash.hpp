#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include <dfrot/core/view.hpp>

namespace dfrot::program {

/// A hash of bytes, 128 bits: other bytes have another one, except by an accident of 1 in 10^38. It tells mistakes and damage, not
/// malice. XXH3 of the xxHash library; the bytes may come in pieces of any size.
///   content_hash content;   content.add(bytes, count);   content.text()
/// Determinism: a function of the bytes, on every machine.
class content_hash {
 public:
  content_hash();
  content_hash(content_hash&&) noexcept;
  ~content_hash();

  void add(void const* bytes, std::size_t count);

  /// The numbers of the rows, without what lies between them.
  template <class T>
  void add(matrix_view<T> rows) {
    for (std::size_t i = 0; i < rows.rows; ++i) {
      add(rows.row(i), rows.columns * sizeof(T));
    }
  }

  /// The number in 32 hexadecimal digits; more may be added.
  [[nodiscard]] std::string text() const;

  /// The number in the 16 bytes of its canonical form.
  [[nodiscard]] std::string bytes() const;

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace dfrot::program
