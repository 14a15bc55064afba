// SPDX-License-Identifier: BSL-1.0
//
// How long a neighbour waits: a function posted to a home when a thousand reports of one operation are on their way there already;
// beside functions posted one by one, and to a strand, which lets others go first.
#include "posts.hpp"
#include "workloads.hpp"

#include <eap/contexts/asio_context.hpp>
#include <eap/contexts/event_loop.hpp>
#include <eap/operation_manager.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <chrono>
#include <stdexcept>

namespace {

using namespace benchmarks;
namespace asio = boost::asio;

constexpr long on_their_way = 1'000;

/// Seconds from the moment when the home begins until the neighbour has its turn; the sum of `count` times.
double delay(long count, auto fill, auto post_neighbour, auto run) {
    using clock = std::chrono::steady_clock;
    std::chrono::duration<double> all{0};
    for (long i = 0; i != count; ++i) {
        long seen = 0;
        clock::time_point turn{};
        fill(seen);
        post_neighbour([&turn] { turn = clock::now(); });
        const auto begun = clock::now();
        run();
        if (turn == clock::time_point{} || seen != on_their_way)
            throw std::logic_error{"a function was lost"};
        all += turn - begun;
    }
    return all.count();
}

double behind_posts(long count, auto executor_of) {
    asio::io_context io;
    const auto executor = executor_of(io);
    return delay(
        count,
        [&](long& seen) {
            for (long i = 0; i != on_their_way; ++i)
                asio::post(executor, [&seen] { ++seen; });
        },
        [&](auto neighbour) { asio::post(io, neighbour); },
        [&] {
            io.restart();
            io.poll();
        });
}

double behind_reports(long count, const auto& home, auto run) {
    eap::operation_manager manager{home};
    return delay(
        count,
        [&](long& seen) {
            auto operation = manager.create_operation<void, long>(
                {}, [](const eap::completed_event_args<>&) {},
                [&seen](const eap::progress_changed_event_args<long>&) { ++seen; });
            for (long i = 0; i != on_their_way; ++i)
                operation.report_progress(50, i);
            operation.complete();
        },
        [&](auto neighbour) { home.post(neighbour); }, run);
}
double behind_reports_to_an_io_context(long count) {
    asio::io_context io;
    return behind_reports(count, eap::asio_context{io}, [&io] {
        io.restart();
        io.poll();
    });
}
double behind_reports_to_an_event_loop(long count) {
    eap::event_loop loop;
    return behind_reports(count, loop.context(), [&loop] { loop.run(); });
}

way measured_by_itself(const char* name, double (*run)(long)) { return {name, run, 100, false}; }

const registration neighbour{
    "neighbour",
    {
        measured_by_itself("asio_post", [](long count) { return behind_posts(count, plain); }),
        measured_by_itself("asio_post_strand", [](long count) { return behind_posts(count, strand); }),
        measured_by_itself("eap_io_context", behind_reports_to_an_io_context),
        measured_by_itself("eap_event_loop", behind_reports_to_an_event_loop),
    }};

} // namespace
