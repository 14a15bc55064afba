// SPDX-License-Identifier: BSL-1.0
//
// oneTBB: a task_arena as the place where work runs, proven by the conformance kit. It is no loop, so it needs no wake hook.
#include "eap/completed_event_args.hpp"
#include "eap/contexts/event_loop.hpp"
#include "eap/operation_manager.hpp"
#include "eap/run_on.hpp"
#include "eap/synchronization_context.hpp"
#include "eap/testing/context_conformance.hpp"
#include "eap/work.hpp"

#include <oneapi/tbb/task_arena.h>

#include <cstddef>
#include <iostream>
#include <utility>

namespace {

//! [glue]
/// Runs functions on TBB's threads, several at a time. The arena must outlive what is posted to it.
class arena_context {
  public:
    static constexpr std::size_t nodes_per_post = 0; // the arena has memory of its own

    explicit arena_context(oneapi::tbb::task_arena& arena) noexcept : arena_(&arena) {}

    template <class F>
    void post(F f) const { // TBB's functions are copied, and f only moves: queue a pointer to it
        eap::work_ptr work = eap::make_work(std::move(f));
        arena_->enqueue([node = work.get()] { node->run(); });
        [[maybe_unused]] const auto* const queued = work.release(); // it is the arena's
    }
    bool operator==(const arena_context&) const = default;

  private:
    oneapi::tbb::task_arena* arena_;
};
static_assert(eap::synchronization_context<arena_context>);
//! [glue]

oneapi::tbb::task_arena& the_arena() {
    static oneapi::tbb::task_arena arena{3};
    return arena;
}

struct arena_place {
    static arena_context context() { return arena_context{the_arena()}; }
};

} // namespace

int main() {
    const auto report = eap::testing::check_context([] { return arena_place{}; }, {.ends = false});
    std::cout << report << '\n';

    eap::event_loop loop;
    eap::operation_manager operations{loop.context()};
    int result = 0;
    eap::run_on(arena_context{the_arena()},
                operations.create_operation<int>(
                    "answer", [&result](const eap::completed_event_args<int>& e) { result = e.result(); }),
                [] { return 42; });
    loop.run();
    std::cout << "the answer came home: " << result << '\n';
    return report && result == 42 ? 0 : 1;
}
