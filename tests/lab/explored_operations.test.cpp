// SPDX-License-Identifier: BSL-1.0
//
// One operation, and all that can happen to it at the same time: every two, and every three of it, in every order.
#include <eap/testing/exploration.hpp>

#include <eap/anchor.hpp>
#include <eap/contexts/event_loop.hpp>
#include <eap/contexts/thread_pool.hpp>
#include <eap/operation_manager.hpp>

#include "support/catch.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace lab = eap::testing;

namespace {

enum class party {
    report,
    complete,
    fail,
    cancel,
    time_out,
    drop_the_operation, // by whoever is last to let go of it
    drop_the_manager,
    end_the_receiver,
    close_the_home,
    throw_from_a_handler,
};
constexpr std::array all_parties{party::report,
                                 party::complete,
                                 party::fail,
                                 party::cancel,
                                 party::time_out,
                                 party::drop_the_operation,
                                 party::drop_the_manager,
                                 party::end_the_receiver,
                                 party::close_the_home,
                                 party::throw_from_a_handler};

/// Whether there can be two of it: not of what destroys something.
bool may_meet_itself(party which) {
    return which != party::drop_the_manager && which != party::end_the_receiver;
}

const char* name(party which) {
    constexpr std::array names{"report",
                               "complete",
                               "fail",
                               "cancel",
                               "time out",
                               "drop the operation",
                               "drop the manager",
                               "end the receiver",
                               "close the home",
                               "throw from a handler"};
    return names.at(static_cast<std::size_t>(which));
}

/// A result that is counted while it lives.
class value {
  public:
    explicit value(int& alive) : alive_(&alive) { ++*alive_; }
    value(const value& other) : alive_(other.alive_) { ++*alive_; }
    value& operator=(const value&) = delete;
    ~value() { --*alive_; }

  private:
    int* alive_;
};

struct handler_error : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// A home on an event loop that "main" runs.
class on_a_loop {
  public:
    eap::any_synchronization_context context() const { return loop_.context(); }
    void close() { loop_.close(); }
    void run() {
        for (;;) {
            try {
                loop_.run();
                return;
            } catch (const handler_error&) { // and on with the others
            }
        }
    }
    static void end() {}
    bool is_home() const { return loop_.context().running_in_this_thread(); }

  private:
    eap::event_loop loop_;
};

/// A home on a pool of two threads.
class on_a_pool {
  public:
    on_a_pool() {
        pool_->on_exception([](const std::exception_ptr&) {});
    }
    eap::any_synchronization_context context() const { return pool_->context(); }
    void close() { pool_->close(); }
    static void run() {}
    void end() { pool_.reset(); }
    bool is_home() const { return context_.running_in_this_thread(); }

  private:
    std::unique_ptr<eap::thread_pool> pool_ = std::make_unique<eap::thread_pool>(2);
    const eap::thread_pool::context_type context_ = pool_->context();
};

/// What the client has heard. Its handlers run one at a time, so nothing here is atomic.
struct heard {
    int reports = 0;
    int outcomes = 0;
    bool is_inside = false;
    bool receiver_has_ended = false;
};

/// Looks that the handlers of an operation run one at a time, at home, with their receiver.
template <class Home> class handler_call {
  public:
    handler_call(heard& by, const Home& home) : by_(by) {
        lab::check(!by_.is_inside, "one handler at a time");
        lab::check(!by_.receiver_has_ended, "no handler without its receiver");
        lab::check(home.is_home(), "handlers run at home");
        by_.is_inside = true;
        lab::checkpoint("inside a handler");
    }
    handler_call(const handler_call&) = delete;
    handler_call& operator=(const handler_call&) = delete;
    ~handler_call() { by_.is_inside = false; }

  private:
    heard& by_;
};

/// One run: an operation, and the parties, each on a thread of its own.
template <class Home> void meet(const std::vector<party>& parties) {
    const auto there_is = [&parties](party which) { return std::ranges::count(parties, which) != 0; };
    int values_alive = 0;
    int undelivered = 0;
    heard client;
    {
        Home home;
        std::optional<eap::anchor> receiver{std::in_place};
        std::unique_ptr<eap::operation_manager> manager =
            std::make_unique<eap::operation_manager>(home.context());
        manager->on_undelivered([&undelivered](const eap::undelivered&) { ++undelivered; });
        auto operation = std::make_shared<eap::async_operation<value>>(manager->create_operation<value>(
            1,
            eap::tracked(*receiver,
                         [&](const eap::completed_event_args<value>&) {
                             const handler_call<Home> call{client, home};
                             ++client.outcomes;
                             if (there_is(party::throw_from_a_handler))
                                 throw handler_error{"completed"};
                         }),
            eap::tracked(*receiver,
                         [&](const eap::progress_changed_event_args<>&) {
                             const handler_call<Home> call{client, home};
                             lab::check(client.outcomes == 0, "no report after the outcome");
                             ++client.reports;
                             if (there_is(party::throw_from_a_handler))
                                 throw handler_error{"progress"};
                         }),
            {.timeout = there_is(party::time_out) ? std::chrono::seconds{1} : eap::no_timeout}));

        const auto act = [&, held = std::weak_ptr{operation}](party which) {
            switch (which) {
            case party::report:
                return std::function<void()>{[mine = held.lock(), by = operation->reporter()] {
                    by.report_progress(1);
                    by.report_progress(2);
                }};
            case party::complete:
                return std::function<void()>{[mine = held.lock(), &values_alive]() {
                    try {
                        mine->complete(value{values_alive});
                    } catch (const eap::invalid_operation&) { // another party has
                    }
                }};
            case party::fail:
                return std::function<void()>{[mine = held.lock()]() {
                    try {
                        mine->complete_error(std::runtime_error{"failed"});
                    } catch (const eap::invalid_operation&) { // another party has
                    }
                }};
            case party::cancel:
                return std::function<void()>{[&] {
                    if (!there_is(party::drop_the_manager)) // which nobody may use then
                        manager->cancel(1);
                }};
            case party::drop_the_manager:
                return std::function<void()>{[&] { manager.reset(); }};
            case party::end_the_receiver:
                return std::function<void()>{[&] {
                    receiver.reset();
                    client.receiver_has_ended = true;
                }};
            case party::close_the_home:
                return std::function<void()>{[&] { home.close(); }};
            default: // time passes by itself, and handlers throw
                return std::function<void()>{[mine = held.lock()] { lab::checkpoint("hold the operation"); }};
            }
        };
        {
            std::vector<lab::thread> threads;
            threads.reserve(parties.size());
            for (const party each : parties)
                threads.emplace_back(name(each), act(each));
            operation.reset(); // it is the parties'
            home.run();
        }
        home.run();
        manager.reset();
        home.end();
        lab::settle(); // the timer's thread may still be about to tell
        lab::check(client.outcomes + undelivered == 1,
                   "one outcome, delivered " + std::to_string(client.outcomes) + " and undelivered " +
                       std::to_string(undelivered) + " times");
    }
    lab::check(values_alive == 0, "every value is destroyed");
}

std::string names(const std::vector<party>& parties) {
    std::string all;
    for (const party each : parties)
        all += std::string{all.empty() ? "" : ", "} + name(each);
    return all;
}

template <class Home> std::size_t explore(const std::vector<party>& parties, lab::every_order how) {
    const lab::exploration result = lab::explore(how, [&] { meet<Home>(parties); });
    if (!result || !result.is_exhausted) {
        INFO(names(parties) << ": " << result);
        CHECK(result);
        CHECK(result.is_exhausted);
    }
    return result.runs;
}

template <class Home> std::size_t explore_pairs(unsigned preemptions) {
    std::size_t runs = 0;
    for (std::size_t a = 0; a < all_parties.size(); ++a)
        for (std::size_t b = a; b < all_parties.size(); ++b)
            if (a != b || may_meet_itself(all_parties.at(a)))
                runs += explore<Home>({all_parties.at(a), all_parties.at(b)},
                                      {.preemptions = preemptions, .at_most = 100'000'000});
    return runs;
}

template <class Home> std::size_t explore_triples(unsigned preemptions) {
    std::size_t runs = 0;
    for (std::size_t a = 0; a < all_parties.size(); ++a)
        for (std::size_t b = a + 1; b < all_parties.size(); ++b)
            for (std::size_t c = b + 1; c < all_parties.size(); ++c)
                runs += explore<Home>({all_parties.at(a), all_parties.at(b), all_parties.at(c)},
                                      {.preemptions = preemptions, .at_most = 100'000'000});
    return runs;
}

} // namespace

TEST_CASE("one operation on a loop: every two parties, in every order of two preemptions", "[lab]") {
    WARN(explore_pairs<on_a_loop>(2) << " runs");
}

TEST_CASE("one operation on a pool: every two parties, in every order without preemption", "[lab]") {
    WARN(explore_pairs<on_a_pool>(0) << " runs");
}

TEST_CASE("one operation on a loop: every three parties, in every order without preemption", "[lab]") {
    WARN(explore_triples<on_a_loop>(0) << " runs");
}

TEST_CASE("one operation on a pool: every two parties, in every order of one preemption", "[.long]") {
    WARN(explore_pairs<on_a_pool>(1) << " runs");
}

TEST_CASE("one operation on a loop: every three parties, in every order of one preemption", "[.long]") {
    WARN(explore_triples<on_a_loop>(1) << " runs");
}
