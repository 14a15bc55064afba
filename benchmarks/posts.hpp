// SPDX-License-Identifier: BSL-1.0
//
// A bare asio::post to an io_context that is looked after by the thread that posts: what operations and reports are compared with.
#ifndef EAP_BENCHMARKS_POSTS_HPP
#define EAP_BENCHMARKS_POSTS_HPP

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>

namespace benchmarks {

inline constexpr auto plain = [](boost::asio::io_context& io) { return io.get_executor(); };
inline constexpr auto strand = [](boost::asio::io_context& io) { return boost::asio::make_strand(io); };

/// The home looks once for so many posts.
long posted(long count, long each_look, auto executor_of) {
    boost::asio::io_context io;
    const auto executor = executor_of(io);
    long sum = 0;
    for (long i = 0; i != count; ++i) {
        boost::asio::post(executor, [&sum, i] { sum += i + 1; });
        if (i % each_look == 0) {
            io.poll();
            io.restart();
        }
    }
    io.run();
    return sum;
}

} // namespace benchmarks

#endif
