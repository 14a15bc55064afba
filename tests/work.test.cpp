// SPDX-License-Identifier: BSL-1.0
#include <eap/work.hpp> // first: proves that the header stands alone

#include "support/catch.hpp"

#include "support/allocations.hpp"
#include "support/contexts.hpp"
#include "support/functions.hpp"

#include <eap/any_synchronization_context.hpp>
#include <eap/completed_event_args.hpp>
#include <eap/errors.hpp>
#include <eap/operation_manager.hpp>

#include <cstdint>
#include <deque>
#include <memory>
#include <stdexcept>
#include <utility>

using eap::make_work;
using eap::work_node;
using eap::work_ptr;

namespace {

/// The context that a user writes over a place that queues pointers.
struct pointer_context {
    template <class F> void post(F function) const {
        if (*is_full)
            throw eap::context_closed{};
        work_ptr work = make_work(std::move(function));
        queue->push_back(work.get());
        [[maybe_unused]] const auto* const queued = work.release();
    }
    bool operator==(const pointer_context&) const = default;

    std::deque<work_node*>* queue;
    const bool* is_full;
};

work_node* take(std::deque<work_node*>& queue) {
    work_node* const first = queue.front();
    queue.pop_front();
    return first;
}

} // namespace

TEST_CASE("a node runs its function once, or drops it", "[work]") {
    tests::fate fate;
    int runs = 0;
    make_work(tests::traced{fate, [&] { ++runs; }}).release()->run();
    CHECK(runs == 1);
    make_work([&] { ++runs; }).release()->drop();
    {
        const work_ptr never_run = make_work([&, held = std::make_unique<int>(1)] { ++runs; });
    }
    CHECK(runs == 1);
    CHECK_THROWS_WITH(make_work([] { throw std::runtime_error{"thrown by it"}; }).release()->run(),
                      "thrown by it");
}

TEST_CASE("a function of any alignment, and one whose move throws, can be a node, and be dropped", "[work]") {
    struct alignas(128) wide {
        bool* aligned;
        void operator()() { *aligned = reinterpret_cast<std::uintptr_t>(this) % 128 == 0; }
    };
    bool aligned = false;
    make_work(wide{&aligned}).release()->run();
    CHECK(aligned);

    struct moves_once {
        int moves = 0;
        moves_once() = default;
        moves_once(moves_once&& other) noexcept(false) : moves(other.moves + 1) {
            if (moves > 1)
                throw std::runtime_error{"moved once too often"};
        }
        void operator()() {}
    };
    CHECK_THROWS_WITH(make_work(moves_once{}).release()->run(), "moved once too often");
    make_work(moves_once{}).reset(); // destroyed in place
}

TEST_CASE("a function that throws when it is moved makes no node, and its memory is given back",
          "[work][G14]") {
    struct does_not_move {
        does_not_move() = default;
        does_not_move(does_not_move&&) noexcept(false) { throw std::runtime_error{"not to be moved"}; }
        void operator()() {}
    };
    CHECK_THROWS_WITH(make_work(does_not_move{}),
                      "not to be moved"); // a leak is the address sanitizer's to find
}

TEST_CASE("what eap posts is a node already: nothing is allocated for the queue", "[work][G14]") {
    std::deque<work_node*> queue;
    bool is_full = false;
    eap::operation_manager manager{pointer_context{&queue, &is_full}};
    int result = 0;
    auto operation = manager.create_operation<int>(
        {}, [&](const eap::completed_event_args<int>& args) { result = args.result(); });
    queue.resize(100); // the queue's own memory is none of eap's business
    queue.clear();
    {
        const tests::allocation_watch watch;
        operation.complete(42);
        CHECK(watch.count() == 0);
    }
    REQUIRE(queue.size() == 1);
    take(queue)->run();
    CHECK(result == 42);
}

TEST_CASE("a place of pointers that drops a node, or refuses it, is a context as any other", "[work]") {
    std::deque<work_node*> queue;
    bool is_full = false;
    eap::operation_manager manager{pointer_context{&queue, &is_full}};
    int undelivered = 0;
    manager.on_undelivered([&](const eap::undelivered&) { ++undelivered; });
    const auto complete_one = [&] {
        manager.create_operation<>({}, [](const eap::completed_event_args<>&) {}).complete();
    };
    complete_one();
    take(queue)->drop();
    CHECK(undelivered == 1);
    is_full = true;
    complete_one();
    CHECK(undelivered == 2);
    CHECK(manager.pending() == 0);
}
