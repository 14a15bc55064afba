// SPDX-License-Identifier: BSL-1.0
//
// Whatever becomes of work in the background, its end is told once, at home: a result, an error, or that it was cancelled.
// This is Microsoft's "Run an operation in the background" with a script for its random numbers.
#include "eap/background_worker.hpp"
#include "eap/contexts/event_loop.hpp"
#include "eap/scoped_context.hpp"

#include <cstddef>
#include <exception>
#include <iostream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

/// What happens in one turn of the work.
enum class turn { nothing, fails, is_cancelled, finishes, finishes_too_late };

using script = std::vector<turn>;
using worker_type = eap::background_worker<script, int>;
using work_args = eap::do_work_event_args<script, int>;

//! [work]
/// Works until it has a result, fails, or is asked to stop.
int work(worker_type& worker, work_args& e) {
    for (const turn now : e.argument()) {
        if (e.cancellation_pending())
            break;
        switch (now) {
        case turn::nothing:
            break;
        case turn::fails:
            throw std::runtime_error{"An error condition occurred."};
        case turn::is_cancelled: // the request comes in the middle of the work ...
            worker.cancel_async();
            break;
        case turn::finishes_too_late: // ... or when the result is there already
            worker.cancel_async();
            return 23;
        case turn::finishes:
            return 23;
        }
    }
    return 0;
}

void do_work(worker_type& worker, work_args& e) {
    e.set_result(work(worker, e));
    if (e.cancellation_pending())
        e.set_cancelled(); // the sample's choice: a late request drops a finished result
}
//! [work]

//! [completed]
std::string told(const eap::completed_event_args<int>& e) {
    if (e.cancelled())
        return "Operation was canceled";
    try {
        return "Result = " + std::to_string(e.result());
    } catch (const std::exception& error) { // the very error that the work was left by
        return std::string{"An error occurred: "} + error.what();
    }
}
//! [completed]

} // namespace

int main() {
    const std::vector<std::pair<script, std::string>> scripts = {
        {{turn::nothing, turn::nothing, turn::finishes}, "Result = 23"},
        {{turn::nothing, turn::fails, turn::finishes}, "An error occurred: An error condition occurred."},
        {{turn::nothing, turn::is_cancelled, turn::finishes}, "Operation was canceled"},
        {{turn::finishes_too_late}, "Operation was canceled"},
    };

    eap::event_loop home;
    const eap::scoped_context here{home.context()};
    std::vector<std::string> came;
    worker_type worker;
    worker.set_worker_supports_cancellation(true);
    worker.do_work += [&](auto& e) { do_work(worker, e); };
    worker.run_worker_completed += [&](const auto& e) {
        came.push_back(told(e));
        std::cout << came.back() << '\n';
        if (came.size() < scripts.size()) // not busy any more: the next run can be started from here
            worker.run_worker_async(scripts[came.size()].first);
    };

    worker.run_worker_async(scripts.front().first);
    home.run();

    bool as_expected = came.size() == scripts.size() && !worker.is_busy();
    for (std::size_t i = 0; as_expected && i != came.size(); ++i)
        as_expected = came[i] == scripts[i].second;
    std::cout << (as_expected ? "each once, as expected\n" : "NOT as expected\n");
    return as_expected ? 0 : 1;
}
