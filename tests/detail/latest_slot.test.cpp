// SPDX-License-Identifier: BSL-1.0
#include "eap/detail/latest_slot.hpp"

#include "support/catch.hpp"

#include <atomic>
#include <cstddef>
#include <thread>
#include <vector>

namespace {

struct alignas(8) node {
    explicit node(int n = 0) : number(n) {}
    int number;
    std::atomic<int> came_out{0};
};

using slot = eap::detail::latest_slot<node>;

} // namespace

TEST_CASE("the first value puts its sender in charge", "[latest_slot]") {
    slot s;
    node one;
    const auto result = s.put(one);
    CHECK(result.became == slot::put_as::sender_in_charge);
    CHECK(result.replaced == nullptr);
}

TEST_CASE("a later value replaces the one before, and relies on the sender in charge", "[latest_slot][G15]") {
    slot s;
    node one, two, three;
    static_cast<void>(s.put(one));
    const auto second = s.put(two);
    CHECK(second.became == slot::put_as::replacement);
    CHECK(second.replaced == &one);
    CHECK(s.put(three).replaced == &two);
    CHECK(s.take() == &three);
}

TEST_CASE("a reader empties the slot, and the next sender is in charge again", "[latest_slot]") {
    slot s;
    node one, two;
    static_cast<void>(s.put(one));
    CHECK(s.take() == &one);
    CHECK(s.take() == nullptr);
    CHECK(s.put(two).became == slot::put_as::sender_in_charge);
}

TEST_CASE("what a sender that resigned left behind is replaced by the next, who is in charge",
          "[latest_slot]") {
    slot s;
    node one, two;
    static_cast<void>(s.put(one));
    s.resign();
    const auto result = s.put(two);
    CHECK(result.became == slot::put_as::sender_in_charge);
    CHECK(result.replaced == &one);
}

TEST_CASE("what a sender that resigned left behind is found by the last reader", "[latest_slot]") {
    slot s;
    node one;
    static_cast<void>(s.put(one));
    s.resign();
    CHECK(s.close() == &one);
}

TEST_CASE("a closed slot refuses, and stays closed when it is read again", "[latest_slot][G3]") {
    slot s;
    node one, late;
    static_cast<void>(s.put(one));
    CHECK(s.close() == &one);
    CHECK(s.put(late).became == slot::put_as::refused);
    CHECK(s.take() == nullptr);
    CHECK(s.put(late).became == slot::put_as::refused);
    CHECK(s.close() == nullptr);
    CHECK(s.put(late).became == slot::put_as::refused);
}

TEST_CASE("resigning after the last reader has been leaves the slot closed", "[latest_slot]") {
    slot s;
    node one, late;
    static_cast<void>(s.put(one));
    CHECK(s.close() == &one);
    s.resign();
    CHECK(s.put(late).became == slot::put_as::refused);
}

TEST_CASE("three senders and a reader: each value comes out once, as it was written",
          "[latest_slot][stress]") {
    constexpr int senders = 3, each_sends = 5000;
    slot s;
    std::vector<node> nodes(senders * each_sends);
    std::atomic<int> sending{senders};
    std::vector<std::thread> threads;
    for (int t = 0; t < senders; ++t)
        threads.emplace_back([&, t] {
            for (int i = 0; i < each_sends; ++i) {
                node& mine = nodes[static_cast<std::size_t>(t * each_sends + i)];
                mine.number = i; // plain: travels with the pointer
                if (node* const replaced = s.put(mine).replaced)
                    ++replaced->came_out;
            }
            --sending;
        });
    int wrong = 0;
    bool last_round = false;
    while (!last_round) {
        last_round = sending.load() == 0;
        if (node* const newest = last_round ? s.close() : s.take()) {
            wrong += newest->number == (newest - nodes.data()) % each_sends ? 0 : 1;
            ++newest->came_out;
        }
    }
    for (auto& each : threads)
        each.join();
    for (const node& each : nodes)
        wrong += each.came_out == 1 ? 0 : 1;
    CHECK(wrong == 0);
}
