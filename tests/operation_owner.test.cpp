// SPDX-License-Identifier: BSL-1.0
#include <eap/operation_owner.hpp> // first: proves that the header stands alone

#include <eap/detail/intrusive_ptr.hpp>

#include "support/catch.hpp"

namespace {

struct silent_owner final : eap::detail::operation_owner {
    void add_reference() const noexcept override { ++references; }
    void release_reference() const noexcept override { --references; }
    void release_id(eap::detail::operation_state&) noexcept override {}
    void ended(eap::detail::operation_state&) noexcept override {}
    void tell(const eap::undelivered&) noexcept override {}

    mutable int references = 0;
};

} // namespace

TEST_CASE("an operation keeps its owner by counting", "[operation_owner]") {
    silent_owner owner;
    {
        const eap::detail::intrusive_ptr<eap::detail::operation_owner> kept{&owner};
        CHECK(owner.references == 1);
    }
    CHECK(owner.references == 0);
}
