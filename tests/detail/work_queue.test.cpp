// SPDX-License-Identifier: BSL-1.0
#include <eap/detail/work_queue.hpp>

#include "support/catch.hpp"
#include "support/functions.hpp"

#include <eap/work.hpp>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <utility>

namespace {

using eap::make_work;
using eap::detail::work_list;
using eap::detail::work_ptr;
using queue = eap::detail::work_queue<>;

void run_all(work_list& list) {
    while (!list.empty())
        list.pop_front().release()->run();
}

} // namespace

TEST_CASE("a list keeps its order through every append", "[work_queue]") {
    std::string trace;
    const auto add = [&](char c) { return make_work([&, c] { trace += c; }); };
    work_list one;
    work_list two;
    work_list none;
    one.append(none);
    one.push_back(add('a'));
    two.push_back(add('b'));
    two.push_back(add('c'));
    one.append(two);
    CHECK(two.empty());
    CHECK(two.size() == 0);
    one.append(none);
    two.push_back(add('d')); // usable again after it was emptied
    one.append(two);
    one.push_back(add('e'));
    CHECK(one.size() == 5);
    work_list moved = std::move(one);
    CHECK(moved.size() == 5);
    run_all(moved);
    moved.push_back(add('f'));
    run_all(moved);
    CHECK(trace == "abcdef");
    CHECK(moved.size() == 0);
}

TEST_CASE("a list that is destroyed drops what is left, oldest first", "[work_queue]") {
    std::string trace;
    {
        work_list list;
        for (const char c : {'a', 'b', 'c'})
            list.push_back(
                make_work([note = std::shared_ptr<void>(nullptr, [&trace, c](void*) { trace += c; })] {}));
    }
    CHECK(trace == "abc");
}

TEST_CASE("a queue tells the first from the later ones, and refuses when it is closed", "[work_queue]") {
    queue q;
    tests::fate fate;
    CHECK(q.push(make_work(tests::traced{fate, [] {}})) == queue::pushed::first);
    CHECK(q.push(make_work(tests::traced{fate, [] {}})) == queue::pushed::later);
    {
        const work_list rest = q.close();
        CHECK(rest.size() == 2);
        CHECK(fate.destroyed == 0);
    }
    CHECK(fate.destroyed == 2);
    CHECK(q.push(make_work(tests::traced{fate, [] {}})) == queue::pushed::refused);
    CHECK(fate.destroyed == 3);
    CHECK(q.wait_one() == nullptr);
    CHECK(q.close().empty());
}

TEST_CASE("what is put back comes first", "[work_queue]") {
    queue q;
    std::string trace;
    const auto add = [&](char c) { q.push(make_work([&, c] { trace += c; })); };
    CHECK(q.empty());
    add('a');
    add('b');
    work_list taken;
    q.take_all(taken);
    add('c');
    taken.pop_front().release()->run();
    CHECK(q.put_back(taken));
    CHECK(taken.empty());
    q.take_all(taken);
    run_all(taken);
    CHECK(trace == "abc");
    CHECK_FALSE(q.put_back(taken));
    add('d');
    q.take_all(taken);
    static_cast<void>(q.close());
    CHECK_FALSE(q.put_back(taken)); // stays with the caller
    CHECK(taken.size() == 1);
}

TEST_CASE("a waiting thread leaves for work, for a reason, for the end, and for its deadline",
          "[work_queue]") {
    queue q;
    work_list taken;
    std::atomic<bool> give_up{false};
    const auto reason = [&] { return give_up.load(); };
    q.wait_all(taken, std::chrono::steady_clock::now(), reason);
    CHECK(taken.empty());

    std::thread poster{[&] { q.push(make_work([] {})); }};
    q.wait_all(taken, eap::detail::end_of_time, reason);
    CHECK(taken.size() == 1);
    poster.join();

    std::thread interrupter{[&] {
        give_up = true;
        q.interrupt();
    }};
    q.wait_all(taken, eap::detail::end_of_time, reason);
    interrupter.join();
    give_up = false;

    std::thread closer{[&] { static_cast<void>(q.close()); }};
    q.wait_all(taken, eap::detail::end_of_time, reason);
    closer.join();
    CHECK(taken.size() == 1);
}
