// SPDX-License-Identifier: BSL-1.0
#include "eap/detail/deadline.hpp"

#include "support/catch.hpp"

#include <chrono>
#include <cstdint>

using namespace std::chrono_literals;
using eap::detail::deadline_after;
using eap::detail::end_of_time;

TEST_CASE("a deadline lies as far ahead as was said", "[deadline]") {
    const auto before = std::chrono::steady_clock::now();
    const auto deadline = deadline_after(1h);
    CHECK(deadline >= before + 1h);
    CHECK(deadline <= std::chrono::steady_clock::now() + 1h);
}

TEST_CASE("a deadline that has passed is now", "[deadline]") {
    const auto before = std::chrono::steady_clock::now();
    CHECK(deadline_after(-1h) >= before);
    CHECK(deadline_after(std::chrono::hours::min()) >= before);
    const auto deadline = deadline_after(0s);
    CHECK(deadline <= std::chrono::steady_clock::now());
}

TEST_CASE("a deadline beyond the end of time is the end of time", "[deadline]") {
    CHECK(deadline_after(std::chrono::nanoseconds::max()) == end_of_time);
    CHECK(deadline_after(std::chrono::hours::max()) == end_of_time);
    CHECK(deadline_after(std::chrono::duration<double>{1e300}) == end_of_time);
}

TEST_CASE("a fraction of the clock's tick is rounded up, not away", "[deadline]") {
    using picoseconds = std::chrono::duration<std::int64_t, std::pico>;
    const auto before = std::chrono::steady_clock::now();
    CHECK(deadline_after(picoseconds{1}) > before);
}
