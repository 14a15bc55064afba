// SPDX-License-Identifier: BSL-1.0
//
// oneTBB: enqueue, which has nothing to end; and the task_arena as the place of our calls, by a context of a few lines.
#include "../calls.hpp"
#include "../pools.hpp"
#include "../workloads.hpp"

#include <eap/delegate.hpp>
#include <eap/work.hpp>

#include <tbb/global_control.h>
#include <tbb/task_arena.h>

#include <utility>

namespace {

using namespace benchmarks;

const tbb::global_control as_many_as_others{tbb::global_control::max_allowed_parallelism, threads() + 1};

tbb::task_arena& arena() {
    static tbb::task_arena instance{static_cast<int>(threads()), 0}; // no place for the thread that waits
    return instance;
}

struct tbb_context { // functions of oneTBB are copied, ours only move: it gets a pointer
    template <class F> void post(F function) const {
        eap::work_ptr work = eap::make_work(std::move(function));
        arena().enqueue([node = work.get()] { node->run(); });
        [[maybe_unused]] const auto* const queued = work.release();
    }
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
