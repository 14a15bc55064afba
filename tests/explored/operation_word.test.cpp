// SPDX-License-Identifier: BSL-1.0
//
// Who ends an operation, and who asks it to stop, in every execution.
#include "eap/detail/operation_word.hpp"

#include "explored/explored.hpp"

namespace {

using tests::expect;
using tests::plain;
using tests::run_threads;
using word = eap::detail::operation_word<tests::explored_sync>;
using claimant = word::claimant;
using found = word::claim_result;

} // namespace

TEST_CASE("of two worker threads and a deadline that end an operation one wins, and the losers know what it "
          "had done",
          "[explored][operation_word][G7]") {
    tests::explore_all([] {
        word w;
        plain<int> by_deadline{0};
        plain<int> by_worker[2] = {0, 0};
        found results[3] = {};
        const auto look_at = [&](found result, int me) {
            if (result == found::already_completed) // it was the other worker thread, and nobody else
                expect(by_worker[1 - me] == 1, "a worker that completed did nothing before");
            else if (result == found::lost && !w.is_decided())
                expect(false, "lost, and nobody decided");
        };
        const auto worker = [&](int me) {
            by_worker[me] = 1;
            results[me] = w.claim(claimant::worker);
            look_at(results[me], me);
        };
        run_threads([&] { worker(0); }, [&] { worker(1); },
                    [&] {
                        by_deadline = 1;
                        results[2] = w.claim(claimant::other);
                    });
        int winners = 0;
        for (const found each : results)
            winners += each == found::won ? 1 : 0;
        expect(winners == 1, "not exactly one wins");
        const bool by_a_worker = results[2] != found::won;
        expect(w.look() == (by_a_worker ? found::already_completed : found::lost),
               "the wrong one is remembered");
        expect(by_a_worker || (results[0] == found::lost && results[1] == found::lost),
               "completed by a worker that had not won");
    });
}

TEST_CASE("whoever loses to the deadline, or looks and finds it decided, sees what the winner did before",
          "[explored][operation_word][G7]") {
    tests::explore_all([] {
        word w;
        plain<int> written{0};
        run_threads(
            [&] {
                written = 1;
                static_cast<void>(w.claim(claimant::other));
            },
            [&] {
                if (w.is_decided() && w.look() == found::lost)
                    expect(written == 1, "decided before the winner came");
            },
            [&] {
                if (w.look() == found::lost)
                    expect(written == 1, "lost before the winner came");
                else if (w.claim(claimant::worker) == found::won)
                    return;
                expect(written == 1, "lost to nobody");
            });
        expect(w.is_decided(), "undecided");
    });
}

TEST_CASE("a stop request is recorded once, before the decision, and then the winner of the decision sees it",
          "[explored][operation_word]") {
    tests::explore_all([] {
        word w;
        plain<int> reasons[2] = {0, 0};
        bool recorded[2] = {false, false};
        bool won = false, winner_saw = false;
        const auto ask = [&](int me) {
            reasons[me] = 1;
            recorded[me] = w.request_stop();
        };
        run_threads([&] { ask(0); }, [&] { ask(1); },
                    [&] {
                        won = w.claim(claimant::worker) == found::won;
                        winner_saw = w.stop_requested();
                    });
        expect(won, "nobody else wanted it");
        expect(!(recorded[0] && recorded[1]), "recorded twice");
        expect(winner_saw || !(recorded[0] || recorded[1]), "recorded, and not seen by the winner");
        expect(w.stop_requested(), "a request is forgotten");
        expect(w.look() == found::already_completed, "a request undoes the decision");
    });
}

TEST_CASE("whoever sees a stop request sees what was written before it", "[explored][operation_word]") {
    tests::explore_all([] {
        word w;
        plain<int> reason{0};
        run_threads(
            [&] {
                reason = 1;
                w.request_stop();
            },
            [&] {
                if (w.stop_requested())
                    expect(reason == 1, "no reason");
            },
            [&] { static_cast<void>(w.claim(claimant::other)); });
        expect(w.is_decided(), "undecided");
    });
}

TEST_CASE("whoever finds it decided, by one call only, sees what the winner did before",
          "[explored][operation_word]") {
    tests::explore_all([] {
        word w;
        plain<int> written{0};
        run_threads(
            [&] {
                written = 1;
                static_cast<void>(w.claim(claimant::worker));
            },
            [&] {
                if (w.is_decided())
                    expect(written == 1, "decided before the winner came");
            },
            [&] { w.request_stop(); });
    });
}
