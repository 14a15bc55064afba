// SPDX-License-Identifier: BSL-1.0
#include <eap/testing/probe.hpp>

#include "support/catch.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace lab = eap::testing;
using namespace std::chrono_literals;

namespace {

auto noted(const std::shared_ptr<lab::diary>& in) {
    return lab::probe{in, [] {}};
}
static_assert(!std::is_copy_constructible_v<decltype(noted(nullptr))>);

} // namespace

TEST_CASE("a diary knows who ran, how often, where, and in which order", "[probe]") {
    const auto functions = std::make_shared<lab::diary>();
    auto first = noted(functions);
    auto second = noted(functions);
    second();
    first();
    first();
    CHECK(functions->order() == std::vector<std::size_t>{second.number(), first.number()});
    CHECK(functions->entries()[first.number()].runs == 2);
    CHECK(functions->entries()[first.number()].where == std::this_thread::get_id());
}

TEST_CASE("a probe ends once, with its last owner, and not when it is moved", "[probe]") {
    const auto functions = std::make_shared<lab::diary>();
    {
        std::optional first{noted(functions)};
        const auto moved = std::move(*first);
        first.reset();
        CHECK_FALSE(functions->entries().front().ended);
    }
    CHECK(functions->entries().front().ended);
    CHECK(functions->entries().front().runs == 0);
}

TEST_CASE("whoever reads a diary waits for what another thread does, but not for ever", "[probe]") {
    const auto functions = std::make_shared<lab::diary>();
    auto late = noted(functions);
    CHECK_FALSE(functions->wait_until_all_have_run(1ms));
    std::thread other{[function = std::move(late)]() mutable { function(); }};
    CHECK(functions->wait_until_all_have_run(10s));
    CHECK(functions->wait_until_all_have_ended(10s)); // with the thread's closure
    other.join();
}
