// SPDX-License-Identifier: BSL-1.0
//
// What is said of each comparison, and what is to be reached.
#ifndef EAP_BENCHMARKS_PAGES_HPP
#define EAP_BENCHMARKS_PAGES_HPP

#include <array>

namespace benchmarks {

struct page {
    const char* comparison;
    const char* title;
    const char* baseline; ///< the way that the others are compared with
    const char* text;
};

inline constexpr std::array pages{
    page{"begin_end", "Begin a call and end it", "asio_post",
         "`return i + 1` on a pool; 1 000 calls are begun and then ended, again and again. `asio_post` is "
         "the floor: a bare "
         "`asio::post` to an `asio::thread_pool`, one latch for a thousand, and nothing to end."},
    page{"latency", "Begin a call and end it at once", "asio_post",
         "One call at a time: who begins it waits. What counts is who wakes whom. `asio_post` waits at a "
         "semaphore."},
    page{"many_at_once", "100 000 calls at once", "asio_post",
         "All are begun before the first is ended. What the C library does with that much memory is part of "
         "it."},
    page{"callback", "A callback ends the call", "asio_post_twice",
         "The callback comes home to the pool. `asio_post_twice` posts a function that posts another one."},
    page{"operation", "One operation: create, complete, deliver", "asio_post",
         "To a home that is looked after once for each. `asio_post` is a bare post of the same payload to an "
         "io_context."},
    page{"progress", "A progress report", "asio_post",
         "One thread reports, the home looks every 32 reports. `eap_latest` delivers the newest alone."},
    page{"progress_from_four_threads", "Progress from four threads", "asio_post",
         "The home is busy with nothing else."},
    page{"neighbour", "How long a neighbour waits", "asio_post",
         "1 000 reports of one operation are on their way to a home, or 1 000 posts; then something else is "
         "posted there. Until it has its turn, at most 64 reports of one operation are delivered."},
    page{"erased", "A post through a type-erased context", "event_loop",
         "A function with a capture of 64 bytes; the loop is polled every 32 posts."},
    page{"pending", "How it grows with what is pending", "1000",
         "So many operations are created, then all completed, then all delivered: the cost of one."},
    page{"pending_with_ids", "The same with task ids", "1000",
         "Integers, each of which must not be pending already."},
    page{"pool_outside", "Pools: posts from outside", "asio_thread_pool",
         "Functions that do nothing, 1 000 at a time, and a latch. The pools' own interfaces, no calls."},
    page{"pool_within", "Pools: posts from within", "asio_thread_pool", "Each function posts two more."},
    page{"pool_asleep", "Pools: a post to threads that sleep", "asio_thread_pool",
         "From the post until it has run."},
    page{"pool_1us", "Pools: functions of 1 µs", "asio_thread_pool", ""},
    page{"pool_10us", "Pools: functions of 10 µs", "asio_thread_pool", ""},
    page{"pool_100us", "Pools: functions of 100 µs", "asio_thread_pool", ""},
};

/// A figure that is to stay below another one, times a factor; or below the factor alone.
struct target {
    const char* text;
    enum class figure { instructions, allocations, time, processors, bytes } of;
    const char* what;   ///< comparison/way
    const char* beside; ///< the same; null: the limit is a number
    double factor;
};
using figure = target::figure;

inline constexpr std::array targets{
    target{"begin and end on the fastest pool, instructions, beside a bare post", figure::instructions,
           "begin_end/eap_begin_invoke", "begin_end/asio_post", 0.35},
    target{"begin and end on asio::thread_pool, instructions, beside a bare post", figure::instructions,
           "begin_end/eap_on_asio_pool", "begin_end/asio_post", 0.75},
    target{"the same beside a promise", figure::instructions, "begin_end/eap_on_asio_pool",
           "begin_end/promise", 0.25},
    target{"begin and end, processor time, beside a bare post", figure::processors,
           "begin_end/eap_begin_invoke", "begin_end/asio_post", 0.45},
    target{"begin and end beside TBB's enqueue, processor time", figure::processors,
           "begin_end/eap_begin_invoke", "begin_end/tbb_enqueue", 0.27},
    target{"begin and end beside boost::async, processor time", figure::processors,
           "begin_end/eap_begin_invoke", "begin_end/boost_async", 0.15},
    target{"begin and end beside QtConcurrent, processor time", figure::processors,
           "begin_end/eap_begin_invoke", "begin_end/qt_concurrent", 0.10},
    target{"begin and end, allocations", figure::allocations, "begin_end/eap_begin_invoke", nullptr, 0.01},
    target{"the same on asio::thread_pool, allocations", figure::allocations, "begin_end/eap_on_asio_pool",
           nullptr, 0.01},
    target{"begin and end at once, time, beside a bare post", figure::time, "latency/eap_begin_invoke",
           "latency/asio_post", 1.0},
    target{"an operation on an io_context, instructions, beside a bare post", figure::instructions,
           "operation/eap_io_context", "operation/asio_post", 0.9},
    target{"an operation on an io_context, allocations", figure::allocations, "operation/eap_io_context",
           nullptr, 0.01},
    target{"an ordered report, instructions", figure::instructions, "progress/eap_every", nullptr, 60},
    target{"an ordered report, allocations", figure::allocations, "progress/eap_every", nullptr, 0.01},
    target{"an ordered report beside a post to an io_context, processor time", figure::processors,
           "progress/eap_every", "progress/asio_post", 0.3},
    target{"an ordered report beside a post to a strand, processor time", figure::processors,
           "progress/eap_every", "progress/asio_post_strand", 0.2},
    target{"an ordered report beside a queued invocation of Qt's, processor time", figure::processors,
           "progress/eap_every", "progress/qt_queued_invocation", 0.1},
    target{"a function behind 1 000 reports beside one behind 1 000 posts, time", figure::time,
           "neighbour/eap_io_context", "neighbour/asio_post", 0.2},
    target{"a report of the newest alone, instructions", figure::instructions, "progress/eap_latest", nullptr,
           15},
    target{"a type-erased post beside a static one, instructions", figure::instructions,
           "erased/any_synchronization_context", "erased/event_loop", 1.1},
    target{"a pending operation, bytes of the heap", figure::bytes, "pending/1000000", nullptr, 80},
    target{"one of 1 000 000 pending beside one of 1 000, time", figure::time, "pending/1000000",
           "pending/1000", 2.0},
};

} // namespace benchmarks

#endif
