// The error of quantizing each token, with and without the search for a scale; and the detector of massive tokens. 4096 channels.

#include <utility>

#include <dfrot/cpu.hpp>
#include <dfrot/reference.hpp>

#include "problems.hpp"
#include "support/sample.hpp"

namespace dfrot::bench {

namespace {

problem errors_problem(std::string const& name, int4_scheme const& scheme) {
  std::size_t const channels = 4096;
  std::size_t const rows = rows_in_cache(channels);
  auto const bytes = static_cast<double>(rows * channels * sizeof(float));
  auto const x = gaussian_rows<float>(rows, channels);
  auto const errors = std::make_shared<std::vector<token_error>>(rows);
  problem made{name, gigabytes_a_second, {}};
  auto const add = [&]<class P>(std::string title, P const& on) {
    made.contenders.push_back({std::move(title), role::ours, bytes, [=] {
                                 token_errors(on, scheme, std::as_const(*x).view(),
                                              vector_view<token_error>(errors->data(), errors->size()));
                               }});
  };
  for_each_isa([&]<class Arch>() { add(ours<Arch>(), cpu::basic_policy<Arch>{}); });
  add("dfrot reference", reference::policy{});
  made.contenders.push_back(copy_within(rows * channels * sizeof(float), bytes));
  return made;
}

/// On rows of the built-in sample, one of them massive.
problem massive_problem(std::string const& name) {
  std::size_t const channels = 4096;
  std::size_t const rows = rows_in_cache(channels);
  auto const bytes = static_cast<double>(rows * channels * sizeof(float));
  auto const x = std::make_shared<matrix<float>>(example::make_sample(1, {rows, channels, 64}, 1));
  auto const found = std::make_shared<massive_tokens>();
  problem made{name, gigabytes_a_second, {}};
  auto const add = [&]<class P>(std::string title, P const& on) {
    made.contenders.push_back(
        {std::move(title), role::ours, bytes, [=] { *found = massive_automatic(on, std::as_const(*x).view()); }});
  };
  for_each_isa([&]<class Arch>() { add(ours<Arch>(), cpu::basic_policy<Arch>{}); });
  add("dfrot reference", reference::policy{});
  made.contenders.push_back(copy_within(rows * channels * sizeof(float), bytes));
  return made;
}

}  // namespace

std::vector<named_problem> loss_problems(environment const& /*with*/) {
  std::vector<named_problem> list;
  auto const add = [&](std::string const& name, int4_scheme const& scheme) {
    list.push_back({name, [=] { return errors_problem(name, scheme); }});
  };
  add("token_errors, largest magnitude", {});
  add("token_errors, searched scale", {true, 0, 1.0F, scale_rule::search});
  list.push_back({"massive_automatic", [] { return massive_problem("massive_automatic"); }});
  return list;
}

}  // namespace dfrot::bench
