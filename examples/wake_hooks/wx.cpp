// SPDX-License-Identifier: BSL-1.0
//
// wxWidgets 3: work comes home to the loop of an application by an event of its own. A console application needs no display.
#include "eap/completed_event_args.hpp"
#include "eap/contexts/foreign_loop.hpp"
#include "eap/contexts/thread_pool.hpp"
#include "eap/operation_manager.hpp"
#include "eap/progress_changed_event_args.hpp"
#include "eap/run_on.hpp"

#include <wx/app.h>
#include <wx/init.h>

#include <iostream>

namespace {

class application final : public wxAppConsole {
  public:
    //! [glue]
    application() {
        loop.on_wake([this] {
            CallAfter([this] { loop.pump(); }); // from any thread; one event for any number of functions
        });
    }
    eap::foreign_loop loop;
    //! [glue]
};

} // namespace

int main(int argc, char** argv) {
    wxApp::SetInstance(new application);
    const wxInitializer wx{argc, argv};
    auto& self = static_cast<application&>(*wxApp::GetInstance());

    eap::operation_manager operations{self.loop.context()};
    int reports = 0;
    int sum = 0;
    eap::run_on(eap::thread_pool::shared(),
                operations.create_operation<int>(
                    "sum",
                    [&](const eap::completed_event_args<int>& e) {
                        sum = e.result();
                        self.ExitMainLoop();
                    },
                    [&](const eap::progress_changed_event_args<>&) { ++reports; }),
                [](auto& mine) {
                    int total = 0;
                    for (int i = 1; i <= 10'000; ++i) {
                        total += i % 10;
                        mine.report_progress(i / 100);
                    }
                    return total;
                });
    self.OnRun();

    std::cout << reports << " reports, and the sum is " << sum << '\n';
    return reports == 10'000 && sum == 45'000 ? 0 : 1;
}
