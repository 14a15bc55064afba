// SPDX-License-Identifier: BSL-1.0
//
// A TCP service whose requests are work for a processor: it runs on a pool, tells the client how far it is, has a deadline for each
// request, and stops when the client goes. One thread does all the networking. A thousand connections of its own try it.
//
//   request    count <n> <milliseconds>\n     how many primes there are up to n; n = 0: goes on until it is stopped
//   answers    progress <percent>\n ...       the newest, when the client is slow
//              result <count>\n               or: error <text>\n
//
// test:
// test: 100
#include "eap/adaptors/asio_token.hpp"
#include "eap/async_operation.hpp"
#include "eap/contexts/thread_pool.hpp"
#include "eap/errors.hpp"
#include "eap/operation_options.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp> // IWYU pragma: keep
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address_v4.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp> // IWYU pragma: keep
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp> // IWYU pragma: keep

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <deque>
#include <exception>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>
#include <utility>

namespace asio = boost::asio;
using asio::ip::tcp;
using namespace std::chrono_literals;
using boost::system::error_code;

namespace {

constexpr auto as_tuple = asio::as_tuple(asio::use_awaitable);

//! [work]
bool is_prime(int n) {
    for (int divisor = 2; divisor * divisor <= n; ++divisor)
        if (n % divisor == 0)
            return false;
    return n > 1;
}

using counting = eap::async_operation<int, int>;

/// On the pool. Tells what it has found so far.
int count_primes(counting& operation, int last) {
    int count = 0;
    for (int n = 1; last == 0 || n <= last; ++n) {
        count += is_prime(n % 1'000'000) ? 1 : 0;
        if (n % 500 != 0)
            continue;
        operation.report_progress(last == 0 ? 0 : static_cast<int>(100LL * n / last), count);
        if (operation.cancellation_pending())
            throw eap::operation_cancelled{};
    }
    return count;
}
//! [work]

/// What the service has done. All of it on the networking thread, as everything below.
struct record {
    int answered = 0, failed = 0, abandoned_by_client = 0;
    int sessions = 0, most_sessions = 0;
};

//! [session]
/// One client.
class session : public std::enable_shared_from_this<session> {
  public:
    session(tcp::socket socket, const eap::thread_pool& pool, record& done)
        : socket_(std::move(socket)), pool_(pool), done_(done) {}

    asio::awaitable<void> serve() {
        using namespace asio::experimental::awaitable_operators;
        const auto alive = shared_from_this();
        for (std::string line; co_await read(line);) {
            int last = 0;
            long long milliseconds = 0;
            if (std::string word;
                !(std::istringstream{line} >> word >> last >> milliseconds) || word != "count") {
                send("error I know: count <n> <milliseconds>");
                continue;
            }
            // Whichever is first stops the other: the end of the work, or of the client.
            const auto came = co_await (
                eap::async_run_on<int, int>(
                    pool_.context(), [last](counting& operation) { return count_primes(operation, last); },
                    [this](const auto& report) {
                        send("progress " + std::to_string(report.progress_percentage()));
                    },
                    {.timeout = std::chrono::milliseconds{milliseconds},
                     .progress = eap::progress_delivery::latest()},
                    as_tuple) ||
                client_is_gone());
            if (came.index() == 1) {
                ++done_.abandoned_by_client;
                co_return;
            }
            const auto& [error, count] = std::get<0>(came);
            error == nullptr ? ++done_.answered : ++done_.failed;
            send(error == nullptr ? "result " + std::to_string(count) : "error " + told(error));
        }
    }

  private:
    asio::awaitable<bool> read(std::string& line) {
        const auto [error, length] =
            co_await asio::async_read_until(socket_, asio::dynamic_buffer(received_, 100), '\n', as_tuple);
        if (error)
            co_return false;
        line = received_.substr(0, length);
        received_.erase(0, length);
        co_return true;
    }
    /// A client sends nothing while it waits for its answer: what can be read is its end.
    asio::awaitable<void> client_is_gone() {
        co_await socket_.async_wait(tcp::socket::wait_read, asio::use_awaitable);
    }

    void send(const std::string& line) {
        to_send_.push_back(line + '\n');
        if (to_send_.size() == 1)
            write_first();
    }
    void write_first() {
        asio::async_write(socket_, asio::buffer(to_send_.front()),
                          [self = shared_from_this()](const error_code& error, std::size_t) {
                              self->to_send_.pop_front();
                              if (error)
                                  self->to_send_.clear();
                              else if (!self->to_send_.empty())
                                  self->write_first();
                          });
    }

    static std::string told(const std::exception_ptr& error) {
        try {
            std::rethrow_exception(error);
        } catch (const eap::operation_timed_out&) {
            return "too late";
        } catch (const std::exception& other) {
            return other.what();
        }
    }

    tcp::socket socket_;
    const eap::thread_pool& pool_;
    record& done_;
    std::string received_;
    std::deque<std::string> to_send_; // the first is being written
};
//! [session]

/// Accepts clients for as long as the acceptor is open, and no more at a time than `at_most`.
class service {
  public:
    service(asio::io_context& io, const eap::thread_pool& pool, int at_most)
        : acceptor_(io, {asio::ip::address_v4::loopback(), 0}), has_room_(io), pool_(pool),
          at_most_(at_most) {}

    tcp::endpoint endpoint() const { return acceptor_.local_endpoint(); }
    const record& done() const { return done_; }
    void stop() {
        acceptor_.close();
        has_room_.cancel();
    }

    asio::awaitable<void> run() {
        for (;;) {
            while (done_.sessions == at_most_ && acceptor_.is_open()) {
                has_room_.expires_at(asio::steady_timer::time_point::max());
                co_await has_room_.async_wait(as_tuple);
            }
            auto [error, socket] = co_await acceptor_.async_accept(as_tuple);
            if (error)
                co_return;
            done_.most_sessions = std::max(done_.most_sessions, ++done_.sessions);
            asio::co_spawn(acceptor_.get_executor(),
                           std::make_shared<session>(std::move(socket), pool_, done_)->serve(),
                           [this](const std::exception_ptr& error_of_session) {
                               --done_.sessions;
                               has_room_.cancel();
                               if (error_of_session != nullptr)
                                   std::rethrow_exception(error_of_session);
                           });
        }
    }

  private:
    tcp::acceptor acceptor_;
    asio::steady_timer has_room_; // cancelled when there is
    const eap::thread_pool& pool_;
    const int at_most_;
    record done_;
};

/// What the clients have seen.
struct seen {
    int results = 0, errors = 0, left = 0, wrong = 0;
};

/// One connection. Every tenth has a deadline that it cannot keep; every tenth leaves at the first sign of progress.
asio::awaitable<void> connect(tcp::endpoint where, int number, seen& all) {
    tcp::socket socket{co_await asio::this_coro::executor};
    co_await socket.async_connect(where, asio::use_awaitable);
    const bool is_late = number % 10 == 3, leaves = number % 10 == 7;
    const std::string request = is_late ? "count 0 2\n" : leaves ? "count 0 60000\n" : "count 5000 60000\n";
    co_await asio::async_write(socket, asio::buffer(request), asio::use_awaitable);
    int progress = 0;
    for (std::string received;;) {
        const std::size_t length = co_await asio::async_read_until(socket, asio::dynamic_buffer(received),
                                                                   '\n', asio::use_awaitable);
        const std::string line = received.substr(0, length - 1);
        received.erase(0, length);
        if (line.starts_with("progress ")) {
            const int now = std::stoi(line.substr(9));
            all.wrong += now < progress ? 1 : 0;
            progress = now;
            if (leaves) {
                ++all.left;
                co_return;
            }
        } else {
            line.starts_with("result") ? ++all.results : ++all.errors;
            all.wrong += line == (is_late ? "error too late" : "result 669") ? 0 : 1;
            co_return;
        }
    }
}

} // namespace

int main(int argc, char** argv) {
    const int connections = argc > 1 ? std::atoi(argv[1]) : 1'000;
    constexpr int lanes = 100; // at a time

    const eap::thread_pool pool{2};
    asio::io_context io;
    service primes{io, pool, 64};
    asio::co_spawn(io, primes.run(), asio::detached);

    seen all;
    int lanes_left = lanes;
    for (int lane = 0; lane != lanes; ++lane)
        asio::co_spawn(
            io,
            [&, lane]() -> asio::awaitable<void> {
                for (int number = lane; number < connections; number += lanes)
                    co_await connect(primes.endpoint(), number / lanes + lane, all);
            },
            [&](const std::exception_ptr& error) {
                if (--lanes_left == 0)
                    primes.stop();
                if (error != nullptr)
                    std::rethrow_exception(error);
            });
    io.run();

    const record& done = primes.done();
    std::cout << connections << " connections, " << done.most_sessions
              << " at a time at most: " << done.answered << " answered, " << done.failed << " too late, "
              << done.abandoned_by_client << " left\n";
    const bool as_expected = done.sessions == 0 && all.wrong == 0 && done.answered == all.results &&
                             done.failed == all.errors && done.abandoned_by_client == all.left &&
                             all.results == connections * 8 / 10 && all.errors == connections / 10 &&
                             all.left == connections / 10;
    std::cout << (as_expected ? "each as expected\n" : "NOT as expected\n");
    return as_expected ? 0 : 1;
}
