// SPDX-License-Identifier: BSL-1.0
//
// Threads that wait for one that opens, in every execution.
#include "eap/detail/parking.hpp"

#include "explored/explored.hpp"

#include <chrono>

namespace {

using tests::expect;
using tests::plain;
using tests::run_threads;

struct parking : tests::quarantined, eap::detail::parking<tests::explored_sync> {};
constexpr std::chrono::steady_clock::time_point some_time{};

} // namespace

TEST_CASE("of two that open and two that wait, nobody sleeps on, and all see what was written before",
          "[explored][parking]") {
    tests::explore_all([] {
        parking p;
        plain<int> written{0};
        const auto wait = [&] {
            p.wait();
            expect(written == 1, "woken before it was written");
        };
        run_threads(
            [&] {
                written = 1;
                p.set();
            },
            wait, wait);
        expect(p.is_set(), "it does not stay open");
        p.wait();
    });
}

TEST_CASE("whoever opens twice, or second, lets nobody sleep on", "[explored][parking]") {
    tests::explore_all([] {
        parking p;
        run_threads([&] { p.set(); }, [&] { p.set(); }, [&] { p.wait(); });
        expect(p.is_set(), "it does not stay open");
    });
}

TEST_CASE("the waiter may destroy it as soon as it wakes", "[explored][parking]") {
    tests::explore_all(
        [] {
            auto* const p = new parking;
            run_threads([=] { p->set(); },
                        [=] {
                            p->wait();
                            delete p;
                        });
        },
        6);
}

TEST_CASE(
    "a wait with a limit says whether it has opened, and whoever is told so sees what was written before",
    "[explored][parking]") {
    tests::explore_all([] {
        parking p;
        plain<int> written{0};
        const auto wait = [&] {
            if (p.wait_until(some_time))
                expect(written == 1, "told so, and it is not written");
            else if (p.is_set())
                expect(written == 1, "open, and it is not written");
        };
        run_threads(
            [&] {
                written = 1;
                p.set();
            },
            wait, wait);
        expect(p.wait_until(some_time), "open, and the wait says it is not");
    });
}

TEST_CASE("whoever looks and finds it open sees what was written before", "[explored][parking]") {
    tests::explore_all([] {
        parking p;
        plain<int> written{0};
        tests::explored_sync::atomic<int> turn{
            0}; // what is behind a mutex has no eyes of its own: others come in here
        const auto look = [&] {
            static_cast<void>(turn.load());
            if (p.is_set())
                expect(written == 1, "open, and it is not written");
        };
        run_threads(
            [&] {
                written = 1;
                p.set();
            },
            look, look);
    });
}
