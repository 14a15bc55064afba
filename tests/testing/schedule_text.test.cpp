// SPDX-License-Identifier: BSL-1.0
#include <eap/testing/schedule_text.hpp> // first: proves that the header stands alone

#include "support/catch.hpp"

#include <cstddef>
#include <stdexcept>
#include <vector>

namespace lab = eap::testing;

TEST_CASE("the text of a schedule is the choices that were not the usual ones", "[schedule_text]") {
    lab::detail::schedule_text text;
    for (const std::size_t way : std::vector<std::size_t>{0, 0, 0, 1, 2, 0, 12, 0})
        text.add(way);

    CHECK(text.text() == "3:1 0:2 1:12");
    CHECK(lab::detail::schedule_text::parse(text.text()) == std::vector<std::size_t>{0, 0, 0, 1, 2, 0, 12});
    CHECK(lab::detail::schedule_text::parse("").empty());
}

TEST_CASE("what is no schedule is refused", "[schedule_text]") {
    for (const char* text : {"1", "x", "1:", ":1", "1:2 ", "1:2x", "1 2", "1234567:1"})
        CHECK_THROWS_AS(lab::detail::schedule_text::parse(text), std::invalid_argument);
}
