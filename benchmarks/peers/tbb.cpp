// SPDX-License-Identifier: BSL-1.0
//
// oneTBB: enqueue, which has nothing to end; and the task_arena as the place of our calls, by a context of a few lines.
#include "../calls.hpp"
#include "../pools.hpp"
#include "../workloads.hpp"

#include <eap/delegate.hpp>

#include <tbb/global_control.h>
#include <tbb/task_arena.h>

#include <memory>
#include <utility>

namespace {

using namespace benchmarks;

const tbb::global_control as_many_as_others{tbb::global_control::max_allowed_parallelism, threads() + 1};

tbb::task_arena& arena() {
    static tbb::task_arena instance{static_cast<int>(threads()), 0}; // no place for the thread that waits
    return instance;
}

/// Functions of oneTBB are copied; ours only move.
template <class F> auto copyable(F function) {
    return [held = std::make_shared<F>(std::move(function))] { (*held)(); };
}
struct tbb_context {
    template <class F> void post(F function) const { arena().enqueue(copyable(std::move(function))); }
    bool operator==(const tbb_context&) const = default;
};

struct eap_on_tbb {
    auto begin(long i) const { return eap::begin_invoke(tbb_context{}, payload, i); }
    long end(eap::async_call<long(long)>& call) const { return call.end_invoke(); }
};

const auto enqueue = [](auto function) { arena().enqueue(function); };

struct tbb_pool {
    template <class F> void post(F function) { arena().enqueue(function); }
};

const registration begin_end{
    "begin_end",
    {checked("tbb_enqueue", [](long count) { return posted_with_one_latch<1'000>(count, enqueue); }),
     checked("eap_on_tbb", begun_then_ended<eap_on_tbb, 1'000>)}};
const pool_registration<tbb_pool> pool{"tbb_task_arena"};

} // namespace
