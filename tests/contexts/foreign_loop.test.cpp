// SPDX-License-Identifier: BSL-1.0
#include <eap/contexts/foreign_loop.hpp>

#include <eap/detail/parking.hpp>
#include <eap/testing/context_conformance.hpp>

#include "support/catch.hpp"
#include "support/death.hpp"

#include <condition_variable>
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
        while (!stopped) {
            std::unique_lock lock{mutex_};
            sent_.wait(lock, [this] { return events_ != 0; });
            --events_;
            lock.unlock();
            handle();
        }
    }

  private:
    std::mutex mutex_;
    std::condition_variable sent_;
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
