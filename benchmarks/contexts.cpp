// SPDX-License-Identifier: BSL-1.0
//
// A post through any_synchronization_context beside one through the context's own type.
#include "workloads.hpp"

#include <eap/any_synchronization_context.hpp>
#include <eap/contexts/asio_context.hpp>
#include <eap/contexts/event_loop.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <array>

namespace {

using namespace benchmarks;
namespace asio = boost::asio;

/// A function with a capture of 64 bytes.
auto function(long& sum, long i) {
    return [&sum, i, padding = std::array<long, 6>{}] { sum += i + 1 + padding[0]; };
}

template <class Post, class Pump> long posted(long count, Post post, Pump pump) {
    long sum = 0;
    for (long i = 0; i != count; ++i) {
        post(function(sum, i));
        if (i % 32 == 31)
            pump();
    }
    pump();
    return sum;
}

long by_event_loop(long count) {
    eap::event_loop loop;
    const auto context = loop.context();
    return posted(count, [&](auto f) { context.post(f); }, [&] { loop.poll(); });
}
long by_any_of_event_loop(long count) {
    eap::event_loop loop;
    const eap::any_synchronization_context context{loop.context()};
    return posted(count, [&](auto f) { context.post(f); }, [&] { loop.poll(); });
}
template <class Make> long by_io_context(long count, Make make) {
    asio::io_context io;
    const auto post = make(io);
    return posted(count, post, [&] {
        io.poll();
        io.restart();
    });
}

const registration erased{
    "erased",
    {
        checked("event_loop", by_event_loop),
        checked("any_synchronization_context", by_any_of_event_loop),
        checked("asio_io_context",
                [](long count) {
                    return by_io_context(count, [](auto& io) { return [&](auto f) { asio::post(io, f); }; });
                }),
        checked("asio_any_io_executor",
                [](long count) {
                    return by_io_context(count, [](auto& io) {
                        return [executor = asio::any_io_executor{io.get_executor()}](auto f) {
                            asio::post(executor, f);
                        };
                    });
                }),
        checked("eap_asio_context",
                [](long count) {
                    return by_io_context(count, [](auto& io) {
                        return [context = eap::asio_context{io}](auto f) { context.post(f); };
                    });
                }),
    }};

} // namespace
