// SPDX-License-Identifier: BSL-1.0
//
// One operation: created, completed and delivered on each kind of home, beside a bare asio::post of the same payload; and how that
// depends on how many are pending.
#include "posts.hpp"
#include "workloads.hpp"

#include <eap/contexts/asio_context.hpp>
#include <eap/contexts/event_loop.hpp>
#include <eap/contexts/thread_pool.hpp>
#include <eap/operation_manager.hpp>

#include <boost/asio/io_context.hpp>

#include <malloc.h> // mallinfo2, of glibc

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace benchmarks;
namespace asio = boost::asio;

template <class Home, class Pump>
long delivered(const Home& home, Pump pump, long count, const eap::user_state& id) {
    eap::operation_manager manager{home};
    long sum = 0;
    for (long i = 0; i != count; ++i) {
        auto operation = manager.create_operation<long>(
            id, [&sum](const eap::completed_event_args<long>& e) { sum += e.result() + 1; });
        operation.complete(i);
        pump();
    }
    return sum;
}
long on_executor(long count, auto executor_of) {
    asio::io_context io;
    return delivered(eap::asio_context{executor_of(io)},
                     [&] {
                         io.poll();
                         io.restart();
                     },
                     count, {});
}
long on_event_loop(long count, const eap::user_state& id) {
    eap::event_loop loop;
    return delivered(loop.context(), [&] { loop.poll(); }, count, id);
}
long on_thread_pool(long count) {
    const eap::thread_pool pool{1};
    eap::operation_manager manager{pool.context()};
    std::atomic<long> sum{0};
    for (long i = 0; i != count; ++i)
        manager
            .create_operation<long>({},
                                    [&sum](const eap::completed_event_args<long>& e) {
                                        sum.fetch_add(e.result() + 1, std::memory_order_relaxed);
                                    })
            .complete(i);
    manager.wait_idle_for(std::chrono::minutes{1});
    return sum;
}

const registration operations{
    "operation",
    {
        checked("asio_post", [](long count) { return posted(count, 1, plain); }),
        checked("asio_post_strand", [](long count) { return posted(count, 1, strand); }),
        checked("eap_io_context", [](long count) { return on_executor(count, plain); }),
        checked("eap_strand", [](long count) { return on_executor(count, strand); }),
        checked("eap_event_loop", [](long count) { return on_event_loop(count, {}); }),
        checked("eap_event_loop_with_id", [](long count) { return on_event_loop(count, 7); }),
        checked("eap_thread_pool", on_thread_pool),
    }};

/// `pending` at a time: all are created, then all completed, then all delivered.
long with_pending(long count, long pending, bool with_ids) {
    eap::event_loop loop;
    eap::operation_manager manager{loop.context()};
    std::vector<eap::async_operation<long>> begun;
    begun.reserve(static_cast<std::size_t>(pending));
    long sum = 0;
    for (long i = 0; i != count;) {
        for (const long until = std::min(count, i + pending); i != until; ++i)
            begun.push_back(manager.create_operation<long>(
                with_ids ? eap::user_state{i} : eap::user_state{},
                [&sum](const eap::completed_event_args<long>& e) { sum += e.result() + 1; }));
        const long first = i - static_cast<long>(begun.size());
        for (long k = first; k != i; ++k)
            begun[static_cast<std::size_t>(k - first)].complete(k);
        begun.clear();
        loop.poll();
    }
    return sum;
}

/// What one of so many takes from the heap, beside its handle.
template <long Pending, bool WithIds> double bytes_of_one() {
    eap::event_loop loop;
    eap::operation_manager manager{loop.context()};
    std::vector<eap::async_operation<long>> begun;
    begun.reserve(Pending);
    const std::size_t before = mallinfo2().uordblks;
    for (long i = 0; i != Pending; ++i)
        begun.push_back(manager.create_operation<long>(WithIds ? eap::user_state{i} : eap::user_state{},
                                                       [](const eap::completed_event_args<long>&) {}));
    const auto each = static_cast<double>(mallinfo2().uordblks - before) / Pending;
    begun.clear();
    loop.poll();
    return each;
}

template <long Pending, bool WithIds> way pending_of(const char* name) {
    way made = checked(
        name, [](long count) { return with_pending(count, Pending, WithIds); }, std::max(100'000L, Pending));
    made.is_counted = false; // a count is smaller
    made.bytes = bytes_of_one<Pending, WithIds>;
    return made;
}

template <bool WithIds> std::vector<way> each_pending() {
    return {pending_of<1'000, WithIds>("1000"), pending_of<10'000, WithIds>("10000"),
            pending_of<100'000, WithIds>("100000"), pending_of<1'000'000, WithIds>("1000000")};
}
const registration pending{"pending", each_pending<false>()};
const registration pending_with_ids{"pending_with_ids", each_pending<true>()};

} // namespace
