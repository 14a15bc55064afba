// SPDX-License-Identifier: BSL-1.0
//
// GLFW 3: work comes home to the loop of a window by an empty event. GLFW wants a display; without one this says so.
#include "eap/completed_event_args.hpp"
#include "eap/contexts/foreign_loop.hpp"
#include "eap/contexts/thread_pool.hpp"
#include "eap/operation_manager.hpp"
#include "eap/progress_changed_event_args.hpp"
#include "eap/run_on.hpp"

#include <GLFW/glfw3.h>

#include <iostream>

int main() {
    if (glfwInit() == GLFW_FALSE) {
        std::cout << "skipped: GLFW finds no display\n";
        return 0;
    }

    //! [glue]
    eap::foreign_loop loop;
    loop.on_wake([] { glfwPostEmptyEvent(); }); // from any thread
    //! [glue]

    eap::operation_manager operations{loop.context()};
    int reports = 0;
    int sum = 0;
    bool is_over = false;
    eap::run_on(eap::thread_pool::shared(),
                operations.create_operation<int>(
                    "sum",
                    [&](const eap::completed_event_args<int>& e) {
                        sum = e.result();
                        is_over = true;
                    },
                    [&](const eap::progress_changed_event_args<>&) { ++reports; }),
                [](auto& self) {
                    int total = 0;
                    for (int i = 1; i <= 10'000; ++i) {
                        total += i % 10;
                        self.report_progress(i / 100);
                    }
                    return total;
                });

    while (!is_over) {
        glfwWaitEvents();
        loop.pump();
    }
    glfwTerminate();

    std::cout << reports << " reports, and the sum is " << sum << '\n';
    return reports == 10'000 && sum == 45'000 ? 0 : 1;
}
