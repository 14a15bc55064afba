// SPDX-License-Identifier: BSL-1.0
//
// Pointers to one object on several threads, in every execution.
#include "eap/detail/intrusive_ptr.hpp"

#include "explored/explored.hpp"

#include <utility>

namespace {

using tests::plain;
using tests::run_threads;

struct object : tests::quarantined, eap::detail::reference_counted<object, tests::explored_sync> {
    plain<int> payload{0};
};
using pointer = eap::detail::intrusive_ptr<object>;

} // namespace

TEST_CASE("of pointers that are copied and dropped on three threads, the last drop destroys the object",
          "[explored][intrusive_ptr][G14]") {
    tests::explore_all([] {
        pointer first{new object, eap::detail::adopt_reference};
        pointer second = first, third = first;
        const auto use = [](pointer& mine) {
            static_cast<void>(static_cast<int>(mine->payload));
            const pointer copy = mine;
            mine = pointer{};
            static_cast<void>(static_cast<int>(copy->payload));
        };
        run_threads([&] { use(first); }, [&] { use(second); }, [&] { use(third); });
    });
}

TEST_CASE("whoever drops the last pointer sees what the others wrote in their turn",
          "[explored][intrusive_ptr][G14]") {
    tests::explore_all([] {
        pointer first{new object, eap::detail::adopt_reference};
        pointer second = first;
        run_threads(
            [&] {
                first->payload = 1;
                first = pointer{};
            },
            [&] {
                pointer moved = std::move(second);
                moved = pointer{};
            });
    });
}
