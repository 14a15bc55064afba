// SPDX-License-Identifier: BSL-1.0
//
// Progress reports to a home, in order or the newest alone, from one thread and from four; beside a bare asio::post for each.
#include "posts.hpp"
#include "workloads.hpp"

#include <eap/contexts/event_loop.hpp>
#include <eap/operation_manager.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <atomic>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace benchmarks;
namespace asio = boost::asio;

constexpr long batch = 32; // reports between two looks of the home

struct seen {
    long sum = 0;
    long last = -1;
};
template <class Work> seen reported(eap::progress_delivery delivery, Work work) {
    eap::event_loop loop;
    eap::operation_manager manager{loop.context()};
    seen all;
    auto operation = manager.create_operation<void, long>(
        {}, [](const eap::completed_event_args<>&) {},
        [&all](const eap::progress_changed_event_args<long>& e) {
            all.sum += e.value() + 1;
            all.last = e.value();
        },
        eap::operation_options{.progress = delivery});
    work(operation, loop);
    operation.complete();
    loop.run();
    return all;
}
long every(long count) {
    return reported(eap::progress_delivery::every(),
                    [count](auto& operation, auto& loop) {
                        for (long i = 0; i != count; ++i) {
                            operation.report_progress(50, i);
                            if (i % batch == 0)
                                loop.poll();
                        }
                    })
        .sum;
}
double latest(long count) {
    const seen all = reported(eap::progress_delivery::latest(), [count](auto& operation, auto& loop) {
        for (long i = 0; i != count; ++i) {
            operation.report_progress(50, i);
            if (i % batch == 0)
                loop.poll();
        }
    });
    if (all.last != count - 1)
        throw std::logic_error{"the newest report was lost"};
    return 0;
}

/// Four threads report; the home is busy with that.
long from_four_threads(long count, auto report_of, auto home_of) {
    constexpr long producers = 4;
    std::atomic<long> left{producers};
    std::vector<std::jthread> all;
    for (long producer = 0; producer != producers; ++producer)
        all.emplace_back([&, producer] {
            for (long i = producer; i < count; i += producers)
                report_of(i);
            --left;
        });
    while (left != 0)
        home_of();
    all.clear();
    home_of();
    return 0;
}
long every_from_four(long count) {
    return reported(eap::progress_delivery::every(),
                    [count](auto& operation, auto& loop) {
                        const auto reporter = operation.reporter();
                        from_four_threads(
                            count, [&](long i) { reporter.report_progress(50, i); }, [&] { loop.poll(); });
                    })
        .sum;
}
long posted_from_four(long count) {
    asio::io_context io;
    long sum = 0;
    from_four_threads(
        count, [&](long i) { asio::post(io, [&sum, i] { sum += i + 1; }); },
        [&] {
            io.poll();
            io.restart();
        });
    return sum;
}

const registration progress{
    "progress",
    {
        checked("asio_post", [](long count) { return posted(count, batch, plain); }),
        checked("asio_post_strand", [](long count) { return posted(count, batch, strand); }),
        checked("eap_every", every),
        {"eap_latest", latest},
    }};

const registration four{"progress_from_four_threads",
                        {checked("asio_post", posted_from_four), checked("eap_every", every_from_four)}};

} // namespace
