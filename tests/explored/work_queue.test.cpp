// SPDX-License-Identifier: BSL-1.0
//
// Work that is queued while threads wait for it and the queue is closed, in every execution.
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 12
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored                                                                               \
    "-Wdangling-pointer" // GCC does not see that a sleeper has left the list when it returns
#endif
#include "eap/detail/work_queue.hpp"
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 12
#pragma GCC diagnostic pop
#endif

#include "explored/explored.hpp"

#include <utility>

namespace {

using eap::detail::work_list;
using eap::detail::work_ptr;
using tests::acquire;
using tests::expect;
using tests::plain;
using tests::relaxed;
using tests::run_threads;
using queue = eap::detail::work_queue<tests::explored_sync>;
template <class T> using atomic = tests::explored_sync::atomic<T>;

struct results {
    atomic<int> ran{0};
    atomic<int> dropped{0};
    plain<int> last{0}; // where there is one taker
};

// What runs or is dropped twice, or not at all, is found by its memory.
struct job final : tests::quarantined, eap::detail::work_node {
    job(results& r, int n) : to(r), number(n) {}
    void run() override {
        static_cast<void>(static_cast<int>(number));
        to.ran.fetch_add(1, relaxed);
        delete this;
    }
    void drop() noexcept override {
        to.dropped.fetch_add(1, relaxed);
        delete this;
    }
    results& to;
    plain<int> number;
};

work_ptr make(results& to, int number) { return work_ptr{new job{to, number}}; }

void run_all(work_list& list) {
    while (!list.empty())
        list.pop_front().release()->run();
}

} // namespace

TEST_CASE("of two that post and two that take, nobody sleeps on, and each piece of work runs once",
          "[explored][work_queue][G14]") {
    tests::explore_all([] {
        results r; // outlives what is left in the queue
        queue q;
        const auto take = [&] {
            work_ptr one = q.wait_one();
            expect(one != nullptr, "no work from an open queue");
            one.release()->run();
        };
        run_threads([&] { q.push(make(r, 1)); }, [&] { q.push(make(r, 2)); }, take, take);
        expect(r.ran.load() == 2 && q.empty(), "work is left");
    });
}

TEST_CASE("of two that post, one that takes and one that closes, each piece of work runs or is dropped, "
          "once, in order",
          "[explored][work_queue][G14]") {
    tests::explore_all(
        [] {
            results r; // outlives what is left in the queue
            queue q;
            int refused = 0;
            const auto push = [&](int number) { return q.push(make(r, number)) == queue::pushed::refused; };
            run_threads(
                [&] {
                    const bool one = push(1);
                    const bool two = push(2);
                    expect(two || !one, "refused, and then taken in");
                    refused += (one ? 1 : 0) + (two ? 1 : 0);
                },
                [&] {
                    while (work_ptr one = q.wait_one()) {
                        const int number = static_cast<const job&>(*one).number;
                        expect(r.last < number, "out of order");
                        r.last = number;
                        one.release()->run();
                    }
                },
                [&] {
                    work_list rest = q.close();
                    expect(static_cast<int>(rest.size()) <= 2 && q.is_closed(), "not closed");
                });
            expect(r.ran.load() + r.dropped.load() == 2, "work is lost");
            expect(r.dropped.load() >= refused, "refused, and not dropped");
            expect(q.push(make(r, 3)) == queue::pushed::refused && q.close().empty(), "it is open again");
        },
        6);
}

TEST_CASE("whoever posts to an empty queue is told so, and the others are not", "[explored][work_queue]") {
    tests::explore_all(
        [] {
            results r; // outlives what is left in the queue
            queue q;
            queue::pushed how[2] = {};
            run_threads([&] { how[0] = q.push(make(r, 1)); }, [&] { how[1] = q.push(make(r, 2)); });
            expect((how[0] == queue::pushed::first) != (how[1] == queue::pushed::first),
                   "not exactly one is first");
            work_list all;
            q.take_all(all);
            expect(all.size() == 2, "work is lost");
            run_all(all);
            expect(q.push(make(r, 3)) == queue::pushed::first, "it does not know that it is empty");
        },
        6);
}

TEST_CASE("whoever waits for all gets it, or leaves because it is told to give up, and sees why",
          "[explored][work_queue]") {
    tests::explore_all([] {
        results r; // outlives what is left in the queue
        queue q;
        atomic<bool> gives_up{false}; // relaxed: the queue's lock orders it
        plain<int> why{0};
        run_threads([&] { q.push(make(r, 1)); },
                    [&] {
                        work_list all;
                        while (all.empty() && !gives_up.load(relaxed))
                            q.wait_all(all, eap::detail::end_of_time, [&] { return gives_up.load(relaxed); });
                        run_all(all);
                    },
                    [&] {
                        why = 1;
                        gives_up.store(true, relaxed);
                        q.interrupt();
                    });
        work_list rest = q.close();
        expect(r.ran.load() + static_cast<int>(rest.size()) == 1, "work is lost");
    });
}

TEST_CASE("whoever only waits to be interrupted does not sleep on", "[explored][work_queue]") {
    tests::explore_all([] {
        queue q;
        atomic<bool> gives_up{false};
        const auto wait = [&] {
            work_list all;
            q.wait_all(all, eap::detail::end_of_time, [&] { return gives_up.load(relaxed); });
            expect(all.empty(), "work out of nothing");
        };
        run_threads(wait, wait, [&] {
            gives_up.store(true, relaxed);
            q.interrupt();
        });
    });
}

TEST_CASE("whoever is woken for nothing waits on", "[explored][work_queue]") {
    tests::explore_all([] {
        results r; // outlives what is left in the queue
        queue q;
        run_threads([&] { q.interrupt(); }, [&] { q.push(make(r, 1)); },
                    [&] {
                        work_list all;
                        q.wait_all(all, eap::detail::end_of_time, [] { return false; });
                        expect(!all.empty(), "back with nothing");
                        run_all(all);
                    });
        expect(r.ran.load() == 1, "work is lost");
    });
}

TEST_CASE("of two that wait, the one whose time has come does not take the other one along",
          "[explored][work_queue]") {
    tests::explore_all([] {
        queue q;
        run_threads(
            [&] {
                work_list all;
                q.wait_all(all, eap::detail::steady_time{}, [] { return false; });
            },
            [&] { expect(q.wait_one() == nullptr, "work out of nothing"); },
            [&] { static_cast<void>(q.close()); });
    });
}

TEST_CASE("a wait with a limit, a push and the end: the work has one fate, whoever comes first",
          "[explored][work_queue][G14]") {
    tests::explore_all([] {
        results r; // outlives what is left in the queue
        queue q;
        run_threads([&] { q.push(make(r, 1)); },
                    [&] {
                        work_list all;
                        q.wait_all(all, eap::detail::steady_time{}, [] { return false; });
                        run_all(all);
                    },
                    [&] { const work_list rest = q.close(); });
        expect(r.ran.load() + r.dropped.load() == 1, "work is lost");
    });
}

TEST_CASE("those who wait are woken when the queue is closed", "[explored][work_queue]") {
    tests::explore_all([] {
        results r; // outlives what is left in the queue
        queue q;
        plain<int> why{0};
        run_threads(
            [&] {
                const work_ptr none = q.wait_one();
                expect(none == nullptr && q.is_closed() && why == 1, "woken by nobody");
            },
            [&] {
                work_list all;
                q.wait_all(all, eap::detail::end_of_time, [] { return false; });
                expect(all.empty() && why == 1, "woken by nobody");
            },
            [&] {
                why = 1;
                static_cast<void>(q.close());
            },
            [&] {
                if (q.is_closed())
                    expect(why == 1, "closed before it was");
            });
    });
}

TEST_CASE(
    "what is put back comes before what was posted meanwhile, and stays with its owner when it is closed",
    "[explored][work_queue]") {
    tests::explore_all(
        [] {
            results r; // outlives what is left in the queue
            queue q;
            q.push(make(r, 1));
            run_threads(
                [&] {
                    work_list taken;
                    q.take_all(taken);
                    if (taken.empty())
                        return;
                    const bool is_back = q.put_back(taken);
                    expect(is_back == taken.empty(), "put back, and still here");
                },
                [&] { q.push(make(r, 2)); },
                [&] {
                    work_list rest = q.close();
                    int last = 0;
                    while (!rest.empty()) {
                        work_ptr one = rest.pop_front();
                        const int number = static_cast<const job&>(*one).number;
                        expect(last < number, "out of order");
                        last = number;
                    }
                });
            expect(r.ran.load() == 0 && r.dropped.load() == 2, "work is lost");
        },
        6);
}
