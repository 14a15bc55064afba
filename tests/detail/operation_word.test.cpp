// SPDX-License-Identifier: BSL-1.0
#include "eap/detail/operation_word.hpp"

#include "support/catch.hpp"
#include "support/interleavings.hpp"

#include <atomic>
#include <thread>
#include <vector>

namespace {

using word = eap::detail::operation_word<>;
using result = word::claim_result;
using who = word::claimant;

using stepping_word = eap::detail::operation_word<tests::stepping_sync>;
using stepping_result = stepping_word::claim_result;
using stepping_who = stepping_word::claimant;

} // namespace

TEST_CASE("a fresh word is undecided and was not asked to stop", "[operation_word]") {
    const word fresh;
    CHECK(fresh.look() == result::won);
    CHECK_FALSE(fresh.is_decided());
    CHECK_FALSE(fresh.stop_requested());
}

TEST_CASE("the first claim wins and decides", "[operation_word][G7]") {
    word w;
    CHECK(w.claim(who::other) == result::won);
    CHECK(w.is_decided());
}

TEST_CASE("who claims after somebody else lost", "[operation_word][G7]") {
    word w;
    REQUIRE(w.claim(who::other) == result::won);
    CHECK(w.claim(who::worker) == result::lost);
    CHECK(w.claim(who::other) == result::lost);
    CHECK(w.look() == result::lost);
}

TEST_CASE("a worker that lost keeps losing: its lost call is no completion of its own",
          "[operation_word][G7]") {
    word w;
    REQUIRE(w.claim(who::other) == result::won);
    REQUIRE(w.claim(who::worker) == result::lost);
    CHECK(w.claim(who::worker) == result::lost);
}

TEST_CASE("whoever comes after the worker's own completion is told so", "[operation_word][OP-9]") {
    word w;
    REQUIRE(w.claim(who::worker) == result::won);
    CHECK(w.claim(who::worker) == result::already_completed);
    CHECK(w.claim(who::other) == result::already_completed);
    CHECK(w.look() == result::already_completed);
}

TEST_CASE("the first stop request on an open outcome is recorded", "[operation_word][CN-4]") {
    word w;
    CHECK(w.request_stop());
    CHECK(w.stop_requested());
    CHECK_FALSE(w.is_decided());
    CHECK_FALSE(w.request_stop()); // a repetition
}

TEST_CASE("a stop request after the decision is seen, but not counted as recorded",
          "[operation_word][CN-6]") {
    word w;
    REQUIRE(w.claim(who::worker) == result::won);
    CHECK_FALSE(w.request_stop());
    CHECK(w.stop_requested());
}

TEST_CASE("a stop request does not decide", "[operation_word][CN-1]") {
    word w;
    w.request_stop();
    CHECK(w.claim(who::worker) == result::won);
}

TEST_CASE("in every order of two claims one wins, and a racing worker is never told that it had completed",
          "[operation_word][G7][O-17]") {
    tests::interleavings orders{4};
    while (orders.next()) {
        stepping_word w;
        stepping_result worker{}, other{};
        orders.run(
            {[&] { worker = w.claim(stepping_who::worker); }, [&] { other = w.claim(stepping_who::other); }});
        const bool worker_won = worker == stepping_result::won;
        const bool other_won = other == stepping_result::won;
        REQUIRE(worker_won != other_won);
        REQUIRE((worker_won || worker == stepping_result::lost));
        REQUIRE(w.look() == (worker_won ? stepping_result::already_completed : stepping_result::lost));
    }
    CHECK(orders.executions() > 5);
}

TEST_CASE("in every order of two worker's claims, the one that began first decided or lost",
          "[operation_word][OP-18]") {
    tests::interleavings orders{4};
    bool lost = false, found_completed = false;
    while (orders.next()) {
        stepping_word w;
        stepping_result a{}, b{};
        orders.run({[&] { a = w.claim(stepping_who::worker); }, [&] { b = w.claim(stepping_who::worker); }});
        REQUIRE((a == stepping_result::won) != (b == stepping_result::won));
        lost = lost || a == stepping_result::lost || b == stepping_result::lost;
        found_completed = found_completed || a == stepping_result::already_completed ||
                          b == stepping_result::already_completed;
    }
    CHECK(lost);            // a racing call returns false
    CHECK(found_completed); // a later one is misuse
}

TEST_CASE("in every order, of two stop requests one is recorded", "[operation_word]") {
    tests::interleavings orders{4};
    while (orders.next()) {
        stepping_word w;
        bool a = false, b = false;
        orders.run({[&] { a = w.request_stop(); }, [&] { b = w.request_stop(); }});
        REQUIRE(a != b);
    }
}

TEST_CASE("in every order, who wins after a stop request was recorded sees it", "[operation_word][G4]") {
    tests::interleavings orders{4};
    bool recorded_once = false, late_once = false;
    while (orders.next()) {
        stepping_word w;
        bool recorded = false, seen = false;
        orders.run({[&] { recorded = w.request_stop(); },
                    [&] {
                        static_cast<void>(w.claim(stepping_who::other));
                        seen = w.stop_requested();
                    }});
        if (recorded)
            REQUIRE(seen);
        recorded_once = recorded_once || recorded;
        late_once = late_once || !recorded;
    }
    CHECK(recorded_once);
    CHECK(late_once);
}

TEST_CASE("of four threads that claim at once one wins, and sees the request that came first",
          "[operation_word][stress][G7]") {
    constexpr int rounds = 5000, threads = 4;
    std::vector<word> words(rounds);
    std::vector<std::atomic<int>> winners(rounds);
    std::vector<std::atomic<int>> recorded(rounds);
    std::atomic<int> missed{0};
    std::vector<std::thread> all;
    for (int t = 0; t < threads; ++t)
        all.emplace_back([&, t] {
            for (int i = 0; i < rounds; ++i) {
                auto& w = words[static_cast<std::size_t>(i)];
                const bool told = w.request_stop();
                recorded[static_cast<std::size_t>(i)] += told ? 1 : 0;
                if (w.claim(t == 0 ? who::worker : who::other) == result::won) {
                    ++winners[static_cast<std::size_t>(i)];
                    missed += w.stop_requested() ? 0 : 1;
                }
            }
        });
    for (auto& each : all)
        each.join();
    int wrong = 0;
    for (int i = 0; i < rounds; ++i)
        wrong +=
            winners[static_cast<std::size_t>(i)] == 1 && recorded[static_cast<std::size_t>(i)] == 1 ? 0 : 1;
    CHECK(wrong == 0);
    CHECK(missed == 0);
}
