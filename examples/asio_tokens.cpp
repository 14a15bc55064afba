// SPDX-License-Identifier: BSL-1.0
//
// In a program of Boost.Asio: work for the pool with any of Asio's tokens; and Asio's own operations as calls, to poll, to wait for
// and to end.
#include "eap/adaptors/as_async_call.hpp"
#include "eap/adaptors/asio_token.hpp"
#include "eap/delegate.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/co_spawn.hpp> // IWYU pragma: keep
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address_v4.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp> // IWYU pragma: keep
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/asio/write.hpp> // IWYU pragma: keep

#include <chrono>
#include <cstddef>
#include <exception>
#include <iostream>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

std::vector<std::string> said; // by one thread at a time

void say(const std::string& text) {
    said.push_back(text);
    std::cout << text << '\n' << std::flush;
}

int sum_of_squares(int last) {
    int sum = 0;
    for (int i = 1; i <= last; ++i)
        sum += i * i;
    return sum;
}

/// Works until it is asked to stop.
int endless(const std::stop_token& stop) {
    while (!stop.stop_requested())
        std::this_thread::yield();
    throw eap::operation_cancelled{};
}

//! [tokens]
/// Work for the pool, in a coroutine of Asio's; and a call that has begun before.
asio::awaitable<int> in_a_coroutine() {
    const auto begun = eap::begin_invoke(sum_of_squares, 10);
    const int hundred = co_await eap::async_invoke(sum_of_squares, 100, asio::use_awaitable);
    co_return hundred + co_await eap::async_end_invoke(begun, asio::use_awaitable);
}

/// A handler on a strand, which a signal of Asio's stops.
void with_a_handler(asio::io_context& io) {
    asio::cancellation_signal stop;
    const auto strand = asio::make_strand(io);
    eap::async_invoke(
        endless, asio::bind_executor(
                     strand, asio::bind_cancellation_slot(stop.slot(), [&](std::exception_ptr error, int) {
                         say(error && strand.running_in_this_thread() ? "stopped, and told on the strand"
                                                                      : "NOT stopped");
                     })));
    stop.emit(asio::cancellation_type::terminal);
    io.restart();
    io.run();
}
//! [tokens]

//! [calls]
/// Sockets and timers as calls, for a thread that wants to wait: another one runs the io_context.
void operations_as_calls(asio::io_context& io) {
    tcp::acceptor acceptor{io, {asio::ip::address_v4::loopback(), 0}};
    tcp::socket client{io};
    const auto accepted = acceptor.async_accept(eap::as_async_call);
    const auto connected = client.async_connect(acceptor.local_endpoint(), eap::as_async_call);
    connected.end_invoke();
    tcp::socket server = accepted.end_invoke();

    std::string line;
    const auto read = asio::async_read_until(server, asio::dynamic_buffer(line), '\n', eap::as_async_call);
    asio::async_write(client, asio::buffer("hello\n", 6), eap::as_async_call).end_invoke();
    const std::size_t length = read.end_invoke();
    say("read " + std::to_string(length) + " bytes: " + line.substr(0, length - 1));

    // Nothing more comes: whichever is first.
    line.clear();
    const auto more = asio::async_read_until(server, asio::dynamic_buffer(line), '\n', eap::as_async_call);
    asio::steady_timer timer{io, std::chrono::milliseconds{1}};
    const auto late = timer.async_wait(eap::as_async_call);
    if (eap::wait_any(more, late) == 1)
        say("nothing more came in time");
    more.cancel(); // on the io_context's thread
    say(more.try_end_invoke().cancelled() ? "and the read was cancelled" : "NOT cancelled");
}
//! [calls]

} // namespace

int main() {
    asio::io_context io;
    auto sum = asio::co_spawn(io, in_a_coroutine(), asio::use_future);
    io.run();
    say("a coroutine: " + std::to_string(sum.get()));
    say("a future: " + std::to_string(eap::async_invoke(sum_of_squares, 3, asio::use_future).get()));
    with_a_handler(io);

    io.restart();
    auto alive = asio::make_work_guard(io);
    std::jthread runner{[&] { io.run(); }};
    operations_as_calls(io);
    alive.reset();
    runner.join();

    const std::vector<std::string> expected = {
        "a coroutine: 338735",
        "a future: 14",
        "stopped, and told on the strand",
        "read 6 bytes: hello",
        "nothing more came in time",
        "and the read was cancelled",
    };
    const bool as_expected = said == expected;
    std::cout << (as_expected ? "as expected\n" : "NOT as expected\n");
    return as_expected ? 0 : 1;
}
