// SPDX-License-Identifier: BSL-1.0
#include "eap/detail/operation_word.hpp"

#include "support/catch.hpp"

#include <atomic>
#include <thread>
#include <vector>

namespace {

using word = eap::detail::operation_word<>;
using result = word::claim_result;
using who = word::claimant;

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

TEST_CASE("the winner is told whether a stop request came first", "[operation_word][G4]") {
    bool stop_came_first = true;
    word w;
    REQUIRE(w.claim(who::other, &stop_came_first) == result::won);
    CHECK_FALSE(stop_came_first);
    static_cast<void>(w.request_stop());
    CHECK(w.claim(who::other, &stop_came_first) == result::lost);
    CHECK_FALSE(stop_came_first); // of the winner only

    word asked;
    REQUIRE(asked.request_stop());
    REQUIRE(asked.claim(who::other, &stop_came_first) == result::won);
    CHECK(stop_came_first);
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
