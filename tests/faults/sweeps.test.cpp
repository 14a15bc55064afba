// SPDX-License-Identifier: BSL-1.0
//
// Every allocation, every post, every copy, move and construction of every story of operations and calls fails, one after the
// other: each time there is one outcome, or a refusal that leaves nothing behind. Rows 12 to 14 of the catalogue (README.md),
// and 5, 6, 10 and 11.
#include <eap/operation_manager.hpp> // first: proves that the header stands alone

#include "support/catch.hpp"

#include "faults/scenarios.hpp"
#include "faults/sweep.hpp"

TEST_CASE("sweep: an operation with ordered reports", "[faults][sweep][F5][F10][F11][F12][F13][F14]") {
    tests::sweep_all(tests::story_of<tests::ordered_operation>("an operation with ordered reports"));
}
TEST_CASE("sweep: an operation with coalesced reports", "[faults][sweep][F5][F10][F11][F12][F13][F14]") {
    tests::sweep_all(tests::story_of<tests::coalesced_operation>("an operation with coalesced reports"));
}
TEST_CASE("sweep: an operation with throttled reports and a deadline",
          "[faults][sweep][F5][F10][F11][F12][F13][F14]") {
    tests::sweep_all(
        tests::story_of<tests::throttled_operation>("an operation with throttled reports and a deadline"));
}
TEST_CASE("sweep: an operation whose deadline has passed", "[faults][sweep][F11][F12][F14][F24]") {
    tests::sweep_all(tests::story_of<tests::late_operation>("an operation whose deadline has passed"));
}
TEST_CASE("sweep: an operation without handlers", "[faults][sweep][F10][F11][F12][F13][F14]") {
    tests::sweep_all(tests::story_of<tests::plain_operation_story>("an operation without handlers"));
}
TEST_CASE("sweep: work that is run elsewhere", "[faults][sweep][F5][F10][F11][F12][F13][F14]") {
    tests::sweep_all(tests::story_of<tests::run_on_story>("work that is run elsewhere"));
}
TEST_CASE("sweep: a delegate that is called, begun and ended", "[faults][sweep][F5][F6][F11][F12][F14]") {
    tests::sweep_all(tests::story_of<tests::call_story>("a delegate that is called, begun and ended"));
}
