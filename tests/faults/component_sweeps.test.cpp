// SPDX-License-Identifier: BSL-1.0
//
// Every allocation, every post, every copy, move and construction of every story of components fails, one after the
// other: each time there is one outcome, or a refusal that leaves nothing behind. Rows 12 to 14 of the catalogue (README.md),
// and 5, 6, 10 and 11.
#include <eap/async_method.hpp> // first: proves that the header stands alone

#include "support/catch.hpp"

#include "faults/component_scenarios.hpp"
#include "faults/sweep.hpp"
#include "support/client.hpp"
#include "support/contexts.hpp"

#include <eap/scoped_context.hpp>

#include <utility>

TEST_CASE("sweep: a method that rejects an id that is pending",
          "[faults][sweep][F5][F10][F11][F12][F13][F14]") {
    tests::sweep_all(tests::story_of<tests::rejecting_method>("a method that rejects an id that is pending"));
}
TEST_CASE("sweep: a method whose newer start supersedes the older",
          "[faults][sweep][F5][F10][F11][F12][F13][F14]") {
    tests::sweep_all(
        tests::story_of<tests::superseding_method>("a method whose newer start supersedes the older"));
}
TEST_CASE("sweep: a method whose newer start joins the older",
          "[faults][sweep][F5][F10][F11][F12][F13][F14]") {
    tests::sweep_all(tests::story_of<tests::joining_method>("a method whose newer start joins the older"));
}
TEST_CASE("sweep: a method whose newer start waits for the older",
          "[faults][sweep][F5][F10][F11][F12][F13][F14]") {
    tests::sweep_all(
        tests::story_of<tests::queueing_method>("a method whose newer start waits for the older"));
}
TEST_CASE("sweep: a background_worker", "[faults][sweep][F5][F10][F11][F12][F13][F14]") {
    tests::sweep_all(tests::story_of<tests::worker_story>("a background_worker"));
}
TEST_CASE("sweep: a background_worker that was asked to stop before",
          "[faults][sweep][F10][F11][F12][F13][F14]") {
    tests::sweep_all(
        tests::story_of<tests::stopped_worker_story>("a background_worker that was asked to stop before"));
}
TEST_CASE("sweep: an event", "[faults][sweep][F12][F14]") {
    const auto tale = tests::story_of<tests::event_story>("an event"); // no place has a part in it
    tests::sweep_on_a_loop(tale, tests::fault_of<tests::allocations_here<false>>());
    tests::sweep_on_a_loop(tale, tests::fault_of<tests::allocations_here<true>>());
    tests::sweep_on_a_loop(tale, tests::fault_of<tests::copies_and_moves>());
    tests::sweep_on_a_loop(tale, tests::fault_of<tests::constructions>());
}

namespace {

/// A place that refuses every post from the second on, and lets the home go on before it does.
struct busy_and_refusing {
    tests::manual_queue* home;
    tests::manual_queue* place;
    int* posts;
    template <class F> void post(F function) const {
        if (++*posts > 1) {
            home->run_all(); // as another thread may
            throw tests::post_refused{};
        }
        place->context().post(std::move(function));
    }
    bool operator==(const busy_and_refusing&) const = default;
};

} // namespace

TEST_CASE("a start that is refused leaves the older one's outcome alone, also while that is coming home",
          "[faults]") {
    tests::manual_queue home, place;
    int posts = 0;
    const eap::async_method<int(int)> method{
        [](int n) { return n; },
        {.where = busy_and_refusing{&home, &place, &posts}, .on_pending_id = eap::pending_id::supersede}};
    const tests::record log;
    const eap::scoped_connection completed{method.completed.connect(
        [log](const eap::completed_event_args<int>& args) { log.add(tests::told(args)); })};
    const eap::scoped_context here{home.context()};
    method.start(1, "id");
    place.run_all(); // the older one has its value, which is on its way home
    CHECK_THROWS_AS(method.start(2, "id"), tests::post_refused);
    home.run_all();
    CHECK(log.all() == tests::lines{"value 1"}); // is "cancelled"
}
