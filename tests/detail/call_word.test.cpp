// SPDX-License-Identifier: BSL-1.0
#include "eap/detail/call_word.hpp"

#include "eap/detail/parking.hpp"
#include "support/catch.hpp"
#include "support/interleavings.hpp"

#include <memory>
#include <optional>
#include <thread>

namespace {

using word = eap::detail::call_word<>;
using milestone = word::milestone;

using stepping_word = eap::detail::call_word<tests::stepping_sync>;
using stepping_milestone = stepping_word::milestone;
using stepping_parking = eap::detail::parking<tests::stepping_sync>;

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

TEST_CASE("a sleeper at a milestone that was reached finds the parking open at once", "[call_word]") {
    word w;
    w.reach(milestone::completed);
    eap::detail::parking<> here;
    const word::sleeper sleeper{w, milestone::completed, here};
    CHECK(here.is_set());
}

TEST_CASE("reaching a milestone opens the parkings of those who wait for it, and no other", "[call_word]") {
    word w;
    eap::detail::parking<> first, second, other;
    const word::sleeper a{w, milestone::completed, first};
    const word::sleeper b{w, milestone::handled, other};
    const word::sleeper c{w, milestone::completed, second};
    w.reach(milestone::completed);
    CHECK(first.is_set());
    CHECK(second.is_set());
    CHECK_FALSE(other.is_set());
}

TEST_CASE("one parking may wait for several calls", "[call_word][WH-5]") {
    word one, two;
    eap::detail::parking<> here;
    const word::sleeper a{one, milestone::completed, here};
    const word::sleeper b{two, milestone::completed, here};
    two.reach(milestone::completed);
    CHECK(here.is_set());
}

TEST_CASE("whoever leaves before the milestone is not called back, in whatever order they leave",
          "[call_word]") {
    word w;
    eap::detail::parking<> stays;
    std::optional<word::sleeper> sleepers[3];
    {
        eap::detail::parking<> leaves[3];
        for (int i = 0; i < 3; ++i)
            sleepers[i].emplace(w, milestone::completed, leaves[i]);
        sleepers[1].reset();
        sleepers[2].reset();
        sleepers[0].reset();
    } // a late call would touch what is gone: the sanitizers would say so
    const word::sleeper last{w, milestone::completed, stays};
    w.reach(milestone::completed);
    CHECK(stays.is_set());
}

TEST_CASE("in every order, of two that begin one wins", "[call_word]") {
    tests::interleavings orders{4};
    while (orders.next()) {
        stepping_word w;
        bool a = false, b = false;
        orders.run({[&] { a = w.begin(); }, [&] { b = w.begin(); }});
        REQUIRE(a != b);
    }
}

TEST_CASE("in every order, of two that end one wins", "[call_word][DG-7]") {
    tests::interleavings orders{4};
    while (orders.next()) {
        stepping_word w;
        bool a = false, b = false;
        orders.run({[&] { a = w.end(); }, [&] { b = w.end(); }});
        REQUIRE(a != b);
    }
}

TEST_CASE("in every order of the last handle's death and the completion, one of them is told of the other",
          "[call_word][O-2]") {
    tests::interleavings orders{4};
    bool first_once = false, second_once = false;
    while (orders.next()) {
        stepping_word w;
        bool forgot_late = false, completed_late = false;
        orders.run({[&] { forgot_late = w.forget(); },
                    [&] { completed_late = w.reach(stepping_milestone::completed); }});
        REQUIRE(forgot_late != completed_late);
        first_once = first_once || forgot_late;
        second_once = second_once || completed_late;
    }
    CHECK(first_once);
    CHECK(second_once);
}

TEST_CASE("in every order no wake-up is lost", "[call_word][WH-3]") {
    tests::interleavings orders{6};
    while (orders.next()) {
        stepping_word w;
        stepping_parking completed, handled;
        std::optional<stepping_word::sleeper> one,
            other; // outlive the threads, as those who still wait would
        orders.run({[&] { one.emplace(w, stepping_milestone::completed, completed); },
                    [&] { other.emplace(w, stepping_milestone::handled, handled); },
                    [&] {
                        w.reach(stepping_milestone::completed);
                        w.reach(stepping_milestone::handled);
                    }});
        REQUIRE(completed.is_set());
        REQUIRE(handled.is_set());
    }
    CHECK(orders.executions() > 100);
}

TEST_CASE("in every order, a sleeper that has left is not touched any more", "[call_word]") {
    tests::interleavings orders{6};
    while (orders.next()) {
        stepping_word w;
        stepping_parking stays;
        std::optional<stepping_word::sleeper> other;
        orders.run({[&] {
                        const auto here =
                            std::make_unique<stepping_parking>(); // its end is seen by the sanitizers
                        const stepping_word::sleeper timed_out{w, stepping_milestone::completed, *here};
                    },
                    [&] { other.emplace(w, stepping_milestone::completed, stays); },
                    [&] { w.reach(stepping_milestone::completed); }});
        REQUIRE(stays.is_set());
    }
    CHECK(orders.executions() > 100);
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
            eap::detail::parking<> here;
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
