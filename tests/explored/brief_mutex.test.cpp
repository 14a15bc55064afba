// SPDX-License-Identifier: BSL-1.0
//
// Threads that want the same mutex, in every execution.
#include "eap/detail/brief_mutex.hpp"

#include "explored/explored.hpp"

#include <mutex>

namespace {

using tests::expect;
using tests::plain;
using tests::run_threads;

struct mutex : tests::quarantined, eap::detail::brief_mutex<tests::explored_sync> {};

struct guarded {
    void go_in() {
        const std::lock_guard lock{m};
        count = count + 1;
    }
    mutex m;
    plain<int> count{0}; // guarded by m
};

} // namespace

TEST_CASE("one at a time has the mutex, sees what the others did, and nobody sleeps on",
          "[explored][brief_mutex]") {
    tests::explore_all([] {
        guarded g;
        const auto once = [&] { g.go_in(); };
        run_threads(once, once, once);
        expect(g.count == 3, "two were inside at the same time");
    });
}

TEST_CASE("whoever takes the mutex again and again keeps nobody out who sleeps", "[explored][brief_mutex]") {
    tests::explore_all([] {
        guarded g;
        const auto twice = [&] {
            g.go_in();
            g.go_in();
        };
        run_threads(twice, twice);
        expect(g.count == 4, "two were inside at the same time");
    });
}

TEST_CASE("a mutex may be destroyed when all who used it are known to be done", "[explored][brief_mutex]") {
    tests::explore_all([] {
        auto* const g = new guarded;
        const auto once = [=] { g->go_in(); };
        run_threads(once, once);
        expect(g->count == 2, "two were inside at the same time");
        delete g;
    });
}
