// SPDX-License-Identifier: BSL-1.0
#include "eap/detail/call_word.hpp"

#include "eap/detail/wakeups.hpp"
#include "support/catch.hpp"

#include <chrono>
#include <optional>
#include <thread>

namespace {

using word = eap::detail::call_word<>;
using milestone = word::milestone;

bool was_woken(eap::detail::wakeups<>& who) {
    return who.wait_until(std::chrono::steady_clock::time_point{});
}

} // namespace

TEST_CASE("a fresh call has not begun, is not complete, and nobody ended it", "[call_word]") {
    const word fresh;
    CHECK_FALSE(fresh.has_begun());
    CHECK_FALSE(fresh.has_ended());
    CHECK_FALSE(fresh.has_reached(milestone::completed));
    CHECK_FALSE(fresh.has_reached(milestone::handled));
}

TEST_CASE("the first to begin is told so, and nobody else", "[call_word]") {
    word w;
    CHECK(w.begin());
    CHECK_FALSE(w.begin());
    CHECK(w.has_begun());
    CHECK_FALSE(w.has_ended());
}

TEST_CASE("the first to end is told so, and nobody else", "[call_word][DG-6]") {
    word w;
    CHECK(w.end());
    CHECK_FALSE(w.end());
    CHECK(w.has_ended());
}

TEST_CASE("an end that is given back is there for another", "[call_word]") {
    word w;
    REQUIRE(w.end());
    w.give_end_back();
    CHECK_FALSE(w.has_ended());
    CHECK(w.end());
}

TEST_CASE("each milestone is reached by itself", "[call_word]") {
    word w;
    CHECK_FALSE(w.reach(milestone::completed));
    CHECK(w.has_reached(milestone::completed));
    CHECK_FALSE(w.has_reached(milestone::handled));
    w.reach(milestone::handled);
    CHECK(w.has_reached(milestone::handled));
}

TEST_CASE("both milestones are reached at once, and wake whoever waits for either", "[call_word]") {
    word w;
    eap::detail::wakeups<> first, second;
    const word::sleeper a{w, milestone::completed, first};
    const word::sleeper b{w, milestone::handled, second};
    CHECK_FALSE(w.reach_both());
    CHECK(w.has_reached(milestone::completed));
    CHECK(w.has_reached(milestone::handled));
    CHECK(was_woken(first));
    CHECK(was_woken(second));
}

TEST_CASE("whoever reaches both milestones when the last handle is gone is told so", "[call_word][O-2]") {
    word w;
    CHECK_FALSE(w.forget());
    CHECK(w.reach_both());
}

TEST_CASE("a sleeper at a milestone that was reached is woken at once", "[call_word]") {
    word w;
    w.reach(milestone::completed);
    eap::detail::wakeups<> here;
    const word::sleeper sleeper{w, milestone::completed, here};
    CHECK(was_woken(here));
}

TEST_CASE("reaching a milestone wakes those who wait for it, and no other", "[call_word]") {
    word w;
    eap::detail::wakeups<> first, second, other;
    const word::sleeper a{w, milestone::completed, first};
    const word::sleeper b{w, milestone::handled, other};
    const word::sleeper c{w, milestone::completed, second};
    w.reach(milestone::completed);
    CHECK(was_woken(first));
    CHECK(was_woken(second));
    CHECK_FALSE(was_woken(other));
}

TEST_CASE("one thread may wait for several calls", "[call_word][WH-5]") {
    word one, two;
    eap::detail::wakeups<> here;
    const word::sleeper a{one, milestone::completed, here};
    const word::sleeper b{two, milestone::completed, here};
    two.reach(milestone::completed);
    CHECK(was_woken(here));
}

TEST_CASE("whoever leaves before the milestone is not called back, in whatever order they leave",
          "[call_word]") {
    word w;
    eap::detail::wakeups<> stays;
    std::optional<word::sleeper> sleepers[3];
    {
        eap::detail::wakeups<> leaves[3];
        for (int i = 0; i < 3; ++i)
            sleepers[i].emplace(w, milestone::completed, leaves[i]);
        sleepers[1].reset();
        sleepers[2].reset();
        sleepers[0].reset();
    } // a late call would touch what is gone: the sanitizers would say so
    const word::sleeper last{w, milestone::completed, stays};
    w.reach(milestone::completed);
    CHECK(was_woken(stays));
}

TEST_CASE("a thread that waits sees what was written before the milestone", "[call_word][DG-23]") {
    for (int round = 0; round < 500; ++round) {
        word w;
        int written = 0;
        std::thread other{[&] {
            written = round;
            w.reach(milestone::completed);
        }};
        if (round % 2 == 0) {
            eap::detail::wakeups<> here;
            const word::sleeper sleeper{w, milestone::completed, here};
            here.wait();
        } else {
            while (!w.has_reached(milestone::completed))
                std::this_thread::yield();
        }
        const int seen = written;
        other.join();
        REQUIRE(seen == round);
    }
}
