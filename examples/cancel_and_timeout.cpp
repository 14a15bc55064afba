// SPDX-License-Identifier: BSL-1.0
//
// However an operation ends, the client hears of it exactly once, at home: a value, a cancellation, or an
// error. A deadline that passes is an error, and so is a worker that lets go.
#include "eap/async_operation.hpp"
#include "eap/completed_event_args.hpp"
#include "eap/contexts/event_loop.hpp"
#include "eap/contexts/thread_pool.hpp"
#include "eap/errors.hpp"
#include "eap/operation_manager.hpp"
#include "eap/operation_options.hpp"
#include "eap/progress_changed_event_args.hpp"
#include "eap/run_on.hpp"

#include <atomic>
#include <chrono>
#include <exception>
#include <iostream>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>

namespace {

using namespace std::chrono_literals;
using operation = eap::async_operation<int>;
using outcomes = std::map<std::string, std::string>;

//! [outcome]
std::string outcome_of(const eap::completed_event_args<int>& e) {
    try {
        return "value " + std::to_string(e.result()); // throws what there is instead of a value
    } catch (const eap::operation_cancelled&) {
        return "cancelled";
    } catch (const eap::operation_timed_out&) {
        return "timed out";
    } catch (const eap::operation_abandoned&) {
        return "abandoned";
    } catch (const std::exception& error) {
        return std::string{"error: "} + error.what();
    }
}
//! [outcome]

//! [work]
int work_until_stopped(operation& self) {
    for (;;) {
        if (self.cancellation_pending()) // whoever asks: the client, the deadline, a home that is gone
            throw eap::operation_cancelled{};
        self.report_progress(50);
    }
}
//! [work]

const outcomes expected = {
    {"finished", "value 42"},
    {"cancelled", "cancelled"},
    {"cancelled before it began", "cancelled"},
    {"asked to stop, but done", "value 42"}, // a request: the worker may have the last word
    {"timed out", "timed out"},
    {"done after the deadline", "timed out"}, // the first outcome wins
    {"given zero time", "timed out"},
    {"abandoned", "abandoned"},
    {"abandoned when asked to stop", "cancelled"},
    {"failed", "error: disk full"},
};

} // namespace

int main() {
    eap::event_loop home;
    eap::operation_manager operations{home.context()};
    const auto pool = eap::thread_pool::shared();

    outcomes seen;
    const auto completed = [&seen](const eap::completed_event_args<int>& e) {
        seen[e.user_state().get<std::string>()] += outcome_of(e); // += : twice would show
    };

    eap::run_on(pool, operations.create_operation<int>("finished", completed), [] { return 42; });

    //! [cancel]
    eap::run_on(pool,
                operations.create_operation<int>(
                    "cancelled", completed,
                    [&](const eap::progress_changed_event_args<>& e) { operations.cancel(e.user_state()); },
                    {.progress = eap::progress_delivery::latest()}),
                work_until_stopped);
    //! [cancel]

    auto early = operations.create_operation<int>("cancelled before it began", completed);
    operations.cancel("cancelled before it began");
    std::atomic<bool> began = false;
    eap::run_on(pool, std::move(early), [&began] {
        began = true;
        return 42;
    });

    auto stubborn = operations.create_operation<int>("asked to stop, but done", completed);
    operations.cancel("asked to stop, but done");
    stubborn.complete(42);

    //! [timeout]
    eap::run_on(pool, operations.create_operation<int>("timed out", completed, {.timeout = 20ms}),
                work_until_stopped);
    //! [timeout]

    auto late = operations.create_operation<int>("done after the deadline", completed, {.timeout = 20ms});

    eap::run_on(pool, operations.create_operation<int>("given zero time", completed, {.timeout = 0ms}),
                [] { return 42; });

    //! [abandon]
    eap::run_on(pool, operations.create_operation<int>("abandoned", completed), [](operation& self) {
        const operation forgotten = std::move(self); // and nobody completes it
    });
    //! [abandon]

    {
        const operation forgotten =
            operations.create_operation<int>("abandoned when asked to stop", completed);
        operations.cancel("abandoned when asked to stop");
    }

    eap::run_on(pool, operations.create_operation<int>("failed", completed),
                []() -> int { throw std::runtime_error{"disk full"}; });

    home.run(); // until all of them have come home; the work of some may still be on its way to notice
    const bool taken = late.complete(42);

    for (const auto& [id, outcome] : seen)
        std::cout << id << ": " << outcome << '\n';
    const bool as_expected = seen == expected && !began && !taken && operations.pending() == 0;
    std::cout << (as_expected ? "each exactly once, as expected\n" : "NOT as expected\n");
    return as_expected ? 0 : 1;
}
