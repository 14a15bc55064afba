// SPDX-License-Identifier: BSL-1.0
//
// What things cost in the steady state, counted: nothing is taken from the heap.
#include <eap/eap.hpp>

#include "support/allocations.hpp"
#include "support/catch.hpp"

#include <cstddef>
#include <utility>

namespace {

using tests::allocation_watch;

/// The allocations of 100 turns of `once`, after as many to warm up.
template <class F> std::size_t allocations_of_100(F once) {
    for (int i = 0; i < 100; ++i)
        once();
    const allocation_watch watch{allocation_watch::sees::heap_alone};
    for (int i = 0; i < 100; ++i)
        once();
    return watch.count();
}

#define REQUIRE_BLOCKS_THAT_ARE_USED_AGAIN                                                                   \
    if (!allocation_watch::works)                                                                            \
    return

} // namespace

TEST_CASE("an operation takes nothing from the heap: created, completed, delivered", "[costs][G8]") {
    REQUIRE_BLOCKS_THAT_ARE_USED_AGAIN;
    eap::event_loop loop;
    eap::operation_manager manager{loop.context()};
    int delivered = 0;

    CHECK(allocations_of_100([&] {
              auto operation = manager.create_operation<int>(
                  {}, [&delivered](const eap::completed_event_args<int>& e) { delivered += e.result(); });
              operation.complete(1);
              loop.poll();
          }) == 0);
    CHECK(delivered == 200);
}

TEST_CASE("a task id costs one allocation, its place in the table", "[costs]") {
    REQUIRE_BLOCKS_THAT_ARE_USED_AGAIN;
    eap::event_loop loop;
    eap::operation_manager manager{loop.context()};

    CHECK(allocations_of_100([&] {
              auto operation = manager.create_operation<int>(1, [](const eap::completed_event_args<int>&) {});
              operation.complete(1);
              loop.poll();
          }) == 100);
}

TEST_CASE("a report takes nothing from the heap", "[costs]") {
    REQUIRE_BLOCKS_THAT_ARE_USED_AGAIN;
    const auto how = GENERATE(eap::progress_delivery::every(), eap::progress_delivery::latest());
    eap::event_loop loop;
    eap::operation_manager manager{loop.context()};
    auto operation = manager.create_operation<int>(
        {}, [](const eap::completed_event_args<int>&) {}, [](const eap::progress_changed_event_args<>&) {},
        {.progress = how});

    CHECK(allocations_of_100([&] {
              operation.report_progress(1);
              operation.report_progress(2);
              loop.poll();
          }) == 0);
    operation.complete(1);
    loop.poll();
}

TEST_CASE("a call takes nothing from the heap: begun, run, ended", "[costs]") {
    REQUIRE_BLOCKS_THAT_ARE_USED_AGAIN;
    eap::event_loop loop;
    const auto add_one = eap::delegate<int(int)>{[](int n) { return n + 1; }}.on(loop.context());
    int sum = 0;

    CHECK(allocations_of_100([&] {
              const auto call = add_one.begin_invoke(1);
              loop.poll();
              sum += call.end_invoke();
          }) == 0);
    CHECK(sum == 400);
}

TEST_CASE("a call with a callback likewise", "[costs]") {
    REQUIRE_BLOCKS_THAT_ARE_USED_AGAIN;
    eap::event_loop loop;
    const eap::scoped_context here{loop.context()};
    const auto add_one = eap::delegate<int(int)>{[](int n) { return n + 1; }}.on(loop.context());
    int sum = 0;

    CHECK(allocations_of_100([&] {
              add_one.begin_invoke(1, [&sum](const auto& call) { sum += call.end_invoke(); });
              while (loop.poll() != 0) {
              }
          }) == 0);
    CHECK(sum == 400);
}

TEST_CASE("a post takes nothing from the heap", "[costs]") {
    REQUIRE_BLOCKS_THAT_ARE_USED_AGAIN;
    eap::event_loop loop;
    const eap::any_synchronization_context erased{loop.context()};
    int ran = 0;

    CHECK(allocations_of_100([&] {
              loop.context().post([&ran] { ++ran; });
              erased.post([&ran] { ++ran; });
              loop.poll();
          }) == 0);
    CHECK(ran == 400);
}

TEST_CASE("raising an event takes nothing from the heap", "[costs]") {
    REQUIRE_BLOCKS_THAT_ARE_USED_AGAIN;
    eap::event<int> happened;
    int sum = 0;
    happened += [&sum](int n) { sum += n; };
    happened += [&sum](int n) { sum += n; };

    CHECK(allocations_of_100([&] { happened(1); }) == 0);
    CHECK(sum == 400);
}
