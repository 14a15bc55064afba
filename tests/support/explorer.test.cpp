// SPDX-License-Identifier: BSL-1.0
//
// The explorer, held to small programs whose outcomes are known: exactly those that the memory model allows.
#include "support/explorer.hpp"

#include "support/catch.hpp"

#include <atomic>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>

namespace {

using tests::expect;
using tests::explored;
using tests::exploring;
using tests::plain;
using tests::run_threads;
using search = exploring::search;
template <class T> using atomic = tests::explored_sync::atomic<T>;
using mutex = tests::explored_sync::mutex;
using condition_variable = tests::explored_sync::condition_variable;

constexpr auto relaxed = std::memory_order_relaxed;
constexpr auto acquire = std::memory_order_acquire;
constexpr auto release = std::memory_order_release;
constexpr auto acq_rel = std::memory_order_acq_rel;
constexpr auto seq_cst = std::memory_order_seq_cst;

using outcomes = std::set<std::string>;

std::string row(std::initializer_list<int> values) {
    std::string all;
    for (const int each : values)
        all += static_cast<char>('0' + each);
    return all;
}

// All outcomes of a program without failures, by each of the searches that end; they must agree.
template <class Program> outcomes all_outcomes_of(Program program) {
    outcomes by_bound, by_sleep_sets, by_chance;
    const explored bounded = tests::explore({.preemptions = 6}, [&] { by_bound.insert(program()); });
    CHECK(bounded.failure == "");
    CHECK(bounded.exhausted);
    const explored sleeping =
        tests::explore({.how = search::sleep_sets}, [&] { by_sleep_sets.insert(program()); });
    CHECK(sleeping.failure == "");
    CHECK(sleeping.exhausted);
    CHECK(sleeping.executions <= bounded.executions);
    const explored random =
        tests::explore({.how = search::random, .executions = 3000}, [&] { by_chance.insert(program()); });
    CHECK(random.failure == "");
    CHECK(random.executions == 3000);
    CHECK(by_bound == by_sleep_sets);
    CHECK(by_bound == by_chance);
    return by_bound;
}

std::string store_buffering(std::memory_order stores, std::memory_order loads) {
    atomic<int> x{0}, y{0};
    int a = 0, b = 0;
    run_threads(
        [&] {
            x.store(1, stores);
            a = y.load(loads);
        },
        [&] {
            y.store(1, stores);
            b = x.load(loads);
        });
    return row({a, b});
}

std::string message_passing(std::memory_order stores, std::memory_order loads) {
    atomic<int> data{0}, flag{0};
    int f = 0, d = 0;
    run_threads(
        [&] {
            data.store(1, relaxed);
            flag.store(1, stores);
        },
        [&] {
            f = flag.load(loads);
            d = data.load(relaxed);
        });
    return row({f, d});
}

std::string independent_reads(std::memory_order stores, std::memory_order loads) {
    atomic<int> x{0}, y{0};
    int a = 0, b = 0, c = 0, d = 0;
    run_threads([&] { x.store(1, stores); }, [&] { y.store(1, stores); },
                [&] {
                    a = x.load(loads);
                    b = y.load(loads);
                },
                [&] {
                    c = y.load(loads);
                    d = x.load(loads);
                });
    return row({a, b, c, d});
}

// The failure of a program that has one. Each search finds it, and its schedule leads there again.
template <class Program> std::string failure_of(Program program) {
    std::string found;
    for (const search how : {search::bounded, search::sleep_sets, search::random}) {
        const explored by = tests::explore({.how = how, .preemptions = 2, .executions = 200'000}, program);
        INFO("search " << static_cast<int>(how) << ", schedule " << by.schedule);
        CHECK(by.failure != "");
        const explored again = tests::explore({.how = search::replay, .schedule = by.schedule}, program);
        CHECK(again.executions == 1);
        CHECK(again.failure == by.failure);
        CHECK(again.schedule == by.schedule);
        if (how == search::bounded)
            found = by.failure;
    }
    return found;
}

bool contains(const std::string& all, const std::string& part) { return all.find(part) != std::string::npos; }

} // namespace

// ---- exactly what the memory model allows ----

TEST_CASE("store buffering: two stores may pass each other, unless all is seq_cst", "[explorer]") {
    CHECK(all_outcomes_of([] { return store_buffering(relaxed, relaxed); }) ==
          outcomes{"00", "01", "10", "11"});
    CHECK(all_outcomes_of([] { return store_buffering(release, acquire); }) ==
          outcomes{"00", "01", "10", "11"});
    CHECK(all_outcomes_of([] { return store_buffering(seq_cst, acquire); }) ==
          outcomes{"00", "01", "10", "11"});
    CHECK(all_outcomes_of([] { return store_buffering(release, seq_cst); }) ==
          outcomes{"00", "01", "10", "11"});
    CHECK(all_outcomes_of([] { return store_buffering(seq_cst, seq_cst); }) == outcomes{"01", "10", "11"});
}

TEST_CASE("message passing: only by release and acquire does the flag carry the data", "[explorer]") {
    CHECK(all_outcomes_of([] { return message_passing(relaxed, acquire); }) ==
          outcomes{"00", "01", "10", "11"});
    CHECK(all_outcomes_of([] { return message_passing(release, relaxed); }) ==
          outcomes{"00", "01", "10", "11"});
    CHECK(all_outcomes_of([] { return message_passing(release, acquire); }) == outcomes{"00", "01", "11"});
    CHECK(all_outcomes_of([] { return message_passing(seq_cst, seq_cst); }) == outcomes{"00", "01", "11"});
}

TEST_CASE("coherence: who has read a store does not read an older one", "[explorer]") {
    const auto reads = [] {
        atomic<int> x{0};
        int a = 0, b = 0;
        run_threads(
            [&] {
                x.store(1, relaxed);
                x.store(2, relaxed);
            },
            [&] {
                a = x.load(relaxed);
                b = x.load(relaxed);
            });
        return row({a, b});
    };
    CHECK(all_outcomes_of(reads) == outcomes{"00", "01", "02", "11", "12", "22"});
    const auto own = [] { // nor does the one who has written it, nor who has heard of such a read
        atomic<int> x{0}, flag{0};
        int a = 0, b = 0, f = 0;
        run_threads([&] { x.store(1, relaxed); },
                    [&] {
                        a = x.load(relaxed);
                        flag.store(1, release);
                    },
                    [&] {
                        f = flag.load(acquire);
                        b = x.load(relaxed);
                    });
        return row({f, a, b});
    };
    CHECK(all_outcomes_of(own) == outcomes{"000", "001", "010", "011", "100", "101", "111"});
}

TEST_CASE("independent reads of independent writes: two threads agree on the order only by seq_cst",
          "[explorer]") {
    const outcomes weak = all_outcomes_of([] { return independent_reads(release, acquire); });
    CHECK(weak.size() == 16);
    CHECK(weak.count("1010") == 1);
    const outcomes strong = all_outcomes_of([] { return independent_reads(seq_cst, seq_cst); });
    CHECK(strong.size() == 15);
    CHECK(strong.count("1010") == 0);
}

TEST_CASE("a seq_cst load is not older than what another seq_cst load has read", "[explorer]") {
    // coherence of reads by different threads, ordered by nothing but the one order of seq_cst
    const auto program = [](std::memory_order order) {
        return [order] {
            atomic<int> x{0}, y{0};
            int a = 0, b = 0, c = 0;
            run_threads([&] { x.store(1, relaxed); },
                        [&] {
                            a = x.load(order);
                            y.store(1, order);
                        },
                        [&] {
                            b = y.load(order);
                            c = x.load(order);
                        });
            return row({a, b, c});
        };
    };
    CHECK(all_outcomes_of(program(relaxed)).count("110") == 1);
    CHECK(all_outcomes_of(program(seq_cst)).count("110") == 0);
}

TEST_CASE("a release sequence goes on through read-modify-writes, and through nothing else", "[explorer]") {
    const auto program = [](bool by_store) {
        return [by_store] {
            atomic<int> data{0}, flag{0};
            int f = 0, d = 0;
            run_threads(
                [&] {
                    data.store(1, relaxed);
                    flag.store(1, release);
                },
                [&] {
                    if (flag.load(relaxed) != 1)
                        return;
                    if (by_store)
                        flag.store(2, relaxed);
                    else
                        flag.fetch_add(1, relaxed);
                },
                [&] {
                    f = flag.load(acquire);
                    d = data.load(relaxed);
                });
            return row({f, d});
        };
    };
    CHECK(all_outcomes_of(program(false)) == outcomes{"00", "01", "11", "21"});
    CHECK(all_outcomes_of(program(true)) == outcomes{"00", "01", "11", "20", "21"});
}

TEST_CASE("2+2W: the last stores, in the order of execution", "[explorer]") {
    // The model would allow 11 for relaxed stores: that modification order is the order of execution is a known limit.
    const auto program = [] {
        atomic<int> x{0}, y{0};
        run_threads(
            [&] {
                x.store(1, relaxed);
                y.store(2, relaxed);
            },
            [&] {
                y.store(1, relaxed);
                x.store(2, relaxed);
            });
        return row({x.load(relaxed), y.load(relaxed)});
    };
    CHECK(all_outcomes_of(program) == outcomes{"12", "21", "22"});
}

TEST_CASE("read-modify-writes never lose each other", "[explorer]") {
    const auto program = [] {
        atomic<unsigned> x{0};
        run_threads([&] { x.fetch_add(1, relaxed); }, [&] { x.fetch_or(4, relaxed); },
                    [&] {
                        unsigned old = x.load(relaxed);
                        while (!x.compare_exchange_weak(old, old + 8, relaxed)) {
                        }
                    });
        const unsigned sum = x.fetch_sub(3, relaxed);
        return row({static_cast<int>(sum / 4), static_cast<int>(sum % 4)}) +
               (x.fetch_and(0) == 10 && x.exchange(7) == 0 && x.load() == 7 ? "" : "!");
    };
    CHECK(all_outcomes_of(program) == outcomes{"31"});
}

TEST_CASE("an exchange that fails may have read an old value, and a weak one fails for no reason",
          "[explorer]") {
    const auto stale = [] {
        atomic<int> x{0};
        int seen = 0;
        run_threads(
            [&] {
                x.store(1, relaxed);
                x.store(2, relaxed);
            },
            [&] {
                int expected = 2;
                seen = x.compare_exchange_strong(expected, 3, acq_rel, relaxed) ? 3 : expected;
            });
        return row({seen});
    };
    CHECK(all_outcomes_of(stale) == outcomes{"0", "1", "3"});

    outcomes strong, weak;
    const auto alone = [](bool is_weak) {
        atomic<int> x{0};
        bool stored = false;
        run_threads([&] {
            int expected = 0;
            stored = is_weak ? x.compare_exchange_weak(expected, 1) : x.compare_exchange_strong(expected, 1);
        });
        return row({stored ? 1 : 0});
    };
    CHECK(tests::explore({}, [&] { strong.insert(alone(false)); }).executions == 1);
    CHECK(tests::explore({}, [&] { weak.insert(alone(true)); }).executions == 2);
    CHECK(strong == outcomes{"1"});
    CHECK(weak == outcomes{"0", "1"});
}

TEST_CASE("without weak loads, memory is sequentially consistent", "[explorer]") {
    outcomes found;
    const explored by = tests::explore({.preemptions = 6, .weak_loads = false},
                                       [&] { found.insert(store_buffering(relaxed, relaxed)); });
    CHECK(by.exhausted);
    CHECK(found == outcomes{"01", "10", "11"});
}

TEST_CASE("a bound on preemptions is one", "[explorer]") {
    // two threads of n steps: the orders with at most k preemptions are known by counting
    const auto steps = [] {
        atomic<int> x{0};
        const auto two = [&] {
            x.fetch_add(1);
            x.fetch_add(1);
        };
        run_threads(two, two);
    };
    CHECK(tests::explore({.preemptions = 0}, steps).executions == 2); // aabb, bbaa
    CHECK(tests::explore({.preemptions = 1}, steps).executions == 4); // and abba, baab
    CHECK(tests::explore({.preemptions = 2}, steps).executions == 6); // and abab, baba: all of them
    CHECK(tests::explore({.preemptions = 9}, steps).executions == 6);
    CHECK(tests::explore({.how = search::sleep_sets}, steps).executions == 6);
    const auto apart = [] {
        atomic<int> x{0}, y{0};
        run_threads([&] { x.fetch_add(1); }, [&] { y.fetch_add(1); });
    };
    CHECK(tests::explore({.preemptions = 9}, apart).executions == 2);
    const explored by = tests::explore({.how = search::sleep_sets}, apart);
    CHECK(by.executions - by.redundant == 1); // the orders do not differ
}

// ---- data, locks, waiting ----

TEST_CASE("data guarded by a flag or a mutex is no race, by whatever search", "[explorer]") {
    const auto flagged = [] {
        plain<int> data{0};
        atomic<bool> flag{false};
        int seen = 1;
        run_threads(
            [&] {
                data = 1;
                flag.store(true, release);
            },
            [&] {
                if (flag.load(acquire))
                    seen = data;
            });
        return row({seen, data});
    };
    CHECK(all_outcomes_of(flagged) == outcomes{"11"});
    const auto locked = [] {
        plain<int> data{0};
        mutex m;
        const auto count = [&] {
            const std::lock_guard lock{m};
            ++data;
        };
        run_threads(count, count, count);
        return row({data});
    };
    CHECK(all_outcomes_of(locked) == outcomes{"3"});
}

TEST_CASE("a race is found by the orders as declared, also where the values are right", "[explorer]") {
    const auto passing = [](std::memory_order stores, std::memory_order loads) {
        return failure_of([=] {
            plain<int> data{0};
            atomic<bool> flag{false};
            run_threads(
                [&] {
                    data = 1;
                    flag.store(true, stores);
                },
                [&] {
                    if (flag.load(loads))
                        static_cast<void>(static_cast<int>(data));
                });
        });
    };
    CHECK(
        contains(passing(relaxed, acquire), "data race: thread c reads data 1, which thread b has written"));
    CHECK(
        contains(passing(release, relaxed), "data race: thread c reads data 1, which thread b has written"));
    CHECK(contains(failure_of([] {
                       plain<int> data{0};
                       run_threads([&] { data = 1; }, [&] { data = 2; });
                   }),
                   "data race: thread c writes data 1, which thread b uses"));
    CHECK(contains(failure_of([] { // a reader does not release by a relaxed decrement
                       plain<int> data{0};
                       atomic<int> users{2};
                       const auto use = [&] {
                           static_cast<void>(static_cast<int>(data));
                           if (users.fetch_sub(1, acquire) == 1)
                               data = 1;
                       };
                       run_threads(use, use);
                   }),
                   "data race"));
}

TEST_CASE("an object that others know of by a relaxed pointer only is not theirs to use", "[explorer]") {
    struct cell {
        atomic<int> value{1};
    };
    CHECK(contains(failure_of([] {
                       atomic<cell*> published{nullptr};
                       run_threads([&] { published.store(new cell, relaxed); },
                                   [&] {
                                       if (cell* const it = published.load(acquire))
                                           it->value.load();
                                   });
                       delete published.load();
                   }),
                   "need not know that it was made"));
}

TEST_CASE("a lost wake-up is found, and one that is not lost is none", "[explorer]") {
    const auto program = [](bool looks_first, bool under_lock) {
        return [=] {
            mutex m;
            condition_variable changed;
            plain<bool> ready{false};
            run_threads(
                [&] {
                    std::unique_lock lock{m};
                    while (looks_first && !ready)
                        changed.wait(lock);
                    if (!looks_first)
                        changed.wait(lock);
                },
                [&] {
                    std::unique_lock lock{m};
                    ready = true;
                    if (!under_lock)
                        lock.unlock();
                    changed.notify_one();
                });
            return std::string{};
        };
    };
    CHECK(
        contains(failure_of(program(false, true)), "deadlock or lost wake-up: thread b waits for condition"));
    all_outcomes_of(program(true, true));
    all_outcomes_of(program(true, false)); // the condition variable outlives the threads
}

TEST_CASE("a condition variable that a waiter destroys as soon as it may is used after its end",
          "[explorer]") {
    struct parked : tests::quarantined {
        mutex m;
        condition_variable opened;
        plain<bool> set{false};
    };
    const auto program = [](bool under_lock) {
        return [=] {
            auto* const p = new parked;
            run_threads(
                [&] {
                    {
                        std::unique_lock lock{p->m};
                        while (!p->set)
                            p->opened.wait(lock);
                    }
                    delete p;
                },
                [&] {
                    std::unique_lock lock{p->m};
                    p->set = true;
                    if (!under_lock)
                        lock.unlock();
                    p->opened.notify_all();
                });
            return std::string{};
        };
    };
    all_outcomes_of(program(true));
    CHECK(contains(failure_of(program(false)), "condition variable 1 is"));
}

TEST_CASE("spurious wake-ups are explored, and a wait with a time may end without a notification",
          "[explorer]") {
    const auto spurious = [] {
        mutex m;
        condition_variable changed;
        plain<bool> ready{false};
        run_threads(
            [&] {
                std::unique_lock lock{m};
                if (!ready)
                    changed.wait(lock);
                expect(ready, "the waiter believes that it was notified");
            },
            [&] {
                const std::lock_guard lock{m};
                ready = true;
                changed.notify_one();
            });
    };
    CHECK(contains(tests::explore({.preemptions = 1}, spurious).failure, "believes"));
    CHECK(tests::explore({.preemptions = 0}, spurious).failure == "");

    const auto timed = [] {
        mutex m;
        condition_variable changed;
        plain<bool> ready{false};
        bool in_time = false;
        run_threads(
            [&] {
                std::unique_lock lock{m};
                in_time = changed.wait_until(lock, 0, [&]() -> bool { return ready; });
            },
            [&] {
                const std::lock_guard lock{m};
                ready = true;
                changed.notify_one();
            });
        return row({in_time ? 1 : 0});
    };
    CHECK(all_outcomes_of(timed) == outcomes{"0", "1"});
}

TEST_CASE("which of two waiters is notified is a choice", "[explorer]") {
    const auto program = [] {
        mutex m;
        condition_variable changed;
        plain<int> tickets{0};
        plain<int> first{0};
        const auto take = [&](int who) {
            std::unique_lock lock{m};
            while (tickets == 0)
                changed.wait(lock);
            --tickets;
            if (first == 0)
                first = who;
        };
        run_threads([&] { take(1); }, [&] { take(2); },
                    [&] {
                        for (int i = 0; i < 2; ++i) {
                            const std::lock_guard lock{m};
                            ++tickets;
                            changed.notify_one();
                        }
                    });
        return row({first});
    };
    CHECK(all_outcomes_of(program) == outcomes{"1", "2"});
}

TEST_CASE("atomics can be waited for, and a notification that is missing is a lost wake-up", "[explorer]") {
    const auto program = [](bool notifies) {
        return [=] {
            plain<int> data{0};
            atomic<int> x{0};
            int seen = 0;
            run_threads(
                [&] {
                    x.wait(0, acquire);
                    seen = data;
                },
                [&] {
                    data = 7;
                    x.store(1, release);
                    if (notifies)
                        x.notify_all();
                });
            return row({seen});
        };
    };
    CHECK(all_outcomes_of(program(true)) == outcomes{"7"});
    CHECK(contains(failure_of(program(false)), "lost wake-up: thread b waits for atomic 1"));
}

TEST_CASE("two locks in two orders are a deadlock", "[explorer]") {
    CHECK(contains(failure_of([] {
                       mutex m, n;
                       run_threads(
                           [&] {
                               const std::lock_guard first{m};
                               const std::lock_guard second{n};
                           },
                           [&] {
                               const std::lock_guard first{n};
                               const std::lock_guard second{m};
                           });
                   }),
                   "deadlock or lost wake-up: thread b waits for mutex 2, thread c waits for mutex 1"));
}

// ---- lifetimes ----

namespace {

struct counted : tests::quarantined {
    atomic<int> references{2};
    plain<int> payload{0};
    void drop(std::memory_order order) {
        if (references.fetch_sub(1, order) == 1)
            delete this;
    }
};

} // namespace

TEST_CASE("a reference count that is dropped by acq_rel is right, by less is not", "[explorer]") {
    const auto program = [](std::memory_order order) {
        return [order] {
            auto* const it = new counted;
            run_threads(
                [=] {
                    it->payload = 1;
                    it->drop(order);
                },
                [=] { it->drop(order); });
            return std::string{};
        };
    };
    all_outcomes_of(program(acq_rel));
    CHECK(contains(failure_of(program(acquire)), "data race"));
    CHECK(contains(failure_of(program(release)), "data race"));
    CHECK(contains(failure_of(program(relaxed)), "data race"));
}

TEST_CASE("use after free, double free and leaks are found", "[explorer]") {
    CHECK(contains(failure_of([] {
                       auto* const it = new counted;
                       run_threads([=] { it->drop(acq_rel); },
                                   [=] {
                                       it->drop(acq_rel);
                                       it->references.load();
                                   });
                   }),
                   "atomic 1 is used after its end, by thread c"));
    CHECK(contains(failure_of([] {
                       auto* const it = new counted;
                       run_threads([=] { it->drop(acq_rel); },
                                   [=] {
                                       if (it->references.load(acquire) == 1)
                                           delete it;
                                   });
                   }),
                   "is "));
    CHECK(contains(failure_of([] {
                       auto* const it = new counted;
                       run_threads([=] { it->drop(acq_rel); }, [=] { it->drop(acq_rel); });
                       delete it;
                   }),
                   "is destroyed twice, by thread a"));
    CHECK(contains(failure_of([] {
                       auto* const it = new counted;
                       run_threads([=] { it->drop(acq_rel); });
                   }),
                   "atomic 1 is leaked"));
}

// ---- the searches ----

TEST_CASE("a failed expectation ends the search, and its schedule repeats it under any bound", "[explorer]") {
    const auto program = [] {
        atomic<int> x{0};
        bool once = false;
        run_threads(
            [&] {
                const int seen = x.load(relaxed);
                x.store(seen + 1, relaxed);
            },
            [&] {
                const int seen = x.load(relaxed);
                x.store(seen + 1, relaxed);
            });
        once = x.load() == 2;
        expect(once, "an increment was lost");
    };
    CHECK(failure_of(program) == "an increment was lost");
    CHECK(tests::explore({.how = search::replay, .schedule = ""}, program).failure == "");
}

TEST_CASE("the same seed finds the same", "[explorer]") {
    const auto of_seed = [](unsigned seed) {
        std::string all;
        static_cast<void>(tests::explore({.how = search::random, .executions = 50, .seed = seed},
                                         [&] { all += store_buffering(relaxed, relaxed) + ' '; }));
        return all;
    };
    CHECK(of_seed(1) == of_seed(1));
    CHECK(of_seed(1) != of_seed(2));
}

TEST_CASE("an exception that leaves a thread is found, one that is caught switches with its thread",
          "[explorer]") {
    CHECK(contains(failure_of([] { run_threads([] { throw std::runtime_error{"out"}; }); }),
                   "an exception leaves thread b"));
    const auto inside_catch = [] {
        atomic<int> x{0};
        std::string seen;
        const auto body = [&](const char* what) {
            try {
                throw std::runtime_error{what};
            } catch (const std::runtime_error&) {
                x.fetch_add(1);
                try {
                    throw;
                } catch (const std::runtime_error& same) {
                    expect(std::string{what} == same.what(), "another thread's exception");
                }
            }
        };
        run_threads([&] { body("one"); }, [&] { body("two"); });
        return std::string{};
    };
    all_outcomes_of(inside_catch);
}

TEST_CASE("an execution that does not end is found", "[explorer]") {
    CHECK(contains(tests::explore({},
                                  [] {
                                      atomic<int> x{0};
                                      run_threads([&] {
                                          while (x.load() == 0) {
                                          }
                                      });
                                  })
                       .failure,
                   "does not end"));
}

TEST_CASE("each thread has a word of its own", "[explorer]") {
    const explored by = tests::explore({.preemptions = 4}, [] {
        atomic<int> x{0};
        const auto body = [&] {
            int mine = 0;
            expect(tests::word_of_this_thread() == nullptr, "the word is not null at first");
            tests::word_of_this_thread() = &mine;
            x.fetch_add(1);
            expect(tests::word_of_this_thread() == &mine, "the word is another thread's");
        };
        run_threads(body, body);
    });
    CHECK(by.failure == "");
    CHECK(by.exhausted);
}
