// SPDX-License-Identifier: BSL-1.0
//
// One call, and all who run it, wait for it and end it, in every execution.
#include "eap/detail/call_word.hpp"

#include "explored/explored.hpp"

#include <chrono>

namespace {

using tests::expect;
using tests::plain;
using tests::run_threads;

struct call : tests::quarantined, eap::detail::call_word<tests::explored_sync> {
    plain<int> outcome{0};

    void run(int result) {
        if (!begin())
            return;
        outcome = result;
        static_cast<void>(reach(milestone::completed));
    }
};
using milestone = call::milestone;
using wakeups = eap::detail::wakeups<tests::explored_sync>;
constexpr std::chrono::steady_clock::time_point some_time{};

void wait(call& c, milestone until) {
    if (c.has_reached(until))
        return;
    wakeups here;
    const call::sleeper sleeper{c, until, here};
    here.wait();
}

} // namespace

TEST_CASE(
    "of a ticket, a cancel and a thread that waits, one begins the call, and the waiter sees its outcome",
    "[explored][call_word][WH-3]") {
    tests::explore_all([] {
        call c;
        run_threads([&] { c.run(1); }, [&] { c.run(2); },
                    [&] {
                        wait(c, milestone::completed);
                        expect(c.outcome != 0, "woken before the outcome was there");
                    });
        expect(c.has_begun() && c.has_reached(milestone::completed), "a bit is lost");
    });
}

TEST_CASE("of two that wait for two milestones, each wakes when its own is reached, and not before",
          "[explored][call_word][WH-3]") {
    tests::explore_all(
        [] {
            call c;
            plain<int> handled{0};
            run_threads(
                [&] {
                    c.run(1);
                    handled = 1;
                    static_cast<void>(c.reach(milestone::handled));
                },
                [&] {
                    wait(c, milestone::completed);
                    expect(c.outcome == 1, "no outcome");
                },
                [&] {
                    wait(c, milestone::handled);
                    expect(handled == 1 && c.outcome == 1, "not handled yet");
                });
        },
        4);
}

TEST_CASE("a waiter whose time has come leaves, and nobody touches what it slept on",
          "[explored][call_word]") {
    tests::explore_all(
        [] {
            call c;
            run_threads([&] { c.run(1); },
                        [&] {
                            wakeups here;
                            const call::sleeper sleeper{c, milestone::completed, here};
                            if (here.wait_until(some_time))
                                expect(c.outcome == 1, "no outcome");
                        },
                        [&] { wait(c, milestone::completed); });
        },
        4);
}

namespace {

/// As `wait_any`.
void wait_for_either(call& first, call& second) {
    wakeups here;
    call::sleeper sleepers[]{{first, milestone::completed, here}, {second, milestone::completed, here}};
    here.wait();
    leave_all(sleepers, here);
    expect(first.has_reached(milestone::completed) || second.has_reached(milestone::completed),
           "woken for nothing");
}

} // namespace

TEST_CASE("who sleeps on two calls that complete at once stays until both wake-ups have come",
          "[explored][call_word][WH-5]") {
    tests::explore_all([] {
        call one, two;
        run_threads([&] { one.run(1); }, [&] { two.run(2); }, [&] { wait_for_either(one, two); });
    });
}

TEST_CASE("who sleeps twice on one call stays until both wake-ups have come", "[explored][call_word][WH-5]") {
    tests::explore_all([] {
        call c;
        run_threads([&] { c.run(1); }, [&] { wait_for_either(c, c); });
    });
}

TEST_CASE("a waiter whose time has come leaves, also when the call never ends", "[explored][call_word]") {
    tests::explore_all([] {
        call c;
        run_threads(
            [&] {
                wakeups here;
                const call::sleeper sleeper{c, milestone::completed, here};
                expect(!here.wait_until(some_time), "woken by nobody");
            },
            [&] { static_cast<void>(c.begin()); });
    });
}

namespace {

/// Reads the outcome, once.
struct continuation final : eap::detail::work_node {
    continuation(call& of, plain<int>& count) noexcept : c(of), runs(count) {}
    void run() override {
        expect(c.outcome != 0, "gone on before the outcome was there");
        ++runs;
    }
    void drop() noexcept override { expect(false, "dropped"); }
    call& c;
    plain<int>& runs;
};
/// As `call_state::when_completed`.
void go_on(call& c, continuation& then) {
    if (auto now = c.when_completed(eap::detail::work_ptr{&then}))
        now.release()->run();
}

} // namespace

TEST_CASE(
    "what is to go on when a call is complete goes on once, by whoever completes it or by who came too late",
    "[explored][call_word]") {
    tests::explore_all(
        [] {
            call c;
            plain<int> first_runs{0}, second_runs{0};
            continuation first{c, first_runs}, second{c, second_runs};
            run_threads([&] { c.run(1); }, [&] { go_on(c, first); }, [&] { go_on(c, second); });
            expect(first_runs == 1 && second_runs == 1, "not gone on, or twice");
        },
        4);
}

TEST_CASE("one goes on and another sleeps until a call is complete", "[explored][call_word]") {
    tests::explore_all(
        [] {
            call c;
            plain<int> runs{0};
            continuation then{c, runs};
            run_threads(
                [&] {
                    c.run(1);
                    static_cast<void>(c.reach(milestone::handled));
                },
                [&] { go_on(c, then); }, [&] { wait(c, milestone::completed); });
            expect(runs == 1, "not gone on, or twice");
        },
        4);
}

TEST_CASE("of two that end a call one owns its outcome, until it gives the end back",
          "[explored][call_word][DG-7]") {
    tests::explore_all([] {
        call c;
        plain<int> ends{0};
        const auto end = [&](bool gives_back) {
            if (!c.end())
                return;
            ++ends;
            if (!c.has_reached(milestone::completed) && gives_back) {
                c.give_end_back();
                return;
            }
            wait(c, milestone::completed);
            c.outcome = 0; // moved out
        };
        run_threads([&] { c.run(1); }, [&] { end(true); }, [&] { end(false); });
        expect(ends == 1 || ends == 2, "nobody ends it");
        if (c.has_ended())
            expect(c.outcome == 0 && !c.end(), "ended again");
    });
}

TEST_CASE("of the death of the last handle and the completion, whoever comes second tells of the error",
          "[explored][call_word][O-2]") {
    tests::explore_all([] {
        auto* const c = new call;
        plain<int> told{0};
        plain<int> last_use{0};
        const auto tell = [&] {
            expect(c->outcome == 1 && last_use == 1, "tells of something that it cannot know");
            ++told;
        };
        run_threads(
            [&] {
                static_cast<void>(c->begin());
                c->outcome = 1;
                if (c->reach(milestone::completed))
                    tell();
            },
            [&] {
                last_use = 1;
                if (c->forget())
                    tell();
            });
        expect(told == 1, "nobody tells of the error, or both do");
        delete c;
    });
}
