// SPDX-License-Identifier: BSL-1.0
#include <eap/operation_owner.hpp> // first: proves that the header stands alone

#include "support/catch.hpp"

#include <thread>

using eap::detail::delivering;
using eap::detail::operation_owner;

namespace {

struct silent_owner final : operation_owner {
    void add_reference() const noexcept override {}
    void release_reference() const noexcept override {}
    void release_id(eap::detail::operation_state&) noexcept override {}
    void ended(eap::detail::operation_state&) noexcept override {}
    void tell(const eap::undelivered&) noexcept override {}
};

} // namespace

TEST_CASE("a thread delivers for an owner within the scope that says so", "[operation_owner]") {
    const silent_owner owner;
    {
        const delivering scope{&owner};
        CHECK(delivering::for_owner(&owner));
    }
    CHECK_FALSE(delivering::for_owner(&owner));
}

TEST_CASE("an outer delivery is seen through inner ones", "[operation_owner]") {
    const silent_owner outer, inner;
    const delivering first{&outer};
    const delivering second{&inner};
    const delivering nobody{nullptr};
    CHECK(delivering::for_owner(&outer));
    CHECK(delivering::for_owner(&inner));
}

TEST_CASE("a delivery is that of its own thread only", "[operation_owner]") {
    const silent_owner owner;
    const delivering scope{&owner};
    bool seen_elsewhere = true;
    std::thread{[&] { seen_elsewhere = delivering::for_owner(&owner); }}.join();
    CHECK_FALSE(seen_elsewhere);
}
