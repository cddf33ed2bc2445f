#include <algorithm>
#include <cstdint>
#include <dfrot/core/matrix.hpp>
#include <dfrot/format/int4.hpp>
#include <dfrot/io/ggml_blocks.hpp>
#include <dfrot/io/ggml_codes.hpp>
#include <dfrot/io/ggml_encode.hpp>
#include <vector>

#include "support/catch.hpp"
#include "support/compare.hpp"
#include "support/gaussian_matrix.hpp"

using namespace dfrot;
using dfrot::test::contains_text;
using dfrot::test::gaussian_matrix;
using dfrot::test::same_bytes;

namespace {

/// Rows of blocks as the encoder writes them.
matrix<std::uint8_t> encoded(ggml_type type, matrix<float> const& x) {
  matrix<std::uint8_t> blocks(x.rows(), x.columns() / 32 * layout_of(type).bytes);
  for (std::size_t i = 0; i < x.rows(); ++i) {
    REQUIRE(encode_ggml_row(type, x.view().row(i), x.columns(), blocks.view().row(i)) == x.columns());
  }
  return blocks;
}

}  // namespace

TEST_CASE("Codes of blocks stand for what the blocks decode to, and become the same blocks again", "[io][ggml]") {
  auto x = gaussian_matrix<float>(5, 96, 1);
  std::fill_n(&x(2, 32), 32, 0.0F);
  for (ggml_type const type : {ggml_type::q4_0, ggml_type::q8_0}) {
    auto blocks = encoded(type, x);
    matrix<std::int8_t> codes(5, 96);
    matrix<float> scales(5, 3);
    quantized_rows<std::int8_t, float> const q{codes.view(), scales.view(), {}};
    read_ggml_codes(type, blocks.view(), q);
    std::vector<float> decoded(96);
    for (std::size_t i = 0; i < 5; ++i) {
      decode_ggml_row(type, blocks.view().row(i), 96, decoded.data());
      for (std::size_t j = 0; j < 96; ++j) {
        CHECK(scales(i, j / 32) * static_cast<float>(codes(i, j)) == decoded[j]);
      }
    }
    matrix<std::uint8_t> again(blocks.rows(), blocks.columns());
    write_ggml_codes(type, q.as_const(), again.view());
    CHECK(same_bytes(again, blocks));
    scales(4, 1) = 0.1F;
    CHECK_THROWS_WITH(write_ggml_codes(type, q.as_const(), again.view()),
                      contains_text("row 4, group 1: half does not hold the scale 0.1"));
  }
}

TEST_CASE("Packed codes have their own order of nibbles", "[io][ggml]") {
  auto const blocks = encoded(ggml_type::q4_0, gaussian_matrix<float>(3, 64, 2));
  matrix<std::int8_t> codes(3, 64);
  matrix<std::uint8_t> packed(3, 32);
  matrix<float> scales(3, 2);
  quantized_rows<std::uint8_t, float> const q{packed.view(), scales.view(), {}};
  read_ggml_codes(ggml_type::q4_0, blocks.view(), quantized_rows<std::int8_t, float>{codes.view(), scales.view(), {}});
  read_ggml_codes(ggml_type::q4_0, blocks.view(), q);
  for (std::size_t i = 0; i < 3; ++i) {
    for (std::size_t j = 0; j < 64; ++j) {
      CHECK(unpack_int4(packed(i, j / 2), j % 2) == codes(i, j));
    }
  }
  matrix<std::uint8_t> again(3, blocks.columns());
  write_ggml_codes(ggml_type::q4_0, q.as_const(), again.view());
  CHECK(same_bytes(again, blocks));
  CHECK_THROWS_WITH(read_ggml_codes(ggml_type::q8_0, blocks.view(), q), contains_text("not of Q8_0"));
  CHECK_THROWS_WITH(read_ggml_codes(ggml_type::q4_0, blocks.view().row_block(0, 2), q),
                    contains_text("codes is 3 x 32"));
}
