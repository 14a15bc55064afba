// SPDX-License-Identifier: BSL-1.0
//
// One promise at a time, on this thread: how a check tells what it finds. All of them: context_conformance.test.cpp.
#include <eap/testing/context_promises.hpp>

#include <eap/contexts/event_loop.hpp>

#include "support/catch.hpp"
#include "support/contexts.hpp"
#include "support/hostile_context.hpp"

#include <atomic>
#include <chrono>
#include <thread>

namespace lab = eap::testing;
using namespace std::chrono_literals;

namespace {

template <class Policy> struct hostile {
    tests::hostile_place<Policy> place;
    std::atomic<bool> stopped{
        false}; // by another thread, and before it runs, when what would stop it is dropped
    auto context() const { return place.context(); }
    void run() {
        while (!stopped.exchange(false))
            if (!place.policy().run())
                std::this_thread::yield();
    }
    void stop() { stopped = true; }
};

struct loop_place {
    eap::event_loop loop;
    auto context() const { return loop.context(); }
    void run() { loop.run(); }
};

template <class Place> Place make() { return {}; }
template <class Place> using promises = lab::detail::context_promises<Place (*)()>;

template <class Place> std::vector<lab::finding> of(typename promises<Place>::check check) {
    typename promises<Place>::check_under_way now{make<Place>, {.patience = 100ms}, "promise", {}};
    check(now);
    return now.course.findings();
}

} // namespace

TEST_CASE("a promise that is kept finds nothing", "[conformance]") {
    CHECK(of<loop_place>(&promises<loop_place>::runs).empty());
    CHECK(of<loop_place>(&promises<loop_place>::wakes_up).empty());
    CHECK(of<hostile<tests::runs_in_order>>(&promises<hostile<tests::runs_in_order>>::keeps_order).empty());
}

TEST_CASE("a promise that is broken is found under its own name, or that of what was seen", "[conformance]") {
    using newest_first = hostile<tests::runs_newest_first>;
    const auto order = of<newest_first>(&promises<newest_first>::keeps_order);
    REQUIRE(order.size() == 1);
    CHECK(order.front().name == "promise");

    using again_later = hostile<tests::runs_again_later>;
    const auto again = of<again_later>(&promises<again_later>::wakes_up);
    REQUIRE_FALSE(again.empty());
    CHECK(again.front().name == "once");

    using twice = hostile<tests::runs_twice>;
    const auto once = of<twice>(&promises<twice>::runs);
    REQUIRE(once.size() == 1);
    CHECK(once.front().name == "once");

    using dropping = hostile<tests::drops>;
    const auto dropped = of<dropping>(&promises<dropping>::runs);
    REQUIRE(dropped.size() == 1);
    CHECK(dropped.front().happened == "It was destroyed, and had not run.");
}
