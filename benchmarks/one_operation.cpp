// SPDX-License-Identifier: BSL-1.0
//
// What one operation costs: create, complete, deliver, and one report, beside a bare asio::post of the same payload.
//
//     one_operation WORKLOAD COUNT      does it COUNT times and prints the allocations for each
//
// For instructions, run it under `valgrind --tool=callgrind` with two counts, and divide the difference.
#include "counting.hpp"

#include <eap/contexts/asio_context.hpp>
#include <eap/contexts/event_loop.hpp>
#include <eap/operation_manager.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

namespace {

long delivered = 0;

long raw_post(long count) {
    boost::asio::io_context io;
    for (long i = 0; i != count; ++i) {
        boost::asio::post(io, [i] { delivered += i; });
        io.poll();
        io.restart();
    }
    return delivered;
}

template <class Home, class Pump>
long operations(const Home& home, Pump pump, long count, eap::user_state id) {
    eap::operation_manager manager{home};
    for (long i = 0; i != count; ++i) {
        auto operation = manager.create_operation<long>(
            id, [](const eap::completed_event_args<long>& e) { delivered += e.result(); });
        operation.complete(i);
        pump();
    }
    return delivered;
}

long on_io_context(long count) {
    boost::asio::io_context io;
    return operations(eap::asio_context{io.get_executor()},
                      [&] {
                          io.poll();
                          io.restart();
                      },
                      count, {});
}

long on_event_loop(long count) {
    eap::event_loop loop;
    return operations(loop.context(), [&] { loop.poll(); }, count, {});
}

long on_event_loop_with_id(long count) {
    eap::event_loop loop;
    return operations(loop.context(), [&] { loop.poll(); }, count, 7);
}

long reports(long count, eap::progress_delivery delivery, long batch) {
    eap::event_loop loop;
    eap::operation_manager manager{loop.context()};
    auto operation = manager.create_operation<void, long>(
        {}, [](const eap::completed_event_args<>&) {},
        [](const eap::progress_changed_event_args<long>& e) { delivered += e.value(); },
        eap::operation_options{.progress = delivery});
    for (long i = 0; i != count; ++i) {
        operation.report_progress(50, i);
        if (i % batch == 0)
            loop.poll();
    }
    operation.complete();
    loop.run();
    return delivered;
}

} // namespace

int main(int argc, char** argv) {
    return benchmarks::count_allocations(
        argc, argv,
        {
            {"raw_post", raw_post},
            {"operation_on_io_context", on_io_context},
            {"operation_on_event_loop", on_event_loop},
            {"operation_on_event_loop_with_id", on_event_loop_with_id},
            {"report_every", [](long count) { return reports(count, eap::progress_delivery::every(), 32); }},
            {"report_latest",
             [](long count) { return reports(count, eap::progress_delivery::latest(), 32); }},
        });
}
