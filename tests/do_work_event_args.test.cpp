// SPDX-License-Identifier: BSL-1.0
#include <eap/do_work_event_args.hpp> // first: proves that the header stands alone

#include "support/catch.hpp"
#include "support/client.hpp"
#include "support/contexts.hpp"

#include <eap/background_worker.hpp>
#include <eap/errors.hpp>
#include <eap/scoped_context.hpp>

#include <memory>
#include <string>

using tests::lines;

TEST_CASE("work asks and reports by its event args, also when its worker is gone",
          "[do_work_event_args][G12]") {
    tests::manual_queue home, place;
    auto bw = std::make_unique<eap::background_worker<int, int, int>>(
        eap::async_method_options{.where = place.context()});
    lines log;
    bw->do_work += [&](eap::do_work_event_args<int, int, int>& e) {
        CHECK_THROWS_AS(e.report_progress(10, 1), eap::invalid_operation); // the worker does not report yet
        bw->set_worker_reports_progress(true);
        CHECK(e.report_progress(10, 1));
        CHECK_FALSE(e.cancellation_pending());
        home.run_all();
        bw.reset();
        CHECK(e.cancellation_pending());
        CHECK_NOTHROW(e.report_progress(20, 2)); // to nobody
        e.set_cancelled();
    };
    bw->progress_changed += [&](const auto& e) { log.push_back(std::to_string(e.value())); };
    bw->run_worker_completed += [&](const auto&) { log.push_back("completed"); };
    {
        const eap::scoped_context here{home.context()};
        bw->run_worker_async(0);
    }
    place.run_all();
    home.run_all();
    CHECK(log == lines{"1"});
}

TEST_CASE("work hears by its event args that its run is to be cancelled", "[do_work_event_args][BW-7]") {
    tests::manual_queue home, place;
    eap::background_worker<> bw{{.where = place.context()}};
    bw.set_worker_supports_cancellation(true);
    bw.set_worker_reports_progress(true);
    bool before = true, after = false;
    bw.do_work += [&](eap::do_work_event_args<void, void>& e) {
        before = e.cancellation_pending();
        bw.cancel_async();
        after = e.cancellation_pending();
        CHECK(e.report_progress(50));
    };
    const eap::scoped_context here{home.context()};
    bw.run_worker_async();
    place.run_all();
    CHECK_FALSE(before);
    CHECK(after);
    home.run_all();
}
