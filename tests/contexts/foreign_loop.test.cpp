// SPDX-License-Identifier: BSL-1.0
#include <eap/contexts/foreign_loop.hpp>

#include <eap/contexts/thread_pool.hpp>
#include <eap/detail/parking.hpp>
#include <eap/detail/sync.hpp>
#include <eap/errors.hpp>
#include <eap/testing/context_conformance.hpp>
#include <eap/testing/exploration.hpp>

#include "support/catch.hpp"
#include "support/death.hpp"

#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>

namespace lab = eap::testing;

namespace {

/// The least of a foreign loop: it sleeps until it is sent an event, and calls a function for each.
class c_loop {
  public:
    void send() {
        const std::lock_guard lock{mutex_};
        ++events_;
        sent_.notify_one();
    }
    template <class F> void run(const bool& stopped, F handle) {
        run_until([&] { return stopped; }, handle);
    }
    template <class Over, class F> void run_until(Over is_over, F handle) {
        while (!is_over()) {
            std::unique_lock lock{mutex_};
            sent_.wait(lock, [this] { return events_ != 0; });
            --events_;
            lock.unlock();
            handle();
        }
    }

  private:
    eap::detail::std_sync::mutex mutex_; // those that the lab can take over
    eap::detail::std_sync::condition_variable sent_;
    int events_ = 0; // guarded by mutex_
};

struct foreign_place {
    c_loop outer;
    eap::foreign_loop loop;
    std::exception_ptr caught;
    bool stopped = false;

    foreign_place() {
        loop.on_wake([this] { outer.send(); });
        loop.on_exception([this](const std::exception_ptr& error) { caught = error; });
    }
    auto context() const { return loop.context(); }
    void run() {
        stopped = false;
        outer.run(stopped, [this] { loop.pump(); });
    }
    void stop() { stopped = true; }
    void close() { loop.close(); }
    std::exception_ptr take_exception() const { return caught; }
};

} // namespace

TEST_CASE("a foreign loop conforms", "[conformance][foreign_loop]") {
    const auto report = lab::check_context([] { return foreign_place{}; }, {.runs_in_order = true,
                                                                            .runs_one_at_a_time = true,
                                                                            .refuses_after_end = true,
                                                                            .is_current_inside = true,
                                                                            .knows_its_thread = true,
                                                                            .survives_exceptions = true,
                                                                            .uses_function_memory = true});
    INFO(report);
    CHECK(report);
}

TEST_CASE("an exception does not leave pump, and those behind it are woken for", "[foreign_loop]") {
    eap::foreign_loop loop;
    int wakes = 0;
    std::string told;
    bool later = false;
    loop.on_wake([&] { ++wakes; });
    loop.on_exception([&](const std::exception_ptr& error) {
        try {
            std::rethrow_exception(error);
        } catch (const std::runtime_error& what) {
            told = what.what();
        }
    });
    loop.context().post([] { throw std::runtime_error{"one"}; });
    loop.context().post([&] { later = true; });
    wakes = 0;
    loop.pump();
    CHECK(told == "one");
    CHECK_FALSE(later);
    CHECK(wakes != 0);
    loop.pump();
    CHECK(later);
}

TEST_CASE("an exception that nobody wants ends the program", "[foreign_loop]") {
    CHECK(tests::terminates([] {
              eap::foreign_loop loop;
              loop.context().post([] { throw std::runtime_error{"nobody's"}; });
              loop.pump();
          }).value_or(true));
}

TEST_CASE("a function may destroy the foreign loop, and throw", "[foreign_loop]") {
    std::optional<eap::foreign_loop> loop{std::in_place};
    bool told = false;
    loop->on_exception([&](const std::exception_ptr&) { told = true; });
    loop->context().post([&] {
        loop.reset();
        throw std::runtime_error{"last"};
    });
    loop->pump();
    CHECK(told);
    CHECK_FALSE(loop.has_value());
}

// ---- in every order ----

TEST_CASE("no wake-up is missed, in every order of two who post and the one who runs",
          "[foreign_loop][lab]") {
    const auto result = lab::explore(lab::every_order{.preemptions = 2}, [] {
        c_loop outer;
        eap::foreign_loop loop;
        loop.on_wake([&] { outer.send(); });
        eap::thread_pool pool{2};
        int ran = 0;
        for (int i = 0; i < 2; ++i)
            pool.context().post([&, home = loop.context()] {
                home.post([&] { ++ran; });
                home.post([&] { ++ran; });
            });
        outer.run_until([&] { return ran == 4; }, [&] { loop.pump(); }); // for ever, should one be missed
    });
    INFO(result);
    CHECK(result);
    CHECK(result.is_exhausted);
}

TEST_CASE("a seat that ends as the toolkits' do, in every order with one who posts", "[foreign_loop][lab]") {
    const auto result = lab::explore(lab::every_order{.preemptions = 2}, [] {
        bool is_there = true;
        bool was_touched = false;
        const auto unrun = std::make_shared<int>();
        std::optional<eap::foreign_loop> loop{std::in_place};
        loop->on_wake([&] {
            lab::checkpoint("use what the toolkit has");
            was_touched = was_touched || !is_there;
        });
        {
            eap::thread_pool pool{1};
            eap::detail::parking<> over;
            pool.context().post([&, home = loop->context()] {
                for (int i = 0; i < 2; ++i) {
                    try {
                        home.post([unrun] {});
                    } catch (const eap::context_closed&) { // it has ended
                    }
                }
                over.set();
            });
            lab::checkpoint("end the seat");
            loop->on_wake(nullptr);
            is_there = false; // what the hook used is gone from here on
            lab::checkpoint("close the seat");
            loop->close();
            lab::checkpoint("destroy the seat");
            loop.reset();
            over.wait();
        }
        lab::check(!was_touched, "nobody is woken after the end");
        lab::check(unrun.use_count() == 1, "what was queued has been destroyed, and what came later refused");
    });
    INFO(result);
    CHECK(result.runs > 20);
    CHECK(result);
    CHECK(result.is_exhausted);
}

TEST_CASE("a loop that ends by itself ends when the last operation does, in every order",
          "[foreign_loop][lab]") {
    const auto result = lab::explore(lab::every_order{.preemptions = 2}, [] {
        c_loop outer;
        eap::foreign_loop loop;
        loop.on_wake([&] { outer.send(); });
        loop.on_outstanding([&] { outer.send(); });
        bool ran = false;
        const auto home = loop.context();
        home.operation_started();
        home.operation_started();
        eap::thread_pool pool{2};
        pool.context().post([home] { home.operation_completed(); });
        pool.context().post([&, home] {
            home.post([&] { ran = true; });
            home.operation_completed();
        });
        outer.run_until([&] { return !loop.has_outstanding(); }, [&] { loop.pump(); });
        loop.pump(); // what came last
        lab::check(ran, "what was posted before the last operation ended has run");
        loop.on_outstanding(nullptr); // waits for who tells of it
    });
    INFO(result);
    CHECK(result);
    CHECK(result.is_exhausted);
}

TEST_CASE("a foreign loop forgets its handler, and its thread, when told to", "[foreign_loop][lab]") {
    const auto result = eap::testing::explore(eap::testing::in_order{}, [] {
        eap::foreign_loop loop;
        loop.on_exception([](const std::exception_ptr&) {});
        loop.on_exception(nullptr);
        loop.pump();
        eap::testing::check(eap::running_in_this_thread(loop.context()).value_or(false), "its thread");
        loop.forget_thread();
        eap::testing::check(!eap::running_in_this_thread(loop.context()).value_or(false), "nobody's");
        loop.context().post([] { throw std::runtime_error{"escaped"}; });
        loop.pump();
    });
    REQUIRE(result.found);
    CHECK(result.found->what.find("escaped") != std::string::npos);
}
