#include "support/content_hash.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace dfrot::program {

struct content_hash::state {
  XXH3_state_t xxh;
};

content_hash::content_hash() : state_(std::make_unique<state>()) { XXH3_128bits_reset(&state_->xxh); }

content_hash::content_hash(content_hash&&) noexcept = default;

content_hash::~content_hash() = default;

void content_hash::add(void const* bytes, std::size_t count) {
  if (count > 0) {  // an empty array may be a null pointer
    XXH3_128bits_update(&state_->xxh, bytes, count);
  }
}

std::string content_hash::bytes() const {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(&state_->xxh));
  return {reinterpret_cast<char const*>(canonical.digest), sizeof canonical.digest};
}

std::string content_hash::text() const {
  std::string digits;
  for (char const byte : bytes()) {
    auto const value = static_cast<unsigned char>(byte);
    digits += "0123456789abcdef"[value >> 4u];
    digits += "0123456789abcdef"[value & 15u];
  }
  return digits;
}

}  // namespace dfrot::program
