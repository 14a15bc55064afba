// SPDX-License-Identifier: BSL-1.0
#include "eap/detail/inside.hpp"

#include "support/catch.hpp"

#include <thread>

namespace {

using inside_int = eap::detail::inside<int>;

} // namespace

TEST_CASE("a thread is inside something for as long as the frame lives", "[inside]") {
    const int thing = 0;
    CHECK_FALSE(inside_int::of(&thing));
    {
        const inside_int frame{&thing};
        CHECK(inside_int::of(&thing));
    }
    CHECK_FALSE(inside_int::of(&thing));
}

TEST_CASE("frames nest, and each is found", "[inside]") {
    const int outer = 0, inner = 0, other = 0;
    const inside_int first{&outer};
    const inside_int second{&inner};
    const inside_int nothing{nullptr};
    CHECK(inside_int::of(&outer));
    CHECK(inside_int::of(&inner));
    CHECK_FALSE(inside_int::of(&other));
}

TEST_CASE("another thread is inside of nothing, and another type is another matter", "[inside]") {
    const int thing = 0;
    const inside_int frame{&thing};
    bool found = true;
    std::thread{[&] { found = inside_int::of(&thing); }}.join();
    CHECK_FALSE(found);
    const void* const same_address = &thing;
    CHECK_FALSE(eap::detail::inside<void>::of(same_address));
}
