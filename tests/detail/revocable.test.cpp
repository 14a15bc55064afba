// SPDX-License-Identifier: BSL-1.0
#include <eap/detail/revocable.hpp>

#include "support/catch.hpp"

#include <atomic>
#include <latch>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace {

using eap::detail::adopt_reference;
using eap::detail::intrusive_ptr;
using eap::detail::revocable;
using eap::detail::revocable_list;

/// Lends a number for as long as the place lives.
struct loan final : revocable {
    loan(intrusive_ptr<revocable_list> place, std::atomic<int>& r, std::atomic<int>& d)
        : revocable(std::move(place)), revoked(r), destroyed(d) {
        join();
    }
    ~loan() override { ++destroyed; }
    void revoke() noexcept override {
        ++revoked;
        value = 0;
    }
    int value = 7;
    std::atomic<int>& revoked;
    std::atomic<int>& destroyed;
};

struct place {
    intrusive_ptr<revocable_list> list{new revocable_list, adopt_reference};
    std::atomic<int> revoked{0};
    std::atomic<int> destroyed{0};

    intrusive_ptr<loan> lend() {
        return intrusive_ptr<loan>{new loan{list, revoked, destroyed}, adopt_reference};
    }
};

} // namespace

TEST_CASE("what the place takes back cannot be used, and lives until nobody holds it", "[revocable]") {
    place p;
    const auto one = p.lend();
    auto two = p.lend();
    {
        CHECK(revocable::pin{*one});
    }
    p.list->end();
    CHECK(p.revoked == 2);
    CHECK(p.destroyed == 0);
    CHECK_FALSE(revocable::pin{*one});
    two = intrusive_ptr<loan>{};
    CHECK(p.destroyed == 1);
    CHECK(p.revoked == 2);
    p.list->end();
}

TEST_CASE("what nobody holds any more is given back at once", "[revocable]") {
    place p;
    auto one = p.lend();
    auto two = p.lend();
    auto three = p.lend();
    two = intrusive_ptr<loan>{}; // from the middle, the front and the end of the list
    CHECK(p.revoked == 1);
    three = intrusive_ptr<loan>{};
    one = intrusive_ptr<loan>{};
    CHECK(p.revoked == 3);
    CHECK(p.destroyed == 3);
    p.list->end();
    CHECK(p.revoked == 3);
}

TEST_CASE("what is lent out after the end is taken back from birth", "[revocable]") {
    place p;
    p.list->end();
    {
        const auto late = p.lend();
        CHECK(p.revoked == 1);
        CHECK_FALSE(revocable::pin{*late});
    }
    CHECK(p.revoked == 1);
    CHECK(p.destroyed == 1);
}

TEST_CASE("the end may race with users and last holders: all is taken back once, unused", "[revocable]") {
    for (int round = 0; round < 200; ++round) {
        place p;
        std::atomic<bool> misused{false};
        std::latch start{4};
        std::vector<std::thread> threads;
        for (int t = 0; t < 3; ++t)
            threads.emplace_back([&, t, mine = std::optional{p.lend()}]() mutable {
                start.arrive_and_wait();
                for (int i = 0; i < 50 * t; ++i) {
                    const revocable::pin pin{**mine};
                    if (pin && (*mine)->value != 7)
                        misused = true;
                }
                mine.reset();
            });
        start.arrive_and_wait();
        p.list->end();
        CHECK(p.revoked == 3); // not later: the place is gone now
        for (auto& thread : threads)
            thread.join();
        CHECK(p.destroyed == 3);
        CHECK_FALSE(misused);
    }
}
