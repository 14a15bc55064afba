// SPDX-License-Identifier: BSL-1.0
//
// Who runs a loop, and what is outstanding. What users see of it is tested with event_loop.
#include <eap/contexts/event_loop_core.hpp> // first: proves that the header stands alone

#include "support/catch.hpp"

#include <eap/detail/deadline.hpp>
#include <eap/detail/intrusive_ptr.hpp>
#include <eap/errors.hpp>
#include <eap/work.hpp>

#include <thread>

namespace {

using core = eap::detail::event_loop_core;

struct fixture {
    eap::detail::intrusive_ptr<core> loop{new core, eap::detail::adopt_reference};

    ~fixture() { loop->close(); }
    template <class F> void post(F function) const { loop->post(*eap::make_work(function).release()); }
};

} // namespace

TEST_CASE("the thread that runs a loop may run it nested, and no other one may run it", "[event_loop_core]") {
    const fixture f;
    CHECK_FALSE(f.loop->begin_running(false));
    CHECK(f.loop->begin_running(true));
    CHECK_THROWS_AS(f.loop->begin_running(false), eap::would_deadlock);
    std::thread{[&f] {
        CHECK_THROWS_AS(f.loop->begin_running(true), eap::invalid_operation);
        CHECK_FALSE(f.loop->try_run_here([] {}));
    }}.join();
    f.loop->end_running();
    std::thread{[&f] {
        CHECK_FALSE(f.loop->begin_running(false));
        f.loop->end_running();
        CHECK(f.loop->runs_in_this_thread());
    }}.join();
    CHECK_FALSE(f.loop->runs_in_this_thread()); // the other one was the last
}

TEST_CASE("what was taken up and not run goes back before what came later", "[event_loop_core]") {
    const fixture f;
    int last = 0;
    for (int i = 1; i <= 2; ++i)
        f.post([&last, i] { last = i; });
    f.loop->begin_running(false);
    CHECK(f.loop->take_all() == 2);
    f.loop->run_next();
    f.post([&last] { last = 3; });
    f.loop->end_running();
    f.loop->begin_running(false);
    CHECK(f.loop->take_all() == 3);
    f.loop->run_next();
    CHECK(last == 2);
    f.loop->run_next();
    CHECK(last == 3);
    CHECK_FALSE(f.loop->has_work());
    f.loop->end_running();
}

TEST_CASE("a loop tells when the first operation starts and when the last one has completed",
          "[event_loop_core]") {
    const fixture f;
    int told = 0;
    f.loop->on_outstanding().set([&told] { ++told; });
    f.loop->operation_started();
    f.loop->operation_started();
    CHECK(told == 1);
    f.loop->operation_completed();
    CHECK(f.loop->has_outstanding());
    CHECK(told == 1);
    f.loop->operation_completed();
    CHECK(told == 2);
    CHECK_FALSE(f.loop->has_outstanding());
    f.loop->begin_running(false);
    CHECK_FALSE(f.loop->wait_for_work(eap::detail::end_of_time)); // nothing is outstanding
    f.loop->end_running();
}

TEST_CASE("a loop that is closed drops what its thread has taken up", "[event_loop_core]") {
    const fixture f;
    f.post([] {});
    f.loop->begin_running(false);
    f.loop->take_all();
    f.loop->close();
    CHECK_FALSE(f.loop->has_work());
    f.loop->end_running();
    CHECK_THROWS_AS(f.post([] {}), eap::context_closed);
    CHECK_THROWS_AS(f.loop->operation_started(), eap::context_closed);
}
